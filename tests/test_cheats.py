"Ways to a point that is not one's own, each tried in a real grading: none gains anything, and none harms a neighbour."
import errno
import json
import os
import re
import sys
import time

import pandas as pd
import pytest

from fashion_cnn.cli import main
from fashion_cnn.exercises import answer_of, get, names
from fashion_cnn.grading import container, grade, grader, marks, process, rebuilt, variable, walls

ASKED = ["2.1", "2.3", "6.6"]
RIGHT = {name: re.sub(r"\banswer\b", variable(name), get(name).reference) for name in ASKED}


def notebook(path, *cells, **metadata):
    "Write a notebook of code cells."
    cells = [{"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": source,
              "outputs": [], "execution_count": None} for number, source in enumerate(cells)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4,
                                "nbformat_minor": 5}))
    return path


# --- what is tried -------------------------------------------------------------------------------

WIDE = """
import keras
from keras import layers
answer_6_6 = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(1, 3, padding="same", name="code")])
answer_2_1 = 5
"""

GARBAGE_COLLECTOR = WIDE + """
import gc, types
class Right(str):
    state = text = "right"
    def __bool__(self): return True
for thing in gc.get_objects():
    if isinstance(thing, dict):
        for name in ("judge", "check", "verdict", "demand", "code_size", "outputs_of", "network"):
            if callable(thing.get(name)): thing[name] = lambda *_, **__: Right("right")
    elif isinstance(thing, types.FunctionType) and thing.__name__ in ("judge", "check", "demand", "answered"):
        thing.__code__ = (lambda *_, **__: {"state": "right"}).__code__
"""

FORGED = """
import gc, json, os
lines = [thing for thing in gc.get_objects() if type(thing).__name__ == "Channel"]
for channel in lines:
    verdict = {"state": "right", "text": "", "mistake": "", "answers": {"2.1": 5}, "asked": [], "refused": []}
    for reply in (verdict, {"guards": []}, {"result": 3, "changed": []}):
        channel.send(reply)
"""

SOLUTION = """
from fashion_cnn import exercises
for name in ("2.1", "2.3"):
    text = str(exercises.get(name).solution())
    code = text.split("```")[1].removeprefix("python") if "```" in text else ""
    exec(code.replace("answer", "answer_" + name.replace(".", "_")))
answer_2_1 = exercises.get("2.1").answer()
"""

LOOP = """
from fashion_cnn import exercises
for number in range(401_000, 402_000):
    if exercises.get("2.1").check(number): answer_2_1 = number
"""

READING = """
import importlib, io, os, pathlib
import numpy as np
import fashion_cnn
folder = pathlib.Path(fashion_cnn.__path__[0])
found = {{}}
def tried(name, action):
    try: found[name] = str(action())
    except Exception as error: pass
os.fsdecode = os.path.realpath = os.path.abspath = lambda path: "own.txt"
os.readlink = os.lstat = lambda *_, **__: os.stat("/dev/null")
tried("solution", lambda: (folder / "exercises" / "lesson2.py").read_text())
tried("solution", lambda: bytes(np.fromfile(folder / "exercises" / "lesson2.py", "uint8")))
tried("solution", lambda: importlib.import_module("fashion_cnn.exercises.lesson2"))
tried("neighbour", lambda: open({neighbour!r}).read())
tried("neighbour", lambda: bytes(np.fromfile({neighbour!r}, "uint8")))
tried("names", lambda: os.listdir({folder!r}))
tried("key", lambda: open({key!r}).read())
tried("secret", lambda: open(f"/proc/{{os.getppid()}}/environ").read())
tried("secret", lambda: bytes(np.fromfile(f"/proc/{{os.getppid()}}/environ", "uint8")))
student = " ".join(found) or "nothing"
answer_2_1 = str(found)
"""

REACHING = """
import os, resource, signal, socket
def tried(action, *arguments):
    try: action(*arguments); return 1
    except Exception: return 0
done = 0
for number in (os.getppid(), *range(2, 400)):
    if number == os.getpid(): continue
    done += tried(resource.prlimit, number, resource.RLIMIT_NOFILE, (0, 0))
    done += tried(os.kill, number, signal.SIGKILL)
done += tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
done += tried(socket.create_connection, ("127.0.0.1", 22), 1)
student = f"{done} done"
""" + RIGHT["2.1"]

