"Training: the same weights every time, whatever happens on the way."
import gc
import hashlib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from copy import copy

import numpy as np
from pathlib import Path

import pytest

from small import sketches   # noqa: E402
from fashion_cnn.data import Dataset
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run, from_record

keras = pytest.importorskip("keras")
from fashion_cnn import train as training            # noqa: E402
from fashion_cnn.models import build                        # noqa: E402
from fashion_cnn.assemble import seeded   # noqa: E402
from fashion_cnn.batches import Batches   # noqa: E402
from fashion_cnn.devices import accelerators   # noqa: E402
from fashion_cnn.models import speed
from fashion_cnn.models.speed import in_one_vector
from fashion_cnn.optimizers import (Muon, compile_model, learning_rate, learning_rates,   # noqa: E402
                                    orthogonal, recipe_callbacks, stopping_as_field)
from fashion_cnn.compare import by_recipe
from fashion_cnn.panels.trainer import about_images
from fashion_cnn.recipes import budget
from fashion_cnn.learning_rate_finder import find_learning_rate
from fashion_cnn.train import train   # noqa: E402

TINY = {"network": "a3-small",    # with dropout and statistics, which have to resume as well
        "network_options": {"filters": 2, "units": 8, "dropout": 0.3, "normalization": "batch"}}
RECIPE = Recipe("trial", **TINY, epochs=3, batch_size=32, learning_rate=0.002,
                schedule={"name": "plateau", "patience": 1, "factor": 0.5},
                early_stopping={"patience": 3})


@pytest.fixture(scope="module")
def data():
    return sketches(96)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    return train(RECIPE, data, out=tmp_path_factory.mktemp("runs") / "undisturbed", progress=False)


def hash_of_model(run):
    "The weights as they are in the saved file, not as the run says they are."
    digest = hashlib.sha256()
    for weight in Run.load(run.folder).model.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()


def test_saved_model_is_the_trained_model(undisturbed, data):
    assert hash_of_model(undisturbed) == undisturbed.weights_hash
    again = Run.load(undisturbed.folder)
    assert np.allclose(again.predict(data.test), undisturbed.probabilities["test"], atol=1e-6)
    assert again.history == undisturbed.history and again.recipe == undisturbed.recipe


def test_another_threads_random_numbers_change_nothing(undisturbed, data):
    "As in a worker of Dask, whose connections wait for a random while."
    done = threading.Event()
    def draw():
        while not done.wait(0.001): random.random()
    thread = threading.Thread(target=draw)
    thread.start()
    try: found = train(RECIPE, data, epochs=1, progress=False)
    finally: done.set(); thread.join()
    assert found.history["loss"] == undisturbed.history["loss"][:1]


def test_two_threads_that_build_leave_keras_as_it_was():
    from keras.src.random import seed_generator
    before, drawn = seed_generator.python_random, {}
    def build_slowly(seed):
        with seeded(seed):
            time.sleep(0.05)    # so that the other one arrives meanwhile
            drawn[seed] = seed_generator.python_random.random()
    threads = [threading.Thread(target=build_slowly, args=(seed,)) for seed in (0, 1)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert drawn == {seed: random.Random(seed).random() for seed in (0, 1)} and seed_generator.python_random is before


def test_weights_do_not_depend_on_what_ran_before(undisturbed, data):
    np.random.seed(99)
    keras.utils.set_random_seed(99)
    keras.layers.Dropout(0.5)(np.ones((2, 2), "float32"), training=True)
    assert train(RECIPE, data, progress=False).weights_hash == undisturbed.weights_hash


def left_of_trainings():
    "How many batches and compiled graphs are alive."
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each).__name__ in ("Batches", "FuncGraph"))


def test_nothing_is_kept_of_a_training_that_has_ended(data):
    train(RECIPE, data, progress=False)
    before = left_of_trainings()
    for augmentation in ("", "garments"):
        train(RECIPE.replace(augmentation=augmentation), data, progress=False)
    assert left_of_trainings() == before


PROGRAM = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from small import sketches
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train
train(Recipe.from_json(sys.argv[2]), sketches(96), out=sys.argv[1])
"""
PLUG = """
import keras, os, signal
class PulledPlug(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None): self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 1): os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_in_the_middle_of_an_epoch(undisturbed, data, tmp_path):
    "SIGKILL, in the second batch of the second epoch."
    program = PLUG + PROGRAM.replace("out=sys.argv[1]", "out=sys.argv[1], callbacks=[PulledPlug()]")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run"), RECIPE.to_json()], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert (tmp_path / "run" / "checkpoint.npz").exists() and not (tmp_path / "run" / "run.json").exists()
    resumed = train(RECIPE, data, out=tmp_path / "run", progress=False)
    assert hash_of_model(resumed) == undisturbed.weights_hash
    same = [name for name in resumed.history if name != "seconds"]
    assert all(resumed.history[name] == undisturbed.history[name] for name in same)


class Interrupt(keras.callbacks.Callback):
    "Presses Ctrl-C, with a real signal, at one batch of one epoch."

    def __init__(self, epoch, batch):
        super().__init__()
        self.at, self.epoch = (epoch, batch), None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            signal.raise_signal(signal.SIGINT)


