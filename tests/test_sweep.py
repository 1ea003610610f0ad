"Sweeps: what the notebook does not show: interruptions, damage, other people's folders."
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import LokyBackend, ThreadingBackend

from small import sketches   # noqa: E402
from filelock import FileLock
from fashion_cnn.checkpoint import CheckpointCallback, another_run
from fashion_cnn.cli import main
from fashion_cnn.files import LOCK
from fashion_cnn.recipes import get
from fashion_cnn.recipe import Recipe
from fashion_cnn.search import objective
from fashion_cnn.sweep import (SWEEPS, Sweep, attempt, combinations, load_sweep, recorded_sweep, sweep,
                               with_settings)

RECIPE = Recipe("trial", network="a3-small", network_options={"filters": 2}, batch_size=32, epochs=1)


@pytest.fixture(scope="module")
def data(): return sketches(60)


@pytest.fixture(scope="module")
def two(data, tmp_path_factory):
    "A sweep of two rates, one of which cannot be."
    folder = tmp_path_factory.mktemp("sweeps") / "two"
    return folder, sweep(RECIPE, {"learning_rate": [0.001, -1.0]}, data, out=folder, progress=False)


def test_combinations_are_a_product_with_the_last_field_fastest():
    assert combinations({"seed": [0, 1], "epochs": [1, 2]}) == [{"seed": 0, "epochs": 1}, {"seed": 0, "epochs": 2},
                                                               {"seed": 1, "epochs": 1}, {"seed": 1, "epochs": 2}]


@pytest.mark.parametrize("grid, words", [({}, "at least one field"), ({"learning_rte": [1]}, "Did you mean 'learning_rate'"),
                                         ({"seed": 3}, "list of values"), ({"seed": []}, "list of values"), ({"network": "deeper"}, "list of values"),
                                         ({"seed": [0, 1, 0]}, "given once"), ({"seed": np.array([1, 1])}, "given once"),
                                         ({"schedule": [{"name": "cosine"}, {"name": "cosine"}]}, "given once")])
def test_grids_that_cannot_be(grid, words):
    with pytest.raises(ValueError, match=words): combinations(grid)


