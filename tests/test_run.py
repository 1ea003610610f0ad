"Recipes and runs: what survives JSON, rounding, and a disk that is full."
import errno
import json
import subprocess
import sys
from copy import copy

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fashion_cnn import recipes
from fashion_cnn.files import write_atomically
from fashion_cnn.recipe import Recipe
from fashion_cnn.sweep import Sweep, recorded_sweep
from fashion_cnn.run import JSON_FIELDS, Run, best_epoch, dequantize, from_record, pack, quantize, recorded, unpack

options = st.dictionaries(st.text(min_size=1), st.integers() | st.lists(st.integers()) | st.text(), max_size=3)


@given(st.builds(Recipe, name=st.text(), network=st.text(), network_options=options, reported=options,
                 learning_rate=st.floats(1e-9, 10), batch_size=st.integers(1, 4096), epochs=st.integers(1, 1000),
                 keep=st.sampled_from(["best", "last"]), seed=st.integers(0, 2**31),
                 early_stopping=st.none() | st.fixed_dictionaries({"patience": st.integers(0, 50)}),
                 schedule=st.none() | st.fixed_dictionaries({"name": st.sampled_from(["plateau", "cosine", "steps"])})))
def test_recipe_survives_json(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_tuples_and_lists_make_the_same_recipe():
    assert Recipe("a", "deeper", {"filters": (1, 2, 3)}) == Recipe("a", "deeper", {"filters": [1, 2, 3]})


@pytest.mark.parametrize("change, says", [
    ({"epochs": 0}, "at least 1. Received: 0"), ({"epochs": -3}, "at least 1. Received: -3"),
    ({"epochs": 2.5}, "whole number. Received: 2.5"), ({"batch_size": True}, "whole number"),
    ({"learning_rate": 0}, "above 0"), ({"learning_rate": float("nan")}, "above 0"), ({"learning_rate": "fast"}, "above 0"),
    ({"keep": "bets"}, "'best'"), ({"monitor": "val_los"}, "'val_loss'"), ({"seed": -1}, "at least 0"),
    ({"schedule": {"name": "cosinus"}}, "'cosine'"), ({"schedule": {"name": "plateau", "patienc": 3}}, "'patience'"),
    *[({"schedule": {"name": "steps", **wrong}}, "must be") for wrong in ({"after": [3, 1], "factors": [0.1, 0.01]},
                                                                         {"after": [1], "factors": [-0.1]}, {"after": [-1], "factors": [0.1]})],
    *[({"schedule": wrong}, "must be") for wrong in ({"name": "cosine", "final": -1.0}, {"name": "cosine", "warmup_epochs": -1},
      {"name": "one-cycle", "rise": 1.5}, {"name": "cosine-restarts", "multiply": 0}, {"name": "plateau", "factor": -1.0})],
    ({"early_stopping": -1}, "a number from 0 up"),
    ({"early_stopping": {"patiense": 3}}, "'patience'"),
    ({"early_stopping": {"monitor": "val_acc"}}, "'val_accuracy'"), ({"seed": 1.5}, "whole number"), ({"learning_rates": 1}, "'learning_rate'")])
def test_bad_recipes_are_refused_with_a_hint(change, says):
    with pytest.raises((ValueError, TypeError)) as caught:
        Recipe("a", "deeper").replace(**change)
    assert says in str(caught.value)


def test_a_change_takes_the_place_of_what_was_handed_over_in_python_or_is_refused():
    falling = {"class_name": "SGD", "config": {"learning_rate": {"class_name": "CosineDecay"}}}
    recipe = Recipe("trial", own={"model": {"class_name": "Sequential"}, "optimizer": falling, "loss": {"only in Python": "mine"}})
    assert set(recipe.replace(optimizer="adam", learning_rate=0.1).own) == {"model", "loss"}
    assert set(recipe.replace(network="brief", network_options={"filters": 2}).own) == {"optimizer", "loss"}
    assert recipe.replace(network="own", epochs=3).own == recipe.own == recipe.replace(schedule="cosine", own=recipe.own).own
    for change in ({"network_options": {"filters": 2}}, {"optimizer_options": {"momentum": 0.9}}, {"learning_rate": 0.1}, {"schedule": "cosine"}):
        with pytest.raises(ValueError, match=f"of your own, which decides that.*Received: {next(iter(change))}="): recipe.replace(**change)
    falling["config"]["learning_rate"] = 0.1
    assert Recipe("trial", own={"optimizer": falling}).replace(learning_rate=0.2, schedule="cosine").own


def test_unknown_field_in_json_is_named():
    with pytest.raises(ValueError, match="'epochs'"):
        Recipe.from_json('{"name": "a", "network": "deeper", "epoch": 3}')


def random_probabilities(seed, images, classes):
    scores = np.random.default_rng(seed).normal(size=(images, classes)) * 5
    exact = np.exp(scores - scores.max(1, keepdims=True))
    return (exact / exact.sum(1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 12), st.sampled_from([(255, 0.03), (127, 0.06), (63, 0.12)]))
def test_rounding_changes_no_decision(seed, images, classes, how):
    exact = random_probabilities(seed, images, classes)
    levels = quantize(exact, how[0])
    again = dequantize(unpack(pack(levels)))
    assert (again.argmax(1) == exact.argmax(1)).all()
    assert np.allclose(again.sum(1), 1, atol=1e-6) and abs(again - exact).max() < how[1]


@given(st.integers(2, 40))
def test_rounding_keeps_the_first_of_exact_ties(classes):
    even = np.full((1, classes), 1 / classes, np.float32)
    assert quantize(even).argmax() == even.argmax() == 0


def test_a_record_stays_small_though_no_probability_is_zero(tmp_path):
    rng = np.random.default_rng(0)    # as after training with label smoothing, with a learning rate for each step
    smoothed = rng.dirichlet(np.full(10, 8.0), 10_000) * 0.15 + 0.85 * rng.dirichlet(np.full(10, 0.02), 10_000)
    rates = rng.random((24, 235)).astype(np.float32).tolist()
    run = made_up_run(classes=10)
    curves = {name: values * 24 for name, values in run.history.items()}
    run = Run(run.recipe, {**curves, "learning_rates": rates}, run.metrics, run.data, run.parameters, run.stopped,
              labels={"test": rng.integers(0, 10, 10_000)}, probabilities={"test": smoothed.astype(np.float32)})
    path = run.record(tmp_path)
    again = from_record(path)
    assert path.stat().st_size <= 60_000
    assert (again.probabilities["test"].argmax(1) == run.probabilities["test"].argmax(1)).all()
    assert abs(again.probabilities["test"] - smoothed).max() < 0.05
    assert [each[0] for each in again.history["learning_rates"]] == [each[0] for each in rates] and len(again.history["learning_rates"][0]) < 30


def test_a_record_of_three_hundred_epochs_stays_small(tmp_path):
    rng, run = np.random.default_rng(0), recorded("best")[0]    # the longest training there is
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    figures = {name: rng.random(300).astype(np.float32).tolist() for name in names} | {"seconds": run.history["seconds"]}
    run.history = {**figures, "learning_rates": rng.random((300, 114)).astype(np.float32).tolist()}
    path = run.record(tmp_path)
    again = from_record(path).history
    assert path.stat().st_size <= 60_000 and 1 < len(again["learning_rates"][0]) < 10
    for name, values in figures.items(): assert again[name] == pytest.approx(values, rel=1e-6)


def test_best_epoch_is_the_first_of_equals():
    history = {"val_loss": [3.0, 1.0, 1.0], "val_accuracy": [0.5, 0.9, 0.95]}
    assert best_epoch(history) == 2 and best_epoch(history, "val_accuracy") == 3


def made_up_run(images=50, classes=4):
    probabilities, names = random_probabilities(0, images, classes), [chr(97 + number) for number in range(classes)]
    return Run(Recipe("made-up", "deeper", seed=3), {"loss": [1.0], "accuracy": [0.5], "val_loss": [1.1], "val_accuracy": [0.4],
               "learning_rate": [0.001], "seconds": [0.1]}, {"test": {"loss": 1.0, "accuracy": 0.5, "images": images}},
               {"source": "invented", "class_names": names, "input_shape": [8, 8, 1], "classes": classes,
                "images": {"test": images}, "fingerprint": "", "limit": None}, {"total": 1, "trainable": 1}, "finished",
               labels={"test": np.arange(images) % classes}, probabilities={"test": probabilities})


def test_a_run_shows_validation_and_says_nothing_of_test():
    run = made_up_run()
    run.metrics = {"train": {"loss": 0.1, "accuracy": 0.99, "images": 200},
                   "validation": {"loss": 0.3, "accuracy": 0.8125, "images": 64},
                   "test": {"loss": 0.4, "accuracy": 0.7777, "images": 50}}
    assert "validation accuracy 0.8125 on 64 images" in repr(run)
    assert "test" not in repr(run) and "0.7777" not in repr(run)
    run.metrics["validation"] = {"loss": 0.0123456, "images": 64}    # a reconstruction
    assert "validation error 0.01235 on 64 images" in repr(run)
    del run.metrics["validation"]
    assert "test" not in repr(run) and "accuracy" not in repr(run)


def test_record_round_trip(tmp_path):
    run = made_up_run()
    again = recorded("made-up", tmp_path)[0] if run.record(tmp_path) else None
    assert again.recipe == run.recipe and all(getattr(again, name) == getattr(run, name) for name in JSON_FIELDS)
    assert (again.labels["test"] == run.labels["test"]).all()
    assert (again.probabilities["test"].argmax(1) == run.probabilities["test"].argmax(1)).all()
    assert recorded("another", tmp_path) == []
    with pytest.raises(ValueError, match="without its weights"):
        again.model


def test_a_name_is_no_path(tmp_path):
    run = made_up_run()
    run.metrics["validation"] = run.metrics["test"]
    for name in ("../escaped", "a/b", "a.b", "..", "C:\\x", "Größe 1"):
        run.recipe = run.recipe.replace(name=name)
        assert run.record(tmp_path / "runs").parent == tmp_path / "runs" and recorded(name, tmp_path / "runs")[0].recipe == run.recipe
        assert Sweep(run.recipe, {"seed": [3]}, [run], []).record(tmp_path / "sweeps").parent == tmp_path / "sweeps"
        assert recorded_sweep(name, tmp_path / "sweeps").recipe == run.recipe
    assert len(list(tmp_path.iterdir())) == 2 and len(list((tmp_path / "runs").iterdir())) == 6


def test_weights_that_no_record_could_give_back_are_refused(tmp_path):
    run = made_up_run()
    run.recipe = run.recipe.replace(network="own")
    with pytest.raises(ValueError, match="save a network of your own with run.save"): run.record(tmp_path, weights=True)
    assert not list(tmp_path.iterdir()) and run.record(tmp_path)


def test_the_home_folder_is_meant_by_its_sign(tmp_path, monkeypatch):
    from fashion_cnn.export import target_path
    from fashion_cnn.train import checked_folder
    for name in ("HOME", "USERPROFILE"): monkeypatch.setenv(name, str(tmp_path))
    assert made_up_run().record("~/records") == tmp_path / "records" / "made-up-seed3.json"
    assert recorded("made-up", "~/records") and checked_folder("~/run") == tmp_path / "run"
    assert target_path(made_up_run(), "keras", "~/net") == tmp_path / "net.keras"


def test_labels_of_many_classes_survive_a_record(tmp_path):
    run = made_up_run(classes=300)
    run.labels, run.probabilities = {"test": np.arange(200) + 100}, {}
    assert from_record(run.record(tmp_path)).labels["test"].tolist() == list(range(100, 300))


def test_record_that_is_broken_names_the_file(tmp_path):
    path = made_up_run().record(tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match="made-up-seed3.json"):
        from_record(path)


def test_damaged_files_are_named(tmp_path):
    path = made_up_run().record(tmp_path)
    content = json.loads(path.read_text())
    content["packed"]["probabilities"]["test"]["zlib"] = "AAAA"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="made-up-seed3.json is damaged"):
        from_record(path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="run.json is damaged"):
        Run.load(tmp_path)


