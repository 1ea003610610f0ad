"Augmentation: right against SciPy, random as promised, and a good Keras layer; on TensorFlow and on one more backend."
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats

keras = pytest.importorskip("keras")
from fashion_cnn import augment as augmentation                                                    # noqa: E402
from fashion_cnn.augment import (Affine, Brightness, CutMix, ElasticDistortion, Erasing, LabelSmoothing, MixUp, Pipeline, affine,   # noqa: E402
                                 affine_matrix, blur_matrix, displacement, mixes_labels, names, pipeline, sample, warp)

STRONG = {"affine": dict(rotation=20, zoom=0.2, shear=10, shift=0.1, horizontal_flip=True, vertical_flip=True),
          "elastic": dict(alpha=(20, 30)), "brightness": dict(factor=(0.5, 0.9)), "erasing": dict(probability=1.0),
          "mixup": dict(alpha=1.0), "cutmix": dict(alpha=1.0), "garments": dict(shift=0.06)}
NOTHING = {"affine": {}, "elastic": dict(alpha=0), "brightness": dict(factor=1), "erasing": dict(probability=0),
           "mixup": dict(probability=0), "cutmix": dict(probability=0),
           "b-affine": dict(rotation=0, zoom=0, shear=0, shift=0, vertical_flip=False),
           "b-elastic": dict(alpha=0, shift=0, horizontal_flip=False), "d-cifar": dict(brightness=1, shift=0, horizontal_flip=False),
           "e-shift-rotate": dict(rotation=0, shift=0),
           "garments": dict(rotation=0, zoom=0, shear=0, shift=0, horizontal_flip=False, erase=0)}
every_layer = pytest.mark.parametrize("name", names())


def pictures(count=12, shape=(28, 28, 1), dtype="uint8", seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(dtype)


def given(layer, images):
    "What the layer is called with: images, or images and labels."
    return {"images": images, "labels": np.eye(len(images), dtype="float32")} if mixes_labels(layer) else images


def image_of(result):
    return np.array(result["images"] if isinstance(result, dict) else result)


def run(layer, images, training=True):
    return image_of(layer(given(layer, images), training=training))


def make(name, **options):
    return pipeline(name, **{**STRONG.get(name, {}), **options})


# --- right: against SciPy ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0, 0.5, 2, 4, 9.3])
def test_elastic_is_scipys(sigma):
    random = np.random.default_rng(1)
    images, noise = random.integers(0, 256, (31, 28, 28)), random.uniform(-1, 1, (2, 31, 28, 28)).astype("float32")
    ours = np.array(warp(images[..., None].astype("uint8"), displacement(noise, sigma, np.arange(31))))[..., 0]
    grid = np.stack(np.meshgrid(np.arange(28), np.arange(28), indexing="ij"))
    for alpha in range(31):
        field = [alpha * (ndimage.gaussian_filter(part.astype(float), sigma, mode="reflect") if sigma else part.astype(float))
                 for part in noise[:, alpha]]
        theirs = ndimage.map_coordinates(images[alpha].astype(float), grid + field, order=1, mode="reflect")
        tolerance = 1e-3 if sigma >= 2 else 1e-2    # without smoothing a pixel moves by up to 30 pixels, in float32
        assert np.abs(ours[alpha] - theirs).max() < tolerance, alpha


@pytest.mark.parametrize("size,sigma", [(28, 4), (5, 4), (1, 2), (32, 0.3), (7, 0)])
def test_blur_matrix_is_scipys(size, sigma):
    line = np.random.default_rng(2).uniform(-1, 1, size)
    theirs = ndimage.gaussian_filter1d(line, sigma, mode="reflect") if sigma else line
    assert np.allclose(blur_matrix(size, sigma) @ line, theirs, atol=1e-6)
    assert np.allclose(blur_matrix(size, sigma).sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("ours,scipys", [("reflect", "reflect"), ("nearest", "nearest"), ("constant", "grid-constant")])
@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 14, 3), (1, 1, 1), (2, 1, 2)])
def test_sample_is_scipys_anywhere(ours, scipys, shape):
    images = pictures(3, shape)
    rows, columns = np.random.default_rng(3).uniform(-70, 70, (2, 3, *shape[:2])).astype("float32")
    result = np.array(sample(images, rows, columns, ours, fill_value=99.0))
    for number in range(3):
        for channel in range(shape[2]):
            theirs = ndimage.map_coordinates(images[number, :, :, channel].astype(float), [rows[number], columns[number]],
                                             order=1, mode=scipys, cval=99.0)
            assert np.abs(result[number, :, :, channel] - theirs).max() < 1e-2


