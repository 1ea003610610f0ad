"""A visitor's own network in the page "Try a garment": an ONNX file as `Run.export` writes it, opened in a headless Chromium.

The library that runs it is fetched from npm (tools/onnxruntime_web.py), if it is not there yet; where that cannot be, what needs it is skipped.
"""
import os
import shutil

import numpy as np
import pytest

import onnxruntime_web
import pages
from served import served, small_site
from test_live import Tab, photographs


def has_library(): return all((pages.ROOT / "nbs" / "live" / "ort" / name).is_file() for name in onnxruntime_web.FILES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return small_site(tmp_path_factory.mktemp("root"), ["try.ipynb"])


@pytest.fixture(scope="module")
def address(site):
    if not has_library() and not onnxruntime_web.write(site / "live" / "ort"): pytest.skip("onnxruntime-web is not there, and npm cannot get it")
    with served(site) as address: yield address


@pytest.fixture(scope="module")
def run():
    "Two networks' worth of difference from the recorded one: three classes, and layers that the page's own code does not know."
    from fashion_cnn.data import Dataset, Split
    from fashion_cnn.recipe import Recipe
    from fashion_cnn.sketch import CLASS_NAMES, draw
    from fashion_cnn.train import train
    labels = np.arange(90) % 3
    parts = [Split(draw([1, 5, 8] * 30, seed=seed), labels) for seed in range(3)]
    options = {"filters": (4, 8), "dropout": (0.0, 0.0), "units": 8}
    return train(Recipe("three-things", "a3-dropout", network_options=options, epochs=1, batch_size=16),
                 Dataset(*parts, tuple(CLASS_NAMES[k] for k in (1, 5, 8)), "three kinds of sketches"), progress=False)


@pytest.fixture(scope="module")
def file(run, tmp_path_factory):
    for package in ("tf2onnx", "onnx"): pytest.importorskip(package)
    return run.export("onnx", tmp_path_factory.mktemp("export") / "three.onnx")


@pytest.fixture(scope="module")
def tab(browser, address):
    tab = Tab(browser, address)
    tab.page.locator("summary", has_text="Your model").click()
    yield tab
    if folder := os.environ.get("FASHION_CNN_SCREENSHOTS"): tab.page.screenshot(path=f"{folder}/try-own-model.png", full_page=True)
    tab.context.close()


def test_an_own_network_answers_with_its_own_classes(tab, run, file):
    import keras
    assert not any("/ort/" in url for url in tab.asked)    # only when it is asked for
    found = tab.answered(lambda: (tab.page.locator("input[name=model]").set_input_files(file), tab.page.get_by_text("Your network three-things answers").wait_for()))
    seen = np.reshape(found["seen"], (1, 28, 28, 1)).astype(np.uint8)
    assert np.abs(np.array(found["probabilities"]) - run.predict(seen)[0]).max() < 1e-5
    assert tab.page.locator(".live-main .live-name").all_inner_texts() == list(run.data["class_names"])
    assert "your own network, three-things" in tab.said()
    tab.page.locator("select[name=layer]").select_option("convolution 2")
    shown = tab.page.evaluate("() => { const {width, channels, data} = document.querySelector('figure.live').answer.maps['convolution 2']; return {width, channels, data: [...data]}; }")
    convolution = run.model.get_layer("conv2")
    before = keras.Model(run.model.inputs[0], convolution.input)(seen, training=False)
    plain = keras.ops.conv(before, convolution.kernel, padding="same") + convolution.bias
    maps = np.reshape(shown["data"], (13, 13, 8))
    assert shown["channels"] == 8 and (np.allclose(maps, plain[0], atol=1e-4) or np.allclose(maps, plain[0] - convolution.bias, atol=1e-4))
    assert not tab.page.get_by_text("The nearest mistakes").is_visible()


def test_it_answers_to_a_photograph_too(tab, run, file):
    tab.source("upload")
    found = tab.answered(lambda: tab.page.locator("input[name=file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": photographs()[5]}))
    seen = np.reshape(found["seen"], (1, 28, 28, 1)).astype(np.uint8)
    assert np.abs(np.array(found["probabilities"]) - run.predict(seen)[0]).max() < 1e-5


def test_what_is_no_model_is_refused_in_words_and_the_network_before_stays(tab, tmp_path):
    for name, content in (("text.onnx", b"no model at all"), ("cut.onnx", b"\x3a\xff\x7f" + bytes(20)), ("empty.onnx", b"")):
        (tmp_path / name).write_bytes(content)
        tab.page.locator("input[name=model]").set_input_files(tmp_path / name)
        tab.page.locator(".live-own .live-note").last.get_by_text("ONNX file").wait_for()
    assert len(tab.page.locator(".live-main .live-name").all_inner_texts()) == 3


def test_the_recorded_network_comes_back(tab):
    found = tab.answered(lambda: tab.page.get_by_role("button", name="the recorded network again").click())
    assert len(found["probabilities"]) == 10 and tab.page.get_by_text("The nearest mistakes").is_visible() and tab.problems == []


def test_a_site_without_the_library_says_so(browser, tmp_path_factory, file):
    site = small_site(tmp_path_factory.mktemp("without"), ["try.ipynb"])
    shutil.rmtree(site / "live" / "ort", ignore_errors=True)
    with served(site) as address:
        tab = Tab(browser, address)
        tab.page.locator("summary", has_text="Your model").click()
        tab.page.locator("input[name=model]").set_input_files(file)
        tab.page.get_by_text("The library that opens models could not be loaded").wait_for()
        tab.context.close()


def test_a_package_that_is_not_the_tested_one_is_refused(tmp_path):
    package = tmp_path / "other.tgz"
    package.write_bytes(b"something else")
    with pytest.raises(ValueError, match="another file than the one that was tested.*Received: sha512-"): onnxruntime_web.check(package)
