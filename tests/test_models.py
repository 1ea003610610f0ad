"The networks: their exact prices, what their arguments change, what does not fit, and their drawings."
import functools
import itertools
import json
import re
import shutil
import sys
import warnings
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

keras = pytest.importorskip("keras")
from keras import layers                                                     # noqa: E402
from keras.ops import convert_to_numpy                                       # noqa: E402
from matplotlib.figure import Figure                                         # noqa: E402

from fashion_cnn import models                                               # noqa: E402
from fashion_cnn.models import (ORIGINALS, build, concatenation_block,       # noqa: E402
                                convolution_block, cost, diagram, draw, identity_block,
                                layer_table, names, residual_path, stack)
from fashion_cnn.models import speed                                         # noqa: E402
from fashion_cnn.models.costs import operations                              # noqa: E402
from small import pixels                                                     # noqa: E402

GREY, COLOUR = (28, 28, 1), (32, 32, 3)
CLASSIFIERS = [name for name in ORIGINALS if name != "a3-autoencoder"]

# Every network of the five assignments: parameters and how many of them are trained. Where an assignment gives no count
# (cm6-cnn, cm6-resnet, a3-resnet-meant), it is that of the layers as they are listed there.
COUNTS = [("cm6-cnn", GREY, 5, {}, 33_989, 30_405),
          ("cm6-resnet", GREY, 5, {}, 62_889, 62_887),
          ("cm6-resnet", GREY, 5, {"depth": 20}, 288_937, 287_687),
          ("brief", GREY, 5, {}, 804_037, 803_973),
          ("deeper", GREY, 5, {}, 257_221, 257_029),
          ("a3-small", GREY, 5, {}, 346_821, 346_821),
          ("a3-dropout", GREY, 5, {}, 240_901, 240_901),
          ("a3-autoencoder", GREY, 5, {}, 742_657, 742_657),
          ("a3-resnet", GREY, 5, {}, 91_589, 91_205),
          ("a3-resnet-meant", GREY, 5, {}, 11_191_301, 11_183_493),
          ("hw2-cnn", GREY, 10, {}, 1_607_210, 1_605_226),
          ("hw2-resnet", COLOUR, 10, {}, 1_646_858, 1_643_210)]
# Those with a pretrained base are counted in test_transfer.py


@functools.cache
def original(name):
    "A network as its assignment had it, for tests that only look at it."
    return build(name, *ORIGINALS[name])


@pytest.fixture(autouse=True)
def quiet_and_tidy():
    "cm6-resnet warns where it has no block; that has a test of its own."
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="cm6-resnet with depth=2")
        yield
    keras.utils.clear_session()


@pytest.mark.parametrize("name, shape, classes, options, parameters, trainable", COUNTS,
                         ids=[f"{row[0]}-{'-'.join(map(str, row[3].values()))}" for row in COUNTS])
def test_parameters_of_every_assignment(name, shape, classes, options, parameters, trainable):
    model = build(name, shape, classes, **options)
    assert model.count_params() == parameters
    assert cost(model)["trainable"] == trainable


