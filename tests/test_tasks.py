"""What training does besides plain classification: reconstruction, augmentation, mixed labels, trained weights to start from."""
from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")
from small import sketches   # noqa: E402
from fashion_cnn import recipes   # noqa: E402
from fashion_cnn.assemble import assemble   # noqa: E402
from fashion_cnn.data import load   # noqa: E402
from fashion_cnn.models import NETWORKS, build as build_network   # noqa: E402
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run, from_record   # noqa: E402
from fashion_cnn.optimizers import training_model   # noqa: E402
from fashion_cnn.train import find_learning_rate, train   # noqa: E402

SMALL = Recipe("small", network="a3-small", network_options={"filters": 2, "units": 8, "dropout": 0.3},
               epochs=2, batch_size=64)
CODER = Recipe("coder", network="tiny-autoencoder", task="reconstruct", epochs=2, batch_size=64)


@pytest.fixture(scope="module")
def data():
    return sketches(96)


@pytest.fixture(scope="module")
def plain(data):
    return train(SMALL, data, progress=False)


@pytest.fixture(autouse=True, scope="module")
def tiny_autoencoder():
    "The real one has 256 filters; the plumbing is the same with four."
    def build(input_shape, classes):
        layers = keras.layers
        return keras.Sequential([
            keras.Input(input_shape), layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="code"), layers.UpSampling2D(2, name="up"),
            layers.Conv2D(input_shape[-1], 3, padding="same", name="image")], name="tiny-autoencoder")
    NETWORKS["tiny-autoencoder"] = build
    yield
    del NETWORKS["tiny-autoencoder"]


# Reconstruction

def test_reconstruction_is_judged_by_its_error(data, tmp_path):
    run = train(CODER, data, out=tmp_path / "run", progress=False)
    assert set(run.history) == {"loss", "val_loss", "learning_rate", "seconds"}
    error = np.mean((run.predict(data.test) - data.test.x / 255) ** 2)
    assert run.metrics["test"] == {"loss": pytest.approx(error, rel=1e-4), "images": len(data.test)}
    assert not run.labels and not run.probabilities
    again = Run.load(tmp_path / "run")
    assert np.allclose(again.predict(data.test), run.predict(data.test), atol=1e-6) and "error" in repr(again)
    recorded = from_record(run.record(tmp_path))
    assert recorded.metrics == run.metrics and recorded.best_epoch == run.best_epoch


def test_reconstruction_resumes_with_the_same_weights(data, tmp_path):
    noisy = CODER.replace(noise=25)
    whole = train(noisy, data, progress=False)
    train(noisy, data, epochs=1, out=tmp_path / "run", progress=False)
    assert train(noisy, data, out=tmp_path / "run", progress=False).weights_hash == whole.weights_hash
    assert train(CODER, data, progress=False).weights_hash != whole.weights_hash


def test_noise_stays_between_black_and_white():
    through = training_model(keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Identity()]), CODER.replace(noise=60))
    for grey in (0, 100, 255):
        noisy = np.array(through(np.full((200, 28, 28, 1), grey, "uint8"), training=True))
        expected = np.clip(np.random.default_rng(0).normal(grey, 60, noisy.shape), 0, 255)
        assert noisy.min() >= 0 and noisy.max() <= 255
        assert (noisy.mean(), noisy.std()) == pytest.approx((expected.mean(), expected.std()), rel=0.02)
    assert np.allclose(through(noisy, training=False), noisy, atol=1e-3)


def test_reconstruction_prints_its_loss(data, capsys):
    train(CODER, data)
    assert "validation loss" in capsys.readouterr().out


@pytest.mark.parametrize("change, match", [
    (dict(task="classfy"), "classify"), (dict(task="reconstruct", monitor="val_accuracy"), "val_loss"),
    (dict(task="reconstruct", early_stopping={"monitor": "val_accuracy"}), "val_loss"), (dict(task="reconstruct", augmentation="mixup"), "classify"),
    (dict(task="reconstruct", schedule={"name": "plateau", "monitor": "val_accuracy"}), "val_loss"), (dict(noise=10), "reconstruct"), (dict(task="reconstruct", noise=-1), "noise"), (dict(cache_features=-1), "cache_features"),
    (dict(label_smoothing=1.0), "below 1"), (dict(label_smoothing="much"), "below 1"), (dict(label_smoothing=0.1, cache_features=1), "cached features"),
    (dict(task="reconstruct", label_smoothing=0.1), "'classify'"), (dict(cache_features=3), "one is enough"), (dict(augmentation_options={"alpha": 3}), "augmentation"),
])
def test_combinations_that_would_be_ignored(change, match):
    with pytest.raises(ValueError, match=match):
        SMALL.replace(**change)


# Augmentation

def test_augmented_training_repeats_and_resumes(data, plain, tmp_path):
    recipe = SMALL.replace(augmentation="b-elastic")
    whole = train(recipe, data, progress=False)
    train(recipe, data, epochs=1, out=tmp_path / "run", progress=False)
    resumed = train(recipe, data, out=tmp_path / "run", progress=False)
    assert resumed.weights_hash == whole.weights_hash != plain.weights_hash
    kinds = {type(layer).__module__.split(".")[0] for layer in resumed.model.layers}
    assert kinds == {"keras"}    # the saved network knows nothing of augmentation


