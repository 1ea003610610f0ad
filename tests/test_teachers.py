"A teacher's own lesson, from a notebook to marks that go back to where the class came from."
import csv
import io
import json
import os
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_cnn import exercises
from fashion_cnn.cli import main
from fashion_cnn.exercises.exercise import EXERCISES, QUESTIONS
from fashion_cnn.exercises.question import read_questions
from fashion_cnn.grading import assignment, collect, grade, grader, handout, load_key, marks, read_lesson
from fashion_cnn.grading.certificate import verify, write_records
from fashion_cnn.grading.forms import marks_of, write_forms
from fashion_cnn.grading.key import Key, register
from fashion_cnn.grading.pages import class_figure, counted, misconceptions, write_pages
from fashion_cnn.grading.roster import Student, owner_of, read_roster
from fashion_cnn.grading.variants import class_values, exercise_for, with_values

LESSON = [("markdown", "# Kernels\n\nRead the question twice."),
          ("code", "#| given\nimport numpy as np\nscale = 3"),
          ("markdown", "## 10.1 Weights of a layer (easy)\n\nHow many numbers do {kernels} kernels of "
           "{size} x {size} learn on colour images, in $x_{i}$? `answer` is a number.\n\nHints:\n\n"
           "1. Colour images have three channels.\n\nRead: [Kernels](https://example.org/kernels)\n\n"
           "Mistakes:\n\n- *no_bias*: Each kernel has a bias."),
          ("code", 'from fashion_cnn.exercises import choice, function, number, solves\n\n'
           'def sizes(rng):\n    return {"kernels": int(rng.integers(10, 900)), "size": int(rng.choice([3, 5]))}\n\n'
           '@solves("10.1", number(), variant=sizes)\ndef weights(kernels, size):\n'
           '    return kernels * (size * size * 3 + 1)\n\n'
           'weights.mistake(no_bias=lambda kernels, size: kernels * size * size * 3)'),
          ("markdown", "## 10.2 Slide (harder)\n\nWrite `answer(image)` that multiplies with `kernel` and sums."),
          ("code", 'def kernels(rng): return {"kernel": rng.integers(-3, 4, (2, 2))}\n\n'
           'def images(rng): return (rng.normal(size=(2, 2)),)\n\n'
           '@solves("10.2", function(images), variant=kernels)\ndef slide(image, kernel):\n'
           '    return (image * kernel).sum()\n\n'
           '@slide.mistake\ndef no_sum(image, kernel):\n    return image * kernel'),
          ("markdown", "Mistakes:\n\n- *no_sum*: The sum is missing."),
          ("markdown", "## 10.3 Which (medium)\n\nWhich? `answer` is a letter.\n\n- `'a'`: one\n- `'b'`: two"),
          ("code", '@solves("10.3", choice())\ndef which(): return "b"')]
CLASS = "Identifier,Full name,Email address,Maximum grade,Grade,Last modified (grade)\n" + "".join(
    f"Participant {number},{name},{name.split()[0].lower()}@x.edu,100.00,,-\n"
    for number, name in ((1234, "Ada Lovelace"), (1235, "Ben Bitdiddle"), (1236, "=Cy D'Or")))


def written(folder, cells=LESSON):
    path = folder / "kernels.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": kind, "metadata": {}, "source": source}
                                          for kind, source in cells], "metadata": {}, "nbformat": 4,
                                "nbformat_minor": 4}))
    return path


@pytest.fixture(autouse=True)
def forgotten():
    "Exercises of one test are not those of the next."
    yield
    for name in [name for name in EXERCISES if len(name) > 3]: EXERCISES.pop(name), QUESTIONS.pop(name, None)


def solve(path, answers):
    "Fill in a student's copy: variable -> code in place of the dots."
    content = nbformat.read(path, 4)
    for cell in content.cells:
        for variable, code in answers.items():
            if cell.id == "answer-" + variable.removeprefix("answer_").replace("_", "-"): cell.source = code
    nbformat.write(content, path)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    "An own lesson, handed out to a class of three by the command."
    base = tmp_path_factory.mktemp("own")
    (base / "class.csv").write_text(CLASS)
    (base / "pictures").mkdir()
    (base / "pictures" / "one.txt").write_text("a picture")
    code = main(["assignment", str(written(base)), "--out", str(base / "out"), "--key", str(base / "key"),
                 "--students", str(base / "class.csv"), "--files", str(base / "pictures")])
    assert code == 0
    return base