# --- what every network does ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_from_raw_pixels_saved_and_loaded(name, tmp_path):
    shape, classes = ORIGINALS[name]
    model, x = build(name, shape, classes), pixels(3, shape)
    probabilities = convert_to_numpy(model(x))
    assert probabilities.shape == (3, classes) and np.allclose(probabilities.sum(1), 1, atol=1e-5) and probabilities.min() >= 0
    assert np.allclose(convert_to_numpy(model(x[:1])).sum(1), 1, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(convert_to_numpy(again(x)), probabilities)


@pytest.mark.parametrize("name", ORIGINALS)
def test_name_layers_and_scaling(name):
    model = original(name)
    assert model.name == name and model.input_shape == (None, *ORIGINALS[name][0])
    parts = [layer.name for layer in model.layers]
    assert len(set(parts)) == len(parts)
    assert not any(re.fullmatch(r"(conv2d|dense|dropout|activation|add)_\d+", part) for part in parts)
    assert ("scale" in parts) == name.startswith(("a3", "hw2", "slim", "efficientnet"))   # A and B feed raw pixels on


def test_mirror_images_are_asked_in_use_and_not_in_training():
    model, x = build("slim-resnet", GREY, 10), pixels(5)
    plain = build("slim-resnet", GREY, 10, mirror=False)
    plain.set_weights(model.get_weights())
    mean = (convert_to_numpy(plain(x)) + convert_to_numpy(plain(x[:, :, ::-1]))) / 2
    assert np.allclose(convert_to_numpy(model(x)), mean, atol=1e-6)
    assert np.allclose(model.predict(x, batch_size=2, verbose=0), mean, atol=1e-6)      # also a last batch of one
    assert np.allclose(convert_to_numpy(model(x, training=True)), convert_to_numpy(plain(x, training=True)), atol=1e-5)
    assert [layer.name for layer in model.layers if layer not in plain.layers and "mirror" in layer.name] == [
        "beside_mirror_images", "mean_of_mirror_images"]


def test_members_learn_apart_and_answer_together(tmp_path):
    small = {"filters": (4, 8), "residuals": (0, 1), "mirror": False}
    model = build("slim-resnet", GREY, 10, members=3, **small)
    alone = [build("slim-resnet", GREY, 10, **small) for _ in range(3)]

    def copy_weights():
        for number, network in enumerate(alone, 1):     # layer by layer
            for layer in network.layers:
                member = model.get_layer(f"member{number}_{layer.name}") if layer.weights else layer
                layer.set_weights(member.get_weights())

    for images, cuts in [(12, (4, 8)), (7, (2, 4)), (3, (1, 2))]:
        x = pixels(images)
        copy_weights()
        apart = [convert_to_numpy(network(part, training=True))
                 for network, part in zip(alone, np.split(x, cuts))]
        assert np.allclose(convert_to_numpy(model(x, training=True)), np.concatenate(apart), atol=1e-5)
        for number, network in enumerate(alone, 1):     # the statistics of its own part
            own = model.get_layer(f"member{number}_norm1").moving_mean
            assert np.allclose(own, network.get_layer("norm1").moving_mean, atol=1e-5)
        copy_weights()
        mean = np.mean([convert_to_numpy(network(x)) for network in alone], axis=0)
        assert np.allclose(convert_to_numpy(model(x)), mean, atol=1e-6)
    model.save(tmp_path / "members.keras")
    assert np.allclose(convert_to_numpy(keras.saving.load_model(tmp_path / "members.keras", safe_mode=True)(x)), mean, atol=1e-6)


def test_networks_of_any_size_and_colour():
    for name in ORIGINALS:
        output = build(name, (20, 24, 3), 7).output_shape
        assert output == ((None, 20, 24, 3) if name == "a3-autoencoder" else (None, 7))


def test_same_seed_same_start():
    def start():
        keras.utils.set_random_seed(4)
        return build("deeper", GREY, 5).get_weights()
    assert all(map(np.array_equal, start(), start()))


def test_autoencoder_gives_images_and_its_code(tmp_path):
    model, x = build("a3-autoencoder", GREY, 5), pixels(2)
    image = convert_to_numpy(model(x))
    assert image.shape == (2, 28, 28, 1)
    code = keras.Model(model.input, model.get_layer("code").output)
    assert code(x).shape == (2, 7, 7, 128)
    model.save(tmp_path / "model.keras")
    assert np.array_equal(convert_to_numpy(keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)(x)), image)
    inside = convert_to_numpy(build("a3-autoencoder", GREY, 5, output_activation="sigmoid")(x))
    assert 0 < inside.min() <= inside.max() < 1
    small = build("a3-autoencoder", (32, 32, 3), 2, filters=[8, 4, 2])
    assert small.get_layer("code").output.shape == (None, 4, 4, 2) and small.output_shape == (None, 32, 32, 3)


# --- arguments --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, option, value, layer, attribute, expected", [
    ("a3-small", "filters", 8, "conv1", "filters", 8), ("a3-small", "kernel", 5, "conv1", "kernel_size", (5, 5)),
    ("a3-small", "units", 9, "dense", "units", 9), ("a3-small", "dropout", 0.3, "dropout", "rate", 0.3),
    ("cm6-cnn", "filters", [4, 5, 6], "conv3", "filters", 6), ("cm6-cnn", "dropout", 0.1, "dropout", "rate", 0.1),
    ("brief", "units", 7, "dense", "units", 7), ("brief", "dropout", 0.3, "dropout", "rate", 0.3),
    ("deeper", "filters", (3, 4, 5), "conv3", "filters", 5), ("deeper", "dropout", 0.6, "dropout3", "rate", 0.6),
    ("a3-dropout", "dropout", (0.1, 0, 0.5), "dropout3", "rate", 0.5),
    ("a3-dropout", "kernel", 5, "conv2", "kernel_size", (5, 5)),
    ("hw2-cnn", "units", (20,), "dense1", "units", 20), ("hw2-cnn", "dropout", 0.1, "dropout2", "rate", 0.1),
    ("a3-autoencoder", "dropout", 0.5, "dropout", "rate", 0.5), ("a3-autoencoder", "kernel", 5, "image", "kernel_size", (5, 5)),
    ("cm6-resnet", "filters", 8, "stem_conv", "filters", 8), ("cm6-resnet", "kernel", 5, "stem_conv", "kernel_size", (5, 5)),
    ("a3-resnet", "stem_kernel", 3, "stem_conv", "kernel_size", (3, 3)),
    ("a3-resnet", "filters", 8, "stage4_block2_conv2", "filters", 8),
    ("a3-resnet", "stages", 2, "stage2_block2_conv1", "kernel_size", (3, 3)),
    ("a3-resnet", "dropout", 0.2, "stage4_block2_dropout", "rate", 0.2),
    ("a3-resnet-meant", "filters", (4, 8), "stage2_block1_shortcut", "filters", 8),
    ("a3-resnet-meant", "blocks", 3, "stage4_block3_conv1", "filters", 512),
    ("hw2-resnet", "filters", (4, 6), "stage2_block3_shortcut", "filters", 6),
    ("hw2-resnet", "blocks", 1, "stage3_block1_conv2", "filters", 128),
    ("hw2-resnet", "kernel", 5, "stage1_block1_conv1", "kernel_size", (5, 5)),
    ("hw2-resnet", "dropout", 0.2, "stage1_block2_dropout", "rate", 0.2),
    ("slim-resnet", "filters", (4, 8, 12), "stage3_block1_conv2", "filters", 12), ("slim-resnet", "kernel", 5, "conv2", "kernel_size", (5, 5)),
    ("slim-resnet", "stem_kernel", 6, "conv1", "kernel_size", (6, 6)), ("slim-resnet", "stem_stride", 2, "conv1", "strides", (2, 2)),
    ("slim-resnet", "residuals", (0, 2, 1), "stage2_block2_conv1", "filters", 32), ("slim-resnet", "dropout", 0.4, "dropout", "rate", 0.4)])
