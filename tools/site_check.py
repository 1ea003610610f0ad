"""Is the site whole? Processes the notebooks as nbdev does before Quarto, then looks at every page.

    python tools/site_check.py

Each check is a function (root) -> list of problems, one line each; tests/test_site.py shows each one failing.
"""
import ast
import base64
import gzip
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from functools import lru_cache
from pathlib import Path

import nbformat
import yaml

import llms
import preview
from library import entries_of
from pages import (ROOT, directives, exported_cells, headings, is_hidden, name_ids, notebooks, page_name, prose, read, settings,
                   sidebar, title)
from process import FOR_MACHINES, process

NOTEBOOK_KB, FIGURE_KB, PAGE_KB = 600, 80, 1500
QUARTO_KB = 450   # what Quarto adds to every page: its themes, icons, search and scripts; an estimate, above what is seen
LYCHEE = shutil.which("lychee", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or "lychee"
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
EXERCISES = 5     # of a lesson, at least
MACHINE = re.compile(r"(?<![\w.:/])(/(?:home|root|tmp|work|Users|private|opt|mnt)/\w[^\s\"'<>)]*|[A-Z]:\\\\?Users\\\w+)")
EXAMPLE = re.compile(r"/home/(?:you|me|student)\b|/Users/you\b")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")


@lru_cache(256)
def unchanged(path, stamp):
    "A notebook, read once as long as it does not change: there are many checks, and none of them writes."
    return read(path)


def pages(root):
    "Every notebook: (path below nbs/, its content)."
    files = [(path, root / "nbs" / path) for path in notebooks(root)]
    return [(path, unchanged(file, (file.stat().st_mtime_ns, file.stat().st_size))) for path, file in files]


def valid(root):
    "Every file is a notebook of format 4.5."
    problems = []
    for path in notebooks(root):
        try:
            nbformat.validate(nbformat.from_dict(json.loads((root / "nbs" / path).read_text(encoding="utf-8"))))
        except (nbformat.ValidationError, ValueError) as error:
            problems.append(f"{path}: not a valid notebook: {str(error).splitlines()[0]}")
    return problems


def in_sidebar(root):
    "Every notebook stands in the sidebar exactly once, and every entry of the sidebar is a notebook."
    listed = Counter(path.as_posix() for _, part in sidebar(root) for path in part)
    there = {path.as_posix() for path in notebooks(root)}
    names = Counter(page_name(path).as_posix() for path in notebooks(root))
    return [*(f"{name}: not in the sidebar of _quarto.yml" for name in sorted(there - listed.keys())),
            *(f"{name}: in the sidebar of _quarto.yml, but there is no such notebook"
              for name in sorted(listed.keys() - there)),
            *(f"{name}: {n} times in the sidebar of _quarto.yml" for name, n in listed.items() if n > 1),
            *(f"{name}: {n} notebooks would be written to this page" for name, n in names.items() if n > 1)]


def front_matter(root):
    "The first cell holds a title and a subtitle and nothing else: the site takes them and drops the rest of the cell."
    problems = []
    for path, nb in pages(root):
        cell = nb["cells"][0] if nb["cells"] else {"cell_type": None, "source": ""}
        name, subtitle = title(nb)
        if cell["cell_type"] != "markdown" or not name:
            problems.append(f"{path}: the first cell must be `# title` and `> subtitle`. Received: {cell['source'][:40]!r}")
        elif not subtitle:
            problems.append(f"{path}: no `> subtitle` under the title")
        elif rest := [line for line in cell["source"].splitlines()
                      if line.strip() and not re.match(r"# |> |- [\w-]+:", line)]:
            problems.append(f"{path}: the site drops what follows title and subtitle in the first cell: {rest[0][:60]!r}")
    return problems


def cell_options(root):
    "What stands after `#|` with a colon is YAML, or Quarto stops with the whole site."
    problems = []
    for path, nb in pages(root):
        for number, cell in enumerate(nb["cells"]):
            words = directives(cell["source"]) if cell["cell_type"] == "code" else {}
            for name, value in words.items():
                try:
                    yaml.safe_load(f"{name}: {value}")
                except yaml.YAMLError:
                    problems.append(f"{path}, cell {number}: put quotation marks around {value!r} after `#| {name}:`; it is no YAML")
    return problems


def heading_order(root):
    "One H1, then no level skipped."
    problems = []
    for path, nb in pages(root):
        levels = [level for level, _, _ in headings(nb)]
        if levels.count(1) != 1:
            problems.append(f"{path}: {levels.count(1)} headings of level 1, instead of one")
        for (before, _, _), (level, text, _) in zip(headings(nb), headings(nb)[1:]):
            if level > before + 1:
                problems.append(f"{path}: heading {text!r} goes from level {before} to level {level}")
    return problems


def texts_of(nb):
    "Every piece of Markdown on a page: prose, and what a cell shows as Markdown."
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            yield cell["source"]
        elif not is_hidden(cell):
            for output in cell.get("outputs", []):
                yield "".join(output.get("data", {}).get("text/markdown", ""))


def links_of(nb):
    "Every link and picture in the prose of a notebook: (is picture, text, target)."
    for text in texts_of(nb):
        text = prose(text)
        for mark, label, target in LINK.findall(text):
            yield bool(mark), label, target
            for inner_mark, inner_label, inner_target in LINK.findall(label):
                yield bool(inner_mark), inner_label, inner_target
        for tag in re.findall(r"<(?:img|a)\b[^>]*>", text):
            target = re.search(r"\b(?:src|href)=[\"']([^\"']+)", tag)
            alt = re.search(r"\balt=[\"']([^\"']*)", tag)
            if target:
                yield tag.startswith("<img"), alt[1] if alt else "", target[1]


def links(root):
    "Links of the pages lead somewhere, and to a heading or a documented name there: lychee reads a preview of them."
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder).resolve()
        preview.build(folder, root)
        done = subprocess.run([LYCHEE, "--offline", "--include-fragments=anchor-only", "--no-progress", "--format=json",
                               f"{folder}/**/*.html"], capture_output=True, text=True)
        if done.returncode not in (0, 2):
            raise RuntimeError(f"lychee could not look at the pages: {done.stderr.strip()}")
    notebook = {page_name(path).as_posix(): path for path in notebooks(root)}
    return [f"{notebook[Path(page).relative_to(folder).as_posix()]}: {bad['url'].removeprefix(f'file://{folder}/')} "
            f"leads nowhere: {bad['status']['details']}"
            for page, found in json.loads(done.stdout)["error_map"].items() for bad in found]