@pytest.mark.parametrize("ours,scipys", [("reflect", "reflect"), ("nearest", "nearest"), ("constant", "grid-constant")])
@pytest.mark.parametrize("height,width", [(28, 28), (13, 30)])
def test_affine_is_scipys(ours, scipys, height, width):
    random = np.random.default_rng(4)
    images = pictures(10, (height, width, 3))
    matrices = np.array(affine_matrix(random.uniform(-180, 180, 10), random.uniform(0.6, 1.5, 10), random.uniform(-30, 30, 10),
                                      random.uniform(-5, 5, 10), random.uniform(-5, 5, 10), random.integers(0, 2, 10),
                                      random.integers(0, 2, 10))).astype(float)
    result = np.array(affine(images, matrices.astype("float32"), ours, 99.0))
    centre = np.array([height - 1, width - 1]) / 2
    for number, matrix in enumerate(matrices):
        offset = centre - matrix[:, :2] @ centre + matrix[:, 2]
        theirs = ndimage.affine_transform(images[number, :, :, 1].astype(float), matrix[:, :2], offset, order=1, mode=scipys, cval=99.0)
        assert np.abs(result[number, :, :, 1] - theirs).max() < 1e-2


def test_affine_matrix_is_the_product_of_its_parts():
    parts = [dict(horizontal_flip=1), dict(zoom=1.3), dict(shear=10), dict(rotation=25), dict(shift_down=2, shift_right=-3)]
    product = np.eye(3)
    for part in parts:      # looking backwards, the first to act is the last to be asked
        product = product @ np.vstack([np.array(affine_matrix(**part))[0], [0, 0, 1]])
    whole = {name: value for part in parts for name, value in part.items()}
    assert np.allclose(np.array(affine_matrix(**whole))[0], product[:2], atol=1e-6)


def test_directions():
    image = pictures(1, (20, 20, 1))
    def moved(**how): return np.array(affine(image, affine_matrix(**how), "constant"))
    assert np.allclose(moved(rotation=90), np.rot90(image, axes=(1, 2)), atol=0.01)      # to the left
    assert np.array_equal(moved(shift_down=3)[:, 3:], image[:, :-3]) and not moved(shift_down=3)[:, :3].any()
    assert np.array_equal(moved(shift_right=-2)[:, :, :-2], image[:, :, 2:])
    post = np.zeros((1, 21, 21, 1))
    post[:, :, 10] = 255
    lean = np.array(affine(post, affine_matrix(shear=30)))[0, :, :, 0].argmax(1)
    assert lean[0] > 10 > lean[-1]                                                       # the top leans to the right
    square = np.zeros((1, 21, 21, 1))
    square[:, 8:13, 8:13] = 255
    assert np.array(affine(square, affine_matrix(zoom=2))).sum() > 3 * square.sum()      # larger


# --- random as promised -----------------------------------------------------------------------------------------------


def test_rows_and_columns_move_independently():
    noise = np.array(ElasticDistortion(seed=3).noise((1000, 28, 28)))
    assert np.abs(noise).max() <= 1 and len(np.unique(noise[0])) == 2048 and len(np.unique(noise[1])) >= 4096
    for field in noise:    # uniform between -1 and 1, as the first field, given the second, too
        assert stats.kstest(field[:5].ravel(), "uniform", (-1, 2)).pvalue > 1e-3
    assert stats.kstest(noise[0][noise[1] > 0.9].ravel(), "uniform", (-1, 2)).pvalue > 1e-3
    fields = np.array(displacement(noise, 4.0, 10.0))
    assert abs(np.corrcoef(fields[0].ravel(), fields[1].ravel())[0, 1]) < 0.02
    ramp = np.broadcast_to(np.arange(28, dtype="float32")[:, None, None] * 9, (1000, 28, 28, 1))
    layer = ElasticDistortion(10, seed=5)
    down = np.array(layer(ramp, training=True)) - ramp
    layer = ElasticDistortion(10, seed=5)
    right = np.array(layer(ramp.transpose(0, 2, 1, 3), training=True)) - ramp.transpose(0, 2, 1, 3)
    inner = slice(4, 24)
    assert abs(np.corrcoef(down[:, inner, inner].ravel(), right[:, inner, inner].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(down[0, inner, inner].ravel(), down[1, inner, inner].ravel())[0, 1]) < 0.9    # images differ


def test_displacement_scales_with_alpha():
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 5, 28, 28)).astype("float32")
    assert np.allclose(np.array(displacement(noise, 4, [0, 1, 2, 5, 10]))[:, 4], 10 * np.array(displacement(noise, 4, 1))[:, 4], atol=1e-5)
    assert not np.array(displacement(noise, 4, [0, 1, 2, 5, 10]))[:, 0].any()


