"What is handed over is looked at before anything is trained: accepted where its meaning is plain, or refused by name."
import json
import multiprocessing
import os
import re
import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from small import sketches   # noqa: E402
from fashion_cnn.data import Dataset, Mapped, Split
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.files import LOCK, owned, write_atomically
from fashion_cnn.recipe import RECIPE_FIELDS, Recipe
from fashion_cnn.run import Run, lost_files, save_run
from test_run import made_up_run

keras = pytest.importorskip("keras")
from fashion_cnn.assemble import assemble, resolve_data, unloadable_layers   # noqa: E402
from fashion_cnn.batches import Batches, balanced_order, class_weights   # noqa: E402
from fashion_cnn.checkpoint import Checkpoint, Diverged, experiment_key   # noqa: E402
from fashion_cnn.models import NETWORKS   # noqa: E402
from fashion_cnn.optimizers import checked_callbacks, optimizer   # noqa: E402
from fashion_cnn.train import train   # noqa: E402

RECIPE = Recipe("trial", network="a3-small", network_options={"filters": 2, "units": 8}, epochs=4, batch_size=48)


class Rates(keras.callbacks.Callback):
    "Notes the learning rate of each epoch's first batch."
    def __init__(self): super().__init__(); self.rates = []
    def on_epoch_begin(self, epoch, logs=None): self.rates.append(None)
    def on_train_batch_begin(self, batch, logs=None):
        if self.rates[-1] is None: self.rates[-1] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))


class NaNAt(keras.callbacks.Callback):
    "Makes the loss of an epoch, counted from 1, no number."
    def __init__(self, epoch): super().__init__(); self.bad = epoch
    def on_epoch_begin(self, epoch, logs=None):
        if epoch + 1 == self.bad:
            for weight in self.model.trainable_variables: weight.assign(np.full(weight.shape, np.nan))


@pytest.fixture(scope="module")
def data():
    return sketches(96)


@pytest.fixture(scope="module")
def halved():
    return Rates()


@pytest.fixture(scope="module")
def run(data, halved, tmp_path_factory):
    halving = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-3 * 0.5 ** epoch)
    return train(RECIPE, data, out=tmp_path_factory.mktemp("runs") / "run", progress=False, callbacks=[halving, halved])


# Recipes

def test_short_forms_are_accepted():
    short = RECIPE.replace(schedule="cosine", early_stopping=np.int64(5), learning_rate=np.float32(0.5), network_options=None)
    assert short.schedule == {"name": "cosine", "warmup_epochs": 0, "final": 0.0}
    assert short.early_stopping == {"patience": 5, "monitor": "val_loss", "min_delta": 0.0}
    assert short.network_options == {} and type(short.learning_rate) is float
    assert RECIPE.replace(early_stopping=True).early_stopping["patience"] == 10 and RECIPE.replace(early_stopping=False).early_stopping is None
    assert Recipe.from_json(short.to_json()) == short
    assert RECIPE.replace(network_options={"filters": np.arange(2)}).network_options == {"filters": [0, 1]}


@pytest.mark.parametrize("field", RECIPE_FIELDS)
@pytest.mark.parametrize("value", [object(), keras, [1, 2], (3, "x"), b"x", np.zeros((2, 2)), {"a": {1, 2}}, 1j, float("nan")],
                         ids=lambda value: type(value).__name__)
def test_every_wrong_type_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises((TypeError, ValueError), match=rf"\b{field}\b|\b{field.replace('_', ' ')}\b"):
        Recipe(**{"name": "a", "network": "deeper", field: value})