def test_copies_have_questions_and_no_solutions(handed_out):
    names = sorted(path.name for path in (handed_out / "out").iterdir())
    assert names == ["kernels-1234.ipynb", "kernels-1235.ipynb", "kernels-1236.ipynb", "pictures"]
    key = load_key(handed_out / "key")
    for name in names[:3]:
        content = nbformat.read(handed_out / "out" / name, 4)
        nbformat.validate(content)
        text = "\n".join(cell.source for cell in content.cells)
        for secret in (key.secret, "no_bias", "def weights", ".sum()", "Each kernel has", "solves"):
            assert secret not in text
        assert "Read the question twice." in text and "scale = 3" in text and "$x_{i}$" in text
        assert "<details><summary>Hint 1" in text and "def answer_10_2(image):\n    ..." in text
        assert re.search(r"How many numbers do \d+ kernels of [35] x", text)
        assert re.search(r"^kernel = np\.array\(\[\[", text, re.M)
    assert oct((handed_out / "key" / "kernels.key.json").stat().st_mode)[-3:] == "600"


def test_the_key_gets_every_point(handed_out, tmp_path):
    [path] = (handed_out / "key").glob("*-key.ipynb")
    table = grade(path, key=handed_out / "key", out=None, progress=False)
    graded = table[table["submission"] != ""]
    assert list(graded["state"]) == ["right"] * 3, list(graded["reason"])


def test_a_lesson_is_tried_beside_its_files_and_graded_only_with_them(tmp_path):
    (tmp_path / "own.txt").write_text("3")
    reads = [*LESSON[:1], ("code", "#| given\nimport numpy as np\nscale = int(open('own.txt').read())"), *LESSON[2:]]
    path = written(tmp_path, reads)
    with pytest.raises(ValueError, match="code cell 1.*own.txt.*ran in a folder with nothing in it; what it reads is named with --files"):
        assignment(path, tmp_path / "out", key=tmp_path / "key")
    assert not (tmp_path / "out").exists() and not (tmp_path / "key").exists()
    made = assignment(path, tmp_path / "out", key=tmp_path / "key", files=(tmp_path / "own.txt",))
    (tmp_path / "own.txt").unlink()
    with pytest.raises(FileNotFoundError, match=f"goes with the lesson 'Kernels'.* not there: {tmp_path / 'own.txt'}"):
        grade(made, key=tmp_path / "key", out=None, progress=False)


def test_too_few_answers_for_a_class_are_told(tmp_path):
    few = [(kind, text.replace("rng.integers(10, 900)", "rng.integers(10, 11)")) for kind, text in LESSON]
    (tmp_path / "class.csv").write_text(CLASS)
    with pytest.raises(ValueError, match="only 2 different answers to exercise 10.1 were found, and each student of the class needs one"):
        assignment(written(tmp_path, few), tmp_path / "out", key=tmp_path / "key", students=tmp_path / "class.csv")


def test_own_answers_are_graded_and_a_neighbours_refused(handed_out, tmp_path, capsys):
    key = load_key(handed_out / "key")
    register(key)
    right = {one: exercises.answer_of(exercise_for(key, "10.1", one)) for one in ("1234", "1235")}
    assert right["1234"] != right["1235"]
    folder = tmp_path / "download" / "Ada Lovelace_1234_assignsubmission_file"
    other = tmp_path / "download" / "Ben Bitdiddle_1235_assignsubmission_file"
    for path, who, code in ((folder, "1234", right["1234"]), (other, "1235", right["1234"])):
        path.mkdir(parents=True)
        copy = path / "handed_in.ipynb"
        copy.write_bytes((handed_out / "out" / f"kernels-{who}.ipynb").read_bytes())
        solve(copy, {"answer_10_1": f"answer_10_1 = {code}", "answer_10_3": "answer_10_3 = 'b'",
                     "answer_10_2": "def answer_10_2(image):\n    assert open('pictures/one.txt').read()\n"
                                    "    return (image * kernel).sum()"})
    late = time.time() + 90_000
    os.utime(other / "handed_in.ipynb", (late, late))
    due = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(timespec="minutes")
    out = tmp_path / "grades.csv"
    assert main(["grade", str(tmp_path / "download"), "--key", str(handed_out / "key"), "--out", str(out),
                 "--due", due, "--forms", str(tmp_path / "forms"), "--pages", str(tmp_path / "pages"),
                 "--records", str(tmp_path / "records"), "--seconds", "20"]) == 0
    table = pd.read_csv(out, keep_default_na=False, dtype=str)
    state = {who: list(part["state"]) for who, part in table.groupby("identifier")}
    assert state["1234"] == ["right", "right", "right"] and state["1235"] == ["wrong", "right", "right"]
    assert set(table.loc[table["identifier"] == "1236", "time"]) == {"missing"}
    assert dict(zip(table["identifier"], table["time"])) == {"1234": "in time", "1235": "late", "1236": "missing"}
    page = (tmp_path / "pages" / "class.html").read_text()
    assert "Ada Lovelace" in page and "1 of them without a submission" in page and "1 late" in page
    assert sorted(path.name for path in (tmp_path / "records").iterdir()) == ["record-1234.json", "record-1235.json"]
    capsys.readouterr()
    record = tmp_path / "records" / "record-1234.json"
    assert main(["verify", str(record), "--key", str(handed_out / "key")]) == 0
    assert "Ada Lovelace, 6 of 6 points" in capsys.readouterr().out
    record.write_text(record.read_text().replace("Ada", "Eve"))
    assert main(["verify", str(record), "--key", str(handed_out / "key")]) == 1


