"""What a page says of a function or a class: a heading, the signature in short form, one sentence, and a table of parameters.

It is made from the source alone (library.py): nothing is imported or run, except for a parser of commands
(commands.py). A heading is Markdown, for the table of contents;
the rest is HTML, so that nothing in a comment can be mistaken for Markdown.
"""
import html
import re
from pathlib import Path

from fastcore.nbio import mk_cell
from nbdev.process import Processor

import commands
from library import entries_of, library, source_line
from pages import heading_id, settings, without_directives

CODE = re.compile(r"(`+)(.+?)\1")
COLUMNS = {"name": "Parameter", "type": "Type", "default": "Default", "text": "What it is"}
# A Markdown link or picture, a piece of HTML, mathematics: what is in them stays as it is. Or else a piece of code.
SPANS = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\([^)]*\)|<[^>\n]+>|\$[^$\n]+\$|(?<!`)`([^`\n]+)`(?!`)")

TYPE_NAME = re.compile(r"(?<!&)[A-Za-z_][\w.]*")
FENCES = re.compile(r"(^(?:```|~~~)[\s\S]*?^(?:```|~~~)[ \t]*$)", flags=re.MULTILINE)
BLOCKS = re.compile(r"(^(?:```|~~~)[\s\S]*?^(?:```|~~~)[ \t]*$|^#[^\n]*$|^    [^\n]*$)", flags=re.MULTILINE)
HEADING = re.compile(r"^(#{1,6}) +([^\n]*?[^\n }])$", flags=re.MULTILINE)


class Reference:
    "The documentation of one page's names."

    def __init__(self, path, root):
        self.path, self.root = Path(path), root
        self.library = library(root)
        self.module = self.library.module[self.path]
        self.ids = self.library.ids[self.module]
        values = settings(root)
        self.source = f"https://github.com/{values['user']}/{values['repo']}/blob/{values['branch']}"

    def href(self, found):
        return html.escape(self.library.link(found, self.path), quote=True)

    def code(self, text, own=()):
        "A piece of code in a sentence, with a link where it is certain what is meant; `own` are the parameters beside it."
        shown = f"<code>{html.escape(text)}</code>"
        found = None if text in own else self.library.meant(text, self.path)
        return f'<a href="{self.href(found)}">{shown}</a>' if found else shown

    def sentence(self, text, own=()):
        "A comment or a paragraph of a docstring as HTML."
        parts, at = [], 0
        for match in CODE.finditer(text):
            parts += [html.escape(text[at:match.start()], quote=False), self.code(match[2], own)]
            at = match.end()
        return "".join(parts) + html.escape(text[at:], quote=False)

    def type(self, text):
        "A type, the library's own classes in it with a link."
        def linked(match):
            found = self.library.defined(self.module, match[0])
            return f'<a href="{self.href(found)}">{match[0]}</a>' if found else match[0]
        text = TYPE_NAME.sub(linked, html.escape(text, quote=False))
        return f"<code>{text}</code>" if text else ""

    def cell(self, column, parameter, own):
        "One cell of the table of parameters."
        value = getattr(parameter, column)
        if column == "text":
            return f"<td>{self.sentence(value, own)}</td>"
        if column == "type":
            return f"<td>{self.type(value)}</td>"
        short = f"{value[:57]}..." if len(value) > 60 else value
        text = f"<code>{html.escape(short)}</code>" if value else ""
        return f'<th scope="row">{text}</th>' if column == "name" else f"<td>{text}</td>"

    def table(self, entry, parameters):
        "Name, type, default and comment of every parameter, and what comes back; without columns that are empty."
        rows = [*parameters, *([entry.returns] if entry.returns else [])]
        if not any(row.type or row.text for row in rows):
            return ""
        columns = [name for name in COLUMNS if any(getattr(row, name) for row in rows)]
        own = {row.name.strip("*") for row in parameters}
        head = "".join(f'<th scope="col">{COLUMNS[name]}</th>' for name in columns)
        if entry.kind == "class":
            head = head.replace(COLUMNS["name"], "Field")
        body = "".join(f"<tr>{''.join(self.cell(name, row, own) for name in columns)}</tr>\n" for row in rows)
        body = body.replace('<th scope="row"><code>returns</code></th>', '<th scope="row">gives back</th>')
        return f'<table class="doc-parameters" data-quarto-disable-processing="true">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>'

    def bases(self, entry):
        "The classes of the library that a class is made from."
        found = [(base, self.library.defined(self.module, base)) for base in entry.bases]
        links = [f'<a href="{self.href(where)}"><code>{html.escape(base)}</code></a>' for base, where in found if where]
        return f"<p>A kind of {' and '.join(links)}, with all it has.</p>" if links else ""

    def described(self, entry):
        "Everything below the heading, as HTML."
        parameters = self.library.constructor(self.module, entry) if entry.kind == "class" else entry.parameters
        shown = self.library.signature_of(self.module, entry)
        own = {row.name.strip("*") for row in parameters}
        parts = [f'<pre class="doc-signature"><code>{html.escape(shown, quote=False)}</code></pre>' if shown else "",
                 *(f"<p>{self.sentence(' '.join(text.split()), own)}</p>" for text in re.split(r"\n\s*\n", entry.text) if text),
                 self.bases(entry), self.table(entry, parameters)]
        if line := source_line(self.root, self.module, entry.name):
            parts[0] = f'<p class="doc-source"><a href="{self.source}/{line[0]}#L{line[1]}">source</a></p>{parts[0]}'
        return "\n".join(filter(None, parts))

    def entry(self, entry, level):
        "A name and, below it, the methods of a class, as Markdown."
        mark = " .unnumbered .unlisted" if "." in entry.name else ""    # methods are not in the table of contents
        head = f"{'#' * level} {entry.name} {{#{self.ids[entry.name]} .doc-name{mark}}}"
        text = f"{head}\n\n```{{=html}}\n<div class=\"doc\">\n{self.described(entry)}\n</div>\n```"
        return "\n\n".join([text, *(self.entry(each, level + 1) for each in entry.entries)])

    def contents(self):
        "The list of a page's functions and classes, each with its sentence, as Markdown."
        rows = []
        for name, entry in self.library.entries[self.module].items():
            if "." in name:
                continue
            methods = ", ".join(f'<a href="#{self.ids[each.name]}"><code>{html.escape(each.name.partition(".")[2])}</code></a>'
                                for each in entry.entries)
            first = re.split(r"\n\s*\n", entry.text)[0]
            text = self.sentence(" ".join(first.split()), {row.name for row in entry.parameters})
            rows.append(f'<tr><th scope="row"><a href="#{self.ids[name]}"><code>{html.escape(name)}</code></a></th>'
                        f"<td>{text}{f'<br>{methods}' if methods else ''}</td></tr>")
        head = '<thead><tr><th scope="col">On this page</th><th scope="col">What it does</th></tr></thead>'
        table = f'<table class="doc-contents" data-quarto-disable-processing="true">\n{head}\n<tbody>\n' + "\n".join(rows) + "\n</tbody>\n</table>"
        return f"```{{=html}}\n{table}\n```" if rows else ""

    def commands(self):
        "The commands of a page that documents a parser, each with its options, as Markdown; else nothing."
        if not commands.has_parser(self.library.entries[self.module]):
            return ""
        file = self.root / Path(*self.module.split(".")).with_suffix(".py")
        return commands.page_of_commands(commands.parser_of(self.module, file), self.sentence)

    def linked(self, source):
        "Prose with the names in it that are certain linked to their documentation; headings and blocks of code stay as they are."
        def link(match):
            found = self.library.meant(match[1], self.path) if match[1] else None
            return f"[{match[0]}]({self.library.link(found, self.path)})" if found else match[0]
        return "".join(block if number % 2 else SPANS.sub(link, block) for number, block in enumerate(BLOCKS.split(source)))

    def headings_apart(self, source):
        "A heading that would have the anchor of a documented name gets another one."
        def renamed(match):
            anchor = heading_id(match[2])
            return f"{match[0]} {{#{anchor}-section}}" if anchor in self.ids.values() else match[0]
        blocks = FENCES.split(source)
        return "".join(block if number % 2 else HEADING.sub(renamed, block) for number, block in enumerate(blocks))


def only_imports(source):
    "Whether an exported cell holds nothing but imports: nothing that a reader of the page wants."
    return bool(source.strip()) and not re.search(r"^(?!import |from |[ )#]|$)", source, flags=re.MULTILINE)


def folded(source, words):
    "Exported source as a cell of the page, closed unless it is to be seen (`#| exports`)."
    state = "show" if "exports" in words else "true"
    return mk_cell(f'#| code-fold: {state}\n#| code-summary: "Source"\n{without_directives(source)}')


class DocumentExports(Processor):
    "In place of every exported cell: what it documents, then its source, folded; and the list of all of them at the top."

    def __init__(self, nb, reference):
        super().__init__(nb)
        self.reference = reference

    def begin(self):
        cells, level, top = [], 1, None
        for cell in self.nb.cells:
            words = cell.directives_ if cell.cell_type == "code" else {}
            if cell.cell_type == "markdown":
                level = [level, *(len(marks) for marks, _ in HEADING.findall(FENCES.sub("", cell.source)))][-1]
                cell.source = self.reference.headings_apart(cell.source)
            if not {"export", "exports"} & words.keys() or "hide" in words:
                if self.reference.ids and words.keys() <= {"echo"} and cell.cell_type == "code" and only_imports(cell.source):
                    cell.source = f'#| code-fold: true\n#| code-summary: "Imports"\n{cell.source}'
                cells.append(cell)
            else:
                cells += self.documented(cell, words, min(level, 3) + 1)
            if top is None and cell.cell_type == "markdown" and "colab-badge" in cell.source:
                top = len(cells)
        listed = [mk_cell(text, "markdown") for text in (self.reference.commands(), self.reference.contents()) if text]
        cells[top or 1:top or 1] = listed
        self.nb.cells = cells

    def documented(self, cell, words, level):
        entries = entries_of(cell.source)
        parts = [mk_cell(self.reference.entry(each, max(level, 2)), "markdown") for each in entries]
        return parts if only_imports(cell.source) else [*parts, folded(cell.source, words)]


class LinkNames(Processor):
    "Links in the prose."

    def __init__(self, nb, reference):
        super().__init__(nb)
        self.reference = reference

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = self.reference.linked(cell.source)
