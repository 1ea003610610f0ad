"""What caching the features of a frozen base saves: python benchmarks/transfer.py

`hw2-vgg19` with random weights (what it computes takes as long as with ImageNet's), 4,000 Fashion-MNIST images, or sketches where
FASHION_CNN_DATA is not set, Adam 1e-3, batches of 32, the same images in the same order. Once the frozen model is fitted; once
features are computed and the head is fitted to them. One run of each, in one process, compiling included; nothing else should run.
With --scaled EPOCHS the frozen model is fitted for so many epochs only, and its time for all is the first epoch plus the others' mean.
"""
import os
import shutil
import tempfile
import time

import numpy as np

import results
from fashion_cnn import models
from fashion_cnn.data import load
from fashion_cnn.features import cached_features, split_at_base
import keras

BARS = {"in all": 12, "second use": 10, "losses": 1e-4}


class Clock(keras.callbacks.Callback):
    "Seconds from the start to the end of each epoch."

    def on_train_begin(self, logs=None): self.began, self.ends = time.perf_counter(), []
    def on_epoch_end(self, epoch, logs=None): self.ends.append(time.perf_counter() - self.began)


def fitted(model, x, y, epochs):
    "Losses and seconds at the end of each epoch."
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    keras.utils.set_random_seed(1)
    clock = Clock()
    losses = model.fit(x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=[clock]).history["loss"]
    return np.array(losses), clock.ends


def network(classes):
    keras.utils.set_random_seed(0)
    return models.build("hw2-vgg19", (28, 28, 1), classes, weights=None)


def timed(function):
    began = time.perf_counter()
    return function(), time.perf_counter() - began


def main():
    parser = results.arguments(__doc__, repeats=None)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--scaled", type=int, metavar="EPOCHS", help="fit the frozen model for fewer epochs and scale its time")
    arguments = parser.parse_args()
    if arguments.quick: arguments.images, arguments.epochs = 64, 2
    if arguments.scaled is not None and arguments.scaled < 2: parser.error("--scaled needs at least 2 epochs")
    data = load("fashion-mnist" if "FASHION_CNN_DATA" in os.environ else "sketch")
    x, y = data.train.x[:arguments.images], data.train.y[:arguments.images]
    folder = tempfile.mkdtemp()
    report = results.Report("What caching features saves", ["keras", "tensorflow", "numpy"], arguments)
    try:
        measure(report, data, x, y, arguments.epochs, min(arguments.scaled or arguments.epochs, arguments.epochs), folder)
        report.write()
    finally:
        shutil.rmtree(folder)


def measure(report, data, x, y, epochs, done, folder):
    model = network(data.classes)
    base, head = split_at_base(model)
    features, building = timed(lambda: cached_features(base, x, folder))
    cached, ends = fitted(head, features, y, epochs)
    again, reading = timed(lambda: cached_features(split_at_base(network(data.classes))[0], x, folder))
    assert np.array_equal(again, features)
    whole, whole_ends = fitted(network(data.classes), x, y, done)
    scaled = whole_ends[-1] if done == epochs else whole_ends[0] + (whole_ends[-1] - whole_ends[0]) / (done - 1) * (epochs - 1)
    report.text(f"{data.source}, {len(x):,} images, `hw2-vgg19` with random weights, {epochs} epochs, one run of each"
                + (f"; the frozen model was fitted for {done} epochs in {whole_ends[-1]:.1f} s, and its time scaled" if done < epochs else "") + ".")
    difference = np.max(np.abs(cached[:done] / whole - 1))
    text = lambda seconds: f"{seconds:.1f} s" if seconds > 1 else f"{1000 * seconds:.0f} ms"
    rows = [("frozen model fitted", text(scaled), "-"), ("features computed and written", text(building), "-"),
            ("head fitted to them", text(ends[-1]), "-"), ("features, second use", text(reading), "-"),
            ("faster in all", f"{scaled / (building + ends[-1]):.1f} times", f"at least {BARS['in all']}"),
            ("second use (network built anew included)", f"{building / reading:.1f} times", f"at least {BARS['second use']}"),
            ("losses of the two ways differ by at most", f"{difference:.1e}", str(BARS["losses"]))]
    report.table([dict(zip(("what", "measured", "bar"), row)) for row in rows])


if __name__ == "__main__":
    main()