def test_a_second_round_keeps_secret_and_numbers(handed_out, tmp_path):
    before = load_key(handed_out / "key")
    (tmp_path / "class.csv").write_text(CLASS + "Participant 1237,Di,di@x.edu,100,,-\n")
    assignment(handed_out / "kernels.ipynb", tmp_path / "out", key=handed_out / "key", force=True,
               students=tmp_path / "class.csv")
    after = load_key(handed_out / "key")
    assert after.secret == before.secret and len(after.students) == 4
    assert all(after.students[who] == of for who, of in before.students.items())
    changed = written(tmp_path, [*LESSON[:-1], ("code", '@solves("10.3", choice())\ndef which(): return "a"')])
    with pytest.raises(FileExistsError, match="key of other questions"):
        assignment(changed, tmp_path / "x", key=handed_out / "key")


def test_two_hundred_students_have_two_hundred_answers(tmp_path):
    key = read_lesson(written(tmp_path))
    task = {each.name: each for each in register(key)}["10.1"]
    students = [f"s{number}" for number in range(200)]
    own = [with_values(task, values) for values in class_values(task, key, students).values()]
    answers = [exercises.answer_of(each) for each in own]
    assert len(set(answers)) == 200
    assert all(each.check(answer) for each, answer in zip(own, answers))
    assert not any(each.check(answer) for each, answer in zip(own, answers[1:] + answers[:1]))
    kernels = {each.name: each for each in register(key)}["10.2"]
    drawn = class_values(kernels, key, students)
    assert len({values["kernel"].tobytes() for values in drawn.values()}) == 200


@pytest.mark.parametrize("cells, words", [
    ([("markdown", "# Only text")], "10.1 Weights"), ([("markdown", "## 10.1 No level\n\nWhat?")], "in brackets"),
    ([("markdown", "## 10.1 A (tough)\n\nWhat?")], "no level 'tough'"),
    ([("markdown", "## 3.1 A (easy)\n\nWhat?")], "begin with 10.1"),
    ([("markdown", "## 10.1 A (easy)\n\nWhat?")], "no solution"),
    (LESSON[2:3] + [("code", "1 / 0")], "code cell 2 .* ZeroDivisionError"),
    (LESSON[2:3] + [("code", LESSON[3][1].replace("no_bias=", "no_bia="))], "no_bia"),
    (LESSON[2:3] + [("code", LESSON[3][1].replace("* size * 3)", "* size * 3 + kernels)"))], "no_bias|should be told"),
    (LESSON[7:8] + [("code", '@solves("10.3", choice())\ndef which(): return "c"')], "judged wrong")])
def test_slips_of_a_first_try_are_named(cells, words, tmp_path):
    imports = ("code", "from fashion_cnn.exercises import choice, number, solves")
    with pytest.raises(ValueError, match=words):
        assignment(written(tmp_path, [imports, *cells]), tmp_path / "out", key=tmp_path / "key")
    assert not (tmp_path / "out").exists() and not (tmp_path / "key").exists()


