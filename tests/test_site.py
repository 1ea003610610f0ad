"The site: the checks find what is wrong with a page, and the preview of every notebook opens in a browser."
import base64
import re
import shutil
from pathlib import Path

import pytest

import yaml
from PIL import Image

import pages
import pictures
import preview
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
    ("kB, at most 450", [*TINY, *[code("one()", picture(70_000)) for _ in range(6)]]),
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
    nb = {"cells": [code("chart", shown("text/html", '<div data-chart="explorers/runs.json"></div>'))]}
    (site / "nbs" / "explorers").mkdir()
    before = site_check.page_bytes(site, Path("01_tiny.ipynb"), nb)
    for name in ("runs.json", "vega.js", "notes.txt"):
        (site / "nbs" / "explorers" / name).write_bytes(bytes(1000))
    assert site_check.page_bytes(site, Path("01_tiny.ipynb"), nb) == before + 2000


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
    linked = "See [`one`](https://fashion-cnn.github.io/fashion_cnn/tiny.html#one) and [`two`](https://fashion-cnn.github.io/fashion_cnn/tiny.html#two)"
    pages.write({"cells": [raw("index.html"), markdown(linked)], "metadata": {}}, folder / "index.ipynb")
    assert "index.ipynb: nbdev linked a name to tiny.html#two, which is not there" in site_check.processed(site, folder)
    assert not any("tiny.html#one" in problem for problem in site_check.processed(site, folder))
    (folder / "index.ipynb").unlink()
    assert "index.ipynb: nbdev made no page of it" in site_check.processed(site, folder)


@pytest.mark.parametrize("text, anchor", [
    ("Two arrays and a list", "two-arrays-and-a-list"), ("1. First: `load`!", "first-load"), ("What's *new*?", "whats-new"),
    ("[Keras](https://keras.io) 3", "keras-3"), ("28 x 28", "x-28"), ("2026", "section"),
])
def test_anchors_are_those_of_pandoc(text, anchor):
    assert pages.heading_id(text) == anchor


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
    assert quarto["website"]["repo-subdir"] == values["nbs_path"], "or `View source` leads nowhere"


def test_icon_and_picture_for_sharing():
    assert (ROOT / "nbs" / "favicon.svg").read_text(encoding="utf-8") == pictures.icon()
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


def test_the_readme_describes_its_figures_and_hides_what_the_site_hides(site):
    figure = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PIXEL, "text/plain": "<Figure>"}}
    write(site, "index.ipynb", *HOME, code('#| echo: false\n#| fig-alt: "a dot: small"\ndraw()', figure),
          code("#| fig-alt: another dot\nagain()", figure))
    text, figures = readme.convert(site)
    assert "![a dot: small](README_files/" in text and "![another dot](README_files/" in text and len(figures) == 2
    assert "draw()" not in text and "again()" in text and "fig-alt" not in text


# --- the preview ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "The preview of this tree: its pages in reading order."
    folder = tmp_path_factory.mktemp("preview")
    return folder, preview.build(folder)


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
    assert 'id="one"' in tiny and "<summary>In the library: <code>one</code></summary>" in tiny
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
    for place in (".output img", "a[href*='colab.research.google.com']", "text=make demo"):
        assert tab.locator(f"main {place}" if "text" not in place else place).first.bounding_box()["y"] < 800, place
    cards = tab.locator("#the-course + p + ul > li")
    assert cards.count() == 9
    assert len({round(cards.nth(at).bounding_box()["y"]) for at in range(3)}) == 1, "three cards side by side"
    tab.set_viewport_size({"width": 380, "height": 800})
    assert len({round(cards.nth(at).bounding_box()["y"]) for at in range(3)}) == 3, "one below the other"
    tab.close()


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
