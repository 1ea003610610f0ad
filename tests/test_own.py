"A reader's own network, loss, optimizer and callbacks: trained, saved and repeated like a recipe's, and what cannot be repeated is said."
import json
import warnings

import numpy as np
import pytest

import keras
from fashion_cnn.assemble import seeded
from fashion_cnn.checkpoint import weights_hash
from fashion_cnn.optimizers import copied_optimizer, optimizer
from fashion_cnn.own import (ONLY_NAME, description, loss_for, numbered_anew, own_network, own_parts, wants_rows,
                             with_callbacks, with_optimizer)
from fashion_cnn.panels import trainer
from fashion_cnn.panels.trainer import stop_after
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run
from fashion_cnn.search import watcher
from fashion_cnn.train import find_learning_rate, train, train_seeds
from small import sketches

SHAPE = (28, 28, 1)
RECIPE = Recipe("mine", batch_size=32, epochs=1)
layers = keras.layers


@pytest.fixture(scope="module")
def data(): return sketches(96)


def network():
    return keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), layers.Conv2D(4, 3, strides=3, activation="relu"),
                             layers.Flatten(), layers.Dropout(0.2), layers.Dense(10, activation="softmax")])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.scale, self.flat, self.last = layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10, activation="softmax")

    def call(self, images): return self.last(self.flat(self.scale(images)))


def of_rows(labels, outputs): return keras.ops.mean(keras.ops.square(labels - outputs), axis=-1)
def of_numbers(labels, outputs): return keras.losses.sparse_categorical_crossentropy(labels, outputs)


def test_a_function_is_called_under_the_seed_and_its_recipe_repeats_it(data, tmp_path):
    run = train(RECIPE, data, model=network, out=tmp_path / "run", progress=False)
    assert run.recipe.network == "own" and run.recipe.own["model"]["class_name"] == "Sequential" and run.parameters["total"] > 0
    assert Run.load(tmp_path / "run").predict(data.test).shape == (len(data.test), 10)
    again = train(Recipe(**json.loads(run.recipe.to_json())), data, progress=False)    # from the recipe alone
    assert again.weights_hash == run.weights_hash
    same = train(RECIPE, data, model=network, out=tmp_path / "run", progress=False)    # finished: not trained again, though names are counted on
    assert same.folder is not None and same.weights_hash == run.weights_hash
    other, = train_seeds(RECIPE, data, [1], model=network)
    assert other.weights_hash != run.weights_hash
    with pytest.raises(ValueError, match="another experiment"):
        train(RECIPE, data, model=lambda: keras.Sequential([*network().layers[:-1], layers.Dense(10, "softmax", use_bias=False)]), out=tmp_path / "run", progress=False)


def test_a_model_is_copied_with_its_weights_and_stays_as_it_was(data):
    model = network()
    before = weights_hash(model)
    one, two = (train(RECIPE, data, model=model, progress=False) for _ in range(2))
    assert weights_hash(model) == before and one.model is not model and one.weights_hash == two.weights_hash != before
    assert one.recipe.own["model"]["weights"] == before[:16]
    with pytest.raises(ValueError, match="had weights already.*hand it over again, as model="): train(one.recipe, data, progress=False)
    unbuilt = keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10, activation="softmax")])
    assert "weights" not in train(RECIPE, data, model=unbuilt, progress=False).recipe.own["model"] and not unbuilt.built


def test_a_class_of_model_becomes_the_only_layer(data, tmp_path):
    run = train(RECIPE, data, model=Subclassed, progress=False)
    assert run.recipe.own["model"] == {ONLY_NAME: "Functional"} and run.parameters == {"total": 7850, "trainable": 7850}    # operations inside are unknown
    assert run.weights_hash == train(RECIPE, data, model=lambda: Subclassed(), progress=False).weights_hash
    with pytest.raises(ValueError, match="keeps the name only.*as model="): train(run.recipe, data, progress=False)
    with pytest.raises(ValueError, match="could not be loaded again"): train(RECIPE, data, model=Subclassed, out=tmp_path / "run", progress=False)
    built = Subclassed()
    built(np.zeros((1, *SHAPE), "float32"))
    for model in (built, Subclassed()):
        with pytest.raises(TypeError, match="cannot be copied.*model=lambda"): train(RECIPE, data, model=model, progress=False)


