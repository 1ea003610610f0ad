"""Every measure of `Evaluation` against scikit-learn, SciPy or hand-worked tables."""

import subprocess
import sys
import tracemalloc
import warnings
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binom
from sklearn import metrics

from fashion_cnn.compare import (
    accuracy_interval,
    compare,
    difference,
    holm,
    mcnemar,
    mcnemar_p,
    paired_bootstrap,
    same_images,
    styled,
    summary,
)
from fashion_cnn.contest import read_submission, submission, write_submission
from fashion_cnn.data import Split
from fashion_cnn.diagnose import diagnose
from fashion_cnn.evaluate import (
    Evaluation,
    calibrated,
    checked_labels,
    checked_probabilities,
    cross_entropy,
    fit_temperature,
    percent,
    wilson,
)
from fashion_cnn.plots.images import judged_images
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run

AVERAGES = ("macro", "weighted", "micro", None)


@st.composite
def judged(draw):
    "Labels and probabilities: one image or many, classes absent, ties, certainty."
    classes, images = draw(st.integers(2, 12)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    present = rng.permutation(classes)[: draw(st.integers(1, classes))]
    raw = rng.random((images, classes)) ** draw(st.sampled_from([1, 20]))
    if draw(st.booleans()):
        raw = np.ceil(3 * raw)  # ties
    if draw(st.booleans()):
        raw[:, rng.permutation(classes)[1:]] *= 1e-9  # one class takes nearly all
    if draw(st.booleans()):
        raw = np.eye(classes)[rng.integers(0, classes, images)]  # certainty, right or wrong
    return rng.choice(present, images), (raw / raw.sum(1, keepdims=True)).astype(np.float32)


@settings(max_examples=30)
@given(judged())
def test_equals_scikit_learn(case):
    y, p = case
    classes, d = range(p.shape[1]), p.argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e = Evaluation(y, p)
        assert e.accuracy == metrics.accuracy_score(y, d)
        for average in AVERAGES:
            theirs = metrics.precision_recall_fscore_support(
                y, d, labels=np.unique(y) if average == "macro" else classes, average=average, zero_division=0
            )
            ours = e.precision(average), e.recall(average), e.f1(average)
            np.testing.assert_allclose(ours, theirs[:3])
        for normalize in (None, "true", "pred"):
            np.testing.assert_array_equal(
                e.confusion(normalize),
                metrics.confusion_matrix(y, d, labels=classes, normalize=normalize),
            )
        table = e.report()
        options = dict(labels=classes, zero_division=0, output_dict=True)
        theirs = metrics.classification_report(y, d, **options)
        present = metrics.classification_report(y, d, **(options | {"labels": np.unique(y)}))
        theirs["macro avg"] = {**present["macro avg"], "support": len(y)}    # of the classes that are there
        for name, row in list(zip(map(str, classes), table.itertuples())) + [
            ("macro avg", table.loc["macro average"]),
            ("weighted avg", table.loc["weighted average"]),
        ]:
            ours = [row.precision, row.recall, row.f1, row.images]
            np.testing.assert_allclose(ours, list(theirs[name].values()))
        assert e.most_confused(1000).images.sum() == (d != y).sum() == len(e.most_wrong(1000))
        low, high = e.interval
        assert 0 <= low <= e.accuracy + 1e-12 and e.accuracy - 1e-12 <= high <= 1 and str(e)
    # scikit-learn wants rows that sum to 1 to float32's precision, and clips at its epsilon
    theirs = metrics.log_loss(y, e.probabilities, labels=classes)
    np.testing.assert_allclose(e.loss, theirs, rtol=1e-4, atol=1e-5)


@settings(max_examples=60)
@given(judged(), st.integers(1, 20))
def test_most_wrong_lists_the_most_confident_mistakes(case, n):
    y, p = case
    e = Evaluation(y, p, [f"class {i}" for i in range(p.shape[1])])
    wrong = np.flatnonzero(p.argmax(1) != y)
    table = e.most_wrong(n)
    assert len(table) == min(n, len(wrong)) and set(table["index"]) <= set(wrong)
    for row in table.itertuples():
        assert row.truth == f"class {y[row.index]}"
        assert row.prediction == f"class {p[row.index].argmax()}"
        assert np.isclose(row.probability, p[row.index].max(), atol=1e-3)
        assert row.truth_probability <= row.probability
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
    assert e.confusion("true").tolist() == [[0.5, 0.5, 0], [0, 1, 0], [1, 0, 0]]
    assert e.confusion("pred").tolist() == [[0.5, 0.5, 0], [0, 0.5, 0], [0.5, 0, 0]]
    assert e.precision(None).tolist() == [0.5, 0.5, 0] and e.recall(None).tolist() == [0.5, 1, 0]
    assert np.isclose(e.f1(), 7 / 18)
    assert np.isclose(e.f1("weighted"), 5 / 12)
    assert e.f1("micro") == e.accuracy == 0.5
    assert np.isclose(e.loss, -np.log([0.9, 0.2, 0.6, 0.1]).mean())
    assert e.most_wrong()["index"].tolist() == [1, 3]
    assert e.most_confused().images.tolist() == [1, 1]
    assert repr(e) == "Evaluation: accuracy 50.0 % (15.0 to 85.0), four drawings, 4 images"


def test_wilson_covers_the_truth_as_often_as_it_says():
    "Exact coverage, summed over all outcomes, on average over accuracies: 95 %."
    for images in (50, 400):
        intervals = np.array([wilson(k, images) for k in range(images + 1)])
        coverage = []
        for share in np.linspace(0.5, 0.95, 60):
            covering = np.flatnonzero((intervals[:, 0] <= share) & (share <= intervals[:, 1]))
            coverage.append(binom.pmf(covering, images, share).sum())
        assert 0.93 < np.mean(coverage) < 0.97 and min(coverage) > 0.90
    assert wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1


def test_cross_entropy_of_certain_errors_is_finite():
    loss = cross_entropy(np.array([0]), np.array([[0.0, 1.0]]))
    assert np.isclose(loss, -np.log(np.finfo(np.float32).eps))
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
    rng = np.random.default_rng(1)
    p, y = rng.dirichlet(np.ones(3), n).astype(np.float32), rng.integers(0, 3, n)
    return SimpleNamespace(
        recipe=SimpleNamespace(name="brief", network="brief", seed=4, balance=""),
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
    e = Evaluation.from_run(run)
    assert e.caption == "sketches, test split, 50 images; brief, seed 4"
    assert e.class_names == ("a", "b", "c")
    assert Evaluation.from_run(run, SimpleNamespace(y=run.labels["test"][:10])).images == 10
    with pytest.raises(ValueError, match="'test'.*Received: 'validation'"):
        Evaluation.from_run(run, "validation")
    with pytest.raises(ValueError, match="true labels"):
        Evaluation.from_run(run, SimpleNamespace(y=None))
    table = summary(run)
    assert list(table) == [
        "data set",
        "network",
        "parameters",
        "epochs",
        "seconds",
        "test accuracy (95 % interval)",
        "macro F1",
        "macro recall",
        "lowest recall (95 % interval)",
    ]
    assert table["parameters"] == "12,345"
    assert table["epochs"] == "3 (best: 2)"
    assert table["macro F1"] == f"{e.f1():.4f}"
    assert table["macro recall"] == f"{e.recall():.4f}"
    assert table["lowest recall (95 % interval)"] == e.lowest_recall()
    run.recipe.balance = "weights"
    assert summary(run)["balance"] == "weights" and "balance" not in table
    assert percent(0.918, (0.9125, 0.9232), 2) == "91.80 % (91.25 to 92.32)"


@settings(max_examples=60)
@given(judged())
def test_the_recall_of_each_class_has_the_interval_of_its_own_images(case):
    y, p = case
    e = Evaluation(y, p)
    table = e.recalls()
    assert list(table.index) == list(e.class_names) and list(table) == ["recall", "from", "to", "images"]
    shares = metrics.recall_score(
        y, e.predictions, labels=range(e.classes), average=None, zero_division=np.nan
    )
    assert np.allclose(table["recall"], shares, equal_nan=True)
    for number, row in enumerate(table.itertuples(index=False)):
        of_class = y == number
        assert row.images == of_class.sum()
        if of_class.any():
            assert (row[1], row[2]) == wilson(e.right[of_class].sum(), of_class.sum())
    lowest = np.nanargmin(shares)
    assert e.lowest_recall().startswith(f"{e.class_names[lowest]}, {percent(shares[lowest])} (")


def test_the_lowest_recall_is_that_of_a_class_that_is_there():
    e = Evaluation([0, 0, 2], np.eye(3)[[0, 1, 2]], class_names=("boot", "coat", "shirt"))
    assert e.lowest_recall() == "boot, 50.0 % (9.5 to 90.5) of 2 images"
    assert e.take([2]).lowest_recall() == "shirt, 100.0 % (20.7 to 100.0) of 1 image"
    assert e.recalls().loc["coat", ["recall", "from", "to"]].isna().all()


# --- more than one guess, per-class counts


@settings(max_examples=60)
@given(judged(), st.integers(1, 12))
def test_top_k_goes_by_a_stable_order(case, k):
    y, p = case
    e = Evaluation(y, p)
    ranked = np.argsort(-e.probabilities, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(e.in_top_k(k), (ranked == np.asarray(y)[:, None]).any(1))
    assert e.top_k_accuracy(1) == e.accuracy and e.top_k_accuracy(p.shape[1]) == 1
    if k < p.shape[1] and all(len(set(row)) == len(row) for row in e.probabilities.tolist()):
        if k > 1 and p.shape[1] > 2:
            options = dict(k=k, labels=range(p.shape[1]))
            theirs = metrics.top_k_accuracy_score(y, e.probabilities, **options)
            assert np.isclose(e.top_k_accuracy(k), theirs)


@settings(max_examples=40)
@given(judged())
def test_mistakes_add_up_and_percentages_are_percentages(case):
    y, p = case
    e = Evaluation(y, p)
    table = e.mistakes()
    assert (table.wrong + table.right == table.images).all() and table.images.sum() == e.images
    known = table[table.images > 0]
    np.testing.assert_allclose(known["right %"], 100 * e.recall(None)[table.images > 0])
    assert known["right %"].between(0, 100).all()
    assert table["right %"].isna().sum() == (table.images == 0).sum()
    assert (known["from %"] <= known["right %"] + 1e-9).all()
    assert (known["right %"] <= known["to %"] + 1e-9).all()


def test_a_cell_gives_the_images_behind_it():
    e = Evaluation([0, 0, 1, 0], [[0.4, 0.6], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1]], ["bag", "boot"])
    assert e.cell("bag", "boot").tolist() == e.cell(0, 1).tolist() == [1, 0]
    assert e.cell(1, 0).tolist() == []
    with pytest.raises(ValueError, match="bag, boot.*Received: 'coat'"):
        e.cell("coat", 0)


def test_labels_off_by_one_are_named():
    y = np.arange(300) % 5
    with pytest.warns(UserWarning, match="plus 1.*off by one"):
        Evaluation(y, np.eye(6)[y + 1])
    with pytest.warns(UserWarning, match="minus 1.*off by one"):
        Evaluation(y + 1, np.eye(6)[y])
    with pytest.raises(ValueError, match="count from 1: subtract 1"):
        Evaluation(y + 1, np.eye(5)[y])
    with pytest.raises(ValueError, match=r"order is \(labels, probabilities\)"):
        Evaluation(np.eye(5)[y], y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Evaluation(y, np.eye(5)[y])
        Evaluation(y, np.eye(5)[np.full(300, 3)])  # a bad network, but not a shifted one


# --- curves


def exact_macro_roc_area(y, p):
    "Mean of the curves at each false positive rate, integrated exactly: in fractions."
    areas = []
    for c in range(p.shape[1]):
        yes, no = p[y == c, c], p[y != c, c]
        if len(yes) and len(no):
            won = sum(Fraction(2 * int((no < s).sum()) + int((no == s).sum()), 2) for s in yes)
            areas.append(won / (len(yes) * len(no)))
    return float(sum(areas) / len(areas)) if areas else None


@settings(max_examples=30)
@given(judged())
def test_curves_equal_scikit_learn(case):
    y, p = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e = Evaluation(y, p)
        roc, precise = e.roc(), e.precision_recall()
    y, p = e.labels, e.probabilities
    onehot = np.eye(e.classes, dtype=bool)[y]
    micro = ("micro average", onehot.ravel(), p.ravel())
    for name, truth, score in [*zip(e.class_names, onehot.T, p.T), micro]:
        if 0 < truth.sum() < len(truth):
            fpr, tpr, thresholds = metrics.roc_curve(truth, score)
            np.testing.assert_allclose(np.c_[roc[name].x, roc[name].y], np.c_[fpr, tpr])
            np.testing.assert_allclose(roc[name].thresholds, thresholds)
            assert np.isclose(roc[name].area, metrics.roc_auc_score(truth, score))
        else:
            assert np.isnan(roc[name].area) and len(roc[name].x) == 0
        if truth.any():
            precision, recall, thresholds = metrics.precision_recall_curve(truth, score)
            ours = np.c_[precise[name].x, precise[name].y][::-1]
            np.testing.assert_allclose(ours, np.c_[recall, precision])
            np.testing.assert_allclose(precise[name].thresholds[:0:-1], thresholds)
            assert np.isclose(precise[name].area, metrics.average_precision_score(truth, score))
        else:
            assert np.isnan(precise[name].area)
    macro, expected = roc["macro average"], exact_macro_roc_area(y, p)
    if expected is None:
        assert np.isnan(macro.area) and len(macro.x) == 0
    else:
        assert np.isclose(macro.area, expected, atol=1e-12)
        trapezoids = np.diff(macro.x) * (macro.y[1:] + macro.y[:-1]) / 2
        assert np.isclose(trapezoids.sum(), expected, atol=1e-9)
        assert (np.diff(macro.x) >= 0).all()
        assert (np.diff(macro.y) >= -1e-12).all()
        assert macro.y[-1] == 1
    macro = precise["macro average"]
    areas = [precise[n].area for n in e.class_names if len(precise[n].x)]
    assert np.isclose(macro.area, np.mean(areas))
    assert np.isclose((np.diff(macro.x) * macro.y[1:]).sum(), macro.area)


def test_macro_roc_is_the_mean_of_the_curves_between_their_points():
    "On a grid that meets no corner: numpy's interpolation of scikit-learn's curves, averaged."
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300).astype(np.float32)
    grid = np.linspace(0.0013, 0.9987, 311)
    curves = [metrics.roc_curve(y == c, p[:, c], drop_intermediate=False)[:2] for c in range(4)]
    expected = np.mean([np.interp(grid, fpr, tpr) for fpr, tpr in curves], axis=0)
    macro = Evaluation(y, p).roc()["macro average"]
    np.testing.assert_allclose(np.interp(grid, macro.x, macro.y), expected, atol=1e-9)


def test_curves_need_names_that_differ():
    with pytest.raises(ValueError, match="names must differ"):
        Evaluation([0, 1], np.eye(2), ["a", "a"]).roc()


# --- calibration


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 20))
def test_reliability_equals_scipy(seed, n, bins):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 4, n), rng.dirichlet(np.ones(4), n).astype(np.float32)
    e = Evaluation(y, p)
    confidence, table = p.max(1), e.reliability(bins)
    edges = -np.linspace(0, 1, bins + 1)[::-1]    # SciPy's bins contain their lower end, ours the upper one
    count, mean, share = (
        stats.binned_statistic(-confidence, values, statistic, edges).statistic[::-1]
        for values, statistic in ((confidence, "count"), (confidence, "mean"), (p.argmax(1) == y, "mean"))
    )
    np.testing.assert_array_equal(table.images, count)
    np.testing.assert_allclose(table.confidence, mean, rtol=1e-5)
    np.testing.assert_allclose(table.accuracy, share)
    assert np.isclose(e.ece(bins), np.nansum(count * abs(mean - share)) / n, atol=1e-6)
    known = table.dropna()
    assert ((known.low <= known.accuracy + 1e-9) & (known.accuracy <= known.high + 1e-9)).all()


