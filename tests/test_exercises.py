"Every exercise: its solution passes, every known mistake is named, and nothing raises an error."
import contextlib
import functools
import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache, partial, reduce
from itertools import combinations
from math import cos, pi
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras import Input, Model, Sequential, layers, losses, ops, optimizers
from keras.applications import vgg16
from scipy.signal import correlate2d
from scipy.special import softmax
from scipy.stats import binom, binomtest, chi2_contingency
from sklearn.decomposition import PCA
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from fashion_cnn import exercises
from fashion_cnn import run as runs
from fashion_cnn.exercises import (LEVELS, Undecided, Verdict, Wrong, answer_of, attempted, get,
                                   names, table)
from fashion_cnn.exercises import exercise, judges
from fashion_cnn.exercises.exercise import HINTED, made_by, read_questions

ROOT = Path(__file__).resolve().parent.parent
ALL = names()
KINDS = {name: get(name).kind for name in ALL}


@pytest.fixture(scope="module", autouse=True)
def each_choice_is_decided_once():
    "What a choice measures may take seconds, and is the same each time."
    once = cache(exercise.outcome)
    with pytest.MonkeyPatch.context() as patch:
        for module in (exercise, judges): patch.setattr(module, "outcome", once)
        yield


def decided_anew(task): return exercise.outcome.__wrapped__(task)


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


GARBAGE = [[], {}, "x", "12,345", object(), float("nan"), float("inf"), 3 + 4j, True, 10**400, b"1",
           lambda: 1 / 0, lambda *a: a, lambda *a: 1 / 0, lambda *a: [].sort(), lambda *a: "word",
           lambda *a: float("nan"), lambda *a: np.full(3, np.nan), int, leave, deep, Broken(),
           lambda *a: Broken(), np.zeros((2, 3)), np.array(["a", "b"]), np.array([1, None], object),
           [[1], [2, 3]], itertools.count(), lambda *a: itertools.count(), {1, 2}, ValueError("x"),
           (None, 5, "x"), -1]


# --- each of them ---------------------------------------------------------------------------

DECIDED = functools.cache(exercise.outcome)    # what a record says, computed once for all tests


@pytest.fixture
def decided_once(monkeypatch):
    "The outcome of a choice is the same every time, and some take seconds."
    def outcome(task): return DECIDED(task) if task.options else compute(task)
    compute = exercise.outcome
    with monkeypatch.context() as patch:
        for room in (exercise, judges): patch.setattr(room, "outcome", outcome)
        yield patch.undo


@pytest.mark.parametrize("name", ALL)
def test_reference_passes(name, decided_once):
    task = get(name)
    verdict = task.check(answer_of(task))
    assert verdict.state == "right" and verdict and task.why in verdict.text


@pytest.mark.parametrize("name", ALL)
def test_each_mistake_gets_its_words(name, decided_once):
    task = get(name)
    verdicts = [task.check(answer_of(mistake)) for mistake in task.mistakes]
    for verdict, (_, words) in zip(verdicts, task.mistakes):
        assert verdict.state == "wrong" and not verdict, words
        assert words in verdict.text, f"{verdict.text!r} instead of {words!r}"
    assert len({verdict.text for verdict in verdicts}) == len(task.words) >= 2


@pytest.mark.parametrize("name", ALL)
def test_not_attempted(name):
    def answer(*_): ...
    def documented(image, kernel):
        "What it does."
        ...
    task = get(name)
    for nothing in ((), (...,), (None,), (answer,), (documented,), (lambda *_: ...,), ("",),
                    ((..., ...),)):
        assert task.check(*nothing).state == "not attempted"


@pytest.mark.parametrize("name", ALL)
def test_garbage_gets_a_sentence(name):
    for thing in GARBAGE:
        verdict = get(name).check(thing)
        assert isinstance(verdict, Verdict) and verdict.state == "wrong", verdict
        assert 10 < len(verdict.text) < 420 and "Traceback" not in verdict.text
        assert verdict.text.rstrip("'").endswith((".", "?"))


def test_an_answer_is_looked_at_and_not_taken_apart():
    stream = io.TextIOWrapper(io.BytesIO())    # has a method `detach`, as tensors of PyTorch have
    assert get("2.1").check(stream).state == "wrong"
    assert stream.buffer.getvalue() == b""     # an error where it was detached


@pytest.mark.parametrize("name", ALL)
def test_hints_come_one_by_one_and_end(name):
    HINTED.clear()
    task = get(name)
    given = [task.hint() for _ in task.hints]
    assert all(hint in text for hint, text in zip(task.hints, given)) and len(given) >= 2
    assert "no more hints" in task.hint() and "no more hints" in task.hint()
    assert task.hint(1) == given[0]


