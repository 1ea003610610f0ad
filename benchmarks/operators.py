"""Where the time of a training step goes, in `train` and in PyTorch, side by side: python benchmarks/operators.py

Both frameworks measure their own operators with their own profiler (tf.profiler, torch.profiler) while they train the networks of step.py:
same layers, batches of 128, Adam. Operators are summed by kind. Every contender is a process of its own, all work in turns, and what is
written down is the median of the turns. A profiler takes time itself, so steps are a little slower here than in step.py; and where two
operators run at once, on one core each, both count. PyTorch runs in the layout of channels that is faster for the network.
"""
import argparse
import collections
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import results
import turns
from turns import say, wait

NETWORKS, STEPS, WARM = ("hw2-cnn", "cm6-resnet"), 10, 3
KINDS = {    # of operators, the first that fits: {kind: parts of names}
    "optimizer": ("/adam", "fused_adam", "zero_grad"),
    "convolution, backward": ("Conv2DBackprop", "convolution_backward"),
    "convolution": ("Conv2D", "mkldnn_convolution"),
    "normalisation, backward": ("FusedBatchNormGrad", "batch_norm_backward"),
    "normalisation": ("FusedBatchNorm", "batch_norm"),
    "pooling": ("MaxPool", "max_pool"),
    "dense": ("MatMul", "aten::addmm", "aten::mm"),
    "activation": ("Relu", "threshold_backward", "clamp_min", "relu"),
}


def kind_of(operator):
    "Which kind an operator is of, by its name."
    return next((kind for kind, parts in KINDS.items() if any(part in operator for part in parts)), "everything else")


def by_kind(times):
    "{operator: ms} as {kind: ms a step}."
    found = collections.Counter()
    for operator, ms in times.items(): found[kind_of(operator)] += ms / STEPS
    return dict(found)


# In the contenders' processes

def tensorflow_operators(folder):
    "What tf.profiler wrote into a folder, as {name:type of an operator: ms}."
    from tensorflow.tsl.profiler.protobuf import xplane_pb2
    space, found = xplane_pb2.XSpace(), collections.Counter()
    space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    plane = next(plane for plane in space.planes if plane.name == "/host:CPU")
    for line in plane.lines:
        for event in line.events:
            name = plane.event_metadata[event.metadata_id].name
            if name.startswith("StatefulPartitionedCall/") and ":" in name: found[name] += event.duration_ps / 1e9
    return found


def in_tensorflow(network, options, arrays):
    "`train`, one profiled epoch for each go line."
    import keras
    import tensorflow as tf
    from fashion_cnn.train import train
    from in_keras import experiment

    class Profiled(keras.callbacks.Callback):
        "Profiles every epoch after the first ones."
        began = None

        def on_epoch_begin(self, epoch, logs=None):
            if epoch < WARM: return
            if epoch == WARM: say(versions=f"Keras {keras.__version__} on tensorflow {tf.__version__}", settings="as they come")
            wait()
            self.folder = tempfile.TemporaryDirectory()
            tf.profiler.experimental.start(self.folder.name)
            self.began = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            if self.began is None or batch + 1 < STEPS: return
            seconds = time.perf_counter() - self.began
            tf.profiler.experimental.stop()
            say(step=1e3 * seconds / STEPS, kinds=by_kind(tensorflow_operators(self.folder.name)))
            self.folder.cleanup()

    recipe, data = experiment(network, options, arrays, 128)
    train(recipe, data, progress=False, callbacks=[Profiled()])


def in_pytorch(network, arrays):
    "The same in PyTorch."
    import torch
    from in_torch import Trainer, better_layout
    torch.set_num_threads(results.cores())
    classes = int(arrays["y_train"].max()) + 1
    layout = better_layout(network, arrays, classes, 128)
    trainer = Trainer(network, arrays, classes, layout=layout)
    trainer.steps(WARM)
    say(versions=f"PyTorch {torch.__version__}", settings=f"channels {'last' if layout is torch.channels_last else 'first'}")
    while True:
        wait()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
            began = time.perf_counter()
            trainer.steps(STEPS)
            seconds = time.perf_counter() - began
        say(step=1e3 * seconds / STEPS, kinds=by_kind({event.key: event.self_cpu_time_total / 1e3 for event in profiler.key_averages()}))


def child(asked):
    "One of the contenders."
    import numpy as np
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arrays = dict(np.load(asked.arrays))
    if asked.child == "pytorch": return in_pytorch(asked.networks[0], arrays)
    options = {"depth": 20} if asked.networks[0] == "cm6-resnet" else {}
    in_tensorflow(asked.networks[0], options, arrays)


# In the process that measures

def compare(network, repeats):
    "Both, having worked in turns; what they said of themselves; and why PyTorch is missing, if it is."
    from step import ASKED, images
    with tempfile.TemporaryDirectory() as folder:
        words = [__file__, "--networks", network, "--arrays", images(folder, STEPS), "--child"]
        there = {"train": turns.Contender([sys.executable, *words, "tensorflow"], ASKED)}
        torch, missing = turns.python_of("torch")
        if torch: there["PyTorch"] = turns.Contender([torch, *words, "pytorch"])
        try:
            facts = {name: contender.heard() for name, contender in there.items()}
            turns.alternate(there, repeats)
        finally:
            for contender in there.values(): contender.end()
    return there, facts, missing


def rows(there):
    "One line for each kind: ms a step in each; and the sum of the operators beside the clock."
    def line(what, of_turn):
        return {"operators": what, **{f"{name} ms": f"{statistics.median(map(of_turn, contender.turns)):.1f}" for name, contender in there.items()}}
    for kind in (*KINDS, "everything else"): yield line(kind, lambda turn: turn["kinds"].get(kind, 0))
    yield line("all of them", lambda turn: sum(turn["kinds"].values()))
    yield line("a whole step, by the clock", lambda turn: turn["step"])


def main():
    parser = results.arguments(__doc__, repeats=7)
    parser.add_argument("--networks", nargs="+", choices=("brief", "deeper", *NETWORKS), default=list(NETWORKS), help=f"which (default: {' and '.join(NETWORKS)})")
    parser.add_argument("--child", choices=("tensorflow", "pytorch"), help=argparse.SUPPRESS)
    parser.add_argument("--arrays", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child: return child(asked)
    for network in asked.networks:
        report = results.Report(f"Where a training step of `{network}` goes", ["keras", "tensorflow", "numpy"], asked, f"operators_{network.replace('-', '_')}")
        there, facts, missing = compare(network, 2 if asked.quick else asked.repeats)
        report.text(f"`{network}`: batches of 128, Adam, sketches of 28 x 28; {STEPS} steps a turn, medians of {len(there['train'].turns)} alternated turns, operators as "
                    f"the profilers of both time them. " + "; ".join(f"{name}: {fact['versions']}, {fact['settings']}" for name, fact in facts.items()) + f"{'; PyTorch: ' * bool(missing)}{missing}.")
        report.table(list(rows(there)))
        report.write()


if __name__ == "__main__":
    sys.exit(main())
