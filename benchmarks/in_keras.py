"""Training in Keras, in turns; run by step.py: `train` of the package, the same with batches that cost nothing, or Keras' own `fit` alone,
with Keras' own layers or with those of the package.

The backend is what KERAS_BACKEND says; `train` is measured on TensorFlow, `fit` on TensorFlow and JAX. Keras is imported first, so that `fit`
runs with TensorFlow as it comes; what the package asks for (oneDNN) is in the environment of the others.
"""
import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras   # noqa: E402
import numpy as np   # noqa: E402

from fashion_cnn import models   # noqa: E402
from turns import say, wait   # noqa: E402

FOREVER = 1_000_000    # epochs; the process is told when to stop


class Turns(keras.callbacks.Callback):
    """One epoch for each go line: training from the first step's beginning to the last one's end, and validation likewise.

    What lies before is left out: there TensorFlow may wait for a thread that tunes the input of Keras' `fit` and sleeps longer the longer an
    epoch takes (notebook train). The pauses between turns would make that longer, many times, than it is in a training without pauses.
    """

    def __init__(self, facts):
        super().__init__()
        self.facts, self.began, self.trained, self.validating = facts, None, None, None

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0: self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 < self.params["steps"]: return
        keras.ops.convert_to_numpy(self.model.trainable_variables[-1])    # JAX computes in the background: wait for the last step
        self.trained = time.perf_counter()

    def on_test_batch_begin(self, batch, logs=None):
        if batch == 0: self.validating = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        for value in logs.values(): float(value)
        ended = time.perf_counter()
        if epoch == 0: say(**self.facts, parameters=self.model.count_params())    # compiled, and once through
        else: say(epoch=self.trained - self.began + ended - self.validating, training=self.trained - self.began)
        wait()


def fit(network, options, arrays, batch_size, turns):
    "Keras alone: layers of its own, arrays in, `fit`."
    models.NORMALIZATIONS["batch"] = keras.layers.BatchNormalization
    models.speed.MOST_PIXELS = 0    # no convolution learns by matrix products
    same(network, options, arrays, batch_size, turns)


def same(network, options, arrays, batch_size, turns):
    "Keras' own `fit` of the network that `train` has."
    x, y = arrays["x_train"], arrays["y_train"]
    model = models.build(network, x.shape[1:], int(y.max()) + 1, **options)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=batch_size, epochs=FOREVER, verbose=0, callbacks=[turns],
              validation_data=(arrays["x_validation"], arrays["y_validation"]))


def experiment(network, options, arrays, batch_size):
    "The same as a recipe and a data set."
    from fashion_cnn.data import Dataset, Split
    from fashion_cnn.recipe import Recipe
    train, validation = (Split(arrays[f"x_{name}"], arrays[f"y_{name}"].astype(np.int64)) for name in ("train", "validation"))
    names = tuple(f"class {number}" for number in range(int(train.y.max()) + 1))
    return (Recipe("step", network, options, batch_size=batch_size, epochs=FOREVER),
            Dataset(train, validation, validation.take(slice(0)), names, "benchmark"))


def whole(network, options, arrays, batch_size, turns):
    "`train` of the package."
    from fashion_cnn.train import train
    train(*experiment(network, options, arrays, batch_size), progress=False, callbacks=[turns])


def ready(network, options, arrays, batch_size, turns):
    "What `train` fits, on one batch that lies ready, over and over: a step without its input."
    import tensorflow as tf
    from fashion_cnn.assemble import assemble
    recipe, data = experiment(network, options, arrays, batch_size)
    _, fitted, batches, _ = assemble(recipe, data)
    batch = tf.data.Dataset.from_tensor_slices(batches[0]).batch(batch_size).cache().repeat().prefetch(2)
    fitted.fit(batch, steps_per_epoch=len(batches), epochs=FOREVER, verbose=0, callbacks=[turns],
               validation_data=(arrays["x_validation"], arrays["y_validation"]), validation_batch_size=500)


def main():
    ways = {"train": whole, "ready": ready, "fit": fit, "same": same}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=ways)
    parser.add_argument("network")
    parser.add_argument("arrays", help="an .npz file with x_train, y_train, x_validation, y_validation")
    parser.add_argument("--depth", type=int, help="of a residual network")
    parser.add_argument("--batch", type=int, default=128)
    asked = parser.parse_args()
    keras.utils.set_random_seed(0)
    backend = keras.backend.backend()
    versions = f"Keras {keras.__version__} on {backend} {sys.modules[backend].__version__}"
    turns = Turns({"versions": versions, "settings": "as they come"})
    ways[asked.way](asked.network, {"depth": asked.depth} if asked.depth else {}, dict(np.load(asked.arrays)), asked.batch, turns)


if __name__ == "__main__":
    main()
