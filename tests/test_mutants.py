"""Judges against mutants of every solution, and against right answers of an odd form.

Of the exercises that build a network every fifth mutant is tried, with FASHION_CNN_MUTANTS=all each of them.
"""
import functools
import inspect
import os
import re
from decimal import Decimal
from fractions import Fraction

import keras    # first: a mutant that runs out of time must not interrupt its import
import numpy as np
import pandas as pd
import pytest
from keras import Input, Model, Sequential, layers, losses, ops, optimizers
from mutants import compiled, limited, mutants

from fashion_cnn.exercises import answer_of, get, names
from fashion_cnn.exercises.exercise import made_by

EVERYTHING = os.environ.get("FASHION_CNN_MUTANTS") == "all"
KINDS = {name: get(name).kind for name in names()}
NETWORKS = [name for name in names() if KINDS[name] not in ("number", "shape", "choice", "function")]
VALUES = [name for name in names() if KINDS[name] in ("number", "shape")]
FUNCTIONS = [name for name in names() if KINDS[name] == "function"]

# What no verdict may hold: names and messages from inside of Keras, and what is cut off in the middle.
JARGON = re.compile(r"KerasTensor|Functional|Exception encountered|Arguments received|\x1b|<[^>]* object|ndim|"
                    r"EagerTensor|function_node|layer_module|input_shape=|InvalidArgument|Traceback|shape=\(|"
                    r"[Uu]nrecognized keyword|could not interpret|\bInput \d|conv2d(_\d+)?'|dense_\d+'|operands could|broadcast|gufunc|ufunc|core dimension|out of bounds|"
                    r"inhomogeneous|boolean index|zero-size|0-dimensional|length-1 arrays|scalar (array|index)|"
                    r"numpy\.|ndarray|dtype\(|\bNaN\b|truth value of|\(\d+,\)|where \(\)", re.I)

# Mutants that are accepted, by what stands in their changed line, and why they are right all the same.
EQUIVALENT = {
    "1.3": [("np.ones(", "every place is overwritten")],
    "3.3": [("np.clip(0, np.arange", "the larger of 0 and a number is the larger of the number and 0")],
    "4.4": [("Add()([x, y])", "the order of a sum does not matter")],
    "4.6": [("np.maximum(0, x + block(x))", "the order does not matter to a maximum")],
    "5.4": [("Sequential([base, *head])", "the base knows what goes in")],
    "5.6": [("np.pad(images, ", "bytes are padded with zeros as well, and made numbers with a point later"),
            ("np.pad(images.astype('uint8')", "they are bytes already")],
    "6.2": [("(rebuilt - images / 255) ** 2", "a square has no sign")],
    "6.5": [("np.clip(0, images + noise, 255)", "as in 3.3")],
    "7.1": [("wilson(4501, 5000)", "right to the 0.005 that the question asks for"),
            ("wilson(4499, 5000)", "right to the 0.005"), ("wilson(4500, 5001)", "right to the 0.005"),
            ("wilson(4500, 4999)", "right to the 0.005")],
    "7.3": [("(~second & first)", "the order of 'and' does not matter"), ("(second & ~first)", "the same"),
            ("binomtest(only_first, ", "a whole number of NumPy's is one of Python's to SciPy"),
            ("round(", "round and int are the same for whole numbers"), ("only_first + only_second).pvalue", "the same"),
            ("binomtest(int(only_second)", "a fair coin: heads and tails may be exchanged in a two-sided test")],
    "7.8": [("len(position) /", "as many positions as labels"), ("len(counts) *", "as many counts as classes")],
    "7.6": [("np.minimum(1, raised)", "the order does not matter to a minimum"), ("np.empty(len(order))", "as many as p"),
            ("np.empty(len(raised))", "as many as p"), ("tried - np.arange(len(order))", "as many as p")],
    "8.2": [("return [100 * ", "a list is taken for an array")],
    "8.6": [("np.arange(len(probabilities))", "as many rows as labels")],
    "8.8": [("np.array_equal(q, p)", "equality goes both ways"),
            ("np.array_equiv(p, q)", "the same for arrays of one shape")],
    "9.3": [("return smooth", "a list is taken for an array")],
    "9.6": [("max(0.0, ", "the order does not matter to a maximum")],
    "9.7": [("max(test, key", "both dictionaries have the same names"),
            ("np.sum(validation[name])", "with three seeds each, the largest sum has the largest mean")],
}

# The question leaves these open: what each must be is asked of the network itself, in the test below.
OPEN = ("1.6", "6.6")