def test_a_key_is_needed_and_kept_apart(tmp_path):
    path = written(tmp_path)
    with pytest.raises(ValueError, match="without its key"): assignment(path, tmp_path / "out")
    (tmp_path / "given").mkdir()
    for key in ("a", "a/key", "given/key", "b/../a/deep/key"):
        with pytest.raises(ValueError, match="another folder"):
            assignment(path, tmp_path / "a", key=tmp_path / key, files=(tmp_path / "given",))
    (tmp_path / "other.key.json").write_text("[]")
    with pytest.raises(ValueError, match="a key is the file"): load_key(tmp_path / "other.key.json")
    with pytest.raises(FileNotFoundError, match="one key"): load_key(tmp_path / "nowhere")


def test_no_paper_is_written_without_its_key(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="nowhere"): assignment(2, tmp_path / "out", key=tmp_path / "key", files=("nowhere",))
    assert not list(tmp_path.iterdir())
    def full(*_): raise OSError("no space left")
    monkeypatch.setattr(handout, "copy_files", full)
    with pytest.raises(OSError): assignment(written(tmp_path), tmp_path / "out", key=tmp_path / "key")
    assert load_key(tmp_path / "key").secret


def test_several_lessons_and_exercises_of_several(tmp_path, capsys):
    assert main(["assignment", "6", "8", "--out", str(tmp_path / "a")]) == 0
    assert main(["assignment", "--exercises", "8.4", "6.1", "--out", str(tmp_path / "b")]) == 0
    assert main(["assignment", "--out", str(tmp_path / "c")]) == 1
    text = (tmp_path / "b" / "lesson-6-8.ipynb").read_text()
    assert "answer_6_1" in text and "answer_8_4" in text and "answer_6_2" not in text
    assert (tmp_path / "a" / "lesson-6-8.ipynb").exists() and "1 to 9" in capsys.readouterr().err


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_questions_are_read_or_refused_with_a_sentence(text):
    for start in ("", "## 10.1 A (easy)\n\n"):
        try: found = read_questions(start + text, complete=False)
        except ValueError as error: assert "eceived" in str(error)
        else: assert all(question.level in exercises.LEVELS for question in found.values())


# --- a class -------------------------------------------------------------------------------------

def test_class_lists_of_three_systems(tmp_path):
    lists = {"moodle": CLASS, "own": "name;email\nAda;a@x.edu\n",
             "canvas": "Student,ID,SIS User ID,SIS Login ID,Section,HW\n    Points Possible,,,,,3\n"
                       '"Lovelace, Ada",77,u77,ada@x.edu,S1,\n',
             "gradescope": "First Name,Last Name,SID,Email,Sections\nAda,Lovelace,u5,ada@x.edu,A\n"}
    found = {}
    for name, text in lists.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        found[name] = read_roster(tmp_path / name)[0]
    assert {name: (one.identifier, one.name) for name, one in found.items()} == {
        "moodle": ("1234", "Ada Lovelace"), "own": ("Ada", "Ada"), "canvas": ("77", "Ada Lovelace"),
        "gradescope": ("u5", "Ada Lovelace")}
    for text, words in (("a,b\n1,2\n", "column 'identifier'"), ("id\n1\n1\n", "twice"), ("", "column")):
        (tmp_path / "x").write_text(text)
        with pytest.raises(ValueError, match=words): read_roster(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"id\n\xff\n")
    with pytest.raises(ValueError, match="UTF-8"): read_roster(tmp_path / "x")


def row(who, name, points, **more):
    return {"submission": f"{who}.ipynb", "identifier": who, "student": name, "exercise": "2.1",
            "level": "easy", "state": "right" if points else "wrong", "points": points, "of": 1,
            "reason": "=So.", "mistake": "" if points else "no_bias", "flags": "", "time": "in time",
            "remarks": "", **more}


MISSING = dict(submission="", time="missing", mistake="", state="not attempted")


def moodle_reads(lines, participants):
    "What Moodle takes from a grading worksheet: {number: grade}, as mod/assign/feedback/offline reads it."
    heading, *lines = lines
    who, grade, changed = (heading.index(name) for name in ("Identifier", "Grade", "Last modified (grade)"))
    numbers = [int(line[who][len("Participant "):]) for line in lines]
    assert all(line[changed] in ("", "-") for line in lines)   # nobody has changed the grade since
    return {number: line[grade] for number, line in zip(numbers, lines) if number in participants}


