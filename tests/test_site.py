"The site: the checks find what is wrong with a page, and the preview of every notebook opens in a browser."
import base64
import functools
import html
import importlib
import inspect
import json
import os
import random
import re
import shutil
from pathlib import Path

import pytest

import yaml
from PIL import Image
from pygments.formatters import HtmlFormatter

import cards
import commands
import library
import pages
import pictures
import preview
import process
import readme
import site_check
from test_project import code, markdown, write

ROOT = pages.ROOT
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")
QUARTO = """
website:
  sidebar:
    contents:
      - section: Start
        contents:
          - href: index.ipynb
            text: Home
      - section: Reference
        contents: [01_tiny.ipynb]
"""
HOME = [markdown("# Home\n\n> Where it begins"),
        markdown("## First part\n\nSee [one](01_tiny.ipynb#one), [above](#first-part) and ![a dot](dot.png); "
                 "`fashion_cnn.tiny.one()` is in `fashion_cnn.tiny`")]
TINY = [markdown("# Tiny\n\n> One function"), code("#| default_exp tiny"),
        code('#| export\ndef one():\n    "One."\n    return 1'),
        code("one()", {"output_type": "execute_result", "execution_count": None, "metadata": {},
                       "data": {"text/plain": "1"}}),
        code("#| fig-alt: a single dot\ndot", {"output_type": "display_data", "metadata": {},
                                               "data": {"image/png": PIXEL, "text/plain": "<Figure>"}})]


LESSON = ["# Lesson\n\n> Learn", "**After this lesson you can** count.\n\n**Time:** a minute on a CPU, less on a GPU. **You need** fingers.",
          "## Summary\n\nOne, two.", "## Exercises\n\n1. a\n2. b\n3. c\n4. d\n5. e",
          "## Further reading\n\n- Euclid, *Elements*, edited by Heath, 1908.\n- [Keras](https://keras.io)"]


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(kind, data):
    return {"output_type": "display_data", "metadata": {}, "data": {kind: data}}


def picture(size):
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": base64.b64encode(bytes(size)).decode()}}


@pytest.fixture
def site(tmp_path):
    "A small site without any problem."
    (tmp_path / "nbs").mkdir()
    (tmp_path / "fashion_cnn").mkdir()
    (tmp_path / "fashion_cnn" / "tiny.py").write_text("def one() -> int:\n    return 1\n")
    (tmp_path / "_quarto.yml").write_text(QUARTO)
    shutil.copy(ROOT / "settings.ini", tmp_path)
    (tmp_path / "nbs" / "dot.png").write_bytes(base64.b64decode(PIXEL))
    write(tmp_path, "index.ipynb", *HOME)
    write(tmp_path, "01_tiny.ipynb", *TINY)
    return tmp_path


def test_a_site_without_problems_has_none(site):
    assert site_check.check(site) == []


