"Benchmarks: what they share, and that the figures in RESULTS.md come from runs. The measurements themselves are `make bench`."
import argparse
import ast
import os
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import results  # noqa: E402


def test_a_section_replaces_its_older_self_and_no_other(tmp_path):
    path = tmp_path / "RESULTS.md"
    results.write_section(path, "step_deeper", "## Steps\n\n| a |\n|---|\n| 1 |")
    results.write_section(path, "start", "## Start\n\nfirst")
    results.write_section(path, "start", "## Start\n\nsecond")
    assert results.sections(path) == {"step_deeper": "## Steps\n\n| a |\n|---|\n| 1 |", "start": "## Start\n\nsecond"}
    assert path.read_text().startswith(results.TOP) and path.read_text().index("Steps") < path.read_text().index("Start")
    assert [each.name for each in tmp_path.iterdir()] == ["RESULTS.md"]


def test_a_quick_run_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(sys, "argv", ["/somewhere/else/step.py", "--quick", "/a/folder/of/this/machine"])
    for quick in (True, False):
        report = results.Report("A title", ["numpy", "no-such-package"], argparse.Namespace(quick=quick, results=None))
        report.table([{"what": "one", "ms": "1.5"}, {"what": "another", "ms": "22.0"}])
        report.write()
        assert (tmp_path / "RESULTS.md").exists() is not quick
    text = results.sections(tmp_path / "RESULTS.md")["step"]
    assert "| another | 22.0 |" in text and "|---------|-----:|" in text and "no no-such-package" in text
    assert "`python benchmarks/step.py --quick machine`" in text and "/a/folder" not in text