def test_interrupted_by_the_keyboard(undisturbed, data, tmp_path, monkeypatch):
    plain = training.recipe_callbacks
    monkeypatch.setattr(training, "recipe_callbacks", lambda recipe: [*plain(recipe), Interrupt(1, 1)])
    stopped = train(RECIPE, data, out=tmp_path / "run", progress=False)
    assert stopped.stopped == "interrupted" and stopped.epochs == 1 and len(stopped.history["val_loss"]) == 1
    best = stopped.best_epoch - 1
    assert stopped.metrics["validation"]["accuracy"] == pytest.approx(stopped.history["val_accuracy"][best], abs=1e-6)
    assert Run.load(tmp_path / "run").stopped == "interrupted"
    monkeypatch.setattr(training, "recipe_callbacks", plain)
    resumed = train(RECIPE, data, out=tmp_path / "run", progress=False)
    assert resumed.epochs == undisturbed.epochs and hash_of_model(resumed) == undisturbed.weights_hash


class StopWithin(keras.callbacks.Callback):
    "Asks Keras to stop after a batch, as a limit of time does."

    def __init__(self, epoch): super().__init__(); self.at, self.epoch = epoch, None
    def on_epoch_begin(self, epoch, logs=None): self.epoch = epoch
    def on_train_batch_end(self, batch, logs=None): self.model.stop_training |= self.epoch == self.at and batch == 1


def test_a_callback_that_stops_within_an_epoch_interrupts(undisturbed, data, tmp_path):
    stopped = train(RECIPE, data, out=tmp_path / "run", progress=False, callbacks=[StopWithin(2)])
    assert stopped.stopped == "interrupted" and stopped.epochs == 2     # the third was not over
    resumed = train(RECIPE, data, out=tmp_path / "run", progress=False)
    assert resumed.epochs == undisturbed.epochs and hash_of_model(resumed) == undisturbed.weights_hash
    with pytest.raises(KeyboardInterrupt, match="within an epoch"):
        train(RECIPE, data, out=tmp_path / "other", progress=False, callbacks=[StopWithin(0)])
    assert not (tmp_path / "other").exists()


def test_interrupted_when_all_is_done_is_finished(undisturbed, data, monkeypatch):
    plain = training.CheckpointCallback.on_epoch_end

    def late(self, epoch, logs=None):
        plain(self, epoch, logs)
        if epoch + 1 == RECIPE.epochs:
            signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr(training.CheckpointCallback, "on_epoch_end", late)
    run = train(RECIPE, data, progress=False)
    assert run.stopped == "finished" and run.weights_hash == undisturbed.weights_hash


def test_interrupted_before_the_first_epoch_keeps_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "recipe_callbacks", lambda recipe: [Interrupt(0, 0)])
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, data, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


class Dead(BaseException):
    "Stands for the end of the process: nothing catches it."


@pytest.mark.parametrize("replacement", [2, 5, 6])   # second checkpoint, predictions, run.json
def test_dies_while_writing(replacement, undisturbed, data, tmp_path, monkeypatch):
    "The process ends at the n-th moment in which a file would be moved into place: checkpoints first, then the run."
    moves, real = [], os.replace

    def dying(source, target):
        moves.append(target)
        if len(moves) == replacement:
            raise Dead
        real(source, target)
    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises(Dead):
        train(RECIPE, data, out=tmp_path / "run", progress=False)
    monkeypatch.setattr(os, "replace", real)
    assert not (tmp_path / "run" / "run.json").exists()
    assert hash_of_model(train(RECIPE, data, out=tmp_path / "run", progress=False)) == undisturbed.weights_hash


def test_full_disk_keeps_the_earlier_run(undisturbed, data, tmp_path, monkeypatch):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "run")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    other = train(RECIPE.replace(epochs=1, seed=5), data, progress=False)
    real = os.replace

    def full(source, target):
        if str(target).endswith(("run.json", ".npz")):
            raise OSError(28, "No space left on device")
        real(source, target)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="untouched"):
        other.save(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_really_full_disk_while_training(tmp_path):
    "The system itself refuses to write more: one clear error, and no half-written file."
    limit = ("import resource, sys; sys.dont_write_bytecode = True    # or half-written .pyc files stay behind\n"
             "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n")
    done = subprocess.run([sys.executable, "-c", limit + PROGRAM, str(tmp_path / "run"), RECIPE.to_json()],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "could not write" in done.stderr and "Free some room" in done.stderr
    assert not list(tmp_path.glob("run/*"))


def test_twice_into_the_same_folder(undisturbed, data):
    "The second call finds the run and does not train."
    began = (undisturbed.folder / "run.json").stat().st_mtime_ns
    assert train(RECIPE, data, out=undisturbed.folder).weights_hash == undisturbed.weights_hash
    assert (undisturbed.folder / "run.json").stat().st_mtime_ns == began


def test_a_finished_run_is_called_as_it_is_asked_for(undisturbed, data):
    "What changes no training (name, source, reported figures) is that of the recipe at hand."
    asked = RECIPE.replace(name="another", source="ours", reported={"test accuracy": 0.9})
    run = train(asked, data, out=undisturbed.folder, progress=False)
    assert run.recipe == asked and run.name == "another" and run.history == undisturbed.history
    assert Run.load(undisturbed.folder).name == "trial" and run.weights_hash == undisturbed.weights_hash


def test_another_experiment_is_not_overwritten(undisturbed, data, tmp_path):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "run")
    with pytest.raises(ValueError, match="learning_rate 0.002 there, 0.1 here.*resume=False"):
        train(RECIPE.replace(learning_rate=0.1), data, out=folder)
    with pytest.raises(ValueError, match="other images"):
        train(RECIPE, data.limited(50), out=folder)
    (folder / "run.json").unlink()
    with pytest.raises(ValueError, match="another experiment"):
        train(RECIPE.replace(learning_rate=0.1), data, out=folder)


def test_starting_over_replaces(undisturbed, data, tmp_path):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "run")
    other = train(RECIPE.replace(seed=7, epochs=1), data, out=folder, resume=False, progress=False)
    assert Run.load(folder).weights_hash == other.weights_hash != undisturbed.weights_hash
    assert len(list(folder.glob("model-*"))) == 1 and len(list(folder.glob("predictions-*"))) == 1