@every_layer
def test_every_image_is_changed_in_its_own_way(name):
    layer = make(name, seed=1)
    images = np.repeat(pictures(1), 16, axis=0)
    if mixes_labels(layer):
        images = pictures(16)
    assert len(np.unique(run(layer, images).reshape(16, -1), axis=0)) == 16


@pytest.mark.parametrize("name", ["affine", "elastic", "brightness", "erasing", "mixup", "cutmix"])
@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_probability(name, probability):
    layer = make(name, probability=probability, seed=11)
    images = pictures(600)
    result = layer(given(layer, images), training=True)
    changed = (image_of(result) != images).any(axis=(1, 2, 3)).mean()
    assert abs(changed - probability) < 4 * np.sqrt(probability * (1 - probability) / 600) + (0.02 if mixes_labels(layer) else 0)


@every_layer
def test_seed(name):
    images = pictures()
    first, again = make(name, seed=1), make(name, seed=1)
    one, two = run(first, images), run(first, images)
    assert np.array_equal(one, run(again, images)) and np.array_equal(two, run(again, images))
    assert not np.array_equal(one, two) and not np.array_equal(one, run(make(name, seed=2), images))


@every_layer
def test_without_a_seed_keras_decides(name):
    def one():
        keras.utils.set_random_seed(7)
        return run(make(name), pictures())
    assert np.array_equal(one(), one())


def test_layers_of_a_pipeline_draw_their_own_numbers():
    for name in ("b-elastic", "d-cifar", "garments"):
        seeds = [layer.seed for layer in pipeline(name, seed=3).layers]
        assert len(set(seeds)) == len(seeds) > 1


# --- a good Keras layer -----------------------------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 24, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_shape_range_and_type(name, shape, dtype):
    images = pictures(20, shape, dtype)    # few enough could all be left alone by the dice
    result = run(make(name), images)
    assert result.shape == images.shape and result.dtype == "float32"
    assert result.min() >= -1e-3 and result.max() <= 255 + 1e-3 and np.isfinite(result).all()
    assert not np.array_equal(result, images)


@every_layer
def test_identity_at_inference(name):
    for images in (pictures(), pictures().astype("float32") / 3):
        layer = make(name)
        for training in (False, None):
            result = layer(given(layer, images)) if training is None else layer(given(layer, images), training=training)
            assert image_of(result).dtype == "float32" and np.array_equal(image_of(result), images)
            if mixes_labels(layer):
                assert np.array_equal(np.array(result["labels"]), np.eye(len(images)))


@every_layer
def test_no_strength_no_change(name):
    for shape in ((28, 28, 1), (9, 14, 3)):
        images = pictures(6, shape)
        assert np.array_equal(run(pipeline(name, **NOTHING[name]), images), images)


@every_layer
def test_any_batch_size(name):
    layer = make(name)
    for count in (1, 2, 7, 12):
        assert run(layer, pictures(count)).shape[0] == count


@every_layer
def test_config_round_trip(name):
    layer = make(name, seed=4)
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(copy) == config
    assert np.array_equal(run(layer, pictures()), run(copy, pictures()))


def in_front(layer, shape=(28, 28, 1)):
    "The layer in front of a small network that shows what it was given."
    inputs = keras.Input(shape, dtype="uint8", name="images")
    if mixes_labels(layer):
        labels = keras.Input((12,), name="labels")
        return keras.Model({"images": inputs, "labels": labels}, layer({"images": inputs, "labels": labels})["images"])
    return keras.Model(inputs, keras.layers.Rescaling(1.0)(layer(inputs)))