def test_options_change_what_they_say(name, option, value, layer, attribute, expected):
    assert getattr(build(name, GREY, 5, **{option: value}).get_layer(layer), attribute) == expected


def has(model, *kinds):
    return sum(type(layer).__name__ in kinds for layer in model.layers)


# The layers of efficientnet-lite0 are those of its weights
@pytest.mark.parametrize("name", [name for name in ORIGINALS if name != "efficientnet-lite0"])
def test_normalization_activation_and_dropout_everywhere(name):
    options = {"depth": 8} if name == "cm6-resnet" else {}
    rate, off = ((0.5, 0.5, 0.5), (0, 0, 0)) if name == "a3-dropout" else (0.5, 0)
    batch = build(name, GREY, 5, normalization="batch", activation="elu", dropout=rate, **options)
    group = build(name, GREY, 5, normalization="layer", dropout=off, **options)
    none = build(name, GREY, 5, normalization="none", **options)
    assert has(batch, "BatchNormalization") == has(group, "GroupNormalization") > 0
    assert has(none, "BatchNormalization", "GroupNormalization") == 0
    used = {getattr(layer, "activation", None) for layer in batch.layers}
    assert keras.activations.elu in used and not used & {keras.activations.relu, keras.activations.sigmoid}
    assert has(batch, "Dropout") > has(group, "Dropout") == 0
    assert np.isfinite(convert_to_numpy(group(pixels(1)))).all()


@pytest.mark.parametrize("name, options", [("cm6-resnet", {"depth": 14}), ("a3-resnet-meant", {})])
def test_without_shortcuts_and_penalty(name, options):
    model, plain = build(name, GREY, 5, **options), build(name, GREY, 5, skip=False, penalty=0, **options)
    assert has(model, "Add") == (6 if name == "cm6-resnet" else 8) and has(plain, "Add") == 0
    paths = [[layer.name for layer in each.layers if re.search(r"_conv\d$", layer.name)] for each in (model, plain)]
    assert sorted(paths[0]) == sorted(paths[1])
    assert len(model.losses) > 0 and plain.losses == []


def test_second_convolution_of_assignment_a_has_normalisation_and_no_activation_before_it():
    "The argument activation=None that its builder did not look at."
    model = build("cm6-resnet", GREY, 5, depth=8)
    for layer in model.layers:
        before = layer.input if not isinstance(layer.input, list) else None
        if layer.name.endswith("conv1"): assert before._keras_history[0].name.endswith("activation1")
        if layer.name.endswith("conv2"): assert before._keras_history[0].name.endswith("norm2")
    both = keras.Model(image := keras.Input((8, 8, 4)), residual_path(image, 4, order="before"))
    assert has(both, "Activation") == 2
    assert has(keras.Model(image, residual_path(image, 4, second_activation=False)), "Activation") == 0


@pytest.mark.parametrize("depth, blocks", [(2, 0), (8, 3), (14, 6), (20, 9), (32, 15)])
def test_depth_counts_layers_with_weights(depth, blocks):
    model = build("cm6-resnet", GREY, 5, depth=depth)
    assert has(model, "Add") == blocks
    main = [layer for layer in model.layers if isinstance(layer, (layers.Conv2D, layers.Dense)) and "shortcut" not in layer.name]
    assert len(main) == depth


def test_no_block_warns_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        build("cm6-resnet", GREY, 5)
        build("cm6-resnet", GREY, 5, depth=8)
    assert len(caught) == 1 and "no residual block at all" in str(caught[0].message)


# --- blocks -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("order", ["after", "before"])
def test_block_whose_path_is_silent_hands_on_what_came_in(order):
    image = keras.Input((6, 6, 4))
    model = keras.Model(image, identity_block(image, 4, order=order, normalization="none"))
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            layer.kernel.assign(np.zeros(layer.kernel.shape))
    x = np.random.default_rng(0).random((2, 6, 6, 4), dtype=np.float32)
    assert np.allclose(convert_to_numpy(model(x)), x)