@pytest.mark.parametrize("change, says", [
    ({"schedule": "cosinus"}, "'cosine'"), ({"schedule": 3}, "schedule must be a dictionary, a name such as 'cosine'"),
    ({"schedule": {}}, "needs a name"), ({"schedule": {"name": None}}, "needs a name"), ({"schedule": {"name": "plateau", "factor": "0.1"}}, "'factor' must be a number"),
    ({"schedule": keras.optimizers.schedules.CosineDecay(0.1, 5)}, "schedule must be"),
    ({"schedule": {"name": "steps", "after": 3, "factors": [0.1]}}, "'after' must be a list"),
    ({"schedule": {"name": "steps", "after": [3, 4], "factors": [0.1]}}, "a factor for each"),
    ({"early_stopping": "val_loss"}, "early_stopping must be a dictionary, a number of epochs"), ({"early_stopping": 2.5}, "early_stopping must be"),
    ({"early_stopping": {"patience": None}}, "'patience' must be a number"), ({"early_stopping": keras.callbacks.EarlyStopping()}, "early_stopping"),
    ({"optimizer": keras.optimizers.Adam()}, "optimizer must be a text, such as 'adam'"), ({"network": keras.Sequential()}, "network must be a text, such as 'deeper'"),
    ({"optimizer_options": {"learning_rate": 1}}, "field of its own"), ({"augmentation": None}, "augmentation must be a text"),
    ({"epochs": "3"}, "epochs must be a whole number. Received: '3'"), ({"batch_size": 32.0}, "batch_size must be a whole number"),
    ({"epochs": 0}, "epochs must be at least 1"), ({"seed": -1}, "seed must be at least 0"), ({"seed": 2**32}, "seed must be below"), ({"seed": None}, "seed must be"),
    ({"learning_rate": "0.1"}, "learning_rate must be a number above 0"), ({"learning_rate": True}, "learning_rate"), ({"learning_rate": None}, "learning_rate"),
    ({"validation_split": 1}, "validation_split must be a fraction"), ({"validation_split": "20 %"}, "validation_split"),
    ({"label_smoothing": "0.1"}, "label_smoothing must be"), ({"noise": "10"}, "noise must be"), ({"network_options": [("filters", 3)]}, "network_options must be a dictionary")])
def test_wrong_values_are_refused_by_name(change, says):
    with pytest.raises((TypeError, ValueError), match=re.escape(says)):
        RECIPE.replace(**change)


def test_optimizer_options_that_keras_does_not_know_are_refused_by_name():
    with pytest.raises(ValueError, match="optimizer 'adam' does not take these options.*momentum"):
        optimizer(RECIPE.replace(optimizer_options={"momentum": 0.9}), 3)


# Data

def test_arrays_are_accepted_where_it_is_plain_which_is_which(data):
    x, y = data.train.x, data.train.y
    for given in ((x, y), [x, y], {"x": x, "y": y}, {"images": x, "target": y}, (x / 255, y), ((x, y), (x, y)), {"x_train": x, "y_train": y, "x_test": x, "y_test": y}):
        made = resolve_data(given, RECIPE.replace(validation_split=0.25))
        assert isinstance(made, Dataset) and made.input_shape == (28, 28, 1) and made.classes == 10
        test = 96 if len(given) == 4 or isinstance(given[next(iter(given))] if isinstance(given, dict) else given[0], tuple) else 10
        assert len(made.test) == test and len(made.validation) == 24


@pytest.mark.parametrize("make, says", [
    (lambda data: data.train, "one part of three"), (lambda data: data.train.x, "ndarray without labels"),
    (lambda data: (data.train.x, data.train.y, data.test.x, data.test.y), "4 parts, of which nobody knows"),
    (lambda data: {"pixels": data.train.x}, "the keys pixels"), (lambda data: {}, "none"), (lambda data: None, "NoneType"), (lambda data: 3, "int"),
    (lambda data: (data.train.y, data.train.x), "images must have the shape"), (lambda data: (data.train.x, data.train.y[:5]), "96 images and 5 labels"),
    (lambda data: Dataset(data.train, data.validation, data.test, data.class_names[:5], "mine"), "as there are 5 class names. Received: 0 to 9 in train"),
    (lambda data: Dataset(data.train, Split(data.validation.x), data.test, data.class_names, "mine"), "validation split of mine has no labels"),
    (lambda data: Dataset(data.train, data.validation, Split(data.test.x[:, :20], data.test.y), data.class_names, "mine"), r"(20, 28, 1) in test")])
def test_other_data_are_refused_by_name(make, says, data):
    with pytest.raises((TypeError, ValueError), match=re.escape(says)):
        train(RECIPE, make(data))


def test_a_tf_dataset_is_told_the_way_and_the_way_works(data):
    tf = pytest.importorskip("tensorflow")
    stream = tf.data.Dataset.from_tensor_slices((data.train.x, data.train.y)).batch(40)
    with pytest.raises(TypeError, match=r"np.concatenate"): train(RECIPE, stream)
    x, y = map(np.concatenate, zip(*stream.as_numpy_iterator()))
    assert np.array_equal(x, data.train.x) and resolve_data((x, y), RECIPE).classes == 10


def test_a_batch_larger_than_the_data_is_said(data):
    with pytest.warns(UserWarning, match="batch_size=500 is more than the 96 training images"):
        resolve_data(data, RECIPE.replace(batch_size=500))


# Other arguments of train