@pytest.mark.parametrize("name", ALL)
def test_form(name):
    task = get(name)
    assert re.fullmatch(r"[1-9]\.[1-9]", task.name) and task.name == name
    assert task.lesson == int(name[0]) and task.level in LEVELS
    assert 1 <= len(task.idea.split()) <= 9
    assert "`answer" in task.question and "!" not in task.question
    shown = task._repr_markdown_()
    assert name in shown and task.question in shown and task.level in repr(task)
    # Pandoc takes a list without an empty line before it for text
    assert not re.search(r"^(?!- ).+\n- ", task.question, re.MULTILINE)
    solution = task.solution()
    assert task.reference in solution and task.why in solution and "'" != repr(solution)[0]
    for text in (task.why, *task.hints, *task.words.values()): assert 5 < len(text) < 330
    with pytest.raises(AttributeError): task.level = "easy"


def written(value):
    "The ways in which somebody might write a number."
    forms = {f"{value:.{digits}f}" for digits in (2, 3, 4)}
    if float(value).is_integer(): forms = {f"{value:.0f}", f"{value:,.0f}"}
    return re.compile("|".join(rf"(?<![\d.,]){re.escape(form)}(?![\d]|[.,]\d)" for form in forms))


@pytest.mark.parametrize("name", [name for name in ALL if KINDS[name] == "number"])
def test_right_number_is_not_given_away(name):
    task = get(name)
    right = answer_of(task)
    for text in (task.question, *task.hints, *task.words.values(), task.check(-17.5).text):
        assert not written(right).search(text), text
    assert not task.check(right + 1) and not task.check(str(right))
    assert task.check(np.array([right])) and task.check(np.float64(right))


@pytest.mark.parametrize("name", [name for name in ALL if KINDS[name] == "choice"])
def test_choices_are_decided_by_what_was_measured(name, monkeypatch, decided_once):
    task = get(name)
    letters, right = list(task.options), answer_of(task)
    passed = [letter for letter in letters if task.check(letter)]
    assert passed == [right]
    assert task.check(f" {right.upper()}) ") and len(letters) == len(task.mistakes) + 1
    for letter in letters: assert f"`'{letter}'`" in task.question
    decided_once()    # from here on every outcome is computed
    if "recorded" in task.reference:
        monkeypatch.setattr(runs, "recorded", lambda *_: [])
        monkeypatch.setattr(judges, "outcome", decided_anew)
        verdict = task.check("a")
        assert verdict.state == "not attempted" and "no verdict" in verdict.text


# --- together -------------------------------------------------------------------------------

def test_every_lesson_has_enough_of_every_level():
    assert len(ALL) >= 45
    for lesson in range(1, 10):
        count = len(names(lesson))
        assert names(lesson) == [f"{lesson}.{number}" for number in range(1, count + 1)]
        assert count >= 5 and set(table(lesson)["level"]) == set(LEVELS)
    assert len({get(name).idea for name in ALL}) == len(ALL)
    assert len({get(name).question for name in ALL}) == len(ALL)
    assert sum(KINDS[name] == "choice" for name in ALL) >= 7


def test_names_and_table():
    assert names("2") == names(2) and ALL == sorted(ALL) and get(1.1) is get("1.1")
    assert list(table()) == ["exercise", "level", "idea"] and len(table()) == len(ALL)
    for call, asked in ((get, "1.99"), (get, "convolution"), (names, 12)):
        with pytest.raises(ValueError, match=rf"Known: .*Received: '?{asked}"): call(asked)


def test_verdicts():
    wrong = Verdict("wrong", "No.")
    assert Verdict("right", "Yes.") and not wrong and not Verdict("not attempted", "Not yet.")
    assert f"{wrong}" == repr(wrong) == "Not yet. No."
    assert wrong._repr_markdown_() == "**Not yet.** No."
    assert str(Verdict("right", "Yes.")) == "Right. Yes."
    assert str(Verdict("not attempted", "Begin.")) == "Not attempted. Begin."
    with pytest.raises(AttributeError): wrong.state = "right"


def test_what_counts_as_attempted():
    def empty(x): ...
    def passing(x): pass
    def returns_nothing(x): return None
    def calls(x): print(x)
    def constant(x): return 3
    def passes_twice(x):
        "What it does."
        pass
        return None
    assert not any(map(attempted, (empty, passing, returns_nothing, passes_twice, lambda x: ...)))
    assert not any(map(attempted, (..., None, " ", "...", [..., None])))
    assert all(map(attempted, (lambda x: x, lambda: 3)))
    assert all(map(attempted, (calls, constant, len, print, 0, False, [], {}, "a", [1, ...])))


QUESTION = """## 9.9 Nothing (easy)

What?

Hints:

1. a
2. b

Why: So.

Mistakes:

- *one*: x
- *two*: y
"""


@pytest.mark.parametrize("text, complaint", [
    (QUESTION.replace("2. b\n", ""), "at least two"),
    (QUESTION.replace("- *two*: y\n", ""), "at least two"),
    (QUESTION.replace("easy", "hard"), "no level 'hard'"), (QUESTION + QUESTION, "one name")])
