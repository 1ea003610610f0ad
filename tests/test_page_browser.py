"""The explorers in a headless Chromium, on a plain server: knobs are turned as a person would,
and what the page computed is compared with Python.

Screenshots are kept where FASHION_CNN_SCREENSHOTS says, else nowhere.
"""
import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("vl_convert")

import vega
from fashion_cnn.page import (
    FIRST_DISTORTION, distorted, garments, half_size, recipe_rows, setting_rows, setting_texts,
    unit_field)
from fashion_cnn.run import recorded
from fashion_cnn.sketch import CLASS_NAMES
from fashion_cnn.sweep import recorded_sweep
from served import served, small_site

NAMES = ("runs", "sweep", "augmentation", "convolution")
# The rows of a data set of the running chart, found by a field that only it has
ROWS = """([name, field]) => { const {view} = document.querySelector(`figure[data-explorer="${name}.json"]`);
          for (let number = 19; number >= 0; number--) for (const kind of ["data", "source"]) {
            let rows = [];
            try { rows = view.data(`${kind}_${number}`); } catch { continue; }
            if (rows.length && field in rows[0]) return rows.map(row => ({...row}));
          } }"""
FLAT = "name => document.querySelector(`figure[data-explorer='${name}.json'] svg`).outerHTML"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "The page as the preview makes it, alone, with its files, in a folder."
    folder = small_site(tmp_path_factory.mktemp("root"), ["explorers.ipynb"], ["explorers"])
    vega.write(folder / "explorers")
    return folder


@pytest.fixture(scope="module")
def address(site):
    with served(site) as address: yield f"{address}/explorers.html"


class Page:
    "The page in a tab, all explorers drawn."

    def __init__(self, browser, address, width=1280, scheme="light"):
        self.tab, self.problems = (
            browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme), [])
        self.tab.on("pageerror", lambda error: self.problems.append(str(error)))
        self.tab.on(
            "console", lambda said: said.type == "warning" and self.problems.append(said.text))
        self.tab.goto(address, wait_until="domcontentloaded")
        self.tab.wait_for_function(
            "() => [...document.querySelectorAll('figure.explorer')].every(each => "
            "each.dataset.ready)", timeout=60_000)

    def figure(self, name): return self.tab.locator(f"figure[data-explorer='{name}.json']")

    def knob(self, name, label): return self.figure(name).locator(f".vega-bind:has(.vega-bind-name:text-is('{label}'))").locator("input, select").first

    def settle(self, name):
        "Wait until the chart has followed its knobs."
        self.tab.evaluate(
            "name => "
            "document.querySelector(`figure[data-explorer='${name}.json']`).view.runAsync().then(() => null)",
            name)

    def rows(self, name, field): return self.tab.evaluate(ROWS, [name, field])

    def picture(self, name): return self.tab.evaluate(FLAT, name)

    def said(self, name): return self.figure(name).locator("[role=status]").inner_text()

    def change(self, name, act):
        "Do something; the picture must become another one."
        before = self.picture(name)
        act()
        self.settle(name)
        assert self.picture(name) != before

    def slide(self, name, label, value):
        "Set a slider as a mouse or a keyboard would."
        self.knob(name, label).evaluate(
            "(knob, value) => { knob.value = value; knob.dispatchEvent(new Event('input', "
            "{bubbles: true})) }", str(value))
        self.settle(name)

    def choose(self, name, label, value):
        self.knob(name, label).select_option(value)
        self.settle(name)


@pytest.fixture(scope="module")
def wide(browser, address):
    page = Page(browser, address)
    yield page
    if folder := os.environ.get("FASHION_CNN_SCREENSHOTS"):
        page.tab.screenshot(path=str(Path(folder) / "explorers-1280.png"), full_page=True)
    page.tab.close()


def test_all_of_them_are_drawn_without_a_warning(wide):
    assert (
        wide.tab.locator("figure.explorer [role=graphics-document] > svg").count() == len(NAMES)
        == wide.tab.locator("figure.explorer").count())
    assert wide.tab.locator("figure.explorer img").count() == 0 and wide.problems == []
    print(
        "milliseconds until drawn:",
        wide.tab.locator("figure.explorer").evaluate_all(
            "all => all.map(each => each.dataset.ready)"))