def test_a_run_opens_no_files_but_its_own(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"files": {"model": "../other.keras", "predictions": "/etc/passwd"}}))
    with pytest.raises(ValueError, match="not a run's own"):
        Run.load(tmp_path)


def test_numpy_numbers_and_tuples_become_plain():
    recipe = Recipe("a", "deeper", seed=np.int64(3), schedule={"name": "steps", "after": (1, 2), "factors": (0.1, 0.01)})
    assert Recipe.from_json(recipe.to_json()) == recipe and type(recipe.seed) is int


def test_best_epoch_is_never_one_without_a_number():
    assert best_epoch({"val_loss": [1.0, float("nan"), 0.5]}) == 3
    assert best_epoch({"val_accuracy": [0.2, float("nan")]}, "val_accuracy") == 1


def test_missing_run_says_what_was_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no run here"):
        Run.load(tmp_path)


def test_records_that_ship_are_small_and_whole():
    for run in recorded():
        assert len(run.history["loss"]) == run.epochs and run.metrics["test"]["images"] == run.data["images"]["test"]
        if run.recipe.task == "reconstruct": continue    # no labels, no probabilities
        assert (run.probabilities["test"].argmax(1) == run.labels["test"]).mean() == run.metrics["test"]["accuracy"]
        assert run.data["images"]["test"] == len(run.labels["test"])
    for path in __import__("fashion_cnn.run").run.RECORDED.glob("*.json"):
        assert path.stat().st_size <= 60_000, path.name


