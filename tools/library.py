"""What the notebooks export, read without running them: names, signatures, what the comments say of parameters, and which name
a word in the prose means.

A name in backticks leads to its documentation if it is certain which one is meant: the page documents it, or its cells import
it, or it is written with its module, or nothing else in the library is called that.
"""
import ast
import io
import os
import re
import tokenize
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pages import ROOT, directives, exported_cells, name_ids, notebooks, read, settings, syntax

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FACTORIES = {"dict": "{}", "list": "[]", "set": "set()", "tuple": "()"}
WIDTH = 80       # of a signature
WORD = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(\(\))?")


@dataclass
class Parameter:
    "A parameter of a function, or a field of a dataclass."
    name: str
    type: str = ""
    default: str = ""
    text: str = ""


@dataclass
class Entry:
    "A name that a page documents."
    name: str                   # train, Evaluation, Evaluation.report
    kind: str                   # function, class, property
    text: str = ""              # its docstring
    signature: str = ""         # with names and defaults only; "" for a property
    parameters: list = field(default_factory=list)
    returns: Parameter | None = None
    bases: list = field(default_factory=list)
    entries: list = field(default_factory=list)     # the methods and properties of a class


# --- reading one definition -------------------------------------------------------------------------------------------

def comments(source):
    "{line: (column, text)} of every comment."
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: (token.start[1], token.string.lstrip("#").strip())
            for token in tokens if token.type == tokenize.COMMENT}


def comment_texts(items, notes, first, last):
    "{name: comment} for items [(name, line)]; a comment on a line of its own belongs to the next item, or goes on with the last."
    texts, waiting, column, before = {}, [], None, None
    for line in range(first, last + 1):
        here = [name for name, at in items if at == line]
        note = notes.get(line)
        if here:
            parts = [*waiting, note[1]] if note else waiting
            texts[here[-1]] = " ".join(parts)
            waiting, before, column = [], here[-1], note[0] if note else None
        elif note and column == note[0] and before:
            texts[before] += f" {note[1]}"
        elif note:
            waiting.append(note[1])
    return texts


def code_of(node):
    "A type or a default as text; a type in quotes without them."
    if node is None:
        return ""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)


def default_of(node):
    "The default of a parameter as text; a string keeps its quotes, in the form that the notebooks use."
    if node is None:
        return ""
    text = ast.unparse(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


def function_parameters(node, notes):
    "The parameters of a function with their comments, without `self`, and what it gives back."
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    rows = [("", arg, default) for arg, default in zip(plain, defaults)]
    rows += [("*", given.vararg, None)] if given.vararg else []
    rows += [("", arg, default) for arg, default in zip(given.kwonlyargs, given.kw_defaults)]
    rows += [("**", given.kwarg, None)] if given.kwarg else []
    last = max(node.lineno, node.body[0].lineno - 1)
    items = [(arg.arg, (default or arg).end_lineno) for _, arg, default in rows]
    if node.returns is not None or last not in [line for _, line in items]:
        items.append(("return", node.returns.end_lineno if node.returns is not None else last))
    texts = comment_texts(items, notes, node.lineno, last)
    parameters = [Parameter(stars + arg.arg, code_of(arg.annotation), default_of(default), texts.get(arg.arg, ""))
                  for stars, arg, default in rows if arg.arg not in ("self", "cls") or arg is not plain[0]]
    returns = Parameter("returns", code_of(node.returns), "", texts.get("return", ""))
    return parameters, returns if returns.type not in ("", "None") or returns.text else None


def field_default(value):
    "The default of a field of a dataclass: what `field(...)` stands for."
    if not (isinstance(value, ast.Call) and ast.unparse(value.func).endswith("field")):
        return default_of(value)
    given = {word.arg: word.value for word in value.keywords}
    if "default" in given:
        return default_of(given["default"])
    factory = given.get("default_factory")
    if isinstance(factory, ast.Lambda):
        return ast.unparse(factory.body)
    name = code_of(factory)
    return FACTORIES.get(name, f"{name}()" if name else "")


def is_dataclass(node):
    return any(re.search(r"\bdataclass\b", ast.unparse(each)) for each in node.decorator_list)


def field_parameters(node, notes):
    "The fields of a dataclass with their comments."
    rows = [each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            and "ClassVar" not in ast.unparse(each.annotation) and not each.target.id.startswith("_")
            and "init=False" not in (ast.unparse(each.value) if each.value else "")]
    if not rows:
        return []
    items = [(each.target.id, each.end_lineno) for each in rows]
    texts = comment_texts(items, notes, rows[0].lineno, rows[-1].end_lineno + 2)
    return [Parameter(each.target.id, code_of(each.annotation), field_default(each.value), texts.get(each.target.id, ""))
            for each in rows]


def signature(name, parameters, keyword_from=None):
    "A call in short form: names and defaults; `keyword_from` is the first name that must be given by name."
    parts = []
    for each in parameters:
        if each.name == keyword_from:
            parts.append("*")
        parts.append(f"{each.name}={each.default}" if each.default else each.name)
    lines = [f"{name}("]
    for number, part in enumerate(parts):
        part += ")" if number == len(parts) - 1 else ", "
        if len(lines[-1] + part) > WIDTH:
            lines.append("    ")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines) + ("" if parts else ")")