@every_layer
def test_saved_with_a_model(name, tmp_path):
    layer = make(name, seed=4)
    model, images = in_front(layer), given(layer, pictures())
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")           # Keras saves the seed, not how far the numbers have got
    assert np.array_equal(image_of(model(images, training=True)), image_of(again(images, training=True)))
    assert len(again.variables) == len(model.variables)
    assert np.array_equal(model.predict(images, verbose=0), images["images"] if mixes_labels(layer) else images)


@every_layer
def test_random_state_is_among_the_variables(name):
    layer = make(name, seed=4)
    model, images = in_front(layer), given(layer, pictures())
    state = [keras.ops.convert_to_numpy(variable).copy() for variable in model.variables]
    assert len(state) >= 1
    first = image_of(model(images, training=True))
    for variable, value in zip(model.variables, state):
        variable.assign(value)
    assert np.array_equal(first, image_of(model(images, training=True)))


class Batches(keras.utils.PyDataset):
    "Images that are their own number, in batches; the last one smaller."

    def __init__(self, images, labels, size=5):
        super().__init__()
        self.images, self.labels, self.size = images, labels, size

    def __len__(self):
        return -(-len(self.images) // self.size)

    def __getitem__(self, number):
        rows = slice(number * self.size, (number + 1) * self.size)
        return self.images[rows], self.labels[rows]


@pytest.mark.parametrize("name", [name for name in names() if name not in ("mixup", "cutmix")])
def test_partial_last_batch_keeps_images_and_labels_together(name):
    "A network that can only read off the brightness of an image: if images changed places, its error would be large."
    layer = make(name, **({"fill_mode": "nearest"} if name == "garments" else {}), **({"erase": 0} if name == "garments" else {}))
    levels = np.arange(13) * 15.0
    images = np.broadcast_to(levels[:, None, None, None], (13, 28, 28, 1)).astype("uint8")
    inputs = keras.Input((28, 28, 1), dtype="uint8")
    seen = keras.ops.mean(layer(inputs), axis=(1, 2))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)(seen))
    model.compile(keras.optimizers.SGD(0.0), "mean_absolute_error")
    error = model.fit(Batches(images, levels[:, None]), epochs=1, verbose=0, shuffle=False).history["loss"][0]
    assert error < {"erasing": 40, "brightness": 50, "d-cifar": 10}.get(name, 1e-3)


def test_every_image_differs_in_a_partial_batch_of_unknown_size():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("unknown batch sizes are TensorFlow's")
    import tensorflow as tf
    images = np.repeat(pictures(1), 7, axis=0)
    for name in names():
        layer = make(name, seed=1)
        if mixes_labels(layer):
            continue
        compiled = tf.function(lambda batch: layer(batch, training=True), input_signature=[tf.TensorSpec((None, 28, 28, 1), "uint8")])
        assert len(np.unique(np.array(compiled(images)).reshape(7, -1), axis=0)) == 7


@every_layer
def test_fit(name):
    "Compiled with the step, float or uint8 input, a partial last batch; for label mixing with the labels in the dict."
    layer = make(name)
    if mixes_labels(layer):
        result = layer({"images": pictures(5), "labels": np.eye(5)}, training=True)
        assert np.allclose(np.array(result["labels"]).sum(1), 1, atol=1e-5)
        return
    inputs = keras.Input((28, 28, 1))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(layer(inputs))))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(Batches(pictures(13), np.arange(13) % 3), epochs=2, verbose=0)
    assert model.evaluate(Batches(pictures(13), np.arange(13) % 3), verbose=0) >= 0


def test_images_with_labels_pass_through_every_layer():
    labels = np.eye(6, dtype="float32")
    for name in names():
        result = make(name)({"images": pictures(6), "labels": labels}, training=True)
        assert set(result) == {"images", "labels"} and result["images"].shape == (6, 28, 28, 1)
        if not mixes_labels(make(name)):
            assert np.array_equal(np.array(result["labels"]), labels)


def test_mixed_precision_leaves_images_in_float32():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert {run(make(name), pictures()).dtype.name for name in names()} == {"float32"}
    finally:
        keras.config.set_dtype_policy(policy)