def canvas_reads(lines, people):
    "What Canvas' importer takes from a gradebook: ({its number, or the name of somebody new: grade}, points possible)."
    heading, *lines = lines
    assert "Student" in heading[0] and "ID" in heading[1]
    information = 5 if heading[2] == "SIS User ID" and heading[3] == "SIS Login ID" else 4 if heading[2] == "SIS Login ID" else 3
    assert "Section" in heading[information - 1]
    [assignment] = [name for name in heading[information:] if not re.search("(Current|Final) (Score|Points|Grade)|Override", name)]
    grades, possible = {}, None
    for line in lines:
        if "Points Possible" in line[0]: possible = line[heading.index(assignment)]
        else: grades[canvas_person(dict(zip(heading, line)), people)] = line[heading.index(assignment)]
    return grades, possible


def canvas_person(line, people):
    "The number of the person in a line: by the number, whatever else stands there, then by user, login and name."
    leading = re.match(r"\d+", line["ID"])
    if leading and int(leading[0]) in people: return int(leading[0])
    for column, place in (("SIS User ID", 1), ("SIS Login ID", 2), ("Student", 0)):
        for number, person in people.items():
            if line[column] and line[column] == person[place]: return number
    return line["Student"]


def test_an_identifier_from_elsewhere_is_never_taken_for_a_number_of_canvas_or_moodle(tmp_path):
    people = {77: ("Eve", "u1", "eve@x.edu"), 5: ("Ada", "77", "")}
    grades = pd.DataFrame([row("77", "Ada", 1)])
    for text in ("", "identifier,name\n77,Ada\n"):
        (tmp_path / "own.csv").write_text(text)
        paths = write_forms(grades, tmp_path, read_roster(tmp_path / "own.csv") if text else [], "HW")
        read = {path.stem: list(csv.reader(io.StringIO(path.read_text()))) for path in paths}
        assert canvas_reads(read["canvas"], people) == ({5: "1"}, "1")
        assert read["moodle"][0] == ["ID number", "Full name", "Email address", "HW", "Feedback: HW"]
        assert read["moodle"][1][:4] == ["77", "Ada", "", "1.00"]


def test_a_gradebook_of_canvas_goes_back_as_it_came(tmp_path):
    (tmp_path / "canvas.csv").write_text("Student,ID,SIS User ID,SIS Login ID,Integration ID,Section,HW (9),Final Score\n"
                                         "    Points Possible,,,,,,3,(read only)\n\"Lovelace, Ada\",77,u77,ada@x.edu,,S1,,\n")
    [path] = [each for each in write_forms(pd.DataFrame([row("77", "Eve", 1)]), tmp_path, read_roster(tmp_path / "canvas.csv"), "HW (9)") if each.stem == "canvas"]
    lines = list(csv.reader(io.StringIO(path.read_text())))
    assert canvas_reads(lines, {77: ("Ada Lovelace", "u77", "ada@x.edu")}) == ({77: "1"}, "1")
    assert lines[2] == ["Lovelace, Ada", "77", "u77", "ada@x.edu", "S1", "1"]