def test_ece_by_hand_and_at_the_ends():
    e = Evaluation([0, 0, 1, 1], [[0.95, 0.05], [0.65, 0.35], [0.65, 0.35], [0.15, 0.85]])
    assert np.isclose(e.ece(), (0.05 + 2 * 0.15 + 0.15) / 4)
    assert np.isclose(e.ece(1), abs(0.75 - 3.1 / 4))
    certain = Evaluation([0, 1], np.eye(2))
    assert certain.ece() == 0 and certain.reliability().images.tolist() == [0] * 9 + [2]
    edge = Evaluation([0], [[0.8, 0.2]]).reliability()
    assert edge.images.tolist() == [0] * 7 + [1, 0, 0], "a bin contains its upper end"
    with pytest.raises(ValueError, match="bins.*Received: 0"):
        e.ece(0)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 4))
def test_temperature_is_found_and_changes_no_decision(seed, heat):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4000, 5)) * 2
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (rng.random((4000, 1)) > true.cumsum(1)).sum(1).clip(max=4)
    hot = np.exp(heat * logits)
    e = Evaluation(y, hot / hot.sum(1, keepdims=True))
    t = fit_temperature(e)
    assert abs(t / heat - 1) < 0.15
    cooled = e.at_temperature(t)
    first = np.take_along_axis(cooled.probabilities, e.predictions[:, None], 1)[:, 0]
    assert (first == cooled.probabilities.max(1)).all() and cooled.loss <= e.loss + 1e-6    # in float32 two can become equal
    for factor in (0.7, 0.95, 1.05, 1.4):
        assert cooled.loss <= e.at_temperature(t * factor).loss + 1e-6
    np.testing.assert_allclose(e.at_temperature(1).probabilities, e.probabilities, atol=1e-5)