# --- labels, pipelines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [MixUp(1.0, seed=1), CutMix(1.0, seed=1)])
def test_labels_say_how_much_of_whom(layer):
    "Image n is grey value n everywhere; its label says who it is."
    count = 40
    images = np.broadcast_to(np.arange(count, dtype="float32")[:, None, None, None], (count, 28, 20, 1))
    for _ in range(5):
        mixed = layer({"images": images, "labels": np.eye(count)}, training=True)
        pixels, labels = np.array(mixed["images"])[..., 0], np.array(mixed["labels"])
        assert np.allclose(labels.sum(1), 1, atol=1e-5) and ((labels > 0).sum(1) <= 2).all()
        assert np.allclose(pixels.mean((1, 2)), labels @ np.arange(count), atol=2e-3)    # true for mixup and CutMix alike
        if isinstance(layer, CutMix):
            assert np.allclose([(pixels[n] == n).mean() for n in range(count)], labels.diagonal(), atol=1e-5)


@pytest.mark.parametrize("amount", [0.0, 0.1, 1.0])
def test_label_smoothing_is_kerass_own(amount):
    labels, answers = np.eye(5, dtype="float32")[[0, 3, 3]], np.random.default_rng(0).dirichlet(np.ones(5), 3).astype("float32")
    layer = LabelSmoothing(amount)
    smooth = layer({"images": pictures(3), "labels": labels}, training=True)
    assert np.array_equal(image_of(smooth), pictures(3))
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=amount)(labels, answers)
    assert float(keras.losses.CategoricalCrossentropy()(smooth["labels"], answers)) == pytest.approx(float(expected), rel=1e-5)
    assert np.array_equal(np.array(layer({"images": pictures(3), "labels": labels})["labels"]), labels)    # in use: nothing
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.amount == amount


def test_erased_area_and_aspect():
    images = np.zeros((400, 50, 50, 1), "uint8")
    holes = run(Erasing(area=(0.1, 0.2), aspect=(0.5, 2.0), fill_value=255, probability=1.0, seed=0), images)[..., 0] > 0
    high, wide = holes.any(2).sum(1), holes.any(1).sum(1)
    assert np.array_equal(high * wide, holes.sum((1, 2)))               # one full rectangle
    assert 0.09 < (high * wide / 2500).min() and (high * wide / 2500).max() < 0.22
    assert 0.45 < (high / wide).min() < 0.65 and 1.6 < (high / wide).max() < 2.2
    hit = holes.any(0)
    assert hit.mean() > 0.95 and all(edge.any() for edge in (hit[0], hit[-1], hit[:, 0], hit[:, -1]))   # up to all four edges


def test_brightness_multiplies():
    images = pictures(200)
    result = run(Brightness((0.5, 0.9), seed=0), images)
    factors = result.sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert 0.5 <= factors.min() < 0.53 and 0.87 < factors.max() <= 0.9 + 1e-5
    assert run(Brightness(3.0), images).max() == 255


def test_pipelines_hold_the_assignments_settings():
    affine_b = pipeline("b-affine").layers[0]
    assert (affine_b.rotation, affine_b.zoom, affine_b.shear, affine_b.shift, affine_b.vertical_flip, affine_b.horizontal_flip) == (
        8, [0.1, 0.1], 0.3, [0.08, 0.08], True, False)
    move, elastic = pipeline("b-elastic").layers
    assert (elastic.alpha, move.shift, move.horizontal_flip, move.vertical_flip, elastic.sigma) == ([10, 12], [1, 0], True, False, 3)
    assert move.whole_pixels and move.fill_mode == elastic.fill_mode == "nearest"
    move, light = pipeline("d-cifar").layers
    assert (light.factor, move.shift, move.horizontal_flip) == ([0.9, 1.1], [0.1, 0.1], True)
    turn = pipeline("e-shift-rotate").layers[0]
    assert (turn.rotation, turn.shift, turn.horizontal_flip) == (15, [0.1, 0.1], False)
    assert not pipeline("garments").layers[0].vertical_flip


def test_shifts_in_pixels_and_fractions():
    step = np.zeros((300, 40, 20, 1), "uint8")
    step[:, 20:] = 255
    for shift, pixels in [((2, 0), 2), ((0.1, 0), 4), ((3, 0), 3)]:
        rows = 40 - run(Affine(shift=shift, seed=0), step)[:, :, 10, 0].sum(1) / 255     # where the edge lies now
        assert 0.9 * pixels < np.abs(rows - 20).max() <= pixels + 1e-3


