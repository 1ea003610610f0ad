"A model that opens where this library is not installed, and exports to the formats of other programs."
import json
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

import keras
from fashion_cnn import models, recipes
from fashion_cnn.assemble import copy_matching_weights
from fashion_cnn.augment import pipeline
from fashion_cnn.checkpoint import weights_hash
from fashion_cnn.cli import main
from fashion_cnn.export import export, target_path
from fashion_cnn.optimizers import Muon, compile_model
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run, load_model, model_bytes
from fashion_cnn.train import train
import fashion_cnn.transfer
from small import pixels, sketches

GREY, COLOUR = (28, 28, 1), (32, 32, 3)
# What opens the files: Keras, and an import of this library would fail
OPEN = """
import sys
sys.modules["fashion_cnn"] = None
import keras, numpy as np
from pathlib import Path
folder, answers = Path(sys.argv[1]), {}
for path in sorted(folder.glob("*.keras")):
    model = keras.saving.load_model(path)
    assert model.optimizer and model.loss, path
    answers[path.stem] = np.array(model(np.load(path.with_suffix(".npy")), training=False))
np.savez(folder / "answers.npz", **answers)
"""


@pytest.fixture(scope="module")
def data(): return sketches(96)


def unlike_at_random(model):
    "Statistics as after a training: as they are made, batch normalisation does almost nothing."
    rng = np.random.default_rng(0)
    for weight in model.weights:
        low, high = (0.5, 1.5) if "variance" in weight.path else (-0.1, 0.1)
        if "moving" in weight.path: weight.assign(rng.uniform(low, high, weight.shape))
        if weight.name == "bias": weight.assign(rng.uniform(0.05, 0.1, weight.shape))    # no answer is uniform
    return model


def elsewhere(folder, networks):
    "{name: (answers here, answers of a process that has Keras only)} of {name: (model, recipe)}."
    here = {}
    for name, (model, recipe) in networks.items():
        compile_model(unlike_at_random(model), recipe, 10)
        x = pixels(6, model.input_shape[1:])
        here[name] = np.array(model(x, training=False))
        (folder / f"{name}.keras").write_bytes(model_bytes(model))
        np.save(folder / f"{name}.npy", x)
    done = subprocess.run([sys.executable, "-c", OPEN, str(folder)], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "answers.npz") as answers: return {name: (here[name], answers[name]) for name in networks}


SMALL = {"weights": None, "base": "vgg16", "cut": "block2_pool", "units": (8,), "dropout": (0.1,)}
LITE = {"weights": None, "size": 32}
LESS = {"resnet152-32": SMALL, "vgg16-32": SMALL, "cifar-vgg16-224": {**SMALL, "size": 36}, "cifar-resnet50-224": {**SMALL, "size": 36},
        "hw2-vgg19": {"weights": None, "base": "vgg16", "cut": "block2_pool"}, "cm6-resnet-meant": {"depth": 8}, "hw2-resnet": {"blocks": 2},
        "lite-frozen": LITE, "lite-random": LITE, "lite-tuned": LITE, "lite-scratch": {"size": 32},
        "best": {"filters": (8, 12, 16)}, "evening": {"filters": (8, 12, 16)}}    # the same kinds of layers, in a tenth of the time

def distinct():
    "The recipes whose networks or optimizers are of different kinds, {name: Recipe}."
    chosen = {}
    for name in recipes.names():
        if name.startswith("lite-random"): continue    # lite-frozen with other weights
        recipe = recipes.get(name)
        ours = recipe.optimizer == "muon", (recipe.schedule or {}).get("name") == "one-cycle"
        chosen.setdefault((recipe.network, str(sorted(recipe.network_options.items(), key=str)), ours), recipe)
    return {recipe.name: recipe for recipe in chosen.values()}


def untrained(recipe, **changes):
    "The network of a recipe."
    options = {**recipe.network_options, **changes}
    shape, classes = (COLOUR, 10) if recipe.data == "cifar10" else (GREY, 5)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no residual block")
        return models.build(recipe.network, shape, classes, **options)


def test_every_saved_recipe_opens_in_keras_alone(tmp_path):
    networks = {name: (untrained(recipe, **LESS.get(name, {})), recipe) for name, recipe in distinct().items()}
    assert len(networks) > 20 and models.NETWORKS.keys() - {recipe.network for _, recipe in networks.values()} == {"transfer"}
    for name, (here, there) in elsewhere(tmp_path, networks).items():
        assert here.std() > 0 and np.abs(here - there).max() < 1e-6, name