def test_temperatures_that_make_no_sense_are_refused():
    e = Evaluation([0, 1], [[0.9, 0.1], [0.2, 0.8]], split="test")
    with pytest.raises(ValueError, match="validation.*Received"):
        fit_temperature(e)
    for t in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="above 0. Received"):
            e.at_temperature(t)
    right, wrong = (Evaluation(y, [[0.9, 0.1], [0.2, 0.8]]) for y in ([0, 1], [1, 0]))
    assert np.isclose(fit_temperature(right), 0.05, rtol=0.01)
    assert np.isclose(fit_temperature(wrong), 20, rtol=0.01)


# --- bootstrap


def test_bootstrap_covers_the_truth_as_often_as_it_says():
    "A world with a known confusion matrix, 300 test sets of 400 images, intervals from each."
    rng, repeats = np.random.default_rng(0), 300
    world = np.array([[30, 3, 1], [4, 25, 6], [0, 5, 26]]) / 100
    truth, pred = np.divmod(rng.choice(9, p=world.ravel(), size=(repeats, 400)), 3)
    cells = np.repeat(np.arange(9), np.rint(world.ravel() * 100).astype(int))
    population = Evaluation(cells // 3, np.eye(3)[cells % 3])
    covered = {"accuracy": [], "f1": []}
    for y, d in zip(truth, pred):
        e = Evaluation(y, np.eye(3)[d])
        for measure, value in (("accuracy", population.accuracy), ("f1", population.f1())):
            low, high = e.bootstrap(measure, 300, seed=int(y.sum()))
            covered[measure].append(low <= value <= high)
    shares = {measure: np.mean(inside) for measure, inside in covered.items()}
    assert all(0.92 < share < 0.98 for share in shares.values()), shares


def test_quick_and_slow_bootstrap_agree():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200).astype(np.float32)
    e = Evaluation(y, p)
    slow = {
        "accuracy": lambda j: j.accuracy,
        "f1": lambda j: j.f1(),
        "precision": lambda j: j.precision(),
        "recall": lambda j: j.recall(),
        "loss": lambda j: j.loss,
        "top-2": lambda j: j.top_k_accuracy(2),
    }
    for measure, function in slow.items():
        quick, slow_one = e.bootstrap(measure, 1000), e.bootstrap(function, 500)
        np.testing.assert_allclose(quick, slow_one, atol=0.025 * max(1, e.loss))
        third, again, fourth = (e.bootstrap(measure, seed=seed) for seed in (3, 3, 4))
        assert third == again != fourth
    right = e.right.astype(float)
    theirs = stats.bootstrap((right,), np.mean, method="percentile").confidence_interval
    np.testing.assert_allclose(e.bootstrap("accuracy", 5000), theirs, atol=0.015)