def test_blocks_shapes_and_counts():
    image = keras.Input((9, 9, 4))
    assert convolution_block(image, 6).shape == (None, 5, 5, 6)
    assert convolution_block(image, 6, stride=1, shortcut_normalization="batch").shape == (None, 9, 9, 6)
    assert concatenation_block(image, 6).shape == (None, 9, 9, 12)
    assert concatenation_block(image, 6, narrow=False).shape == (None, 9, 9, 10)
    by_hand = (9 * 4 * 6 + 6) + (9 * 6 * 6 + 6) + 2 * 4 * 6 + (4 * 6 + 6)   # two convolutions, two normalisations, the shortcut
    assert keras.Model(image, convolution_block(image, 6)).count_params() == by_hand
    assert residual_path(image, 3, order="before").shape == (None, 9, 9, 3)


# --- what does not fit ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, shape, classes, options, message", [
    ("deper", GREY, 5, {}, "Did you mean 'deeper'"), ("resnet999", GREY, 5, {}, "Known: a3-small"),
    ("deeper", (28, 28), 5, {}, r"input_shape must be .* Received: \(28, 28\)"), ("deeper", (28, 0, 1), 5, {}, "input_shape"),
    ("deeper", "28", 5, {}, "input_shape"), ("deeper", (28, None, 1), 5, {}, "input_shape"),
    ("deeper", (28.5, 28, 1), 5, {}, "input_shape"),
    ("deeper", GREY, 1, {}, "classes must be"), ("deeper", GREY, "ten", {}, "classes must be"),
    ("deeper", GREY, True, {}, "classes must be"),
    ("deeper", GREY, 5, {"filter": 3}, "no option 'filter'; it has filters, kernel"),
    ("deeper", GREY, 5, {"filters": 32}, "filters must be a tuple such as"),
    ("deeper", GREY, 5, {"filters": (3, 4)}, "must hold 3 values"),
    ("cm6-cnn", GREY, 5, {"filters": ()}, "filters must be a tuple"),
    ("cm6-cnn", GREY, 5, {"filters": (3, 0)}, "each a whole number from 1"),
    ("brief", GREY, 5, {"filters": (3, 4)}, "filters must be a whole number"),
    ("brief", GREY, 5, {"kernel": 0}, "kernel must be"),
    ("brief", GREY, 5, {"kernel": 2.5}, "kernel must be"), ("brief", GREY, 5, {"units": True}, "units must be"),
    ("hw2-cnn", GREY, 5, {"units": 64}, "units must be a tuple"), ("deeper", GREY, 5, {"dropout": 25}, "from 0 to below 1"),
    ("deeper", GREY, 5, {"dropout": float("nan")}, "dropout must be"), ("deeper", GREY, 5, {"dropout": 1}, "dropout must be"),
    ("a3-dropout", GREY, 5, {"dropout": 0.5}, "dropout must be a tuple"),
    ("a3-dropout", GREY, 5, {"dropout": (0.5,)}, "must hold 3 values"),
    ("brief", GREY, 5, {"activation": "rleu"}, "activation must be the name"),
    ("brief", GREY, 5, {"activation": None}, "activation must be"),
    ("brief", GREY, 5, {"normalization": None}, "one of 'batch', 'layer', 'none'"),
    ("brief", GREY, 5, {"normalization": ["batch"]}, "one of"),
    ("cm6-resnet", GREY, 5, {"penalty": -1}, "penalty must be"),
    ("cm6-resnet", GREY, 5, {"skip": 1, "depth": 8}, "skip must be True or False"),
    ("cm6-resnet", GREY, 5, {"depth": 18}, "nearest are 14 and 20.*Received: depth=18"),
    ("cm6-resnet", GREY, 5, {"depth": 0}, "nearest are 2 and 8"),
    ("cm6-resnet", GREY, 5, {"depth": -40}, "nearest are 2 and 8"), ("cm6-resnet", GREY, 5, {"depth": "20"}, "6n"),
    ("cm6-resnet", GREY, 5, {"depth": 20.0}, "6n"), ("cm6-resnet", GREY, 5, {"depth": float("nan")}, "6n"),
    ("a3-autoencoder", (30, 28, 1), 5, {}, "multiples of 4.*Received: 30 x 28"),
    ("a3-small", GREY, 5, {"kernel": 29}, "'conv1' looks at 29 x 29 .* only 28 x 28"),
    ("a3-small", (3, 28, 1), 5, {}, "'pool1' .* only 1 x 26"),
    ("cm6-cnn", GREY, 5, {"kernel": 15}, "'conv2' looks at 15 x 15 .* only 7 x 7"),
    ("deeper", (3, 3, 1), 5, {}, "'pool2' .* only 1 x 1"),
    ("a3-resnet", GREY, 5, {"stages": 6}, "'pool' looks at 2 x 2 .* only 1 x 1"),
    ("a3-dropout", (8, 8, 1), 5, {}, "'pool3' .* only 1 x 1")])
