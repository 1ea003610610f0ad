"Assignments to hand out, and submissions of every kind graded by real processes; none does harm."
import json
import os
import re
import subprocess
import sys
from functools import lru_cache

import nbformat
import numpy as np
import pandas as pd
import pytest

from fashion_cnn import exercises
from fashion_cnn.cli import main
from fashion_cnn.exercises import answer_of, get, names
from fashion_cnn.grading import (STATES, Unreadable, assignment, collect, code_of, exchange, grade,
                                 grader, judge, marks, process, rebuilt, totals,
                                 variable)

COMMAND = [sys.executable, "-c", "from fashion_cnn.cli import main; raise SystemExit(main())"]
ASKED = ["2.1", "2.3", "2.4"]
HEAD = "student = {student!r}\n"
RIGHT = {name: re.sub(r"\banswer\b", variable(name), get(name).reference) for name in names()}
WRONG = {"2.1": f"answer_2_1 = {answer_of(get('2.1').mistakes[0])}",
         "2.3": "answer_2_3 = lambda losses, patience: (len(losses), 1 + losses.index(min(losses)))",
         "2.4": "answer_2_4 = lambda x, keep, rate, training: x * keep"}


def notebook(path, *cells, student="Somebody"):
    "Write a notebook of code cells."
    cells = [HEAD.format(student=student), *cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "id": f"c{number}", "metadata": {},
                                           "source": source, "outputs": [], "execution_count": None}
                                          for number, source in enumerate(cells)], "metadata": {},
                                "nbformat": 4, "nbformat_minor": 5}))
    return path


def tree(folder):
    "What a folder holds, with its contents and rights."
    return {str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes()
                                            if path.is_file() else None)
            for path in folder.rglob("*")}


@lru_cache(maxsize=None)
def landlock():
    "Whether this system can keep compiled code from writing."
    probe = [sys.executable, "-c",
             "from fashion_cnn.grading.walls import landlock; print(landlock('/tmp'))"]
    return "Landlock" in subprocess.run(probe, capture_output=True, text=True, check=True).stdout


def rows(table, name):
    "State of each exercise of one submission."
    mine = table[table["submission"] == f"{name}.ipynb"].set_index("exercise")
    return dict(mine["state"]), dict(mine["reason"]), mine["remarks"].iloc[0]


# --- the bar: a class of accidents and tricks, in one command ------------------------------------

TRICKS = '''
import builtins, math, sys, json, os, gc
import numpy as np
from fashion_cnn import exercises
import fashion_cnn.run
np.allclose = math.isclose = np.array_equal = lambda *_, **__: True
np.asarray = lambda *_, **__: 3
for module in list(sys.modules.values()):
    for name in ("check", "alike", "call", "answer_of", "verdict_on", "judged", "to_plain",
                 "guard", "landlock", "result_or_error"):
        if hasattr(module, name): setattr(module, name, lambda *_: {"state": "right", "text": ""})
builtins.isinstance, kept = (lambda *_: True), builtins.isinstance
builtins.isinstance = kept
print(json.dumps({"state": "right", "text": "", "secret": None}))
class Everything(float):
    def __eq__(self, other): return True
    def __float__(self): return 401472.0
answer_2_1 = Everything(5)
'''

REACHING = '''
import os, shutil, sqlite3, pathlib
def tried(action, *arguments, **named):
    try: action(*arguments, **named)
    except OSError: return
    except Exception: return
T = pathlib.Path({teacher!r})
tried((T / "file.txt").write_text, "gone")
tried(os.remove, T / "file.txt")
tried(os.rename, T / "file.txt", T / "other.txt")
tried(os.rename, T / "file.txt", "mine.txt")
tried(os.link, T / "file.txt", "linked.txt")
tried(shutil.rmtree, T / "folder")
tried(os.mkdir, T / "new")
tried(os.chmod, T / "file.txt", 0)
tried(os.truncate, T / "file.txt", 0)
tried(os.symlink, "/", T / "link")
tried(sqlite3.connect, str(T / "base.db"))
os.symlink(T, "door")
tried(open, "door/file.txt", "w")
tried(os.mkdir, "../../../outside")
tried(lambda: os.open("file.txt", os.O_WRONLY | os.O_TRUNC, dir_fd=os.open(T, os.O_RDONLY)))
open("own.txt", "w").write("this is allowed")
os.makedirs("a/b"); shutil.rmtree("a")
os.symlink(T / "folder", "door2"); os.mkdir("shut"); os.chmod("shut", 0)
'''