def test_networks_that_do_not_fit_are_refused_and_unscaled_ones_are_noted(data):
    def first(shape, *rest): return lambda: keras.Sequential([keras.Input(shape), *rest, layers.Flatten(), layers.Dense(10, activation="softmax")])
    for shape in ((28, 28), (784,), (32, 32, 3), (28, 28, 3)):
        with pytest.raises(ValueError, match=r"should begin with keras.Input\(\(28, 28, 1\)\)"): train(RECIPE, data, model=first(shape), progress=False)
    with pytest.raises(ValueError, match="names a network, and model= is another"): train(Recipe("x", "brief"), data, model=network, progress=False)
    with pytest.raises(ValueError, match="is handed to train"): train(RECIPE, data, progress=False)
    with pytest.raises(TypeError, match="makes one.*gave str"): train(RECIPE, data, model=lambda: "deeper", progress=False)
    with pytest.raises(ValueError, match="softmax"):
        train(RECIPE, data, model=lambda: keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(10)]), progress=False)
    with pytest.warns(UserWarning, match=r"begin with keras.layers.Rescaling\(1 / 255\)"): train(RECIPE, data, model=first(SHAPE), progress=False)
    inputs = keras.Input(SHAPE)    # arithmetic scales as well
    scaled = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(inputs / 255.0)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(RECIPE, data, model=scaled, progress=False)


LOSSES = (keras.losses.get("categorical_focal_crossentropy"), keras.losses.CategoricalFocalCrossentropy(gamma=1.0),
          keras.losses.sparse_categorical_crossentropy, keras.losses.SparseCategoricalCrossentropy(), keras.losses.KLDivergence(), of_rows, of_numbers)

def test_losses_of_every_form():
    rng = np.random.default_rng(0)
    numbers, outputs, others = rng.integers(0, 10, 6), rng.dirichlet(np.ones(10), 6).astype("float32"), rng.dirichlet(np.ones(10), 6).astype("float32")
    rows = np.eye(10, dtype="float32")[numbers]
    for loss in LOSSES:
        function = loss.call if isinstance(loss, keras.losses.Loss) else loss
        wanted = function(rows if wants_rows(loss, 10) else numbers, outputs)
        assert wants_rows(loss, 10) == (loss not in (LOSSES[2], LOSSES[3], of_numbers))
        assert np.allclose(loss_for(loss, RECIPE, 10)(numbers.astype("float32"), outputs), wanted) and np.shape(wanted) == (6,)
        if wants_rows(loss, 10): assert np.allclose(loss_for(loss, RECIPE, 10)(numbers, np.concatenate([outputs, others], 1)), function(others, outputs))
    assert loss_for(None, RECIPE, 10) is None


def test_a_loss_in_a_training(data):
    run = train(RECIPE.replace(balance="weights"), data, model=network, loss=of_rows, progress=False)
    expected = np.square(np.eye(10)[data.test.y] - run.predict(data.test)).mean()
    assert run.metrics["test"]["loss"] == pytest.approx(expected, rel=1e-4) and run.recipe.own["loss"] == {ONLY_NAME: "of_rows"}
    with pytest.raises(ValueError, match="loss 'of_rows'.*as loss="): train(run.recipe, data, progress=False)
    mixing = train(RECIPE.replace(label_smoothing=0.1), data, model=network, loss="categorical_crossentropy", progress=False)
    assert train(mixing.recipe.replace(own={"model": mixing.recipe.own["model"]}), data, progress=False).weights_hash == mixing.weights_hash    # the usual loss of mixed labels
    rebuild = Recipe("rebuild", "a3-autoencoder", {"filters": (4, 2)}, task="reconstruct", epochs=1)
    run = train(rebuild, data, loss="mean_absolute_error", progress=False)
    assert run.metrics["test"]["loss"] == pytest.approx(float(np.abs(run.predict(data.test) - data.test.x / 255).mean()), rel=1e-3)


