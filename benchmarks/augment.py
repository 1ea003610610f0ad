"""What augmentation costs: python benchmarks/augment.py [--repeats 15] [--steps 10] [--only elastic b-affine]

A training step of `deeper` at batch 128 alone, then with each layer and each pipeline compiled in front of it, and with
Keras' own elastic layer; all in one process, taken in turns, so that whatever else the machine does hits all alike. Each
ratio is the median over the turns of (this step / the plain step of the same turn). Beside the wall clock stands the
processor time of the process, which suffers less from other programs. Then, per image: SciPy one image at a time, as in
assignment B, against the layers.
"""
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np     # noqa: E402
from scipy import ndimage   # noqa: E402

import results         # noqa: E402
from fashion_cnn.augment import Pipeline, mixes_labels, names, pipeline   # noqa: E402
from fashion_cnn.models import build                            # noqa: E402
import keras           # noqa: E402

BATCH, SHAPE, CLASSES, WARM_UP = 128, (28, 28, 1), 10, 3
BARS = {"elastic": 1.08, "b-elastic": 1.12, "b-affine": 1.20, "garments": 1.12}
random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (BATCH, *SHAPE)).astype("uint8")
LABELS = random.integers(0, CLASSES, BATCH)


def layers():
    "What is put in front of the network, by name."
    chosen = {"affine": dict(rotation=8, zoom=0.1, shift=0.08), "elastic": dict(alpha=(10, 12))}
    found = {name: pipeline(name, **chosen.get(name, {})) for name in names()}
    return {"nothing": None, **found, "Keras' elastic layer": keras.layers.RandomElasticTransform((1.0, 1.0), scale=(1.0, 1.0))}


class Steps(keras.utils.PyDataset):
    "The same batch, as often as steps are asked for."

    def __init__(self, batch, count):
        super().__init__()
        self.batch, self.count = batch, count

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        return self.batch


class Clock(keras.callbacks.Callback):
    "Seconds of wall clock and of processor from the end of the first step to that of the last: `fit` begins and ends with waits of its own."

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter(), time.process_time()
        if batch == 0: self.began = now
        self.seconds = tuple(end - start for start, end in zip(self.began, now))


def fitted(model, batch):
    "A function that trains a model for a number of steps, and gives their seconds."
    def train(count):
        clock = Clock()
        model.fit(Steps(batch, count + 1), verbose=0, callbacks=[clock])
        return clock.seconds
    return train