def alt_texts(root):
    "Every picture in the prose says what it shows."
    return [f"{path}: picture {target} has no alternative text"
            for path, nb in pages(root) for picture, label, target in links_of(nb) if picture and not label.strip()]


def figure_texts(root):
    "Every figure that a cell shows is described in that cell, with `#| fig-alt:`; so is every picture in HTML."
    problems = []
    for path, nb in pages(root):
        for number, cell in enumerate(nb["cells"]):
            if cell["cell_type"] != "code" or is_hidden(cell):
                continue
            data = [output.get("data", {}) for output in cell["outputs"]]
            described = directives(cell["source"]).get("fig-alt", "").strip("\"' ")
            if not described and any(kind in each for each in data for kind in PICTURES):
                problems.append(f"{path}, cell {number}: a figure without `#| fig-alt:`, a sentence that says what it shows")
            for tag in re.findall(r"<img\b[^>]*>", "".join("".join(each.get("text/html", "")) for each in data)):
                if not re.search(r"\balt=[\"'][^\"']", tag):
                    problems.append(f"{path}, cell {number}: a picture in HTML without alternative text: {tag[:60]}")
    return problems


@lru_cache(64)
def syntax(file, stamp):
    "The syntax tree of a module, read once."
    return ast.parse(file.read_text(encoding="utf-8"))


def returns(root):
    "What the library's functions give back, by name, where their signature says so."
    found = {}
    for file in (root / "fashion_cnn").rglob("*.py"):
        body = syntax(file, file.stat().st_mtime_ns).body
        for node in [*body, *(part for node in body if isinstance(node, ast.ClassDef) for part in node.body)]:
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                found.setdefault(node.name, set()).add(ast.unparse(node.returns))
    return {name for name, kinds in found.items() if "None" not in kinds}


def shows(source, returning=()):
    "Whether a cell certainly shows something when it runs: it prints, or it ends in a value."
    try:
        body = ast.parse(source).body
    except SyntaxError:  # magics
        return False
    if not body or source.rstrip().endswith(";"):
        return False
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "print":
            return True
    last = body[-1].value if isinstance(body[-1], ast.Expr) else None
    if isinstance(last, ast.Call):
        name = getattr(last.func, "id", getattr(last.func, "attr", ""))
        return name in returning
    return isinstance(last, (ast.Name, ast.Subscript, ast.BinOp, ast.Compare, ast.Tuple, ast.List, ast.Dict, ast.JoinedStr))