COMPILED = '''
import ctypes
libc = ctypes.CDLL(None)
libc.unlink({file!r}.encode())
'''
HDF5 = '''
import h5py
with h5py.File({file!r}, "w") as f: f["x"] = 1
'''
OTHERS = '''
import os, subprocess, socket, signal, multiprocessing
def tried(action, *arguments):
    try: action(*arguments)
    except OSError: pass
tried(os.kill, os.getppid(), signal.SIGKILL)
tried(os.killpg, os.getpgid(os.getppid()), signal.SIGKILL)
tried(os.system, "touch " + {file!r})
tried(subprocess.run, ["touch", {file!r}])
tried(os.fork)
tried(socket.create_connection, ("127.0.0.1", 9), 1)
tried(multiprocessing.get_context("spawn").Process(target=print).start)
os.environ["PATH"] = ""
'''


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    "A class of submissions graded by one command, and what the world looked like before and after."
    base = tmp_path_factory.mktemp("class")
    teacher, folder = base / "teacher", base / "submissions"
    (teacher / "folder").mkdir(parents=True)
    folder.mkdir()
    for name in ("file.txt", "folder/deep.txt"): (teacher / name).write_text("precious")
    victim = str(teacher / "file.txt")
    notebook(folder / "right.ipynb", *(RIGHT[name] for name in reversed(ASKED)), student="Zoë")
    notebook(folder / "wrong.ipynb", *(WRONG[name] for name in ASKED), student="=HYPERLINK(\"x\")")
    notebook(folder / "magic.ipynb",
             "%matplotlib inline\n!pip install nothing\nanswer_2_1 = 7 * 7 * 128 * 64 + 64",
             "%%time\nanswer_2_1 = 401472",
             "files = !ls\nif 'google.colab' in str(get_ipython()): 1/0\n"
             + RIGHT["2.3"].replace("answer_2_3(", "helped("),
             "def answer_2_3(*arguments): return helper(*arguments)", "helper = helped",
             "answer_2_4 = ...", "exercises.get(\"2.1\").check(answer_2_1)")
    notebook(folder / "crash.ipynb", "1 / 0", "answer_2_1 = nothing + 1",
             "def answer_2_3(losses, patience): raise RuntimeError('tired')", "oh no", RIGHT["2.4"])
    notebook(folder / "endless.ipynb", RIGHT["2.1"], "while True: pass\nanswer_2_3 = 1",
             "import time\ntime.sleep(1000)", RIGHT["2.4"])
    notebook(folder / "stubborn.ipynb", RIGHT["2.1"],
             "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
             RIGHT["2.4"])
    notebook(folder / "slow.ipynb", "def answer_2_3(losses, patience):\n    while True: pass",
             RIGHT["2.1"], RIGHT["2.4"])
    notebook(folder / "writing.ipynb", REACHING.format(teacher=str(teacher)), RIGHT["2.1"],
             "answer_2_4 = open('own.txt').read()")
    notebook(folder / "compiled.ipynb", RIGHT["2.1"], COMPILED.format(file=victim),
             HDF5.format(file=victim) if landlock() else "", RIGHT["2.4"])
    notebook(folder / "others.ipynb", RIGHT["2.1"], OTHERS.format(file=str(teacher / "new.txt")),
             RIGHT["2.4"])
    notebook(folder / "tricks.ipynb", TRICKS, "answer_2_3 = lambda *_: Everything(2)",
             "answer_2_4 = lambda *_: np")
    notebook(folder / "forger.ipynb", RIGHT["2.1"],
             "import os\nfor number in range(3, 12):\n"
             "  try: os.write(number, b'{\"state\": \"right\"}\\n')\n"
             "  except OSError: pass", RIGHT["2.4"])
    notebook(folder / "leaving.ipynb", RIGHT["2.1"], "import sys\nsys.exit(4)", RIGHT["2.3"],
             "import os\nos._exit(3)", RIGHT["2.4"])
    notebook(folder / "aborting.ipynb", RIGHT["2.1"], RIGHT["2.3"],
             "def answer_2_4(*_):\n    import os\n    os.abort()")
    notebook(folder / "hungry.ipynb", "much = bytearray(10**11)",
             "many = [bytes(10**9) for _ in range(50)]", RIGHT["2.1"])
    notebook(folder / "garbage.ipynb", "answer_2_1 = chr(0xd800)",
             "class Bad(dict):\n    def items(self): raise KeyboardInterrupt\nanswer_2_3 = Bad()",
             "answer_2_4 = a = []\na.append(a)", "x = '\ud800'\nraise ValueError('\ud800')")
    notebook(folder / "spy.ipynb", f"answer_2_1 = open({str(folder / 'right.ipynb')!r}).read()",
             "import os\nanswer_2_3 = os.environ.get('SECRET', 'none')",
             "answer_2_4 = os.environ['HOME'].startswith(" + repr(os.path.expanduser("~")) + ")")
    assert main(["assignment", "2", "--out", str(folder)]) == 0   # handed in as it was handed out
    (folder / "empty.ipynb").write_text("")
    (folder / "text.ipynb").write_text("I could not do it")
    (folder / "web.ipynb").write_text("<!doctype html>")
    (folder / "picture.ipynb").write_bytes(bytes(range(256)))
    (folder / "folder.ipynb").mkdir()
    before, out = (tree(teacher), tree(folder)), base / "grades.csv"
    files = [*sorted(map(str, folder.glob("*.ipynb"))), str(folder / "missing.ipynb")]
    files.remove(str(folder / "folder.ipynb"))
    (base / "tmp").mkdir()
    done = subprocess.run([*COMMAND, "grade", *files, str(folder / "folder.ipynb" / "x"),
                           "--exercises", *ASKED, "--out", str(out),
                           "--seconds", "8", "--jobs", "2"],
                          capture_output=True, text=True,
                          env={**os.environ, "SECRET": "key", "TMPDIR": str(base / "tmp")},
                          timeout=300)
    table = pd.read_csv(out, keep_default_na=False, dtype={"exercise": str, "submission": str})
    return {"done": done, "table": table, "before": before, "after": (tree(teacher), tree(folder)),
            "left": list((base / "tmp").iterdir()), "raw": out.read_bytes()}


