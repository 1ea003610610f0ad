"""A long day: processes that are killed, one after the other, and two hundred trainings in one kernel.

Minutes each, so only FASHION_CNN_LONG=1 runs them (`make test-long`, every week)."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fashion_cnn

pytestmark = pytest.mark.skipif(os.environ.get("FASHION_CNN_LONG", "") in ("", "0"), reason="minutes; FASHION_CNN_LONG=1 runs it")

PACKAGE = Path(fashion_cnn.__file__).parent
COMMAND = "import sys; from fashion_cnn.cli import main; raise SystemExit(main())"
FEATURES = """
import keras
from fashion_cnn.features import cached_features
from fashion_cnn.sketch import sketch_set
keras.utils.set_random_seed(0)
base = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(32, 5), keras.layers.Flatten()])
cached_features(base, sketch_set(3_000, seed=0)[0], "runs/features", batch_size=32)
"""
SMALL = ["--data", "sketch", "--limit", "300"]
PROGRAMS = {
    "train": [COMMAND, "train", "brief", *SMALL, "--epochs", "6", "--out", "runs/one"],
    "sweep": [COMMAND, "sweep", "brief", *SMALL, "--epochs", "2", "--grid", "learning_rate=0.001,0.01", "--jobs", "2", "--out", "runs/sweep"],
    "record": [COMMAND, "record", "brief", *SMALL, "--epochs", "3", "--seeds", "0", "1"],
    "cache": [FEATURES],
}


def prepared(folder):
    "A folder with a package of its own, into which `record` writes."
    shutil.copytree(PACKAGE, folder / "fashion_cnn", ignore=shutil.ignore_patterns("*-seed*", "__pycache__"))
    return folder


def started(kind, folder):
    "One of the programs, at work in a folder."
    environment = {**os.environ, "PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-c", *PROGRAMS[kind]], cwd=folder, env=environment, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ended(kind, folder):
    "The seconds that a program takes to its end."
    began = time.monotonic()
    process = started(kind, folder)
    errors = process.communicate(timeout=600)[1]
    assert process.returncode == 0, errors[-3000:]
    return time.monotonic() - began


def without_times(value):
    "A run or record without what differs from one training to the next: seconds, dates, names of files."
    if isinstance(value, dict): return {key: without_times(each) for key, each in value.items() if key not in ("seconds", "date", "files", "environment")}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def content(path):
    "What must be the same in a file."
    if path.suffix == ".json": return without_times(json.loads(path.read_text()))
    if path.suffix == ".npy": return path.read_bytes()
    if path.name.startswith("predictions"):
        with np.load(path) as arrays: return {name: arrays[name].tobytes() for name in arrays}
    return None   # a model: run.json holds the checksum of its weights


def left_in(folder):
    "All files that a program has left, with what must be the same in them."
    places = [folder / "runs", folder / "fashion_cnn" / "recorded"]
    files = [path for place in places for path in sorted(place.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    plain = {re.sub(r"-[0-9a-f]{12}(?=\.)", "", str(path.relative_to(folder))): path for path in files}
    assert len(plain) == len(files), sorted(map(str, files))   # no second model, no second predictions
    return {name: content(path) for name, path in plain.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    "For each program what it leaves when nobody disturbs it, and its seconds."
    folders = {kind: prepared(tmp_path_factory.mktemp(kind)) for kind in PROGRAMS}
    seconds = {kind: ended(kind, folder) for kind, folder in folders.items()}
    return {kind: (left_in(folder), seconds[kind]) for kind, folder in folders.items()}


@pytest.mark.parametrize("number", range(30))
def test_killed_at_any_moment_and_started_again(undisturbed, tmp_path, number):
    kind = list(PROGRAMS)[number % len(PROGRAMS)]
    expected, seconds = undisturbed[kind]
    folder, chance = prepared(tmp_path), random.Random(number)
    for _ in range(chance.choice([1, 1, 2])):
        process = started(kind, folder)
        try: process.wait(chance.uniform(0.4, 1) * seconds)
        except subprocess.TimeoutExpired: process.send_signal(signal.SIGKILL)
        process.communicate()
    ended(kind, folder)
    assert left_in(folder) == expected


TRAININGS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from fashion_cnn import plots
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train
from small import sketches

def own_memory():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))

data = sketches(96)
for number in range(200):
    recipe = Recipe("brief", "brief", {{"filters": 8 + number % 3, "units": 16}}, batch_size=32, epochs=1, seed=number)
    run = train(recipe, data, progress=False)
    evaluation = Evaluation.from_run(run, "test")
    evaluation.report()
    plots.learning_curves(run)
    plots.confusion_matrix(evaluation)
    plt.close("all")
    print(own_memory(), flush=True)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_two_hundred_trainings_in_one_process():
    done = subprocess.run([sys.executable, "-c", TRAININGS], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    megabytes = [float(line) for line in done.stdout.split()]
    print("memory in MB after 10, 50, 100, 150, 200:", [round(megabytes[at - 1]) for at in (10, 50, 100, 150, 200)], "most:", round(max(megabytes)))
    assert max(megabytes[10:]) - max(megabytes[:10]) <= 500