def test_an_unfinished_exercise_is_refused(text, complaint):
    assert read_questions(QUESTION)["9.9"].idea == "nothing"
    with pytest.raises(ValueError, match=complaint): read_questions(text)
    with pytest.raises(ValueError, match="no question '9.99'"):
        exercises.solves("9.99", exercises.number())
    with pytest.raises(ValueError, match="no mistake 'no_bia'.*'no_bias'"):
        get("1.1").mistake(no_bia=1)
    assert "9.99" not in names()


def test_import_brings_no_framework():
    code = ("import json, sys; from fashion_cnn import exercises as e; e.names(); "
            "e.get('1.1').check(3648); e.get('2.3').hint(); e.get('3.6').solution(); "
            "heavy = 'tensorflow keras scipy sklearn pandas matplotlib ipywidgets'.split(); "
            "print(json.dumps(sorted(set(heavy) & set(sys.modules))))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_only_rooms_above_are_used():
    package = ROOT / "fashion_cnn"
    source = "".join(path.read_text() for path in (package / "exercises").glob("*.py"))
    rooms = set(re.findall(r"from (?:fashion_cnn)?\.+(\w+)[\w.]* import", source))
    assert not rooms & {"grading", "page", "inpage", "cli", "panels", "explore"}
    assert {"files", "sketch"} <= rooms and "exec(" not in source


def test_checking_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(judges, "outcome", decided_anew)
    np.random.seed(3)
    before, shown = np.random.get_state()[1].copy(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        for task in map(get, ALL):
            for answer in (1.5, "a", lambda *_: np.log(-1.0)): task.check(answer)
            task.hint()
            task.solution()
        for task in map(get, ("1.7", "3.4", "6.3")): task.check(answer_of(task))
    assert not list(tmp_path.iterdir()) and shown.getvalue() == ""
    assert (np.random.get_state()[1] == before).all()


def test_verdicts_are_the_same_every_time():
    def almost(image, kernel): return get("1.3").answer(image, kernel) + 0.01
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
    monkeypatch.setattr(judges, "outcome", decided_anew)
    assert not get("2.2").check("a")
    assert get("2.2").check("c") and "epoch 80" in get("2.2").check("c").text


def test_interrupting_works():
    def answer(images): raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): get("3.1").check(answer)


def test_judges_raise_what_they_should():
    with pytest.raises(Wrong, match="quotation marks"): get("1.1").judge("3648", get("1.1"))
    with pytest.raises(Wrong, match="One number"): get("1.1").judge([1, 2], get("1.1"))
    assert issubclass(Undecided, Exception)


# --- against layers, and other ways to be right ---------------------------------------------


def test_numbers_agree_with_keras():
    def parameters(shape, *parts): return Sequential([Input(shape), *parts]).count_params()

    assert get("1.1").check(parameters((32, 32, 3), layers.Conv2D(48, 5)))
    shapes = on_grey(layers.Conv2D(16, 5), layers.MaxPooling2D(), layers.Conv2D(32, 3),
                     layers.MaxPooling2D())
    assert get("1.2").check(shapes.output_shape)
    assert get("2.1").check(parameters((14, 14, 32), layers.Flatten(), layers.Dense(64)))
    assert get("4.1").check(parameters((9, 9, 24), layers.Conv2D(24, 3), layers.Conv2D(24, 3)))
    assert get("4.7").check(parameters((9, 9, 48 + 16 + 16 + 16 + 16), layers.Conv2D(16, 3)))
    head = layers.Flatten(), layers.Dense(32), layers.Dense(6)
    assert get("5.1").check(parameters((7, 7, 256), *head))


def test_receptive_field_agrees_with_keras():
    ones = dict(kernel_initializer="ones", use_bias=False)
    network = Sequential([Input((60, 60, 1)), layers.Conv2D(1, 3, **ones),
                          layers.AveragePooling2D(2), layers.Conv2D(1, 3, **ones),
                          layers.AveragePooling2D(2), layers.Conv2D(1, 5, **ones)])
    images = np.zeros((60, 60, 60, 1), "float32")
    images[np.arange(60), 5, np.arange(60)] = 1    # one light pixel, in another column each time
    seen = network.predict(images, verbose=0)[:, 0, 0, 0] > 0
    assert get("1.4").check(int(seen.sum()))


def test_depth_and_corner_agree_with_the_package():
    from fashion_cnn.models import build, layer_table
    network = build("cm6-resnet", (28, 28, 1), 5, depth=32)
    assert get("4.2").check((layer_table(network)["type"] == "Add").sum())
    corner = np.pad(np.zeros((9, 9)), 2, constant_values=1)[:5, :5]
    assert get("9.2").check(25 - corner.size + (corner == 1).sum())


def test_smoothing_and_holm_agree_with_the_package():
    from fashion_cnn import compare, evaluate, panels
    assert get("9.3").check(panels.smooth)
    def mcnemar(a, b):
        return compare.mcnemar_p(int((a & ~b).sum()), int((~a & b).sum()), exact=True)
    def holm(p, tried): return compare.holm([*p, *np.ones(tried - len(p))])[:len(p)]
    assert get("7.6").check(holm) and get("7.6").check(lambda p, tried: np.array(holm(p, tried)))
    forgetful = get("7.6").check(lambda p, tried: compare.holm(p))    # the library alone is no way
    assert not forgetful and "how many were tried" in forgetful.text
    assert get("7.3").check(mcnemar)
    assert get("8.6").check(lambda y, p: evaluate.cross_entropy(y, p))


def on_grey(*parts): return Sequential([Input((28, 28, 1)), *parts])


def normalised_network():
    x = inputs = Input((28, 28, 1))
    for filters in (16, 24):
        x = layers.BatchNormalization()(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return Model(inputs, layers.Softmax()(x))


def parallel_convolutions():
    x = Input((28, 28, 1))
    joined = layers.Concatenate()([layers.Conv2D(4, 3)(x), layers.Conv2D(4, 3)(x)])
    pooled = layers.GlobalAveragePooling2D()(joined)
    return Model(x, layers.Dense(10, activation="softmax")(pooled))


def compiled_and_returned(network):
    network.compile(optimizers.SGD(0.1, momentum=0.9), losses.SparseCategoricalCrossentropy())
    return network


def dropout(x, keep, rate, training):
    if not training: return x
    return np.where(keep, x / (1 - rate), 0)


def window_of_padded(image, down, right):
    padded = np.pad(image, 9, mode="edge")
    rows = padded[9 - down:9 - down + image.shape[0]]
    return rows[:, 9 - right:9 - right + image.shape[1]]


def window_of_absolute(image, down, right): return window_of_padded(image, down, abs(right))


def subclassed(augmentation, network):
    class Both(Model):
        def call(self, images, training=False):
            return network(augmentation(images, training=training))
    model = Both()
    model(np.zeros((1, 28, 28, 1)))
    return model


def conv(filters, size=3, **kind): return layers.Conv2D(filters, size, padding="same", **kind)


def normalised_block(x, filters):
    y = layers.BatchNormalization()(conv(filters, use_bias=False)(x))
    y = conv(filters, use_bias=False)(layers.ReLU()(y))
    return layers.Activation("relu")(x + layers.BatchNormalization()(y))


def unscaled_block(x, filters):
    y = layers.ReLU()(layers.BatchNormalization(scale=False)(conv(filters)(x)))
    return layers.ReLU()(layers.BatchNormalization(scale=False)(conv(filters)(y)) + x)


def normalised_block_with(activation):
    def block(x, filters):
        y = layers.Activation(activation)(layers.BatchNormalization()(conv(filters)(x)))
        return layers.ReLU()(layers.BatchNormalization()(conv(filters)(y)) + x)
    return block


class Listed(layers.Layer):
    "Layers in a list, and no attribute of their own for each."

    def __init__(self):
        super().__init__()
        self.parts = [conv(4, activation="relu"), layers.MaxPooling2D(), conv(4, activation="relu")]

    def call(self, images):
        for part in self.parts: images = part(images)
        return images


def listed_network():
    x = Input((28, 28, 1))
    return Model(x, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(Listed()(x))))


def nested_path(x, filters, **kind):
    return Sequential([conv(filters, activation="relu", **kind), conv(filters, **kind)])(x)


def nested_block(x, filters): return layers.ReLU()(nested_path(x, filters) + x)


def layer_normalised_block(x, filters):
    y = layers.ReLU()(layers.LayerNormalization()(conv(filters)(x)))
    return layers.ReLU()(layers.Add()([layers.LayerNormalization()(conv(filters)(y)), x]))


def block_of_package(x, filters):
    from fashion_cnn.models import identity_block
    return identity_block(x, filters, order="before", name="block")


def block_with(first="relu", filters=None, inner=None, join=layers.Add):
    "A function that builds a residual block with something changed."
    def block(x, wanted):
        y = conv(inner or filters or wanted, activation=first)(x)
        return layers.ReLU()(join()([conv(filters or wanted)(y), x]))
    return block


def frozen_layer_by_layer(base, classes):
    inputs = Input((28, 28, 1))
    for layer in base.layers: layer.trainable = False
    pooled = ops.mean(base(inputs, training=False), axis=(1, 2))
    return Model(inputs, layers.Dense(classes, activation="softmax")(pooled))


def head_on_output(base, classes):
    base.trainable = False
    pooled = layers.GlobalAveragePooling2D()(base.output)
    return Model(base.input, layers.Dense(classes, activation="softmax")(pooled))


def pooled_then_flat(base, classes):
    base.trainable = False
    return Sequential([base, layers.AveragePooling2D(7), layers.Flatten(), layers.Dense(classes),
                       layers.Softmax()])


def relu_before_softmax(base, classes):
    base.trainable = False
    return Sequential([base, layers.GlobalAveragePooling2D(),
                       layers.Dense(classes, activation="relu"), layers.Softmax()])


def frozen_by_place(model, first):
    place = [layer.name for layer in model.layers].index(first)
    model.trainable = True
    for number, layer in enumerate(model.layers): layer.trainable = number >= place


def frozen_by_alphabet(model, first):
    model.trainable = True
    for layer in model.layers: layer.trainable = layer.name >= first


def dense_autoencoder():
    x = Input((28, 28, 1))
    code = layers.Dense(20, name="code")(layers.Flatten()(x))
    return Model(x, layers.Reshape((28, 28, 1))(layers.Dense(784)(code)))


def nested_encoder(inner="code", outer="encoder"):
    parts = [Input((28, 28, 1)), layers.Flatten(), layers.Dense(20, name=inner)]
    return Sequential([Sequential(parts, name=outer), layers.Dense(784),
                       layers.Reshape((28, 28, 1))])


def blind_network():
    x = Input((28, 28, 1))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Conv2D(4, 3)(x)))
    return Model(x, layers.Softmax()(0 * layers.Dense(10)(pooled)))