@pytest.mark.parametrize("expected, cells", [
    ("the first cell must be `# title`", [code("1")]),
    ("no `> subtitle`", [markdown("# Tiny")]),
    ("the site drops what follows", [markdown("# Tiny\n\n> One\n\nA paragraph that nobody would see.")]),
    ("2 headings of level 1", [*TINY, markdown("# Another")]),
    ("goes from level 1 to level 3", [*TINY, markdown("### Too deep")]),
    ("nowhere.html leads nowhere", [*TINY, markdown("[there](nowhere.ipynb)")]),
    ("index.html#absent leads nowhere", [*TINY, markdown("[there](index.ipynb#absent)")]),
    ("tiny.html#absent leads nowhere", [*TINY, markdown("[here](#absent)")]),
    ("settings.ini leads nowhere", [*TINY, markdown("[settings](../settings.ini)")]),
    ("has no alternative text", [*TINY, markdown("![](dot.png)")]),
    ("has no alternative text", [*TINY, markdown('<img src="dot.png">')]),
    ("no stored output", [*TINY, code("one()")]),
    ("no stored output", [*TINY, code("print(1)")]),
    ("no stored output", [*TINY, code("value = 3\nvalue")]),
    ("a stored error: ZeroDivisionError", [*TINY, code("1 / 0", {
        "output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []})]),
    ("noise on stderr", [*TINY, code("one()", stream("a warning\n", "stderr"))]),
    ("debris of a progress bar", [*TINY, code("one()", stream("10%\r20%\r"))]),
    ("debris of a progress bar", [*TINY, code("one()", stream("\x1b[1mbold\x1b[0m"))]),
    ("a stored widget", [*TINY, code("one()", {"output_type": "display_data", "metadata": {}, "data": {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Button()"}})]),
    ("a path of some machine", [*TINY, code("one()", stream("/home/someone/data.npy\n"))]),
    ("a path of some machine", [*TINY, code("load('/tmp/data.npy');")]),
    ("a path of some machine", [*TINY, code("one()", stream("C:\\Users\\someone\\data.npy\n"))]),
    ("a figure without `#| fig-alt:`", [*TINY, code("one()", picture(100))]),
    ("a figure without `#| fig-alt:`", [*TINY, code("#| fig-alt:\none()", picture(100))]),
    ("a picture in HTML without alternative text", [*TINY, code("one()", shown("text/html", '<img src="dot.png">'))]),
    ("nowhere.html leads nowhere", [*TINY, code("one()", shown("text/markdown", "[there](nowhere.ipynb)"))]),
    ("`fashion_cnn.nowhere.load`: there is no such module or name", [*TINY, markdown("`fashion_cnn.nowhere.load`")]),
    ("`fashion_cnn.tiny.two`: there is no such module or name", [*TINY, markdown("see `fashion_cnn.tiny.two()`")]),
    ("the page weighs about", [*TINY, code("one()", shown("text/html", "x" * 1_099_000))]),
    ("a figure of 81 kB", [*TINY, code("one()", picture(81_000))]),
    ("kB, at most 600", [*TINY, *[code("one()", picture(70_000)) for _ in range(9)]]),
])
def test_each_check_finds_what_it_is_for(site, expected, cells):
    write(site, "01_tiny.ipynb", *cells)
    problems = site_check.check(site)
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith(("01_tiny.ipynb", "index.ipynb: tiny.html#one")) for problem in problems), problems


@pytest.fixture
def lesson(site):
    "Write a lesson of these Markdown cells into the small site; gives the problems."
    (site / "nbs" / "course").mkdir()
    (site / "_quarto.yml").write_text(QUARTO.replace("[01_tiny.ipynb]", "[01_tiny.ipynb, course/01_count.ipynb]"))

    def written(*cells):
        write(site, "course/01_count.ipynb", *map(markdown, cells))
        return site_check.check(site)
    return written


def test_a_complete_lesson_lacks_nothing(lesson):
    assert lesson(*LESSON) == []


@pytest.mark.parametrize("expected, old, new", [
    ("what it is for", "After this lesson", "After that"), ("its time", "GPU", "graphics card"), ("its time", "**Time:**", "Time:"),
    ("a section `Summary`", "One, two.", ""), ("a section `Summary`", "## Summary", "## In short"), ("5 exercises", "\n5. e", ""),
    ("two sources", "1908", "long ago"), ("two sources", "](https://keras.io)", "]")])
def test_what_a_lesson_lacks_is_said(lesson, expected, old, new):
    assert any(old in cell for cell in LESSON)
    problems = lesson(*(cell.replace(old, new) for cell in LESSON))
    assert len(problems) == 1 and problems[0].startswith("course/01_count.ipynb: the lesson lacks " + expected), problems


def test_the_page_for_lost_readers_leads_home(site):
    page = site / "nbs" / "404.qmd"
    page.write_text("---\ntitle: Lost\ndescription: No such page\n---\n\n[Home](index.ipynb)\n")
    assert site_check.check(site) == []
    page.write_text("---\ntitle: Lost\n---\n\n[Home](start.ipynb)\n")
    assert site_check.check(site) == ["404.qmd: start.ipynb leads nowhere", "404.qmd: no description", "404.qmd: no link to the home page"]


def test_explorers_count_as_a_part_of_their_page(site):
    nb = {"cells": [code("chart", shown("text/html", '<figure data-explorer="runs.json"></figure><script src="explorers/x.js">'))]}
    (site / "nbs" / "explorers").mkdir()
    before = site_check.page_bytes(site, Path("01_tiny.ipynb"), nb)
    for name in ("runs.json", "vega.js", "notes.txt", "other.json"):    # the last two are not loaded
        (site / "nbs" / "explorers" / name).write_bytes(random.Random(name).randbytes(1000))
    assert before + 2000 <= site_check.page_bytes(site, Path("01_tiny.ipynb"), nb) <= before + 2100
    (site / "nbs" / "explorers" / "vega.js").write_bytes(bytes(100_000))
    assert site_check.page_bytes(site, Path("01_tiny.ipynb"), nb) <= before + 1300, "text travels packed"


@pytest.mark.parametrize("expected, old, new", [
    ("01_tiny.ipynb: not in the sidebar", "[01_tiny.ipynb]", "[]"),
    ("02_gone.ipynb: in the sidebar of _quarto.yml, but", "[01_tiny.ipynb]", "[01_tiny.ipynb, 02_gone.ipynb]"),
    ("01_tiny.ipynb: 2 times", "[01_tiny.ipynb]", "[01_tiny.ipynb, 01_tiny.ipynb]"),
])
def test_the_sidebar_lists_every_notebook_once(site, expected, old, new):
    (site / "_quarto.yml").write_text(QUARTO.replace(old, new))
    assert any(expected in problem for problem in site_check.check(site))


def test_two_notebooks_for_one_page_are_found(site):
    write(site, "02_tiny.ipynb", *TINY)
    assert any("2 notebooks would be written" in problem for problem in site_check.check(site))


def test_a_file_that_is_no_notebook_is_found(site):
    (site / "nbs" / "01_tiny.ipynb").write_text("{}")
    assert any("not a valid notebook" in problem for problem in site_check.check(site))
    (site / "nbs" / "01_tiny.ipynb").write_text("<<<<<<< conflict")
    assert any("not a valid notebook" in problem for problem in site_check.check(site))


# --- the pages for Quarto ---------------------------------------------------------------------------------------------

LIBRARY = '''#| export
from dataclasses import dataclass, field

@dataclass
class Plan:
    "What to do; see `one`."
    name: str              # of the plan, as `Plan.of` takes it
    options: dict = field(default_factory=dict)   # for each layer,
                                                  # by its name
    seed: int = 0

    size = property(lambda self: len(self.options), doc="How many options.")

    @classmethod
    def of(cls, name, *, seed=None) -> "Plan":   # with nothing else set
        "A plan from its name."

    def silent(self): pass

def one(plan: Plan,      # a [link](nowhere.html), `two` and `Plan`
        # before its line
        rows=None,
        *names,          # any number
        kind: str = "a", **options
       ):                # whatever
    "One."
'''


def documentation(site, source=LIBRARY, *more):
    "The Markdown of a page with this exported cell."
    write(site, "01_tiny.ipynb", markdown("# Tiny\n\n> One function"), code("#| default_exp tiny"), code(source), *more)
    (site / "fashion_cnn" / "tiny.py").write_text(pages.without_directives(source) + "\n")
    return "\n".join(cell.source for cell in process.page(Path("01_tiny.ipynb"), site).cells)


def rows(text):
    "The tables of parameters of a page as plain text: [[cell, ...], ...]."
    plain = lambda cell: html.unescape(re.sub("<[^>]+>", "", cell))
    return [[plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in re.findall(r"<tr>.*?</tr>", text)]


def test_a_function_has_a_short_signature_and_a_table_of_its_parameters(site):
    text = documentation(site)
    assert "### one {#one" not in text and "## one {#one .doc-name}" in text
    assert 'one(plan, rows=None, *names, kind="a", **options)' in text
    assert ["plan", "Plan", "", "a [link](nowhere.html), two and Plan"] in rows(text)
    assert ["rows", "", "None", "before its line"] in rows(text) and ["*names", "", "", "any number"] in rows(text)
    assert ["kind", "str", '"a"', ""] in rows(text) and ["gives back", "", "", "whatever"] in rows(text)
    assert "NoneType" not in text and "<code>two</code>" in text and '<a href="#plan"><code>Plan</code></a>' in text


def test_a_class_has_its_fields_and_its_methods_with_its_own_name(site):
    text = documentation(site)
    assert 'Plan(name, options={}, seed=0)' in text and "factory" not in text.replace("default_factory", "")
    assert ["options", "dict", "{}", "for each layer, by its name"] in rows(text)
    assert "### Plan.of {#plan.of" in text and "Plan.of(name, *, seed=None)" in text and "### Plan.size {#plan.size" in text
    assert ["gives back", "Plan", "", "with nothing else set"] in rows(text)
    assert "silent {#" not in text and "How many options." in text


def test_a_page_begins_with_the_list_of_what_it_documents_and_folds_the_source(site):
    text = documentation(site)
    assert text.index('class="doc-contents"') < text.index("{#plan .doc-name}")
    assert ["Plan", "What to do; see one.size, of"] in rows(text) and ["one", "One."] in rows(text)
    assert '#| code-fold: true\n#| code-summary: "Source"' in text and "#| export" not in text


def test_a_name_leads_where_it_is_certain_what_is_meant_and_nowhere_else(site):
    other = code("#| export\ndef two(): pass\n\ndef only_here(rows): pass\n\ndef plain(): pass")
    (site / "fashion_cnn" / "other.py").write_text(pages.without_directives(other["source"]))
    (site / "_quarto.yml").write_text(QUARTO.replace("[01_tiny.ipynb]", "[01_tiny.ipynb, 02_other.ipynb, 03_third.ipynb]"))
    write(site, "02_other.ipynb", markdown("# Other\n\n> O"), code("#| default_exp other"), other)
    write(site, "03_third.ipynb", markdown("# Third\n\n> T"), code("#| default_exp third"),
          code("#| export\ndef two(): pass\n\ndef load(): pass"))
    words = "`two` `only_here` `plain` `plain()` `rows` `other.two` `fashion_cnn.third.two` `Plan.of` `load` [`two`](02_other.ipynb)"
    text = documentation(site, LIBRARY, code("from fashion_cnn.third import load"), markdown(f"# `two`\n\n{words}\n\n```\n`Plan`\n```"))
    assert ("`two` [`only_here`](02_other.ipynb#only_here) `plain` [`plain()`](02_other.ipynb#plain) `rows` "
            "[`other.two`](02_other.ipynb#two) [`fashion_cnn.third.two`](03_third.ipynb#two) [`Plan.of`](#plan.of) "
            "[`load`](03_third.ipynb#load) [`two`](02_other.ipynb)") in text
    assert "# `two`" in text and "```\n`Plan`\n```" in text


def test_pages_have_no_badge_from_elsewhere_and_boxes_for_commands(site):
    badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/x)"
    text = documentation(site, LIBRARY, markdown(badge), code('if "google.colab" in str(get_ipython()):\n    pass'),
                         markdown("```console\nmake test\n```\n\n    make all\n    make docs\n\nEnd"))
    assert "[Open in Colab](https://colab.research.google.com/x){.colab}" in text and "badge.svg" not in text
    assert "```bash\nmake test\n```" in text and "```bash\nmake all\nmake docs\n```" in text
    assert '#| code-summary: "In Colab: install the package"' in text


def test_making_the_pages_leaves_the_readme_alone_and_shares_one_picture(site):
    (site / "README.md").write_text("ours")
    (site / "nbs" / "share.png").write_bytes(base64.b64decode(PIXEL))
    folder = process.process(site / "pages", site)
    assert (site / "README.md").read_text() == "ours" and not (folder / "README.md").exists()
    assert "nbdev-docs" not in (ROOT / "Makefile").read_text(encoding="utf-8"), "it writes README.md anew"
    for name in ("index.ipynb", "01_tiny.ipynb"):
        page = pages.read(folder / name)
        assert "image: https://fashion-cnn.github.io/fashion_cnn/share.png" in page["cells"][0]["source"]
        assert "widgets" not in page["metadata"]
    assert "title: fashion_cnn\n" in (folder / "nbdev.yml").read_text()


def test_an_option_that_is_no_yaml_would_stop_quarto(site):
    write(site, "01_tiny.ipynb", *TINY, code("#| fig-alt: a ball in a square: padded, it is round\n1"), code("#| hide\n#| fig-alt: 'a ball: round'\n2"))
    assert site_check.cell_options(site) == [
        f"01_tiny.ipynb, cell {len(TINY)}: put quotation marks around 'a ball in a square: padded, it is round' after `#| fig-alt:`; it is no YAML"]


def test_the_state_of_widgets_is_not_stored(site):
    write(site, "01_tiny.ipynb", *TINY)
    path = site / "nbs" / "01_tiny.ipynb"
    nb = json.loads(path.read_text())
    path.write_text(json.dumps({**nb, "metadata": {**nb["metadata"], "widgets": {}}}))
    assert site_check.widget_states(site) == ["01_tiny.ipynb: the state of widgets is stored in its metadata"]


def test_nothing_on_a_page_makes_quarto_load_scripts_for_widgets(site):
    table = '<table class="dataframe"><tr><td>```</td></tr></table>'
    write(site, "01_tiny.ipynb", *TINY, code("one()", shown("text/html", table)))
    page = process.page(Path("01_tiny.ipynb"), site)
    output, = page.cells[-1].outputs
    assert "".join(output["data"]["text/markdown"]) == f"````{{=html}}\n{table}\n````\n"
    assert f"<div>{table}</div>" in preview.build(site / "out", site)[1].read_text()
    for path in ("results.ipynb", "compare.ipynb", "explorers.ipynb"):    # what quarto/src/core/jupyter/widgets.ts looks for
        nb = process.page(Path(path))
        kinds = {kind for cell in nb.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
        assert not kinds & {"text/html", "application/javascript", "application/vnd.jupyter.widget-view+json"}, path


def test_a_lesson_says_when_it_last_ran_and_nothing_before_it_has(lesson, site):
    badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/x)"
    lesson(LESSON[0], badge, *LESSON[1:])
    notes = site / "nbs" / "course" / "last_run.json"
    shown = lambda: "\n".join(cell.source for cell in process.page(Path("course/01_count.ipynb"), site).cells)
    assert "Last run" not in shown()
    notes.write_text("{}")
    assert "Last run" not in shown()
    ran = {"date": "2026-12-07", "place": "the runtime of Colab", "versions": {"Python": "3.13.15", "Keras": "3.13.2"}}
    notes.write_text(json.dumps({"01_count.ipynb": ran}))
    assert shown().count("Last run from top to bottom on 2026-12-07 in the runtime of Colab: Python 3.13.15, Keras 3.13.2.") == 1
    notes.write_text(json.dumps({"01_count.ipynb": {**ran, "failed": {**ran, "date": "2026-12-14"}}}))
    assert "Failed on 2026-12-14 in the runtime of Colab" in shown()


def test_programs_read_every_page_as_markdown_and_find_it_in_llms_txt(site):
    figure = shown("image/png", PIXEL)
    write(site, "01_tiny.ipynb", *TINY, markdown("[home](index.ipynb#all)"), code("#| hide\nsecret = 1"),
          code("#| echo: false\n#| fig-alt: one dot\n1", figure), code("print(2)", {"output_type": "stream", "name": "stdout", "text": ["2\n"]}))
    folder = process.process(site / "pages", site) / process.FOR_MACHINES
    text = (folder / "tiny.html.md").read_text()
    assert "[home](index.html.md#all)" in text and "Figure: one dot" in text and "secret" not in text and "#|" not in text
    assert "```python\nprint(2)\n```\n\n```\n2\n```" in text
    assert "[Tiny](https://fashion-cnn.github.io/fashion_cnn/tiny.html.md): One function" in (folder / "llms.txt").read_text()
    assert site_check.for_machines(site, folder) == []
    (folder / "index.html.md").unlink()
    assert site_check.for_machines(site, folder) == [
        "01_tiny.ipynb: in the Markdown version index.html.md leads nowhere", "index.ipynb: there is no Markdown version of its page"]


def test_lessons_have_their_numbers_in_the_sidebar(lesson, site):
    lesson(*LESSON)
    process.process(site / "pages", site)
    assert "text: 1. Lesson" in (site / "pages" / "_quarto.yml").read_text()


def test_an_incomplete_page_is_found(site):
    documentation(site, LIBRARY.replace("[link](nowhere.html), ", ""))
    folder = process.process(site / "pages", site)
    assert site_check.processed(site, folder) == []
    whole = (folder / "01_tiny.ipynb").read_text()
    for old, new, problem in (
            ("{#plan.of", "{#gone", "Plan.of is exported, but not documented"),
            ("<code>options</code>", "<code>gone</code>", "the comment on 'options' of Plan is not on the page"),
            ("by its name", "by `its` name", "raw Markdown in the documentation"),
            ("How many options.", "How [many](x.html) options.", "raw Markdown in the documentation"),
            ("tiny.py#L", "tiny.py#L1", "which does not define it"),
            ("description: ", "about: ", "the processed page has no description")):
        assert old in whole
        (folder / "01_tiny.ipynb").write_text(whole.replace(old, new))
        assert any(problem in each for each in site_check.processed(site, folder)), problem
    (folder / "01_tiny.ipynb").write_text(whole)
    (folder / "index.ipynb").unlink()
    assert "index.ipynb: there is no page of it" in site_check.processed(site, folder)


PARSER = '''#| export
import argparse

def count(text):
    "A number above 0, such as 3, for argparse."
    return int(text)

def parser() -> argparse.ArgumentParser:
    "The arguments."
    main = argparse.ArgumentParser("tool")
    add = main.add_subparsers().add_parser("look", help="at <one>", description="Look at `Plan` once.").add_argument
    add("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    add("--out", metavar="FILE", help="file to write (default: the name's)")
    add("--size", type=count, nargs="+", required=True)
    add("--form", choices=["a", "b", "c"], default="b")
    add("--force", action="store_true", help="replace what is there")
    add("plan", metavar="PLAN", help="a 100 %% plan")
    return main
'''


def test_a_page_with_a_parser_documents_its_commands_first(site):
    text = documentation(site, PARSER)
    assert "### tool look {#command-look .doc-name}" in text and "tool look PLAN --size SIZE ... [options]" in text
    assert text.index("{#command-look") < text.index("{#count") and '<a href="#command-look">' in text
    assert ["look", "at <one>"] in rows(text) and "Look at <code>Plan</code> once." in text
    there = rows(text)
    for row in (["PLAN", "plan", "must be given", "a 100 % plan"], ["--size", "number above 0, one or more", "must be given", ""],
                ["--seed", "whole number", "0", "of what is drawn"], ["--out", "file", "the name's", "file to write"],
                ["--form", "a, b or c", "b", ""], ["--force", "a switch", "", "replace what is there"]):
        assert row in there, row
    order = [row[0] for row in there if row[0] in ("PLAN", "--size", "--seed")]
    assert order == ["PLAN", "--size", "--seed"], "what must be given comes first"
    assert "command-" not in documentation(site), "a page without a parser has no commands"


def test_every_command_and_option_is_on_the_page_of_the_command_line():
    from fashion_cnn.cli import parser
    text = "\n".join(cell.source for cell in process.page(Path("cli.ipynb"), ROOT).cells if cell.cell_type == "markdown")
    there = commands.commands_of(parser())
    assert len(there) > 10
    for name, _, command in there:
        section = text.partition(f"{{#command-{name} ")[2].partition("\n#")[0]
        for action in commands.arguments_of(command):
            assert f"<code>{commands.name_of(action)}</code></th>" in section, (name, action.dest)
            assert action.help and "default" not in commands.row(action, str)["text"], (name, action.dest)
            said = commands.DEFAULT.search(action.help)
            if said and action.default is not None:
                plain = html.unescape(re.sub("<[^>]+>", "", commands.default_of(action)))
                assert said[1] == plain, f"{name} {action.dest}: the help says {said[1]}, and it is {plain}"


LINKED = re.compile(r'\[`([\w.]+)(?:\(\))?`\]\(([\w/.-]*\.ipynb)?#([\w.-]+)\)|<a href="([^"#]*\.ipynb)?#([\w.-]+)"><code>([\w.]+)(?:\(\))?</code></a>')


def found_by_python(name, module, notebook_imports):
    "What Python finds under a name: in the page's module, in the imports of its notebook, in the package, or None."
    spaces = [vars(importlib.import_module(module)) if not module.startswith("page:") else {}, notebook_imports]
    head, *rest = name.split(".")
    for space in spaces:
        if head in space:
            return functools.reduce(lambda value, part: getattr(value, part, None), rest, space[head])
    return None


def imports_of(pairs):
    "{name: object} of imports from the library: pairs of module and name."
    found = {}
    for source, name in pairs:
        if source.startswith("fashion_cnn") and name:
            found[name] = getattr(importlib.import_module(source), name, None) or importlib.import_module(f"{source}.{name}")
    return found


def test_every_link_of_a_name_leads_to_what_python_finds_under_it():
    known, wrong, checked = library.library(ROOT), [], 0
    for path in pages.notebooks():
        module = known.module[path]
        imports = imports_of(known.imports[module].values())
        text = "\n".join(cell.source for cell in process.page(path, ROOT).cells if cell.cell_type == "markdown")
        for match in LINKED.finditer(re.sub(r'<table class="doc-contents".*?</table>', "", text, flags=re.DOTALL)):
            name, target, anchor = match[1] or match[6], match[2] or match[4], match[3] or match[5]
            value = found_by_python(name, module, imports)
            home = getattr(value, "__module__", None)
            if not (inspect.isroutine(value) or inspect.isclass(value)) or home not in known.ids:
                continue
            page = Path(os.path.normpath(path.parent / target)) if target else path
            checked += 1
            if (page, anchor) != (known.page[home], known.ids[home].get(value.__qualname__)):
                wrong.append(f"{path}: `{name}` leads to {page}#{anchor}, but it is {home}.{value.__qualname__}")
    assert not wrong, "\n".join(wrong)
    assert checked > 200, "the pattern finds the links"


@pytest.mark.parametrize("text, anchor", [
    ("Two arrays and a list", "two-arrays-and-a-list"), ("1. First: `load`!", "first-load"), ("What's *new*?", "whats-new"),
    ("[Keras](https://keras.io) 3", "keras-3"), ("28 x 28", "x-28"), ("2026", "section"),
])
def test_anchors_are_those_of_pandoc(text, anchor):
    assert pages.heading_id(text) == anchor


@pytest.mark.parametrize("words, page", [
    ("install", "index"), ("learning rate finder", "learning_rate_finder"), ("macro F1", "evaluate/metrics"), ("command line", "cli"),
    ("confusion matrix", "evaluate/metrics"), ("overfitting", "course/02_depth_and_dropout"), ("transfer", "course/05_transfer_learning")])
def test_what_people_search_for_stands_in_a_title_or_a_heading(words, page):
    "The search of Quarto puts titles and headings before text; `install` used to lead to a page about runs."
    found = {path.with_suffix("").as_posix() for path in pages.notebooks()
             if any(words.lower() in text.lower() for _, text, _ in pages.headings(pages.read(ROOT / "nbs" / path)))}
    assert page in found, found
    assert words != "install" or found == {"index"}


# --- what surrounds the pages -----------------------------------------------------------------------------------------

def test_what_the_configuration_names_is_there():
    quarto = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    theme = quarto["format"]["html"]["theme"]
    values = pages.settings()
    for name in (quarto["website"]["favicon"], quarto["format"]["html"]["css"], theme["light"][1], theme["dark"][1]):
        assert (ROOT / "nbs" / name).is_file(), name
    site, _, picture = quarto["website"]["image"].rpartition("/")
    assert site == values["doc_host"] + values["doc_baseurl"] and (ROOT / "nbs" / picture).is_file()
    assert picture in quarto["project"]["resources"], "no page shows it, so Quarto has to be told of it"
    assert quarto["website"]["repo-subdir"] == "nbs", "or `View source` leads nowhere"


def test_icon_cards_and_picture_for_sharing():
    assert (ROOT / "nbs" / "favicon.svg").read_text(encoding="utf-8") == pictures.icon()
    for number, text in cards.cards().items():
        assert (ROOT / "nbs" / "cards" / f"lesson{number}.svg").read_text(encoding="utf-8") == text, "python tools/cards.py"
    share = ROOT / "nbs" / "share.png"
    assert share.stat().st_size < 150_000
    with Image.open(share) as picture:
        assert picture.size == pictures.SIZE == (1200, 630) and len(picture.getcolors()) > 8


def luminance(colour):
    "The relative luminance of '#rrggbb', as WCAG defines it."
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    return sum(weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
               for weight, part in zip((0.2126, 0.7152, 0.0722), parts))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_does():
    assert contrast("#ffffff", "#000000") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_the_site_meet_aa(theme):
    colours = dict(re.findall(r"^\$([\w-]+): (#[0-9a-f]{6});", (ROOT / "nbs" / f"{theme}.scss").read_text(), flags=re.MULTILINE))
    own = re.findall(r"^(\S+) \{ (--.*) \}$", (ROOT / "nbs" / "styles.css").read_text(), flags=re.MULTILINE)
    own = {name: colour for place, text in own if place == {"light": ":root", "dark": ".quarto-dark"}[theme]
           for name, colour in re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text)}
    for text, ground in (("body-color", "body-bg"), ("text-muted", "body-bg"), ("link-color", "body-bg"), ("code-color", "code-bg"),
                         ("body-color", "code-block-bg"), ("sidebar-fg", "sidebar-bg"), ("sidebar-hl", "sidebar-bg"), ("footer-fg", "footer-bg")):
        assert contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"
    assert contrast(own["card-text"], own["card"]) >= 4.5 and contrast(colours["link-color"], own["card"]) >= 4.5
    assert contrast(own["accent"], colours["body-bg"]) >= 3, "what shows the keyboard's place"


@pytest.mark.parametrize("dark", [False, True])
def test_colours_of_the_preview_meet_aa(dark):
    style = (ROOT / "tools" / "preview.css").read_text()
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)[dark]))
    for text in ("ink", "soft", "accent"):
        for ground in ("paper", "panel", "code"):
            assert contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground}"
    code = HtmlFormatter(style=preview.STYLES[dark], nobackground=True).get_style_defs(".highlight")
    found = {name: colour for name, colour in re.findall(r"\.highlight \.(\w+) \{ color: (#[0-9A-Fa-f]{6})\b", code) if name != "w"}    # white space
    assert len(found) > 15
    for name, colour in found.items():
        assert contrast(colour.lower(), colours["code"]) >= 4.5, f"code .{name}: {colour}"


def test_the_readme_describes_its_figures_and_hides_what_the_site_hides(site):
    figure = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PIXEL, "text/plain": "<Figure>"}}
    write(site, "index.ipynb", *HOME, code('#| echo: false\n#| fig-alt: "a dot: small"\ndraw()', figure),
          code("#| fig-alt: another dot\nagain()", figure))
    text, figures = readme.convert(site)
    assert "![a dot: small](README_files/" in text and "![another dot](README_files/" in text and len(figures) == 2
    assert "draw()" not in text and "again()" in text and "fig-alt" not in text
    write(site, "index.ipynb", *HOME, markdown("Point at it."), code("move()", shown("text/html", '<figure data-explorer="x.json">')))
    assert "Point" not in readme.convert(site)[0], "an explorer does not move on GitHub"


# --- the preview ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The preview of this tree: its pages in reading order."
    folder = tmp_path_factory.mktemp("preview")
    return folder, preview.build(folder)


def test_the_site_is_whole(built, monkeypatch):
    "What `make site-check` looks at; it reads the links of the pages that are made already."
    monkeypatch.setattr(preview, "build", lambda folder, root: shutil.copytree(built[0], folder, dirs_exist_ok=True))
    site_check.main()


def test_every_notebook_has_a_page(built):
    folder, made = built
    assert len(made) == len(pages.notebooks()) == len(set(made))
    assert made[0] == folder / "index.html"


def test_pages_show_no_directives_and_no_hidden_cells(built):
    _, made = built
    for page in made:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"#\s*\|\s*(export|hide|default_exp|eval)", re.sub(r"<code>.*?</code>", "", text)), page.name
        assert text.count("<h1") == 1 and 'class="subtitle"' in text and ".ipynb)" not in text