def test_other_networks_with_layers_of_ours_open_in_keras_alone(tmp_path, monkeypatch):
    "Ensembles, colour, augmentation inside a network, networks inside networks, twice the same one, weights of another order."
    recipe, small = Recipe("own", "deeper", optimizer="muon"), {"filters": (2, 4), "residuals": (0, 0)}
    slim = lambda shape=GREY, **options: models.build("slim-resnet", shape, 5, **small, **options)
    inputs, shared = keras.Input(GREY), slim(mirror=True)
    twice = keras.layers.Average()([shared(inputs), shared(keras.layers.Rescaling(0.5)(inputs))])
    inside = keras.Sequential([keras.Input(GREY), pipeline("garments", cutmix=0.0), slim(members=2)], name="inside")
    monkeypatch.chdir(tmp_path)
    slim(COLOUR).save("slim.keras")
    networks = {
        "members": slim(members=3), "one-look": slim(members=2, mirror=False), "colour": slim(COLOUR, members=2),
        "twice": keras.Model(inputs, twice), "inside": inside, "nested": keras.Sequential([keras.Input(GREY), inside]),
        "layer-norm": slim(normalization="layer"), "base": models.build("transfer", COLOUR, 5, base="slim-resnet", weights="slim.keras", base_options=small)}
    (tmp_path / "slim.keras").unlink()
    for name, (here, there) in elsewhere(tmp_path, {name: (model, recipe) for name, model in networks.items()}).items():
        assert here.std() > 0 and np.abs(here - there).max() < 1e-6, name
        again = load_model(tmp_path / f"{name}.keras")    # ours brings back the network as it was trained
        assert [layer.name for layer in again.layers] == [layer.name for layer in networks[name].layers], name
        assert weights_hash(again) == weights_hash(networks[name]) and type(again.optimizer) is Muon, name


def test_a_run_loaded_again_trains_on_as_before(data, tmp_path):
    "The file holds the inference graph; `Run.load(...).model` is what was trained, mirror images and members at inference only."
    recipe = Recipe("small", "slim-resnet", {"filters": (4, 8), "residuals": (0, 1)}, optimizer="muon", batch_size=32, epochs=1,
                    schedule={"name": "one-cycle"})
    run = train(recipe, data, out=tmp_path / "run", progress=False)
    again = Run.load(tmp_path / "run")
    assert any(isinstance(layer, models.MeanOfMirrorImages) for layer in again.model.layers)
    assert weights_hash(again.model) == run.weights_hash and np.array_equal(again.predict(data.test), run.predict(data.test))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping variable loading")
        plain = keras.saving.load_model(tmp_path / "run" / again.files["model"])
    assert not models.is_own(plain) and np.abs(plain.predict(data.test.x, verbose=0) - again.predict(data.test)).max() < 1e-6
    assert plain.evaluate(data.test.x, data.test.y, verbose=0)[1] == pytest.approx(run.metrics["test"]["accuracy"], abs=1e-6)
    for source in (again, again.model, plain):    # the plain network will do as well
        new = models.build("slim-resnet", data.input_shape, data.classes, **recipe.network_options)
        assert copy_matching_weights(new, source) == run.weights_hash[:16]
    assert weights_hash(again.model) == weights_hash(plain)


def test_files_of_keras_own_layers_are_saved_as_ever(tmp_path):
    model = models.build("deeper", GREY, 5)
    model.compile("adam", "sparse_categorical_crossentropy")
    (tmp_path / "m.keras").write_bytes(model_bytes(model))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive: assert "training.json" not in archive.namelist()
    assert type(load_model(tmp_path / "m.keras").optimizer) is keras.optimizers.Adam
    uncompiled = models.build("slim-resnet", GREY, 5)
    models.save_model(uncompiled, tmp_path / "u.keras")
    assert not load_model(tmp_path / "u.keras").compiled and not keras.saving.load_model(tmp_path / "u.keras").compiled