def test_one_command_grades_them_all(graded):
    done, table = graded["done"], graded["table"]
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "Traceback" not in done.stdout
    counts = table.groupby("submission").size()
    assert (counts == 3).all() and len(counts) >= 20
    assert set(table["state"]) <= set(STATES)
    assert ((table["points"] > 0) == (table["state"] == "right")).all()
    assert (table["points"] <= table["of"]).all()
    assert table["reason"].str.len().min() > 5
    for name in counts.index:
        assert re.search(rf"\[\d+/{len(counts)}\] {re.escape(name)}: \d of 5 points",
                         done.stdout), name


def test_nothing_is_harmed(graded):
    assert graded["before"] == graded["after"]
    assert [path for path in graded["left"] if path.name.startswith("grading-")] == []


@pytest.mark.parametrize("name, states", [
    ("right", "right right right"), ("wrong", "wrong wrong wrong"),
    ("magic", "right right not-attempted"), ("crash", "failed wrong right"),
    ("endless", "right failed right"), ("stubborn", "right not-attempted failed"),
    ("slow", "right wrong right"), ("writing", "right not-attempted wrong"),
    ("compiled", "right not-attempted right"), ("others", "right not-attempted right"),
    ("tricks", "wrong wrong wrong"), ("leaving", "right right failed"),
    ("aborting", "right right failed"), ("hungry", "right not-attempted not-attempted"),
    ("garbage", "wrong wrong wrong"), ("spy", "failed wrong wrong"),
    ("forger", "right not-attempted failed"),
    ("lesson-2", "not-attempted not-attempted not-attempted"), ("empty", "failed failed failed"),
    ("text", "failed failed failed"), ("web", "failed failed failed"),
    ("picture", "failed failed failed"), ("missing", "failed failed failed")])