def test_the_preview_of_a_small_site(site):
    made = preview.build(site / "out", site)
    assert [page.name for page in made] == ["index.html", "tiny.html"]
    home, tiny = (page.read_text() for page in made)
    assert 'href="tiny.html#one"' in home and 'href="#first-part"' in home and 'src="dot.png"' in home
    assert "All pages" in home and "One function" in home
    assert 'id="one"' in tiny and "<summary>Source</summary>" in tiny and 'class="doc-signature"><code>one()' in tiny
    assert 'alt="a single dot"' in tiny and "default_exp" not in tiny and 'rel="prev" href="index.html"' in tiny
    assert 'alt=""' not in home + tiny


# --- in a browser -----------------------------------------------------------------------------------------------------

def test_a_page_opens_draws_its_figures_and_leads_on(built, browser):
    folder, made = built
    page = next((path for path in made if "<img alt" in path.read_text(encoding="utf-8")), None)
    assert page is not None, "no notebook has a figure"
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(page.as_uri(), wait_until="domcontentloaded")
    name = tab.locator("h1").inner_text()
    assert tab.title() == name
    assert tab.locator("nav.pages a[aria-current=page]").inner_text() == name
    drawn = tab.locator(".output img").evaluate_all(
        "all => Promise.all(all.map(img => img.decode().then(() => img.naturalWidth)))")
    assert drawn and min(drawn) > 0
    tab.locator(".turn a").last.click()
    tab.wait_for_url(lambda url: url != page.as_uri())
    assert tab.title() and tab.title() != name
    assert errors == []
    tab.close()