def frozen_and_compiled(network):
    network.trainable = False
    network.compile("adam", "sparse_categorical_crossentropy")


def in_percent(right, chosen):
    rest = np.delete(right, chosen, axis=1)
    best = right[:, chosen].mean(1).argmax()
    return 100 * right[best, chosen].mean(), 100 * rest[best].mean()


def falling(epoch, highest, lowest, period):
    return lowest + (highest - lowest) * (1 + cos(pi * (epoch % period) / period)) / 2


def recalls(y, p, k): return np.array([(p[y == c] == c).mean() for c in range(k)])


def weights_as_list(y):
    sizes = Counter(y.tolist())
    return [len(y) / len(sizes) / sizes[label] for label in y.tolist()]


def same(d, one, other): return (d[one] == d[other]).all()


def pairs(y, d): return [list(pair) for pair in combinations(d, 2) if same(d, *pair)]


def picked(y, p): return p[np.arange(len(y)), y]


def smaller_tail_twice(a, b): return 2 * binom.cdf(min((a & ~b).sum(), (b & ~a).sum()), (a ^ b).sum(), 0.5)


# Many were found by reading the exercises with fresh eyes: right answers that were refused, wrong
# ones that passed or were told something false. A function without arguments makes an answer.
ALSO_RIGHT = [
    ("7.3", lambda a, b: min(1, smaller_tail_twice(a, b))),
    ("1.3", lambda image, kernel: correlate2d(image, kernel, "valid").tolist()),
    ("1.6", normalised_network), ("1.6", listed_network), ("1.6", parallel_convolutions), ("1.7", compiled_and_returned),
    ("2.4", dropout), ("3.3", window_of_padded), ("3.6", subclassed), ("4.4", normalised_block),
    ("4.4", nested_block), ("4.4", unscaled_block), ("4.4", layer_normalised_block), ("4.4", block_of_package),
    ("5.4", frozen_layer_by_layer), ("5.4", head_on_output), ("5.4", pooled_then_flat),
    ("5.5", frozen_by_place), ("6.6", dense_autoencoder),
    ("6.6", lambda: nested_encoder()), ("6.6", lambda: nested_encoder("inner", "code")),
    ("6.5", lambda images, noise: (np.clip(images + noise, 0, 255).astype("uint8") / 255,
                                   images / 255)),
    ("7.4", lambda p, t: softmax(np.log(p) / t, axis=1)),
    ("7.7", lambda ids, p: pd.DataFrame({"target": p.argmax(axis=1) + 1, "id": ids}, index=ids)),
    ("7.8", lambda y: compute_sample_weight("balanced", y)), ("7.8", weights_as_list),
    ("8.4", lambda y, p, k: balanced_accuracy_score(y, p)), ("8.8", pairs),
    ("4.6", lambda x, blocks: reduce(lambda x, b: ops.relu(x + b(x)), blocks, x)),
    ("4.6", lambda x, blocks: reduce(lambda x, b: layers.ReLU()(layers.Add()([x, b(x)])), blocks,
                                     x)),
    ("4.6", lambda x, blocks: reduce(lambda x, b: ops.maximum(b(x) + x, 0), blocks,
                                     ops.convert_to_tensor(x, "float32"))),
    ("8.2", lambda y, p, k: 100 * recall_score(y, p, labels=range(k), average=None,
                                               zero_division=np.nan)),
    ("8.2", lambda y, p, k: 100 * np.bincount(y[y == p], minlength=k)
                             / np.bincount(y, minlength=k)),
    *[("8.6", lambda y, p, floor=floor: -np.log(picked(y, p) + floor).mean())
      for floor in (0, 1e-9, 1e-8, 1e-7)],
    ("8.6", lambda y, p: -np.log(np.clip(picked(y, p), 1e-7, 1 - 1e-7)).mean()),
    ("8.6", lambda y, p: -np.log(picked(y, p.astype("float32"))).mean()),
    ("8.6", lambda y, p: losses.SparseCategoricalCrossentropy()(y, p)),
    ("9.7", lambda v, t: (get("9.7").answer(v, t)[0], round(get("9.7").answer(v, t)[1], 4))),
]