def test_bootstrap_refuses_in_words():
    e = Evaluation([0, 1], np.eye(2))
    for call in (
        lambda: e.bootstrap("auc"),
        lambda: e.bootstrap("f1", 10),
        lambda: e.bootstrap("f1", 100.5),
        lambda: e.bootstrap("f1", confidence=95),
        lambda: e.in_top_k(0),
    ):
        with pytest.raises(ValueError, match="Received: "):
            call()


# --- two classifiers


def with_right(right, **about):
    "An evaluation of two classes whose decisions are right where said."
    right = np.asarray(right, bool)
    probabilities = np.where(right[:, None], [1.0, 0.0], [0.0, 1.0])
    return Evaluation(np.zeros(len(right), int), probabilities, **about)


@settings(max_examples=60)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_equals_scipy(both, only_first, only_second, neither):
    if not both + only_first + only_second + neither:
        return
    first = with_right([1] * both + [1] * only_first + [0] * only_second + [0] * neither)
    second = with_right([1] * both + [0] * only_first + [1] * only_second + [0] * neither)
    found = mcnemar(first, second)
    counts = both, only_first, only_second, neither
    assert (found.both, found.only_first, found.only_second, found.neither) == counts
    n = only_first + only_second
    tail = binom.cdf(min(only_first, only_second), n, 0.5)
    assert np.isclose(found.p, min(1, 2 * tail) if n else 1)
    approximate = mcnemar(first, second, exact=False).p
    corrected = max(0, abs(only_first - only_second) - 1) ** 2 / n if n else 0
    assert np.isclose(approximate, stats.chi2.sf(corrected, 1)) and 0 <= approximate <= 1


def test_mcnemar_on_a_textbook_table():
    "Agresti's ratings of the prime minister: 150 against 86; chi-squared 17.36, 16.82 corrected."
    approximate = mcnemar_p(150, 86, exact=False)
    assert np.isclose(approximate, stats.chi2.sf(16.818, 1), rtol=1e-3)
    assert 1e-5 < mcnemar_p(150, 86) < 1e-4
    assert mcnemar_p(0, 0) == mcnemar_p(7, 7) == 1 and np.isclose(mcnemar_p(0, 5), 2 / 32)
    found = mcnemar(with_right([1, 0]), with_right([0, 0]))
    assert "only the first right on 1 images" in repr(found)


def test_paired_bootstrap_is_narrower_than_two_intervals():
    rng = np.random.default_rng(0)
    first = rng.random(4000) < 0.9
    second = np.where(rng.random(4000) < 0.03, ~first, first)
    found = paired_bootstrap(with_right(first), with_right(second), resamples=4000)
    d = second.astype(float) - first
    assert np.isclose(found.value, d.mean())
    half = 1.96 * d.std(ddof=1) / 4000**0.5
    expected = d.mean() - half, d.mean() + half
    np.testing.assert_allclose((found.low, found.high), expected, atol=0.0006)
    same = paired_bootstrap(with_right(first), with_right(first), "f1")
    assert (same.value, same.low, same.high) == (0, 0, 0)
    by_function = paired_bootstrap(with_right(first), with_right(second), lambda j: j.accuracy, 400)
    assert np.isclose(by_function.value, d.mean()) and abs(by_function.low - found.low) < 0.002


@pytest.mark.parametrize(
    "change, says",
    [
        ({"source": "CIFAR-10"}, "the data set.*'sketches'.*'CIFAR-10'"),
        ({"split": "validation"}, "the split.*'test'.*'validation'"),
        ({"class_names": ["x", "y"]}, "their classes"),
        ({"labels": [0, 1, 1], "probabilities": [[1, 0]] * 3}, "the number of images.*4.*3"),
        ({"labels": [0, 1, 0, 0]}, "the labels: 2 of 4, the first at position 2.*label 1.*label 0"),
        ({"fingerprint": "b" * 64}, "the images themselves.*aaaaaaaa.*bbbbbbbb"),
    ],
)
def test_different_images_are_named(change, says):
    about = dict(labels=[0, 1, 1, 1], probabilities=[[1, 0]] * 4, class_names=["a", "b"])
    about |= dict(source="sketches", split="test", fingerprint="a" * 64)
    first = Evaluation(**about, name="brief", seed=1)
    other = Evaluation(**(about | change), name="deeper")
    for call in (same_images, mcnemar, paired_bootstrap, difference):
        with pytest.raises(ValueError, match=f"(?s){says}.*deeper"):
            call(first, other)


def seeds_of(rng, hardness, seeds, spread, gain=0.0):
    "Invented runs of one recipe: each seed has its own skill, each image its own hardness."
    chance = np.clip(hardness + gain + rng.normal(0, spread, (seeds, 1)), 0, 1)
    return [with_right(row) for row in rng.random((seeds, len(hardness))) < chance]


