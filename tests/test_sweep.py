"Sweeps: what the notebook does not show: interruptions, damage, other people's folders."
import os
import signal
import threading
import time

import numpy as np
import pytest

from fashion_cnn.cli import main
from fashion_cnn.data import load
from fashion_cnn.recipes import get
from fashion_cnn.runs import Recipe
from fashion_cnn.sweep import SWEEPS, Sweep, combinations, load_sweep, recorded_sweep, sweep, turned

RECIPE = Recipe("trial", network="a3-small", network_options={"filters": 2}, batch_size=32, epochs=1)


@pytest.fixture(scope="module")
def data(): return load("sketch").limited(60)


@pytest.fixture(scope="module")
def two(data, tmp_path_factory):
    "A sweep of two rates, one of which cannot be."
    folder = tmp_path_factory.mktemp("sweeps") / "two"
    return folder, sweep(RECIPE, {"learning_rate": [0.001, -1.0]}, data, out=folder, progress=False)


def test_combinations_are_a_product_with_the_last_field_fastest():
    assert combinations({"seed": [0, 1], "epochs": [1, 2]}) == [{"seed": 0, "epochs": 1}, {"seed": 0, "epochs": 2},
                                                               {"seed": 1, "epochs": 1}, {"seed": 1, "epochs": 2}]


@pytest.mark.parametrize("grid, words", [({}, "at least one field"), ({"learning_rte": [1]}, "Did you mean 'learning_rate'"),
                                         ({"seed": 3}, "list of values"), ({"seed": []}, "list of values"), ({"network": "deeper"}, "list of values")])
def test_grids_that_cannot_be(grid, words):
    with pytest.raises(ValueError, match=words): combinations(grid)


def test_knobs_reach_into_options_and_leave_the_others():
    recipe = get("cm6-resnet")
    assert turned(recipe, {"network_options.filters": 8}).network_options == {**recipe.network_options, "filters": 8}
    both = turned(recipe, {"schedule": {"name": "cosine"}, "schedule.final": 0.5})
    assert both.schedule["name"] == "cosine" and both.schedule["final"] == 0.5 and recipe.schedule is None


def test_a_setting_that_fails_is_a_row_and_not_the_end(two):
    folder, found = two
    assert len(found.runs) == 1 and "learning_rate must be a number above 0" in found.failed[0]["error"]
    table = found.table()
    assert table["learning_rate"].tolist() == [0.001, -1.0] and table["error"].isna().tolist() == [True, False]
    assert found.table().equals(load_sweep(folder).table())


def test_the_test_images_are_not_there(two):
    assert set(two[1].runs[0].labels) == {"validation"} and two[1].runs[0].data["images"]["test"] == 0


def test_a_folder_for_something_else_is_left_alone(two, data):
    folder, _ = two
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(ValueError, match="another recipe"): sweep(RECIPE.replace(epochs=2), {"seed": [0]}, data, out=folder)
    with pytest.raises(ValueError, match="other images"): sweep(RECIPE, {"seed": [0]}, data.limited(40), out=folder)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_ctrl_c_keeps_what_is_finished_and_the_next_call_goes_on(data, tmp_path):
    grid = {"seed": [0, 1, 2]}
    def interrupt():    # once the second training is under way
        while len(list(tmp_path.glob("out/*/checkpoint.npz"))) < 2: time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    stopped = sweep(RECIPE.replace(epochs=8), grid, data, out=tmp_path / "out", progress=False)
    thread.join()
    assert [run.stopped for run in stopped.runs] == ["finished", "interrupted"]
    whole = sweep(RECIPE.replace(epochs=8), grid, data, out=tmp_path / "out", progress=False)
    assert [run.stopped for run in whole.runs] == ["finished"] * 3 and whole.runs[0].weights_hash == stopped.runs[0].weights_hash


def test_records_keep_every_curve_and_no_prediction(two, tmp_path):
    _, found = two
    again = recorded_sweep("trial", folder=found.record(tmp_path).parent)
    assert again.table().equals(found.table()) and again.recipe == found.recipe
    assert again.runs[0].history == found.runs[0].history and not again.runs[0].probabilities
    with pytest.raises(ValueError, match="there is no recorded sweep 'trail'. Did you mean 'trial'"): recorded_sweep("trail", folder=tmp_path)
    with pytest.raises(ValueError, match="nothing to record"): Sweep(RECIPE, {"seed": [0]}, [], []).record(tmp_path)


def test_on_the_command_line(tmp_path, capsys):
    words = ["sweep", "a3-small", "--data", "sketch", "--limit", "60", "--epochs", "1", "--out", str(tmp_path)]
    assert main([*words, "--grid", "network_options.filters=2", "augmentation=,b-afine"]) == 0
    said = capsys.readouterr().out
    assert "1 run, 1 failed" in said and "Did you mean 'b-affine'" in said and "validation accuracy" in said
    assert main([*words[:-1], str(tmp_path / "none"), "--grid", "batch_size=0"]) == 1


@pytest.mark.parametrize("words, says", [(["sweep", "a3-small", "--grid", "batch_size"], "such as batch_size=32,128"),
                                         (["record", "sweep-deper"], "there is no recipe 'sweep-deper'")])
def test_what_makes_no_sense_on_the_command_line(words, says, capsys):
    with pytest.raises(SystemExit) as ended: main(words)
    assert ended.value.code == 2 and says in capsys.readouterr().err


def test_planned_sweeps_are_recorded_as_planned(tmp_path, capsys):
    assert main(["record", "sweep-deeper", "--limit", "10", "--out", str(tmp_path)]) == 1
    assert "as it is planned" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SWEEPS)
def test_recorded_sweeps_are_what_their_plans_say(name):
    plan, found = SWEEPS[name], recorded_sweep(name)
    assert found.recipe == plan["recipe"] and found.grid == plan["grid"] and not found.failed
    assert len(found.runs) == len(combinations(plan["grid"])) >= 48
    assert found.runs[0].data["source"].startswith("Fashion-MNIST") and found.runs[0].data["images"] == {"train": plan["limit"], "validation": plan["limit"], "test": 0}
    assert all(len(run.history["val_accuracy"]) == plan["recipe"].epochs and np.isfinite(run.history["loss"]).all() for run in found.runs)