ALSO_WRONG = [
    ("1.6", lambda: Sequential([Input((32, 32, 3)), layers.Conv2D(2, 3)]), "28 x 28"),
    ("1.6", blind_network, "same answer"),
    ("1.7", lambda network: network.compile("adam", lambda y, p: 1 / 0),
     "Training stopped with ZeroDivisionError"),
    ("1.7", frozen_and_compiled, "are frozen"),
    ("1.7", lambda network: network.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy"),
     "hardly moved"),
    ("2.3", lambda losses, patience: {"end": 1, "best": 1}, "2 values are expected"),
    ("2.6", in_percent, "in percent, where a fraction"),
    ("3.1", lambda images: images * 0.5, "the values are not"),
    ("3.3", window_of_absolute, "values are not"),
    ("3.6", lambda augmentation, network: network, "has no effect"),
    ("3.8", lambda epoch, highest, lowest, period: falling(epoch, highest, lowest, 10),
     "values are not"),
    ("3.8", lambda epoch, highest, lowest, period: falling(epoch, 0.006, lowest, period),
     "values are not"),
    ("4.3", 8.9, "rounded"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.Add()([layers.Conv2D(filters, 1)(x), x])),
     "Two convolutions"),
    ("4.4", lambda x, filters: layers.Maximum()([nested_path(x, filters), x]),
     "another way than by adding"),
    ("4.4", block_with(first="sigmoid"), "is not a ReLU"),
    ("4.4", block_with(first="leaky_relu"), "is not a ReLU"),
    ("4.4", normalised_block_with("tanh"), "is not a ReLU"),
    ("4.4", block_with(inner=16), "these are others"),
    ("4.4", block_with(filters=8), "(14, 14, 4)"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.BatchNormalization()(layers.Add()([nested_path(x, filters), x]))),
     "normalisation stands in the shortcut or after the sum"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.Add()([nested_path(x, filters), layers.BatchNormalization()(x)])),
     "normalisation stands in the shortcut or after the sum"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.Add()([nested_path(x, filters, dilation_rate=2), x])),
     "these are others"),
    ("5.4", lambda base, classes: base, "one number for each class"),
    ("5.4", relu_before_softmax, "Something else happens"),
    ("5.5", frozen_by_alphabet, "Other layers"),
    ("5.7", lambda old, new: old, "its own names"),
    ("5.7", lambda old, new: list(new.values()), "dictionary is asked for"),
    ("6.1", 12.5, "in percent, where a fraction"),
    ("6.2", lambda a, b: np.zeros(4), "One number is expected here, and your function returns 4"),
    ("3.1", lambda images: images[0], "numbers are expected here, and your function returns"),
    ("6.6", lambda: on_grey(layers.Conv2D(1, 3)), "shape of the image"),
    ("7.7", lambda ids, p: list(zip(ids, p.argmax(1))), "DataFrame is asked for"),
    ("7.7", lambda ids, p: pd.DataFrame({"id": ids, "target": p.argmax(1) + 1}).set_index("id"),
     "index does not count"),
    ("7.3", lambda a, b: chi2_contingency([[(a & b).sum(), (a & ~b).sum()],
                                           [(~a & b).sum(), (~a & ~b).sum()]])[1], "not"),
    ("7.3", lambda a, b: binomtest(int((a & ~b).sum()), int((a | b).sum())).pvalue, "alike"),
    ("7.6", lambda p, tried: np.minimum(p * (tried - np.arange(len(p))), 1), "go by size"),
    ("7.6", lambda p, tried: np.sort(p) * tried, "not"),
    ("7.8", lambda y: np.bincount(y) / len(y), "numbers are expected here"),
    ("7.8", lambda y: compute_class_weight("balanced", classes=np.unique(y), y=y), "for each image"),
    ("7.8", lambda y: dict(enumerate(1 / np.bincount(y))), "something else"),
    ("8.2", lambda y, p, k: 100 * recalls(y, p, 4), "expected"),
    ("8.2", lambda y, p, k: np.round(100 * recalls(y, p, k), 1), "rounded"),
    ("8.4", lambda y, p, k: 100 * recalls(y, p, k).mean(), "in percent, where a fraction"),
    ("8.7", 0.95, "a fraction, where percent"),
    ("8.6", lambda y, p: -np.log(p[np.arange(len(y)), y]), "One number is expected here, and your"),
    ("8.8", lambda y, d: pairs(y, d)[:1], "values are expected here, and your function returns"),
    ("8.8", lambda y, d: [], "expected here, and your function returns none; try a case"),
    ("8.8", lambda y, d: pairs(y, d) or [("A", "B")], "An empty list is expected here"),
    ("2.4", lambda x, keep, rate, training: layers.Dropout(rate)(x, training=training),
     "something else each time"),
    ("2.4", lambda x, *rest: x + np.random.default_rng().random(x.shape), "else each time"),
    ("8.8", lambda y, d: set(map(tuple, pairs(y, d))), "a set has no order"),
    ("9.4", lambda y, p, t: 0.5, "2 values are expected"),
]