def test_images_that_all_agree_make_nobody_certain():
    right, wrong = (Evaluation([0] * 30, np.eye(2)[[n] * 30]) for n in (0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        same, worse = difference(right, right), difference([right, right], [wrong, wrong])
        one = difference([right.take([0])] * 2, [wrong.take([0])] * 2)
        assert accuracy_interval([right.take([0]), wrong.take([0])]) != (0.5, 0.5)
    assert same.value == 0 and same.low == -same.high and 0.05 < same.high < 0.15
    assert worse.value == -1 and worse.low == -1 and -0.95 < worse.high < -0.85 and 0 < worse.p < 1e-6
    assert one.value == -1 and one.low == -1 and one.high > 0 and one.p > 0.1


def test_bootstrap_of_many_classes_takes_little_memory():
    rng, classes = np.random.default_rng(0), 400
    judged = Evaluation(rng.integers(0, classes, 2000), rng.dirichlet(np.ones(classes), 2000))
    tracemalloc.start()
    try: judged.bootstrap("accuracy", resamples=300)
    finally: most = tracemalloc.get_traced_memory()[1]; tracemalloc.stop()
    assert most < 300e6


def test_images_whose_classes_are_numbered_otherwise_are_refused():
    run = SimpleNamespace(recipe=SimpleNamespace(name="mine", seed=0, task="classify"), data={"class_names": ["Shirt", "Bag", "Coat"], "classes": 3},
                          predict=lambda split: np.eye(3)[[1, 2, 0]])
    x = np.zeros((3, 4, 4, 1), np.uint8)
    for names in (("Bag", "Coat", "Shirt"), ("Bag", "Coat")):
        with pytest.raises(ValueError, match="in another order than the run's.*Received: 'Bag'"):
            Evaluation.from_run(run, Split(x, np.array([0, 1, 0]), class_names=names))
    assert Evaluation.from_run(run, Split(x, np.array([1, 2, 0]), class_names=("Shirt", "Bag", "Coat"))).accuracy == 1
    assert Evaluation.from_run(run, Split(x, np.array([1, 2, 0]))).accuracy == 1


def test_difference_is_a_t_test_with_two_parts():
    rng = np.random.default_rng(0)
    hardness = rng.beta(4.5, 0.5, 2000)
    first, second = seeds_of(rng, hardness, 3, 0.01), seeds_of(rng, hardness, 5, 0.01, 0.03)
    found = difference(first, second)
    a, b = (np.array([e.accuracy for e in group]) for group in (first, second))
    d = np.mean([e.right for e in second], 0) - np.mean([e.right for e in first], 0)
    pooled = (a.var(ddof=1) * 2 + b.var(ddof=1) * 4) / 6 * (1 / 3 + 1 / 5)
    images = d.var(ddof=1) / 2000
    freedom = (pooled + images) ** 2 / (pooled**2 / 6 + images**2 / 1999)
    assert np.isclose(found.value, b.mean() - a.mean())
    assert np.isclose(found.p, 2 * stats.t.sf(abs(found.value) / (pooled + images) ** 0.5, freedom))
    half = stats.t.ppf(0.975, freedom) * (pooled + images) ** 0.5
    assert np.isclose(found.high - found.value, half)
    one = difference(first[0], second[0])
    assert one.p == mcnemar(first[0], second[0]).p and "images only" in one.how
    assert difference(first[0], first[0]).p == 1 and difference(first, first).p == 1
    assert difference(first[0], second).p > difference(first, second).p    # fewer seeds


def test_equals_are_rarely_called_different():
    rng = np.random.default_rng(1)
    p, covered = [], []
    for _ in range(250):
        hardness = rng.beta(4.5, 0.5, 1500)
        first, second = seeds_of(rng, hardness, 3, 0.008), seeds_of(rng, hardness, 4, 0.008)
        found = difference(first, second)
        p.append(found.p)
        covered.append(found.low <= 0 <= found.high)
    assert 0.005 < np.mean(np.array(p) < 0.05) < 0.07 and 0.93 < np.mean(covered) < 0.995


def test_the_interval_of_a_recipe_covers():
    "Images and seeds both drawn anew: the mean over all trainings and images is covered."
    rng, covered = np.random.default_rng(2), []
    for _ in range(300):
        chance = np.array([0.6, 0.95])[(rng.random(1500) < 0.9).astype(int)]  # mean 0.915
        low, high = accuracy_interval(seeds_of(rng, chance, 4, 0.01))
        covered.append(low <= 0.915 <= high)
    assert 0.93 < np.mean(covered) < 0.985, np.mean(covered)
    one = with_right([1] * 9 + [0])
    assert accuracy_interval([one]) == one.interval
    assert accuracy_interval([one, one])[0] < 0.9 < accuracy_interval([one, one])[1] <= 1
    sure = with_right([1] * 10)
    assert accuracy_interval([sure, sure]) == accuracy_interval([sure]) == sure.interval


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_falls_and_never_lies_below(p):
    corrected = np.array(holm(p))
    assert (corrected >= np.array(p) - 1e-15).all() and (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()
    assert holm([0.02]) == [0.02]


# --- runs


def run_of(name="brief", seed=0, y=None, p=None, n=300, skill=0.8, source="sketches", recipe=None,
           **fields):
    "A run made by hand, with validation and test predictions."
    rng = np.random.default_rng([seed, *name.encode()])
    y = np.arange(n) % 3 if y is None else y
    if p is None:
        p = np.eye(3)[np.where(rng.random(len(y)) < skill, y, (y + 1) % 3)] * 0.7 + 0.1
    accuracy = float((p.argmax(1) == y).mean())
    history = {"loss": [1.0, 0.5, 0.4], "accuracy": [0.5, 0.7, 0.8], "val_loss": [0.9, 0.5, 0.6],
               "val_accuracy": [0.5, 0.7, 0.7], "learning_rate": [0.1] * 3,
               "seconds": [1.0 + seed] * 3}
    measured = {"accuracy": accuracy, "loss": 0.5, "images": len(y)}
    data = {"source": source, "class_names": ["a", "b", "c"], "classes": 3, "fingerprint": source,
            "input_shape": [28, 28, 1], "limit": None}
    return Run(
        recipe or Recipe(name, "brief", seed=seed, **fields),
        history,
        {split: dict(measured) for split in ("train", "validation", "test")},
        data,
        {"total": 1000, "trainable": 900},
        "finished",
        labels={"validation": y, "test": y},
        probabilities={"validation": p, "test": p},
    )


def reconstructs(**about):
    "A run of a recipe that gives images back."
    run = run_of(**about)
    run.recipe = Recipe("a3-autoencoder", "brief", task="reconstruct")
    run.predict = lambda split: np.zeros((len(split), 28, 28, 1))
    return run


def test_reconstructions_have_no_classes():
    run = reconstructs()
    split = Split(np.zeros((2, 28, 28, 1), np.uint8), np.array([0, 1]), np.array([1, 2]))
    for call in (
        lambda: Evaluation.from_run(run),
        lambda: Evaluation.from_run(run, split),
        lambda: submission(run, split),
        lambda: calibrated(run),
        lambda: compare([run_of(), run]),
    ):
        with pytest.raises(ValueError, match="no classes to judge.*Received: task='reconstruct'"):
            call()


def test_predictions_of_another_model_are_noticed():
    run = run_of()
    run.metrics["test"]["accuracy"] = 0.99
    with pytest.warns(UserWarning, match="99.0 % was measured in training: do they belong"):
        Evaluation.from_run(run)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Evaluation.from_run(run, "validation"), Evaluation.from_run(run_of())


def two_splits():
    "Two splits of as many images, in each of which the classes come in the same order."
    labels = np.arange(40) % 3
    x = np.random.default_rng(0).integers(0, 256, (2, 40, 4, 4, 1), np.uint8)
    return Split(x[0], labels), Split(x[1], labels)


def test_images_of_another_split_are_known_by_their_fingerprint():
    validation, test = two_splits()
    assert validation.fingerprint == Split(validation.x.copy(), test.y[::-1].copy()).fingerprint
    assert validation.fingerprint != test.fingerprint
    run = run_of(n=40)
    prints = {"validation": validation.fingerprint, "test": test.fingerprint}
    run.data["fingerprints"] = prints
    run.predict = lambda split: run.probabilities["test"][: len(split)]
    for split, images in (("validation", validation), ("test", test)):
        assert Evaluation.from_run(run, split).fingerprint == prints[split]
        judged = Evaluation.from_run(run, images)
        assert (judged.split, judged.fingerprint) == (split, prints[split])
        assert judged.take(slice(5)).fingerprint == ""
        assert Evaluation.from_run(run, images.take(slice(5))).split == ""
    judged = Evaluation.from_run(run, test)
    assert judged_images(judged, test) is test.x and judged_images(judged, test.x) is test.x
    for mixed in (validation, Split(validation.x, test.y)):
        with pytest.raises(ValueError, match="not the images that were judged"):
            judged_images(judged, mixed)


def test_labels_of_other_images_are_noticed():
    "Sure of nearly everything, and right as often as by chance."
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2000)
    sure = 0.02 + 0.8 * np.eye(10)[labels]
    with pytest.warns(UserWarning, match="as often as by chance.*the same images"):
        Evaluation(rng.permutation(labels), sure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Evaluation(labels, sure)
        Evaluation(labels, rng.dirichlet(np.ones(10), 2000))  # knows nothing, and is not sure
        Evaluation(labels, np.eye(10)[np.zeros(2000, int)])  # has diverged: one class for all
        Evaluation(rng.permutation(labels)[:50], sure[:50])  # too few to say


class Model:
    "What `Evaluation.from_run` needs of a Keras model."

    def __init__(self, p):
        self.p = np.asarray(p)

    def predict(self, x, batch_size=None, verbose="auto"):
        assert verbose == 0 and x.dtype == np.uint8
        return self.p[: len(x)]


def test_evaluation_of_a_model():
    split = Split(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), class_names=("a", "b"))
    e = Evaluation.from_run(Model([[0.9, 0.1], [0.8, 0.2]]), split, source="squares", name="mine")
    assert e.accuracy == 0.5
    assert e.class_names == ("a", "b")
    assert e.caption == "squares, 2 images; mine"
    renamed = Evaluation.from_run(Model(np.eye(2)), split, class_names=["x", "y"])
    assert renamed.class_names == ("x", "y")
    for judge, given, error, says in (
        (Model(np.eye(2)), "test", ValueError, "keeps no predictions"),
        (Model(np.eye(2)), Split(split.x), ValueError, "true labels"),
        (Model(np.zeros((2, 4, 4, 1))), split, ValueError, "shape"),
        (Model([[9.0, -3.0]] * 2), split, ValueError, "softmax"),
        (object(), split, TypeError, "Received: object"),
    ):
        with pytest.raises(error, match=says):
            Evaluation.from_run(judge, given)


def test_calibration_of_a_run():
    run = run_of(n=600, skill=0.5)
    e = calibrated(run)
    before = Evaluation.from_run(run)
    assert e.split == "test" and e.accuracy == before.accuracy and e.ece() < 0.05 < before.ece()
    del run.probabilities["validation"]
    with pytest.raises(ValueError, match="recorded runs do.*Received: no 'validation'"):
        calibrated(run)


def test_compare_folds_seeds():
    runs = [run_of(seed=s) for s in (0, 1, 2)]
    runs += [run_of("deeper", seed=s, skill=0.99) for s in (0, 1)]
    table = compare(runs)
    assert list(table.index) == ["brief", "deeper"]
    assert list(table.seeds) == [3, 2]
    assert list(table.images) == [300, 300]
    accuracies = [Evaluation.from_run(run).accuracy for run in runs]
    for row, part in zip(table.itertuples(index=False), (accuracies[:3], accuracies[3:])):
        row = dict(zip(table.columns, row))
        assert np.isclose(row["test accuracy"], np.mean(part))
        assert np.isclose(row["test accuracy std"], np.std(part, ddof=1))
        assert row["from"] < row["test accuracy"] < row["to"]
    assert np.isclose(table.seconds["brief"], 6)
    assert np.isclose(table["seconds std"]["brief"], 3)
    assert table["best epoch"]["brief"] == 2
    f1 = [Evaluation.from_run(run).f1() for run in runs[:3]]
    assert np.isclose(table.F1["brief"], np.mean(f1))
    assert table.trainable["brief"] == 900 and np.isnan(table.MFLOPs["brief"])
    evaluations = [Evaluation.from_run(run) for run in runs]
    expected = difference(evaluations[:3], evaluations[3:])
    assert table["p (Holm)"]["deeper"] == expected.p
    assert table.difference["deeper"] == expected.value
    assert list(table.verdict) == ["compared with", "better"]


def test_compare_of_single_runs_uses_mcnemar_and_holm():
    skills = {"deeper": 0.99, "cm6-cnn": 0.81, "worse": 0.4}
    runs = [run_of(), *(run_of(name, skill=skill) for name, skill in skills.items())]
    table, first = compare(runs), Evaluation.from_run(runs[0])
    expected = holm([mcnemar(first, Evaluation.from_run(run)).p for run in runs[1:]])
    assert table["p (Holm)"].tolist()[1:] == expected and table["test accuracy std"].isna().all()
    assert list(table.verdict)[1::2] == ["better", "worse"]
    assert (table["from"].iloc[0], table["to"].iloc[0]) == first.interval


def test_compare_for_choosing_shows_no_test_figure():
    table = compare([run_of(), run_of("deeper")], "validation")
    assert not [name for name in table if "test" in name]
    assert {"validation accuracy", "verdict"} <= set(table)
    alone = compare([run_of()])
    assert "verdict" not in alone and len(alone) == 1 and compare(run_of()).equals(alone)


def test_compare_keeps_recipes_of_one_name_apart():
    table = compare([run_of(), run_of(epochs=7, p=np.eye(3)[np.arange(300) % 3]), run_of(seed=1)])
    assert list(table.index) == ["brief", "brief (epochs 7)"] and list(table.seeds) == [2, 1]


def test_compare_refuses_in_words():
    shuffled = run_of("deeper", y=np.arange(300)[::-1] % 3)
    for runs, options, says in (
        ([], {}, "at least one run"),
        ([run_of(), run_of()], {}, r"seeds of one recipe must differ.*brief, seeds \[0, 0\]"),
        ([run_of(), run_of("deeper", source="CIFAR-10")], {}, "data set.*'sketches' .*'CIFAR-10'"),
        ([run_of(), shuffled], {}, "the labels: "),
        ([run_of()], {"split": "train"}, "Received: 'train'"),
    ):
        with pytest.raises(ValueError, match=says):
            compare(runs, **options)
    table = compare([run_of(), run_of("deeper", source="CIFAR-10")], significance=False)
    assert list(table.data) == ["sketches", "CIFAR-10"] and "verdict" not in table


def test_one_model_under_two_names_is_noticed():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 300)
    with pytest.warns(UserWarning, match="brief, seed 0 and deeper, seed 0 gave exactly the same"):
        compare([run_of(p=p), run_of("deeper", p=p)])


def test_styled_says_mean_and_spread():
    table = compare([run_of(), run_of(seed=1), run_of("<deeper>", skill=0.99)])
    page = styled(table).to_html(escape=True)
    for words in ("±", "300 images", "font-weight: bold"):
        assert words in page
    assert "nan" not in page and "MFLOPs" not in page
    mean, std = table["test accuracy"].iloc[0], table["test accuracy std"].iloc[0]
    assert f"{100 * mean:.2f} % ± {100 * std:.2f}" in page
    assert f"{100 * table['from'].iloc[0]:.2f} % to" in page
    assert "validation accuracy" in styled(compare([run_of()], "validation")).to_html()


def test_operations_come_from_a_network():
    run = run_of()
    by_hand = 2 * (28 * 28 * 9 * 32 + 6272 * 128 + 128 * 3) / 1e6
    assert np.isclose(compare([run], operations=True).MFLOPs.iloc[0], by_hand, rtol=0.05)
    run.parameters["MFLOPs"] = 7.5
    assert compare([run]).MFLOPs.iloc[0] == 7.5


def test_judging_recorded_runs_brings_no_tensorflow():
    code = """
import sys
from fashion_cnn.run import recorded
from fashion_cnn.evaluate import *
from fashion_cnn.compare import *
from fashion_cnn.diagnose import diagnose
runs = recorded('hw2-cnn')
e, other = Evaluation.from_run(runs[0]), Evaluation.from_run(runs[1])
e.roc(), e.precision_recall(), e.report(), e.reliability(), e.bootstrap()
styled(compare(runs)).to_html(), diagnose(runs[0]), mcnemar(e, other)
assert not {'tensorflow', 'keras', 'torch', 'jax', 'sklearn'} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- learning curves in words


def curves(loss, val_loss, accuracy=None, val_accuracy=None, metrics=None):
    history = {"loss": loss, "val_loss": val_loss}
    if accuracy:
        history |= {"accuracy": accuracy, "val_accuracy": val_accuracy}
    return SimpleNamespace(history=history, metrics=metrics or {})


OVERFITTING_LOSSES = [1, 0.5, 0.3, 0.2, 0.1], [1, 0.6, 0.7, 0.8, 0.9]
OVERFITTING = curves(*OVERFITTING_LOSSES)
SURE = curves(*OVERFITTING_LOSSES, [0.5] * 5, [0.5, 0.8, 0.8, 0.81, 0.81])
BOTH_RISE = curves([1, 0.5, 0.3, 0.35, 0.31], [1, 0.6, 0.5, 0.7, 0.8])
SHORT = [1, 0.5], [1, 0.6]
MEASURED = {"train": {"accuracy": 0.9}, "validation": {"accuracy": 0.89}}


@pytest.mark.parametrize(
    "run, turn, says",
    [
        (OVERFITTING, 2, ["after epoch 2 of 5", "overfitting"]),
        (SURE, 2, ["more confidence"]),
        (curves([1, 0.5, 0.3], [1, 0.6, 0.5]), None, ["in epoch 3 of 3", "may still help"]),
        (curves([1, 0.5, 0.4, 0.39], [1, 0.5, 0.502, 0.505]), None, ["has stayed about there"]),
        (curves(np.linspace(1, 0.1, 10), [*np.linspace(1, 0.2, 9), 0.4]), None, ["epoch 9 of 10 (0.200) and is higher"]),
        (BOTH_RISE, None, ["in epoch 3 of 5", "higher at the end (0.800)"]),
        (curves([1, 0.5], [1, 3]), None, ["higher at the end (3.000)"]),
        (curves([2.3, 2.31, 2.3], [2.3, 2.3, 2.3]), None, ["hardly fell"]),
        (curves([2.3], [2.2]), None, ["One epoch only"]),
        (curves([-0.6, -0.7, -0.8], [-0.58, -0.66, -0.7]), None, ["in epoch 3 of 3", "may still help"]),
        (curves([-0.6, -0.7, -0.8, -0.9], [-0.5, -0.7, -0.695, -0.697]), None, ["has stayed about there"]),
        (curves([-0.6, -0.7, -0.8, -0.9], [-0.5, -0.7, -0.6, -0.5]), 2, ["after epoch 2 of 4", "overfitting"]),
        (curves([-0.6, -0.601], [-0.6, -0.6]), None, ["hardly fell"]),
        (curves(*SHORT, [0.6, 0.9], [0.6, 0.8]), None, ["a gap of 10.0 points: large"]),
        (curves(*SHORT, [0.6, 0.985], [0.6, 0.8285]), None, ["98.5 %", "82.8 %", "a gap of 15.7 points"]),
        (curves(*SHORT, [0.6, 0.8], [0.6, 0.85]), None, ["validation is the better one"]),
        (curves(*SHORT, metrics=MEASURED), None, ["small", "underfitting"]),
    ],
)
def test_diagnosis(run, turn, says):
    found = diagnose(run)
    assert found.turn == turn and found.epochs == len(run.history["loss"])
    assert all(words in str(found) for words in says), str(found)


def test_diagnosis_refuses_in_words():
    half = SimpleNamespace(history={"loss": [1]}, metrics={})
    for run in (curves([], []), curves([1], []), curves([1, np.nan], [1, 1]), half):
        with pytest.raises(ValueError, match="Received: "):
            diagnose(run)


def test_diagnosis_never_reads_the_test_set():
    run = run_of()
    said = str(diagnose(run))
    run.metrics["test"]["accuracy"], run.probabilities["test"] = 0.0, None
    assert str(diagnose(run)) == said


# --- contest files


def contest(n=4, ids=None, seed=0):
    rng = np.random.default_rng(seed)
    ids = np.arange(10000, 10000 + n) if ids is None else np.asarray(ids)
    return Split(rng.integers(0, 256, (n, 2, 2, 1), dtype=np.uint8), ids=ids)


@settings(max_examples=15)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=40, unique=True),
    st.sampled_from("BC"),
    st.integers(0, 10**6),
)
def test_a_contest_file_says_what_was_predicted(tmp_path_factory, ids, format, seed):
    path = tmp_path_factory.mktemp("contest") / "answer.csv"
    p = np.random.default_rng(seed).dirichlet(np.ones(5), len(ids))
    table = submission(Model(p), contest(len(ids), ids), format)
    assert write_submission(table, path) == path
    header, first = {"B": ("id,target", 1), "C": ("Id,Label", 0)}[format]
    expected = [header, *(f"{i},{c + first}" for i, c in zip(ids, p.argmax(1)))]
    assert path.read_bytes().decode() == "\n".join(expected) + "\n"
    pd.testing.assert_frame_equal(read_submission(path), table)


def test_a_contest_file_lies_where_it_was_asked_for_and_is_utf_8(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    table = submission(Model(np.eye(5)), contest(5), "C")
    assert write_submission(table, "~/mine.csv") == tmp_path / "mine.csv"
    pd.testing.assert_frame_equal(read_submission("~/mine.csv"), table)
    (tmp_path / "excel.csv").write_bytes("id,class\n1,Mäntel\n".encode("cp1252"))
    with pytest.raises(ValueError, match="excel.csv must be text in UTF-8.*0xe4"): read_submission(tmp_path / "excel.csv")


def test_ids_may_be_names_and_look_like_numbers(tmp_path):
    names, numbers, long = ["a", "b", "NA", "d,e"], ["007", "07", "7", "x"], [f"{10 ** 19 + i}" for i in range(4)]
    for ids in (names, numbers, long, [3.0, 1.0, 2.0, 9.0], ["None", "nan", "é", " "]):
        table = submission(Model(np.eye(5)[[4, 0, 2, 1]]), contest(ids=ids), "C")
        write_submission(table, tmp_path / "c.csv")
        found = read_submission(tmp_path / "c.csv")
        assert [str(i) for i in found.Id] == [str(i) for i in table.Id]
        assert found.Label.tolist() == [4, 0, 2, 1]


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "two columns"),
        ("id,target\n", "at least one prediction"),
        ("id,target\n7,1,2\n8,2,3\n", "two columns.*three fields"),
        ("id,label\n1,1\n", "must begin with id,target"),
        ("target,id\n1,1\n", "must begin with"),
        ("id,target\n1,0\n", "from 1 to 5.*'0' in line 2"),
        ("id,target\n1,1\n2,6\n", "'6' in line 3"),
        ("id,target\n1,2.0\n", "'2.0' in line 2"),
        ("id,target\n1,2\n3\n", "'' in line 3"),
        ("id,target\n1,2\n\n4,2\n", "line 3"),
        ("id,target\n1,2\n,2\n", "an id in every line.*line 3"),
        ("id,target\n1,2\n1,3\n", "every id once.*'1' in line 3"),
        ("Id,Label\n1,5\n", "from 0 to 4"),
        ("id,target\n1,2,3,4\n1,2\n", "contest.csv"),
    ],
)
def test_damaged_contest_files_are_named(tmp_path, text, says):
    (tmp_path / "contest.csv").write_text(text)
    with pytest.raises(ValueError, match=says):
        read_submission(tmp_path / "contest.csv")


def test_contest_refuses_in_words(tmp_path):
    five = Model(np.eye(5))
    for call, says in (
        (lambda: submission(five, contest(), "D"), "'B'.*'C'.*Received: 'D'"),
        (lambda: submission(five, Split(contest().x[:2])), "none. Received: 2 images without ids"),
        (lambda: submission(Model(np.eye(10)), contest()), "5 classes.*Received: 10"),
        (lambda: submission(Model(np.eye(5)[:3]), contest()), "one prediction per id.*Received: 3"),
        (lambda: submission(Model(np.full((4, 5), np.nan)), contest()), "finite"),
    ):
        with pytest.raises(ValueError, match=says):
            call()
    with pytest.raises(FileNotFoundError, match="Received: 'nothing.csv'"):
        read_submission(tmp_path / "nothing.csv")
    assert len(submission(Model(np.eye(10)), contest(), classes=10)) == 4


def test_a_good_contest_file_survives_a_bad_one(tmp_path):
    path = tmp_path / "contest.csv"
    good = submission(Model(np.eye(5)), contest())
    write_submission(good, path)
    before = path.read_bytes()
    renamed = good.rename(columns={"id": "ID"})
    for bad in (good.assign(target=0), good.assign(id=7), renamed, good.iloc[:0]):
        with pytest.raises(ValueError, match="contest.csv"):
            write_submission(bad, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["contest.csv"]


def test_a_run_can_answer_a_contest():
    run = run_of()
    run.predict = lambda split: np.eye(3)[[2, 0, 1, 1]]
    assert submission(run, contest(), "C", classes=3).Label.tolist() == [2, 0, 1, 1]


def test_runs_and_data_sets_in_the_place_of_evaluations_are_named():
    from fashion_cnn.compare import difference, mcnemar, paired_bootstrap
    from fashion_cnn.run import recorded
    run = recorded("brief")[0]
    for compare_two in (mcnemar, paired_bootstrap, difference):
        with pytest.raises(ValueError, match="Comparing needs Evaluations.*Run"): compare_two(run, run)
    with pytest.raises(ValueError, match="one Evaluation at least"): difference([], [])
    with pytest.raises(ValueError, match="Pass the name of a split"): Evaluation.from_run(run, {"x": 1})