def test_starting_over_can_itself_be_cut_off(undisturbed, data, tmp_path, monkeypatch):
    "The old run stays until the new one is complete, and the new one can be continued."
    folder, other = shutil.copytree(undisturbed.folder, tmp_path / "run"), RECIPE.replace(seed=7, epochs=2)
    real, moves = os.replace, []

    def dying(source, target):
        moves.append(target)
        if len(moves) == 2:
            raise Dead
        real(source, target)
    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises(Dead):
        train(other, data, out=folder, resume=False, progress=False)
    monkeypatch.setattr(os, "replace", real)
    assert Run.load(folder).weights_hash == undisturbed.weights_hash == hash_of_model(undisturbed)
    continued = train(other, data, out=folder, progress=False)
    assert continued.weights_hash == train(other, data, progress=False).weights_hash


def test_a_limit_that_left_nothing_out_is_none(undisturbed, data):
    idle, cut, older = copy(undisturbed), copy(undisturbed), copy(undisturbed)
    idle.data, cut.data = training.about_data(data, 10**6), training.about_data(data.limited(50), 50)
    older.data = {**undisturbed.data, "limit": 10**6}    # as it was noted once
    assert idle.data == undisturbed.data and about_images(data, 10**6)["limit"] is None
    assert cut.data["limit"] == 50 == about_images(data, 50)["limit"]
    assert len(by_recipe([undisturbed, idle, older])) == 1 and len(by_recipe([undisturbed, cut])) == 2
    assert budget(RECIPE, idle) == "full" and budget(RECIPE, cut) == "50 training images only"


def test_other_peoples_files_stay(data, tmp_path):
    (tmp_path / "model-final.keras").write_text("mine")
    (tmp_path / ".model-notes.txt").write_text("mine too")
    train(RECIPE.replace(epochs=1), data, out=tmp_path, progress=False)
    assert (tmp_path / "model-final.keras").read_text() == "mine" and (tmp_path / ".model-notes.txt").exists()


def test_more_epochs_continue(data, tmp_path):
    recipe = RECIPE.replace(schedule=None, early_stopping=None, epochs=1)
    train(recipe, data, out=tmp_path / "run", progress=False)
    longer = train(recipe, data, epochs=3, out=tmp_path / "run", progress=False)
    assert longer.epochs == 3 and longer.weights_hash == train(recipe, data, epochs=3, progress=False).weights_hash
    with pytest.raises(ValueError, match="3 epochs of this experiment already"):
        train(recipe, data, epochs=2, out=tmp_path / "run")


def test_a_plateau_of_ones_own_resumes_in_the_same_state(data, tmp_path):
    recipe = RECIPE.replace(schedule=None, early_stopping=None, epochs=5)
    def rates(**options):
        plateau = keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=1, min_delta=100.0)
        return train(recipe, data, progress=False, callbacks=plateau, **options)
    whole = rates()
    rates(epochs=3, out=tmp_path / "run")
    again = rates(out=tmp_path / "run")
    assert len(set(whole.history["learning_rate"])) > 2
    assert again.history["learning_rate"] == whole.history["learning_rate"] and again.weights_hash == whole.weights_hash


def test_a_plateau_of_an_accuracy_resumes(data, tmp_path):
    recipe = RECIPE.replace(schedule=None, early_stopping=None)
    def trained(epochs):
        plateau = keras.callbacks.ReduceLROnPlateau("val_accuracy", 0.5, patience=1)
        return train(recipe, data, epochs=epochs, progress=False, callbacks=plateau, out=tmp_path)
    assert trained(1).epochs == 1 and trained(2).epochs == 2


def test_keras_early_stopping_is_the_recipes(data, tmp_path):
    "It is resumed, its end is an early one, and what cannot be a field stays a callback."
    recipe = RECIPE.replace(early_stopping=None, epochs=6)
    def stopping(**options): return keras.callbacks.EarlyStopping(**{"patience": 2, "min_delta": 1e6} | options)
    train(recipe, data, epochs=2, out=tmp_path, progress=False, callbacks=[stopping()])
    run = train(recipe, data, out=tmp_path, progress=False, callbacks=stopping())
    assert run.stopped == "early" and run.epochs == 3 and run.recipe.early_stopping["patience"] == 2
    assert train(recipe, data, out=tmp_path, progress=False, callbacks=[stopping()]).epochs == 3
    with pytest.raises(ValueError, match="holds another experiment.*early_stopping"):
        train(recipe, data, out=tmp_path, progress=False, callbacks=[stopping(patience=5)])
    with pytest.raises(ValueError, match="a callback does so differently"):
        train(recipe.replace(early_stopping={"patience": 9}), data, progress=False, callbacks=[stopping()])
    best, _ = stopping_as_field(recipe.replace(keep="last"), [stopping(monitor="val_accuracy", restore_best_weights=True)])
    assert (best.keep, best.monitor) == ("best", "val_accuracy")
    for other in (stopping(monitor="loss"), stopping(baseline=0.5), stopping(start_from_epoch=2), stopping(mode="max")):
        assert stopping_as_field(recipe, [other]) == (recipe, [other])