def outputs(root):
    "Stored outputs are complete, without errors, warnings or the debris of progress bars."
    problems, returning = [], returns(root)
    for path, nb in pages(root):
        for number, cell in enumerate(nb["cells"]):
            if cell["cell_type"] != "code" or is_hidden(cell):
                continue
            where = f"{path}, cell {number}"
            if (not cell["outputs"] and directives(cell["source"]).get("eval") != "false"
                    and shows(cell["source"], returning)):
                problems.append(f"{where}: no stored output; run the notebook in full: {cell['source'].splitlines()[-1][:60]!r}")
            for output in cell["outputs"]:
                text = "".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))
                if output["output_type"] == "error":
                    problems.append(f"{where}: a stored error: {output['ename']}: {output['evalue'][:60]}")
                elif output.get("name") == "stderr":
                    problems.append(f"{where}: stored noise on stderr: {text.strip().splitlines()[0][:60]!r}")
                elif "\r" in text.replace("\r\n", "\n") or "\b" in text or "\x1b[" in text:
                    problems.append(f"{where}: stored debris of a progress bar")
                if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                    problems.append(f"{where}: a stored widget, which is dead on a published page; show a figure beside it")
    return problems


def machine_paths(root):
    "Nothing stored names a folder of the machine it was made on."
    problems = []
    for path, nb in pages(root):
        for number, cell in enumerate(nb["cells"]):
            texts = [cell["source"]]
            for output in cell.get("outputs", []):
                texts += [json.dumps({kind: data for kind, data in output.get("data", {}).items()
                                      if not kind.startswith("image/")}), "".join(output.get("text", "")),
                          "\n".join(output.get("traceback", []))]
            problems += [f"{path}, cell {number}: a path of some machine: {match[0][:60]}" for text in texts
                         for match in MACHINE.finditer(text) if not EXAMPLE.match(match[0])]
    return problems


def widget_states(root):
    "A widget is dead without a kernel, and its state as large as all that it showed."
    return [f"{path}: the state of widgets is stored in its metadata" for path, nb in pages(root) if "widgets" in nb["metadata"]]


def sizes(root):
    "Notebooks and their figures stay small."
    problems = []
    for path, nb in pages(root):
        if (kb := (root / "nbs" / path).stat().st_size / 1000) > NOTEBOOK_KB:
            problems.append(f"{path}: {kb:.0f} kB, at most {NOTEBOOK_KB}")
        for number, cell in enumerate(nb["cells"]):
            for output in cell.get("outputs", []):
                for kind, data in output.get("data", {}).items():
                    data = "".join(data) if kind.startswith("image/") else ""
                    kb = (len(data) if kind == "image/svg+xml" else len(base64.b64decode(data or ""))) / 1000
                    if kb > FIGURE_KB:
                        problems.append(f"{path}, cell {number}: a figure of {kb:.0f} kB, at most {FIGURE_KB}")
    return problems


def decoded(kind, data):
    "How many bytes of a stored output a browser loads."
    text = data if isinstance(data, str) else "".join(map(str, data)) if isinstance(data, list) else json.dumps(data)
    return len(base64.b64decode(text)) if kind in ("image/png", "image/jpeg") else len(text.encode())


def wire_bytes(file):
    "How many bytes of a file travel: servers of pages pack text, and pictures are packed already."
    packs = file.suffix in (".js", ".css", ".json", ".svg")
    return len(gzip.compress(file.read_bytes(), mtime=0)) if packs else file.stat().st_size


def page_bytes(root, path, nb):
    "What a browser loads for a page, as far as it is known before Quarto: text, figures, files that it names, Quarto's own."
    files = set()
    total = 1000 * QUARTO_KB
    for cell in nb["cells"]:
        shown = [cell["source"]]
        for output in cell.get("outputs", []):
            total += len("".join(output.get("text", "")).encode())
            total += max((decoded(kind, data) for kind, data in output.get("data", {}).items()), default=0)
            shown.append("".join(output.get("data", {}).get("text/html", "")))
        total += len(cell["source"].encode())
        files |= {f"explorers/{name}" for text in shown for name in re.findall(r'data-explorer="([\w.-]+)"', text)}
        files |= {found for text in shown for found in re.findall(r"(?:src|href|data-[\w-]+)=[\"']([\w./-]+\.\w+)", text)
                  if not found.endswith(".ipynb")}    # a link to a page loads nothing
        files |= {target for picture, _, target in links_of({"cells": [cell]}) if picture}
    folder = root / "nbs" / path.parent
    if any("explorers/" in name for name in files):   # their script loads the style, Vega and the data that the page names
        files |= {f"explorers/{file.name}" for file in (folder / "explorers").glob("*") if file.suffix in (".js", ".css")}
    if any("live/" in name for name in files):        # their scripts load the others, and the network
        files |= {f"live/{file.name}" for file in (folder / "live").glob("*") if file.is_file()}    # what lies in folders below only if asked for
    return total + sum(wire_bytes(folder / name) for name in files if (folder / name).is_file())


