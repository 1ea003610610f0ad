"""Panels in JupyterLab, in a headless Chromium: knobs are turned as a person would, and the picture must change.

Screenshots are kept where FASHION_CNN_SCREENSHOTS says, else in pytest's temporary folder.
"""
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("jupyterlab")

ROOT = Path(__file__).parents[1]
PATIENCE = 120_000    # milliseconds; TensorFlow starts slowly on a busy machine
IMAGE = "img.widget-image, .widget-image img, img.jupyter-widgets"

DATA = "from fashion_cnn.data import load\ndata = load('sketch', limit=400)\n"
TRAINED = ("from fashion_cnn.evaluate import Evaluation\nfrom fashion_cnn.recipe import Recipe\nfrom fashion_cnn.train import train\n" + DATA
           + "run = train(Recipe('small', 'a3-small', {'filters': 4}, epochs=2), data, progress=False)\n")
NOTEBOOKS = {
    "curves": "from fashion_cnn.explore import CurveExplorer\nCurveExplorer()",
    "train": DATA + "from fashion_cnn.explore import TrainPanel\npanel = TrainPanel(data)\npanel",
    "errors": TRAINED + "from fashion_cnn.explore import ErrorExplorer\nErrorExplorer(Evaluation.from_run(run), data.test, run)",
    "augment": DATA + "from fashion_cnn.explore import AugmentPanel\nAugmentPanel(data)",
    "steps": TRAINED + "from fashion_cnn.explore import ConvolutionStepper\nConvolutionStepper(run, data.test.x[0])"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "JupyterLab with a notebook for each panel, and nothing of anybody's settings; its address."
    folder = tmp_path_factory.mktemp("lab")
    for name, code in NOTEBOOKS.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(book, folder / f"{name}.ipynb")
    quiet = folder / ".jupyter" / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {name: str(folder / ".jupyter" / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {**os.environ, **places, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=panels",
               f"--ServerApp.root_dir={folder}"]
    with open(folder / "lab.log", "wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=environment, cwd=folder, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try: urllib.request.urlopen(f"{address}/api?token=panels", timeout=5); break
            except OSError: time.sleep(0.5)
            assert server.poll() is None, (folder / "lab.log").read_text()
        yield address
        server.terminate()
        try: server.wait(20)
        except subprocess.TimeoutExpired: server.kill()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    folder = Path(os.environ.get("FASHION_CNN_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Page:
    "A notebook in a tab, and the panel in it."

    def __init__(self, browser, address, name, width=1100):
        self.tab, self.errors = browser.new_page(viewport={"width": width, "height": 1400}), []
        self.tab.set_default_timeout(PATIENCE)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(f"{address}/doc/tree/{name}.ipynb?token=panels&reset", wait_until="domcontentloaded")
        self.tab.locator(".jp-Toolbar .jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(state="attached")    # a narrow window hides it
        self.images = self.tab.locator(".jp-OutputArea " + IMAGE.replace(", ", ", .jp-OutputArea "))
        self.run(self.images.first if name != "train" else self.button("train"))    # which has nothing to draw yet

    def run(self, part):
        "Run the cell until this part of its panel is there: while a page still moves things into place, keys and pictures may go nowhere."
        prompt = self.tab.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").first
        for _ in range(6):
            self.tab.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
            self.tab.keyboard.press("Control+Enter")
            try:
                sync_api.expect(prompt).not_to_have_text("[ ]:", timeout=10_000)     # [*] while it runs, [1] afterwards,
                sync_api.expect(prompt).not_to_have_text("[*]:", timeout=PATIENCE)   # [ ] again where the kernel was not ready
                return part.wait_for(timeout=20_000)
            except (AssertionError, sync_api.TimeoutError): continue
        shown = self.tab.locator(".jp-Notebook .jp-CodeCell").first.inner_text()
        raise AssertionError(f"No panel was shown. The cell, and what stands below it: {shown}")

    def image(self, number=0):
        "The picture as it is on the screen, once it is there."
        image = self.images.nth(number)
        image.wait_for()
        image.evaluate("one => one.decode()")
        return np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB"), int)

    def source(self, number=0): return self.images.nth(number).get_attribute("src")

    def control(self, label): return self.tab.locator(f".jp-OutputArea :has(> label.widget-label:text-is('{label}'))").first

    def change(self, act, number=0):
        "Do something, wait for another picture, and give the share of its pixels that differ."
        before, source = self.image(number), self.source(number)
        act()
        started = time.monotonic()
        self.tab.wait_for_function("([selector, n, old]) => { const one = document.querySelectorAll(selector)[n]; return one && one.src && one.src !== old }",
                                   arg=[".jp-OutputArea " + IMAGE.replace(", ", ", .jp-OutputArea "), number, source])
        self.seconds = time.monotonic() - started
        after = self.image(number)
        return 1.0 if before.shape != after.shape else (abs(before - after).max(axis=2) > 8).mean()

    def press(self, label, keys, number=0):
        "Move a slider with the keyboard."
        handle = self.control(label).locator(".noUi-handle").first
        def act():
            handle.focus()
            for key in keys: self.tab.keyboard.press(key)
        return self.change(act, number)

    def away(self, label):
        "The key that moves a slider, wherever it stands."
        handle = self.control(label).locator(".noUi-handle").first
        return "ArrowLeft" if handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax") else "ArrowRight"

    def button(self, text): return self.tab.locator(f".jp-OutputArea button:text-is('{text}')").first

    def settle(self):
        "Wait until the kernel knows what the knobs say: while it is busy, their changes wait, and clicks overtake them."
        for _ in range(3):
            self.tab.wait_for_timeout(150)
            self.tab.locator(".jp-Toolbar .jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(state="attached")

    def said(self): return self.tab.locator(".jp-OutputArea [role=status]").first.inner_text()

    def wait_said(self, words): self.tab.locator(f".jp-OutputArea [role=status]:has-text('{words}')").first.wait_for()

    def fits(self):
        "How many pixels the panel is wider than the place it has."
        return self.tab.evaluate("() => { const place = document.querySelector('.jp-OutputArea-output'); return place.scrollWidth - place.clientWidth }")

    def close(self, screenshot):
        self.tab.screenshot(path=str(screenshot))
        self.tab.close()


@pytest.fixture
def open_page(browser, lab, screenshots, request):
    pages = []
    def opened(name, width=1100):
        pages.append((Page(browser, lab, name, width), f"{request.node.name.removeprefix('test_').replace('[', '-').rstrip(']')}.png"))
        return pages[-1][0]
    yield opened
    for page, name in pages: page.close(screenshots / name)
    for session in json.load(urllib.request.urlopen(f"{lab}/api/sessions?token=panels", timeout=60)):    # TensorFlow takes a gigabyte in each kernel
        urllib.request.urlopen(urllib.request.Request(f"{lab}/api/sessions/{session['id']}?token=panels", method="DELETE"), timeout=60)


def test_curves(open_page):
    page = open_page("curves")
    assert page.image().std() > 5
    seconds = []
    assert page.press("smoothing", ["ArrowRight"] * 1) > 0.001; seconds.append(page.seconds)
    assert page.press("every", ["ArrowRight"]) > 0.001; seconds.append(page.seconds)
    assert page.change(lambda: page.tab.locator(".widget-checkbox:has-text('log scale') input").click()) > 0.001
    table = page.tab.locator(".jp-OutputArea table").first.inner_text()
    assert page.change(lambda: page.control("runs").locator("select").select_option(["brief, seed 0", "deeper, seed 0"])) > 0.01
    assert page.tab.locator(".jp-OutputArea table").first.inner_text() != table and page.tab.locator(".jp-OutputArea table:has-text('recipes differ in')").count()
    page.tab.locator("button:has-text('show code')").click()
    page.tab.locator(".jp-OutputArea pre:has-text('curves(chosen')").wait_for()
    assert page.fits() <= 1 and page.errors == []
    print("seconds from key to picture:", [round(each, 2) for each in seconds])


def test_training_grows_a_curve_and_can_be_interrupted(open_page):
    page = open_page("train")
    page.control("network").locator("select").select_option("a3-small")
    page.control("filters").locator(".noUi-handle").focus()
    for _ in range(3): page.tab.keyboard.press("ArrowLeft")
    page.control("epochs").locator(".noUi-handle").focus()
    for _ in range(3): page.tab.keyboard.press("ArrowLeft")
    page.settle()
    page.button("train").click()
    page.images.first.wait_for()    # the first epoch is drawn while the second one is trained
    page.wait_said("2 epochs")
    first = page.image()
    assert "finished" in page.said()
    # one epoch after the other: the curve grows
    assert page.change(lambda: page.button("train more").click()) > 0.001
    page.wait_said("5 epochs")
    assert page.image().shape == first.shape and (abs(page.image() - first).max(axis=2) > 8).mean() > 0.001
    # a training of minutes, interrupted by the kernel's own interrupt once its first epochs are drawn
    for label, key in {"filters": "End", "batch size": "Home", "epochs": "End"}.items():
        page.control(label).locator(".noUi-handle").focus()
        page.tab.keyboard.press(key)
    page.settle()
    page.change(page.button("train").click)
    page.change(lambda: None)
    page.tab.locator("[data-command='notebook:interrupt-kernel'], [title*='Interrupt the kernel']").first.click()
    page.wait_said("the finished epochs are kept")
    assert page.button("train").is_enabled()
    page.button("keep this run").click()
    page.wait_said("Kept: 1 run")
    assert page.fits() <= 1 and page.errors == []


def test_stop_button(open_page):
    "Where clicks are handled while something trains; elsewhere the interrupt is the way, and this test is skipped."
    page = open_page("train")
    page.control("network").locator("select").select_option("a3-small")
    for label, key in {"batch size": "Home", "epochs": "End"}.items():    # minutes
        page.control(label).locator(".noUi-handle").focus()
        page.tab.keyboard.press(key)
    page.settle()
    page.button("train").click()
    page.images.first.wait_for()
    page.button("stop").click()
    try: page.tab.locator(".jp-OutputArea [role=status]:has-text('the finished epochs are kept')").first.wait_for(timeout=60_000)
    except sync_api.TimeoutError: pytest.skip("this kernel handles clicks one after the other")
    assert page.button("train").is_enabled()


def test_errors(open_page):
    page = open_page("errors")
    page.image(2)
    said = page.said()
    cells = page.tab.locator(".jp-OutputArea .widget-gridbox button")
    assert cells.count() == 100
    assert page.change(cells.nth(0).click, 1) > 0.01 and page.said() != said
    assert page.press("threshold", ["Home"], 2) > 0.0005
    busiest = max(range(100), key=lambda n: int(cells.nth(n).inner_text()))
    page.change(cells.nth(busiest).click, 1)
    assert page.press("image", ["ArrowRight"], 1) > 0.005
    assert page.fits() <= 1 and page.errors == []


def test_augmentation(open_page):
    page = open_page("augment")
    assert page.press("elastic", ["ArrowRight"] * 1) > 0.001
    assert page.press("rotation", ["ArrowRight"] * 1) > 0.001
    assert page.change(page.button("new seed").click) > 0.01
    assert page.fits() <= 1 and page.errors == []


def test_convolution(open_page):
    page = open_page("steps")
    page.image()
    assert page.press("row", [page.away("row")]) > 0.0005
    assert page.press("filter", [page.away("filter")]) > 0.001
    assert page.change(page.button("next position").click) > 0.0005
    assert page.change(lambda: page.control("layer").locator("select").select_option("pool1")) > 0.001
    assert page.fits() <= 1 and page.errors == []


@pytest.mark.parametrize("name", ["curves", "augment"])
def test_on_a_phone(open_page, name):
    page = open_page(name, 480)
    assert page.image().shape[1] <= 480
    assert page.fits() <= 1 and page.errors == []