@pytest.mark.parametrize("schedule", [False, True])
def test_options_of_an_optimizer_that_would_be_lost_are_refused(schedule, data):
    recipe = RECIPE.replace(schedule=None)
    rate = keras.optimizers.schedules.CosineDecay(0.01, 100) if schedule else 0.01
    with pytest.raises(ValueError, match="averages of use_ema"):
        train(recipe, data, progress=False, optimizer=keras.optimizers.Adam(rate, use_ema=True))
    decaying = keras.optimizers.AdamW(rate, weight_decay=0.1)
    decaying.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(ValueError, match="exclude_from_weight_decay in the __init__"):
        train(recipe, data, progress=False, optimizer=decaying)
    with pytest.raises(ValueError, match="averages of use_ema"): recipe.replace(optimizer_options={"use_ema": True})
    assert recipe.replace(optimizer_options={"use_ema": True, "ema_overwrite_frequency": 5})


def test_early_stopping_resumes_in_the_same_state(data, tmp_path):
    "No improvement is ever large enough, so the third epoch is the last, whether or not the process ended before it."
    recipe = RECIPE.replace(early_stopping={"patience": 2, "min_delta": 1e6}, epochs=6)
    whole = train(recipe, data, epochs=3, progress=False)    # in the last of those that were planned
    assert whole.stopped == "early" and whole.epochs == 3
    train(recipe, data, epochs=2, out=tmp_path / "run", progress=False)
    resumed = train(recipe, data, out=tmp_path / "run", progress=False)
    assert resumed.stopped == "early" and resumed.weights_hash == whole.weights_hash
    assert train(recipe, data, epochs=20, out=tmp_path / "run", progress=False).epochs == 3


def test_rules_follow_validation():
    "Told a history by hand, Keras' callbacks lower the rate after one stall and stop after three."
    model = compile_model(build("deeper", (8, 8, 1), 3), RECIPE, 10)
    plateau, stopping = recipe_callbacks(RECIPE)
    rates = []
    for rule in (plateau, stopping):
        rule.set_model(model)
        rule.on_train_begin()
    for epoch, loss in enumerate([1.0, 0.8, 0.9, 0.9, 0.9]):
        for rule in (plateau, stopping):
            rule.on_epoch_end(epoch, {"val_loss": loss})
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    assert rates == pytest.approx([0.002, 0.002, 0.001, 0.0005, 0.00025]) and model.stop_training


@pytest.mark.parametrize("keep", ["best", "last"])
def test_which_weights_are_kept(keep, data):
    run = train(RECIPE.replace(learning_rate=0.02, schedule=None, early_stopping=None, epochs=6, keep=keep), data, progress=False)
    epoch = run.best_epoch - 1 if keep == "best" else -1
    assert run.metrics["validation"]["loss"] == pytest.approx(run.history["val_loss"][epoch], rel=1e-3)


def test_every_image_once_an_epoch(data):
    batches = Batches(data.train.x, data.train.y, 64, seed=3)
    seen = [np.concatenate([batches.order[i * 64:(i + 1) * 64] for i in range(len(batches))])]
    batches.start(1)
    assert sorted(seen[0]) == list(range(len(data.train))) and (batches.order != seen[0]).any()
    assert [len(batches[i][1]) for i in range(len(batches))] == [64, 32]
    assert batches[0][0].dtype == np.uint8


def test_the_bar_counts_every_step_before_it_closes(data, monkeypatch):
    "Nobody waits for the figures of a step, but for the bar before the line of the epoch."
    import tqdm
    seen = []
    class Bar:
        def __init__(self, total, **how): seen.append(("opens", total))
        def update(self): seen.append("step")
        def close(self): seen.append("closes")
    monkeypatch.setattr(tqdm, "tqdm", Bar)
    train(RECIPE.replace(epochs=2), data)
    assert seen == [("opens", 3), *["step"] * 3, "closes"] * 2 + ["closes"]


def test_a_run_says_on_which_graphics_processors(undisturbed, monkeypatch):
    import tensorflow as tf
    cards = tf.config.list_physical_devices("GPU")
    assert len(accelerators()) == len(cards) and ("accelerators" in undisturbed.environment) == bool(cards)
    monkeypatch.setattr(training, "accelerators", lambda: ["one", "another"])
    run = train(RECIPE.replace(epochs=1), sketches(40), progress=False)
    assert run.environment["accelerators"] == "one, another" and from_record(run.record(undisturbed.folder / "record")).environment == run.environment


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="counts TensorFlow's traces; elsewhere steps have other arguments")
def test_each_kind_of_step_is_traced_once(data, monkeypatch):
    "Tracing is what a short training spends most of its time on."
    traced = []
    def counted(name, step):
        def wrapper(self, batch):
            traced.append(name)
            return step(self, batch)
        return wrapper
    for name in ("train_step", "test_step", "predict_step"): monkeypatch.setattr(keras.Model, name, counted(name, getattr(keras.Model, name)))
    train(RECIPE, data, epochs=2, progress=False)
    assert sorted(traced) == ["predict_step", "test_step", "train_step"]