def page_weight(root):
    "No page is heavier than 1.5 MB."
    return [f"{path}: the page weighs about {size / 1000:.0f} kB, at most {PAGE_KB}"
            for path, nb in pages(root) if (size := page_bytes(root, path, nb)) > 1000 * PAGE_KB]


def names_of(file):
    "The names at the top of a module."
    found = set()
    for node in syntax(file, file.stat().st_mtime_ns).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        else:
            found |= {target.id for target in ast.walk(node) if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)}
            found |= {alias.asname or alias.name for alias in getattr(node, "names", ())}    # what a package passes on
    return found


def modules(root):
    "The names at the top of every module, by its dotted path below fashion_cnn."
    return {".".join(file.relative_to(root / "fashion_cnn").with_suffix("").parts).removesuffix(".__init__"): names_of(file)
            for file in (root / "fashion_cnn").rglob("*.py")}


def references(root):
    "A full name of the library in the prose, such as `fashion_cnn.data.load`, is there."
    known, problems = modules(root), []
    for path, nb in pages(root):
        for text in texts_of(nb):
            text = re.sub(r"^(```|~~~).*?^\1[ \t]*$", "", text, flags=re.MULTILINE | re.DOTALL)
            for name in re.findall(r"`fashion_cnn\.((?:\w+\.)*\w+)(?:\([^`]*\))?`", text):
                room, _, inside = name.rpartition(".")
                there = name in known or name == "__version__" or inside in known.get(room, ())
                method = room.rpartition(".")[2] in known.get(room.rpartition(".")[0], ())
                if not (there or method or f"{name.removesuffix('.py')}" in known):
                    problems.append(f"{path}: `fashion_cnn.{name}`: there is no such module or name")
    return problems


def lessons(root):
    "A lesson says what it is for, how long it takes on CPU and GPU, has exercises, a summary and further reading with sources."
    problems = []
    for path, nb in pages(root):
        if path.parts[0] != "course":
            continue
        text = "\n".join(cell["source"] for cell in nb["cells"] if cell["cell_type"] == "markdown")
        part = {name.strip().lower(): body for name, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, flags=re.MULTILINE)}
        time = re.search(r"\*\*Time:\*\*[^*]*", text)
        missing = [what for what, there in {
            "what it is for (`After this lesson you can`)": "After this lesson you can" in text,
            "its time (`**Time:**`) on a CPU and on a GPU": time and "CPU" in time[0] and "GPU" in time[0],
            "a section `Summary`": part.get("summary", "").strip(),
            f"{EXERCISES} exercises": len(re.findall(r"^\d+\. ", part.get("exercises", ""), flags=re.MULTILINE)) >= EXERCISES,
            "two sources, each with a year or a link, under `Further reading`":
                len(re.findall(r"^- .*(?:\](?:\(http)|\b(?:19|20)\d\d\b)", part.get("further reading", ""), flags=re.MULTILINE)) >= 2,
        }.items() if not there]
        problems += [f"{path}: the lesson lacks {what}" for what in missing]
    return problems


def page_not_found(root):
    "The page for addresses that lead nowhere, where there is one: a title, and links that lead somewhere."
    file = root / "nbs" / "404.qmd"
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    lost = [target for target in re.findall(r"\]\((?![a-z]+:)([^)#]+)", text) if not (file.parent / target).is_file()]
    return [*(f"404.qmd: {target} leads nowhere" for target in lost),
            *(f"404.qmd: no {key}" for key in ("title", "description") if not re.search(rf"^{key}: \S", text, flags=re.MULTILINE)),
            *([] if "](index.ipynb)" in text else ["404.qmd: no link to the home page"])]


CHECKS = [valid, in_sidebar, front_matter, cell_options, heading_order, links, alt_texts, figure_texts, outputs, machine_paths, widget_states, sizes,
          page_weight, references, lessons, page_not_found]


def check(root=ROOT):
    "Every problem of the site, one line each. A file that is no notebook is all that is said about the rest."
    return valid(root) or [problem for each in CHECKS[1:] for problem in each(root)]


def page_text(page):
    "Everything that a processed page shows as Markdown or as documentation."
    return "\n".join(cell["source"] for cell in page["cells"] if cell["cell_type"] == "markdown")


