"""A readable preview of every notebook, for where Quarto is missing: pages with figures, a sidebar, and working links.

    python tools/preview.py [folder]          (without a folder: _preview)
"""
import html
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbconvert.filters import Highlight2HTML, ansi2html, markdown2html_mistune
from pygments.formatters import HtmlFormatter

from fastcore.nbio import nb2str

import llms
from pages import ROOT, directives, headings, is_hidden, notebooks, page_name, settings, sidebar, title, without_directives
from process import page as processed

MATH = ('<script>MathJax = {tex: {inlineMath: [["$", "$"]]}};</script>\n'
        '<script async src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-svg.js"></script>')
PAGE = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta name="description" content="{subtitle}">
{icon}<link rel="stylesheet" href="{top}style.css">
{math}</head>
<body>
<a class="skip" href="#content">To the content</a>
<nav class="pages" aria-label="Pages"><div>
{menu}
</div></nav>
<main id="content" class="content">
<header>
<h1>{title}</h1>
<p class="subtitle">{subtitle}</p>
</header>
{body}
{turn}
<footer>A preview without Quarto. {copyright}</footer>
</main>
{script}</body>
</html>
"""
RAW = re.compile(r"(`{3,})\{=html\}\n(.*)\n\1", flags=re.DOTALL)    # HTML inside Markdown
HIGHLIGHT = Highlight2HTML()
STYLES = ("xcode", "github-dark")    # of code, on light and dark ground; every colour has enough contrast


def reading_order(root):
    "The notebooks as the sidebar orders them, with those it lacks at the end: [(section, [path, ...]), ...]."
    there = notebooks(root)
    sections = [(name, [path for path in part if path in there]) for name, part in sidebar(root)]
    listed = {path for _, part in sections for path in part}
    rest = [path for path in there if path not in listed]
    return [(name, part) for name, part in [*sections, ("Not in the sidebar", rest)] if part]


def relative(target, page):
    "The link from one page to another."
    return Path(os.path.relpath(target, page.parent)).as_posix()


def link_to_page(target):
    "The page of a notebook that a link names."
    return page_name(target).as_posix() if "/" in target else page_name(target).name


def pages_for_notebooks(source):
    "Markdown with its links to notebooks turned into links to their pages."
    def renamed(match):
        return f"]({link_to_page(match[1])}{match[2] or ''})"
    return re.sub(r"\]\((?![a-z]+:)([^)\s#]+\.ipynb)(#[^)\s]*)?\)", renamed, source)


def html_for_notebooks(source):
    "The same for HTML."
    return re.sub(r"href=\"(?![a-z]+:)([^\"#]+\.ipynb)", lambda match: f'href="{link_to_page(match[1])}', source)


def output(out, described):
    "One stored output as HTML: the richest form a page without a kernel can show."
    data = out.get("data", {})
    if out.output_type == "stream":
        return f"<pre>{ansi2html(out.text)}</pre>"
    if out.output_type == "error":
        return f"<pre>{html.escape(out.ename)}: {html.escape(out.evalue)}</pre>"
    if shown := RAW.fullmatch("".join(data.get("text/markdown", "")).strip()):
        return f"<div>{html_for_notebooks(shown[2])}</div>"
    if "image/svg+xml" in data:
        return f'<div role="img" aria-label="{described}">{data["image/svg+xml"]}</div>'
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            size = out.get("metadata", {}).get(kind, {})
            shown = "".join(f' {name}="{size[name]}"' for name in ("width", "height") if name in size)
            return f'<img alt="{described}"{shown} src="data:{kind};base64,{data[kind].strip()}">'
    if "text/markdown" in data:
        return markdown2html_mistune(pages_for_notebooks(data["text/markdown"]))
    return f'<pre>{ansi2html(data.get("text/plain", ""))}</pre>'


def code(cell, section):
    "A code cell as a reader wants it: no directives, library code folded, pictures described."
    words = directives(cell.source)
    source = without_directives(cell.source)
    described = words.get("fig-alt") or words.get("fig-cap") or f"Figure of the section {section}"
    described = html.escape(described.strip("\"'"), quote=True)
    text = HIGHLIGHT(source, "ipython3") if source and words.get("echo") != "false" else ""
    if "code-fold" in words:
        state = " open" if words["code-fold"] == "show" else ""
        text = f'<details{state}><summary>{html.escape(words["code-summary"].strip(chr(34)))}</summary>\n{text}</details>'
    if cell.outputs:
        text += f'\n<div class="output">{"".join(output(out, described) for out in cell.outputs)}</div>'
    return text


def prose(source, found):
    "A Markdown cell as HTML: blocks of HTML as they are, and every heading with its anchor; `found` are the page's headings."
    parts = re.split(r"^```\{=html\}\n(.*?)^```$", source, flags=re.MULTILINE | re.DOTALL)
    texts = []
    for number, part in enumerate(parts):
        if number % 2:
            texts.append(html_for_notebooks(part))
            continue
        text = markdown2html_mistune(pages_for_notebooks(re.sub(r" *\{[#.][^}\n]*\}", "", part)))
        for level, _, anchor in (next(found) for _ in headings({"cells": [{"cell_type": "markdown", "source": part}]})):
            text = re.sub(rf"<h{level}(?: id=\"[^\"]*\")?>", f"<h{level} data-done id=\"{anchor}\">", text, count=1)
        texts.append(re.sub(r'<a class="anchor-link".*?</a>', "", text.replace(" data-done", "")))
    return "\n".join(texts)


def body(nb):
    "The cells of a processed notebook as HTML; headings get the anchors that the site gives them."
    found = iter(headings(nb))  # of the whole page, so that equal headings are told apart
    parts, section = [], "page"
    for cell in nb.cells:
        if is_hidden(cell) or not cell.source.strip() or cell.cell_type == "raw":
            continue
        if cell.cell_type == "code":
            parts.append(code(cell, section))
            continue
        section = [section, *(text for _, text, _ in headings({"cells": [cell]}))][-1]
        parts.append(prose(cell.source, found))
    return "\n".join(parts)


def menu(sections, titles, page, name):
    "The sidebar."
    home = page_name(sections[0][1][0])
    lines = [f'<a class="name" href="{relative(home, page)}">{html.escape(name)}</a>']
    for section, part in sections:
        lines += [f"<h2>{html.escape(section)}</h2>", "<ul>"]
        for path in part:
            here = ' aria-current="page"' if page_name(path) == page else ""
            lines.append(f'<li><a href="{relative(page_name(path), page)}"{here}>{html.escape(titles[path][0])}</a></li>')
        lines.append("</ul>")
    return "\n".join(lines)


def contents(sections, titles, page):
    "Every page with its subtitle, for the end of the first page."
    entries = [f'<dt><a href="{relative(page_name(path), page)}">{html.escape(titles[path][0])}</a></dt>'
               f"<dd>{html.escape(titles[path][1])}</dd>"
               for _, part in sections for path in part if page_name(path) != page]
    return f'<h2 id="all-pages">All pages</h2>\n<dl class="contents">{"".join(entries)}</dl>'


def turn(order, number, titles):
    "Previous and next page."
    page, links = page_name(order[number]), []
    for word, at in (("Previous", number - 1), ("Next", number + 1)):
        if 0 <= at < len(order):
            links.append(f'<a rel="{word[:4].lower()}" href="{relative(page_name(order[at]), page)}">'
                         f"{word}: {html.escape(titles[order[at]][0])}</a>")
    return f'<nav class="turn" aria-label="Previous and next page">{"".join(links)}</nav>'


def style():
    "What the site's own style sheet says of pages, then the layout of the preview, and code colours for light and dark."
    light, dark = (HtmlFormatter(style=name, nobackground=True).get_style_defs(".highlight")
                   for name in STYLES)
    layout = Path(__file__).with_name("preview.css").read_text(encoding="utf-8")
    shared = re.sub(r"^(:root|\.quarto-dark) \{[^}]*\}$", "", (ROOT / "nbs" / "styles.css").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{shared}\n{layout}"


def build(folder, root=ROOT):
    "Write the preview of every notebook into `folder`; gives the pages in reading order."
    sections = reading_order(root)
    order = [path for _, part in sections for path in part]
    loaded = {path: nbformat.read(root / "nbs" / path, as_version=4) for path in order}
    titles = {path: (title(nb)[0] or path.stem, title(nb)[1] or "") for path, nb in loaded.items()}
    values = settings(root)
    icon = '<link rel="icon" type="image/svg+xml" href="{}favicon.svg">\n' if (root / "nbs" / "favicon.svg").exists() else ""
    script = (ROOT / "nbs" / "scroll.html").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(order):
        page = page_name(path)
        sources = "\n".join(cell.source for cell in loaded[path].cells if cell.cell_type == "markdown")
        text = body(nbformat.reads(nb2str(processed(path, root)), as_version=4))
        if number == 0:
            text += contents(sections, titles, page)
        for picture in re.findall(r"!\[[^\]]*\]\((?![a-z]+:)([^)\s]+)\)", sources):
            place = folder / page.parent / picture
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / "nbs" / path.parent / picture, place)
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(PAGE.format(
            title=html.escape(titles[path][0]), subtitle=html.escape(titles[path][1]), body=text,
            top="../" * len(page.parent.parts), icon=icon.format("../" * len(page.parent.parts)),
            math=MATH + "\n" if re.search(r"\$[^$\n]+\$", sources) else "", turn=turn(order, number, titles),
            script=script, menu=menu(sections, titles, page, values["title"]), copyright=html.escape(values["copyright"]),
        ), encoding="utf-8")
    llms.write(folder, root)
    (folder / "style.css").write_text(style(), encoding="utf-8")
    for name in ("explorers", "live"):  # with what tools/vega.py has written there; they need a server, not file://
        if (root / "nbs" / name).is_dir():
            shutil.copytree(root / "nbs" / name, folder / name, dirs_exist_ok=True)
    if icon:
        shutil.copy(root / "nbs" / "favicon.svg", folder)
    return [folder / page_name(path) for path in order]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_preview"
    shutil.rmtree(ROOT / "_preview", ignore_errors=True)  # pages that are gone; a folder of yours is only written into
    pages = build(folder)
    shown = os.path.relpath(pages[0])
    print(f"{len(pages)} pages: open {shown}")