def test_the_first_screen_says_what_this_is(built, browser):
    _, made = built
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(made[0].as_uri(), wait_until="domcontentloaded")
    for place in (".output img", "a[href*='colab.research.google.com']", "a[href*='first_network']", "a[href='#install-on-your-machine']"):
        assert tab.locator(f"main {place}").first.bounding_box()["y"] < 800, place
    shown = tab.locator("#the-course + p + ul > li")
    assert shown.count() == 9
    widths = shown.locator("img").evaluate_all("all => Promise.all(all.map(img => img.decode().then(() => img.clientWidth)))")
    assert len(widths) == 9 and min(widths) > 150
    assert all(re.search(r"(minutes|hour|as long as you like).*(easy|harder)", text) for text in shown.all_inner_texts())
    assert len({round(shown.nth(at).bounding_box()["y"]) for at in range(3)}) == 1, "three cards side by side"
    tab.set_viewport_size({"width": 380, "height": 800})
    assert len({round(shown.nth(at).bounding_box()["y"]) for at in range(3)}) == 3, "one below the other"
    tab.close()


LOOKED_AT = [("index", 1280, "light"), ("results", 380, "light"), ("explorers", 1280, "dark"), ("devices", 1280, "light"), ("course/playground", 380, "dark")]
if os.environ.get("FASHION_CNN_LONG", "") not in ("", "0"):    # every page, each in one of four ways
    WAYS = [(1280, "light"), (380, "dark"), (1280, "dark"), (380, "light")]
    LOOKED_AT = [(pages.page_name(path).with_suffix("").as_posix(), *WAYS[number % 4]) for number, path in enumerate(pages.notebooks())]


