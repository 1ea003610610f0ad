"Every exercise: its reference passes, every known mistake is named, nothing else passes, and nothing a student hands over raises an error."
import contextlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fashion_cnn import exercises
from fashion_cnn import run as runs
from fashion_cnn.exercises import Undecided, Verdict, Wrong, answer_of, attempted, get, names, table

ROOT = Path(__file__).resolve().parent.parent
ALL = names()
KINDS = {name: get(name).judge.__qualname__.split(".")[0] for name in ALL}   # number, shape, choice, function, network, or its own


class Broken:
    "Everything about it fails."
    def __getattr__(self, name): raise RuntimeError("no")
    def __array__(self, *_, **__): raise RuntimeError("no")
    def __float__(self): raise RuntimeError("no")
    def __iter__(self): raise RuntimeError("no")
    def __len__(self): raise RuntimeError("no")
    def __eq__(self, other): raise RuntimeError("no")
    def __repr__(self): raise RuntimeError("no")
    def __hash__(self): return 0


def leave(*_): raise SystemExit(3)


def deep(*_): return deep()


GARBAGE = [[], {}, "x", "12,345", object(), float("nan"), float("inf"), 3 + 4j, True, 10**400, b"1", lambda: 1 / 0, lambda *a: a,
           lambda *a: 1 / 0, lambda *a: [].sort(), lambda *a: "word", lambda *a: float("nan"), lambda *a: np.full(3, np.nan), int, leave, deep,
           Broken(), lambda *a: Broken(), np.zeros((2, 3)), np.array(["a", "b"]), np.array([1, None], object), [[1], [2, 3]],
           itertools.count(), lambda *a: itertools.count(), {1, 2}, ValueError("x"), (None, 5, "x"), -1]


# --- each of them ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ALL)
def test_reference_passes(name):
    task = get(name)
    verdict = task.check(answer_of(task.reference))
    assert verdict.state == "right" and verdict and task.why in verdict.text


@pytest.mark.parametrize("name", ALL)
def test_each_mistake_gets_its_words(name):
    task = get(name)
    verdicts = [task.check(answer_of(source)) for source, _ in task.mistakes]
    for verdict, (source, words) in zip(verdicts, task.mistakes):
        assert verdict.state == "wrong" and not verdict, source
        assert words in verdict.text, f"{verdict.text!r} instead of {words!r}"
    assert len({verdict.text for verdict in verdicts}) == len(task.mistakes) >= 2


@pytest.mark.parametrize("name", ALL)
def test_not_attempted(name):
    def answer(*_): ...
    def documented(image, kernel):
        "What it does."
        ...
    task = get(name)
    for nothing in ((), (...,), (None,), (answer,), (documented,), (lambda *_: ...,), ("",), ((..., ...),)):
        assert task.check(*nothing).state == "not attempted"


@pytest.mark.parametrize("name", ALL)
def test_garbage_gets_a_sentence(name):
    for thing in GARBAGE:
        verdict = get(name).check(thing)
        assert isinstance(verdict, Verdict) and verdict.state == "wrong", verdict
        assert 10 < len(verdict.text) < 420 and verdict.text.rstrip("'").endswith((".", "?")) and "Traceback" not in verdict.text


@pytest.mark.parametrize("name", ALL)
def test_hints_come_one_by_one_and_end(name, monkeypatch):
    monkeypatch.setattr(exercises, "_HINTED", type(exercises._HINTED)())
    task = get(name)
    given = [task.hint() for _ in task.hints]
    assert [hint in text for hint, text in zip(task.hints, given)] == [True] * len(given) and len(given) >= 2
    assert "no more hints" in task.hint() and "no more hints" in task.hint() and task.hint(1) == given[0]


@pytest.mark.parametrize("name", ALL)
def test_form(name):
    task = get(name)
    assert re.fullmatch(r"[1-9]\.[1-9]", task.name) and task.name == name and task.lesson == int(name[0]) and task.level in exercises.LEVELS
    assert 1 <= len(task.idea.split()) <= 9 and "`answer" in task.question and "!" not in task.question
    assert name in task._repr_markdown_() and task.question in task._repr_markdown_() and task.level in repr(task)
    assert not re.search(r"^(?!- ).+\n- ", task.question, re.MULTILINE)    # Pandoc takes a list without an empty line before it for text
    assert task.reference in task.solution() and task.why in task.solution() and "'" != repr(task.solution())[0]
    for text in (task.why, *task.hints, *(words for _, words in task.mistakes)): assert 5 < len(text) < 330
    with pytest.raises(AttributeError): task.level = "easy"


