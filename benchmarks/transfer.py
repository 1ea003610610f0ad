"""What caching the features of a frozen base saves: python benchmarks/transfer.py

`hw2-vgg19` with random weights (what it computes takes as long as with ImageNet's), 4,000 Fashion-MNIST images, or sketches where
FASHION_CNN_DATA is not set, Adam 1e-3, batches of 32, the same images in the same order. Once the frozen model is fitted; once
features are computed and the head is fitted to them. One run of each, in one process, compiling included; nothing else should run.
With --scaled EPOCHS the frozen model is fitted for so many epochs only, and its time for all is the first epoch plus the others' mean.
"""
import argparse
import os
import shutil
import tempfile
import time

import keras
import numpy as np

from fashion_cnn import models
from fashion_cnn.data import load
from fashion_cnn.transfer import cached_features, halves

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--scaled", type=int, metavar="EPOCHS", help="fit the frozen model for fewer epochs and scale its time")
    arguments = parser.parse_args()
    if arguments.scaled is not None and arguments.scaled < 2: parser.error("--scaled needs at least 2 epochs")
    data = load("fashion-mnist" if "FASHION_CNN_DATA" in os.environ else "sketch")
    x, y = data.train.x[:arguments.images], data.train.y[:arguments.images]
    folder = tempfile.mkdtemp()
    try:
        measure(data, x, y, arguments.epochs, min(arguments.scaled or arguments.epochs, arguments.epochs), folder)
    finally:
        shutil.rmtree(folder)


def measure(data, x, y, epochs, done, folder):
    model = network(data.classes)
    base, head = halves(model)
    features, building = timed(lambda: cached_features(base, x, folder))
    cached, ends = fitted(head, features, y, epochs)
    again, reading = timed(lambda: cached_features(halves(network(data.classes))[0], x, folder))
    assert np.array_equal(again, features)
    whole, whole_ends = fitted(network(data.classes), x, y, done)
    scaled = whole_ends[-1] if done == epochs else whole_ends[0] + (whole_ends[-1] - whole_ends[0]) / (done - 1) * (epochs - 1)
    print(f"{data.source}, {len(x):,} images, hw2-vgg19, random weights, {epochs} epochs; Keras {keras.__version__} on {keras.backend.backend()}")
    print(f"{'frozen model fitted':42s} {scaled:9.1f} s" + (f"   scaled from {done} epochs in {whole_ends[-1]:.1f} s" if done < epochs else ""))
    for text, seconds in {"features computed and written": building, "head fitted to them": ends[-1], "features, second use": reading}.items():
        print(f"{text:42s} {seconds:9.1f} s" if seconds > 1 else f"{text:42s} {1000 * seconds:9.0f} ms")
    for text, value, bar in [("faster in all", scaled / (building + ends[-1]), BARS["in all"]),
                             ("second use (network built anew included)", building / reading, BARS["second use"])]:
        print(f"{text:42s} {value:9.1f} times   bar: at least {bar}")
    difference = np.max(np.abs(cached[:done] / whole - 1))
    print(f"{'losses of the two ways differ by at most':42s} {difference:9.1e}         bar: {BARS['losses']}")


if __name__ == "__main__":
    main()