def function_entry(node, notes, owner=""):
    "A function or method; with the decorator `property` a property."
    name = f"{owner}.{node.name}" if owner else node.name
    marks = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
    text = ast.get_docstring(node) or ""
    parameters, returns = function_parameters(node, notes)
    if marks & {"property", "cached_property"}:
        return Entry(name, "property", text, returns=returns)
    by_name = node.args.kwonlyargs[0].arg if node.args.kwonlyargs and not node.args.vararg else None
    return Entry(name, "function", text, signature(name, parameters, by_name), parameters, returns)


def assigned_property(node, owner):
    "The entry of `name = property(function, doc=...)` in a class, or None."
    value = getattr(node, "value", None)
    if not isinstance(node, ast.Assign) or not isinstance(value, ast.Call) or code_of(value.func) != "property":
        return None
    doc = next((word.value.value for word in value.keywords if word.arg == "doc" and isinstance(word.value, ast.Constant)), "")
    return Entry(f"{owner}.{node.targets[0].id}", "property", doc) if doc else None


def class_entry(node, notes):
    "A class with what its docstring, its fields or `__init__`, and its public methods say."
    entry = Entry(node.name, "class", ast.get_docstring(node) or "", bases=[code_of(base) for base in node.bases])
    first = None
    for each in node.body:
        if isinstance(each, DEFINITIONS[:2]) and each.name == "__init__":
            entry.parameters, _ = function_parameters(each, notes)
            first = each.args.kwonlyargs[0].arg if each.args.kwonlyargs and not each.args.vararg else None
        elif isinstance(each, DEFINITIONS[:2]) and not each.name.startswith("_") and ast.get_docstring(each):
            entry.entries.append(function_entry(each, notes, node.name))
        elif made := assigned_property(each, node.name):
            entry.entries.append(made)
    if is_dataclass(node):
        entry.parameters = field_parameters(node, notes)
    entry.signature = signature(node.name, entry.parameters, first)
    return entry


@lru_cache(8192)
def entries_of(source):
    "The public functions and classes of an exported cell, its directives taken away or not."
    notes, found = comments(source), []
    for node in syntax(source).body:
        if isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
            found.append(class_entry(node, notes) if isinstance(node, ast.ClassDef) else function_entry(node, notes))
    return found


# --- the library as a whole -------------------------------------------------------------------------------------------

def imported(tree, package=""):
    "{name in use: (module, name there or None)} of the imports in a syntax tree; `package` is where relative ones start."
    found = {}
    for node in (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))):
        if isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, [package if node.level else "", node.module or ""]))
            found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
        else:
            found |= {alias.asname: (alias.name, None) for alias in node.names if alias.asname}
    return found