@pytest.mark.parametrize("name, width, scheme", LOOKED_AT)
def test_axe_finds_nothing_serious(built, browser, name, width, scheme):
    from axe_playwright_python.sync_playwright import Axe
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.route("http*://**", lambda route: route.abort())
    tab.goto((built[0] / f"{name}.html").as_uri(), wait_until="load")
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = [f"{each['impact']}, {each['id']}: {each['nodes'][0]['html'][:100]}" for each in Axe().run(tab).response["violations"]
             if each["impact"] in ("serious", "critical")]
    assert found == []
    tab.close()


@pytest.mark.parametrize("width", [1280, 380])
@pytest.mark.parametrize("name", ["results", "speed", "cli"])
def test_tables_of_results_and_options_are_not_cut(built, browser, name, width):
    folder, _ = built
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.goto((folder / f"{name}.html").as_uri(), wait_until="load")
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    cut = tab.locator("main table").evaluate_all("all => all.map(each => each.scrollWidth - each.clientWidth)")
    assert len(cut) > 10 and max(cut) <= 1
    if name == "results":
        aligned = "all => new Set(all.map(each => getComputedStyle(each).textAlign))"
        assert tab.locator("table.figures td.number").evaluate_all(f"all => [...({aligned})(all)]") == ["right" if width > 575 else "left"]
        assert tab.locator("table.figures tbody th").evaluate_all(f"all => [...({aligned})(all)]") == ["left"]
    tab.close()