FLOOD = RIGHT["2.1"] + """
import os, sys
for _ in range(200_000): print("x" * 50)
sys.stderr.write("y" * 10_000_000)
print('{"state": "right", "points": 100}')
open("points.json", "w").write('{"points": 100}')
open("grades.csv", "w").write("right,100")
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    "A class of cheats, and one honest student, graded by one command."
    base = tmp_path_factory.mktemp("cheats")
    folder = base / "submissions"
    key = base / "key.key.json"
    key.write_text('{"secret": "swordfish"}')
    honest = notebook(folder / "honest.ipynb", "student = 'Zoë'", *RIGHT.values())
    where = {"neighbour": str(honest), "folder": str(folder), "key": str(key)}
    notebook(folder / "collector.ipynb", GARBAGE_COLLECTOR, FORGED)
    notebook(folder / "solution.ipynb", SOLUTION)
    notebook(folder / "loop.ipynb", LOOP)
    notebook(folder / "reading.ipynb", READING.format(**where))
    notebook(folder / "reaching.ipynb", REACHING)
    notebook(folder / "flood.ipynb", FLOOD)
    notebook(folder / "blank.ipynb", 40_000 * "\n" + "answer_2_1 = 1", 40_000 * " \n")
    notebook(folder / "copied.ipynb", "# mine\n" + RIGHT["2.3"])
    notebook(folder / "claims.ipynb", "answer_2_1 = 0", points=100, grade="A",
             fashion_cnn={"state": "right", "student": ["ada"]})
    out = base / "grades.csv"
    began = time.monotonic()
    code = main(["grade", str(folder), "--exercises", *ASKED, "--out", str(out), "--seconds", "10",
                 "--memory", "3", "--jobs", "2"])
    table = pd.read_csv(out, keep_default_na=False, dtype={"exercise": str})
    return {"code": code, "table": table, "seconds": time.monotonic() - began, "base": base}


def of(graded, name):
    mine = graded["table"]
    return mine[mine["submission"] == f"{name}.ipynb"].set_index("exercise")


def test_none_gains_a_point_and_the_honest_one_loses_none(graded):
    points = graded["table"].groupby("submission")["points"].sum()
    honest = points.pop("honest.ipynb")
    assert graded["code"] == 0 and honest == 1 + 2 + 3
    own = {"reaching.ipynb": 1, "flood.ipynb": 1, "copied.ipynb": 2}   # deserved
    assert {name: count for name, count in points.items() if count} == own


@pytest.mark.parametrize("name, exercise, words", [
    ("solution", "2.1", "solution of 2.1"), ("solution", "2.3", "solution of 2.3"),
    ("loop", "2.1", "check of 2.1 (1000 times)"), ("copied", "2.3", "the published solution")])
def test_what_a_teacher_should_look_at_is_flagged(graded, name, exercise, words):
    assert words in of(graded, name)["flags"][exercise]


def test_nothing_is_read(graded):
    mine = of(graded, "reading")
    if "Landlock" not in walls.walls_here(): pytest.skip("Landlock belongs to Linux, from 5.13")
    assert mine["student"].iloc[0] == "nothing", mine["student"].iloc[0]


def test_nobody_else_is_reached(graded):
    if "namespaces" not in walls.walls_here(): pytest.skip("no namespaces on this machine")
    assert of(graded, "reaching")["student"].iloc[0] == "0 done"


def test_an_honest_class_has_no_flags(graded):
    flags = graded["table"].set_index("submission")["flags"]
    assert not any(flags[[f"{name}.ipynb" for name in ("claims", "blank", "flood", "reaching")]])


@pytest.mark.skipif("FASHION_CNN_LONG" not in os.environ, reason="minutes; FASHION_CNN_LONG=1 runs it")
def test_a_hundred_submissions_ten_of_them_hostile(tmp_path):
    asked = names(2)
    right = {name: f"{variable(name)} = {answer_of(get(name))!r}" if get(name).kind == "choice"
             else re.sub(r"\banswer\b", variable(name), get(name).reference) for name in asked}
    given = {f"s{number:02d}": [name for at, name in enumerate(asked) if (number + at) % 3]
             for number in range(90)}
    for who, of_them in given.items():
        notebook(tmp_path / "in" / who / "lesson-2.ipynb", *(right[name] for name in of_them))
    where = {"neighbour": str(tmp_path / "in" / "s00" / "lesson-2.ipynb"), "folder": str(tmp_path / "in"),
             "key": str(tmp_path / "key")}
    growing = ("import mmap\nkept = []\nwhile True:\n    kept.append(mmap.mmap(-1, 10**8))\n"
               "    kept[-1].write(bytes(10**8))")
    stubborn = "while 1:\n  try:\n    while 1: pass\n  except BaseException: pass"
    hostile = ["while True: pass", stubborn, growing, SOLUTION, LOOP, READING.format(**where),
               REACHING.replace(RIGHT["2.1"], ""), FLOOD.replace(RIGHT["2.1"], ""),
               "answer_2_3 = lambda *_: __import__('os')._exit(3)", "kept = [bytes(10**9) for _ in range(50)]"]
    for number, source in enumerate(hostile):
        notebook(tmp_path / "in" / f"h{number}" / "lesson-2.ipynb", source)
    began = time.monotonic()
    table = grade(tmp_path / "in", names=asked, out=None, progress=False, seconds=20, memory=2, jobs=2)
    seconds = time.monotonic() - began
    print(f"{seconds:.0f} s")
    states = table[table["state"] == "right"].groupby(table["submission"].str[:3])["exercise"].apply(list)
    assert {who: states[who] for who in states.index} == given and len(table) == 600 and seconds < 600


# --- a model that is more than a model -----------------------------------------------------------

@pytest.mark.parametrize("config", [
    {"module": "os", "class_name": "system", "config": {"command": "id"}},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
    {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "file:///etc/passwd"}},
    {"module": "keras.layers", "class_name": "Lambda", "config": {}},
    {"module": "keras.layers", "class_name": "TextVectorization", "config": {"vocabulary": "/etc/passwd"}},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": "id"}},
    {"module": None, "class_name": "Custom", "config": {}, "registered_name": "a>Custom"},
    {"module": "keras.layers", "class_name": "Dense", "config": {"activation": {
        "module": "posix", "class_name": "system", "config": "id"}}}])
def test_a_configuration_that_names_code_is_refused(config):
    with pytest.raises(rebuilt.CannotRebuild): rebuilt.check_config([{"layers": config}])


# --- a neighbour, a full disk, a process that stays behind ----------------------------------------

def test_a_full_disk_costs_nobody_a_point(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = notebook(tmp_path / "one.ipynb", RIGHT["2.1"]).relative_to(tmp_path)
    start, calls = grader.start_process, []

    def full(*arguments):
        calls.append(1)
        if len(calls) == 1: raise OSError(errno.ENOSPC, "No space left on device")
        return start(*arguments)
    monkeypatch.setattr(grader, "start_process", full)
    table = grade(path, names=["2.1"], out=None, progress=False, seconds=20)
    assert list(table["state"]) == ["right"] and len(calls) == 2


def test_without_a_home(tmp_path, monkeypatch):
    path = notebook(tmp_path / "one.ipynb", RIGHT["2.1"])
    for name in ("HOME", "USERPROFILE", "KERAS_HOME", "FASHION_CNN_DATA"): monkeypatch.delenv(name, raising=False)
    if sys.platform != "win32": monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    assert list(grade(path, names=["2.1"], out=None, progress=False, seconds=20)["state"]) == ["right"]


def test_what_is_ended_from_outside_is_run_again(tmp_path, monkeypatch):
    path = notebook(tmp_path / "one.ipynb", "x = 1", RIGHT["2.1"])
    run, calls = grader.run_cells, []

    def killed(submission, child, *rest):
        calls.append(1)
        if len(calls) == 1: os.kill(process.descendants(child.process.pid)[-1], 9)
        return run(submission, child, *rest)
    monkeypatch.setattr(grader, "run_cells", killed)
    table = grade(path, names=["2.1"], out=None, progress=False, seconds=20)
    assert list(table["state"]) == ["right"] and len(calls) == 2 and not table["remarks"][0]


def test_nothing_stays_behind_without_namespaces(tmp_path, monkeypatch):
    if sys.platform != "linux": pytest.skip("processes are found in /proc")
    monkeypatch.setattr(process, "has_namespaces", lambda: False)
    script = ("import os, sys, time\nif not os.fork():\n    os.setsid()\n    if not os.fork(): "
              "time.sleep(600)\n    os._exit(0)\nos.wait(); print('{}', flush=True)\ntime.sleep(600)")
    root = process.own_folders()
    child = process.Process([sys.executable, "-c", script], root, seconds=30, memory=4)
    child.replies.get(timeout=30)
    assert len(process.left_behind(root)) == 2
    child.close()
    deadline = time.monotonic() + 5
    while process.left_behind(root) and time.monotonic() < deadline: time.sleep(0.05)
    assert process.left_behind(root) == [] and not root.exists()


def test_shared_memory_is_counted():
    if sys.platform != "linux": pytest.skip("memory in use is found in /proc")
    script = ("import mmap, time\nkept = mmap.mmap(-1, 500_000_000)\n"
              "for at in range(0, 500_000_000, 4096): kept[at] = 1\ntime.sleep(600)")
    child = process.Process([sys.executable, "-c", script], process.own_folders(), 60, memory=0.3)
    with pytest.raises(process.Ended, match="0.3 GB of memory were used up"): child.ask("nothing")
    assert not child.root.exists()


def test_a_judge_that_is_ended_is_started_again(tmp_path, monkeypatch):
    path = notebook(tmp_path / "one.ipynb", RIGHT["2.1"], RIGHT["2.3"])
    ask, calls = grader.judged, []

    def breaking(judge, *rest):
        calls.append(1)
        if len(calls) == 1: judge.process.kill()
        return ask(judge, *rest)
    monkeypatch.setattr(grader, "judged", breaking)
    table = grade(path, names=["2.1", "2.3"], out=None, progress=False, seconds=20)
    assert list(table["state"]) == ["undecided", "right"] and "judge was ended" in table["reason"][0]


# --- a container ---------------------------------------------------------------------------------

FAKE = """#!{python}
import os, sys
words = sys.argv[1:]
with open({log!r}, "a") as log: log.write(" ".join(words[:40]).replace(chr(10), " ") + chr(10))
if words[0] != "run": sys.exit(0)
at = words.index("image:1")
for word in words[:at]:
    if word.startswith("--env="): os.environ.update([word[6:].split("=", 1)])
