"""How fast a training step is, side by side: python benchmarks/step.py

`train` of the package against Keras' own `fit` on the same arrays: with layers that are all Keras' own and oneDNN as in `train`, the same with
what TensorFlow chooses when it comes alone, and with the layers of the package; against the same network in PyTorch (eager and compiled) and in
Keras on JAX.
Same layers and parameters (compared), batches of 128, Adam, cross-entropy, and loss and accuracy on the way. Every contender
is a process of its own; all work in turns, each turn 12 to 200 steps and a look at 2,500 validation images, and one first turn that
does not count. Each has its best settings: PyTorch the layout of channels that is faster for the network, and all cores. PyTorch and JAX
live in environments of their own, made by `make bench-environments`; what is missing is left out, and said.

What is left to gain: the best rate of a single-precision matrix product on this machine, measured in the same run, and which share of it
`train` reaches, counting three forward passes of operations for a step (one there, two back).

One more row says what input costs: `train` with one batch that lies ready. Ratios are medians over the turns of (this / `train` of the same turn).
Each network is a section of its own, written as soon as it is measured; --networks deeper measures one.
"""
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import results
import turns

NETWORKS = {"brief": ([], 200), "deeper": ([], 100), "hw2-cnn": ([], 25), "cm6-resnet": (["--depth", 20], 12)}    # options, steps in a turn
HERE, BATCH, VALIDATION = Path(__file__).parent, 128, 2500
ASKED = {"TF_ENABLE_ONEDNN_OPTS": "1"}    # what `import fashion_cnn` asks TensorFlow for
BARS = {"fit": 1.03, "torch": 0.75}    # train against fit at most; train against the better PyTorch at most, on deeper


def images(folder, steps):
    "Sketches for so many steps, and for validation; the path of the file."
    from fashion_cnn.sketch import sketch_set
    x, y = sketch_set(steps * BATCH + VALIDATION, seed=0)
    path = Path(folder) / "images.npz"
    np.savez(path, x_train=x[VALIDATION:], y_train=y[VALIDATION:], x_validation=x[:VALIDATION], y_validation=y[:VALIDATION])
    return path


def candidates(network, arrays, options):
    "How to start each contender: {name: (words, environment) or why not}."
    def keras(way, python=sys.executable, backend="tensorflow", **environment):
        return [python, HERE / "in_keras.py", way, network, arrays, *options], {"KERAS_BACKEND": backend, **environment}
    def torch(python, *more): return [python, HERE / "in_torch.py", network, arrays, *more], {}
    found = {"train": keras("train", **ASKED), "Keras fit": keras("fit", **ASKED), "Keras fit, TensorFlow as it comes": keras("fit", **dict.fromkeys(ASKED)),
             "Keras fit, layers of the package": keras("same", **ASKED),
             "train, batches that lie ready": keras("ready", **ASKED)}
    python, why = turns.python_of("torch")
    found["PyTorch eager"], found["PyTorch compiled"] = (torch(python), torch(python, "--compile")) if python else (why, why)
    python, why = turns.python_of("jax")
    found["Keras fit on JAX"] = keras("fit", python, "jax") if python else why
    return found


def compare(network, repeats, steps, options, only):
    "Contenders of one network, having worked; and why others are missing."
    with tempfile.TemporaryDirectory() as folder:
        ways = candidates(network, images(folder, steps), options)
        missing = {name: why for name, why in ways.items() if isinstance(why, str)}
        there = {name: turns.Contender(*way) for name, way in ways.items() if name not in missing and (not only or name in ("train", *only))}
        try:
            facts = {}
            for name, contender in there.items():
                facts[name] = contender.heard()
                print(f"{network}: {name} is ready", file=sys.stderr, flush=True)
            turns.alternate(there, 1)
            for contender in there.values(): contender.turns.clear()
            turns.alternate(there, repeats)
        finally:
            for contender in there.values(): contender.end()
    counts = {fact["parameters"] for fact in facts.values()}
    if len(counts) > 1: raise SystemExit(f"{network}: the contenders differ in parameters: { {name: fact['parameters'] for name, fact in facts.items()} }")
    return there, facts, missing