@pytest.mark.parametrize("place", ["data", "split", "validation_split"])
def test_settings_that_name_other_images_are_refused(place, data, tmp_path, optuna):
    for begin in (sweep, lambda recipe, grid, data, out: objective(recipe, grid, data, out=out)):
        with pytest.raises(ValueError, match=f"on the same images.*Received: {place}"):
            begin(RECIPE, {"learning_rate": [0.1], place: ["A", "B"]}, data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_knobs_reach_into_options_and_leave_the_others():
    recipe = get("cm6-resnet")
    assert with_settings(recipe, {"network_options.filters": 8}).network_options == {**recipe.network_options, "filters": 8}
    both = with_settings(recipe, {"schedule": {"name": "cosine"}, "schedule.final": 0.5})
    assert both.schedule["name"] == "cosine" and both.schedule["final"] == 0.5 and recipe.schedule is None
    assert with_settings(recipe, {"schedule.final": 0.5, "schedule": {"name": "cosine"}}) == both


def test_a_setting_that_fails_is_a_row_and_not_the_end(two):
    folder, found = two
    assert len(found.runs) == 1 and "learning_rate must be a number above 0" in found.failed[0]["error"]
    table = found.table()
    assert table["learning_rate"].tolist() == [0.001, -1.0] and table["error"].isna().tolist() == [True, False]
    assert found.table().equals(load_sweep(folder).table())


def test_what_another_process_is_training_is_no_failure(data, tmp_path):
    with FileLock(tmp_path / LOCK):    # not the one object that this process would share
        assert "another process is writing" in attempt(RECIPE, {}, data, tmp_path)["error"]
    assert not (tmp_path / "failed.json").exists()


def test_messages_advise_what_there_is(data, tmp_path):
    with pytest.raises(ValueError, match="begin with new weights.*--set start="):
        sweep(RECIPE.replace(start="abc"), {"seed": [0]}, data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "remove this one, or replace it: train(" in another_run(tmp_path, {"seed": 0}, {"seed": 1})


def test_the_test_images_are_not_there(two):
    assert set(two[1].runs[0].labels) == {"validation"} and two[1].runs[0].data["images"]["test"] == 0


def test_a_folder_for_something_else_is_left_alone(two, data):
    folder, _ = two
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(ValueError, match="another recipe"): sweep(RECIPE.replace(epochs=2), {"seed": [0]}, data, out=folder)
    with pytest.raises(ValueError, match="other images"): sweep(RECIPE, {"seed": [0]}, data.limited(40), out=folder)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_folder_from_before_a_field_existed_goes_on(two, data, tmp_path):
    from fashion_cnn.sweep import without_test, write_plan
    folder = Path(shutil.copytree(two[0], tmp_path / "old"))
    plan = json.loads((folder / "sweep.json").read_text())
    del plan["recipe"]["balance"]
    (folder / "sweep.json").write_text(json.dumps(plan))
    grid, images = {"grid": {"learning_rate": [0.001]}}, without_test(RECIPE, data, None)
    with pytest.raises(ValueError, match="another recipe"):
        write_plan(RECIPE.replace(balance="weights"), grid, images, folder)
    write_plan(RECIPE, grid, images, folder)


def test_ctrl_c_keeps_what_is_finished_and_the_next_call_goes_on(data, tmp_path, monkeypatch):
    grid, epochs, plain = {"seed": [0, 1, 2]}, [], CheckpointCallback.on_epoch_end
    def interrupting(self, epoch, logs=None):
        plain(self, epoch, logs)
        epochs.append(epoch)
        if epochs[-3:] == [2, 0, 1]: signal.raise_signal(signal.SIGINT)    # after the second epoch of the second training
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointCallback, "on_epoch_end", interrupting)
        stopped = sweep(RECIPE.replace(epochs=3), grid, data, out=tmp_path / "out", progress=False)
    assert [run.stopped for run in stopped.runs] == ["finished", "interrupted"]
    whole = sweep(RECIPE.replace(epochs=3), grid, data, out=tmp_path / "out", progress=False)
    assert [run.stopped for run in whole.runs] == ["finished"] * 3 and whole.runs[0].weights_hash == stopped.runs[0].weights_hash


# --- on many machines -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    "A Dask cluster of two processes on this machine."
    distributed, dask = pytest.importorskip("dask.distributed"), pytest.importorskip("dask")
    patience = {"distributed.comm.timeouts.connect": "120s", "distributed.comm.timeouts.tcp": "120s"}    # of a machine with other things to do
    with dask.config.set(patience), distributed.LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None) as started, \
            distributed.Client(started) as client: yield client


def test_a_dask_cluster_gives_what_this_process_gives(two, data, cluster, tmp_path, monkeypatch, capsys):
    "Each worker is told the number of threads that TensorFlow has here, and that alone makes the figures the same bit for bit."
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", str(len(os.sched_getaffinity(0))))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", threads)
    found = sweep(RECIPE, {"learning_rate": [0.001, -1.0]}, data, out=tmp_path / "out", backend="dask")
    assert "trial:  50%" in capsys.readouterr().err
    assert [run.weights_hash for run in found.runs] == [run.weights_hash for run in two[1].runs] and found.runs[0].history["loss"] == two[1].runs[0].history["loss"]
    assert [note["settings"] for note in found.failed] == [{"learning_rate": -1.0}] and "above 0" in found.failed[0]["error"]
    assert set(cluster.run(lambda: os.environ.get("TF_NUM_INTRAOP_THREADS")).values()) == {threads}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    with joblib.parallel_config(backend="dask"): grown = sweep(RECIPE, {"learning_rate": [0.001, 0.01]}, data, out=tmp_path / "out", progress=False)
    assert len(grown.runs) == 2 and not grown.failed and before.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}.items()