# A limit on file sizes makes the system refuse a write in the middle, as a full disk does
FULL = ("import resource, sys; sys.dont_write_bytecode = True    # or half-written .pyc files stay behind\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_full_disk_leaves_the_old_file(tmp_path):
    path = write_atomically(tmp_path / "result", b"old")
    code = FULL + f"from fashion_cnn.files import write_atomically; write_atomically({str(path)!r}, b'x' * 50_000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "what was saved there before is untouched" in done.stderr
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_full_disk_while_recording_leaves_the_old_record(tmp_path):
    made_up_run().record(tmp_path)
    before = (tmp_path / "made-up-seed3.json").read_bytes()
    code = FULL + ("import sys; sys.path.insert(0, sys.argv[2]); from test_run import made_up_run\n"
                   "made_up_run(images=20_000).record(sys.argv[1])")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(__import__("pathlib").Path(__file__).parent)],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "untouched" in done.stderr
    assert (tmp_path / "made-up-seed3.json").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_weights_beside_a_record_stay_until_the_new_record_stands(tmp_path, monkeypatch):
    run = made_up_run()
    weights = run.record(tmp_path).with_suffix(".npz")
    weights.write_bytes(b"weights")
    def full(path, content): raise OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr("fashion_cnn.run.write_atomically", full)
        with pytest.raises(OSError, match="No space"): run.record(tmp_path)
    assert weights.read_bytes() == b"weights"
    assert run.record(tmp_path) == weights.with_suffix(".json") and not weights.exists()