@pytest.mark.parametrize("arguments, says", [
    ({"callbacks": [keras.callbacks.EarlyStopping]}, "an object, made by calling the class"), ({"callbacks": print}, "callbacks must be Keras callbacks"),
    ({"callbacks": "EarlyStopping"}, "Received: 'EarlyStopping'"), ({"callbacks": 3}, "Received: 3"), ({"callbacks": [None]}, "Received: None"),
    ({"epochs": "3"}, "epochs must be a whole number"), ({"epochs": 0}, "epochs must be at least 1"), ({"seed": -1}, "seed must be at least 0"), ({"seed": 1.0}, "seed must be"),
    ({"limit": "100"}, "limit must be a whole number"), ({"limit": -5}, "limit must be at least 1"), ({"out": 3}, "out must be a folder"),
    ({"limit": 0}, "limit must be at least 1"),
    ({"start": "runs/first"}, "start must be a Run"), ({"strategy": "mirrored"}, "strategy must be"), ({"recipe": {"network": "brief"}}, "recipe must be a Recipe"), ({"recipe": "deeper"}, "recipes.get"),
    ({"recipe": RECIPE.replace(network="deper")}, "Did you mean 'deeper'"), ({"recipe": RECIPE.replace(optimizer="adm")}, "Did you mean 'adam'"),
    ({"recipe": RECIPE.replace(network_options={"filter": 3})}, "no option 'filter'")])