def test_losses_that_cannot_be_are_refused_before_the_first_epoch(data):
    def broken(labels, outputs): raise RuntimeError("nothing goes")
    for loss, error, message in ((broken, ValueError, "with rows it says: nothing goes; with numbers: nothing goes"), ("crossentropi", ValueError, "crossentrop"),
                                 (keras.losses.Huber, TypeError, "an object such as"), (3, TypeError, "Received: 3"), (lambda labels, outputs: outputs * np.nan, ValueError, "no number")):
        with pytest.raises(error, match=message): train(RECIPE, data, model=network, loss=loss, progress=False)


class Halved(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate): super().update_step(gradient / 2, variable, learning_rate)


def test_optimizers_become_fields_or_are_copied(data):
    falling = keras.optimizers.schedules.CosineDecay(0.1, 100)
    without = {"name", "learning_rate"}
    for own in (keras.optimizers.SGD(0.05, momentum=0.9), keras.optimizers.Adam(3e-4, weight_decay=0.01, clipnorm=1.0), keras.optimizers.AdamW(), keras.optimizers.RMSprop(0.002, rho=0.8)):
        recipe, left = with_optimizer(RECIPE, own)
        again = optimizer(recipe, 10)
        assert left is None and type(again) is type(own) and again.get_config()["learning_rate"] == pytest.approx(own.get_config()["learning_rate"])
        assert {k: v for k, v in again.get_config().items() if k not in without} == {k: v for k, v in own.get_config().items() if k not in without}
    recipe, own = with_optimizer(RECIPE, Halved(0.1))
    assert recipe.own["optimizer"] == {ONLY_NAME: "Halved"} and recipe.learning_rate == 0.1 and copied_optimizer(own, recipe, 10) is not own
    moved = train(recipe.replace(schedule="cosine", own={}), data, model=network, optimizer=own, progress=False)
    assert moved.history["learning_rates"][0][0] == pytest.approx(0.1, rel=0.1) and moved.model.optimizer.__class__ is keras.optimizers.Adam
    scheduled = train(RECIPE, data, model=network, optimizer=keras.optimizers.SGD(falling), progress=False)
    assert train(scheduled.recipe, data, progress=False).weights_hash == scheduled.weights_hash
    with pytest.raises(ValueError, match="schedule for its learning rate"): with_optimizer(RECIPE.replace(schedule="plateau"), keras.optimizers.SGD(falling))
    for wrong in (keras.optimizers.SGD, 0.1):
        with pytest.raises(TypeError, match="optimizer must be a Keras optimizer"): with_optimizer(RECIPE, wrong)
    with pytest.raises(ValueError, match="optimizer"): train(RECIPE, data, model=network, optimizer="adamm", progress=False)


def test_what_was_cut_off_goes_on_in_the_same_process_and_callbacks_are_noted(data, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1: raise KeyboardInterrupt
    recipe, options = RECIPE.replace(epochs=3), {"model": network, "loss": of_rows, "progress": False}
    whole = train(recipe, data, **options)
    train(recipe, data, out=tmp_path / "run", callbacks=Stop(), **options)
    with pytest.warns(UserWarning, match="callbacks Stop, which it cannot make again"):
        train(recipe.replace(own={"callbacks": ["Stop"]}), data, **options)
    resumed = train(recipe, data, out=tmp_path / "run", **options)
    assert resumed.weights_hash == whole.weights_hash and resumed.epochs == 3
    with pytest.raises(ValueError, match="another experiment.*own"): train(recipe, data, out=tmp_path / "run", model=network, progress=False)


def test_observers_of_the_library_are_no_part_of_a_recipe():
    reporter, seen = watcher(None, "val_accuracy"), keras.callbacks.CSVLogger("log.csv")
    assert with_callbacks(RECIPE, [stop_after(1), trainer.watcher(None), reporter]) == RECIPE
    assert with_callbacks(RECIPE, [reporter, seen]).own == {"callbacks": ["CSVLogger"]}


@pytest.mark.parametrize("setter", [keras.callbacks.ReduceLROnPlateau(), keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)])
def test_a_callback_cannot_set_the_rate_that_a_schedule_of_the_optimizer_sets(data, setter):
    falling = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100))
    described, _ = with_optimizer(Recipe("trial", "a3-small"), falling)
    for recipe, own in ((Recipe("trial", "a3-small"), falling), (described, None)):
        with pytest.raises(ValueError, match=f"schedule of the optimizer SGD sets.*Received: {type(setter).__name__}"):
            own_parts(recipe, data, optimizer=own, callbacks=[setter])
    assert own_parts(recipe, data, callbacks=[stop_after(1)])


