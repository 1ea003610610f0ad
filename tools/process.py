"""The notebooks as pages for Quarto: front matter, documentation of what is exported, links, nothing that is hidden.

    python tools/process.py [folder]          (without a folder: _proc)

nbdev's own processors do what they do well. Three are ours (reference.py): nbdev documents a name by running the notebooks
and showing its own renderer, which writes Markdown into signatures, and it links a word to the first module that has it.
"""
import re
import shutil
import sys
from pathlib import Path

import yaml
from fastcore.nbio import mk_cell, read_nb, write_nb
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor, Processor
from nbdev.processors import hide_, hide_line, insert_warning, populate_language, rm_header_dash, strip_ansi, strip_hidden_metadata

import llms
from pages import ROOT, last_run, notebooks, read, settings, title
from reference import DocumentExports, LinkNames, Reference

SHARED = "share.png"    # what is shown where somebody shares a link
FOR_MACHINES = "_markdown"    # Quarto makes no pages of what lies in it; `make docs` copies it beside the pages
SKIPPED = (".ipynb_checkpoints", "__pycache__")


HOUSEKEEPING = re.compile(r"^(?:#\| ?full|%(?:load_ext|autoreload|reload_ext|matplotlib|config)\b).*\n?", flags=re.MULTILINE)
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\(([^)]*)\)")
COMMANDS = re.compile(r"^(\s*(?:```|~~~))console\b", flags=re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)((?: {4}(?:fashion-cnn|make|python|pip|git) [^\n]*\n)+)", flags=re.MULTILINE)


def for_quarto(cell):
    "The badge as a link that asks no other server, the install cell folded, commands in a box with a button to copy."
    if cell.cell_type == "code":    # a word for nbdev-test, and magics; nbdev's clean_magics reads its settings for every cell
        cell.source = HOUSEKEEPING.sub("", cell.source).strip()
    if cell.cell_type == "code" and cell.source.startswith('if "google.colab" in str(get_ipython())'):
        cell.source = f'#| code-fold: true\n#| code-summary: "In Colab: install the package"\n{cell.source}'
    if cell.cell_type == "markdown":
        text = BADGE.sub(r"[Open in Colab](\1){.colab}", cell.source)
        text = INDENTED.sub(lambda match: "```bash\n" + re.sub("^    ", "", match[1], flags=re.MULTILINE) + "```\n", text)
        cell.source = COMMANDS.sub(r"\1bash", text)


def html_without_scripts(cell):
    """HTML that a cell shows, as HTML inside Markdown, which looks the same: for outputs of the kind text/html, tables of pandas
    among them, Quarto would load jQuery and RequireJS, in case that a widget of the notebook should want them."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "text/html" in data:
            text = "".join(data.pop("text/html")).strip()
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            data["text/markdown"] = f"{fence}{{=html}}\n{text}\n{fence}\n".splitlines(keepends=True)


class CleanMetadata(Processor):
    "No widget state: Quarto would load two scripts for it, and a widget without a kernel is dead."

    def begin(self):
        self.nb.metadata.pop("widgets", None)


class SayWhenItRan(Processor):
    "Below the badge of a lesson: when it last ran where most students run it, and with which versions."

    def __init__(self, nb, path, root):
        super().__init__(nb)
        self.text = last_run(path, root)

    def cell(self, cell):
        if self.text and cell.cell_type == "markdown" and BADGE.search(cell.source):
            cell.source += f"\n\n{self.text}"
            self.text = ""


def page(path, root=ROOT):
    "The notebook at a path below nbs/ as a page of the site, not yet written."
    nb = read_nb(root / "nbs" / path)
    nb.frontmatter_ = front_matter(root)
    reference = Reference(path, root)
    NBProcessor(nb=nb, procs=[FrontmatterProc, populate_language, insert_warning, DocumentExports(nb, reference), strip_ansi,
                              hide_line, hide_, remove_unexported, rm_header_dash, LinkNames(nb, reference),
                              SayWhenItRan(nb, path, root), for_quarto, html_without_scripts, CleanMetadata,
                              strip_hidden_metadata], rm_directives="quarto").process()
    return nb


def front_matter(root):
    "What every page says of itself beside its title: the picture for those who share a link to it."
    values = settings(root)
    if not (root / "nbs" / SHARED).is_file():
        return {}
    return {"image": f"{values['doc_host']}{values['doc_baseurl']}/{SHARED}",
            "image-alt": f"{values['title']}: {values['description']}"}


def remove_unexported(cell):
    "Cells that say where a module goes, and those whose names are not for the page."
    if cell.directives_.keys() & {"default_exp", "exporti"}:
        del cell["source"]


def write_quarto_settings(folder, root):
    "Title, addresses and branch from settings.ini, beside _quarto.yml."
    values = settings(root)
    website = {"title": values["title"], "site-url": values["doc_host"] + values["doc_baseurl"],
               "description": values["description"], "repo-branch": values["branch"], "repo-url": values["git_url"]}
    written = yaml.safe_dump({"project": {"output-dir": values["doc_path"]}, "website": website}, sort_keys=False)
    (folder / "nbdev.yml").write_text(written, encoding="utf-8")


def number_lessons(folder, root):
    "In the sidebar a lesson has its number before its title."
    def numbered(entry):
        if isinstance(entry, dict):
            return {**entry, "contents": [*map(numbered, entry["contents"])]} if "contents" in entry else entry
        lesson = re.match(r"course/0*(\d+)_", entry)
        return {"href": entry, "text": f"{lesson[1]}. {title(read(root / 'nbs' / entry))[0]}"} if lesson else entry
    quarto = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    bars = quarto["website"]["sidebar"]
    for bar in bars if isinstance(bars, list) else [bars]:
        bar["contents"] = [*map(numbered, bar["contents"])]
    (folder / "_quarto.yml").write_text(yaml.safe_dump(quarto, sort_keys=False, allow_unicode=True), encoding="utf-8")


def process(folder=None, root=ROOT):
    "Write the pages and the files beside them into a folder, emptied first; gives the folder."
    folder = folder or root / "_proc"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "nbs", folder, ignore=shutil.ignore_patterns("*.ipynb", *SKIPPED))
    write_quarto_settings(folder, root)
    number_lessons(folder, root)
    for path in notebooks(root):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_nb(page(path, root), folder / path)
    llms.write(folder / FOR_MACHINES, root)
    return folder


if __name__ == "__main__":
    folder = process(*map(Path, sys.argv[1:]))
    print(f"{len(notebooks())} pages for Quarto: {folder}")