def test_a_cluster_gets_the_images_once(cluster, data, tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr("fashion_cnn.sweep.SentImages.__getstate__", lambda self: sent.append(1) or self.__dict__, raising=False)
    grid = {"seed": list(range(8)), "batch_size": [0]}    # no batches of nothing: every setting fails at once
    assert len(sweep(RECIPE, grid, data, out=tmp_path / "out", backend="dask", progress=False).failed) == 8 and len(sent) == 1


def test_workers_are_processes_that_share_the_cores(monkeypatch):
    from fashion_cnn.sweep import take_cores, workers_per_machine
    class Client:
        def __init__(self, **workers): self.workers = workers
        def nthreads(self): return {place.replace("_", ":"): threads for place, threads in self.workers.items()}
    class Dask:
        def __init__(self, **workers): self.client = Client(**workers)
    assert workers_per_machine(LokyBackend(), 4) == 4 and workers_per_machine(ThreadingBackend(), 1) == 1
    assert workers_per_machine(Dask(tcp_one_1=1, tcp_one_2=1, tcp_two_1=1), 3) == 2
    for wrong, jobs in [(ThreadingBackend(), 2), (Dask(tcp_one_1=4), 1), (Dask(inproc_one_1=1), 1)]:
        with pytest.raises(ValueError, match="threads_per_worker=1"): workers_per_machine(wrong, jobs)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    for threads, among, given, expected in [(None, 1, None, None), (None, 3, None, "5"), (None, 99, None, "1"), ("2", 3, None, "2"), ("2", 3, "7", "7")]:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "0")    # so that what the worker sets is taken back, also where nothing was set
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", given) if given else monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        take_cores(threads, among)
        assert os.environ.get("TF_NUM_INTRAOP_THREADS") == expected


def test_a_worker_that_does_not_see_the_folder_trains_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr("fashion_cnn.sweep.write_plan", lambda *_: None)    # so that there is nothing where the worker looks
    with pytest.raises(FileNotFoundError, match="does not see the folder 'out'.*all machines share"):
        sweep(RECIPE, {"seed": [0]}, data, out=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_a_backend_that_gives_all_at_the_end(data, tmp_path, monkeypatch, capfd):
    class AtTheEnd(ThreadingBackend): supports_return_generator = uses_threads = False    # as Ray's, which has processes
    monkeypatch.setitem(joblib.parallel.BACKENDS, "at-the-end", AtTheEnd)
    found = sweep(RECIPE, {"batch_size": [0]}, data, out=tmp_path / "out", backend="at-the-end")
    assert len(found.failed) == 1 and "Done" in "".join(capfd.readouterr())


# --- searching ------------------------------------------------------------------------------------------------------

SEARCH = RECIPE.replace(epochs=3)


@pytest.fixture
def optuna():
    found = pytest.importorskip("optuna")
    found.logging.set_verbosity(found.logging.CRITICAL)
    return found


def test_a_search_in_a_relative_folder_is_read_back(optuna, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    searched(optuna, {"learning_rate": [0.001, 0.01]}, data, "runs/search", 2, RECIPE)
    assert len(load_sweep("runs/search").runs) == 2


def searched(optuna, space, data, out, trials, recipe=SEARCH, **options):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.GridSampler({place: how for place, how in space.items()}, seed=0), **options)
    study.optimize(objective(recipe, space, data, out=out), n_trials=trials)
    return study


def test_a_search_in_which_trials_fail_are_pruned_and_are_not_trained_again(optuna, data, tmp_path):
    class Never(optuna.pruners.NopPruner):
        "Prunes the second network, after two epochs."
        def prune(self, study, trial): return trial.params["seed"] == 1 and trial.last_step == 1
    space, out = {"seed": [0, 1], "network_options.dropout": [0.0, 1.5]}, tmp_path / "out"
    study = searched(optuna, space, data, out, 4, pruner=Never())
    ended = {(trial.params["seed"], trial.params["network_options.dropout"]): trial for trial in study.trials}
    assert {place: trial.state.name for place, trial in ended.items()} == {(0, 0.0): "COMPLETE", (1, 0.0): "PRUNED", (0, 1.5): "FAIL", (1, 1.5): "FAIL"}
    assert "dropout must be a fraction" in ended[0, 1.5].user_attrs["error"]
    found = load_sweep(out)
    runs = {run.recipe.seed: run for run in found.runs}
    assert (len(found.failed), found.grid) == (2, {"seed": [0, 1], "network_options.dropout": [0.0, 1.5]})
    assert (runs[0].epochs, runs[1].epochs, runs[1].stopped) == (3, 2, "interrupted") and set(runs[0].metrics) == {"train", "validation"}
    assert ended[0, 0.0].value == runs[0].metrics["validation"]["accuracy"] and list(ended[1, 0.0].intermediate_values.values()) == runs[1].history["val_accuracy"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("checkpoint.npz")}
    again = searched(optuna, space, data, out, 4, pruner=Never())
    assert [(trial.state, trial.value, trial.intermediate_values) for trial in again.trials] == [(trial.state, trial.value, trial.intermediate_values) for trial in study.trials]
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("checkpoint.npz")}
    whole = searched(optuna, {"seed": [1], "network_options.dropout": [0.0]}, data, out, 1)    # without a pruner the rest is trained
    assert whole.best_value == next(run for run in load_sweep(out).runs if run.recipe.seed == 1).metrics["validation"]["accuracy"]