def tried(name, every=1):
    "The verdict on each mutant of a solution whose answer is another one: (changed line, verdict)."
    exercise = get(name)
    computes = not inspect.signature(exercise.answer).parameters
    for number, (_, line, code) in enumerate(mutants(exercise.answer)):
        if number % every: continue
        answer = compiled(code, exercise.answer)
        with limited(10):
            try: answer = answer() if computes else answer
            except Exception: continue    # there is no answer
            if name in VALUES and np.array_equal(answer, answer_of(exercise)): continue
            yield line, answer, exercise.check(answer)


def accepted_and_count(name, every=1):
    "The mutants that pass, and how many were tried; looks at the words of the others."
    results = list(tried(name, every))
    for _, _, verdict in results: assert not JARGON.search(verdict.text), verdict.text
    return [(line, answer) for line, answer, verdict in results if verdict], len(results)


def is_explained(name, line): return any(text in line for text, _ in EQUIVALENT.get(name, ()))


def keeps_the_promise(name, model):
    "What 1.6 and 6.6 ask of a network, by Keras' own counts."
    outputs = np.asarray(model(np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1)).astype("float32")))
    if name == "6.6":
        code = model.get_layer("code")
        return outputs.shape == (3, 28, 28, 1) and np.prod(code.output.shape[1:]) <= 98 and model.trainable_weights
    kernels = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    return len(kernels) == 2 and model.count_params() <= 5_000 and np.allclose(outputs.sum(axis=1), 1, atol=1e-4)


def test_mutants_are_what_they_should_be():
    def solution(a, b): return max(a - 1, b) < 3
    lines = [line for _, line, _ in mutants(solution)]
    for text in ("max(a - 1, b) <= 3", "max(b, a - 1) < 3", "max(a + 1, b)", "max(a - 2, b)", "min(a - 1", "max(b - 1"):
        assert any(text in line for line in lines), text
    assert len(set(lines)) == len(lines) > 15
    with pytest.raises(TimeoutError), limited(0.1):
        while True: pass


def test_nearly_all_mutants_of_values_and_functions_are_refused():
    counts = {}
    for name in VALUES + FUNCTIONS:
        passed, counts[name] = accepted_and_count(name)
        unexplained = [line for line, _ in passed if not is_explained(name, line)]
        assert not unexplained, (name, unexplained)
        counts[name] = len(passed), counts[name]
    passed, tries = map(sum, zip(*counts.values()))
    print(f"{tries - passed} of {tries} mutants refused, {100 * (1 - passed / tries):.1f} %")
    assert tries > 1_500 and passed / tries < 0.03


@pytest.mark.parametrize("name", NETWORKS)
def test_mutants_of_networks_are_refused(name):
    passed, tries = accepted_and_count(name, every=1 if EVERYTHING else 5)
    print(f"{name}: {tries - len(passed)} of {tries} mutants refused")
    for line, answer in passed:
        assert name in OPEN and keeps_the_promise(name, answer) or is_explained(name, line), (name, line)


# --- odd, and right ---------------------------------------------------------------------------

def each(change):
    "A change of numbers and arrays, also of those in tuples, lists and dictionaries."
    def changed(value):
        if isinstance(value, dict): return {key: changed(item) for key, item in value.items()}
        if isinstance(value, (tuple, list)): return type(value)(map(changed, value))
        return change(value) if isinstance(value, (int, float, np.generic, np.ndarray)) else value
    return changed


def as_fraction(value): return Fraction(value) if np.isfinite(value) else value


def as_series(value): return pd.Series(value) if np.ndim(value) == 1 else value


ODD_NUMBERS = {"float": float, "NumPy": np.float64, "array without axes": np.asarray, "one element": lambda x: np.array([x]),
               "in brackets": lambda x: [x], "in two brackets": lambda x: [[x]], "fraction": Fraction,
               "decimal": Decimal, "tensor": ops.convert_to_tensor, "series": lambda x: pd.Series([x]),
               "object": lambda x: np.array(x, object), "double": np.longdouble}
ODD_RESULTS = {"list": each(lambda x: np.asarray(x).tolist()), "float32": each(np.float32),
               "tensor": each(lambda x: ops.convert_to_tensor(x)), "array": each(np.asarray),
               "one element": each(lambda x: np.array([x]) if np.ndim(x) == 0 else x),
               "in brackets": each(lambda x: np.asarray(x)[..., None].tolist()),
               "object": each(lambda x: np.array(x, object)), "series": each(as_series),
               "Fortran": each(np.asfortranarray), "longdouble": each(np.longdouble),
               "fraction": each(lambda x: np.vectorize(as_fraction, otypes=[object])(x) if np.ndim(x) < 2 else x)}