def test_stairs_step_down_with_the_epoch(data):
    recipe = RECIPE.replace(epochs=4, early_stopping=None, learning_rate=1e-3, schedule={"name": "steps", "after": [2, 3], "factors": [0.1, 0.01]})
    assert train(recipe, data, progress=False).history["learning_rate"] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])


def test_schedules_against_their_formulas():
    steps, plan = 10, Recipe("plan", "deeper", learning_rate=0.01, epochs=10)
    cosine = learning_rate(plan.replace(schedule={"name": "cosine"}), steps)
    assert float(cosine(50)) == pytest.approx(0.005) and float(cosine(100)) == pytest.approx(0, abs=1e-9)
    warm = learning_rate(plan.replace(schedule={"name": "cosine", "warmup_epochs": 2}), steps)
    assert float(warm(10)) == pytest.approx(0.005) and float(warm(20)) == pytest.approx(0.01)
    again = learning_rate(plan.replace(schedule={"name": "cosine-restarts", "first_epochs": 2, "final": 0.1}), steps)
    assert float(again(0)) == pytest.approx(0.01) and float(again(20)) == pytest.approx(0.01)
    stairs = learning_rate(plan.replace(schedule={"name": "steps", "after": [2, 4], "factors": [0.1, 0.01]}), steps)
    assert [round(float(stairs(step)), 6) for step in (5, 30, 90)] == [0.01, 0.001, 0.0001]


MOVING = {"cosine": {"name": "cosine", "warmup_epochs": 1, "final": 0.1}, "one-cycle": {"name": "one-cycle"},
          "restarts": {"name": "cosine-restarts", "first_epochs": 1, "multiply": 2.0, "final": 0.2}}


@pytest.mark.parametrize("schedule", MOVING.values(), ids=MOVING)
def test_every_steps_learning_rate_is_kept(schedule, data, tmp_path):
    recipe = Recipe("trial", **TINY, epochs=3, batch_size=24, schedule=schedule)
    steps = 4    # 96 images
    one_by_one = [float(learning_rate(recipe, steps)(step)) for step in range(3 * steps)]
    assert learning_rates(recipe, steps) == pytest.approx(one_by_one, rel=1e-4, abs=1e-9)
    run = train(recipe, data, out=tmp_path / "run", progress=False)
    kept = run.history["learning_rates"]
    assert [len(epoch) for epoch in kept] == [steps] * 3 and np.ravel(kept) == pytest.approx(one_by_one, rel=1e-4, abs=1e-9)
    assert [epoch[0] for epoch in kept] == pytest.approx(run.history["learning_rate"], rel=1e-4, abs=1e-9)
    assert Run.load(tmp_path / "run").history == run.history
    assert np.ravel(from_record(run.record(tmp_path)).history["learning_rates"]) == pytest.approx(np.ravel(kept), rel=1e-6)


def test_fixed_rates_and_stairs_need_no_list_of_steps(undisturbed):
    assert "learning_rates" not in undisturbed.history
    assert learning_rates(RECIPE, 3) == pytest.approx([0.002] * 9)


@pytest.mark.parametrize("schedule", [MOVING["cosine"], MOVING["one-cycle"]], ids=["cosine", "one-cycle"])
def test_a_schedule_that_spans_the_training_cannot_be_lengthened(schedule, data, tmp_path):
    recipe = Recipe("trial", **TINY, epochs=1, batch_size=64, schedule=schedule)
    train(recipe, data, out=tmp_path / "run", progress=False)
    with pytest.raises(ValueError, match="epochs 1 there, 2 here"):
        train(recipe, data, out=tmp_path / "run", epochs=2, progress=False)


def test_learning_rate_finder_climbs_and_suggests(data):
    recipe = Recipe("trial", network="deeper", batch_size=32, optimizer="sgd", augmentation="b-affine")
    search = find_learning_rate(recipe, data, highest=100.0, steps=60)
    rates = search.learning_rate.to_numpy()
    assert rates[0] == pytest.approx(1e-6) and np.allclose(rates[1:] / rates[:-1], 1e8 ** (1 / 59))
    assert np.isfinite(search).all(axis=None) and len(search) < 60    # the loss exploded before the last step
    fallen = next(rate for rate, loss in zip(rates, search.smoothed) if loss <= 1.05 * min(search.smoothed))
    assert search.attrs["suggested"] == pytest.approx(fallen / 10, rel=0.06)
    weights = 0.9 ** np.arange(len(search))[::-1]
    assert search.smoothed.iloc[-1] == pytest.approx(np.average(search.loss, weights=weights))
    assert search.attrs | {"suggested": 0} == {"suggested": 0, "recipe": "trial", "source": data.source, "images": 96,
                                                   "seed": 0}


