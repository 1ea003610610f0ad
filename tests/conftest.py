"What all tests share."
import fashion_cnn   # first: what it asks of TensorFlow must hold in this process too, not only in those that inherit its environment
import gc
import os
import random
import shutil
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")    # of a machine that does other things, too; in CI it draws the same examples every time


@pytest.fixture(autouse=True)
def ctrl_c_works():
    "A shell that starts tests in the background tells them to ignore Ctrl-C; some tests are about it."
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="module")
def small_heap():
    "What lives already is not searched for garbage after every test: with a large network in each, that took minutes."
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="module")
def same_weights():
    "Weights that no test seeds are the same in every run of its file: Keras takes their seeds from here."
    random.seed(0)


@pytest.fixture(scope="module")
def own_scratch(tmp_path_factory):
    "The folder for temporary files of a test file and its processes: nobody else's are there."
    folder = str(tmp_path_factory.mktemp("scratch"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TMPDIR", folder)
        yield


@pytest.fixture(scope="module")
def browser():
    "A headless Chromium; where there is none, these tests are skipped, except in CI."
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        assert not os.environ.get("CI"), "CI must have Chromium"
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=found, args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"])
        yield chromium
        chromium.close()
