"What all tests share."
import gc
import signal

import pytest


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
