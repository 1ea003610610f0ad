"What the other tools ask about the project: its settings, its notebooks, the site's sidebar, pages and anchors."
import ast
import json
import re
from collections import Counter
from configparser import ConfigParser
from functools import lru_cache
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
    "The sections of all sidebars: [(section, [path below nbs/, ...]), ...], in reading order; pages outside a section under the sidebar's name."
    quarto = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    bars = quarto["website"]["sidebar"]
    sections = []
    for bar in bars if isinstance(bars, list) else [bars]:
        for entry in bar["contents"]:
            inside = isinstance(entry, dict) and "section" in entry
            name = entry["section"] if inside else bar.get("title", "Pages")
            paths = [Path(each if isinstance(each, str) else each["href"]) for each in (entry["contents"] if inside else [entry])]
            if sections and sections[-1][0] == name:
                sections[-1][1].extend(paths)
            else:
                sections.append((name, paths))
    return sections


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
            if given := re.search(r" *\{#([\w.-]+)[^}]*\}$", text):
                found.append((len(marks), text[:given.start()], given[1]))
                continue
            anchor = heading_id(text)
            seen[anchor] += 1
            found.append((len(marks), text, anchor if seen[anchor] == 1 else f"{anchor}-{seen[anchor] - 1}"))
    return found


def is_exported(cell):
    "Whether a cell goes into the library and its names are documented."
    words = directives(cell["source"]) if cell["cell_type"] == "code" else {}
    return bool({"export", "exports"} & words.keys()) and "hide" not in words


def exported_cells(nb):
    return [cell for cell in nb["cells"] if is_exported(cell)]


@lru_cache(8192)
def syntax(source):
    "The syntax tree of a cell, read once; an empty one where it is not plain Python. Nobody changes it."
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def member_name(node):
    "The name of a public method with a docstring, or of an assigned property with `doc`, else None."
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name if not node.name.startswith("_") and ast.get_docstring(node) else None
    call = getattr(node, "value", None)
    described = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "property" and any(
        word.arg == "doc" for word in call.keywords)
    return node.targets[0].id if described and isinstance(node, ast.Assign) else None


def exported_names(cell):
    "Functions, classes and methods that the site documents for this cell."
    if not is_exported(cell):
        return []
    kinds, names = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), []
    for node in syntax(cell["source"]).body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            names.append(node.name)
            if isinstance(node, ast.ClassDef):
                names += [f"{node.name}.{inner}" for inner in map(member_name, node.body) if inner]
    return names


def name_ids(nb):
    "{documented name: its anchor}; of names that differ in capitals only, the later ones get -2, -3, ..."
    found, seen = {}, Counter()
    for name in (name for cell in nb["cells"] for name in exported_names(cell)):
        if name not in found:
            seen[name.lower()] += 1
            found[name] = name.lower() if seen[name.lower()] == 1 else f"{name.lower()}-{seen[name.lower()]}"
    return found


def anchors(nb):
    "Everything on a page that a link can point at."
    return {anchor for _, _, anchor in headings(nb)} | set(name_ids(nb).values())


def last_run(path, root=ROOT):
    "When a lesson last ran as tools/lessons.py notes it, in a sentence or two; nothing where that has not happened."
    file = root / "nbs" / "course" / "last_run.json"
    notes = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    found = notes.get(Path(path).name, {}) if Path(path).parts[0] == "course" else {}
    texts = []
    for word, each in (("Last run from top to bottom", found), ("Failed", found.get("failed"))):
        if each and "date" in each:
            versions = ", ".join(f"{name} {version}" for name, version in each["versions"].items())
            texts.append(f"{word} on {each['date']} in {each['place']}: {versions}.")
    return " ".join(texts)


def title(nb):
    "Title and subtitle, from the first cell: `# title` and `> subtitle`."
    source = nb["cells"][0]["source"] if nb["cells"] else ""
    name = re.search(r"^# +(.+?) *$", source, flags=re.MULTILINE)
    sub = re.search(r"^> *(.+?) *$", source, flags=re.MULTILINE)
    return name and name[1], sub and sub[1]