def written(value):
    "The ways in which somebody might write a number."
    forms = {f"{value:.0f}", f"{value:,.0f}"} if float(value).is_integer() else {f"{value:.{digits}f}" for digits in (2, 3, 4)}
    return re.compile("|".join(rf"(?<![\d.,]){re.escape(form)}(?![\d]|[.,]\d)" for form in forms))


@pytest.mark.parametrize("name", [name for name in ALL if KINDS[name] == "number"])
def test_right_number_is_not_given_away(name):
    task = get(name)
    told = written(answer_of(task.reference))
    for text in (task.question, *task.hints, *(words for _, words in task.mistakes), task.check(-17.5).text):
        assert not told.search(text), text
    assert not task.check(answer_of(task.reference) + 1) and not task.check(str(answer_of(task.reference)))
    assert task.check(np.array([answer_of(task.reference)])) and task.check(np.float64(answer_of(task.reference)))


@pytest.mark.parametrize("name", [name for name in ALL if KINDS[name] == "choice"])
def test_choices_are_decided_by_what_was_measured(name, monkeypatch):
    task = get(name)
    letters, right = list(task.judge.options), answer_of(task.reference)
    assert [bool(task.check(letter)) for letter in letters] == [letter == right for letter in letters]
    assert task.check(f" {right.upper()}) ") and len(letters) == len(task.mistakes) + 1
    for letter in letters: assert f"`'{letter}'`" in task.question
    if "recorded" in task.reference:
        monkeypatch.setattr(runs, "recorded", lambda *_: [])
        assert task.check("a").state == "not attempted" and "no verdict" in task.check("a").text


# --- together ----------------------------------------------------------------------------------------------------------

def test_every_lesson_has_enough_of_every_level():
    assert len(ALL) >= 45
    for lesson in range(1, 10):
        assert names(lesson) == [f"{lesson}.{number}" for number in range(1, len(names(lesson)) + 1)] and len(names(lesson)) >= 5
        assert set(table(lesson)["level"]) == set(exercises.LEVELS)
    assert len({get(name).idea for name in ALL}) == len({get(name).question for name in ALL}) == len(ALL)
    assert sum(KINDS[name] == "choice" for name in ALL) >= 7


def test_names_and_table():
    assert names("2") == names(2) and ALL == sorted(ALL) and list(table()) == ["exercise", "level", "idea"] and len(table()) == len(ALL)
    assert get(1.1) is get("1.1")
    for call, asked in ((lambda: get("1.99"), "1.99"), (lambda: get("convolution"), "convolution"), (lambda: names(12), "12")):
        with pytest.raises(ValueError, match=rf"Known: .*Received: '?{asked}"): call()


def test_verdicts():
    right, wrong, empty = Verdict("right", "Yes."), Verdict("wrong", "No."), Verdict("not attempted", "Not yet.")
    assert [bool(one) for one in (right, wrong, empty)] == [True, False, False]
    assert repr(wrong) == "No." and wrong._repr_markdown_() == "**Wrong.** No."
    with pytest.raises(AttributeError): wrong.state = "right"


def test_what_counts_as_attempted():
    def empty(x): ...
    def passing(x): pass
    def returns_nothing(x): return None
    def calls(x): print(x)
    def constant(x): return 3
    assert not any(map(attempted, (empty, passing, returns_nothing, ..., None, " ", "...", [..., None])))
    assert all(map(attempted, (calls, constant, len, print, 0, False, [], {}, "a", [1, ...])))


def test_an_unfinished_exercise_is_refused():
    given = dict(question="?", judge=exercises.number(), hints=["a", "b"], reference="answer = 1", why="So.", mistakes=[("answer = 2", "x"), ("answer = 3", "y")])
    for change in ({"hints": ["a"]}, {"mistakes": []}):
        with pytest.raises(ValueError, match="at least two"): exercises.exercise("9.99", "easy", "none", **(given | change))
    with pytest.raises(ValueError, match="no level 'hard'"): exercises.exercise("9.99", "hard", "none", **given)
    with pytest.raises(ValueError, match="one name"): exercises.exercise("1.1", "easy", "another one", **given)
    assert "9.99" not in names()