@pytest.mark.parametrize("shift, rows", [((1, 0), [-1, 0, 1]), ((2.9, 0), [-2, -1, 0, 1, 2]), ((0.1, 0), [-4, -3, -2, -1, 0, 1, 2, 3, 4])])
def test_whole_pixels_are_equally_likely(shift, rows):
    dot = np.zeros((4500, 40, 20, 1), "uint8")
    dot[:, 20, 10] = 255
    moved = run(Affine(shift=shift, whole_pixels=True, seed=0), dot)
    found, counts = np.unique(moved[:, :, 10, 0].argmax(1) - 20, return_counts=True)
    assert set(np.unique(moved)) == {0, 255} and found.tolist() == rows
    assert stats.chisquare(counts).pvalue > 0.001


def test_zoom_of_one_number_keeps_the_shape_and_of_a_pair_does_not():
    square = np.zeros((400, 61, 61, 1), "uint8")
    square[:, 20:41, 20:41] = 255
    sides = {}
    for zoom in (0.3, (0.3, 0.3), (0.0, 0.3)):
        zoomed = run(Affine(zoom=zoom, seed=0), square)[..., 0] / 255
        sides[zoom] = zoomed[:, :, 30].sum(1), zoomed[:, 30].sum(1)
    assert np.abs(np.subtract(*sides[0.3])).max() < 0.01
    assert abs(np.corrcoef(*sides[0.3, 0.3])[0, 1]) < 0.15 and max(np.max(side) for side in sides[0.3, 0.3]) > 21 * 1.28
    assert np.ptp(sides[0.0, 0.3][0]) < 0.01 and np.ptp(sides[0.0, 0.3][1]) > 10


def test_neighbours_share_one_interpolation(monkeypatch):
    calls, real = [], augmentation.sample
    def counted(*values, **options):
        calls.append(1)
        return real(*values, **options)
    monkeypatch.setattr(augmentation.layers, "sample", counted)
    run(pipeline("b-elastic"), pictures())
    run(pipeline("garments", alpha=10, brightness=(0.9, 1.1)), pictures())
    assert len(calls) == 2
    run(Pipeline([ElasticDistortion(10), Affine(rotation=5)]), pictures())      # the field belongs to the pixels of the new picture
    run(Pipeline([Affine(rotation=5, fill_mode="nearest"), ElasticDistortion(10, fill_mode="reflect")]), pictures())
    assert len(calls) == 6


@pytest.mark.parametrize("flips", [dict(horizontal_flip=True), dict(vertical_flip=True), dict(horizontal_flip=True, vertical_flip=True), {}])
def test_flips_alone_are_what_interpolation_gives(flips):
    images = pictures(30, (9, 14, 3)).astype("float32")
    for probability in (0.5, 1.0):
        exact, looked_up = (Affine(**flips, probability=probability, seed=3) for _ in range(2))
        interpolated = np.array(augmentation.move_together([looked_up], images))
        assert np.array_equal(np.array(exact(images, training=True)), interpolated)
        assert (interpolated != images).any() == bool(flips)


def test_shared_interpolation_is_what_the_layers_do_one_after_another():
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).uniform(0, 255, (6, 40, 40, 1)), (0, 4, 4, 0)) * 4 - 380
    smooth = np.clip(smooth, 0, 255).astype("float32")
    def layers(): return [Affine(rotation=20, zoom=0.1, shift=2, fill_mode="reflect", seed=1), ElasticDistortion(20, seed=2)]
    together = run(Pipeline(layers()), smooth)
    first, second = layers()
    apart = run(second, run(first, smooth))
    assert np.abs(together - apart)[:, 6:-6, 6:-6].max() < 6 and np.abs(together - smooth).max() > 30


def test_options_from_json():
    assert pipeline("b-elastic", alpha=[5, 8]).layers[1].alpha == [5, 8]
    assert pipeline("garments", alpha=4, sigma=3).layers[1].sigma == 3
    mixing = pipeline("garments", erase=0, cutmix=0.5)
    assert mixing.layers[-1].probability == 0.5 and mixes_labels(mixing) and not mixes_labels(pipeline("garments"))


def test_names_and_mixes_labels():
    assert set(names()) >= {"b-affine", "b-elastic", "d-cifar", "e-shift-rotate", "garments"}
    assert [name for name in names() if mixes_labels(pipeline(name))] == ["mixup", "cutmix"]
    assert mixes_labels(Pipeline([Affine(rotation=3), MixUp()])) and not mixes_labels(keras.layers.Rescaling(1.0))


# --- errors -----------------------------------------------------------------------------------------------------------