@pytest.mark.parametrize("name", [name for name in VALUES if KINDS[name] == "number"])
def test_numbers_of_any_kind(name):
    right = answer_of(get(name))
    for form, change in ODD_NUMBERS.items(): assert get(name).check(change(right)), form


@pytest.mark.parametrize("form", [tuple, list, np.array, lambda x: np.array(x, float), lambda x: (None, *x), np.float32,
                                  lambda x: [np.array([size]) for size in x], ops.convert_to_tensor])
def test_shapes_of_any_kind(form): assert get("1.2").check(form(answer_of(get("1.2"))))


class Callable:
    "An answer that is an object."
    def __init__(self, function): self.function = function
    def __call__(self, *arguments): return self.function(*arguments)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_of_any_form(name):
    solution = get(name).answer
    if name in ("7.7", "8.8"): return    # tables and names, see below
    def after(change): return lambda *arguments: change(solution(*arguments))
    for form, change in ODD_RESULTS.items():
        verdict = get(name).check(after(change))
        assert verdict, (form, verdict.text)
    swap = {tuple: list, list: tuple}
    for answer in (Callable(solution), functools.partial(solution), lambda *a, **k: solution(*a, **k),
                   after(lambda result: swap.get(type(result), lambda same: same)(result))):
        assert get(name).check(answer)


def table(ids, targets): return pd.DataFrame({"target": targets, "id": ids})


class Wrapped(Model):
    "Layers one behind the other, as a class; with `training` only where it is asked for."
    def __init__(self, *parts):
        super().__init__()
        self.parts = list(parts)

    def call(self, images, training=False):
        for part in self.parts: images = part(images)
        return images


def small_parts(): return [layers.Conv2D(4, 3, name="first"), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(),
                           layers.Dense(10, activation="softmax", name="last")]


def added():
    model = Sequential(name="some_name")
    for part in [Input((28, 28, 1)), *small_parts()]: model.add(part)
    return model


def several_outputs():
    x = Input((28, 28, 1))
    return Model([x], [Sequential(small_parts())(x)])


def code_parts(): return [layers.Flatten(), layers.Dense(20, name="code", activation="tanh"), layers.Dense(784),
                          layers.Reshape((28, 28, 1))]


def frozen(base):
    base.trainable = False
    return base


def head_of(classes): return [layers.GlobalAveragePooling2D(), layers.Dense(classes, activation="softmax")]


class Augmented(Model):
    def __init__(self, augmentation, network):
        super().__init__()
        self.augmentation = augmentation
        self.network = network

    def call(self, images, training=None):
        return self.network(self.augmentation(images, training=training), training=training)


def compiled_with(optimizer, loss="sparse_categorical_crossentropy", **options):
    return lambda network: network.compile(optimizer, loss, **options)


def path_without_bias(filters):
    def convolution(**options): return layers.Conv2D(filters, 3, padding="same", use_bias=False, **options)
    return Sequential([convolution(activation="relu"), convolution()])


class Block(layers.Layer):
    "A path as one layer of the student's own."
    def __init__(self, filters):
        super().__init__()
        self.one = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.two = layers.Conv2D(filters, (3, 3), padding="same", use_bias=False)

    def call(self, x): return ops.relu(self.two(self.one(x)) + x)