def test_wrong_arguments_of_train_are_refused_by_name(arguments, says, data, tmp_path):
    with pytest.raises((TypeError, ValueError), match=re.escape(says)):
        train(**{"recipe": RECIPE, "data": data, "out": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_one_callback_several_or_none():
    one = keras.callbacks.EarlyStopping()
    assert checked_callbacks(one, RECIPE) == checked_callbacks((one,), RECIPE) == checked_callbacks(iter([one]), RECIPE) == [one]
    assert checked_callbacks(None, RECIPE) == checked_callbacks((), RECIPE) == []
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(ValueError, match="schedule 'cosine' of the recipe sets the learning rate"):
        checked_callbacks(scheduler, RECIPE.replace(schedule="cosine"))


# Networks of one's own

def network(*parts, outputs=None):
    "A function that builds a network of these layers."
    def mine(input_shape, classes):
        x = inputs = keras.Input(input_shape)
        for part in (keras.layers.Flatten(), *parts): x = part(x)
        return keras.Model(inputs, x, name="mine")
    return mine


class Doubled(keras.layers.Layer):
    "A layer that nobody has registered."
    def call(self, x): return 2 * x


@keras.saving.register_keras_serializable("test_entrance")
class Forgetful(keras.layers.Layer):
    "A layer with an argument that no file can hold, and without a get_config of its own."
    def __init__(self, change, **kwargs): super().__init__(**kwargs); self.change = change
    def call(self, x): return self.change(x)


def softmax(units=10): return keras.layers.Dense(units, "softmax")


@pytest.mark.parametrize("parts, says", [
    ([softmax(13)], "must have outputs of shape (None, 10) for 10 classes. Received: (None, 13)"),
    ([keras.layers.Dense(10)], "must give probabilities"), ([keras.layers.Dense(10, "sigmoid")], "activation='softmax'"), ([softmax(), Doubled()], "must give probabilities"),
    ([keras.layers.Reshape((28, 28))], "Received: (None, 28, 28)"),
    ([keras.layers.Lambda(lambda x: x / 255, name="scaled"), softmax()], "layer 'scaled' is code"),
    ([Doubled(name="doubled"), softmax()], "layer 'doubled' is of a class that a file cannot name"),
    ([keras.layers.Dense(3, lambda x: x, name="odd"), softmax()], "layer 'odd' cannot be made"),
    ([Forgetful(lambda x: 2 * x, name="forgetful"), softmax()], "layer 'forgetful' cannot be made"),
    ([keras.Sequential([keras.layers.Lambda(lambda x: x, name="hidden")]), softmax()], "layer 'hidden' is code")])
def test_a_network_is_looked_at_before_the_first_epoch(parts, says, data, tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "mine", network(*parts))
    with pytest.raises(ValueError, match=re.escape(says)):
        train(Recipe("trial", "mine", batch_size=48), data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_networks_that_are_right_pass(data, monkeypatch):
    for parts in ([softmax()], [keras.layers.Dense(10), keras.layers.Softmax()], [keras.layers.Dense(10), keras.layers.Activation("softmax")]):
        monkeypatch.setitem(NETWORKS, "mine", network(*parts))
        model = assemble(Recipe("trial", "mine", batch_size=48), data)[0]
        assert unloadable_layers(model) == []


# The learning rate of an epoch

def test_the_history_has_the_rate_each_epoch_was_trained_with(run, halved):
    for rates in (run.history["learning_rate"], halved.rates): assert rates == pytest.approx([1e-3, 5e-4, 2.5e-4, 1.25e-4])


def test_a_plateau_of_ones_own_is_noted_in_the_epoch_after_it(data):
    rates = Rates()
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=1e9, factor=0.5)
    history = train(RECIPE, data, epochs=3, progress=False, callbacks=[plateau, rates]).history
    for noted in (history["learning_rate"], rates.rates): assert noted == pytest.approx([1e-3, 1e-3, 5e-4])


# Divergence

def test_nan_in_epoch_3_keeps_epochs_1_and_2_and_says_how_to_get_them(run, data, tmp_path):
    with pytest.raises(Diverged, match=r"in epoch 3 the loss is nan.*Epochs 1 to 2 are kept: `error.run`.*epochs=2, out=") as caught:
        train(RECIPE, data, out=tmp_path / "run", progress=False, callbacks=NaNAt(3))
    kept = caught.value.run
    assert kept.epochs == 2 and kept.stopped == "diverged" and np.isfinite(kept.probabilities["test"]).all()
    again = train(RECIPE, data, epochs=2, out=tmp_path / "run", progress=False)
    assert again.history == kept.history and again.weights_hash == kept.weights_hash and Run.load(tmp_path / "run").epochs == 2


def test_nan_in_epoch_1_keeps_nothing_and_says_so(data):
    with pytest.raises(Diverged, match="No epoch was finished before that") as caught:
        train(RECIPE, data, progress=False, callbacks=NaNAt(1))
    assert caught.value.run is None


# Folders

def test_a_finished_run_without_its_model_is_rebuilt_from_the_checkpoint(run, data, tmp_path):
    import shutil
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / run.files["model"]).unlink()
    with pytest.raises(FileNotFoundError, match="is not there any more. train"): Run.load(folder).model
    with pytest.warns(UserWarning, match="'run' is finished, but model-.* is gone or damaged: the run is made again from checkpoint.npz"):
        again = train(RECIPE, data, out=folder, progress=False)
    assert again.weights_hash == run.weights_hash and again.history == run.history and lost_files(folder) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert train(RECIPE, data, out=folder).epochs == 4
    (folder / again.files["predictions"]).unlink()
    with pytest.raises(FileNotFoundError, match="made anew"): Run.load(folder)
    with pytest.raises(ValueError, match="holds another experiment"): train(RECIPE.replace(seed=5), data, out=folder)


def test_without_its_checkpoint_it_is_trained_again(run, data, tmp_path):
    import shutil
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / run.files["model"]).write_bytes(b"cut short")
    (folder / "checkpoint.npz").unlink()
    with pytest.warns(UserWarning, match="gone or damaged: the run is trained again"):
        assert train(RECIPE, data, out=folder, progress=False).weights_hash != run.weights_hash    # that had another schedule
    assert lost_files(folder) == []