def test_each_gets_what_it_deserves(graded, name, states):
    found, reasons, remarks = rows(graded["table"], name)
    wanted = [state.replace("-", " ") for state in states.split()]
    assert list(found.values()) == wanted, (reasons, remarks)


@pytest.mark.parametrize("name, exercise, words", [
    ("right", "2.1", get("2.1").why), ("wrong", "2.1", get("2.1").mistakes[0].words),
    ("crash", "2.1", "Code cell 3, which should give this answer, stopped with NameError"),
    ("crash", "2.3", "RuntimeError: tired"),
    ("endless", "2.3", "was interrupted, as it took too long"),
    ("stubborn", "2.4", "its 8 seconds were used up, in code cell 3"),
    ("slow", "2.3", "no result within the time"),
    ("leaving", "2.4", "ended its own process (exit code 3), in code cell 5"),
    ("aborting", "2.4", "while this answer was tried"),
    ("spy", "2.1", "may not read"), ("lesson-2", "2.1", "in place of the dots"),
    ("empty", "2.3", "the file is empty"), ("text", "2.4", "no notebook"),
    ("missing", "2.1", "no such file"), ("magic", "2.4", "in place of the dots"),
    ("others", "2.3", "gives no answer_2_3"),
    ("forger", "2.4", "something else than an answer came over the line")])
def test_each_has_its_reason(graded, name, exercise, words):
    assert words in rows(graded["table"], name)[1][exercise]


@pytest.mark.parametrize("name, words", [
    ("writing", "wanted to write to"), ("others", "wanted to send a signal to another process"),
    ("compiled", "code cell 3 wanted to go past Python"),
    ("aborting", "crashed (SIGABRT), in code cell 4"), ("hungry", "MemoryError"),
    ("leaving", "SystemExit"), ("stubborn", "used up"),
    ("endless", "code cell 4 was interrupted")])
def test_the_teacher_is_told_what_happened(graded, name, words):
    assert words in rows(graded["table"], name)[2]
    assert name in graded["done"].stdout.partition("What happened on the way:")[2]


def test_the_table_is_safe_to_open(graded):
    students = graded["table"].groupby("submission")["student"].first()
    assert students["wrong.ipynb"].startswith("'=") and students["right.ipynb"] == "Zoë"
    assert graded["raw"].startswith(b"\xef\xbb\xbf")
    texts = [value for value in graded["table"].to_numpy().ravel() if isinstance(value, str)]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]


# --- the walls -----------------------------------------------------------------------------------

WALL = """
import json, os, sys
from fashion_cnn.grading.hook import guard
from fashion_cnn.grading.walls import landlock
import h5py, numpy as np, multiprocessing
own, teacher, refused = sys.argv[1], sys.argv[2], []
{wall}
def tried(action, *arguments):
    try: action(*arguments); return "done"
    except Exception as error: return type(error).__name__
os.chdir(own)
results = [tried(h5py.File, teacher + "/a.h5", "w"), tried(os.mkfifo, teacher + "/fifo"),
           tried(np.save, teacher + "/b.npy", 1), tried(os.execv, "/bin/true", ["true"]),
           tried(h5py.File, own + "/c.h5", "w"), tried(np.save, own + "/d.npy", 1),
           tried(open, os.devnull, "w"), tried(open, teacher + "/read.txt")]
print(json.dumps(results))
"""