ODD_AND_RIGHT = [
    *[("7.7", lambda ids, p, kind=kind: table(ids, (p.argmax(axis=1) + 1).astype(kind)))
      for kind in ("int8", "uint8", "int32", "int64")],
    ("7.7", lambda ids, p: table(pd.Series(ids), pd.Series(p.argmax(axis=1) + 1, dtype="Int64"))),
    ("7.7", lambda ids, p: table(ids.tolist(), [int(row.argmax()) + 1 for row in p])),
    ("7.7", lambda ids, p: table(ids, pd.Categorical(p.argmax(axis=1) + 1))),
    ("8.8", lambda y, d: (pair for pair in get("8.8").answer(y, d))),
    ("8.8", lambda y, d: np.array(get("8.8").answer(y, d)).tolist()),
    ("8.8", lambda y, d: tuple(map(list, get("8.8").answer(y, d)))),
    ("9.7", lambda v, t: (np.array(get("9.7").answer(v, t)[0]), get("9.7").answer(v, t)[1])),
    ("1.6", lambda: Sequential(small_parts())), ("1.6", added), ("1.6", several_outputs),
    ("1.6", lambda: Wrapped(*small_parts())), ("1.6", lambda: Wrapped(Sequential(small_parts()[:2]), *small_parts()[2:])),
    ("1.6", lambda: Sequential([Input((28, 28)), layers.Reshape((28, 28, 1)), *small_parts()])),
    ("1.6", lambda: Sequential([Input((None, None, 1)), layers.Rescaling(1 / 255), *small_parts()])),
    ("1.7", compiled_with(optimizers.SGD(0.1))), ("1.7", compiled_with(optimizers.SGD(0.01, momentum=0.9))),
    ("1.7", compiled_with("rmsprop", losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])),
    ("1.7", compiled_with("adamax", losses.sparse_categorical_crossentropy)),
    ("1.7", compiled_with("lion", lambda y, p: -ops.mean(ops.log(ops.sum(p * ops.one_hot(ops.cast(y, "int32"), 10),
                                                                         axis=-1))))),
    ("3.6", lambda augmentation, network: Sequential([augmentation, network])),
    ("3.6", lambda augmentation, network: Sequential([Input((28, 28, 1)), augmentation, network])),
    ("3.6", lambda augmentation, network: Sequential([Sequential([augmentation]), network], name="both")),
    ("3.6", Augmented),
    ("4.4", lambda x, filters: Block(filters)(x)),
    ("4.4", lambda x, filters: ops.maximum(x + Sequential([layers.Conv2D(filters, 3, padding="same", activation="relu"),
                                                           layers.Conv2D(filters, 3, padding="same")])(x), 0)),
    ("4.4", lambda x, filters: layers.ReLU()(path_without_bias(filters)(x) + x)),
    ("5.4", lambda base, classes: Sequential([frozen(base), *head_of(classes)])),
    ("5.4", lambda base, classes: Wrapped(frozen(base), *head_of(classes))),
    ("5.4", lambda base, classes: Sequential([frozen(base), Sequential(head_of(classes))])),
    ("6.6", lambda: Sequential(code_parts())), ("6.6", lambda: Wrapped(*code_parts())),
    ("6.6", lambda: Wrapped(Sequential(code_parts()[:2]), Wrapped(*code_parts()[2:]))),
    ("6.6", lambda: Sequential([Input((28, 28, 1)), Sequential(code_parts()[:2], name="encoder"),
                                Sequential(code_parts()[2:], name="decoder")])),
]


@pytest.mark.parametrize("name, answer", ODD_AND_RIGHT)
def test_odd_and_right(name, answer):
    verdict = get(name).check(made_by(answer))
    assert verdict, verdict.text


def around(images, code):
    return layers.Reshape((28, 28, 1))(layers.Dense(784)(layers.Concatenate()([layers.Flatten()(images), code])))


class AroundTheCode(Model):
    "The pixels have a way of their own, in a class that no graph shows."
    def __init__(self):
        super().__init__()
        self.code = layers.Dense(20, name="code")
        self.rest = layers.Dense(784)

    def call(self, images):
        flat = ops.reshape(images, (-1, 784))
        return ops.reshape(self.rest(self.code(flat)) + flat, (-1, 28, 28, 1))


class Deaf(Augmented):
    def call(self, images, training=None): return self.network(self.augmentation(images, training=True))


def with_flags(augmented, trained):
    def answer(augmentation, network):
        x = Input((28, 28, 1))
        return Model(x, network(augmentation(x, **augmented), **trained))
    return answer


def same_shape_of_others(old, new):
    others = dict(zip(new, old.values()))
    return {name: others[name] if others[name].shape == new[name].shape else new[name] for name in new}