def test_new_files_have_ordinary_rights(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert write_atomically(tmp_path / "ours", b"x").stat().st_mode == plain.stat().st_mode


def test_a_record_is_plain_json(tmp_path):
    content = json.loads(made_up_run().record(tmp_path).read_text())
    assert content["recipe"]["name"] == "made-up" and set(content["packed"]) == {"labels", "probabilities"}


class Mean:
    "Stands where a model stands: what it is given must be an array in memory, of no more than a block."
    def predict(self, images, batch_size, verbose):
        assert type(images) is np.ndarray and len(images) <= 50 * batch_size
        return images.mean((1, 2)).astype("float32")


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_images_on_disk_are_judged_block_by_block(tmp_path, count):
    from fashion_cnn.data import Mapped
    from fashion_cnn.run import predict_in_blocks
    x = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    mapped = Mapped(np.load(tmp_path / "x.npy", mmap_mode="r"))
    for images in (x, mapped): assert np.array_equal(predict_in_blocks(Mean(), images, batch_size=2), x.mean((1, 2)).astype("float32"))


def test_a_run_notes_the_version_of_the_library_that_ran_installed_or_not(monkeypatch):
    import fashion_cnn
    from fashion_cnn.run import environment
    assert environment()["fashion_cnn"] == fashion_cnn.__version__
    monkeypatch.setattr("importlib.metadata.version", lambda package: "0.0.1" if package == "fashion_cnn" else "9.9")
    assert environment()["fashion_cnn"] == fashion_cnn.__version__ and environment()["numpy"] == "9.9"


def test_the_time_of_a_recipe_is_that_of_processors():
    runs = recorded("deeper")[:1] * 2
    fast = copy(runs[0])
    fast.environment = {**fast.environment, "accelerators": "a graphics processor"}
    fast.history = {**fast.history, "seconds": [0.1] * fast.epochs}
    of_both, alone = (recipes.table_row(recipes.get("deeper"), each)["seconds"] for each in ([fast, runs[0]], runs))
    assert of_both == alone > 100 > recipes.table_row(recipes.get("deeper"), [fast])["seconds"]
