"""How long a reader waits before anything happens: python benchmarks/start.py

Each line is a fresh process, all of them in turns; seconds are medians, less what starting Python
alone costs. `fashion-cnn train` is stopped when its first step is done: loading, building and
compiling included, once with 1,000 sketches from a file and once with Fashion-MNIST, where it can
be found. It may take 2 s more than importing TensorFlow alone, which it cannot do without.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results

PLAIN, TENSORFLOW, BAR = "(Python alone)", "import tensorflow", 2.0
STARTS = {
    PLAIN: "pass", "import fashion_cnn": "import fashion_cnn",
    "from fashion_cnn.data import load": "from fashion_cnn.data import load",
    "from fashion_cnn.run import recorded; recorded()": "from fashion_cnn.run import recorded; "
                                                        "recorded()",
    "fashion-cnn recipes": "from fashion_cnn.cli import main; main(['recipes'])",
    "from fashion_cnn.plots import learning_curves": "from fashion_cnn.plots import "
                                                     "learning_curves",
    "from fashion_cnn.train import train": "from fashion_cnn.train import train",
    TENSORFLOW: "import tensorflow"}

FIRST_STEP = """
import os, sys
from fashion_cnn import cli, commands
ordinary = commands.trainer

def trainer():
    "The same, and the process ends with the first step."
    train = ordinary()
    from fashion_cnn.checkpoint import CheckpointCallback
    CheckpointCallback.on_train_batch_end = lambda self, batch, logs=None: os._exit(7)
    return train

commands.trainer = trainer
cli.main(["train", "deeper", "--data", sys.argv[1], "--out", sys.argv[2], "--restart"])
"""


def commands(folder, found):
    "Words to run for each line: {name: (words, exit code)}."
    from fashion_cnn.data import save_arrays
    from fashion_cnn.sketch import sketch_set
    small = save_arrays(sketch_set(1000), Path(folder) / "small")
    first = {
        "fashion-cnn train: first step, 1,000 sketches": [small],
        **({"fashion-cnn train: first step, Fashion-MNIST": ["fashion-mnist"]} if found else {})}
    return {
        **{name: ([sys.executable, "-c", code], 0) for name, code in STARTS.items()},
        **{
            name: ([sys.executable, "-c", FIRST_STEP, str(data[0]), str(Path(folder) / "run")], 7)
            for name, data in first.items()}}


def seconds(words, code):
    "Wall time of a fresh process, which must end with this exit code."
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != code:
        raise SystemExit(
            f"{words[2][:60]!r} ended with {done.returncode} instead of {code}: "
            f"{done.stderr[-500:]}")
    return time.perf_counter() - began


def fashion_mnist():
    "Whether Fashion-MNIST lies where load() looks first; it is not downloaded for this."
    if "FASHION_CNN_DATA" not in os.environ: return False
    from fashion_cnn.data import load
    try: return load("fashion-mnist") is not None
    except FileNotFoundError: return False


def main():
    asked = results.arguments(__doc__).parse_args()
    if asked.quick: asked.repeats = 1
    report = results.Report("From nothing to something", ["keras", "tensorflow", "numpy"], asked)
    with tempfile.TemporaryDirectory() as folder:
        lines = commands(folder, fashion_mnist())
        for words, code in lines.values():
            seconds(words, code)  # files are read once before it counts
        times = {name: [] for name in lines}
        for _ in range(asked.repeats):
            for name, line in lines.items(): times[name].append(seconds(*line))
    report.text(
        f"Medians of {asked.repeats} fresh processes each, in turns, less what starting Python "
        f"costs "
        f"({statistics.median(times[PLAIN]):.2f} s). `fashion-cnn train` may take {BAR:.0f} s "
        f"more than TensorFlow alone, up to its first step.")
    less = lambda name, other: statistics.median(
        mine - theirs for mine, theirs in zip(times[name], times[other]))
    report.table(
        [
            {
                "start": name, "seconds": f"{max(0.0, less(name, PLAIN)):.2f}",
                "more than TensorFlow": f"{less(name, TENSORFLOW):.2f}" if "train" in name else "-"}
            for name in lines if name != PLAIN])
    report.write()


if __name__ == "__main__":
    main()