def test_cleaning_up_takes_only_what_this_process_replaced(run, tmp_path):
    others = tmp_path / ("model-" + "0" * 12 + ".keras")
    others.write_text("of another process, or put here by hand")
    run = Run.load(run.folder)
    save_run(run, tmp_path)
    first = dict(run.files)
    run.probabilities = {"test": run.probabilities["test"][::-1]}
    save_run(run, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {others.name, "run.json", *run.files.values()} and first["predictions"] != run.files["predictions"]


def test_another_precision_is_another_experiment(run, data, tmp_path):
    assert run.environment["dtype_policy"] == "float32"
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with pytest.raises(ValueError, match="dtype_policy 'float32' there, 'mixed_float16' here"): train(RECIPE, data, out=run.folder)
    finally: keras.config.set_dtype_policy("float32")
    path = tmp_path / "checkpoint.npz"
    old = {name: value for name, value in experiment_key(RECIPE, "").items() if name != "dtype_policy"}
    Checkpoint(path, old).write([], [], {}, "")      # as before there was such a field
    assert Checkpoint(path, {}).note()["key"]["dtype_policy"] == "float32"


def test_a_folder_has_one_owner(data, tmp_path):
    refused, folder = [], tmp_path / "runs" / "mine"
    with owned(folder), owned(folder):    # its owner may ask again
        asking = threading.Thread(target=try_to_train, args=(data, folder, refused))
        asking.start()
        asking.join()
    assert len(refused) == 1 and isinstance(refused[0], ValueError) and "another process is writing in the folder 'mine'" in str(refused[0])
    assert not folder.exists() and not folder.parent.exists()    # nothing was written, nothing stays


def try_to_train(data, folder, refused):
    try: train(RECIPE, data, out=folder)
    except Exception as error: refused.append(error)


class Small:
    "Stands where a model stands: as small as can be, and other in every process."
    def save(self, path): path.write_bytes(os.urandom(2000))


def write_often(folder, barrier, answers):
    "What a training does to its folder, without the training: own it, write a checkpoint, save the run."
    run, told, saved = made_up_run(), 0, 0
    run.model = Small()
    barrier.wait()
    for attempt in range(2):
        try:
            with owned(folder):
                write_atomically(folder / "checkpoint.npz", os.urandom(2000))
                time.sleep(0.01)
                run.save(folder)
                saved += 1
        except ValueError as error:
            told += "is writing in the folder" in str(error)
    answers.put((told, saved))


def test_twenty_pairs_of_processes_on_one_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    for pair in range(20):
        folder, barrier, answers = tmp_path / str(pair), context.Barrier(2), context.Queue()
        both = [context.Process(target=write_often, args=(folder, barrier, answers)) for _ in range(2)]
        for process in both: process.start()
        while any(process.is_alive() for process in both):
            if (folder / "run.json").exists(): json.loads((folder / "run.json").read_text())
        counts = [answers.get(timeout=10) for _ in both]
        assert all(told + saved == 2 for told, saved in counts) and sum(saved for _, saved in counts) >= 1, counts
        assert lost_files(folder) == [] and len(list(folder.glob("model-*"))) == 1 and Run.load(folder).name == "made-up"
        assert not (folder / LOCK).exists()


# Predictions

def test_whatever_form_the_images_have_the_answer_is_the_same(run, data, tmp_path):
    x = data.test.x[:9]
    right = run.predict(x)
    np.save(tmp_path / "x.npy", x)
    same = [x / 255, (x / 255).astype(np.float32), (x / 255).astype(np.float16), x.astype(float), x.astype(int), x[..., 0], x.reshape(9, -1), list(x), list(x[..., 0]),
            [image[None] for image in x], Mapped(np.load(tmp_path / "x.npy", mmap_mode="r")), Split(x), keras.ops.convert_to_tensor(x / 255)]
    for images in same: assert np.allclose(run.predict(images), right, atol=1e-6), type(images)
    for single in (x[0], x[0, ..., 0], [x[0]], x[0] / 255): assert np.allclose(run.predict(single), right[:1], atol=1e-6)
    from PIL import Image
    assert np.allclose(run.predict([Image.fromarray(image[..., 0]) for image in x]), right, atol=1e-6)


@pytest.mark.parametrize("make, says", [
    (lambda x: x / 127.5 - 1, "between 0 and 255"), (lambda x: x / 2.5, "only if none is above 1 are they read as 0..1"), (lambda x: x.astype(float) + np.nan, "nan"),
    (lambda x: np.where(x > 5, np.inf, 0.0), "inf"), (lambda x: x.astype(int) * 2, "between 0 and 255"), (lambda x: "shirt.jpg", "Received: 'shirt.jpg'"),
    (lambda x: x[:0], "no image at all"), (lambda x: [], "no image at all"), (lambda x: None, "holds no pixels"), (lambda x: {"x": x}, "holds no pixels"),
    (lambda x: np.repeat(x, 3, axis=3), "convert('L')"), (lambda x: x[:, :20], "resize((28, 28))"), (lambda x: np.moveaxis(x, 3, 1), "np.moveaxis"),
    (lambda x: x[0, :, 0, 0], "expected (N, 28, 28, 1). Received: an array of shape (28,)"), (lambda x: np.zeros((16, 16)), "shape (16, 16)"),
    (lambda x: [x[0], x[0, :20]], "images of one shape"), (lambda x: [["a", "b"]], "holds no pixels"), (lambda x: ["a.png", "b.png"], "holds no pixels")])
def test_what_is_no_image_is_refused(make, says, run, data):
    with pytest.raises((TypeError, ValueError), match=re.escape(says)): run.predict(make(data.test.x[:4]))


def test_the_size_of_a_batch_is_checked(run, data):
    with pytest.raises(ValueError, match="batch_size must be at least 1"): run.predict(data.test, batch_size=0)


# A class that is not there

@pytest.mark.parametrize("seed", range(5))
def test_macro_averages_are_over_the_classes_present(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 1, 3, 4], 60)
    guesses = np.where(rng.random(60) < 0.6, labels, rng.integers(0, 6, 60))
    judged = Evaluation(labels, np.eye(6)[guesses])
    options = {"labels": np.unique(labels), "average": "macro", "zero_division": 0}
    assert np.isclose(judged.f1(), f1_score(labels, guesses, **options))
    assert np.isclose(judged.precision(), precision_score(labels, guesses, **options)) and np.isclose(judged.recall(), recall_score(labels, guesses, **options))
    assert np.allclose(judged.report().loc["macro average"][["precision", "recall", "f1"]].to_numpy(float), [judged.precision(), judged.recall(), judged.f1()])