def documented(path, nb, page):
    "Every exported name has its heading on the processed page, and every dataclass field and parameter that is explained its row."
    there = {anchor for _, _, anchor in headings(page)}
    rows = {html.unescape(name) for name in re.findall(r'<th scope="row"><code>([^<]*)</code></th>', page_text(page))}
    missing = [name for name, anchor in name_ids(nb).items() if anchor not in there]
    entries = [entry for cell in exported_cells(nb) for entry in entries_of(cell["source"])]
    fields = [(entry.name, each.name) for entry in entries for each in entry.parameters if each.text and each.name not in rows]
    return [*(f"{path}: {name} is exported, but not documented on the page" for name in missing),
            *(f"{path}: the comment on {field!r} of {name} is not on the page" for name, field in fields)]


def raw_markdown(path, page):
    "No Markdown where a reader would see it as it is written: in signatures and tables of parameters, and in links inside links."
    blocks = re.findall(r"^```\{=html\}\n(.*?)^```$", page_text(page), flags=re.MULTILINE | re.DOTALL)
    return [f"{path}: raw Markdown in the documentation: {match[0]!r}" for block in blocks
            for match in re.finditer(r"\]\(|(?<!`)`(?!`)", re.sub(r"<code>.*?</code>", "", block, flags=re.DOTALL))] + [
            f"{path}: a link inside a link: {match[0][:80]!r}"
            for match in re.finditer(r"\[[^\[\]]*\[[^\[\]]*\]\([^)]*\)[^\[\]]*\]\(", prose(page_text(page)))
            if not re.search(r"!\[", match[0])]


def source_links(root, path, page):
    "Every `source` opens the line on which the name beside it is defined."
    problems, source = [], re.escape(f"/blob/{settings(root)['branch']}/")
    pattern = rf'^#+ ([\w.]+) \{{#.*?\n\n```\{{=html\}}\n<div class="doc">\n(?:<p class="doc-source"><a href="[^"]*{source}([^#"]+)#L(\d+)">)?'
    for name, file, line in re.findall(pattern, page_text(page), flags=re.MULTILINE):
        lines = (root / file).read_text(encoding="utf-8").splitlines() if file else []
        word = re.escape(name.rpartition(".")[2])
        here = "\n".join(lines[int(line) - 1:int(line) + 3]) if line else ""    # a decorator may stand above
        if not re.search(rf"\b(?:def|class) {word}\b|^ +{word} = property\(", here, flags=re.MULTILINE):
            problems.append(f"{path}: `source` of {name} leads to {file or 'nowhere'}, line {line or '-'}, which does not define it")
    return problems


def for_machines(root, folder):
    "Every page is there as Markdown too, llms.txt lists it once, and the links between these files lead somewhere."
    problems, listed = [], (folder / "llms.txt").read_text(encoding="utf-8")
    site = settings(root)["doc_host"] + settings(root)["doc_baseurl"]
    for path in notebooks(root):
        file = folder / llms.text_name(path)
        if listed.count(f"({site}/{llms.text_name(path).as_posix()})") != 1:
            problems.append(f"{path}: llms.txt does not list its page once")
        if not file.is_file():
            problems.append(f"{path}: there is no Markdown version of its page")
            continue
        targets = re.findall(r"\]\((?![a-z]+:)([^)\s#]+\.html\.md)", prose(file.read_text(encoding="utf-8")))
        problems += [f"{path}: in the Markdown version {target} leads nowhere" for target in targets
                     if not (file.parent / target).is_file()]
    return problems


def head_of(page):
    "The fields at the head of a processed page; none where it is no YAML."
    try:
        found = yaml.safe_load((page["cells"] or [{"source": ""}])[0]["source"].strip().strip("-"))
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def processed(root, folder):
    "What was made for Quarto is complete and right: front matter, documentation, links to the source."
    problems = for_machines(root, folder / FOR_MACHINES)
    for path, nb in pages(root):
        if not (folder / path).exists():
            problems.append(f"{path}: there is no page of it")
            continue
        page = read(folder / path)
        head = head_of(page)
        problems += [f"{path}: the processed page has no {key}" for key in ("title", "description", "output-file") if not head.get(key)]
        problems += documented(path, nb, page) + raw_markdown(path, page) + source_links(root, path, page)
    if (folder / "_quarto.yml").is_symlink() or not (folder / "_quarto.yml").is_file():
        problems.append("_quarto.yml: it was not written beside the pages")
    return problems


def main(root=ROOT):
    problems = check(root)
    if not valid(root):
        problems += processed(root, process(root=root))
    if problems:
        sys.exit("\n".join([f"The site has {len(problems)} problem(s):", *(f"  {line}" for line in problems)]))
    print(f"   {len(notebooks(root))} pages")


if __name__ == "__main__":
    main()