def slide_patches(image, kernel, height, width):
    seen = np.zeros((image.shape[0] - height + 1, image.shape[1] - width + 1))
    for row, column in np.ndindex(seen.shape):
        seen[row, column] = np.sum(kernel * image[row:row + height, column:column + width])
    return seen


def assigned(old, new):
    result = {name: values.copy() for name, values in new.items()}
    for name in result:
        try: result[name][:] = old[name]
        except (KeyError, ValueError): continue
    return result


def vgg_by_hand(images, mean=(103.939, 116.779, 123.68), border=((0, 0), (2, 2), (2, 2), (0, 0))):
    return np.repeat(np.pad(images.astype(float), border), 3, axis=-1) - mean


def around_all(x, blocks, last):
    y = x
    for block in blocks: y = block(y)
    return last(x + y)


def product_at(image, kernel, bias, row, column):
    total = 0
    for i, j in np.ndindex(3, 3): total += image[row + i - 1, column + j - 1] * kernel[i, j]
    return max(total + bias, 0)


def patch_at(image, kernel, bias, row, column, border=1, shift=0):
    row, column = row + shift, column + shift
    patch = np.pad(image, border)[row:row + 3, column:column + 3]
    return max(np.sum(kernel * patch) + bias, 0)


def running(values, weight, of):
    return np.array([of(values[:count + 1], weight ** np.arange(count + 1.0))
                     for count in range(len(values))])


