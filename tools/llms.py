"""The site for programs that read: a Markdown version of every page, and llms.txt, which lists them (https://llmstxt.org).

The page course/first_network.html is also there as course/first_network.html.md: prose, code with its comments, and what the
code shows as text; of a figure, what it shows in words. Made by tools/process.py, from the notebooks alone.
"""
import re

from pages import directives, is_hidden, notebooks, page_name, read, settings, sidebar, title, without_directives

BADGE = re.compile(r"^\[!\[Open in Colab\].*$\n?", flags=re.MULTILINE)
NOTEBOOK = re.compile(r"\]\((?![a-z]+:)([^)\s#]+\.ipynb)(#[^)\s]*)?\)")


def text_name(path):
    "Where the Markdown version of a notebook's page lies: the address of the page, and .md behind it."
    page = page_name(path)
    return page.with_name(f"{page.name}.md")


def fenced(text, language=""):
    "Text as a block of code, within a fence longer than any in it."
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def linked(source):
    "Markdown whose links to notebooks lead to the Markdown versions of their pages."
    def renamed(match):
        folder, _, name = match[1].rpartition("/")
        return f"]({folder + '/' if folder else ''}{text_name(name).name}{match[2] or ''})"
    return NOTEBOOK.sub(renamed, source)


def printed(outputs):
    "The outputs of a cell, those that were printed one after another put together."
    joined = []
    for output in outputs:
        text = "".join(output.get("text", ""))
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream":
            joined[-1]["text"] += text
        else:
            joined.append({**output, "text": text})
    return joined


def shown(output, described):
    "What a cell shows, as Markdown; nothing for what only moves in a browser."
    data = output.get("data", {})
    if output["output_type"] == "stream":
        return fenced(output["text"])
    if any(kind.startswith("image/") for kind in data):
        return f"Figure: {described}" if described else ""
    if "text/markdown" in data:
        return linked("".join(data["text/markdown"]))
    text = "".join(data.get("text/plain", "")).strip()
    return "" if not text or re.fullmatch(r"<IPython\.\S+ object>", text) else fenced(text)


def blocks(cell):
    "A cell as blocks of Markdown."
    if cell["cell_type"] == "markdown":
        return [linked(BADGE.sub("", cell["source"])).strip()]
    if cell["cell_type"] != "code" or is_hidden(cell) or "google.colab" in cell["source"]:
        return []
    words = directives(cell["source"])
    source = without_directives(cell["source"])
    code = [fenced(source, "python")] if source and words.get("echo") != "false" else []
    described = words.get("fig-alt", "").strip("\"' ")
    return code + [shown(output, described) for output in printed(cell.get("outputs", []))]


def text_of(nb):
    "A notebook as Markdown."
    return "\n\n".join(block for cell in nb["cells"] for block in blocks(cell) if block) + "\n"


def contents(root):
    "llms.txt: what the site is, and every page with its subtitle, in the order of the sidebars."
    values = settings(root)
    site = values["doc_host"] + values["doc_baseurl"]
    parts = [f"# {values['title']}", f"> {values['description']}",
             f"A course in notebooks and the Python library that they make. Code: {values['git_url']}"]
    sections = {}
    for section, paths in sidebar(root):
        for path in filter(lambda path: (root / "nbs" / path).is_file(), paths):
            name, subtitle = title(read(root / "nbs" / path))
            sections.setdefault(section, []).append(f"- [{name}]({site}/{text_name(path).as_posix()}): {subtitle}")
    for section, lines in sections.items():
        parts += [f"## {section}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def write(folder, root):
    "Write llms.txt and the Markdown versions of all pages into a folder."
    for path in notebooks(root):
        file = folder / text_name(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(read(root / "nbs" / path)), encoding="utf-8")
    (folder / "llms.txt").write_text(contents(root), encoding="utf-8")