def test_a_training_that_would_be_pruned_at_its_end_is_complete(optuna, data, tmp_path):
    class Always(optuna.pruners.NopPruner):
        def prune(self, study, trial): return True
    for attempt in ("trained", "read from the folder"):
        study = searched(optuna, {"seed": [0]}, data, tmp_path, 1, SEARCH.replace(epochs=1), pruner=Always())
        assert [trial.state.name for trial in study.trials] == ["COMPLETE"], attempt


def test_a_search_may_ask_for_more_fields_after_a_failure(optuna, data, tmp_path):
    short = SEARCH.replace(epochs=1)
    study = optuna.create_study(direction="maximize")
    study.optimize(objective(short, {"network_options.dropout": [1.5]}, data, out=tmp_path), n_trials=1, catch=(ValueError,))
    searched(optuna, {"network_options.dropout": [0.0], "seed": [0]}, data, tmp_path, 1, short)
    found = load_sweep(tmp_path)
    assert len(found.runs) == len(found.failed) == 1 and found.grid["seed"] == [0]


def test_a_damaged_folder_is_a_failed_trial(optuna, data, tmp_path):
    space = {"seed": [0, 1]}
    searched(optuna, space, data, tmp_path, 1, SEARCH.replace(epochs=1))
    checkpoint = next(tmp_path.rglob("checkpoint.npz"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    states = [trial.state.name for trial in searched(optuna, space, data, tmp_path, 2, SEARCH.replace(epochs=1)).trials]
    assert states == ["FAIL", "COMPLETE"] and "damaged" in load_sweep(tmp_path).failed[0]["error"]


def test_every_distribution_is_asked_for_by_its_name(optuna):
    from fashion_cnn.search import suggested
    d = optuna.distributions
    space = {"learning_rate": d.FloatDistribution(1e-4, 1e-1, log=True), "network_options.dropout": d.FloatDistribution(0, 0.6, step=0.2),
             "epochs": d.IntDistribution(1, 9, step=2), "batch_size": d.IntDistribution(16, 256, log=True), "optimizer": d.CategoricalDistribution(["adam", "sgd"])}
    trial = optuna.create_study().ask()
    values = {place: suggested(trial, place, how) for place, how in {**space, "augmentation": ["", "garments"]}.items()}
    assert trial.params == values and trial.distributions == {**space, "augmentation": d.CategoricalDistribution(["", "garments"])}


def test_searches_that_cannot_be(optuna, data, tmp_path, monkeypatch):
    for space, error, words in [({}, ValueError, "at least one field"), ({"learning_rte": [1]}, ValueError, "Did you mean 'learning_rate'"),
                                ({"seed": 3}, TypeError, "optuna.distributions, or a list"), ({"seed": []}, TypeError, "list of values")]:
        with pytest.raises(error, match=words): objective(SEARCH, space, data, out=tmp_path)
    attempt = objective(SEARCH, {"batch_size": [0]}, data, out=tmp_path / "out")
    with pytest.raises(ValueError, match="maximum.*direction='maximize'.*Received: direction='minimize'"): optuna.create_study().optimize(attempt, n_trials=1)
    with pytest.raises(ValueError, match="another recipe"): objective(RECIPE, {"seed": [0]}, data, out=tmp_path / "out")
    monkeypatch.setattr("fashion_cnn.search.run_trial", lambda *_: time.sleep(0.5) or 0.0)
    with pytest.raises(ValueError, match="Leave n_jobs of Study.optimize at 1"):
        optuna.create_study(direction="maximize").optimize(attempt, n_trials=6, n_jobs=2)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match="pip install optuna"): objective(SEARCH, {"seed": 3}, data, out=tmp_path)


def test_ctrl_c_ends_a_search_and_keeps_the_epochs(optuna, data, tmp_path):
    class Interrupts(optuna.pruners.NopPruner):
        def prune(self, study, trial): raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): searched(optuna, {"seed": [0, 1]}, data, tmp_path / "out", 2, pruner=Interrupts())
    assert [(run.epochs, run.stopped) for run in load_sweep(tmp_path / "out").runs] == [(1, "interrupted")]


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