@pytest.mark.parametrize("script", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_every_script_says_what_it_is(script):
    assert ast.get_docstring(ast.parse((BENCHMARKS / f"{script}.py").read_text()))


def test_what_is_not_installed_is_said_and_nothing_dies(tmp_path, monkeypatch):
    import accuracy
    import step
    import turns
    monkeypatch.setattr(turns, "ENVIRONMENTS", {"torch": tmp_path, "jax": tmp_path})
    ways = step.candidates("deeper", "images.npz", [])
    missing = {name: why for name, why in ways.items() if isinstance(why, str)}
    assert set(missing) == {"PyTorch eager", "PyTorch compiled", "Keras fit on JAX"}
    base = argparse.Namespace(turns=[{"training": 1.0, "epoch": 2.0}])
    lines = list(step.rows(100, {"train": base}, {"train": {"versions": "Keras", "settings": "plain"}}, missing))
    assert results.table(lines).count("not installed: make bench-environments") == 3 and lines[0]["ms a step"] == "10.00"
    assert list(accuracy.rows({accuracy.TORCH: []}))[0]["what"] == "not installed: make bench-environments"


def test_contenders_work_in_turns(tmp_path):
    import turns
    (tmp_path / "one.py").write_text("import turns\nturns.say(name='ready')\nwhile True:\n    turns.wait()\n    print('noise')\n    turns.say(s=2.0)\n")
    environment = {"PYTHONPATH": str(BENCHMARKS)}
    several = {name: turns.Contender([sys.executable, tmp_path / "one.py"], environment) for name in "ab"}
    try:
        assert [each.heard() for each in several.values()] == [{"name": "ready"}] * 2
        turns.alternate(several, 3)
        assert turns.median(several["a"], "s") == 2 and turns.ratio(several["a"], several["b"], "s") == 1 and len(several["b"].turns) == 3
    finally:
        for each in several.values(): each.end()
    broken = turns.Contender([sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(RuntimeError, match="(?s)exit code 1:.*no such thing"):
        broken.heard()
    broken.end()


def test_time_to_accuracy_is_read_from_what_is_finished(tmp_path):
    import accuracy
    lines = [{"seconds": [10.0, 20.0, 30.0], "test": [0.89, 0.91, 0.925]}, {"seconds": [12.0, 24.0], "test": [0.90, 0.90]}]
    assert accuracy.reached(lines, 0.90) == "16 ± 6" and accuracy.reached(lines, 0.92) == "30 (1 of 2)" and accuracy.reached(lines, 0.94) == "none"
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": 2}\n{"a": ')    # the last line was cut off
    assert results.lines(tmp_path / "a.jsonl") == [{"a": 1}, {"a": 2}]
    results.append(tmp_path / "a.jsonl", {"a": 4})
    assert results.lines(tmp_path / "a.jsonl") == [{"a": 1}, {"a": 2}, {"a": 4}] and results.lines(tmp_path / "none.jsonl") == []


def test_seconds_of_two_kinds_of_machines_are_not_mixed(monkeypatch):
    import accuracy
    asked = argparse.Namespace(data="sketch", limit=None, seconds=600)
    here = accuracy.key("deeper", 0, asked)
    assert accuracy.key("deeper", 0, asked) == here and here["machine"] == results.machine()
    older = {**here, "recipe": {name: value for name, value in here["recipe"].items() if name != "balance"}}
    assert accuracy.agrees(older, here) and not accuracy.agrees({**older, "seed": 1}, here)
    monkeypatch.setattr(results, "processor", lambda: "Abacus with 10 beads")
    assert accuracy.key("deeper", 0, asked) != here
    assert accuracy.days({"deeper": [{"day": "2026-11-27"}], "fast": [{"day": "2026-11-26"}]}) == "Measured: 2026-11-26 to 2026-11-27."
    assert accuracy.days({"fast": [{"day": "2026-11-26"}] * 2}) == "Measured: 2026-11-26."
    assert accuracy.days({accuracy.TORCH: []}) == ""


ORPHANS = """
import os, time
import numpy as np

def answers(images, labels, unlabelled, seed):
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1" and "FASHION_CNN_DATA" not in os.environ
    if not os.fork():
        os.setsid()
        if os.fork(): os._exit(0)
        while time.process_time() < 1: pass
        open("computed", "w")
        time.sleep(600)
    while not os.path.exists("computed"): time.sleep(0.1)
    return np.zeros(len(unlabelled), int)
"""
CONSTANT = "import numpy as np\n\ndef answers(images, labels, unlabelled, seed):\n    return np.full(len(unlabelled), labels[seed])\n"


@pytest.fixture
def contest(tmp_path):
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2: pytest.skip("a contest needs two cores that a process can be bound to")
    import minutes
    import numpy as np
    for name, array in {"images": np.zeros((6, 28, 28, 1), "uint8"), "labels": np.arange(6), "unlabelled": np.zeros((4, 28, 28, 1), "uint8")}.items():
        np.save(tmp_path / f"{name}.npy", array)
    return minutes, tmp_path, minutes.two_cores()


def test_a_contender_answers_in_a_process_of_its_own(contest):
    minutes, folder, cores = contest
    (folder / "own.py").write_text(CONSTANT + "import os\nassert len(os.sched_getaffinity(0)) == 2 and 'fashion_cnn' not in __import__('sys').modules\n")
    seconds, used, found = minutes.one_seed(str(folder / "own.py"), folder, 3, cores, 1)
    assert minutes.checked_answers(found, 4, 10).tolist() == [3] * 4 and 0 < used < 2 * seconds < 60
    minutes.checked_processor_time(used, seconds)
    with pytest.raises(SystemExit, match="2 cores have 20 s of processor time in 10 s, and 31 s were used"): minutes.checked_processor_time(31, 10)


def test_a_contender_that_fails_or_answers_something_else_is_refused(contest):
    import numpy as np
    minutes, folder, cores = contest
    (folder / "own.py").write_text("def answers(*given): raise MemoryError\n")
    with pytest.raises(SystemExit, match="seed 0: it ended with exit code 1 and no answers"): minutes.one_seed(str(folder / "own.py"), folder, 0, cores, 1)
    (folder / "own.py").write_text(ORPHANS)
    there = minutes.children()
    _, used, _ = minutes.one_seed(str(folder / "own.py"), folder, 0, cores, 1)
    assert used > 1 and minutes.children() == there    # an orphan's time counts, and it is ended
    (folder / "own.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(SystemExit, match="stopped after 3 times 0.01 minutes"): minutes.one_seed(str(folder / "own.py"), folder, 0, cores, 0.01)
    for wrong in (np.zeros(3, int), np.zeros(4), np.array([0, 1, 2, 10])):
        with pytest.raises(SystemExit, match="answers must be 4 integers from 0 to 9. Received"): minutes.checked_answers(wrong, 4, 10)


def test_the_table_of_minutes_leaves_near_duplicates_out(contest):
    import numpy as np
    from fashion_cnn.data import from_arrays
    from fashion_cnn.run import pack
    minutes = contest[0]
    y = np.arange(40) % 4
    data = from_arrays(np.zeros((40, 5, 5)), y, np.zeros((40, 5, 5)), y, validation_split=0)
    near = np.arange(40) < 20
    answers = np.where(near, y, (y + 1) % 4).astype("uint8")    # right where there is a near-duplicate, and nowhere else
    answers[39] = y[39]
    key = {"minutes": 1, "contender": "own.py", "is": "0", "machine": "a machine", "data": data.test.fingerprint}
    lines = [{"key": {**key, "seed": seed}, "seconds": seconds, "plain": [1.0, 3.0], "answers": pack(answers)} for seed, seconds in ((0, 50.0), (1, 62.0))]
    row, = minutes.rows([*lines, {"key": {**key, "data": "other images"}}], data, near)
    assert row["test accuracy % (95 %)"].startswith("52.50 (") and row["without near-duplicates"].startswith("5.00 (")
    assert (row["seconds"], row["plain Keras = 1"], row["in time"]) == ("56.0 (at most 62.0)", "56.00", "1 of 2")
    assert row["seeds"] == "0, 1 only, not 0 to 4"
    failed = {"key": {**key, "seed": 2}, "ended": "own.py, seed 2: it ended with exit code 1 and no answers."}
    assert [row["seeds"] for row in minutes.rows([*lines, failed], data, near)] == ["0, 1 only, not 0 to 4, in 3 attempts"]
    whole = [{**lines[0], "key": {**key, "seed": seed}} for seed in range(5)]
    assert [row["seeds"] for row in minutes.rows(whole, data, near)] == ["5"]