def test_the_finder_takes_them_too(data):
    trial = find_learning_rate(RECIPE, data, model=network, optimizer=keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 100)),
                               lowest=1e-4, steps=40)
    assert len(trial) > 3 and trial.attrs["suggested"] > 0


def test_layers_are_numbered_anew_at_any_depth():
    def nested(): return keras.Sequential([keras.Input(SHAPE), keras.Sequential([layers.Conv2D(2, 3), layers.Conv2D(2, 3, name="second"), layers.Softmax()]), layers.Conv2D(2, 3, activation="softmax")])
    one, two = (numbered_anew(description(nested())) for _ in range(2))
    assert one == two and '"second"' in json.dumps(one) and '"conv2d_1"' in json.dumps(one) and '"activation": "softmax"' in json.dumps(one)
    rebuilt = keras.saving.deserialize_keras_object(one)
    assert rebuilt.count_params() == nested().count_params()
    make, noted = own_network(nested(), SHAPE, 0)
    assert make().output_shape == (None, 22, 22, 2) and len(noted["weights"]) == 16


# --- what must not get lost in silence ---------------------------------------------------------------------------------


def test_weights_that_a_function_brings_are_kept(data):
    trained = network()
    def make():
        made = network()
        made.set_weights(trained.get_weights())
        return made
    run = train(RECIPE.replace(learning_rate=1e-12), data, model=make, progress=False)
    assert all(map(lambda one, other: np.allclose(one, other, atol=1e-6), run.model.get_weights(), trained.get_weights()))
    assert run.recipe.own["model"]["weights"] == weights_hash(trained)[:16]


def smaller(made):
    kernel, bias = made.layers[-1].get_weights()
    made.layers[-1].set_weights([0.01 * kernel, bias])

def unlike_zero(made):
    kernel, bias = made.layers[-1].get_weights()
    made.layers[-1].set_weights([kernel, np.random.normal(0, 0.01, bias.shape)])

@pytest.mark.parametrize("change", [smaller, unlike_zero])
def test_weights_that_a_function_makes_of_those_of_the_seed_are_kept(data, change):
    def make():
        made = network()
        change(made)
        return made
    with seeded(RECIPE.seed): wanted = make().get_weights()
    run = train(RECIPE.replace(learning_rate=1e-12), data, model=make, progress=False)
    assert all(np.allclose(*pair, atol=1e-6) for pair in zip(run.model.get_weights(), wanted)) and "weights" in run.recipe.own["model"]
    other, = train_seeds(RECIPE, data, [1], model=make)
    assert other.recipe.own["model"]["weights"] != run.recipe.own["model"]["weights"]


def test_other_draws_of_the_same_kind_are_no_weights_of_a_function():
    def second(): return [network() for _ in range(2)][1]    # its seeds are not those of its description
    for seed in range(5): assert "weights" not in own_network(second, SHAPE, seed)[1]


def test_an_optimizer_is_known_by_more_than_its_name():
    class SGD(keras.optimizers.SGD): pass
    for mine in (SGD(0.5), keras.optimizers.Muon(0.02)):
        recipe, kept = with_optimizer(RECIPE, mine)
        assert kept is mine and recipe.own["optimizer"]


def test_the_rate_of_the_recipe_counts_for_an_optimizer_of_ones_own():
    recipe, mine = with_optimizer(RECIPE, keras.optimizers.Adafactor(0.5))
    assert recipe.learning_rate == 0.5
    assert float(copied_optimizer(mine, recipe.replace(learning_rate=1e-6), 10).learning_rate) == pytest.approx(1e-6)


def mean_of_rows(labels, outputs): return keras.ops.mean(of_rows(labels, outputs))


