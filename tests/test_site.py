"The site: the checks find what is wrong with a page, and the preview of every notebook opens in a browser."
import base64
import html.parser
import os
import re
import shutil
from pathlib import Path

import pytest

import pages
import preview
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
        markdown("## First part\n\nSee [one](01_tiny.ipynb#one), [above](#first-part) and ![a dot](dot.png)")]
TINY = [markdown("# Tiny\n\n> One function"), code("#| default_exp tiny"),
        code('#| export\ndef one():\n    "One."\n    return 1'),
        code("one()", {"output_type": "execute_result", "execution_count": None, "metadata": {},
                       "data": {"text/plain": "1"}}),
        code("#| fig-alt: a single dot\ndot", {"output_type": "display_data", "metadata": {},
                                               "data": {"image/png": PIXEL, "text/plain": "<Figure>"}})]


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


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


def test_this_site_is_whole():
    assert site_check.check(ROOT) == []


def test_a_site_without_problems_has_none(site):
    assert site_check.check(site) == []


@pytest.mark.parametrize("expected, cells", [
    ("the first cell must be `# title`", [code("1")]),
    ("no `> subtitle`", [markdown("# Tiny")]),
    ("the site drops what follows", [markdown("# Tiny\n\n> One\n\nA paragraph that nobody would see.")]),
    ("2 headings of level 1", [*TINY, markdown("# Another")]),
    ("goes from level 1 to level 3", [*TINY, markdown("### Too deep")]),
    ("nowhere.ipynb leads nowhere", [*TINY, markdown("[there](nowhere.ipynb)")]),
    ("there is no heading or name #absent", [*TINY, markdown("[there](index.ipynb#absent)")]),
    ("there is no heading or name #absent", [*TINY, markdown("[here](#absent)")]),
    ("leads out of the site", [*TINY, markdown("[settings](../settings.ini)")]),
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
    ("a figure of 81 kB", [*TINY, code("one()", picture(81_000))]),
    ("kB, at most 450", [*TINY, *[code("one()", picture(70_000)) for _ in range(6)]]),
])
def test_each_check_finds_what_it_is_for(site, expected, cells):
    write(site, "01_tiny.ipynb", *cells)
    problems = site_check.check(site)
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith(("01_tiny.ipynb", "index.ipynb: 01_tiny.ipynb#one")) for problem in problems), problems


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


def test_a_page_that_nbdev_left_incomplete_is_found(site):
    folder = site / "_proc"
    folder.mkdir()
    shutil.copy(site / "_quarto.yml", folder)
    head = "---\ndescription: d\noutput-file: {}\ntitle: t\n---\n"
    raw = lambda name: {"cell_type": "raw", "metadata": {}, "source": head.format(name)}
    for name, cells in (("index.ipynb", [raw("index.html")]), ("01_tiny.ipynb", [raw("tiny.html"), code("show_doc(one)")])):
        pages.write({"cells": cells, "metadata": {}}, folder / name)
    assert site_check.processed(site, folder) == []
    pages.write({"cells": [markdown("# Tiny")], "metadata": {}}, folder / "01_tiny.ipynb")
    problems = site_check.processed(site, folder)
    assert "01_tiny.ipynb: the processed page has no description" in problems
    assert "01_tiny.ipynb: one is exported, but not documented on the page" in problems
    (folder / "index.ipynb").unlink()
    assert "index.ipynb: nbdev made no page of it" in site_check.processed(site, folder)


@pytest.mark.parametrize("text, anchor", [
    ("Two arrays and a list", "two-arrays-and-a-list"), ("1. First: `load`!", "first-load"), ("What's *new*?", "whats-new"),
    ("[Keras](https://keras.io) 3", "keras-3"), ("28 x 28", "x-28"), ("2026", "section"),
])
def test_anchors_are_those_of_pandoc(text, anchor):
    assert pages.heading_id(text) == anchor


# --- the preview ------------------------------------------------------------------------------------------------------

class Links(html.parser.HTMLParser):
    "The anchors of a page and the links it makes."
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.pictures = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values["id"]} if "id" in values else set()
        if tag in ("a", "link") and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append((values.get("src", ""), values.get("alt", "")))


def broken(folder):
    "Every link and picture of the preview that leads nowhere."
    read = {path.resolve(): Links(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    problems = []
    for path, page in read.items():
        for target in page.links + [source for source, _ in page.pictures]:
            name, _, anchor = target.partition("#")
            place = (path.parent / name).resolve() if name else path
            if re.match(r"[a-z]+:", target):
                continue
            if not place.exists() or (anchor and anchor not in read[place].ids):
                problems.append(f"{path.name}: {target}")
        problems += [f"{path.name}: a picture without alternative text" for _, alt in page.pictures if not alt]
    return problems


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The preview of this tree: its pages in reading order."
    folder = tmp_path_factory.mktemp("preview")
    return folder, preview.build(folder)


def test_every_notebook_has_a_page_with_working_links(built):
    folder, made = built
    assert len(made) == len(pages.notebooks()) == len(set(made))
    assert made[0] == folder / "index.html"
    assert broken(folder) == []


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
    assert 'id="one"' in tiny and "<summary>In the library: <code>one</code></summary>" in tiny
    assert 'alt="a single dot"' in tiny and "default_exp" not in tiny and 'rel="prev" href="index.html"' in tiny
    assert broken(site / "out") == []
    (site / "out" / "tiny.html").unlink()
    assert set(broken(site / "out")) == {"index.html: tiny.html", "index.html: tiny.html#one"}


# --- in a browser -----------------------------------------------------------------------------------------------------

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    "A headless Chromium; where there is none, these tests are skipped, except in CI."
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


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


@pytest.mark.parametrize("width, scheme", [(1200, "light"), (390, "dark")])
def test_a_page_fits_its_window(built, browser, width, scheme):
    _, made = built
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for page in (made[0], made[-1]):
        tab.goto(page.as_uri(), wait_until="domcontentloaded")
        wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, f"{page.name} is {wide} pixels too wide"
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper)[:3])) > 600) == (scheme == "light")
    tab.close()