def test_import_brings_no_framework():
    code = ("import json, sys; from fashion_cnn import exercises as e; e.names(); e.get('1.1').check(3648); e.get('2.3').hint(); "
            "print(json.dumps(sorted({'tensorflow', 'keras', 'scipy', 'sklearn', 'pandas', 'matplotlib', 'ipywidgets'} & set(sys.modules))))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_only_rooms_above_are_used():
    source = (ROOT / "fashion_cnn" / "exercises.py").read_text()
    rooms = set(re.findall(r"(?:fashion_cnn)?\.(\w+) import", source)) & {path.stem for path in (ROOT / "fashion_cnn").glob("*.py")}
    assert rooms <= {"sketch", "data", "models", "transfer", "augment", "files", "recipe", "run", "train", "recipes", "evaluate", "plots", "explore"}


def test_checking_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.random.seed(3)
    before, shown = np.random.get_state()[1].copy(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        for name in ALL: get(name).check(1.5), get(name).check("a"), get(name).check(lambda *_: np.log(-1.0)), get(name).hint(), get(name).solution()
        for name in ("1.7", "3.4", "6.3"): get(name).check(answer_of(get(name).reference))
    assert not list(tmp_path.iterdir()) and (np.random.get_state()[1] == before).all() and shown.getvalue() == ""


def test_verdicts_are_the_same_every_time():
    almost = lambda image, kernel: answer_of(get("1.3").reference)(image, kernel) + 0.01
    assert len({get("1.3").check(almost).text for _ in range(3)}) == 1


def test_a_function_may_change_its_arguments():
    def answer(images):
        turned = images[:, :, ::-1].copy()
        images[:] = 0
        return turned
    assert get("3.1").check(answer)


def test_a_choice_follows_its_record(monkeypatch):
    run = runs.recorded("brief")[0]
    losses = run.history["val_loss"]
    run.history["val_loss"] = [*losses[:79], 0.0, *losses[80:]]
    monkeypatch.setattr(runs, "recorded", lambda *_: [run])
    assert get("2.2").check("c") and not get("2.2").check("a") and "epoch 80" in get("2.2").check("c").text


def test_interrupting_works():
    def answer(images): raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): get("3.1").check(answer)


def test_judges_raise_what_they_should():
    with pytest.raises(Wrong, match="quotation marks"): get("1.1").judge("3648", get("1.1"))
    with pytest.raises(Wrong, match="One number"): get("1.1").judge([1, 2], get("1.1"))
    assert issubclass(Undecided, Exception)


# --- against layers, and other ways to be right --------------------------------------------------------------------------

def test_numbers_agree_with_keras():
    import keras
    from keras import layers

    def parameters(shape, *parts): return keras.Sequential([keras.Input(shape), *parts]).count_params()

    assert get("1.1").check(parameters((32, 32, 3), layers.Conv2D(48, 5)))
    shapes = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(16, 5), layers.MaxPooling2D(), layers.Conv2D(32, 3), layers.MaxPooling2D()])
    assert get("1.2").check(shapes.output_shape)
    assert get("2.1").check(parameters((14, 14, 32), layers.Flatten(), layers.Dense(64)))
    assert get("4.1").check(parameters((9, 9, 24), layers.Conv2D(24, 3), layers.Conv2D(24, 3)))
    assert get("4.7").check(parameters((9, 9, 48 + 16 + 16 + 16 + 16), layers.Conv2D(16, 3)))
    assert get("5.1").check(parameters((7, 7, 256), layers.Flatten(), layers.Dense(32), layers.Dense(6)))


def test_receptive_field_agrees_with_keras():
    import keras
    from keras import layers
    ones = dict(kernel_initializer="ones", use_bias=False)
    network = keras.Sequential([keras.Input((60, 60, 1)), layers.Conv2D(1, 3, **ones), layers.AveragePooling2D(2), layers.Conv2D(1, 3, **ones),
                                layers.AveragePooling2D(2), layers.Conv2D(1, 5, **ones)])
    images = np.zeros((60, 60, 60, 1), "float32")
    images[np.arange(60), 5, np.arange(60)] = 1                    # one light pixel, in another column each time
    seen = np.asarray(network(images))[:, 0, 0, 0] > 0
    assert get("1.4").check(int(seen.sum()))


def test_depth_and_corner_agree_with_the_package():
    from fashion_cnn.models import build, layer_table
    network = build("cm6-resnet", (28, 28, 1), 5, depth=32)
    assert get("4.2").check((layer_table(network)["type"] == "Add").sum())
    assert get("9.2").check(25 - np.pad(np.zeros((9, 9)), 2, constant_values=1)[:5, :5].size + (np.pad(np.zeros((9, 9)), 2, constant_values=1)[:5, :5] == 1).sum())


