"What the other tools ask about the project: its settings, its notebooks, the site's sidebar, pages and anchors."
import ast
import json
import re
from collections import Counter
from configparser import ConfigParser
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = {"hide", "default_exp", "exporti"}


def settings(root=ROOT):
    "The values of settings.ini."
    parser = ConfigParser(delimiters=["="])
    parser.read(root / "settings.ini", encoding="utf-8")
    return dict(parser["DEFAULT"])


def notebooks(root=ROOT):
    "Every notebook of the site, by path below nbs/."
    nbs = root / "nbs"
    paths = (path.relative_to(nbs) for path in nbs.rglob("*.ipynb"))
    return sorted((p for p in paths if not any(part[0] in "._" for part in p.parts)), key=lambda p: p.as_posix())


def read(path):
    "A notebook as plain data, its sources and outputs joined to whole strings."
    nb = json.loads(Path(path).read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        cell["source"] = "".join(cell["source"])
    return nb


def write(nb, path):
    "Write a notebook in the form nbdev writes it, so that git shows only what changed."
    for cell in nb["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    Path(path).write_text(json.dumps(nb, sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sidebar(root=ROOT):
    "The sections of the sidebar: [(section, [path below nbs/, ...]), ...], in reading order."
    quarto = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))

    def href(entry):
        return entry if isinstance(entry, str) else entry["href"]

    contents = quarto["website"]["sidebar"]["contents"]
    return [(part["section"], [Path(href(entry)) for entry in part["contents"]]) for part in contents]


def page_name(path):
    "Where the site puts a notebook: 02_data.ipynb -> data.html, as nbdev does."
    path = Path(path)
    return path.with_name(re.sub(r"^\d+[a-zA-Z0-9]*_", "", path.name.lower())).with_suffix(".html")


def directives(source):
    "The words after `#|` at the head of a code cell: {'export': '', 'eval': 'false'}."
    found = {}
    for line in source.splitlines():
        if match := re.match(r"\s*#\s*\|\s*([\w-]+):?\s*(.*)", line):
            found[match[1]] = match[2].strip()
        elif line.strip():
            break
    return found


def without_directives(source):
    "A code cell as a reader wants it."
    return re.sub(r"^[ \t]*#[ \t]*\|.*\n?", "", source, flags=re.MULTILINE).strip("\n")


def is_hidden(cell):
    "Whether the site leaves this cell out."
    found = directives(cell["source"]) if cell["cell_type"] == "code" else {}
    return bool(HIDDEN & found.keys()) or found.get("include") == "false"


def prose(source):
    "Markdown without its code, in which brackets and number signs mean other things."
    source = re.sub(r"^(```|~~~).*?^\1[ \t]*$", "", source, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", source)


def heading_id(text):
    "The anchor Pandoc gives a heading."
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"[`*]", "", text).lower()
    text = re.sub(r"[^\w\s.-]", "", text)
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", text.strip())) or "section"


def headings(nb):
    "Every heading of a notebook, in order: [(level, text, anchor), ...]; equal headings get -1, -2, ..."
    found, seen = [], Counter()
    for cell in nb["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        source = re.sub(r"^(```|~~~).*?^\1[ \t]*$", "", cell["source"], flags=re.MULTILINE | re.DOTALL)
        for marks, text in re.findall(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", source, flags=re.MULTILINE):
            anchor = heading_id(text)
            seen[anchor] += 1
            found.append((len(marks), text, anchor if seen[anchor] == 1 else f"{anchor}-{seen[anchor] - 1}"))
    return found


def exported_names(cell):
    "Functions, classes and methods that the site documents for this cell."
    if cell["cell_type"] != "code" or not {"export", "exports"} & directives(cell["source"]).keys():
        return []
    kinds, names = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), []
    for node in ast.parse(cell["source"]).body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            names.append(node.name)
            if isinstance(node, ast.ClassDef):
                names += [f"{node.name}.{inner.name}" for inner in node.body
                          if isinstance(inner, kinds) and not inner.name.startswith("_")]
    return names


def anchors(nb):
    "Everything on a page that a link can point at."
    return {anchor for _, _, anchor in headings(nb)} | {
        name.lower() for cell in nb["cells"] for name in exported_names(cell)}


def title(nb):
    "Title and subtitle, from the first cell: `# title` and `> subtitle`."
    source = nb["cells"][0]["source"] if nb["cells"] else ""
    name = re.search(r"^# +(.+?) *$", source, flags=re.MULTILINE)
    sub = re.search(r"^> *(.+?) *$", source, flags=re.MULTILINE)
    return name and name[1], sub and sub[1]
