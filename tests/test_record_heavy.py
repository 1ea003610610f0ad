"""The script that records the heavy recipes: its clock, and what becomes of the others when one fails."""
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import record_heavy   # noqa: E402


@pytest.fixture
def start(monkeypatch, tmp_path):
    "A function that starts the script with a training that is pretended."
    def started(train, *words):
        monkeypatch.setattr(record_heavy, "train", train)
        monkeypatch.setattr(record_heavy, "images", lambda *names, **options: None)
        return record_heavy.main(["--runs", str(tmp_path / "runs"), "--only", "brief", *words])
    return started


def test_the_clock_stops_a_training_that_swallows_an_interrupt(start, tmp_path, capsys):
    def swallowing(*arguments, **options):
        try: time.sleep(10)
        except KeyboardInterrupt: time.sleep(10)
    began = time.monotonic()
    assert start(swallowing, "--minutes", "0.005", "--records", str(tmp_path)) == 1
    assert time.monotonic() - began < 6 and "The minutes are over" in capsys.readouterr().out


def test_what_fails_is_named_and_the_others_go_on(start, tmp_path, capsys):
    def train(recipe, data, seed, **options):
        if seed == 1: raise ValueError("no memory is left")
        return SimpleNamespace(stopped="finished", record=lambda folder: tmp_path / "2.json")
    assert start(train, "--records", str(tmp_path)) == 1
    said = capsys.readouterr().out
    assert "brief, seed 1: no memory is left" in said and "brief, seed 2" in said


def test_a_try_records_beside_its_runs(start, tmp_path):
    folders = []
    def train(recipe, data, out, **options):
        return SimpleNamespace(stopped="finished", record=lambda folder: folders.append((out.name, folder)) or out)
    assert start(train, "--epochs", "1") == 0
    assert folders == [(f"brief-seed{seed}-1-epochs-None-images", str(tmp_path / "runs")) for seed in (1, 2)]