def stepper(layer):
    "The same with a layer in front of the network."
    network, image = build("deeper", SHAPE, CLASSES), keras.Input(SHAPE, BATCH, dtype="uint8", name="images")
    if layer is not None and mixes_labels(layer):
        return mixing_stepper(layer, network, image)
    model = network if layer is None else keras.Model(image, network(layer(image)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, (IMAGES, LABELS))


def mixing_stepper(layer, network, image):
    "The same for layers that mix labels: the loss is computed from labels that come out of the layer."
    share = keras.Input((CLASSES,), name="labels")
    mixed = layer({"images": image, "labels": share})
    model = keras.Model({"images": image, "labels": share}, [network(mixed["images"]), mixed["labels"]])

    class Mixed(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = model

        def call(self, inputs, training=False):
            return self.inner(inputs, training=training)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean(keras.losses.categorical_crossentropy(y_pred[1], y_pred[0]))

    outer = Mixed()
    outer.compile("adam", metrics=[])
    batch = ({"images": IMAGES, "labels": np.eye(CLASSES, dtype="float32")[LABELS]}, LABELS)
    return fitted(outer, batch)


def in_turns(functions, repeats, steps):
    "Seconds of wall clock and of processor per step: {name: [(wall, processor), ...]}; everybody once per repeat. A function may measure itself."
    times = {name: [] for name in functions}
    for function in functions.values():
        function(WARM_UP)
    for _ in range(repeats):
        for name, function in functions.items():
            wall, processor = time.perf_counter(), time.process_time()
            own = function(steps)
            seconds = own if isinstance(own, tuple) else (time.perf_counter() - wall, time.process_time() - processor)
            times[name].append(tuple(each / steps for each in seconds))
    return times


def elastic_by_scipy(image, alpha=11.0, sigma=4.0):
    "Simard et al. for one image, (28, 28, 1) as Keras hands it to a function per image, or (28, 28)."
    moved = [ndimage.gaussian_filter(random.uniform(-1, 1, image.shape), sigma, mode="reflect") * alpha for _ in range(2)]
    places = list(np.meshgrid(*(np.arange(size) for size in image.shape), indexing="ij"))
    places[:2] = [place + move for place, move in zip(places, moved)]
    return ndimage.map_coordinates(image, places, order=1, mode="reflect")


def affine_by_scipy(image):
    "Rotation, shift and flip of one image, (28, 28, 1)."
    angle = np.radians(random.uniform(-8, 8))
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    offset = 13.5 - matrix @ [13.5, 13.5] + random.uniform(-2, 2, 2)
    return ndimage.affine_transform(image[:, ::-1, 0], matrix, offset, order=1, mode="nearest")[:, :, None]


def alone(layer):
    "A function that augments a number of batches and does nothing else, compiled where that is one line."
    def augment(images):
        return keras.ops.sum(layer(images, training=True))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        augment = tf.function(augment, input_signature=[tf.TensorSpec(IMAGES.shape, "uint8")])
    return lambda count: [float(augment(IMAGES)) for _ in range(count)]


def by_scipy(function):
    "The same for a function of one image."
    pictures = IMAGES.astype("float64")
    return lambda count: [function(image) for _ in range(count) for image in pictures]


def as_in_assignment_b():
    "Its generator: shift and flip by Keras' old ImageDataGenerator, the elastic function of one image called from there."
    from keras.src.legacy.preprocessing.image import ImageDataGenerator
    generator = ImageDataGenerator(height_shift_range=2, horizontal_flip=True, preprocessing_function=elastic_by_scipy)
    batches = generator.flow(IMAGES.astype("float32"), LABELS, batch_size=BATCH, shuffle=False)
    return lambda count: [next(batches) for _ in range(count)]


def per_image(repeats, steps):
    "Rows of microseconds per image, layers against SciPy."
    elastic = {"alpha": (10, 12)}
    affine = {"rotation": 8, "shift": 2, "horizontal_flip": True, "fill_mode": "reflect"}
    times = in_turns({
        "elastic": alone(pipeline("elastic", **elastic)),
        "affine and elastic": alone(Pipeline([pipeline("affine", **affine), pipeline("elastic", **elastic)])),
        "b-elastic": alone(pipeline("b-elastic")),
        "Keras' elastic layer": alone(keras.layers.RandomElasticTransform((1.0, 1.0), scale=(1.0, 1.0))),
        "SciPy elastic": by_scipy(elastic_by_scipy),
        "SciPy elastic, (28, 28)": by_scipy(lambda image: elastic_by_scipy(image[:, :, 0])),
        "SciPy affine and elastic": by_scipy(lambda image: elastic_by_scipy(affine_by_scipy(image))),
        "assignment B's generator": as_in_assignment_b()}, repeats, steps)
    bars = {"elastic": 10, "b-elastic": 15}
    oracles = {"affine and elastic": "SciPy affine and elastic", "SciPy affine and elastic": "SciPy affine and elastic",
               "b-elastic": "assignment B's generator", "assignment B's generator": "assignment B's generator"}
    rows = []
    for name, values in times.items():
        oracle = oracles.get(name, "SciPy elastic")
        row = {"microseconds an image": name}
        for clock, mine, theirs in zip(("wall", "processor"), zip(*values), zip(*times[oracle])):
            slower = statistics.median(other / own for own, other in zip(mine, theirs))
            row |= {clock: f"{1e6 * statistics.median(mine) / BATCH:.1f}", f"SciPy, {clock}": f"{slower:.1f} times"}
        rows.append({**row, "bar": str(bars.get(name, "-"))})
    return rows


def before_the_network(times):
    "A row for each layer: milliseconds, and ratios to the plain step of the same turn."
    plain_wall, plain_processor = zip(*times["nothing"])
    for name, values in times.items():
        wall, processor = zip(*values)
        by_wall = statistics.median(mine / plain for mine, plain in zip(wall, plain_wall))
        by_processor = statistics.median(mine / plain for mine, plain in zip(processor, plain_processor))
        yield {"before the network": name, "ms a step": f"{1e3 * statistics.median(wall):.1f}", "ratio": f"{by_wall:.3f}",
               "ratio of the fastest": f"{min(wall) / min(plain_wall):.3f}", "processor ms": f"{1e3 * statistics.median(processor):.1f}",
               "processor ratio": f"{by_processor:.3f}", "bar": str(BARS.get(name, "-"))}


def main():
    parser = results.arguments(__doc__, repeats=15)
    parser.add_argument("--steps", type=int, default=10, help="training steps in a turn")
    parser.add_argument("--only", nargs="*", help="these layers only, such as: elastic b-affine")
    asked = parser.parse_args()
    if asked.quick: asked.repeats, asked.steps = 1, 2
    report = results.Report("What augmentation costs", ["keras", "tensorflow", "numpy", "scipy"], asked)
    report.text(f"A training step of `deeper`, batch {BATCH}, with a layer compiled in front of it; {asked.repeats} turns of {asked.steps} steps, all in one process. "
                "Ratios are medians over the turns of (this step / the plain step of the same turn).")
    chosen = {name: layer for name, layer in layers().items() if not asked.only or name in ("nothing", *asked.only)}
    report.table(list(before_the_network(in_turns({name: stepper(layer) for name, layer in chosen.items()}, asked.repeats, asked.steps))))
    report.text("Alone, against SciPy one image at a time:")
    report.table(per_image(asked.repeats, asked.steps))
    report.write()


if __name__ == "__main__":
    main()
