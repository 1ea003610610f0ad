"Transfer: bases that are cut and frozen, weights from files, features computed once and kept safely."
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
from keras import layers                                                                             # noqa: E402
from fashion_cnn import features, models, transfer                           # noqa: E402
from fashion_cnn.features import (cache_folder, cached_features, clear_cache,   # noqa: E402
                                  split_at_base)
from fashion_cnn.transfer import pretrained, transfer_network, unfreeze      # noqa: E402

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (12, 28, 28, 1)).astype(np.uint8)
LABELS = np.arange(12) % 3
SMALL = {"base": "deeper", "weights": None, "cut": "pool2"}


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch, tmp_path):
    "No test writes into the reader's own cache; names start anew."
    monkeypatch.setenv("FASHION_CNN_CACHE", str(tmp_path / "usual"))
    yield
    keras.utils.clear_session()


def small(seed=0, **options):
    keras.utils.set_random_seed(seed)
    return transfer_network((28, 28, 1), 3, **{**SMALL, **options})


def trained_elder(path, network="deeper", classes=7, shape=(28, 28, 1)):
    "A network of ours with weights, and normalisation averages, that are not the initial ones; saved."
    keras.utils.set_random_seed(9)
    model = models.build(network, shape, classes)
    for weight in model.weights: weight.assign(np.random.default_rng(9).uniform(0.01, 0.1, weight.shape))
    model.save_weights(path) if str(path).endswith(".weights.h5") else model.save(path)
    return model


# --- the networks of the assignments

@pytest.mark.parametrize("name, shape, classes, total, trainable", [
    ("resnet152-32", (28, 28, 1), 5, 60_424_949, 2_054_005), ("vgg16-32", (28, 28, 1), 5, 33_617_733, 18_903_045),
    ("hw2-vgg19", (28, 28, 1), 10, 3_510_858, 5_130), ("cifar-vgg16-224", (32, 32, 3), 10, 24_832_498, 10_117_810),
    ("cifar-resnet50-224", (32, 32, 3), 10, 63_811_122, 40_223_410)])
def test_parameters_exactly(name, shape, classes, total, trainable):
    model = models.build(name, shape, classes, weights=None)
    assert model.count_params() == total
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == trainable
    assert model.name == name and split_at_base(model)[1].output_shape == (None, classes)


def test_same_seed_same_weights_and_probabilities():
    first, second = (model.get_weights() for model in (small(1), small(1)))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.allclose(small(1)(GREY).numpy().sum(1), 1, atol=1e-5)