def test_a_grid_may_be_given_in_parts_but_no_field_twice(tmp_path, capsys):
    words = ["sweep", "a3-small", "--data", "sketch", "--limit", "60", "--epochs", "1", "--out", str(tmp_path), "--grid", "batch_size=0"]
    assert main([*words, "--grid", "seed=0,1"]) == 1 and "2 failed" in capsys.readouterr().out
    assert main([*words, "batch_size=32"]) == 1 and "set once" in capsys.readouterr().err


@pytest.mark.parametrize("words, says", [(["sweep", "a3-small", "--grid", "batch_size"], "such as batch_size=32,128"),
                                         (["record", "sweep-deper"], "there is no recipe 'sweep-deper'")])
def test_what_makes_no_sense_on_the_command_line(words, says, capsys):
    with pytest.raises(SystemExit) as ended: main(words)
    assert ended.value.code == 2 and says in capsys.readouterr().err


def test_planned_sweeps_are_recorded_as_planned(tmp_path, capsys):
    for option in (["--limit", "10"], ["--with-weights"]):
        assert main(["record", "sweep-deeper", *option, "--out", str(tmp_path)]) == 1
        assert "as it is planned" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SWEEPS)
def test_recorded_sweeps_are_what_their_plans_say(name):
    plan, found = SWEEPS[name], recorded_sweep(name)
    assert found.recipe == plan["recipe"] and found.grid == plan["grid"] and not found.failed
    assert len(found.runs) == len(combinations(plan["grid"])) >= 48
    assert found.runs[0].data["source"].startswith("Fashion-MNIST") and found.runs[0].data["images"] == {"train": plan["limit"], "validation": plan["limit"], "test": 0}
    assert all(len(run.history["val_accuracy"]) == plan["recipe"].epochs and np.isfinite(run.history["loss"]).all() for run in found.runs)


def test_short_forms_numpy_and_other_things_in_a_grid(data, tmp_path):
    from fashion_cnn.sweep import with_settings
    changed = with_settings(RECIPE, {"schedule": "cosine", "schedule.warmup_epochs": 2})
    assert changed.schedule["name"] == "cosine" and changed.schedule["warmup_epochs"] == 2
    assert combinations({"batch_size": np.array([32, 64])}) == combinations({"batch_size": [32, 64]})
    json.dumps(combinations({"learning_rate": np.geomspace(1e-3, 1e-1, 3), "seed": [np.int64(1)]}))
    with pytest.raises(TypeError, match="recipe must be a Recipe.*'deeper'"): sweep("deeper", {"seed": [0]}, data, out=tmp_path / "a")
    with pytest.raises(TypeError, match="data must be a Dataset.*tuple"): sweep(RECIPE, {"seed": [0]}, (data.train.x, data.train.y), out=tmp_path / "a")
    assert not (tmp_path / "a").exists()