def test_errors_of_build(name, shape, classes, options, message):
    with pytest.raises(ValueError, match=message) as error:
        build(name, shape, classes, **options)
    assert "Received: " in str(error.value)


def test_networks_check_when_called_themselves():
    for arguments, options in [((GREY, 5), {"dropout": 2}), ((GREY, 5), {"depth": 3}), (((28,), 5), {}), ((GREY, 0), {})]:
        with pytest.raises(ValueError, match="Received: "):
            models.deeper(*arguments, **options)


def test_errors_of_blocks():
    image = keras.Input((8, 8, 4))
    with pytest.raises(ValueError, match="as many filters as channels came in, 4.*Received: filters=5 in 'mine'"):
        identity_block(image, 5, name="mine")
    with pytest.raises(ValueError, match="order must be 'after' or 'before'. Received: order='middle'"):
        residual_path(image, 4, order="middle")


def test_unknown_name_says_where_more_are(monkeypatch):
    monkeypatch.delitem(sys.modules, "fashion_cnn.transfer", raising=False)
    with pytest.raises(ValueError, match="known after `import fashion_cnn.transfer`. Received: 'v"):
        build("vgg", GREY, 5)
    monkeypatch.setitem(sys.modules, "fashion_cnn.transfer", models)
    with pytest.raises(ValueError) as error: build("vgg", GREY, 5)
    assert "known after" not in str(error.value)


def test_names_follow_the_registry(monkeypatch):
    def mine(input_shape, classes, width=3): return models.brief(input_shape, classes, units=width)
    monkeypatch.setitem(models.NETWORKS, "mine", mine)
    assert "mine" in names() and build("mine", GREY, 5, width=4).get_layer("dense").units == 4
    with pytest.raises(ValueError, match="has no option 'units'; it has width"):
        build("mine", GREY, 5, units=4)


# --- prices -----------------------------------------------------------------------------------------------------------

def visits(layer, size):
    "An independent count: visit every place where a kernel stands, one by one, and add up what is multiplied there."
    image = np.zeros((1, *size), "float32")
    rows, columns = convert_to_numpy(layer(image)).shape[1:3]
    per_place = sum(int(np.prod(weight.shape)) for weight in layer.weights if len(weight.shape) == 4)
    return sum(2 * per_place for _ in itertools.product(range(rows), range(columns)))


@pytest.mark.parametrize("layer", [
    layers.Conv2D(5, 3), layers.Conv2D(5, 3, strides=2, padding="same"), layers.Conv2D(5, 1, strides=2),
    layers.Conv2D(6, 3, groups=2), layers.Conv2D(5, (1, 5), dilation_rate=2, padding="same"),
    layers.DepthwiseConv2D(3, depth_multiplier=2), layers.SeparableConv2D(5, 3, strides=2)],
    ids=lambda layer: layer.name)
def test_operations_of_one_layer(layer):
    image = keras.Input((11, 13, 4))
    assert round(cost(keras.Model(image, layer(image)))["MFLOPs"], 2) == round(visits(layer, (11, 13, 4)) / 1e6, 2)
    assert operations(layer) == visits(layer, (11, 13, 4))


def test_transposed_and_dense_operations():
    image = keras.Input((5, 7, 4))
    transposed, dense = layers.Conv2DTranspose(6, 3, strides=2), layers.Dense(6)
    transposed(image), dense(image)
    assert operations(transposed) == 2 * 5 * 7 * 3 * 3 * 4 * 6   # each input pixel is spread once
    assert operations(dense) == 2 * 5 * 7 * 4 * 6                # at each position


@pytest.mark.parametrize("name, by_hand", [
    ("brief", 28 * 28 * 9 * 32 + 14 * 14 * 32 * 128 + 128 * 5),
    ("a3-autoencoder", 28 * 28 * 9 * 256 + 14 * 14 * 9 * 256 * 128 + 7 * 7 * 9 * 128 * 128
                       + 14 * 14 * 9 * 128 * 256 + 28 * 28 * 9 * 256),
    ("a3-resnet", 28 * 28 * 49 * 64 + (14 * 14 + 7 * 7 + 4 * 4) * 64 * 64 + 2 * 4 * 4 * 9 * 64 * 64 + 256 * 5),
    ("hw2-resnet", 32 * 32 * (27 * 32 + 4 * 9 * 32 * 32 + 2 * (9 * 64 * 32 + 64 * 32)
                              + 4 * 9 * 64 * 64 + 2 * (9 * 128 * 64 + 128 * 64)
                              + 4 * 9 * 128 * 128 + 2 * (9 * 256 * 128 + 256 * 128)) + 256 * 10)])
def test_operations_of_networks_by_hand(name, by_hand):
    assert operations(original(name)) == 2 * by_hand