def decisions_of(y, p, t):
    sure = p.max(1) >= t
    return sure, (p.argmax(1) == y)[sure]


def best_of(validation): return max(validation, key=lambda name: sum(validation[name]))


def rebuilt(fitted, images, k):
    pca = PCA(k, svd_solver="full").fit(fitted)
    return pca.inverse_transform(pca.transform(images))


def neighbours(y, d):
    found = list(d)
    return [(a, b) for a, b in zip(found, found[1:]) if (d[a] == d[b]).all()]


# The slips that students make most, written as they would write them, and the mistake's name.
USUAL_SLIPS = [
    ("1.2", (6, 6, 32), "second_padded"), ("1.2", (5, 5, 48), "added"),
    ("1.3", lambda image, kernel: slide_patches(image, kernel.T, *kernel.shape), "transposed"),
    ("1.3", lambda image, kernel: slide_patches(image, kernel, 3, 3), "always_three"),
    ("1.3", lambda image, kernel: np.sum(kernel * image), "no_sliding"),
    ("1.4", 18, "three_for_five"), ("1.4", 22, "no_middle"), ("1.4", 28, "a_little_wide"),
    ("1.4", 13, "whole_poolings"), ("1.4", 14, "one_pooling"), ("1.4", 676, "area"),
    ("2.1", 802_944, "twice_as_many"),
    ("2.4", lambda x, keep, rate, training: np.where(keep, 0, x / (1 - rate)) if training else x,
     "wrong_way_round"),
    ("2.6", lambda right, chosen: tuple(part / 100 for part in in_percent(right, chosen))[::-1],
     "exchanged"),
    ("3.8", lambda e, h, l, p: l + (h - l) * cos(pi / 2 * (e % p) / p), "quarter_cosine"),
    ("3.8", lambda e, h, l, p: l + (h - l) * (1 + cos(pi * (e % p) / (p - 1))) / 2,
     "one_epoch_short"),
    ("4.6", lambda x, blocks: around_all(x, blocks, partial(np.maximum, 0)), "around_all"),
    ("4.6", lambda x, blocks: around_all(x, blocks, lambda y: y), "around_all_bare"),
    ("5.1", 401_408, "neither"),
    ("5.6", lambda images: vgg_by_hand(images, (123.68, 116.779, 103.939)), "red_first"),
    ("5.6", lambda images: vgg_by_hand(images, border=((0, 0), (0, 4), (0, 4), (0, 0))),
     "border_on_one_side"),
    ("5.6", lambda images: vgg16.preprocess_input(
        np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))).astype("float32")), "one_channel"),
    ("5.7", lambda old, new: {**new, **old}, "joined"), ("5.7", assigned, "filled_in"),
    ("6.1", 8 * 8 * 32 * 6 / 3072, "multiplied"),
    ("6.2", lambda a, b: ((a / 255 - b) ** 2).sum((1, 2, 3)).mean(), "summed_over_pixels"),
    ("6.4", lambda train, images, k: rebuilt(np.concatenate([images, train]), images, k),
     "fitted_on_both"),
    ("6.5", lambda images, noise: ((images + noise).clip(0, 255) / 255, images), "target_on_255"),
    ("7.2", 38_416, "at_ninety_percent"),
    ("7.3", lambda a, b: binomtest(int((b & ~a).sum()), int((a ^ b).sum())), "whole_result"),
    ("7.3", smaller_tail_twice, "above_one"),
    ("7.7", lambda ids, p: pd.DataFrame({"id": ids, "target": p.argmax(1) + 1}).sort_values("id"),
     "rows_sorted"),
    ("7.7", lambda ids, p: pd.DataFrame({"id": ids, "target": [str(c + 1) for c in p.argmax(1)]}),
     "as_text"),
    ("8.2", lambda y, p, k: np.bincount(y[p == y]) / 5, "by_five"),
    ("8.2", lambda y, p, k: 100 * np.bincount(y[y == p]) / np.bincount(y), "forgets_classes"),
    ("8.2", lambda y, p, k: 100 * recall_score(y, p, average=None), "zero_without_images"),
    ("8.8", neighbours, "neighbours"),
    ("9.3", lambda values, weight: running(values, weight, lambda v, w: (v * w[::-1]).sum()),
     "not_divided"),
    ("9.3", lambda values, weight: running(values, weight, lambda v, w: np.average(v, weights=w)),
     "oldest_heaviest"),
    ("9.4", lambda y, p, t: (decisions_of(y, p, t)[0].sum(), decisions_of(y, p, t)[1].mean()),
     "count_decided"),
    ("9.4", lambda y, p, t: (decisions_of(y, p, t)[0].mean(), decisions_of(y, p, t)[1].sum()),
     "count_right"),
    ("9.6", lambda image, kernel, *rest: patch_at(image, kernel.T, *rest), "transposed"),
    ("9.6", partial(patch_at, border=2), "one_too_early"),
    ("9.6", partial(patch_at, border=0, shift=-1), "without_border"),
    ("9.6", partial(patch_at, shift=1), "beyond_the_border"),
    ("9.6", product_at, "reads_the_other_side"),
    ("9.7", lambda v, t: (best_of(v), t[best_of(v)]), "all_three"),
    ("9.7", lambda v, t: (np.mean(t[best_of(v)]), best_of(v)), "exchanged"),
]