@pytest.mark.parametrize("fields, loss, words", [
    ({"label_smoothing": 0.4}, "sparse_categorical_crossentropy", "smooths or mixes labels"),
    ({"augmentation": "cutmix"}, of_numbers, "smooths or mixes labels"),
    ({"balance": "weights"}, mean_of_rows, "gives a single value"),
    ({}, keras.losses.CategoricalCrossentropy(reduction="sum"), "leave reduction= out")])
def test_a_loss_for_which_a_setting_would_be_lost_is_refused(data, fields, loss, words):
    with pytest.raises(ValueError, match=words): train(RECIPE.replace(**fields), data, model=network, loss=loss, progress=False)


@pytest.mark.parametrize("classes", [2, 3, 10, 30])
def test_a_loss_for_numbers_is_known_with_any_number_of_classes(classes):
    def loss(labels, outputs):
        chosen = keras.ops.one_hot(keras.ops.cast(labels, "int32"), classes)
        return -keras.ops.sum(chosen * keras.ops.log(outputs), axis=-1)
    assert not wants_rows(loss, classes) and wants_rows(of_rows, classes)


def of_any_size():
    x = keras.Input((None, None, 1))
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(x)))
    return keras.Model(x, layers.Dense(10, activation="softmax")(y))


def of_two_outputs():
    inner = keras.Input(SHAPE)
    pair = keras.Model(inner, [layers.Conv2D(2, 3)(inner), layers.Conv2D(2, 3)(inner)])
    x = keras.Input(SHAPE)
    y = layers.Flatten()(layers.Add()(pair(layers.Rescaling(1 / 255)(x))))
    return keras.Model(x, layers.Dense(10, activation="softmax")(y))


@pytest.mark.parametrize("make", [of_any_size, of_two_outputs])
def test_networks_of_any_size_and_of_several_outputs_inside_give_a_run(data, make, tmp_path):
    run = train(RECIPE, data, model=make, out=tmp_path / "run", progress=False)
    assert run.stopped == "finished" and run.parameters["total"] == make().count_params()


def test_what_makes_no_network_is_refused_in_words(data):
    with pytest.raises(TypeError, match="a recipe names those of the library"): train(RECIPE, data, model="deeper", progress=False)


def test_the_callers_chance_stays_as_it_was(data):
    for work in (lambda: train(RECIPE, data, model=network, progress=False), lambda: find_learning_rate(RECIPE, data, model=network, steps=10)):
        np.random.seed(123)
        before = np.random.get_state()[1].copy()
        work()
        assert np.array_equal(np.random.get_state()[1], before)


def test_the_finder_bears_losses_below_zero_and_says_when_there_is_none(data):
    trial = find_learning_rate(RECIPE, data, model=network, loss="cosine_similarity", steps=40)
    assert trial.loss.iloc[0] < 0 and len(trial) > 5
    def nothing(labels, outputs): return keras.ops.sum(labels * 0 + float("nan"), axis=-1)
    with pytest.raises(ValueError): find_learning_rate(RECIPE, data, model=network, loss=nothing, steps=40)


def test_the_finder_begins_where_a_training_would(data):
    run = train(RECIPE, data, model=network, progress=False)
    begun, anew = (find_learning_rate(RECIPE, data, model=network, start=start, steps=40) for start in (run, None))
    assert begun.loss.iloc[0] < anew.loss.iloc[0]


def test_seeds_are_a_list_and_each_has_its_folder(data, tmp_path):
    with pytest.raises(TypeError, match=r"such as \[0, 1, 2\]"): train_seeds(RECIPE, data, 3, model=network)
    with pytest.raises(ValueError, match="a folder holds one run"): train_seeds(RECIPE, data, [0, 1], model=network, out=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_images_of_a_dictionary_are_all_used_or_refused(data):
    x, y = data.train.x, data.train.y
    for spare in ({"x_val": x, "y_val": y}, {"x_test": x}):
        with pytest.raises(ValueError, match=f"not used: the keys {', '.join(spare)}"):
            train(RECIPE, {"x_train": x, "y_train": y, **spare}, model=network, progress=False)