def test_code_inside_a_file_is_refused_in_both_descriptions(tmp_path):
    model = keras.Sequential([keras.Input(GREY), keras.layers.Lambda(lambda x: x + 1), keras.layers.Flatten()])
    evil = json.dumps(keras.saving.serialize_keras_object(model))
    models.save_model(models.build("slim-resnet", GREY, 5, filters=(4, 8), residuals=(0, 1)), tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive: entries = {name: archive.read(name) for name in archive.namelist()}
    for name in ("config.json", "training.json"):
        with zipfile.ZipFile(tmp_path / "evil.keras", "w") as archive:
            for entry, content in {**entries, name: evil}.items(): archive.writestr(entry, content)
        with pytest.raises((ValueError, TypeError), match="(?i)lambda"): load_model(tmp_path / "evil.keras")


# --- export -----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def run(data):
    "A run with an untrained network of every layer of ours."
    recipe = Recipe("exported", "slim-resnet", {"filters": (4, 8), "residuals": (0, 1), "members": 2}, seed=3)
    model = unlike_at_random(models.build(recipe.network, data.input_shape, data.classes, **recipe.network_options))
    about = {"source": data.source, "class_names": list(data.class_names), "input_shape": list(data.input_shape)}
    return Run(recipe, {}, {}, about, {}, "finished", model=model, weights_hash=weights_hash(model))


def many(data): return np.resize(data.test.x, (64, *data.input_shape))


def test_litert_gives_the_same_answers(run, data, tmp_path):
    lite = pytest.importorskip("tensorflow").lite
    path = run.export("litert", tmp_path / "new" / "net")
    assert path.name == "net.tflite"
    signature = lite.Interpreter(str(path)).get_signature_runner()
    name, = signature.get_input_details()
    for images in (many(data), many(data)[:3]):
        answers, = signature(**{name: images.astype(np.float32)}).values()
        assert np.abs(answers - run.predict(images)).max() < 1e-5
    about = json.loads((tmp_path / "new" / "net.tflite.json").read_text())
    assert about["class_names"] == list(data.class_names) and about["pixel_range"] == [0, 255] and about["input_shape"] == [28, 28, 1]


def test_onnx_gives_the_same_answers(run, data, tmp_path):
    onnxruntime, _ = pytest.importorskip("onnxruntime"), pytest.importorskip("tf2onnx")
    path = export(run, "onnx", tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(path)
    for images in (many(data), many(data)[:3]):
        answers, = session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})
        assert np.abs(answers - run.predict(images)).max() < 1e-5
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["class_names"]) == list(data.class_names) and about["recipe"] == "exported" and about["pixel_range"] == "[0, 255]"


def test_saved_model_and_keras_give_the_same_answers(run, data, tmp_path):
    tf = pytest.importorskip("tensorflow")
    folder = export(run, "saved_model", tmp_path / "net")
    served = tf.saved_model.load(str(folder))
    answers = served.serve(many(data).astype(np.float32))
    assert np.abs(np.array(answers) - run.predict(many(data))).max() < 1e-5
    assert json.loads((tmp_path / "net.json").read_text())["seed"] == 3
    run.history, run.metrics, run.parameters = {"loss": [1.0], "val_loss": [1.0], "seconds": [1.0]}, {"test": {"loss": 1.0, "images": 3}}, {}
    run.data = {"classes": 10, "images": {"test": 3}, "fingerprint": "", **run.data}
    run.save(tmp_path / "run")
    assert main(["export", str(tmp_path / "run"), "--format", "keras", "--out", str(tmp_path / "net")]) == 0
    path = tmp_path / "net.keras"
    assert not models.is_own(keras.saving.load_model(path)) and (tmp_path / "net.keras.json").exists()


def test_what_cannot_be_exported_is_said(run, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="onnx.*Received: 'onyx'"): export(run, "onyx", tmp_path / "net")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs tf2onnx and onnx.*pip install tf2onnx onnx"): export(run, path=tmp_path / "net")
    monkeypatch.undo()
    with monkeypatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        with pytest.raises(ValueError, match=r"'litert' on its backend tensorflow only.*KERAS_BACKEND=tensorflow"): export(run, "litert", tmp_path / "net")
    if keras.backend.backend() != "torch":
        with pytest.raises(ValueError, match="KERAS_BACKEND=torch"): export(run, "torch", tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_files_and_folders_of_others_are_refused_before_the_export(run, tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder.keras").mkdir()
    for format, name, kind in (("saved_model", "file", "file, where a folder would go"), ("keras", "folder", "folder that holds something else")):
        with pytest.raises(ValueError, match=f"is a {kind}.*Choose another name"): target_path(run, format, tmp_path / name)
    assert target_path(run, "keras", tmp_path / "file") and target_path(run, "saved_model", tmp_path / "new") == tmp_path / "new"


def test_a_name_may_begin_with_a_dot(run, tmp_path):
    path = run.export("keras", tmp_path / ".net")
    assert path.is_file() and load_model(path) and sorted(p.name for p in tmp_path.iterdir()) == [".net.keras", ".net.keras.json"]