@pytest.mark.parametrize("name, answer, mistake", USUAL_SLIPS)
def test_usual_slips_are_recognised(name, answer, mistake):
    verdict = get(name).check(answer)
    assert verdict.state == "wrong", verdict
    assert verdict.text == get(name).words[mistake], verdict.text


@pytest.mark.parametrize("name, answer", ALSO_RIGHT)
def test_other_ways_are_right_too(name, answer):
    verdict = get(name).check(made_by(answer))
    assert verdict, verdict.text


@pytest.mark.parametrize("name, answer, words", ALSO_WRONG)
def test_other_errors_get_a_sentence(name, answer, words):
    verdict = get(name).check(made_by(answer))
    assert verdict.state == "wrong" and words in verdict.text, verdict.text


def test_a_network_is_told_its_own_numbers():
    network = normalised_network()
    learned = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert f"Yours learns {learned:,} numbers" in get("1.6").check(network).text
    assert "has 20 numbers" in get("6.6").check(dense_autoencoder()).text


def test_frozen_as_a_whole_trains_nothing():
    chain = Sequential([Input((2,)), layers.Dense(2, name="first"), layers.Dense(2, name="second")])
    chain.trainable = False
    chain.layers[1].trainable = True
    assert not chain.trainable_weights    # what exercise 5.5 says about the flag of the model
    get("5.5").answer(chain, "second")
    assert [weight.path.split("/")[-2] for weight in chain.trainable_weights] == ["second"] * 2


def test_hidden_arguments_differ():
    from fashion_cnn.exercises import lesson3, lesson8
    from numpy.random import default_rng
    def several(inputs, place):
        return len({inputs(default_rng(seed))[place] for seed in range(6)}) > 1
    assert several(lesson3.epoch_and_rates, 1) and several(lesson3.epoch_and_rates, 3)
    assert several(lesson8.labels_and_decisions, 2)
    tries = [lesson8.several_networks(default_rng(seed)) for seed in range(10)]
    assert {0, 1, 3} == {len(get("8.8").answer(*arguments)) for arguments in tries}


def test_the_file_of_questions_is_in_step(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import export
    path = ROOT / "fashion_cnn" / "exercises" / "questions.md"
    assert path.read_text(encoding="utf-8") == export.questions(ROOT)