def test_all_right_without_a_class_is_all_right():
    labels = np.array([0, 0, 2, 2])
    judged = Evaluation(labels, np.eye(3)[labels])
    assert judged.f1() == judged.precision() == judged.recall() == 1.0
    assert judged.bootstrap("f1", resamples=100) == (1.0, 1.0)


# Unequal classes

@pytest.fixture(scope="module")
def unequal(data):
    "Of the first class, two images in ten."
    def thinned(split): return split.take(np.flatnonzero((split.y > 0) | (np.cumsum(split.y == 0) <= 2)))
    return Dataset(thinned(data.train), thinned(data.validation), data.test, data.class_names, data.source)


def test_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_sample_weight
    y = np.random.default_rng(0).choice([0, 2, 3], 500, p=[0.9, 0.08, 0.02])
    assert np.allclose(class_weights(y), compute_sample_weight("balanced", y))


def test_sampling_draws_all_classes_equally_often_and_repeats_itself():
    y = np.random.default_rng(0).choice([0, 2, 3], 500, p=[0.9, 0.08, 0.02])
    order, again, other = (balanced_order(y, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len(order) == 500 and set(np.unique(y[order], return_counts=True)[1]) <= {166, 167}
    assert np.array_equal(order, again) and not np.array_equal(order, other)
    assert set(np.flatnonzero(y > 0)) <= set(order)    # of rare classes, every image
    x, batches = np.zeros((500, 1, 1, 1), np.uint8), []
    for epoch in range(2):
        batches.append(Batches(x, y, 500, seed=3, balance="sampling"))
        batches[-1].start(epoch)
    assert not np.array_equal(batches[0].order, batches[1].order)


@pytest.mark.parametrize("balance, options", [("weights", {"label_smoothing": 0.1}), ("sampling", {"augmentation": "b-affine"})])
def test_balanced_trainings_run_and_resume(balance, options, unequal, tmp_path):
    recipe = RECIPE.replace(balance=balance, epochs=2, **options)
    assert train(recipe, unequal, epochs=1, out=tmp_path / "run", progress=False).epochs == 1
    resumed = train(recipe, unequal, out=tmp_path / "run", progress=False)
    assert resumed.epochs == 2 and Recipe.from_json(resumed.recipe.to_json()).balance == balance
    assert resumed.weights_hash == train(recipe, unequal, progress=False).weights_hash
    with pytest.raises(ValueError, match="holds another experiment.*balance"): train(recipe.replace(balance=""), unequal, out=tmp_path / "run")


def test_unequal_classes_are_said_once_and_recalls_are_those_of_scikit_learn(unequal):
    with pytest.warns(UserWarning, match=r"unequal: 10 training images of '.*', 2 of 'T-shirt/top'.*run.recalls"):
        run = train(RECIPE.replace(epochs=1), unequal, progress=False)
    for split in ("validation", "test"):
        judged = Evaluation.from_run(run, split)
        assert list(run.recalls(split)) == list(unequal.class_names) and np.allclose(list(run.recalls(split).values()), judged.recall(None))
    assert run.recalls() == run.recalls("validation")    # for a choice, never the test images
    with pytest.raises(ValueError, match="validation, test.*'train'"): run.recalls("train")


def test_balance_is_checked():
    for wrong, says in (("balanced", "Known: weights, sampling"), (True, "balance must be a text, such as 'weights'")):
        with pytest.raises((TypeError, ValueError), match=says): RECIPE.replace(balance=wrong)
    with pytest.raises(ValueError, match="where there are classes"): RECIPE.replace(task="reconstruct", balance="weights")