def test_learning_rate_finder_takes_no_look_at_validation_and_repeats_itself(data):
    recipe, half = Recipe("trial", network="deeper", batch_size=32), Dataset(data.train, data.validation.take(np.arange(10)), data.test,
                                                                             data.class_names, data.source)
    first, second = (find_learning_rate(recipe, images, steps=12) for images in (data, half))
    assert first.equals(second)
    assert not first.equals(find_learning_rate(recipe, data, steps=12, seed=1))


@pytest.mark.parametrize("arguments, says", [
    (dict(lowest=0.0), "positive"), (dict(lowest=0.1, highest=0.01), "lowest=0.1, highest=0.01"), (dict(steps=3), "Received: steps=3"),
    (dict(lowest=1e3, highest=1e6), "fell at no learning rate")])
def test_learning_rate_finder_explains(arguments, says, data):
    with pytest.raises(ValueError, match=says):
        find_learning_rate(Recipe("trial", network="deeper", batch_size=32), data, **{"steps": 20, **arguments})


def test_divergence_is_explained(data, tmp_path):
    with pytest.raises(ValueError, match="diverged.*smaller learning_rate"):
        train(RECIPE.replace(optimizer="sgd", learning_rate=3e38, schedule=None), data, out=tmp_path / "run", progress=False)


def test_empty_split_is_explained(data):
    none = data.train.take(np.arange(0))
    with pytest.raises(ValueError, match="the validation split .* is empty"):
        train(RECIPE, Dataset(data.train, none, data.test, data.class_names, data.source))


def test_colour_images_train(tmp_path):
    from fashion_cnn.data import Split
    random = np.random.default_rng(0)
    def split(n): return Split(random.integers(0, 256, (n, 16, 20, 3)).astype(np.uint8), np.arange(n) % 3)
    data = Dataset(split(30), split(12), split(12), ("a", "b", "c"), "noise")
    run = train(RECIPE.replace(epochs=1), data, out=tmp_path / "run", progress=False)
    assert run.probabilities["test"].shape == (12, 3)
    with pytest.raises(ValueError, match=r"\(16, 20, 3\)"):
        run.predict(data.test.x[:, :8])


def test_terminal_leaves_one_line_an_epoch(data):
    done = subprocess.run([sys.executable, "-c", PROGRAM.replace(', out=sys.argv[1]', ', epochs=2'), "", RECIPE.to_json()],
                          capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    lines = done.stdout.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["epoch", "epoch", "trial:"], done.stdout + done.stderr
    assert "\r" not in done.stdout and "\x1b" not in done.stdout


def test_a_folder_that_cannot_be_written(data, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError):
        train(RECIPE.replace(epochs=1), data, out=tmp_path / "file" / "run", progress=False)
    assert (tmp_path / "file").read_text() == "in the way"


def test_run_json_is_readable_by_people(undisturbed):
    content = json.loads((undisturbed.folder / "run.json").read_text())
    assert content["recipe"]["name"] == "trial" and content["data"]["source"].startswith("sketches")
    assert content["environment"]["keras"] == keras.__version__ and content["parameters"]["total"] > content["parameters"]["trainable"]


def test_a_checkpoint_from_before_a_field_existed_is_resumed(data, undisturbed, tmp_path):
    train(RECIPE, data, epochs=2, out=tmp_path / "run", progress=False)
    shutil.copy(tmp_path / "run" / "checkpoint.npz", tmp_path / "kept.npz")
    with np.load(tmp_path / "kept.npz") as arrays: arrays = dict(arrays)
    note = json.loads(str(arrays.pop("note")))
    del note["key"]["label_smoothing"]
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "run").mkdir()
    np.savez(tmp_path / "run" / "checkpoint.npz", note=np.array(json.dumps(note)), **arrays)
    assert train(RECIPE, data, out=tmp_path / "run", progress=False).weights_hash == undisturbed.weights_hash


# --- Muon -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rows, columns", [(72, 16), (9, 32), (16, 16), (1, 5)])
def test_orthogonal_keeps_directions_and_evens_lengths(rows, columns):
    matrix = np.random.default_rng(rows).normal(size=(rows, columns)).astype("float32")
    turned = np.array(orthogonal(matrix))
    u, _, v = np.linalg.svd(matrix, full_matrices=False)
    along = np.diag(u.T @ turned @ v.T)                 # in the singular directions of the matrix: all near 1, and nothing else
    assert 0.5 < along.min() <= along.max() < 1.3
    assert np.allclose(u @ np.diag(along) @ v, turned, atol=1e-3)


def test_muon_is_kerass_own_with_kernels_laid_out_as_matrices():
    if not hasattr(keras.optimizers, "Muon"): pytest.skip("this Keras has no Muon to compare with")
    draw = np.random.default_rng(0).normal
    start, gradients = draw(size=(3, 3, 8, 16)).astype("float32"), draw(size=(4, 3, 3, 8, 16)).astype("float32")
    kernel, matrix = keras.Variable(start, name="kernel"), keras.Variable(start.reshape(-1, 16), name="kernel")
    schedule = keras.optimizers.schedules.CosineDecay(0.02, 4)
    ours, theirs = Muon(schedule, weight_decay=0.3), keras.optimizers.Muon(schedule, weight_decay=0.3)
    for gradient in gradients:
        ours.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
        theirs.apply([keras.ops.convert_to_tensor(gradient.reshape(-1, 16))], [matrix])
    assert np.abs(kernel.numpy() - start).max() > 0.01
    assert np.allclose(kernel.numpy().reshape(-1, 16), matrix.numpy(), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="there Keras cannot decay where no variable decays")