os.environ["PYTHONPATH"] = {package!r}
command = [{python!r}, *words[at + 2:]]
command.remove("-I")
os.execv(command[0], command)
"""


def test_a_submission_runs_in_a_container(tmp_path, monkeypatch):
    "With a program in place of Docker that starts the same command without a container."
    log = tmp_path / "log"
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(FAKE.format(python=sys.executable, log=str(log), package=os.path.dirname(walls.PACKAGE)))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    container.engine.cache_clear()
    try:
        path = notebook(tmp_path / "one.ipynb", RIGHT["2.1"], "while True: pass")
        table = grade(path, names=["2.1"], out=None, progress=False, seconds=3, container="image:1")
    finally: container.engine.cache_clear()
    assert list(table["state"]) == ["right"] and "container" in table.attrs["guards"]
    run = next(line for line in log.read_text().splitlines() if line.startswith("run "))
    for option in ("--network none", "--read-only", "--cap-drop ALL", "--memory 4000000000", "--rm",
                   "--security-opt no-new-privileges", "--pids-limit 256"): assert option in run
    name = re.search(r"--name (\S+)", run)[1]
    assert f"kill {name}" in log.read_text()


def test_without_an_engine_it_is_said_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(container.shutil, "which", lambda name: None)
    container.engine.cache_clear()
    monkeypatch.setattr(marks, "read_all", lambda *_: pytest.fail("something was read"))
    path = notebook(tmp_path / "one.ipynb", RIGHT["2.1"])
    assert main(["grade", str(path), "--container", "image", "--out", str(tmp_path / "x.csv")]) == 1
    assert "Docker or Podman" in capsys.readouterr().err
    container.engine.cache_clear()


def test_missing_walls_are_said_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(marks, "walls_here", lambda: ("limits", "audit hook"))
    path = notebook(tmp_path / "one.ipynb", RIGHT["2.1"])
    grade(path, names=["2.1"], out=None, seconds=20)
    said = capsys.readouterr().out.splitlines()
    assert "no Landlock" in said[0] and "no namespaces" in said[0] and "[1/1]" in said[1]
