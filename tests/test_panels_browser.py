"""Panels in JupyterLab, in a headless Chromium: knobs are turned, and the picture must change.

Screenshots are kept where FASHION_CNN_SCREENSHOTS says, else in pytest's temporary folder.
"""
import io
import json
import os
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

DATA = """
from fashion_cnn.data import load
data = load('sketch', limit=400)
"""
NETWORK = DATA + """
from fashion_cnn.models import build
network = build('a3-small', data.input_shape, data.classes, filters=4)
"""
ERRORS = NETWORK + """
import numpy as np
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.panels import ErrorExplorer
guesses = np.random.default_rng(0).dirichlet(np.ones(10), len(data.test))
ErrorExplorer(Evaluation(data.test.y, guesses, data.class_names), data.test, network)
"""
CELLS = {
    "curves": "from fashion_cnn.panels import CurveExplorer\nCurveExplorer()",
    "train": DATA + "from fashion_cnn.panels import TrainPanel\npanel = TrainPanel(data)\npanel",
    "errors": ERRORS,
    "augment": DATA + "from fashion_cnn.panels import AugmentPanel\nAugmentPanel(data)",
    "photograph": """
from fashion_cnn.panels import PhotographPanel
from fashion_cnn.data import load
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train
data = load('sketch', limit=400)
run = train(Recipe('small', 'a3-small', {'filters': 4}, epochs=1), data, progress=False)
PhotographPanel(run)
""",
    "steps": NETWORK + "from fashion_cnn.panels import ConvolutionStepper\n"
                       "ConvolutionStepper(network, data.test.x[0])"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "JupyterLab with a notebook of one cell, and nothing of anybody's settings; its address."
    folder = tmp_path_factory.mktemp("lab")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book.metadata["kernelspec"] = kernel
    nbformat.write(book, folder / "panels.ipynb")
    quiet = folder / ".jupyter" / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    settings = {"fetchNews": "false", "checkForUpdates": False}
    (quiet / "notification.jupyterlab-settings").write_text(json.dumps(settings))
    folders = {name: str(folder / ".jupyter" / name) for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR",
        "JUPYTER_RUNTIME_DIR")}
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, **folders, "PYTHONPATH": path}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1",
               "--IdentityProvider.token=panels", f"--ServerApp.root_dir={folder}"]
    with open(folder / "lab.log", "wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=environment,
                                  cwd=folder, stdout=log, stderr=log)
        directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        said = Path(folders["JUPYTER_RUNTIME_DIR"]) / f"jpserver-{server.pid}.json"    # its port, too
        for _ in range(240):
            try:
                address = f"http://127.0.0.1:{json.loads(said.read_text())['port']}"
                directly.open(f"{address}/api?token=panels", timeout=5)
                break
            except (OSError, ValueError): time.sleep(0.5)
            assert server.poll() is None, (folder / "lab.log").read_text()
        else: raise AssertionError((folder / "lab.log").read_text())
        yield address
        server.terminate()
        try: server.wait(20)
        except subprocess.TimeoutExpired: server.kill()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    asked = os.environ.get("FASHION_CNN_SCREENSHOTS")
    folder = Path(asked or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


WINDOW = {"width": 1100, "height": 1400}
IDLE = ".jp-Toolbar .jp-Notebook-ExecutionIndicator[data-status=idle]"
IMAGES = ", ".join(f".jp-OutputArea {each}" for each in IMAGE.split(", "))
STATUS = ".jp-OutputArea [role=status]"


class Page:
    "A notebook of one cell in a tab, and the panel that the cell shows; one kernel for all."

    def __init__(self, browser, address):
        self.tab, self.errors = browser.new_page(viewport=WINDOW), []
        self.tab.set_default_timeout(PATIENCE)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.goto(f"{address}/doc/tree/panels.ipynb?token=panels&reset",
                      wait_until="domcontentloaded")
        self.tab.locator(IDLE).first.wait_for(state="attached")    # a narrow window hides it
        self.images = self.tab.locator(IMAGES)

    def show(self, name):
        "Put the code of a panel into the cell and run it, until its first picture is there."
        self.tab.set_viewport_size(WINDOW)
        later = {"train": "train", "photograph": "forget all"}    # not drawn yet
        part = self.button(later[name]) if name in later else self.images.first
        prompt = self.tab.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").first
        for _ in range(6):    # keys may go nowhere at first
            before = prompt.inner_text()
            self.dismiss_dialog()
            self.tab.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
            self.tab.keyboard.press("Control+A")
            self.tab.keyboard.insert_text(CELLS[name])
            self.tab.keyboard.press("Control+Enter")
            try:
                # [*] while it runs, then the next number; as before where the kernel was not ready
                sync_api.expect(prompt).not_to_have_text(before, timeout=10_000)
                sync_api.expect(prompt).not_to_have_text("[*]:", timeout=PATIENCE)
                part.wait_for(timeout=20_000)
                return self
            except (AssertionError, sync_api.TimeoutError): continue
        shown = self.tab.locator(".jp-Notebook .jp-CodeCell").first.inner_text()
        raise AssertionError(f"No panel was shown. The cell and what stands below it: {shown}")

    def dismiss_dialog(self):
        "Say yes to what JupyterLab asks on a slow machine, such as whether to wait for a kernel."
        accept = self.tab.locator(".jp-Dialog .jp-mod-accept")
        if accept.count(): accept.first.click()

    def image(self, number=0):
        "The picture as it is on the screen, once it is there."
        image = self.images.nth(number)
        image.wait_for()
        image.evaluate("one => one.decode()")
        return np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB"), int)

    def source(self, number=0): return self.images.nth(number).get_attribute("src")

    def control(self, label):
        label = f"label.widget-label:text-is('{label}')"
        return self.tab.locator(f".jp-OutputArea :has(> {label})").first

    def change(self, act, number=0):
        "Do something, wait for another picture, and give the share of its pixels that differ."
        before, source = self.image(number), self.source(number)
        act()
        started = time.monotonic()
        self.tab.wait_for_function("""([selector, n, old]) => {
            const one = document.querySelectorAll(selector)[n];
            return one && one.src && one.src !== old }""", arg=[IMAGES, number, source])
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
        now, most = (handle.get_attribute(f"aria-value{which}") for which in ("now", "max"))
        return "ArrowLeft" if now == most else "ArrowRight"

    def button(self, text):
        return self.tab.locator(f".jp-OutputArea button:text-is('{text}')").first

    def settle(self):
        "Wait until the kernel knows what the knobs say: while it is busy, clicks overtake them."
        for _ in range(3):
            self.tab.wait_for_timeout(150)
            self.tab.locator(IDLE).first.wait_for(state="attached")

    def message(self): return self.tab.locator(STATUS).first.inner_text()

    def wait_message(self, words, timeout=PATIENCE):
        self.tab.locator(f"{STATUS}:has-text('{words}')").first.wait_for(timeout=timeout)

    def slide(self, **keys):
        "Press a key on sliders that draw nothing."
        for label, key in keys.items():
            self.control(label.replace("_", " ")).locator(".noUi-handle").focus()
            self.tab.keyboard.press(key)

    def fits(self, width=None):
        "Whether the panel is as wide as the place it has, in a window of this width."
        if width: self.tab.set_viewport_size({"width": width, "height": 1400})
        wider = self.tab.evaluate("""() => {
            const place = document.querySelector('.jp-OutputArea-output');
            return place.scrollWidth - place.clientWidth }""")
        return wider <= 1 and self.errors == []


@pytest.fixture(scope="module")
def page(browser, lab):
    opened = Page(browser, lab)
    yield opened
    opened.tab.close()


@pytest.fixture
def show(page, screenshots, request):
    yield page.show
    name = request.node.name.removeprefix("test_")
    page.tab.screenshot(path=str(screenshots / f"{name}.png"))


def test_curves(show):
    page = show("curves")
    assert page.image().std() > 5
    assert page.press("smoothing", ["ArrowRight"]) > 0.001
    print("seconds from key to picture:", round(page.seconds, 2))
    assert page.press("every", ["ArrowRight"]) > 0.001
    log = page.tab.locator(".widget-checkbox:has-text('log scale') input")
    assert page.change(log.click) > 0.001
    tables = page.tab.locator(".jp-OutputArea table")
    before = tables.first.inner_text()
    runs, two = page.control("runs").locator("select"), ["brief, seed 0", "deeper, seed 0"]
    assert page.change(lambda: runs.select_option(two)) > 0.01
    sync_api.expect(tables.first).not_to_have_text(before, timeout=PATIENCE)
    tables.filter(has_text="recipes differ in").first.wait_for()
    page.tab.locator("button:has-text('show code')").click()
    page.tab.locator(".jp-OutputArea pre:has-text('curves(chosen')").wait_for()
    assert page.fits() and page.fits(480) and page.image().shape[1] <= 480, "and on a phone"


def test_training_grows_a_curve_and_can_be_interrupted(show):
    page = show("train")
    page.control("network").locator("select").select_option("a3-small")
    for _ in range(3): page.slide(filters="ArrowLeft", epochs="ArrowLeft")
    page.button("show code").click()
    page.tab.locator(".jp-OutputArea pre:has-text('epochs=2')").wait_for()    # it has arrived
    page.button("train").click()
    page.images.first.wait_for()    # the first epoch is drawn while the second one is trained
    page.wait_message("2 epochs")
    first = page.image()
    assert "finished" in page.message()
    # one epoch after the other: the curve grows
    assert page.change(page.button("train more").click) > 0.001
    page.wait_message("5 epochs")
    assert page.image().shape == first.shape
    assert (abs(page.image() - first).max(axis=2) > 8).mean() > 0.001
    # a training of minutes, interrupted by the kernel's own interrupt once an epoch is drawn
    page.slide(batch_size="Home", epochs="End")
    page.settle()
    page.change(page.button("train").click)
    interrupt = "[data-command='notebook:interrupt-kernel'], [title*='Interrupt the kernel']"
    page.tab.locator(interrupt).first.click()
    page.wait_message("the finished epochs are kept")
    sync_api.expect(page.button("train")).to_be_enabled(timeout=PATIENCE)
    page.button("keep this run").click()
    page.wait_message("Kept: 1 run")
    assert page.fits()
    # the stop button, where clicks are handled while something trains; elsewhere an interrupt
    page.change(page.button("train").click)
    page.button("stop").click()
    try: page.wait_message("the finished epochs are kept", timeout=15_000)
    except sync_api.TimeoutError:
        page.tab.locator(interrupt).first.click()
        page.wait_message("the finished epochs are kept")
    sync_api.expect(page.button("train")).to_be_enabled(timeout=PATIENCE)


def test_errors(show):
    page = show("errors")
    page.image(2)
    before = page.message()
    cells = page.tab.locator(".jp-OutputArea .widget-gridbox button")
    assert cells.count() == 100
    assert page.change(cells.nth(0).click, 1) > 0.01
    sync_api.expect(page.tab.locator(STATUS).first).not_to_have_text(before, timeout=PATIENCE)
    assert page.press("threshold", ["Home"], 2) > 0.0005
    busiest = max(range(100), key=lambda n: int(cells.nth(n).inner_text()))
    page.change(cells.nth(busiest).click, 1)
    assert page.press("image", ["ArrowRight"], 1) > 0.005
    assert page.fits()


def test_augmentation(show):
    page = show("augment")
    assert page.press("elastic", ["ArrowRight"]) > 0.001
    assert page.press("rotation", ["ArrowRight"]) > 0.001
    assert page.change(page.button("new seed").click) > 0.01
    assert page.fits() and page.fits(480) and page.image().shape[1] <= 480, "and on a phone"


def test_convolution(show):
    page = show("steps")
    page.image()
    assert page.press("row", [page.away("row")]) > 0.0005
    assert page.press("filter", [page.away("filter")]) > 0.001
    assert page.change(page.button("next position").click) > 0.0005
    layers = page.control("layer").locator("select")
    assert page.change(lambda: layers.select_option("pool1")) > 0.001
    assert page.fits()


def test_photographs_are_uploaded(show, tmp_path):
    from fashion_cnn.predict import as_photograph
    from small import sketches
    page, rng, paths = show("photograph"), np.random.default_rng(0), []
    for number, image in enumerate(sketches(20).test.x[:2]):
        paths.append(tmp_path / f"garment {number}.jpg")
        paths[-1].write_bytes(as_photograph(image, rng))
    paths.append(tmp_path / "list.jpg")
    paths[-1].write_text("a shopping list")
    def upload():
        with page.tab.expect_file_chooser() as asked:    # its input is in no document
            page.tab.locator(".jp-OutputArea .widget-upload").first.click()
        asked.value.set_files(paths)
    upload()
    page.wait_message("garment 1.jpg:")
    page.wait_message("list.jpg: It is no picture")
    assert page.image().std() > 5
    choice = page.control("photograph").locator("select")
    assert page.change(lambda: choice.select_option("garment 0.jpg")) > 0.01
    page.wait_message("garment 0.jpg:")
    page.button("forget all").click()
    page.wait_message("Choose one or more photographs")
    upload()    # the same once more
    page.wait_message("garment 1.jpg:")
    assert page.fits() and page.fits(480)


def test_no_label_is_clipped(show):
    for name in ("train", "curves", "augment"):
        page = show(name)
        page.settle()
        clipped = page.tab.evaluate("""() => [...document.querySelectorAll(
            '.jp-OutputArea .widget-label')].filter(one => one.scrollWidth > one.clientWidth + 1)
            .map(one => one.textContent)""")
        assert clipped == [], (name, clipped)