def rows(steps, there, facts, missing):
    "The table of one network."
    base = there["train"]
    for name, contender in there.items():
        yield {"contender": name, "ms a step": f"{1e3 * turns.median(contender, 'training') / steps:.2f}",
               "step to train's": f"{turns.ratio(contender, base, 'training'):.3f}",
               "epoch s": f"{turns.median(contender, 'epoch'):.2f}", "epoch to train's": f"{turns.ratio(contender, base, 'epoch'):.3f}",
               "what": f"{facts[name]['versions']}; {facts[name]['settings']}"}
    for name, why in missing.items(): yield {"contender": name, **dict.fromkeys(("ms a step", "step to train's", "epoch s", "epoch to train's"), "-"), "what": why}


def matrix_rate(size=2048, repeats=9):
    "Operations a second of the fastest of several matrix products in single precision: what no step can exceed."
    left, right = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - began)
    return 2 * size ** 3 / min(seconds)


def limit(network, options, steps, base, rate):
    "Which share of that rate a step of `train` reaches."
    from fashion_cnn.models import build, cost
    more = {"depth": options[1]} if options else {}
    work = 3 * BATCH * 1e6 * cost(build(network, (28, 28, 1), 10, **more))["MFLOPs"]
    step = turns.median(base, "training") / steps
    return (f"This machine multiplies matrices at {rate / 1e9:.0f} GFLOP/s in single precision (NumPy, {np.__version__}). A step of `{network}` is "
            f"{work / 1e9:.1f} GFLOP; `train` does {work / step / 1e9:.0f} a second, {100 * work / step / rate:.0f} % of that.")


def verdict(network, there):
    "The bars, and what input costs."
    base, said = there["train"], []
    for name in ("Keras fit", "Keras fit, TensorFlow as it comes", "Keras fit, layers of the package"):
        if name in there: said.append(f"a step of `train` takes {turns.ratio(base, there[name], 'training'):.3f} of that of {name}, an epoch "
                                       f"{turns.ratio(base, there[name], 'epoch'):.3f} (bar: {BARS['fit']})")
    if "train, batches that lie ready" in there:
        idle = 1 - turns.ratio(there["train, batches that lie ready"], base, "training")
        said.append(f"input takes {100 * max(0, idle):.1f} % of a step")
    torches = [contender for name, contender in there.items() if name.startswith("PyTorch")]
    if torches:
        best = min(torches, key=lambda contender: turns.median(contender, "training"))
        bar = f" (bar: {BARS['torch']})" if network == "deeper" else ""
        said.append(f"a step of `train` takes {turns.ratio(base, best, 'training'):.3f} of PyTorch's better one{bar}")
    return f"`{network}`: {'; '.join(said)}."


def main():
    parser = results.arguments(__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="which (default: all four)")
    parser.add_argument("--only", nargs="+", metavar="CONTENDER", help="these contenders beside train, such as 'Keras fit'; nothing is written")
    asked = parser.parse_args()
    if asked.quick: asked.repeats = 1
    asked.quick = asked.quick or bool(asked.only)
    for network in asked.networks:
        options, steps = NETWORKS[network]
        if asked.quick and not asked.only: steps = 5
        report = results.Report(f"A training step of `{network}`, side by side", ["keras", "tensorflow", "numpy"], asked, f"step_{network.replace('-', '_')}")
        rates = [matrix_rate()]
        there, facts, missing = compare(network, asked.repeats, steps, options, asked.only)
        rates.append(matrix_rate())
        report.text(f"`{network}`, {facts['train']['parameters']:,} parameters: batches of {BATCH}, Adam, sketches of 28 x 28; an epoch is {steps} steps and "
                    f"{VALIDATION:,} validation images; medians of {asked.repeats} alternated turns.")
        report.table(list(rows(steps, there, facts, missing)))
        report.text(verdict(network, there))
        report.text(limit(network, options, steps, there["train"], max(rates)))
        report.write()


if __name__ == "__main__":
    main()