def test_smoothing_and_holm_agree_with_the_package():
    from fashion_cnn import evaluate, explore
    assert get("9.3").check(lambda values, weight: explore.smooth(values, weight))
    assert get("7.6").check(lambda p: np.array(evaluate.holm(p.tolist()))) and get("7.3").check(
        lambda a, b: evaluate.mcnemar_p(int((a & ~b).sum()), int((~a & b).sum()), exact=True))
    assert get("8.6").check(lambda y, p: evaluate.cross_entropy(y, p))


OTHER_WAYS = {
    "1.3": "from scipy.signal import correlate2d\nanswer = lambda image, kernel: correlate2d(image, kernel, 'valid').tolist()",
    "1.6": """
import keras
from keras import layers
x = inputs = keras.Input((28, 28, 1))
for filters in (16, 24): x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, padding="same", activation="relu")(layers.BatchNormalization()(x)))
answer = keras.Model(inputs, layers.Softmax()(layers.Dense(10)(layers.GlobalAveragePooling2D()(x))))""",
    "1.7": "import keras\ndef answer(network):\n    network.compile(keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.SparseCategoricalCrossentropy())\n    return network",
    "2.4": "import numpy as np\ndef answer(x, keep, rate, training):\n    if not training: return x\n    return np.where(keep, x / (1 - rate), 0)",
    "3.3": """
import numpy as np
def answer(image, down, right):
    padded = np.pad(image, 9, mode="edge")
    return padded[9 - down:9 - down + image.shape[0], 9 - right:9 - right + image.shape[1]]""",
    "3.6": """
import keras
def answer(augmentation, network):
    class Both(keras.Model):
        def call(self, images, training=False): return network(augmentation(images, training=training))
    model = Both()
    model(__import__("numpy").zeros((1, 28, 28, 1)))
    return model""",
    "4.4": """
from keras import layers
def answer(x, filters):
    y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)))
    return layers.Activation("relu")(x + layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)))""",
    "5.4": """
import keras
def answer(base, classes):
    inputs = keras.Input((28, 28, 1))
    for layer in base.layers: layer.trainable = False
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(keras.ops.mean(base(inputs, training=False), axis=(1, 2))))""",
    "6.6": """
import keras
from keras import layers
x = keras.Input((28, 28, 1))
code = layers.Dense(20, name="code")(layers.Flatten()(x))
answer = keras.Model(x, layers.Reshape((28, 28, 1))(layers.Dense(784)(code)))""",
    "7.4": "from scipy.special import softmax\nimport numpy as np\nanswer = lambda p, t: softmax(np.log(p) / t, axis=1)",
    "8.8": "import numpy as np\ndef answer(y, ps):\n    n = list(ps)\n    return [[n[i], n[j]] for i in range(len(n)) for j in range(i + 1, len(n)) if (ps[n[i]] == ps[n[j]]).all()]",
}


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_other_ways_are_right_too(name):
    verdict = get(name).check(answer_of(OTHER_WAYS[name]))
    assert verdict, verdict.text


OTHER_ERRORS = {
    "1.6": ("import keras\nanswer = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(2, 3)])", "28 x 28"),
    "1.7": ("def answer(network): network.compile('adam', lambda y, p: 1 / 0)", "Training stopped with ZeroDivisionError"),
    "3.6": ("answer = lambda augmentation, network: network", "has no effect"),
    "4.4": ("from keras import layers\nanswer = lambda x, filters: layers.ReLU()(layers.Add()([layers.Conv2D(filters, 1)(x), x]))", "Two convolutions"),
    "5.4": ("answer = lambda base, classes: base", "one number for each class"),
    "6.6": ("import keras\nanswer = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(1, 3)])", "shape of the image"),
    "9.4": ("answer = lambda y, p, t: 0.5", "2 values are expected"),
    "6.2": ("import numpy as np\nanswer = lambda a, b: np.zeros(4)", "returns the shape (4,) where () is expected"),
    "7.7": ("answer = lambda ids, p: list(zip(ids, p.argmax(1)))", "DataFrame is asked for"),
    "3.1": ("answer = lambda images: images * 0.5", "the values are not"),
}


@pytest.mark.parametrize("name", OTHER_ERRORS)
def test_other_errors_get_a_sentence(name):
    source, words = OTHER_ERRORS[name]
    verdict = get(name).check(answer_of(source))
    assert verdict.state == "wrong" and words in verdict.text, verdict.text