def test_saved_models_load_in_safe_mode_without_the_package(tmp_path):
    images = RANDOM.integers(0, 256, (4, 20, 28, 3)).astype(np.uint8)
    for number, options in enumerate([
            {"base": "vgg16", "weights": None, "cut": "block2_pool"},
            {"base": "mobilenet", "weights": None, "cut": "conv_pw_3_relu", "size": 40},
            {**SMALL, "units": (8, 4), "dropout": 0.3, "trainable_from": "conv2"}]):
        model = transfer_network((20, 28, 3), 3, **options)
        model.save(tmp_path / f"{number}.keras")
        np.savez(tmp_path / f"{number}.npz", images=images, out=model.predict(images, verbose=0),
                 trainable=len(model.trainable_weights))
    code = """import sys, keras, numpy as np
for number in range(3):
    expected = np.load(f"{number}.npz")
    model = keras.saving.load_model(f"{number}.keras", safe_mode=True)
    assert np.array_equal(model.predict(expected["images"], verbose=0), expected["out"])
    assert len(model.trainable_weights) == expected["trainable"]
norm = model.get_layer("deeper").get_layer("norm1")
assert type(norm) is keras.layers.BatchNormalization and "fashion_cnn" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)


@pytest.mark.parametrize("base", ["vgg16", "densenet121", "mobilenetv2"])
def test_preprocessing_is_that_of_the_base(base):
    model = transfer_network((40, 40, 3), 2, base=base, weights=None, size=40)
    images = RANDOM.integers(0, 256, (2, 40, 40, 3)).astype("float32")
    function = sys.modules[getattr(keras.applications, transfer.APPLICATIONS[base]).__module__].preprocess_input
    assert np.allclose(model.get_layer("preprocess").output.shape[1:], (40, 40, 3))
    inner = keras.Model(model.input, model.get_layer("preprocess").output)
    assert np.allclose(inner(images), function(images.copy()), atol=1e-3)


def test_grey_becomes_colour_and_padding_leaves_pixels_alone():
    model = transfer_network((28, 28, 1), 2, base="vgg16", weights=None, cut="block1_pool", preprocess=None)
    seen = np.array(keras.Model(model.input, model.get_layer("color").output)(GREY))
    assert seen.shape == (12, 32, 32, 3) and (seen[:, 2:30, 2:30] == GREY).all()
    assert seen.sum() == 3 * GREY.astype(int).sum()


def test_bases_with_layers_that_throw_dice_are_settled():
    for base in ("efficientnetb0", "convnexttiny"):
        model = transfer_network((32, 32, 3), 2, base=base, weights=None)
        images = RANDOM.integers(0, 256, (3, 32, 32, 3))
        assert np.allclose(model(images, training=True), model(images, training=False), atol=1e-5), base


def test_a_base_that_looks_twice_or_has_members_gives_one_row_of_features_for_each_image(tmp_path):
    for options in ({}, {"members": 2}):
        model = transfer_network((28, 28, 1), 3, base="slim-resnet", weights=None, base_options=options)
        assert model.predict(GREY, verbose=0).shape == (12, 3)
        assert np.allclose(model(GREY, training=True), model(GREY, training=False), atol=1e-5)
        whole = cached_features(split_at_base(model)[0], GREY, tmp_path, batch_size=12)
        assert len(whole) == 12 and np.allclose(whole, cached_features(split_at_base(model)[0], GREY, tmp_path, batch_size=5), atol=1e-4)
    for cut in ("mean_of_members", "mean_of_mirror_images"):
        front = pretrained("slim-resnet", cut, weights=None, size=28, channels=1, options={"members": 2})
        assert front(GREY, training=True).shape == front(GREY, training=False).shape == (12, 2)


def test_a_base_that_gives_more_rows_than_images_is_refused(tmp_path):
    inputs = keras.Input((28, 28, 1))
    twice = keras.Model(inputs, models.BesideMirrorImages()(inputs))
    twice.trainable = False
    with pytest.raises(ValueError, match="24 rows of features for 12 images"):
        cached_features(twice, GREY, tmp_path)


def test_frozen_normalisation_keeps_its_averages_unfrozen_too_unless_asked():
    for normalization, moved in [(False, False), (True, True)]:
        model = unfreeze(small(cut=None), "conv3", normalization=normalization)
        norms = [model.get_layer("deeper").get_layer(name) for name in ("norm1", "norm3")]
        before = [[np.array(weight) for weight in norm.weights] for norm in norms]
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(GREY, LABELS, verbose=0)
        changed = [any(not np.array_equal(a, b) for a, b in zip(old, norm.weights)) for old, norm in zip(before, norms)]
        assert changed == [False, moved]


# --- weights

def test_weights_from_a_file_end_to_end(tmp_path):
    keras.utils.set_random_seed(5)
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    vgg.save_weights(tmp_path / "vgg.weights.h5")
    model = transfer_network((28, 28, 1), 3, base="vgg16", weights=str(tmp_path / "vgg.weights.h5"), cut="block3_pool", preprocess=None)
    padded = np.repeat(np.pad(GREY, ((0, 0), (2, 2), (2, 2), (0, 0))), 3, -1).astype("float32")
    theirs = keras.Model(vgg.input, vgg.get_layer("block3_pool").output).predict(padded, verbose=0)
    assert np.allclose(split_at_base(model)[0].predict(GREY, verbose=0), theirs.reshape(12, -1), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("file", ["elder.keras", "elder.weights.h5", "elder.h5"])
def test_own_network_as_a_base(file, tmp_path):
    elder = trained_elder(tmp_path / file)
    model = small(cut=None, weights=tmp_path / file)
    theirs = keras.Model(elder.inputs, elder.get_layer("dropout3").output).predict(GREY, verbose=0)
    assert np.allclose(split_at_base(model)[0].predict(GREY, verbose=0), theirs.reshape(12, -1), atol=1e-5)


def test_base_inside_a_transfer_model_can_be_a_base_again(tmp_path):
    model = small(1)
    model.save(tmp_path / "whole.keras")
    again = small(2, weights=tmp_path / "whole.keras")
    assert np.array_equal(split_at_base(again)[0].predict(GREY, verbose=0), split_at_base(model)[0].predict(GREY, verbose=0))


def test_base_that_learned_colours_takes_grey_images(tmp_path):
    trained_elder(tmp_path / "elder.keras", shape=(28, 28, 3))
    assert small(weights=tmp_path / "elder.keras").get_layer("deeper").input_shape == (None, 28, 28, 3)


@pytest.mark.parametrize("network, shape, words", [
    ("hw2-cnn", (28, 28, 1), r"'conv3' has shape \(3, 3, 64, 128\) in the file, \(3, 3, 64, 64\) was expected"), ("deeper", (28, 28, 3), r"'conv1' has shape \(3, 3, 3, 32\) in the file, \(3, 3, 1, 32\) was expected")])
def test_weights_of_another_network_name_the_first_mismatch(network, shape, words, tmp_path):
    trained_elder(tmp_path / "other.weights.h5", network, shape=shape)
    with pytest.raises(ValueError, match=words):
        pretrained("deeper", weights=tmp_path / "other.weights.h5", size=28, channels=1)


def test_vgg19_file_is_not_a_vgg16_file(tmp_path):
    keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(tmp_path / "v.weights.h5")
    with pytest.raises(ValueError, match="block3_conv4.*vgg16"):
        pretrained("vgg16", weights=tmp_path / "v.weights.h5")


@pytest.mark.parametrize("content", [b"", b"not a weights file", b"PK\x03\x04 broken", b"\x89HDF\r\n\x1a\n" + bytes(64)])
def test_damaged_weights_file(content, tmp_path):
    (tmp_path / "w.weights.h5").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"): small(weights=tmp_path / "w.weights.h5")
    with pytest.raises(FileNotFoundError, match="no weights file 'none.h5'"): small(weights="none.h5")


@pytest.mark.parametrize("base", ["vgg16", "resnet50"])
def test_imagenet_without_network_says_what_to_fetch_and_where_to_put_it(base, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request._opener", None)    # it keeps the proxies of its first use
    seconds, lookup = [], transfer.no_connection
    def timed(origin):
        began, problem = time.monotonic(), lookup(origin)
        seconds.append(time.monotonic() - began)
        return problem
    monkeypatch.setattr(transfer, "no_connection", timed)
    with pytest.raises(FileNotFoundError) as error: transfer_network((28, 28, 1), 3, base=base)
    assert len(seconds) == 1 and seconds[0] < 15
    text = str(error.value)
    name = {"vgg16": "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"}[base]
    assert name in text and str(tmp_path / "models" / name) in text and "https://storage.googleapis.com/" in text and "weights=None" in text


def test_imagenet_file_in_the_cache_needs_no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(transfer, "no_connection", lambda *_: pytest.fail("asked for a network"))
    (tmp_path / "models").mkdir()
    keras.utils.set_random_seed(6)
    base = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base.save(tmp_path / "models" / "mobilenet_1_0_224_tf_no_top.h5")     # the older format, as ImageNet's files have it
        model = transfer_network((32, 32, 3), 3, base="mobilenet")
    assert np.array_equal(model.get_layer("mobilenet").get_layer("conv1").kernel, base.get_layer("conv1").kernel)


def test_damaged_imagenet_file_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(transfer, "no_connection", lambda *_: "no network")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5").write_bytes(b"half of it")
    with pytest.raises(FileNotFoundError, match="lies there, but is damaged"): transfer_network((28, 28, 1), 3)


# --- errors

@pytest.mark.parametrize("shape, options, words", [
    ((28, 28, 1), {"base": "vgg16", "weights": None, "size": 28}, "32 x 32 pixels at the smallest; size=32"),
    ((28, 28, 1), {"base": "inceptionv3", "weights": None}, "75 x 75 pixels at the smallest; size=75"),
    ((2, 2, 1), {"base": "deeper", "weights": None}, "deeper takes images of 4 x 4 pixels at the smallest"),
    ((28, 28, 1), {"base": "vgg16", "weights": None, "cut": "block4_conv9"}, "Nearest: block4_conv"),
    ((28, 28, 1), {"base": "vgg16", "weights": None, "trainable_from": "blok5_conv1"}, "Nearest: block5_conv1"),
    ((28, 28, 1), {"base": "vgg61"}, "Did you mean 'vgg1"), ((28, 28, 1), {"base": "hw2-vgg19"}, "no base 'hw2-vgg19'"),
    ((28, 28, 1), {"base": "deeper"}, "never seen ImageNet"),
    ((28, 28, 2), SMALL, "1 or 3 channels"), ((28, 28), SMALL, "input_shape must be"),
    ((28, 28, 1), {**SMALL, "pooling": "max"}, "pooling must be one of 'flatten', 'average'"),
    ((28, 28, 1), {**SMALL, "preprocess": "caffe"}, "preprocess must be one of"), ((28, 28, 1), {**SMALL, "enlarge": "crop"}, "enlarge must be one of"),
    ((28, 28, 1), {**SMALL, "units": (8, 8), "dropout": (0.5,)}, "one for each dense layer"),
    ((28, 28, 1), {**SMALL, "size": 20, "enlarge": "pad"}, "padding cannot make images smaller"),
    ((28, 28, 1), {**SMALL, "cut": "dense", "pooling": "average"}, "still a picture")])
def test_what_does_not_fit_is_said(shape, options, words):
    with pytest.raises(ValueError, match=words) as error: transfer_network(shape, 3, **options)
    assert "Received: " in str(error.value)


def test_halves_needs_a_frozen_base():
    with pytest.raises(ValueError, match="no base inside"): split_at_base(models.build("brief", (28, 28, 1), 3))
    with pytest.raises(ValueError, match="unfrozen from layer 'conv2' on"): split_at_base(small(trainable_from="conv2"))
    assert split_at_base(unfreeze(small(trainable_from="conv2"), None))


# --- features

def features_of(model, folder, images=GREY, **options): return cached_features(split_at_base(model)[0], images, folder, **options)


def test_cached_training_is_the_frozen_training(tmp_path):
    images, labels = RANDOM.integers(0, 256, (300, 28, 28, 1)).astype(np.uint8), np.arange(300) % 3
    curves = []
    for cached in (False, True):
        model = small(4, base="vgg19", cut="block2_conv1", preprocess="scale", pooling="average")
        part, x = (split_at_base(model)[1], features_of(model, tmp_path, images)) if cached else (model, images)
        part.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
        keras.utils.set_random_seed(7)
        curves.append(part.fit(x, labels, batch_size=32, epochs=4, verbose=0).history["loss"])
    assert np.allclose(*curves, rtol=1e-4) and curves[0][-1] < curves[0][0]
    assert np.allclose(part.predict(x, verbose=0), model.predict(images, verbose=0), atol=1e-5)     # the whole has been trained


def test_head_with_dropout_and_loaded_model(tmp_path):
    model = small(units=(8,), dropout=(0.5,))
    model.save(tmp_path / "m.keras")
    for each in (model, keras.saving.load_model(tmp_path / "m.keras")):
        base, head = split_at_base(each)
        assert [layer.name for layer in head.layers] == ["features", "dense1", "dropout1", "probabilities"]
        assert np.allclose(head(base(GREY)), each(GREY), atol=1e-6)
        assert np.allclose(split_at_base(each)[1](base(GREY)), each(GREY), atol=1e-6)     # taken apart a second time


def test_second_use_does_not_run_the_base(tmp_path, monkeypatch):
    calls = []
    run = keras.Model.predict_on_batch
    monkeypatch.setattr(keras.Model, "predict_on_batch", lambda self, x: calls.append(len(x)) or run(self, x))
    first = features_of(small(), tmp_path, batch_size=5)
    assert calls == [5, 5, 2] and first.shape == (12, 7 * 7 * 64) and first.dtype == np.float32 and isinstance(first, np.memmap)
    assert np.array_equal(features_of(small(), tmp_path), first) and calls == [5, 5, 2]               # built anew, with other automatic names
    assert np.array_equal(features_of(small(units=(9,), dropout=0.5), tmp_path), first) and calls == [5, 5, 2]      # another head
    for other in (small(1), small(cut="conv2"), small(enlarge="resize", size=32), small(preprocess="scale")):
        features_of(other, tmp_path, batch_size=12)
    changed = GREY.copy(); changed[3, 4, 5] ^= 1
    features_of(small(), tmp_path, changed, batch_size=12)
    features_of(small(), tmp_path, GREY.astype("float32"), batch_size=12)
    assert calls == [5, 5, 2] + [12] * 6 and len(list(tmp_path.glob("*"))) == 7


def test_augmented_passes(tmp_path):
    def pipeline(factor=0.2): return keras.Sequential([layers.RandomTranslation(factor, factor), layers.RandomFlip("horizontal")])
    base = split_at_base(small())[0]
    first = cached_features(base, GREY, tmp_path, passes=3, augmentation=pipeline(), seed=1)
    assert first.shape == (36, 7 * 7 * 64) and len({part.tobytes() for part in np.split(first, 3)}) == 3
    again = cached_features(base, GREY, tmp_path, passes=3, augmentation=pipeline(), seed=1)
    assert np.array_equal(first, again) and len(list(tmp_path.glob("*"))) == 1
    clear_cache(tmp_path)
    assert np.array_equal(cached_features(base, GREY, tmp_path, passes=3, augmentation=pipeline(), seed=1), first)     # computed anew: the same
    assert np.array_equal(cached_features(base, GREY, tmp_path, passes=2, augmentation=pipeline(), seed=1), first[:24])
    assert not np.array_equal(cached_features(base, GREY, tmp_path, passes=3, augmentation=pipeline(), seed=2), first)
    cached_features(base, GREY, tmp_path, passes=3, augmentation=pipeline(0.1), seed=1)
    assert len(list(tmp_path.glob("*"))) == 4
    with pytest.raises(ValueError, match="every pass gives the same"): cached_features(base, GREY, tmp_path, passes=2)
    used = pipeline()
    used(GREY)    # has an input layer from now on, and gives the same images
    assert np.array_equal(cached_features(base, GREY, tmp_path, passes=3, augmentation=used, seed=1), first)
    assert len(list(tmp_path.glob("*"))) == 4


@pytest.mark.parametrize("name", ["garments", "b-elastic"])
def test_named_pipelines_can_be_cached(name, tmp_path):
    from fashion_cnn.augment import pipeline
    first = features_of(small(), tmp_path, passes=2, augmentation=pipeline(name, seed=0), seed=0)
    assert not np.array_equal(first[:12], first[12:])
    assert np.array_equal(features_of(small(), tmp_path, passes=2, augmentation=pipeline(name, seed=0), seed=0), first)
    assert len(list(tmp_path.glob("*"))) == 1


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batches_of_no_images_leave_nothing_behind(tmp_path, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a whole number"): features_of(small(), tmp_path, batch_size=batch_size)
    assert not list(tmp_path.glob("*"))


def test_dropout_without_a_layer_for_it_is_refused():
    for given, says in (({"dropout": 0.5}, "there are none"), ({"units": 256}, "units must be a tuple")):
        with pytest.raises(ValueError, match=says): transfer_network((28, 28, 1), 3, base="brief", weights=None, **given)


def test_wrong_images(tmp_path):
    base = split_at_base(small())[0]
    for images in (GREY[:, :20], GREY[:0], GREY[0]):
        with pytest.raises(ValueError, match=r"takes images \(N, 28, 28, 1\)"): cached_features(base, images, tmp_path)


def spoil(entry, how):
    content = bytearray(entry.read_bytes())
    if how == "truncated": content = content[:-7]
    elif how == "empty": content = b""
    elif how == "header": content[70] ^= 1
    elif how == "content": content[-1000] ^= 1
    elif how == "too long": content += b"0"
    entry.write_bytes(content)
    if how == "shape": np.save(entry, np.zeros((3, 4), "f4"))


@pytest.mark.parametrize("how", ["truncated", "empty", "header", "content", "too long", "shape"])
def test_damaged_cache_is_noticed_said_and_mended(how, tmp_path):
    first = np.array(features_of(small(), tmp_path))
    entry, = tmp_path.iterdir()
    spoil(entry, how)
    with pytest.warns(UserWarning, match="damaged .* computed again"): again = features_of(small(), tmp_path)
    assert np.array_equal(first, again) and [path.name for path in tmp_path.iterdir()] == [entry.name]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        features_of(small(), tmp_path)


def test_interruption_leaves_nothing(tmp_path):
    for stop in (KeyboardInterrupt, MemoryError, ValueError):
        def halt(done, total):
            if done > 5: raise stop
        with pytest.raises(stop): features_of(small(), tmp_path, batch_size=5, progress=halt)
        assert not list(tmp_path.iterdir())


OTHER_PROCESS = """
import os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import keras
from test_transfer import features_of, small
keras.layers.Dense(3); keras.Input((3,))      # automatic names are others here
run = keras.Model.predict_on_batch
keras.Model.predict_on_batch = None
features_of(small(), "known")
keras.Model.predict_on_batch = run

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
try: features_of(small(), "full", batch_size=5)
except OSError as error: print(error, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)