def test_the_import_files_have_the_columns_that_each_system_publishes(tmp_path):
    (tmp_path / "class.csv").write_text(CLASS)
    roster = read_roster(tmp_path / "class.csv")
    grades = pd.DataFrame([row("1234", "Ada Lovelace", 1), row("1235", "Ben Bitdiddle", 0),
                           row("1235", "Ben Bitdiddle", 1, submission="again.ipynb"),
                           row("1236", "=Cy D'Or", 0, **MISSING)])
    paths = {path.stem: path for path in write_forms(grades, tmp_path / "forms", roster, "Lesson 2")}
    read = {name: list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")))) for name, path in paths.items()}
    assert all(len({len(line) for line in lines}) == 1 for lines in read.values())
    # Moodle's worksheet goes back to Moodle's own numbers, scaled to its maximum; a grade that is missing changes nothing.
    assert not paths["moodle"].read_bytes().startswith(b"\xef\xbb\xbf")
    assert moodle_reads(read["moodle"], {1234, 1235, 1236}) == {1234: "100.00", 1235: "100.00", 1236: ""}
    # Canvas knows these by name or login: 1234 is a number of Moodle's, and somebody else's with Canvas.
    people = {1234: ("Eve", "u1", "eve@x.edu"), 7: ("Ada Lovelace", "u7", "ada@x.edu"), 8: ("Ben B.", "u8", "ben@x.edu")}
    assert canvas_reads(read["canvas"], people) == ({7: "1", 8: "1", "'=Cy D'Or": ""}, "1")
    # Gradescope's own files begin with these, and have a column for each question.
    heading, *lines = read["gradescope"]
    assert heading[:8] == ["First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points",
                           "Status"] and heading[-1] == "2.1: where the parameters sit (1.0 pts)"
    assert [line[:3] + line[5:8] for line in lines][0] == ["Ada", "Lovelace", "1234", "1", "1", "Graded"]
    assert lines[2][7] == "Missing"


def test_the_class_page_counts_misconceptions_and_links_to_lessons(tmp_path):
    grades = pd.DataFrame([row("a", "Ada", 0), row("b", "Ben", 0), row("c", "<b>Cy", 1),
                           row("d", "Di", 0, **MISSING)])
    first = misconceptions(grades)[0]
    assert (first["count"], first["of"], first["mistake"]) == (2, 3, "no_bias")
    page = write_pages(grades, tmp_path, title="Lesson 2").read_text()
    assert "course/02_depth_and_dropout.html#large-is-not-deep" in page and "2 of 3" in page
    assert "<b>Cy" not in page and "&lt;b&gt;Cy" in page
    assert len(list(tmp_path.glob("student-*.html"))) == 4
    assert "Read again" in (tmp_path / "student-a.html").read_text()


def test_anyone_who_hands_in_twice_is_counted_once(tmp_path, monkeypatch):
    first = row("a", "Ada", 0, submission="first.ipynb")
    grades = pd.DataFrame([first, row("a", "Ada", 1), row("b", "Ben", 0), row("", "", 0, submission="x.ipynb"), row("", "", 1, submission="y.ipynb")])
    assert [(each["count"], each["of"]) for each in misconceptions(grades)] == [(2, 4)]
    figure = class_figure(grades)
    assert figure.axes[0].get_xlabel() == "students, of 4"
    assert sum(bar.get_width() for bar in figure.axes[0].patches) == 4
    means = []
    monkeypatch.setattr("fashion_cnn.grading.pages.student_page", lambda mark, mean, title: means.append(mean) or "")
    page = write_pages(grades, tmp_path, title="Lesson 2").read_text()
    assert "4 students, 0 of them" in page and "2 of 4" in page and means == [{"2.1": 0.5}] * 4
    alone = counted(grades[:2])
    assert alone.to_dict("records") == [grades.iloc[1].to_dict()] and list(alone) == list(grades)


def test_every_exercise_says_where_to_read():
    from fashion_cnn.grading.pages import reading
    for name in exercises.names():
        title, address = reading(exercises.get(name))
        assert title and f"/0{name[0]}_" in address and "#" in address


def test_a_grading_that_was_interrupted_goes_on(tmp_path, monkeypatch, capsys):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"cells": [
            {"cell_type": "code", "source": "answer_2_1 = 1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    enter, ran = marks.Book.enter, []
    run = marks.run_submission
    monkeypatch.setattr(marks, "run_submission", lambda paper, *rest: ran.append(paper.name) or run(paper, *rest))

    def stop(book, submission):
        enter(book, submission)
        raise KeyboardInterrupt
    out = tmp_path / "grades.csv"
    monkeypatch.setattr(marks.Book, "enter", stop)
    with pytest.raises(KeyboardInterrupt): grade(tmp_path, names=["2.1"], out=out, seconds=20, due="2000-01-01 12:00")
    first = list(ran)
    monkeypatch.setattr(marks.Book, "enter", enter)
    table = grade(tmp_path, names=["2.1"], out=out, seconds=20, due="2100-01-01 12:00")
    assert len(table) == 3 and set(table["time"]) == {"in time"} and len(ran) - len(first) == 2 and "1 were graded before" in capsys.readouterr().out
    assert not (tmp_path / "grades.csv.unfinished").exists()
    grade(tmp_path, names=["2.1"], out=None, progress=False, seconds=20)
    assert len(ran) == len(first) + 2 + 3


def test_the_folder_of_the_table_is_made(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    paper = grader.Submission(tmp_path / "a.ipynb", "a")
    marks.Book([paper], grader.Terms(["2.1"]), tmp_path / "results" / "grades.csv", None, False).enter(paper)
    assert (tmp_path / "results" / "grades.csv").exists()


def test_every_student_has_a_file_of_their_own():
    students = ["ada@x.edu", "1234", "王伟", "李娜", "Иван Петров", "Zoë Ek", "Zoé Ek", "Zo.Ek", "a_b", "a b", "a/b", "a?b"]
    names = [handout.file_name("kernels", student) for student in students]
    assert len(set(names)) == len(names) and names[:3] == ["kernels-ada@x.edu.ipynb", "kernels-1234.ipynb", "kernels-王伟.ipynb"]
    assert not any(set(name) & set('/\\:*?"<>| ') for name in names)


def test_a_record_is_no_other_records_and_no_other_keys(tmp_path):
    grades = pd.DataFrame([row("a", "Ada", 1), row("b", "Ben", 0, **MISSING)])
    key, other = Key("K", ("2.1",)), Key("K", ("2.1",))
    path, = write_records(grades, tmp_path, key)
    assert verify(path, key)["solved"] == ["2.1"]
    with pytest.raises(ValueError, match="another key"): verify(path, other)
    for text in ("", "[]", "{}", '{"signature": 3}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(ValueError, match="no completion record|not as it was"): verify(tmp_path / "x.json", key)


def test_whose_file_it_is(tmp_path):
    (tmp_path / "class.csv").write_text(CLASS)
    roster = read_roster(tmp_path / "class.csv")
    for path, claimed, who in (("Ada Lovelace_1234_assignsubmission_file_kernels.ipynb", "", "1234"),
                               ("ben@x.edu/kernels.ipynb", "", "1235"), ("kernels-1236.ipynb", "1234", "1236"),
                               ("x.ipynb", "1235", "1235"), ("12345.ipynb", "", None), ("x.ipynb", "9", None)):
        found = owner_of(Path(path), roster, claimed)
        assert (found.identifier if found else None) == who, path
    (tmp_path / "numbers.csv").write_text("id,name\n1,Ada Lovelace\n2,Alan Turing\ns-5,Di Doe\n")
    roster = read_roster(tmp_path / "numbers.csv")
    for path, claimed, who in (("Ada Lovelace_12345_assignsubmission_file_/lesson-2.ipynb", "", "1"),
                               ("lesson-2-s-5.ipynb", "s-5", "s-5"), ("lesson-2-2.ipynb", "2", "2")):
        found = owner_of(Path(path), roster, claimed)
        assert (found.identifier if found else None) == who, path
    assert collect.timing(tmp_path / "none.ipynb", None) == ""


def owner(path, claimed="", **names):
    "Whose file it is, in a class of these: identifier -> name."
    found = owner_of(Path(path), [Student(identifier.strip("_"), name) for identifier, name in names.items()], claimed)
    return found and found.name


def test_a_short_number_is_the_weakest_sign_of_whose_it_is(tmp_path):
    people = {"_1": "Ada Lovelace", "_2": "Ben Bitdiddle", "_3": "Cy Dee Long", "_4": "Maria Muster"}
    for path, claimed in (("Maria Muster/lesson-2 (1).ipynb", ""), ("lesson-2-4 (1).ipynb", "4"), ("Maria Muster/week-3.ipynb", ""),
                          ("week-3/submissions/Maria Muster/lesson-2.ipynb", ""), ("week-3.ipynb", "4"), ("4/lesson-2 (1).ipynb", ""),
                          ("kernels-4 (3).ipynb", ""), ("mariamuster_77_4711_lesson-2-1.ipynb", "")):
        assert owner(path, claimed, **people) == "Maria Muster", path
    assert owner("lesson-2-4 (1).ipynb", **people) is None    # of lessons 2 and 4, or of number 4: the file itself has to say
    assert owner("kernels-1234.ipynb", "4", **people, _1234="Di Doe") == "Di Doe"    # a long one is no number of a week


def test_folders_above_the_one_that_was_named_say_nothing(tmp_path):
    folder = tmp_path / "Ada Lovelace" / "week-3"
    for name in ("1235", "Cy"):
        (folder / name).mkdir(parents=True)
        (folder / name / "lesson-2.ipynb").write_text("{}")
    roster = [Student("1234", "Ada Lovelace"), Student("1235", "Ben Bitdiddle"), Student("3", "Cy Dee Long")]
    papers = collect.submissions_of(folder)
    collect.read_all(papers, [], roster, SimpleNamespace(request=lambda **_: {}))
    assert [paper.student for paper in papers] == ["Ben Bitdiddle", ""]
    assert marks.fresh(papers[0]).inside == Path("1235", "lesson-2.ipynb")


def test_a_name_within_another_name_is_not_meant():
    people = {"u1": "Tina Hansen", "u2": "Christina Hansen", "u3": "Eva Berg", "u4": "Eva Bergmann", "u5": "Li Na", "u6": "Li Nan", "u7": "Eva Berg Olsen"}
    for name in people.values():
        for path in (f"{name}_9_assignsubmission_file/lesson-2.ipynb", f"{name}/notebook.ipynb", f"9_{name.replace(' ', '')}_x.ipynb"):
            assert owner(path, **people) == name, path
    assert owner("Tina Hansen/with Christina Hansen.ipynb", **people) is None and owner("Eva Berg, Li Nan.ipynb", "u3", **people) == "Eva Berg"
    assert owner("Li Na (2)/x (1).ipynb", _5="Li Na", _6="Li Na (2)") == "Li Na (2)"
    assert owner("Li Na.ipynb", u5="Li Na", u6="Li Na") is None and owner("Li Na.ipynb", "u6", u5="Li Na", u6="Li Na") == "Li Na"


def test_an_hour_is_compared_in_its_own_zone_and_a_day_is_none(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text("")
    changed = datetime.fromisoformat("2026-11-29T22:53:20+00:00").timestamp()
    os.utime(path, (changed, changed))
    for due, said in (("2026-11-29T22:53+00:00", "late"), ("2026-11-29T22:54+00:00", "in time"),
                      ("2026-11-29T23:54+01:00", "in time"), ("2026-11-29T23:53+01:00", "late")):
        assert collect.timing(path, marks.when(due)) == said, due
    with pytest.raises(ValueError, match="an hour is expected"): marks.when("2026-11-30")


def test_names_that_are_not_in_a_lesson_are_refused(handed_out, tmp_path):
    for names in (["10.9"], ["10.1", "10.9"]):
        with pytest.raises(ValueError, match="10.9"):
            assignment(handed_out / "kernels.ipynb", tmp_path / "out", key=tmp_path / "key", names=names)
        with pytest.raises(ValueError, match="10.9"):
            grade(handed_out / "out", key=handed_out / "key", names=names, out=None, progress=False)
    assert not (tmp_path / "key").exists()


def test_values_of_a_student_are_written_as_python():
    from fashion_cnn.grading.variants import literal
    rng = np.random.default_rng(0)
    value = (tuple(rng.integers(5, 30, 3)), [np.float64(0.5), "a"], (np.int64(1),))
    assert eval(literal(value)) == (tuple(map(int, value[0])), [0.5, "a"], (1,)) and "np." not in literal(value)


def test_half_a_letter_in_a_claim_can_still_be_written(tmp_path):
    from fashion_cnn.grading.submission import claimed_by
    path = tmp_path / "a.ipynb"
    path.write_text('{"cells": [], "metadata": {"fashion_cnn": {"student": "x\\ud800"}}, "nbformat": 4, "nbformat_minor": 5}')
    assert claimed_by(path) == "x?" and handout.file_name("s", claimed_by(path)).startswith("s-x.")


def test_of_two_equally_good_submissions_the_one_in_time_counts():
    for order in (("late", "in time"), ("in time", "late")):
        grades = pd.DataFrame([row("a", "Ada", 1, submission=f"{number}.ipynb", time=time) for number, time in enumerate(order)])
        assert [mark.time for mark in marks_of(grades)] == ["in time"]


def test_the_data_of_the_grader_are_found_from_another_folder(tmp_path, monkeypatch):
    from fashion_cnn.grading.process import data_folder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in ("shared/data", "~/shared/data"):
        monkeypatch.setenv("FASHION_CNN_DATA", named)
        assert data_folder() == str(tmp_path / "shared" / "data")


def test_silence_takes_what_a_check_takes():
    from fashion_cnn.grading.silent import SilentExercise
    import inspect
    silent = SilentExercise.__new__(SilentExercise)
    for name in ("check", "hint"):
        taken = [each for each in inspect.signature(getattr(type(exercises.get("2.1")), name)).parameters if each != "self"]
        inspect.signature(getattr(silent, name)).bind(**{each: None for each in taken})