def test_a_table_too_wide_for_a_phone_becomes_blocks_with_the_names_of_its_columns(built, browser):
    tab = browser.new_page(viewport={"width": 380, "height": 800})
    tab.goto((built[0] / "grading" / "marks.html").as_uri(), wait_until="load")
    table = tab.locator("table.stacked").first
    heads = [text for text in table.locator("thead th").all_text_contents() if text]
    labels = table.locator("tbody tr").first.locator("td").evaluate_all("all => all.map(each => each.dataset.label)")
    assert len(labels) > 4 and labels == heads[-len(labels):]
    assert tab.locator("main table").evaluate_all("all => Math.max(...all.map(each => each.scrollWidth - each.clientWidth))") <= 1
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.wait_for_function("!document.querySelector('table.stacked')")
    tab.set_viewport_size({"width": 600, "height": 800})
    tab.goto((built[0] / "results.html").as_uri(), wait_until="load")
    assert tab.locator("main table[tabindex='0']").count() >= 1, "one that scrolls can be reached from the keyboard"
    tab.close()


def test_the_page_about_speed_speaks_in_sentences(built):
    text = (built[0] / "speed.html").read_text(encoding="utf-8")
    assert text.count("<img alt") == 2 and "(bar" not in text and not re.search(r"takes 0\.\d+ of", text)


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (380, "dark")])
def test_a_page_fits_its_window(built, browser, width, scheme):
    folder, made = built
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for page in (made[0], made[-1], *(folder / f"{name}.html" for name in ("results", "teachers", "datasets"))):
        tab.goto(page.as_uri(), wait_until="domcontentloaded")
        wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, f"{page.name} is {wide} pixels too wide"
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) > 600) == (scheme == "light")
    tab.close()