def kill(done, total):
    if done > 5: os.kill(os.getpid(), signal.SIGKILL)
features_of(small(), "killed", batch_size=5, progress=kill)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs SIGKILL and RLIMIT_FSIZE")
def test_another_process_knows_the_key_meets_a_full_disk_and_is_killed(tmp_path):
    features_of(small(), tmp_path / "known")
    done = subprocess.run([sys.executable, "-c", OTHER_PROCESS, str(Path(__file__).parent)],
                          capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert len(list((tmp_path / "known").iterdir())) == 1                # not computed a second time
    assert "could not be written" in done.stdout and "Nothing is left" in done.stdout
    assert not list((tmp_path / "full").iterdir())
    left, = (tmp_path / "killed").iterdir()
    assert left.name.startswith(".building.") and left.stat().st_size
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        features_of(small(), tmp_path / "killed")
    whole, = (tmp_path / "killed").iterdir()
    assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{8}\.npy", whole.name)


def test_no_room_and_nowhere_to_write(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="could not be written.*FASHION_CNN_CACHE"): features_of(small(), tmp_path / "file" / "inside")
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(features.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(keras.Model, "predict_on_batch", lambda *_: pytest.fail("began to compute"))
    with pytest.raises(OSError, match="could not be written") as error: features_of(small(), tmp_path / "full")
    assert error.value.errno == 28 and not list((tmp_path / "full").iterdir())


def test_where_the_cache_is_and_clearing_it(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "usual" / "features"
    monkeypatch.delenv("FASHION_CNN_CACHE"); monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert cache_folder() == tmp_path / "keras" / "fashion_cnn" / "features" and cache_folder("x") == Path("x")
    features = features_of(small(), None)
    (cache_folder() / "notes.txt").write_text("mine"); (cache_folder() / "folder").mkdir()
    assert clear_cache() >= features.nbytes and {path.name for path in cache_folder().iterdir()} == {"notes.txt", "folder"}
    assert clear_cache(tmp_path / "nowhere") == 0


# --- memory

MEMORY = """
import sys
import numpy as np, keras
from fashion_cnn import features, models, transfer
images = np.random.default_rng(0).integers(0, 256, (50_000, 32, 32, 3), dtype=np.uint8)
labels = np.arange(50_000) % 10

def print_peak():
    lines = open("/proc/self/status").read().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    print(kilobytes / 2 ** 20)

# features of all images; a base that is quick
model = transfer.transfer_network((32, 32, 3), 10, base="deeper", cut="pool1", weights=None,
                                  base_options={"filters": (8, 8, 8)})
rows = features.cached_features(features.split_at_base(model)[0], images, sys.argv[1])
assert rows.nbytes > 4e8
rows[np.random.default_rng(0).permutation(50_000)[:128]].sum()
print_peak()

class Batches(keras.utils.PyDataset):    # assignment D, as its recipe trains it
    def __len__(self): return 1
    def __getitem__(self, number): return images[:16], labels[:16]

model = models.build("cifar-vgg16-224", (32, 32, 3), 10, weights=None)
model.compile(keras.optimizers.SGD(0.001), "sparse_categorical_crossentropy")
model.fit(Batches(), verbose=0)
features.cached_features(features.split_at_base(model)[0], images[:4], sys.argv[1])
print_peak()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_assignment_d(tmp_path):
    "All images as float of 32 x 32 would be 0.6 GiB, of 224 x 224 they would be 28."
    done = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    features_peak, training_peak = map(float, done.stdout.split()[-2:])    # GiB
    assert features_peak < 1.8 and training_peak < 3