def test_muon_treats_the_rest_as_adamw_without_decay():
    draw = np.random.default_rng(1).normal
    for name in ("bias", "gamma"):
        start, gradient = draw(size=5).astype("float32"), draw(size=5).astype("float32")
        one, two = keras.Variable(start, name=name), keras.Variable(start, name=name)
        ours, theirs = Muon(0.01, weight_decay=0.5), keras.optimizers.AdamW(0.01, weight_decay=0.0)
        for optimizer, variable in ((ours, one), (theirs, two)): optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        assert np.array_equal(one.numpy(), two.numpy()) and not np.array_equal(one.numpy(), start)


def test_muon_resumes_with_the_same_weights(data, tmp_path):
    recipe = Recipe("muon", network="slim-resnet", network_options={"filters": (4, 8), "residuals": (0, 0)}, optimizer="muon",
                    optimizer_options={"momentum": 0.9}, learning_rate=0.02, schedule={"name": "one-cycle"}, epochs=2, batch_size=64)
    whole = train(recipe, data, progress=False)
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None): raise KeyboardInterrupt
    assert train(recipe, data, out=tmp_path / "run", progress=False, callbacks=[Stop()]).stopped == "interrupted"
    again = train(recipe, data, out=tmp_path / "run", progress=False)
    assert again.epochs == 2 and again.weights_hash == whole.weights_hash
    assert np.allclose(Run.load(tmp_path / "run").predict(data.test), again.probabilities["test"], atol=1e-5)   # layers of our own are found
    loads = f"from fashion_cnn.run import Run; print(type(Run.load({str(tmp_path / 'run')!r}).model.optimizer).__name__)"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True)    # also where nothing was trained before
    assert done.returncode == 0 and done.stdout.strip() == "Muon", done.stderr[-2000:]


def test_members_of_an_ensemble_each_need_an_image(data):
    recipe = Recipe("members", network="slim-resnet", network_options={"filters": (4, 8), "residuals": (0, 1), "members": 3}, epochs=1, batch_size=47)
    says = "member of the network.*Received: 96 images, batch_size=47"    # the last two are too few
    with pytest.raises(ValueError, match=says): train(recipe, data, progress=False)
    run = train(recipe.replace(batch_size=31), data, progress=False)
    assert run.metrics["train"]["images"] == 96 and np.isfinite(run.history["loss"]).all()


# --- other backends ---------------------------------------------------------------------------------------------------

ELSEWHERE = """
import sys, keras
sys.path.insert(0, sys.argv[-1])
from small import sketches
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train
recipe = Recipe("elsewhere", network="slim-resnet", network_options={"filters": (4, 8), "residuals": (0, 1), "members": 2}, optimizer="muon", batch_size=20, epochs=2,
                schedule={"name": "one-cycle"}, augmentation="garments", augmentation_options={"cutmix": 0.5, "alpha": 10.0}, label_smoothing=0.1, keep="last")
class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None): raise KeyboardInterrupt
data = sketches(60)
cut = train(recipe, data, out=sys.argv[1], progress=False, callbacks=[Stop()])
again, whole = train(recipe, data, out=sys.argv[1], progress=False), train(recipe, data, progress=False)
print(keras.backend.backend(), cut.stopped, again.epochs, again.weights_hash == whole.weights_hash)
stairs = {"name": "steps", "after": [1], "factors": [0.1]}, {"name": "cosine", "warmup_epochs": 1}, {"name": "cosine-restarts", "first_epochs": 1}
for schedule in stairs: train(Recipe("moving", "a3-small", {"filters": 4}, epochs=2, batch_size=20, schedule=schedule), data, progress=False)
"""

@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_trains_and_resumes(backend, tmp_path):
    if importlib.util.find_spec(backend) is None: pytest.skip(f"not installed beside the backend in use: pip install {backend}")
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path / "run"), str(Path(__file__).parent)], capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": backend})
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [backend, "interrupted", "2", "True"]


# --- several devices --------------------------------------------------------------------------------------------------