def walled(wall, tmp_path):
    for name in ("own", "teacher"): (tmp_path / name).mkdir()
    (tmp_path / "teacher" / "read.txt").write_text("")
    done = subprocess.run([sys.executable, "-c", WALL.format(wall=wall), str(tmp_path / "own"),
                           str(tmp_path / "teacher")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), sorted(path.name for path in (tmp_path / "teacher").iterdir())


def test_landlock_alone_stops_compiled_code(tmp_path):
    if not landlock(): pytest.skip("Landlock belongs to Linux, from 5.13")
    results, there = walled("assert landlock(own)", tmp_path)
    assert "done" not in results[:4] and results[4:] == ["done"] * 4 and there == ["read.txt"]


def test_the_hook_alone_stops_python(tmp_path):
    results, there = walled("guard(own, refused)", tmp_path)
    assert results[2] == results[3] == "PermissionError" and results[4:] == ["done"] * 4
    assert "b.npy" not in there


def test_links_are_not_followed_when_a_folder_is_removed(tmp_path):
    for name in ("own", "own/shut", "teacher"): (tmp_path / name).mkdir()
    (tmp_path / "own" / "door").symlink_to(tmp_path / "teacher")
    (tmp_path / "own" / "shut" / "file").write_text("")
    (tmp_path / "own" / "shut").chmod(0), (tmp_path / "teacher").chmod(0o500)
    process.remove_folder(tmp_path / "own")
    assert not (tmp_path / "own").exists()
    assert (tmp_path / "teacher").stat().st_mode & 0o777 == 0o500


def test_interrupting_ends_all_processes(tmp_path, monkeypatch):
    path = notebook(tmp_path / "loop.ipynb", RIGHT["2.1"], "while True: pass")
    terms = []
    kept = marks.Terms
    monkeypatch.setattr(marks, "Terms", lambda *parts, **named: terms.append(kept(*parts, **named))
                        or terms[-1])
    done = notebook(tmp_path / "done.ipynb", RIGHT["2.1"])

    def stop(self, submission): raise KeyboardInterrupt
    monkeypatch.setattr(marks.Book, "enter", stop)
    with pytest.raises(KeyboardInterrupt):
        grade([path, done], names=["2.1"], out=None, progress=False, seconds=300, jobs=2)
    assert [one for one in terms[0].live if one.process.poll() is None] == []


# --- assignments ---------------------------------------------------------------------------------

@pytest.mark.parametrize("lesson", range(1, 10))
def test_assignments_are_notebooks_without_solutions(lesson, tmp_path):
    path = assignment(lesson, tmp_path / "out", key=tmp_path / "key")
    content = nbformat.read(path, 4)
    nbformat.validate(content)
    nbformat.validate(nbformat.read(tmp_path / "key" / f"lesson-{lesson}-key.ipynb", 4))
    text = "\n".join(cell.source for cell in content.cells)
    for name in names(lesson):
        task, cells = get(name), {cell.id: cell.source for cell in content.cells}
        assert task.reference not in text and task.why not in text
        assert f"`{variable(name)}" in cells[f"question-{name.replace('.', '-')}"]
        assert "`answer`" not in text and "`answer(" not in text
        space = {}
        exec(cells[f"answer-{name.replace('.', '-')}"], space)
        verdict = task.check(space[variable(name)])
        assert not verdict and verdict.state == "not attempted"
        if arguments := re.search(r"^def answer(\(.*\)):", task.reference, re.MULTILINE):
            assert f"def {variable(name)}{arguments[1]}:" in text
    install = next(cell.source for cell in content.cells if cell.id == "install")
    assert '"google.colab" in str(get_ipython())' in install
    assert re.search(r"install -q (git\+https://git\w+\.com/[\w.-]+/)?fashion_cnn", install)


def test_the_key_is_right_by_its_own_cells(tmp_path):
    assignment(2, tmp_path / "out", key=tmp_path / "key")
    cells = {cell.id: cell.source
             for cell in nbformat.read(tmp_path / "key" / "lesson-2-key.ipynb", 4).cells}
    for name in names(2):
        space = {"exercises": exercises}
        exec(cells[f"answer-{name.replace('.', '-')}"], space)
        assert eval(cells[f"check-{name.replace('.', '-')}"], space)


def test_some_exercises_and_nothing_overwritten(tmp_path, capsys):
    words = ["assignment", "3", "--out", str(tmp_path / "a"), "--exercises", "3.4", "3.1"]
    assert main(words) == 0
    path = tmp_path / "a" / "lesson-3.ipynb"
    ids = [cell.id for cell in nbformat.read(path, 4).cells]
    assert [id for id in ids if id.startswith("answer")] == ["answer-3-1", "answer-3-4"]
    path.write_text("changed by the teacher")
    assert main([*words, "--key", str(tmp_path / "k")]) == 1
    assert "there already" in capsys.readouterr().err
    assert path.read_text() == "changed by the teacher" and not (tmp_path / "k").exists()
    assert main([*words, "--force"]) == 0 and len(code_of(path)) == 3 + 4
    words = ["assignment", "3", "--out", str(tmp_path / "b")]
    assert main([*words, "--key", str(tmp_path / "b")]) == 1
    assert "another folder" in capsys.readouterr().err
    assert main([*words, "--exercises", "2.1"]) == 1 and "3.1" in capsys.readouterr().err


@pytest.mark.parametrize("words, says", [
    (["assignment"], "--out"), (["assignment", "3"], "--out"),
    (["assignment", "12", "--out", "x"], "no lesson"),
    (["assignment", "3", "--out", "x", "--exercises", "3.99"], "3.99"),
    (["grade"], "FILE"), (["grade", "x", "--seconds", "0"], "above 0"),
    (["grade", "x", "--memory", "much"], "above 0"),
    (["grade", "x", "--jobs", "0"], "from 1 up"),
    (["grade", "x", "--lesson", "zero"], "no lesson")])
def test_bad_arguments_end_with_2(words, says, capsys):
    with pytest.raises(SystemExit) as ended: main(words)
    assert ended.value.code == 2 and says in capsys.readouterr().err


@pytest.mark.parametrize("name", ["assignment", "grade", "verify"])
def test_help(name, capsys):
    with pytest.raises(SystemExit) as ended: main([name, "--help"])
    assert ended.value.code == 0 and name in capsys.readouterr().out


def test_no_tensorflow_and_no_pandas_for_an_assignment(tmp_path):
    code = ("import sys; from fashion_cnn.cli import main; main(sys.argv[1:]); "
            "print(sorted({'tensorflow', 'keras', 'pandas', 'IPython'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code, "assignment", "1", "--out", str(tmp_path)],
                          capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


# --- reading, and values on the line -------------------------------------------------------------

@pytest.mark.parametrize("content, words", [
    (b"", "empty"), (b"{", "no notebook"), (b"[" * 100_000, "no notebook"),
    (b"\xff\xfe\x00", "no notebook"), (b"3", "JSON"), (b"{}", "JSON"),
    (b'{"cells": 3}', "JSON"), (b'{"cells": [1]}', "JSON"), (b'{"cells": []}', "no code"),
    (b'{"worksheets": []}', "old format"),
    (b'{"cells": [{"cell_type": "code", "source": ["  "]}]}', "no code"),
    (json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 2001}).encode(), "more than"),
    (b" " * 20_000_001, "more than 20 MB")])
