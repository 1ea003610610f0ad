"""What batch normalisation in one operation saves: python benchmarks/normalisation.py

A training step of networks that normalise, as their recipes have it (batch size, optimizer, augmentation), on one batch of sketches: with the layer of
the package, and with Keras' own. All in one process, taken in turns; the ratio is the median over the turns of (this / Keras' of the same turn).
"""
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import results   # noqa: E402
from fashion_cnn import models, recipes   # noqa: E402
from fashion_cnn.data import Dataset, Split   # noqa: E402
from fashion_cnn.sketch import CLASS_NAMES, sketch_set   # noqa: E402
from fashion_cnn.assemble import assemble   # noqa: E402
import keras   # noqa: E402

RECIPES = {"deeper": 30, "hw2-resnet": 1, "fast": 15, "ten-minutes": 6}    # steps in a turn
LAYERS = {"Keras": keras.layers.BatchNormalization, "package": models.BatchNormalization}


def stepper(recipe, layer):
    "A function that trains for a number of steps on one batch that lies ready; the layers that normalise in the network."
    x, y = sketch_set(recipe.batch_size, seed=0)
    split = Split(x, y.astype("int64"))
    models.NORMALIZATIONS["batch"] = layer
    model, fitted, batches, _ = assemble(recipe, Dataset(split, split, split.take(slice(0)), CLASS_NAMES, "sketch"))
    images, labels = keras.tree.map_structure(keras.ops.convert_to_tensor, batches[0])
    def steps(count):
        for _ in range(count): fitted.train_on_batch(images, labels)
    return steps, sum(isinstance(each, keras.layers.BatchNormalization) for each in model.layers)


def seconds(steps, count):
    began = time.perf_counter()
    steps(count)
    return time.perf_counter() - began


def row(name, count, repeats):
    "One line of the table."
    recipe = recipes.get(name)
    steppers = {kind: stepper(recipe, layer) for kind, layer in LAYERS.items()}
    for steps, _ in steppers.values(): steps(3)    # compiled, and once through
    times = {kind: [] for kind in steppers}
    for _ in range(repeats):
        for kind, (steps, _) in steppers.items(): times[kind].append(seconds(steps, count))
    medians = {kind: f"{1000 * statistics.median(found) / count:.1f}" for kind, found in times.items()}
    ratio = statistics.median(ours / kerass for ours, kerass in zip(times["package"], times["Keras"]))
    return {"recipe": name, "batch": str(recipe.batch_size), "layers that normalise": str(steppers["Keras"][1]), "ms a step, Keras' layer": medians["Keras"],
            "ms, that of the package": medians["package"], "ratio": f"{ratio:.3f}"}


def main():
    asked = results.arguments(__doc__, repeats=15).parse_args()
    if asked.quick: asked.repeats = 1
    report = results.Report("What batch normalisation in one operation saves", ["keras", "tensorflow", "numpy"], asked)
    report.text(f"A training step on one batch that lies ready; medians of {asked.repeats} turns in one process.")
    report.table([row(name, 1 if asked.quick else count, asked.repeats) for name, count in RECIPES.items()])
    report.write()


if __name__ == "__main__":
    main()