def test_every_knob_has_a_label_and_can_be_reached_by_keyboard(wide):
    for name in NAMES:
        named = (
            wide.figure(name)
            .locator(".explorer-knobs input, .explorer-knobs select")
            .evaluate_all(
                "all => all.map(each => each.labels.length && "
                "each.labels[0].innerText.trim().length > 0 && each.tabIndex === 0)"))
        assert len(named) >= 5 and all(named), name
        words = wide.tab.evaluate(
            "name => document.querySelector(`figure[data-explorer='${name}.json'] "
            "[role=graphics-document]`).getAttribute('aria-label')", name)
        assert len(words) > 20
    small = wide.tab.locator("figure.explorer svg text").evaluate_all(
        "all => Math.min(...all.map(each => parseFloat(getComputedStyle(each).fontSize)))")
    assert small >= 11


def test_recorded_runs(wide):
    rows = {row["name"]: row for row in recipe_rows(recorded())}
    box = wide.figure("runs").locator(".explorer-group label:has-text('deeper')").first
    wide.change("runs", lambda: wide.choose("runs", "figure", "training loss"))
    wide.change("runs", lambda: wide.slide("runs", "epochs to average over", 5))
    found = [row for row in wide.rows("runs", "y") if row["name"] == "deeper"]
    losses = np.diff(rows["deeper"]["mean"][3]) / 10_000
    assert [row["e"] for row in found] == rows["deeper"]["e"]
    assert np.allclose(
        [row["y"] for row in found], [losses[max(0, e - 5) : e].mean() for e in rows["deeper"]["e"]]
    )
    wide.change("runs", lambda: wide.slide("runs", "to epoch", 12))
    assert max(row["e"] for row in wide.rows("runs", "y")) == 12 and "epochs 1 to 12" in wide.said(
        "runs")
    wide.change("runs", lambda: wide.knob("runs", "band from lowest to highest seed").uncheck())
    wide.change("runs", box.click)
    assert "deeper" not in {row["name"] for row in wide.rows("runs", "y")}
    knob = wide.knob("runs", "to epoch")
    knob.focus()
    wide.change("runs", lambda: wide.tab.keyboard.press("ArrowRight"))
    assert "epochs 1 to 13" in wide.said("runs")


OUTSIDE = """name => {
  const figure = document.querySelector(`figure[data-explorer="${name}.json"]`);
  const box = figure.querySelector("svg").getBoundingClientRect();
  return [...figure.querySelectorAll("svg text")].filter(each => each.getBoundingClientRect().bottom > box.bottom + 1)
    .map(each => each.textContent); }"""


@pytest.mark.parametrize("width", [1280, 380])
def test_the_list_below_the_curves_grows_with_the_recipes_chosen(browser, address, width):
    page = Page(browser, address, width)
    boxes = page.figure("runs").locator("[data-group=recipes] input")
    for number in range(boxes.count()): boxes.nth(number).check()
    page.settle("runs")
    assert page.tab.evaluate(OUTSIDE, "runs") == []
    assert page.problems == []
    page.tab.close()


def test_the_sliders_of_epochs_end_where_the_longest_chosen_run_does(browser, address):
    page = Page(browser, address)
    epochs = {row["name"]: len(row["e"]) for row in recipe_rows(recorded())}
    boxes = page.figure("runs").locator("[data-group=recipes] label")
    for number in range(boxes.count()):
        if boxes.nth(number).inner_text().strip() != "deeper":
            boxes.nth(number).locator("input").uncheck()
    page.settle("runs")
    assert page.knob("runs", "to epoch").get_attribute("max") == str(epochs["deeper"])
    page.figure("runs").locator(f".vega-bind:has(.vega-bind-name:text-is('{max(epochs, key=epochs.get)}')) input").check()
    page.settle("runs")
    assert page.knob("runs", "from epoch").get_attribute("max") == str(max(epochs.values()))
    page.tab.close()


