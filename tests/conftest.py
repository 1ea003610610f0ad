"What all tests share."
import signal

import pytest


@pytest.fixture(autouse=True)
def ctrl_c_works():
    "A shell that starts tests in the background tells them to ignore Ctrl-C; some tests are about it."
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
