"""Every measure of `Evaluation` against scikit-learn, SciPy or hand-worked tables, ordinary and degenerate."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn import metrics

from fashion_cnn.evaluate import (
    Evaluation,
    checked_labels,
    checked_probabilities,
    cross_entropy,
    percent,
    summary,
    wilson,
)

AVERAGES = ("macro", "weighted", "micro", None)


@st.composite
def judged(draw):
    "Labels and probabilities: one image or many, classes absent or never predicted, ties, certainty."
    classes, images = draw(st.integers(2, 12)), draw(st.integers(1, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    present = random.permutation(classes)[: draw(st.integers(1, classes))]
    raw = random.random((images, classes)) ** draw(st.sampled_from([1, 20]))
    if draw(st.booleans()):
        raw = np.ceil(3 * raw)  # ties
    if draw(st.booleans()):
        raw[:, random.permutation(classes)[1:]] *= 1e-9  # one class takes nearly all
    if draw(st.booleans()):
        raw = np.eye(classes)[random.integers(0, classes, images)]  # certainty, right or wrong
    return random.choice(present, images), (raw / raw.sum(1, keepdims=True)).astype(np.float32)


@settings(max_examples=80, deadline=None)
@given(judged())
def test_equals_scikit_learn(case):
    y, p = case
    classes, d = range(p.shape[1]), p.argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e = Evaluation(y, p)
        assert e.accuracy == metrics.accuracy_score(y, d)
        for average in AVERAGES:
            for ours, theirs in (
                (e.precision, metrics.precision_score),
                (e.recall, metrics.recall_score),
                (e.f1, metrics.f1_score),
            ):
                np.testing.assert_allclose(
                    ours(average), theirs(y, d, labels=classes, average=average, zero_division=0)
                )
        for normalize in (None, "true", "pred"):
            np.testing.assert_array_equal(
                e.confusion(normalize), metrics.confusion_matrix(y, d, labels=classes, normalize=normalize)
            )
        table = e.report()
        theirs = metrics.classification_report(y, d, labels=classes, zero_division=0, output_dict=True)
        for name, row in list(zip(map(str, classes), table.itertuples())) + [
            ("macro avg", table.loc["macro average"]),
            ("weighted avg", table.loc["weighted average"]),
        ]:
            np.testing.assert_allclose([row.precision, row.recall, row.f1, row.images], list(theirs[name].values()))
        assert e.most_confused(1000).images.sum() == (d != y).sum() == len(e.most_wrong(1000))
        low, high = e.interval
        assert 0 <= low <= e.accuracy + 1e-12 and e.accuracy - 1e-12 <= high <= 1 and str(e)
    # scikit-learn wants rows that sum to 1 to float32's precision, and clips at float32's epsilon as we do
    np.testing.assert_allclose(e.loss, metrics.log_loss(y, e.probabilities, labels=classes), rtol=1e-4, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(judged(), st.integers(1, 20))
def test_most_wrong_lists_the_most_confident_mistakes(case, n):
    y, p = case
    e = Evaluation(y, p, [f"class {i}" for i in range(p.shape[1])])
    wrong = np.flatnonzero(p.argmax(1) != y)
    table = e.most_wrong(n)
    assert len(table) == min(n, len(wrong)) and set(table["index"]) <= set(wrong)
    for row in table.itertuples():
        assert row.truth == f"class {y[row.index]}" and row.prediction == f"class {p[row.index].argmax()}"
        assert np.isclose(row.probability, p[row.index].max(), atol=1e-3) and row.truth_probability <= row.probability
    left_out = np.setdiff1d(wrong, table["index"])
    if len(left_out) and len(table):
        assert p[left_out].max() <= table.probability.min() + 1e-6


def test_a_table_worked_by_hand():
    e = Evaluation(
        [0, 0, 1, 2],
        [[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1]],
        ["bag", "boot", "coat"],
        source="four drawings",
    )
    assert e.confusion().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert e.confusion("true").tolist() == [[0.5, 0.5, 0], [0, 1, 0], [1, 0, 0]] and e.confusion("pred").tolist() == [
        [0.5, 0.5, 0],
        [0, 0.5, 0],
        [0.5, 0, 0],
    ]
    assert e.precision(None).tolist() == [0.5, 0.5, 0] and e.recall(None).tolist() == [0.5, 1, 0]
    assert np.isclose(e.f1(), 7 / 18) and np.isclose(e.f1("weighted"), 5 / 12) and e.f1("micro") == e.accuracy == 0.5
    assert np.isclose(e.loss, -np.log([0.9, 0.2, 0.6, 0.1]).mean())
    assert e.most_wrong()["index"].tolist() == [1, 3] and e.most_confused().images.tolist() == [1, 1]
    assert repr(e) == "Evaluation: accuracy 50.0 % (15.0 to 85.0), four drawings, 4 images"


def test_wilson_covers_the_truth_as_often_as_it_says():
    "Exact coverage, summed over all outcomes, on average over accuracies: 95 %."
    for images in (100, 1000):
        intervals = np.array([wilson(k, images) for k in range(images + 1)])
        shares = np.linspace(0.5, 0.98, 60)
        coverage = [
            binom.pmf(np.flatnonzero((intervals[:, 0] <= p) & (p <= intervals[:, 1])), images, p).sum() for p in shares
        ]
        assert 0.93 < np.mean(coverage) < 0.97 and min(coverage) > 0.90
    assert wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1


def test_cross_entropy_of_certain_errors_is_finite():
    assert np.isclose(cross_entropy(np.array([0]), np.array([[0.0, 1.0]])), -np.log(np.finfo(np.float32).eps))
    assert Evaluation([1], [[0.0, 1.0]]).loss == 0


@pytest.mark.parametrize(
    "labels, probabilities, says",
    [
        (None, [[0.5, 0.5]], "true labels"),
        ([0, 1], [[0.5, 0.5]], "same images"),
        ([0], [[0.5, 0.6]], "sum to 1"),
        ([0], [[3.0, -2.0]], "at least 0"),
        ([0], [[np.nan, 1]], "finite"),
        ([0], [[np.inf, 1]], "finite"),
        ([2], [[0.5, 0.5]], "from 0 to 1"),
        ([-1], [[0.5, 0.5]], "from 0 to 1"),
        ([0.5], [[0.5, 0.5]], "whole numbers"),
        ([np.nan], [[0.5, 0.5]], "whole numbers"),
        ([[1, 0]], [[0.5, 0.5]], "argmax"),
        (["Coat"], [[0.5, 0.5]], "class numbers"),
        ([], np.zeros((0, 2)), "At least one"),
        ([0], [0.5, 0.5], "shape"),
        ([0], [[1.0]], "two classes"),
        ([0], [["a", "b"]], "numbers"),
    ],
)
def test_bad_input_is_refused_in_words(labels, probabilities, says):
    with pytest.raises(ValueError, match="Received: ") as error:
        Evaluation(labels, probabilities)
    assert says in str(error.value)


def test_bad_options_are_refused_in_words():
    e = Evaluation([0, 1], [[0.9, 0.1], [0.9, 0.1]])
    for call in (
        lambda: e.f1("makro"),
        lambda: e.confusion("rows"),
        lambda: e.most_wrong(0),
        lambda: e.most_wrong(2.5),
        lambda: Evaluation([0], [[0.5, 0.5]], ["only one"]),
    ):
        with pytest.raises(ValueError, match="Received: "):
            call()


def test_quantised_probabilities_are_admitted_and_scaled():
    p = np.random.default_rng(0).dirichlet(np.ones(10), 500)
    coarse = np.round(p * 255) / 255
    assert abs(coarse.sum(1) - 1).max() > 0.003
    kept = checked_probabilities(coarse)
    assert (
        kept.dtype == np.float32
        and np.allclose(kept.sum(1), 1, atol=1e-6)
        and (kept.argmax(1) == coarse.argmax(1)).all()
    )
    exact = p.astype(np.float32)
    assert (checked_probabilities(exact) == exact).all(), "float32 softmax output stays as it is"
    assert checked_labels(np.array([0.0, 2.0]), 3).dtype == np.int64


def a_run(n=50):
    random = np.random.default_rng(1)
    p, y = random.dirichlet(np.ones(3), n).astype(np.float32), random.integers(0, 3, n)
    return SimpleNamespace(
        recipe=SimpleNamespace(name="brief", network="brief", seed=4),
        labels={"test": y},
        probabilities={"test": p},
        best_epoch=2,
        seconds=12.3,
        data={"source": "sketches", "class_names": ("a", "b", "c"), "classes": 3},
        history={"loss": [1.0, 0.5, 0.4]},
        parameters={"total": 12345},
        predict=lambda split: p[: len(split.y)],
    )


def test_evaluation_of_a_run():
    run = a_run()
    e = Evaluation.of(run)
    assert e.caption == "sketches, test split, 50 images; brief, seed 4" and e.class_names == ("a", "b", "c")
    assert Evaluation.of(run, SimpleNamespace(y=run.labels["test"][:10])).images == 10
    with pytest.raises(ValueError, match="'test'.*Received: 'validation'"):
        Evaluation.of(run, "validation")
    with pytest.raises(ValueError, match="true labels"):
        Evaluation.of(run, SimpleNamespace(y=None))
    table = summary(run)
    assert list(table) == [
        "data set",
        "network",
        "parameters",
        "epochs",
        "seconds",
        "test accuracy (95 % interval)",
        "macro F1",
    ]
    assert table["parameters"] == "12,345" and table["epochs"] == "3 (best: 2)" and table["macro F1"] == f"{e.f1():.4f}"
    assert percent(0.918, (0.9125, 0.9232), 2) == "91.80 % (91.25 to 92.32)"