def test_operations_of_a_known_base_inside_a_model():
    "MobileNet is published with 569 million multiplications and additions as pairs (Howard and others, 2017)."
    base = keras.applications.MobileNet(weights=None)
    model = keras.Sequential([keras.Input((224, 224, 3)), base])
    assert 2 * 567e6 < operations(model) == operations(base) < 2 * 570e6
    table = layer_table(model)
    assert len(table) == 2 and table["parameters"].iloc[-1] == base.count_params()
    assert table["MFLOPs"].iloc[-1] == cost(model)["MFLOPs"] == pytest.approx(operations(base) / 1e6, abs=0.01)
    assert cost(model)["convolutions"] == 28   # the first, 13 depthwise ones, 13 of 1 x 1, and one in place of a dense layer


def test_layer_table_adds_up():
    for name in ORIGINALS:
        model = original(name)
        table, price = layer_table(model), cost(model)
        assert list(table.columns) == ["layer", "type", "output", "parameters", "trainable", "MFLOPs"]
        assert len(table) == len(model.layers)   # without the input, with the total
        for column in ("parameters", "trainable", "MFLOPs"):
            assert table[column].iloc[-1] == pytest.approx(price[column], abs=0.01)
    frozen = build("brief", GREY, 5)
    frozen.get_layer("dense").trainable = False
    assert layer_table(frozen).set_index("layer").loc["dense", ["parameters", "trainable"]].tolist() == [802_944, 0]


@pytest.mark.parametrize("layer", [layers.Conv1D(8, 3), layers.LSTM(8), layers.EinsumDense("abc,cd->abd", (10, 8))],
                         ids=lambda layer: layer.name)
def test_operations_of_a_layer_of_unknown_kind_are_unknown(layer):
    inputs = keras.Input((10, 4))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layer(inputs))))
    assert np.isnan(operations(layer)) and np.isnan(operations(model)) and np.isnan(cost(model)["MFLOPs"])
    assert layer_table(model)["MFLOPs"].isna().tolist() == [True, False, False, True]


def test_operations_of_what_hardly_computes_are_none():
    image = keras.Input((5, 7, 4))
    for layer in (layers.PReLU(), layers.LayerNormalization(axis=[1, 2, 3]), layers.BatchNormalization()):
        assert operations(keras.Model(image, layer(image))) == 0
    words = layers.Embedding(10, 4)
    words(keras.Input((3,)))
    assert operations(words) == 0


def test_operations_need_a_size():
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="layer 'c' takes any size"):
        layer_table(keras.Model(image, layers.Conv2D(2, 3, name="c")(image)))


# --- drawings ---------------------------------------------------------------------------------------------------------

def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def boxes(figure):
    return [patch.get_bbox() for patch in figure.axes[0].patches if type(patch).__name__ == "Rectangle"]


def test_an_activation_that_is_a_layer_is_named():
    leaky = layers.Activation(layers.LeakyReLU())
    assert diagram.kind_text(leaky) == "Activation LeakyReLU"


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", ORIGINALS)
def test_drawing_has_every_layer_and_nothing_overlaps(name, compact):
    model = original(name)
    figure = draw(model, tool="matplotlib", compact=compact)
    assert isinstance(figure, Figure) and len(boxes(figure)) == len(model.layers)
    for first, second in itertools.combinations(boxes(figure), 2):
        assert first.x1 <= second.x0 or second.x1 <= first.x0 or first.y1 <= second.y0 or second.y1 <= first.y0
    width, height = figure.get_size_inches()
    assert all(0 < box.x0 and box.x1 < width and -height < box.y0 and box.y1 < 0 for box in boxes(figure))
    if not compact:
        shown = "\n".join(texts(figure))
        assert all(layer.name in shown for layer in model.layers)
        assert all(f"{layer.count_params():,} par." in shown for layer in model.layers if layer.count_params())


def test_text_stays_in_its_box():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    for compact in (False, True):
        pair = [original("a3-resnet-meant"), original("hw2-resnet")]
        figure = draw(pair, tool="matplotlib", compact=compact)
        FigureCanvasAgg(figure).draw()
        axis = figure.axes[0]
        inside = {text.get_position(): text for text in axis.texts if text.get_text()}
        for box in axis.patches:
            if type(box).__name__ != "Rectangle":
                continue
            text = next(text for (x, y), text in inside.items() if box.get_bbox().contains(x, y))
            extent, frame = text.get_window_extent(), box.get_window_extent()
            assert frame.x0 <= extent.x0 and extent.x1 <= frame.x1, text.get_text()


def test_shortcuts_stand_beside_the_path():
    image = keras.Input((8, 8, 4), name="x")
    model = keras.Model(image, convolution_block(image, 6))
    feeds = diagram.connections(model)[1]
    row = diagram.row_of_each(feeds)
    lane, wires = diagram.lanes(feeds, row)
    assert lane["block_shortcut"] == 1 and row["block_shortcut"] == row["block_conv1"]
    assert lane["block_add"] == 0 and set(feeds["block_add"]) == {"block_norm2", "block_shortcut"}
    identity = diagram.connections(keras.Model(image, identity_block(image, 4)))[1]
    assert diagram.lanes(identity, diagram.row_of_each(identity))[1]["x", "block_add"] == 1   # a line beside the boxes