# --- what reading the exercises with fresh eyes has found: right answers that were refused, wrong ones that passed or were told something false ---

KERAS = "import keras, numpy as np\nfrom keras import layers\n"
BLOCK = KERAS + "def answer(x, filters):\n    conv = lambda size=3, count=filters, **kind: layers.Conv2D(count, size, padding='same', **kind)\n    return "
HEAD = KERAS + "def answer(base, classes):\n    base.trainable = False\n    "
NETWORK = KERAS + "x = keras.Input((28, 28, 1))\nanswer = "
CODE = KERAS + "inside = [keras.Input((28, 28, 1)), layers.Flatten()]\noutside = [layers.Dense(784), layers.Reshape((28, 28, 1))]\nanswer = "

ALSO_RIGHT = [
    ("1.6", NETWORK + "keras.Model(x, layers.Dense(10, activation='softmax')(layers.GlobalAveragePooling2D()(layers.Concatenate()([layers.Conv2D(4, 3)(x), layers.Conv2D(4, 3)(x)]))))"),
    ("4.4", BLOCK + "layers.ReLU()(keras.Sequential([conv(activation='relu'), conv()])(x) + x)"),
    ("4.4", BLOCK + "layers.ReLU()(layers.Add()([layers.LayerNormalization()(conv()(layers.ReLU()(layers.LayerNormalization()(conv()(x))))), x]))"),
    ("4.4", "from fashion_cnn.models import identity_block\nanswer = lambda x, filters: identity_block(x, filters, order='before', name='block')"),
    ("5.4", HEAD + "return keras.Model(base.input, layers.Dense(classes, activation='softmax')(layers.GlobalAveragePooling2D()(base.output)))"),
    ("5.4", HEAD + "return keras.Sequential([base, layers.AveragePooling2D(7), layers.Flatten(), layers.Dense(classes), layers.Softmax()])"),
    ("5.5", "def answer(model, first):\n    place = [layer.name for layer in model.layers].index(first)\n    model.trainable = True\n"
            "    for layer in model.layers[:place]: layer.trainable = False\n    for layer in model.layers[place:]: layer.trainable = True"),
    ("6.5", "import numpy as np\nanswer = lambda images, noise: (np.clip(images + noise, 0, 255).astype('uint8') / 255, images / 255)"),
    ("7.7", "import pandas as pd\nanswer = lambda ids, p: pd.DataFrame({'target': p.argmax(axis=1) + 1, 'id': ids}, index=ids)"),
    ("8.4", "from sklearn.metrics import balanced_accuracy_score\nanswer = lambda y, p, k: balanced_accuracy_score(y, p)"),
]