def test_what_is_no_notebook(content, words, tmp_path):
    (tmp_path / "x.ipynb").write_bytes(content)
    with pytest.raises(Unreadable, match=words): code_of(tmp_path / "x.ipynb")


def test_notebooks_are_read_as_editors_write_them(tmp_path):
    cells = [{"cell_type": "markdown", "source": "a"},
             {"cell_type": "code", "source": ["a\n", "b"]}, {"cell_type": "code"}]
    content = b"\xef\xbb\xbf" + json.dumps({"cells": cells}).encode()
    (tmp_path / "x.ipynb").write_bytes(content)
    assert code_of(tmp_path / "x.ipynb") == ["a\nb", ""]


IN_KERAS = ["1.6", "1.7", "3.6", "4.4", "5.4", "5.5", "6.6"]    # models, and functions of models
# 3.8 and 5.6 are left out: their oracles bring TensorFlow
WITHOUT_KERAS = [name for name in names() if get(name).kind != "choice"
                 and name not in (*IN_KERAS, "3.8", "5.6")]

# A class of one's own travels as the graph that its `call` leaves, and there `training=` is written down.
AS_A_GRAPH = {("3.6", "is never told"): "is written into the model"}


def line(value): return json.loads(json.dumps(value))


def over_the_line(function):
    "A stand-in for a function; arguments, results and what became of the arguments are text."
    def answer(*arguments):
        lender = rebuilt.Lender()
        def sent_and_back(value): return exchange.from_plain(line(exchange.to_plain(value)))
        borrower = rebuilt.Borrower(lambda number, given: sent_and_back(
            lender.objects[number](*sent_and_back(list(given)))))
        sent = line(exchange.to_plain(arguments, other=lender.plain))
        result = function(*exchange.from_plain(sent, other=borrower.value))
        reply = line(exchange.to_plain(result, other=lambda one: rebuilt.answered(borrower, one)))
        lender.change(line(rebuilt.changes(borrower)))
        return exchange.from_plain(reply, other=lender.back)
    return answer