WRONG_WITH_WORDS = [
    ("3.6", with_flags({"training": True}, {}), "outside of training"),
    ("3.6", with_flags({"training": False}, {}), "`training=` is written"),
    ("3.6", with_flags({}, {"training": True}), "`training=` is written"),
    ("3.6", Deaf, "outside of training"),
    ("6.6", AroundTheCode, "way around the code"), ("5.7", same_shape_of_others, "position"),
    ("1.7", lambda network: network.compile("adm", "mse"), "Keras knows nothing called 'adm'"),
    ("1.7", lambda network: network.compile("adam", "categorical_crossentropy"), "one-hot"),
    ("1.7", lambda network: network.compile("adam"), "no loss"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.Conv2D(filters, 3)(x) + x), "shapes do not fit together"),
    ("4.4", lambda x, filters: layers.Conv2D(filters, 3, activaton="relu")(x), "no argument 'activaton'"),
    ("4.4", lambda x, filters: layers.Dense(filters, activation="rleu")(x), "nothing called 'rleu'"),
    ("4.4", lambda x, filters: np.maximum(x, 0), "numbers"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.Maximum()([path_without_bias(filters)(x), x])), "than by adding"),
    ("4.4", lambda x, filters: layers.ReLU()(layers.Average()([path_without_bias(filters)(x), x])), "something else"),
    ("5.4", lambda base, classes: Sequential([base, 5]), "takes a list of layers"),
    ("1.6", lambda: Sequential([Input((32, 32, 3)), *small_parts()]), "shapes do not fit together"),
    ("1.3", lambda image, kernel: image + kernel[0, 0] * np.ones(50), "do not fit together. It was given an array of"),
    ("1.3", lambda image, kernel: image @ kernel, "two equal sizes"),
    ("1.3", lambda image, kernel: image[len(image)], "there is no place"),
    ("1.3", lambda image, kernel: image.sum(axis=2), "there is no axis 2 among 2"),
    ("1.3", lambda image, kernel: image[0, 0, 0], "2 axes is asked for a place along 3"),
    ("1.3", lambda image, kernel: image.reshape(2, 0), "numbers cannot become 2 x 0"),
    ("1.3", lambda image, kernel: 1 if image > 0 else 0, "an array holds many"),
    ("1.3", lambda image, kernel: np.zeros(image), "an array"), ("1.3", lambda image, kernel: image[kernel], "whole numbers"),
    ("1.3", lambda image, kernel: range(image), "an array"), ("1.3", lambda image, kernel: float(image), "an array holds many"),
    ("1.3", lambda image, kernel: np.array([image, kernel]), "parts of different sizes"),
    ("1.3", lambda image, kernel: image[:0].max(), "of no numbers"), ("1.3", lambda image, kernel: image.lenght, "an array"),
    ("1.3", lambda image, kernel: image[np.ones(99, bool)], "True or False to choose"),
    ("1.3", lambda image, kernel: np.concatenate([image, kernel]), "do not fit together"),
    ("1.3", lambda image, kernel: np.add(image, ["a"]), "kinds"),
    ("1.7", compiled_with("adam", "mse"), "not the cross-entropy"), ("1.7", compiled_with("adam", "mae"), "not the cross-en"),
    ("1.7", compiled_with("rmsprop", losses.CategoricalCrossentropy()), "one-hot"),
    *[("1.7", compiled_with(optimizers.Adam(rate)), "but not to half") for rate in (1.0, 1e-4)],
    ("3.6", lambda augmentation, network: Sequential([network, augmentation]), "in front of it"),
    ("3.6", lambda augmentation, network: augmentation(network), "stopped with"),
    ("4.4", lambda x, filters: Model(x, get("4.4").answer(x, filters)), "return the tensor"),
    ("5.6", lambda images: images.repeat(3, axis=-1) - np.ones(2), "do not fit together"),
]


@pytest.mark.parametrize("name, answer, words", WRONG_WITH_WORDS)
def test_errors_are_told_in_plain_words(name, answer, words):
    answer = answer() if answer is AroundTheCode else made_by(answer)
    verdict = get(name).check(answer)
    assert verdict.state == "wrong" and words in verdict.text, verdict.text
    assert not JARGON.search(verdict.text) and " ..." not in verdict.text, verdict.text


def test_restarts_agree_with_keras():
    schedule = keras.optimizers.schedules.CosineDecayRestarts
    def rate(epoch, highest, lowest, period):
        return float(schedule(highest, period, t_mul=1.0, alpha=lowest / highest)(epoch))
    assert get("3.8").check(rate)


def test_arguments_reach_the_boundaries():
    from fashion_cnn.exercises import lesson2, lesson3, lesson9
    def cases(inputs, count): return [inputs(np.random.default_rng(seed)) for seed in range(count)]
    curves = cases(lesson2.curve_and_patience, 40)
    assert any(len(losses) == 1 for losses, _ in curves) and any(len(set(losses)) < len(losses) for losses, _ in curves)
    assert any(down == 0 for _, down, _ in cases(lesson3.image_and_move, 16))
    assert any(row == int(row) for _, row, _ in cases(lesson3.image_and_place, 16))
    assert any(epoch % period == 0 for epoch, _, _, period in cases(lesson3.epoch_and_rates, 16))
    assert all((p.max(axis=1) == threshold).any() for _, p, threshold in cases(lesson9.with_threshold, 6))