def test_joins_seen_in_the_drawing():
    "As built one join, as meant eight: what the picture is there to show."
    def aside(name):
        lines = draw(original(name), tool="matplotlib", compact=True).axes[0].lines
        return sum(line.get_color() == "#D55E00" for line in lines)
    assert aside("a3-resnet") == 1 and aside("a3-resnet-meant") == 5 + 2 * 3   # a 1 x 1 convolution has a line in and a line out


def test_long_networks_go_on_in_columns_without_tearing_branches():
    feeds = diagram.connections(original("a3-resnet-meant"))[1]
    row = diagram.row_of_each(feeds)
    for longest in (5, 16, 28, 1000):
        columns = diagram.columns(feeds, row, longest)
        assert [first for first, _ in columns] == [0] + [last + 1 for _, last in columns[:-1]]
        assert columns[-1][1] == max(row.values())
        for _, last in columns[:-1]:
            assert sum(row[source] <= last < row[to] for to, sources in feeds.items() for source in sources) == 1
    assert len(columns) == 1


def test_drawing_of_models_in_models_and_several_outputs():
    inner = build("a3-autoencoder", GREY, 5)
    model = keras.Sequential([keras.Input(GREY), inner, layers.Flatten(name="flat"), layers.Dense(2, name="end")])
    assert any(f"model of {len(inner.layers)} layers" in text for text in texts(draw(model, tool="matplotlib")))
    image = keras.Input((8, 8, 2), name="x")
    ends = [residual_path(image, 3, name=f"end{number}") for number in range(3)]
    figure = draw(keras.Model(image, ends), tool="matplotlib")
    assert len(boxes(figure)) == 1 + 3 * 5
    twice = layers.Add(name="twice")([image, image])
    assert len(boxes(draw(keras.Model(image, twice), tool="matplotlib"))) == 2


def test_graphviz_where_it_is_there(monkeypatch):
    "With a stand-in for Graphviz, which need not be installed."
    asked = []
    monkeypatch.setattr(keras.utils, "plot_model", lambda model, **options: asked.append(options) or SimpleNamespace(data=b"png"))
    monkeypatch.setattr(diagram, "has_graphviz", lambda: True)
    model = build("brief", GREY, 5)
    assert draw(model).data == b"png" and draw(model, tool="graphviz", compact=True).data == b"png"
    assert [options["show_shapes"] for options in asked] == [True, False]
    assert not any(options["to_file"].parent.exists() for options in asked)   # nothing stays behind
    assert isinstance(draw(model, tool="matplotlib"), Figure)
    assert isinstance(draw([model, model]), Figure) and isinstance(draw(model, longest=9), Figure)
    assert len(asked) == 2


@pytest.mark.skipif(shutil.which("dot") is not None, reason="Graphviz is here")
def test_matplotlib_where_graphviz_is_not():
    model = build("brief", GREY, 5)
    assert isinstance(draw(model), Figure)
    with pytest.raises(ValueError, match="needs the program `dot`"):
        draw(model, tool="graphviz")


@pytest.mark.parametrize("options, message", [({"tool": "pencil"}, "tool must be"), ({"longest": -1}, "longest must be"),
({"longest": 2.5}, "longest must be")])
def test_errors_of_draw(options, message):
    with pytest.raises(ValueError, match=message):
        draw(build("brief", GREY, 5), **options)
    for nothing in ([], [None], None, 3, keras.Sequential()):
        with pytest.raises(ValueError, match="draw needs"):
            draw(nothing, tool="matplotlib")
    with pytest.raises(ValueError, match="one model in one column"):
        draw([build("brief", GREY, 5)] * 2, tool="graphviz")


# Batch normalisation in one operation

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="an operation of TensorFlow; other backends keep Keras' layer")

def trained_once(layer, images):
    "Gradients of everything, and the weights after one training step."
    import tensorflow as tf
    model = keras.Sequential([keras.Input(images.shape[1:]), layer])
    images, wanted = tf.constant(images), tf.random.stateless_normal((len(images), *model.output_shape[1:]), seed=(1, 2))
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_mean((tf.cast(model(images, training=True), "float32") - wanted) ** 2)
    return [*tape.gradient(loss, [images, *(weight.value for weight in model.trainable_weights)]), *model.get_weights(), model(images)]


@on_tensorflow
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5, "epsilon": 0.1}, {"axis": 3}, {"axis": 1}, {"scale": False}, {"center": False}, {"synchronized": True},
                                     {"dtype": "mixed_bfloat16"}], ids=str)
@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (1, 1, 1, 2), (7, 9)], ids=str)
def test_one_operation_is_what_keras_does_in_ten(shape, options):
    if options.get("axis") == 3 and len(shape) < 4: pytest.skip("no such axis")
    images = np.random.default_rng(3).normal(5, 2, shape).astype("float32")
    ours, theirs = (trained_once(kind(**options), images) for kind in (models.BatchNormalization, keras.layers.BatchNormalization))
    for one, other in zip(ours, theirs, strict=True): assert np.allclose(one, other, atol=1e-4), (one, other)