MISTAKES = [lambda: ElasticDistortion(sigma=-1), lambda: ElasticDistortion(alpha=(12, 10)), lambda: ElasticDistortion(alpha="10"),
            lambda: ElasticDistortion(alpha=(1, 2, 3)), lambda: ElasticDistortion(alpha=-1), lambda: ElasticDistortion(alpha=float("nan")),
            lambda: ElasticDistortion(sigma=None), lambda: ElasticDistortion(probability=1.5), lambda: ElasticDistortion(fill_mode="wrap"),
            lambda: Affine(rotation="8"), lambda: Affine(rotation=True), lambda: Affine(zoom=1), lambda: Affine(shift="2"),
            lambda: Affine(shear=-0.3), lambda: Affine(horizontal_flip="yes"), lambda: Affine(seed=-1), lambda: Affine(seed="0"),
            lambda: Affine(seed=0.5), lambda: Affine(fill_value=300), lambda: Brightness((1.1, 0.9)), lambda: Erasing(area=(0.5, 1.5)),
            lambda: Erasing(fill_value="noise"), lambda: MixUp(alpha=0), lambda: CutMix(alpha="1"), lambda: Pipeline([]),
            lambda: Pipeline([keras.layers.Rescaling(1.0)]), lambda: pipeline("b-elastik"), lambda: pipeline(3),
            lambda: pipeline("garments", rotate=5), lambda: pipeline("garments", alpha=(12, 10)), lambda: pipeline("garments", seed="x"),
            lambda: pipeline("mixup")(pictures(), training=True), lambda: pipeline("cutmix")({"images": pictures()}, training=True),
            lambda: pipeline("mixup")({"images": pictures(), "labels": np.arange(12)}, training=True),
            lambda: Pipeline([Affine(), MixUp()])(pictures(), training=True), lambda: pipeline("affine")(pictures()[0], training=True),
            lambda: pipeline("b-elastic")(pictures()[0], training=True)]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes(number):
    with pytest.raises(ValueError, match=r"Received: [^\n]+\Z"):
        MISTAKES[number]()


def test_an_unknown_name_is_helped():
    with pytest.raises(ValueError, match="Did you mean 'b-elastic'"):
        pipeline("b-elastik")


# --- other backends ---------------------------------------------------------------------------------------------------


def test_import_without_tensorflow():
    lines = []
    for room in Path(augmentation.__file__).parent.glob("*.py"):
        lines += room.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 100 and not [line for line in lines if line.startswith(("import tensorflow", "from tensorflow"))]


@pytest.mark.skipif("FASHION_CNN_SECOND_BACKEND" in os.environ, reason="this is the run on the second backend")
def test_all_of_this_on_a_second_backend():
    other = next((name for name in ("jax", "torch") if name != keras.backend.backend() and importlib.util.find_spec(name)), None)
    if other is None:
        pytest.skip("neither JAX nor PyTorch is installed beside the backend in use: pip install jax")
    environment = {**os.environ, "KERAS_BACKEND": other, "FASHION_CNN_SECOND_BACKEND": "1"}
    result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__], env=environment,
                            capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert result.returncode == 0, result.stdout[-3000:]


# Keras' own affine layers, of which the notebook says that each alone is right

@pytest.mark.parametrize("name, arguments", [("RandomRotation", (0.2,)), ("RandomZoom", (0.5,)), ("RandomShear", (0.5, 0.5)),
                                             ("RandomTranslation", (0.3, 0.3)), ("RandomFlip", ("horizontal",))])
def test_keras_affine_layers_alone_are_right(name, arguments):
    layer = getattr(keras.layers, name)(*arguments, seed=1)
    picture = np.random.default_rng(0).integers(0, 256, (1, 12, 12, 1)).astype("float32")
    changed = np.array(layer(np.repeat(picture, 40, axis=0), training=True))
    assert len(np.unique(changed.reshape(40, -1), axis=0)) > (1 if name == "RandomFlip" else 35)      # each image differently
    assert np.array_equal(np.array(layer(picture, training=False)), picture)
    model = keras.Sequential([keras.Input((12, 12, 1)), layer])
    for count in (8, 3, 1):                                       # flat pictures stay as they are: nobody gets a neighbour's
        flat = np.arange(10, 10 + count, dtype="float32")[:, None, None, None] * np.ones((count, 12, 12, 1), "float32")
        assert np.allclose(np.array(model(flat, training=True)), flat, atol=1e-3)