ALSO_WRONG = [
    ("1.6", NETWORK + "keras.Model(x, layers.Softmax()(0 * layers.Dense(10)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Conv2D(4, 3)(x))))))", "same answer"),
    ("1.7", "def answer(network):\n    network.trainable = False\n    network.compile('adam', 'sparse_categorical_crossentropy')", "are frozen"),
    ("1.7", "import keras\ndef answer(network): network.compile(keras.optimizers.SGD(0.0), 'sparse_categorical_crossentropy')", "hardly moved"),
    ("2.3", "def answer(losses, patience): return {'end': 1, 'best': 1}", "2 values are expected"),
    ("2.6", "import numpy as np\ndef answer(right, chosen):\n    rest = np.delete(right, chosen, axis=1)\n    best = right[:, chosen].mean(1).argmax()\n"
            "    return 100 * right[best, chosen].mean(), 100 * rest[best].mean()", "in percent, where a fraction"),
    ("3.3", "import numpy as np\ndef answer(image, down, right):\n    padded = np.pad(image, 9, mode='edge')\n"
            "    return padded[9 - down:9 - down + image.shape[0], 9 - abs(right):9 - abs(right) + image.shape[1]]", "values are not"),
    ("3.8", "from math import cos, pi\nanswer = lambda epoch, highest, lowest, period: lowest + (highest - lowest) * (1 + cos(pi * (epoch % 10) / 10)) / 2", "values are not"),
    ("3.8", "from math import cos, pi\nanswer = lambda epoch, highest, lowest, period: lowest + (0.006 - lowest) * (1 + cos(pi * (epoch % period) / period)) / 2", "values are not"),
    ("4.4", BLOCK + "layers.Maximum()([conv()(conv(activation='relu')(x)), x])", "another way than by adding"),
    ("4.4", BLOCK + "layers.ReLU()(layers.Add()([conv()(conv(activation='sigmoid')(x)), x]))", "is no ReLU"),
    ("4.4", BLOCK + "layers.ReLU()(layers.Add()([conv()(conv(count=16, activation='relu')(x)), x]))", "these are others"),
    ("4.4", BLOCK + "layers.ReLU()(layers.Add()([conv(count=8)(conv(count=8, activation='relu')(x)), x]))", "(14, 14, 4)"),
    ("5.4", HEAD + "return keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(classes, activation='relu'), layers.Softmax()])", "Something else happens"),
    ("5.5", "def answer(model, first):\n    model.trainable = True\n    for layer in model.layers: layer.trainable = layer.name >= first", "Other layers"),
    ("5.7", "answer = lambda old, new: old", "other names"),
    ("5.7", "answer = lambda old, new: list(new.values())", "dictionary is asked for"),
    ("6.6", CODE + "keras.Sequential([keras.Sequential([*inside, layers.Dense(20, name='code')]), *outside])", "not in a model within it"),
    ("6.6", CODE + "keras.Sequential([keras.Sequential([*inside, layers.Dense(20)], name='code'), *outside])", "a model of its own"),
    ("7.7", "import pandas as pd\nanswer = lambda ids, p: pd.DataFrame({'id': ids, 'target': p.argmax(axis=1) + 1}).set_index('id')", "index does not count"),
    ("8.2", "import numpy as np\nanswer = lambda y, p, k: np.array([100 * (p[y == c] == c).mean() for c in range(4)])", "expected"),
    ("8.2", "import numpy as np\nanswer = lambda y, p, k: np.round([100 * (p[y == c] == c).mean() for c in range(k)], 1)", "rounded"),
    ("8.4", "import numpy as np\nanswer = lambda y, p, k: 100 * np.mean([(p[y == c] == c).mean() for c in range(k)])", "in percent, where a fraction"),
    ("8.8", "from itertools import combinations\nanswer = lambda y, d: [pair for pair in combinations(d, 2) if (d[pair[0]] == d[pair[1]]).all()][:1]", "values are expected"),
    ("8.8", "from itertools import combinations\nanswer = lambda y, d: {pair for pair in combinations(d, 2) if (d[pair[0]] == d[pair[1]]).all()}", "a set has no order"),
    ("4.3", "answer = 8.9", "rounded"),
    ("6.1", "answer = 12.5", "in percent, where a fraction"),
    ("8.7", "answer = 0.95", "a fraction, where percent"),
]


@pytest.mark.parametrize("name, source", ALSO_RIGHT)
def test_also_right(name, source):
    verdict = get(name).check(answer_of(source))
    assert verdict, verdict.text


@pytest.mark.parametrize("name, source, words", ALSO_WRONG)
def test_also_wrong(name, source, words):
    verdict = get(name).check(answer_of(source))
    assert verdict.state == "wrong" and words in verdict.text, verdict.text


def test_a_network_is_told_its_own_numbers():
    learned = sum(int(np.prod(weight.shape)) for weight in answer_of(OTHER_WAYS["1.6"]).trainable_weights)
    assert f"Yours learns {learned:,} numbers" in get("1.6").check(answer_of(OTHER_WAYS["1.6"])).text
    assert "has 20 numbers" in get("6.6").check(answer_of(OTHER_WAYS["6.6"])).text


def test_frozen_as_a_whole_trains_nothing():
    from keras import Input, Sequential, layers
    chain = Sequential([Input((2,)), layers.Dense(2, name="first"), layers.Dense(2, name="second")])
    chain.trainable = False
    chain.layers[1].trainable = True
    assert not chain.trainable_weights                          # what exercise 5.5 says about the flag of the model
    answer_of(get("5.5").reference)(chain, "second")
    assert [weight.path.split("/")[-2] for weight in chain.trainable_weights] == ["second"] * 2


def test_hidden_arguments_differ():
    from numpy.random import default_rng
    several = lambda inputs, place: len({inputs(default_rng(seed))[place] for seed in range(6)})
    assert several(exercises._epoch_and_rates, 1) > 1 and several(exercises._epoch_and_rates, 3) > 1
    assert several(exercises._labels_and_decisions, 2) > 1
    twins = [len(answer_of(get("8.8").reference)(*exercises._several_networks(default_rng(seed)))) for seed in range(10)]
    assert {0, 1, 3} == set(twins)