@on_tensorflow
def test_one_operation_is_used_unless_the_layer_is_frozen():
    import tensorflow as tf
    def operations(layer):
        layer.build((None, 4, 4, 2))
        traced = tf.function(lambda images: layer(images, training=True)).get_concrete_function(tf.TensorSpec((None, 4, 4, 2)))
        return [operation.type for operation in traced.graph.get_operations()]
    frozen = models.BatchNormalization(trainable=False)
    assert "FusedBatchNormV3" in operations(models.BatchNormalization()) and "FusedBatchNormV3" not in operations(frozen)


def test_normalised_networks_load_without_the_package(tmp_path):
    "What the file says; test_transfer.py loads some in a process that has no such package."
    build("deeper", GREY, 10).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive: config = archive.read("config.json")
    layer, = [each for each in json.loads(config)["config"]["layers"] if each["name"] == "norm1"]
    assert (layer["module"], layer["class_name"]) == ("keras.layers", "BatchNormalization")
    assert layer["registered_name"] in (None, "BatchNormalization")
    assert b"fashion_cnn" not in config


def test_stack_leaves_out_none():
    image = keras.Input((4, 4, 1))
    assert stack(image, None, layers.Flatten(), None).shape == (None, 16) and stack(image) is image


# --- kernels that learn by matrix products ----------------------------------------------------------------------------

@on_tensorflow
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("height, width, tall, wide", [(2, 2, 3, 3), (1, 5, 3, 3), (4, 7, 2, 4), (6, 3, 1, 3), (5, 5, 5, 2), (8, 8, 3, 3), (1, 1, 3, 3), (2, 3, 7, 7)])
def test_the_gradient_of_a_kernel_is_tensorflows(padding, height, width, tall, wide):
    import tensorflow as tf
    if padding == "valid" and (tall > height or wide > width): pytest.skip("nothing is left of the image")
    images, kernel = keras.random.normal((5, height, width, 3), seed=1), keras.random.normal((tall, wide, 3, 4), seed=2)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([images, kernel])
        after = {"ours": speed.convolve(images, kernel, padding), "theirs": tf.nn.conv2d(images, kernel, 1, padding.upper())}
        squares = {name: tf.reduce_sum(each ** 2) for name, each in after.items()}
    found = {name: tape.gradient(each, [images, kernel]) for name, each in squares.items()}
    assert np.array_equal(after["ours"], after["theirs"])
    for ours, theirs in zip(found["ours"], found["theirs"]): np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@on_tensorflow
@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"padding": "same", "activation": "relu"}, {"kernel_regularizer": "l2"}])
def test_a_layer_of_small_images_learns_as_kerass_own(options):
    images = np.random.default_rng(0).normal(size=(64, 4, 4, 32)).astype("float32")
    ours, theirs = (trained_once(kind(64, 3, kernel_initializer=keras.initializers.HeNormal(seed=0), **options), images) for kind in (speed.Conv2D, keras.layers.Conv2D))
    for one, other in zip(ours, theirs): np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@on_tensorflow
def test_products_are_taken_in_training_only_and_where_they_pay(monkeypatch):
    taken = []
    monkeypatch.setattr(speed, "convolve", lambda images, kernel, padding: taken.append(images.shape[1]) or keras.ops.conv(images, kernel, padding=padding))
    def call(size, channels=64, training=True, **options):
        taken.clear()
        layer = speed.Conv2D(64, options.pop("kernel_size", 3), padding="same", **options)
        assert layer(np.zeros((2, size, size, channels), "float32"), training=training).shape[-1] == 64
        return bool(taken)
    assert call(4) and not call(4, training=False) and not call(9) and not call(4, channels=16)
    assert not call(4, strides=2) and not call(4, dilation_rate=2) and not call(4, groups=2) and not call(4, kernel_size=1)
    assert not call(4, trainable=False) and not call(4, dtype="mixed_bfloat16")
    monkeypatch.setattr(speed, "MOST_PIXELS", 0)
    assert not call(4)


def test_a_network_of_such_layers_is_saved_as_kerass_own(tmp_path):
    network = build("hw2-cnn", GREY, 10, filters=(4, 8))
    network.save(tmp_path / "network.keras")
    with zipfile.ZipFile(tmp_path / "network.keras") as file: config = json.loads(file.read("config.json"))
    found = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Conv2D"]
    assert len(found) == 2 and {layer["module"] for layer in found} == {"keras.layers"}
    assert type(keras.saving.load_model(tmp_path / "network.keras").get_layer("conv1")) is keras.layers.Conv2D


def test_a_layer_used_twice_cannot_be_drawn_in_rows():
    x = keras.Input((8, 8, 1))
    relu = keras.layers.ReLU()
    y = keras.layers.Conv2D(4, 3)(relu(keras.layers.Conv2D(4, 3)(x)))
    with pytest.raises(ValueError, match="each layer is drawn once"): draw(keras.Model(x, relu(y)), tool="matplotlib")