class Library:
    "Every notebook's module and names, and where a name is documented."

    def __init__(self, root=ROOT):
        self.root, self.package = root, settings(root)["lib_name"]
        self.module, self.page, self.entries, self.imports, self.ids = {}, {}, {}, {}, {}
        for path in notebooks(root):
            self.read_notebook(path)
        for file in (root / self.package).rglob("__init__.py"):
            name = ".".join(file.parent.relative_to(root).parts)
            self.imports[name] = imported(syntax(file.read_text(encoding="utf-8")), name)
        self.homes = {}
        for module, entries in self.entries.items():
            for name in entries:
                self.homes.setdefault(name, []).append(module)

    def read_notebook(self, path):
        nb = read(self.root / "nbs" / path)
        words = [directives(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code"]
        module = next((f"{self.package}.{each['default_exp']}" for each in words if "default_exp" in each), f"page:{path}")
        self.module[path], self.page[module] = module, path
        self.ids[module] = name_ids(nb)
        self.imports[module] = {}
        for cell in nb["cells"]:
            if cell["cell_type"] == "code" and "import" in cell["source"]:
                self.imports[module] |= imported(syntax(cell["source"]))
        found = [entry for cell in exported_cells(nb) for entry in entries_of(cell["source"])]
        self.entries[module] = {each.name: each for entry in found for each in (entry, *entry.entries)}

    def defined(self, module, name, depth=8):
        "(module, name) where a name that is used in a module is defined, or None."
        head, _, rest = name.partition(".")
        if name in self.entries.get(module, ()):
            return module, name
        if depth == 0:
            return None
        if head in self.imports.get(module, ()):
            source, original = self.imports[module][head]
            if original is None or f"{source}.{original}" in self.imports and original not in self.entries.get(source, ()):
                inside = source if original is None else f"{source}.{original}"
                return self.defined(inside, rest, depth - 1) if rest else None
            return self.defined(source, ".".join(filter(None, [original, rest])), depth - 1)
        if rest and f"{module}.{head}" in self.imports:
            return self.defined(f"{module}.{head}", rest, depth - 1)
        return self.inherited(module, head, rest, depth)

    def inherited(self, module, owner, member, depth):
        "Where a class takes a method from that it does not define itself."
        entry = self.entries.get(module, {}).get(owner)
        for base in entry.bases if entry and member else ():
            if found := self.defined(module, f"{base}.{member}", depth - 1):
                return found
        return None

    def meant(self, text, path):
        "(module, name) that a piece of code in the prose of a page certainly means, or None; the name is '' for a whole module."
        match = WORD.fullmatch(text)
        if not match:
            return None
        name, called = match[1], bool(match[2])
        if name.startswith(f"{self.package}."):
            return (name, "") if name in self.page else self.defined(self.package, name.removeprefix(f"{self.package}."))
        module = self.module[path]
        return (self.defined(module, name) or self.defined(self.package, name) if "." in name else
                self.defined(module, name) or self.only_one(name, module, called))

    def only_one(self, name, module, called):
        "Where the only thing of this name is; a plain lower-case word, or the name of a parameter of the page, may mean another."
        telling = called or "_" in name.strip("_") or name != name.lower()
        local = {each.name.strip("*") for entry in self.entries[module].values() for each in entry.parameters}
        if not telling or name in local or name in self.imports[module] or len(self.homes.get(name, ())) != 1:
            return None
        return self.homes[name][0], name

    def link(self, found, path):
        "The link from a page to what `meant` or `defined` has found: to the notebook, which the site turns into its page."
        module, name = found
        target = self.page[module]
        anchor = f"#{self.ids[module][name]}" if name else ""
        return anchor if target == path and anchor else Path(os.path.relpath(target, path.parent)).as_posix() + anchor

    def constructor(self, module, entry):
        "The parameters of a class: its own, or those of the class of the library that it is made from."
        if entry.parameters:
            return entry.parameters
        for base in entry.bases:
            if (found := self.defined(module, base)) and found[1] in self.entries[found[0]]:
                return self.constructor(found[0], self.entries[found[0]][found[1]])
        return []

    def signature_of(self, module, entry):
        "The signature of an entry; a class without parameters of its own is made as the class it comes from."
        if entry.kind == "class" and not entry.parameters:
            return signature(entry.name, self.constructor(module, entry))
        return entry.signature


def stamp(file):
    "What changes when a file does."
    return file.stat().st_mtime_ns, file.stat().st_size


def library(root=ROOT):
    "The library as the notebooks stand now; read once, as long as none of them changes."
    return read_library(root, tuple((path, stamp(root / "nbs" / path)) for path in notebooks(root)))


@lru_cache(4)
def read_library(root, stamps):
    return Library(root)


@lru_cache(512)
def lines_of(file, stamp):
    "{name: line} of the definitions in a module, methods and assigned properties with their class."
    found = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, DEFINITIONS):
            found[node.name] = node.lineno
        for each in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(each, DEFINITIONS):
                found[f"{node.name}.{each.name}"] = each.lineno
            elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                found[f"{node.name}.{each.targets[0].id}"] = each.lineno
    return found


def source_line(root, module, name):
    "(file below the root, line) where a name is defined, or None."
    file = Path(*module.split(".")).with_suffix(".py")
    line = lines_of(root / file, stamp(root / file)).get(name) if (root / file).is_file() else None
    return (file.as_posix(), line) if line else None