def test_sweep(wide):
    sweep = recorded_sweep()
    rows, words = setting_rows(sweep), setting_texts(sweep)
    for place in (0, len(words) - 1):
        for number, label in enumerate(rows[place]["s"]):
            wide.figure("sweep").locator(
                f"input[name=knob{number}][value='{label if label != 'none' else 'none'}']").check()
        wide.settle("sweep")
        assert wide.said("sweep") == words[place]
        assert f"rank {rows[place]['rank']} of {len(rows)}" in wide.picture("sweep")
    wide.change("sweep", lambda: wide.choose("sweep", "rows of points by", "dropout"))
    wide.change("sweep", lambda: wide.choose("sweep", "figure", "validation loss"))
    wide.change(
        "sweep",
        lambda: (
            wide.figure("sweep").locator("input[name=knob0]:checked").focus(),
            wide.tab.keyboard.press("ArrowUp")))


@pytest.mark.parametrize("garment, settings", [
    (0, {}), (9, {"rotation": -30, "outside": "reflect", "right": 4.5, "down": -3}), (5, {"zoom": 1.35, "shear": 18, "elastic": 80, "outside": "nearest"}),
    (8, {"mirror": True, "zoom": 0.6, "shear": -25, "elastic": 60, "rotation": 44, "right": -10, "outside": "reflect"})])
def test_bending_agrees_with_the_library(wide, garment, settings):
    labels = {
        "rotation": "rotation (degrees)", "right": "shift to the right (pixels)",
        "down": "shift down (pixels)", "zoom": "zoom (factor)", "shear": "shear (degrees)",
        "elastic": "elastic warp (alpha)"}
    settings, before = FIRST_DISTORTION | settings, wide.picture("augmentation")
    wide.choose("augmentation", "garment", CLASS_NAMES[garment])
    wide.choose("augmentation", "outside of the image", settings["outside"])
    wide.knob("augmentation", "mirror").set_checked(settings["mirror"])
    for name, label in labels.items(): wide.slide("augmentation", label, settings[name])
    found = sorted(wide.rows("augmentation", "upper"), key=lambda row: row["p"])
    expected = distorted(garments()[garment], unit_field(), **settings)
    assert (
        abs(np.reshape([row["value"] for row in found], (28, 28)) - expected).max() < 0.05
    )  # of 255 grey levels; float32 there, float64 here
    assert (wide.picture("augmentation") != before) == (garment > 0) and CLASS_NAMES[
        garment] in wide.said("augmentation")


def feature_map(page): return np.reshape([row["value"] for row in sorted(page.rows("convolution", "total"), key=lambda row: row["p"])], (12, 12))


def test_convolution_agrees_with_scipy(wide):
    from scipy.signal import correlate2d
    image, kernel = (
        half_size(garments()[9]).astype(float), np.array([[0, -2, 1.5], [3, 0.25, 0], [-1, 4, -5]]))
    assert np.allclose(feature_map(wide), correlate2d(image, [[1, 0, -1]] * 3, "valid"))
    for number, value in enumerate(kernel.ravel()):
        wide.figure("convolution").locator(f"input[name=k{number}]").fill(f"{value:g}")
    wide.settle("convolution")
    assert wide.knob("convolution", "kernel").input_value() == "own"    # typing switches to it
    assert np.allclose(feature_map(wide), correlate2d(image, kernel, "valid"))
    wide.change(
        "convolution", lambda: wide.knob("convolution", "ReLU (negative sums become 0)").check())
    assert np.allclose(feature_map(wide), np.maximum(correlate2d(image, kernel, "valid"), 0))
    wide.change("convolution", lambda: wide.choose("convolution", "kernel", "blur"))
    assert (
        wide.figure("convolution").locator("input[name=k4]").input_value() == "0.1111"
    )  # a kernel of the list fills the fields in
    assert np.allclose(feature_map(wide), correlate2d(image, np.full((3, 3), 1 / 9), "valid"))
    wide.choose("convolution", "kernel", "own")
    wide.figure("convolution").locator("input[name=k4]").fill("")    # while somebody types
    wide.settle("convolution")
    assert np.isfinite(feature_map(wide)).all()