def test_augmentation_options_reach_the_pipeline(data):
    same = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Identity()])
    bent = []
    for options in ({}, {"sigma": 8.0}):
        recipe = SMALL.replace(augmentation="b-elastic", augmentation_options=options)
        bent.append(np.array(training_model(same, recipe)(data.train.x[:4], training=True)))
    assert abs(bent[0] - bent[1]).max() > 1


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_labels(data, tmp_path, name):
    recipe = SMALL.replace(augmentation=name)
    run = train(recipe, data, progress=False)
    assert set(run.history) >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert run.history["val_loss"][-1] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-3)
    train(recipe, data, epochs=1, out=tmp_path / "run", progress=False)
    assert train(recipe, data, out=tmp_path / "run", progress=False).weights_hash == run.weights_hash


def test_smoothed_labels(data):
    recipe = SMALL.replace(augmentation="b-affine", label_smoothing=0.2)
    run = train(recipe, data, progress=False)
    assert run.history["val_loss"][-1] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-3)    # the plain cross-entropy
    assert run.weights_hash != train(recipe.replace(label_smoothing=0.0), data, progress=False).weights_hash


def test_unknown_pipeline(data):
    with pytest.raises(ValueError, match="b-elastic"):
        train(SMALL.replace(augmentation="b-elastik"), data, progress=False)


# Trained weights to start from

def test_start_from_a_run(data, plain):
    first = plain
    second = train(SMALL.replace(learning_rate=1e-9, epochs=1), data, start=first, progress=False)
    assert second.recipe.start == first.weights_hash[:16]
    assert np.allclose(second.model.get_layer("conv1").kernel, first.model.get_layer("conv1").kernel, atol=1e-6)
    with pytest.raises(ValueError, match="start="):
        train(second.recipe, data, progress=False)


def test_start_with_another_head(data, plain):
    from fashion_cnn.data import relabel
    first = plain
    halves = relabel(data, {name: "shoe" if name in ("Sandal", "Sneaker", "Ankle boot") else "other" for name in data.class_names})
    second = train(SMALL.replace(learning_rate=1e-9, epochs=1), halves, start=first, progress=False)
    assert second.model.output_shape == (None, 2)
    assert np.allclose(second.model.get_layer("conv1").kernel, first.model.get_layer("conv1").kernel, atol=1e-6)


def test_start_from_a_stranger(data):
    stranger = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(3, name="mine")])
    with pytest.raises(ValueError, match="mine"):
        train(SMALL, data, start=stranger, progress=False)


# Cached features

FROZEN = Recipe("frozen", network="transfer", network_options={"base": "deeper", "cut": "conv3", "weights": None, "size": 28,
                                                               "preprocess": None}, epochs=2, batch_size=64)


def test_cached_features_train_the_same_head(data, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_CNN_CACHE", str(tmp_path))
    slow, fast = (train(FROZEN.replace(cache_features=k), data, progress=False) for k in (0, 1))
    assert fast.history["loss"] == pytest.approx(slow.history["loss"], rel=1e-4)
    assert fast.history["val_loss"] == pytest.approx(slow.history["val_loss"], rel=1e-4)
    assert np.allclose(fast.predict(data.test), fast.probabilities["test"], atol=1e-5)    # end to end, from raw pixels


def test_cached_features_of_augmented_images(data, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_CNN_CACHE", str(tmp_path))
    recipe = FROZEN.replace(cache_features=2, augmentation="e-shift-rotate", epochs=3)
    whole = train(recipe, data, progress=False)
    train(recipe, data, epochs=1, out=tmp_path / "run", progress=False)
    assert train(recipe, data, out=tmp_path / "run", progress=False).weights_hash == whole.weights_hash


@pytest.mark.parametrize("change", [{"augmentation": "mixup"}, {"augmentation": "cutmix"}, {"augmentation": "garments", "augmentation_options": {"cutmix": 0.5}}])
def test_labels_cannot_be_mixed_where_features_are_cached(data, change, monkeypatch):
    recipe = FROZEN.replace(cache_features=1, **change)
    monkeypatch.setattr("fashion_cnn.assemble.build", lambda *_, **__: pytest.fail("built"))
    for work in (train, find_learning_rate):
        with pytest.raises(ValueError, match=f"mixes labels.*cache_features=0.*Received: .*{change['augmentation']}"): work(recipe, data)


# Every recipe

# resnet152-32 is resnet50-32 with more of the same blocks; test_transfer counts its parameters.
# Lite-...-garments differ from others in their data only
STEPPED = [name for name in recipes.names() if name != "resnet152-32"
           and not (name.startswith("lite-") and name.endswith("-garments"))]

@pytest.mark.parametrize("name", STEPPED)
def test_every_recipe_takes_a_step(name, tmp_path, monkeypatch):
    "Network, options, augmentation, optimizer, schedule and labels of each fit together."
    monkeypatch.setenv("FASHION_CNN_CACHE", str(tmp_path))
    recipe = recipes.get(name)
    options = dict(recipe.network_options)
    if recipe.network in recipes.NEED_WEIGHTS: options["weights"] = None
    images = load("sketch", limit=12)
    few = images.train.take(slice(6))
    data = replace(images, train=few, validation=few, test=few)
    start = build_network(recipe.network, data.input_shape, data.classes) if recipe.start else None
    recipe = recipe.replace(network_options=options, batch_size=6, start="")
    model, fitted, batches, inputs = assemble(recipe, data, start)
    fitted.run_eagerly = True    # tracing a network of 152 layers takes far longer than one step
    before = [np.array(weight) for weight in fitted.trainable_weights]
    assert np.isfinite(fitted.train_on_batch(*batches[0], return_dict=True)["loss"])
    assert any((weight != old).any() for weight, old in zip(map(np.array, fitted.trainable_weights), before))
    network, x = inputs["validation"]
    shape = data.input_shape if recipe.task == "reconstruct" else (data.classes,)
    assert network(x[:2]).shape == (2, *shape)