def as_judged(solved):
    "An answer as it reaches the judge."
    value = answer_of(solved)
    nothing_lent = rebuilt.Borrower(None)
    plain = exchange.to_plain(value, other=lambda one: rebuilt.answered(nothing_lent, one))
    return exchange.from_plain(line(plain), over_the_line(value), rebuilt.model_from_plain)


@pytest.mark.parametrize("name", WITHOUT_KERAS + IN_KERAS)
def test_solutions_and_mistakes_survive_the_line(name):
    "Judged through text, as over the line, every verdict is the same as in one process."
    task = get(name)
    verdict = task.check(as_judged(task))
    assert verdict, verdict
    for mistake in task.mistakes[:3 if name in WITHOUT_KERAS else None]:
        words = AS_A_GRAPH.get((name, mistake.words), mistake.words)
        assert words in task.check(as_judged(mistake)).text


def over(value):
    "What a student wrote, as it reaches the judge."
    borrower = rebuilt.Borrower(None)
    plain = exchange.to_plain(value, other=lambda one: rebuilt.answered(borrower, one))
    return exchange.from_plain(line(plain), over_the_line(value), rebuilt.model_from_plain)


def two_convolutions(activation="relu"):
    from keras import Input, Sequential, layers
    kind = {"padding": "same", "activation": activation}
    return Sequential([Input((28, 28, 1)), layers.Conv2D(4, 3, **kind), layers.Conv2D(4, 3, **kind),
                       layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")])


def test_losses_of_keras_may_be_named_as_functions():
    import keras
    loss = keras.losses.sparse_categorical_crossentropy
    assert get("1.7").check(over(lambda network: network.compile("adam", loss)))
    network = two_convolutions()
    network.compile("adam", loss, metrics=[keras.metrics.sparse_categorical_accuracy])
    assert get("1.6").check(over(network))


def test_what_cannot_travel_is_undecided_and_not_wrong():
    import keras
    with pytest.raises(rebuilt.CannotRebuild): over(two_convolutions(lambda x: keras.ops.maximum(x, 0)))

    def told(augmentation, network):
        class Both(keras.Model):
            def call(self, images, training=False):
                return network(augmentation(images, training=True) if training else images)
        model = Both()
        model(np.zeros((1, 28, 28, 1)))
        return model
    with pytest.raises(rebuilt.CannotRebuild): get("3.6").check(over(told))


def test_values_on_the_line():
    class Lies(str):
        def __eq__(self, other): return True
        def strip(self, *_): return self
        __hash__ = str.__hash__
    plain = exchange.to_plain
    assert type(plain(Lies("x"))) is str and plain(object()) == {"other": "object"}
    assert plain(np.int64) == {"function": "type", "begun": True}
    assert plain(np.zeros(5_000_000)) == {"other": "ndarray"}
    assert plain(np.array([None, 1])) == {"list": [None, 1]}
    assert plain(iter([1, 2])) == {"list": [1, 2]} and plain({(1, 2)}) == {"other": "set"}
    objects = {"array": "AAAA", "dtype": "O", "shape": [1], "scalar": False}
    for bad in (objects, {**objects, "dtype": "<f8", "shape": [9]}):
        with pytest.raises(ValueError): exchange.from_plain(bad)
    table = pd.DataFrame({"id": [3, 4], "target": ["a", None]}, index=[7, 8])
    assert exchange.from_plain(json.loads(json.dumps(plain(table)))).equals(table)
    assert type(exchange.from_plain({"other": "__import__('os')"})).__name__ == "object"


# --- the table -----------------------------------------------------------------------------------

def test_which_exercises(tmp_path):
    one = notebook(tmp_path / "one.ipynb", RIGHT["2.1"])
    notebook(tmp_path / "two.ipynb", "answer_2_1 = ...\nanswer_9_1 = 3\nanswer_99_1 = 1")
    notebook(tmp_path / "three.ipynb", "answer_2_1 = ...")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    notebook(tmp_path / ".ipynb_checkpoints" / "one-checkpoint.ipynb", "answer_2_1 = 1")
    found = collect.submissions_of([tmp_path, str(tmp_path / "*.ipynb"), one])
    assert [submission.name for submission in found] == ["one.ipynb", "three.ipynb", "two.ipynb"]
    here = judge.Judge(None, None)
    read = [here.read(str(one.path), names(), "", cells=False) for one in found]
    named = [tuple(each["named"]) for each in read]
    assert named == [("2.1",), ("2.1",), ("2.1", "9.1")]
    assert collect.expected_exercises(named) == ["2.1"]
    wanted = {number: collect.Found(each) for number, each in enumerate(named)}
    assert collect.wanted_exercises(2, None, None, wanted, "") == names(2)
    assert collect.wanted_exercises(None, ["9.1", 2.1], None, wanted, "") == ["2.1", "9.1"]
    assert collect.wanted_exercises([2, 9], None, None, wanted, "") == names(2) + names(9)
    with pytest.raises(ValueError, match="several assignments.*1 of lesson 2 and 2 of lesson 3"):
        collect.expected_exercises([("2.1", "2.2"), ("3.1", "3.2"), ("3.1",)])


def test_which_files(tmp_path):
    (tmp_path / "again").mkdir()
    one = notebook(tmp_path / "one.ipynb", RIGHT["2.1"])
    again = notebook(tmp_path / "again" / "one.ipynb", "1")
    found = collect.submissions_of([one, again])
    assert {submission.name for submission in found} == {str(one), str(again)}
    for paths in ([], tmp_path / "*.txt"):
        with pytest.raises(FileNotFoundError, match="no notebook to grade"): grade(paths, out=None)
    with pytest.raises(ValueError, match="name no exercise"): grade(again, out=None)
    with pytest.raises(ValueError, match="lesson 2"): grade(one, lesson=2, names=["3.1"], out=None)
    for wrong in (dict(seconds=0), dict(memory=-1), dict(jobs=1.5), dict(seconds=float("inf")),
                  dict(jobs=True)):
        with pytest.raises(ValueError, match="Received"): grade(one, out=None, **wrong)


def test_a_flag_is_for_the_exercise_it_names_and_for_no_other():
    paper = grader.Submission("a.ipynb", "a", flags=["code cell 1 asked for the solution of 10.10"])
    assert grader.flags_of(paper, "10.10") and not grader.flags_of(paper, "10.1")


def test_a_copy_is_known_beside_a_sum_that_is_too_deep_to_be_looked_at():
    deep = f"total = {'1 + ' * 1500}1\n"
    task = next(get(name) for name in names() if judge.is_copy(get(name).reference.replace("answer", variable(name)), get(name)))
    assert not judge.is_copy(deep, task) and judge.is_copy(deep + task.reference.replace("answer", variable(task.name)), task)


def test_totals():
    table = pd.DataFrame({"submission": ["a", "a", "b", "b", ""], "exercise": ["1.1", "1.3"] * 2 + ["1.1"],
                          "state": ["right", "wrong", "failed", "undecided", "not attempted"],
                          "points": [1, 0, 0, 0, 0], "of": [1, 2, 1, 2, 1],
                          "remarks": ["", "", "x", "x", ""], "student": "s", "level": "easy",
                          "identifier": ["u1", "u1", "u2", "u2", "u3"], "reason": "-",
                          "flags": ["copied", "copied", "", "", ""], "time": ""})
    found = totals(table)
    assert list(found["points"]) == [1, 0, 0] and list(found["of"]) == [3, 3, 1]
    assert list(found["failed"]) == [0, 1, 0] and found["remarks"]["b"] == "x"
    assert found["flags"]["a"] == "copied" and found["identifier"]["u3"] == "u3"


def test_every_known_mistake_is_counted_under_its_own_name():
    "Also where its sentence is the beginning of another one's."
    for name in names():
        for mistake, words in get(name).words.items(): assert judge.mistake_of(get(name), words) == mistake
        assert judge.mistake_of(get(name), "Something else.") == ""


def test_an_answer_that_nothing_here_can_decide_is_not_the_students_fault(monkeypatch):
    monkeypatch.setattr("fashion_cnn.run.recorded", lambda *_: [])
    here = judge.Judge(None, None)
    assert here.judge("2.2", "a", "")["state"] == "undecided"
    assert here.judge("2.2", {"dots": True}, "")["state"] == "not attempted"