SHARED = """
import json, sys
from dataclasses import replace
import tensorflow as tf
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train
sys.path.insert(0, sys.argv[-1])
from small import sketches
data = sketches(98)
recipe = Recipe("shared", network="a3-small", network_options={"filters": 4}, batch_size=32, epochs=2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
runs = {"alone": train(recipe, data, progress=False)}
train(recipe, data, epochs=1, out=sys.argv[1], progress=False, strategy=strategy)
runs["shared"] = train(recipe, data, out=sys.argv[1], progress=False, strategy=strategy)    # goes on after its first epoch
try: train(recipe, data.limited(97), progress=False, strategy=strategy)    # the last batch has one image: none for the second device
except ValueError as error: assert "too few images for every device" in str(error) and "Received: 97 images" in str(error)
else: raise AssertionError("an empty share of a batch ends the whole process inside TensorFlow")
try: train(recipe, replace(data, validation=data.validation.take(slice(1))), progress=False, strategy=strategy)
except ValueError as error: assert "an image for every device" in str(error)
else: raise AssertionError("nor can a single image be shared")
print("result", strategy.num_replicas_in_sync, json.dumps({name: [run.history, run.probabilities["validation"].tolist()] for name, run in runs.items()}))
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a strategy of TensorFlow")
def test_two_devices_give_the_curve_of_one(tmp_path):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", SHARED, str(tmp_path / "run"), str(Path(__file__).parent)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    _, devices, text = done.stdout.splitlines()[-1].split(" ", 2)
    (alone, sure_alone), (shared, sure) = json.loads(text).values()
    assert devices == "2" and len(shared["loss"]) == 2
    for name in ("loss", "val_loss"): assert np.allclose(alone[name], shared[name], rtol=1e-4), name
    assert np.allclose(sure_alone, sure, rtol=1e-4, atol=1e-6)


def test_a_strategy_that_is_none(data):
    with pytest.raises(TypeError, match="tf.distribute.Strategy.*Received: 'mirrored'"):
        train(RECIPE, data, strategy="mirrored")


# --- weights in one vector --------------------------------------------------------------------------

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one vector is TensorFlow's")


def partly_used():
    "A network with a layer that gets no gradient."
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Flatten()(inputs)
    unused = keras.layers.Dense(3, name="unused")(x)
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(x))
    x = keras.layers.Dense(4)(x) + 0 * keras.ops.sum(keras.ops.stop_gradient(unused))
    return keras.Model(inputs, keras.layers.Softmax()(x))


def after_steps(optimizer, memory=None, steps=5):
    "The network after a few steps of an optimizer, which may go on with what one remembers."
    keras.utils.set_random_seed(0)
    model, rng = partly_used(), np.random.default_rng(0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    optimizer.build(model.trainable_variables)
    if memory: optimizer.load_own_variables(memory)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gradients do not exist")
        model.fit(rng.normal(size=(16 * steps, 6, 6, 1)), rng.integers(0, 4, 16 * steps), batch_size=16, shuffle=False, verbose=0)
    return model


def memory_of(model):
    "What the optimizer of a model remembers, as Keras writes it."
    store = {}
    model.optimizer.save_own_variables(store)
    return store


@on_tensorflow
@pytest.mark.parametrize("options", [{}, {"amsgrad": True}, {"clipnorm": 0.01}, {"weight_decay": 0.1}, {"use_ema": True}, {"gradient_accumulation_steps": 2},
                                     {"loss_scale_factor": 8.0}], ids=str)
def test_one_vector_changes_no_bit(options):
    plain, flat = after_steps(keras.optimizers.Adam(0.01, **options)), after_steps(in_one_vector("adam")(0.01, **options))
    assert all(map(np.array_equal, plain.get_weights(), flat.get_weights()))
    there, here = memory_of(plain), memory_of(flat)
    assert there.keys() == here.keys() and all(np.array_equal(there[key], here[key]) for key in there)


@on_tensorflow
def test_one_vector_and_keras_go_on_with_each_others_memory():
    ways = [lambda: keras.optimizers.Adam(0.01), lambda: in_one_vector("adam")(0.01)]
    memory = memory_of(after_steps(ways[0]()))
    assert all(map(np.array_equal, *[after_steps(way(), memory).get_weights() for way in ways]))
    assert memory_of(after_steps(ways[1](), memory)).keys() == memory.keys()


@on_tensorflow
@pytest.mark.parametrize("short, in_vector", [(0, 0), (8, 5), (100, 6), (2 ** 16, 8)], ids=["none", "few", "most", "all"])
def test_long_arrays_stay_outside_the_vector(monkeypatch, short, in_vector):
    monkeypatch.setattr(speed, "SHORT", short)
    plain, flat = after_steps(keras.optimizers.Adam(0.01)), after_steps(in_one_vector("adam")(0.01))
    assert sum(flat.optimizer.inside) == in_vector and len(flat.trainable_variables) == 8
    assert all(map(np.array_equal, plain.get_weights(), flat.get_weights()))
    there, here = memory_of(plain), memory_of(flat)
    assert there.keys() == here.keys() and all(np.array_equal(there[key], here[key]) for key in there)
    again = after_steps(in_one_vector("adam")(0.01), there)
    assert all(map(np.array_equal, after_steps(keras.optimizers.Adam(0.01), there).get_weights(), again.get_weights()))


@on_tensorflow
def test_a_model_saved_in_the_middle_opens_in_keras_with_its_memory(tmp_path):
    flat = after_steps(in_one_vector("adam")(0.01))
    flat.save(tmp_path / "middle.keras")
    again = keras.saving.load_model(tmp_path / "middle.keras")
    assert type(again.optimizer) is keras.optimizers.Adam
    there, here = memory_of(flat), memory_of(again)
    assert there.keys() == here.keys() and all(np.array_equal(there[key], here[key]) for key in there)


@on_tensorflow
def test_training_updates_one_vector_and_keeps_kerass_optimizer(data):
    seen = []
    class Look(keras.callbacks.Callback):
        def on_train_end(self, logs=None): seen.append(self.model.optimizer)
    run = train(RECIPE.replace(epochs=1), data, progress=False, callbacks=[Look()])
    assert isinstance(seen[0], speed.InOneVector) and any(seen[0].inside)
    assert type(run.model.optimizer) is keras.optimizers.Adam