def test_the_window_follows_pointer_and_keyboard(wide):
    image = half_size(garments()[9]).astype(int)
    wide.choose("convolution", "kernel", "copy")
    cells = wide.figure("convolution").locator("svg .image_0_marks path")
    assert cells.count() == 196
    wide.change("convolution", lambda: cells.nth(9 * 14 + 11).dispatch_event("click"))
    assert wide.said("convolution").startswith(
        "Row 9, column 11,") and f"sum of the products: {image[9, 11]}" in wide.said("convolution")
    knob = wide.knob("convolution", "row of the output")
    assert knob.input_value() == "9"
    knob.focus()
    wide.change("convolution", lambda: wide.tab.keyboard.press("ArrowLeft"))
    assert wide.said("convolution").startswith(
        "Row 8, column 11,") and f"sum of the products: {image[8, 11]}" in wide.said("convolution")
    wide.change(
        "convolution",
        lambda: wide.figure("convolution").locator("svg .map_1_marks path").nth(0).click())
    assert wide.said("convolution").startswith("Row 1, column 1,")
    assert wide.problems == []


def test_on_a_phone_in_the_dark(browser, address):
    page = Page(browser, address, 380, "dark")
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.tab.evaluate(wide) <= 0
    inner = page.tab.locator(".explorer-panel, .explorer-chart").evaluate_all(
        "all => all.map(each => each.scrollWidth - each.clientWidth)")
    assert len(inner) == 2 * len(NAMES) and max(inner) <= 0
    ink, paper = page.tab.locator(".explorer-panel").first.evaluate(
        "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]")
    assert (
        ink == "rgb(26, 26, 26)" and paper == "rgb(255, 255, 255)"
    )  # its own paper, as figures have
    page.choose("augmentation", "garment", "Bag")
    page.slide("augmentation", "rotation (degrees)", 30)
    page.tab.set_viewport_size(
        {"width": 1280, "height": 900})  # turned to the side: the wide form, knobs as they were
    page.tab.wait_for_function(
        "() => document.querySelector('figure[data-explorer=\"augmentation.json\"] "
        "svg').clientWidth > 500")
    assert (
        page.knob("augmentation", "garment").input_value() == "Bag"
        and page.knob("augmentation", "rotation (degrees)").input_value() == "30")
    assert "Bag: rotation 30" in page.said("augmentation") and page.problems == []
    page.tab.close()


@pytest.mark.parametrize("blocked", ["all scripts", "vega", "data", "a tampered copy"])
def test_without_scripts_the_still_pictures_stay(browser, address, blocked):
    context = browser.new_context(
        java_script_enabled=blocked != "all scripts", viewport={"width": 380, "height": 900})
    tab = context.new_page()
    if blocked in ("vega", "a tampered copy"): tab.route("**/vega.js", lambda route: route.abort())
    if blocked == "vega": tab.route("https://cdn.jsdelivr.net/**", lambda route: route.abort())
    if blocked == "a tampered copy":
        tab.route(
            "https://cdn.jsdelivr.net/**",
            lambda route: route.fulfill(
                body="document.documentElement.dataset.tampered = 'yes'",
                content_type="text/javascript", headers={"access-control-allow-origin": "*"}))
    if blocked == "data":
        tab.route("**/explorers/*.json", lambda route: route.fulfill(status=404, body="gone"))
    said = []
    tab.on(
        "console",
        lambda message: "still picture stays" in message.text and said.append(message.text))
    tab.goto(address)
    for _ in range(1200 * (blocked != "all scripts")):    # a minute on a busy machine
        if len(said) == len(NAMES): break
        tab.wait_for_timeout(50)
    images = tab.locator("figure.explorer > img")
    assert images.count() == len(NAMES) and (len(said) == len(NAMES) or blocked == "all scripts")
    for number in range(len(NAMES)):
        assert (
            images.nth(number).is_visible() and images.nth(number).bounding_box()["width"] > 200
            and len(images.nth(number).get_attribute("alt")) > 20)
        assert "still picture" in tab.locator("figure.explorer figcaption").nth(number).inner_text()
    if blocked != "all scripts":
        assert (
            tab.evaluate("document.documentElement.dataset.tampered") is None
            and tab.locator(".explorer-panel").count() == 0)
        assert (
            tab.evaluate(
                "() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
            <= 0)
    context.close()


def test_the_page_with_everything_it_loads_is_light(site):
    weight = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert weight < 1_500_000, f"{weight / 1e6:.2f} MB"
    assert all((site / "explorers" / f"{name}.json").stat().st_size < 300_000 for name in NAMES)
    print(
        json.dumps(
            {path.name: path.stat().st_size for path in sorted(site.rglob("*")) if path.is_file()}))
