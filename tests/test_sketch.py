"The sketches: what the notebook's own cells do not try."
import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from fashion_cnn.sketch import CLASS_NAMES, PARAMETERS, RANGES, draw, parameters, render, sketch_set

LABELS = np.random.default_rng(0).integers(0, 10, 600)
some_labels = st.lists(st.integers(0, 9), max_size=40)
seeds = st.integers(0, 2**64)


@given(some_labels, seeds)
@settings(max_examples=30)
def test_any_labels_any_seed(labels, seed):
    images = draw(labels, seed)
    assert images.shape == (len(labels), 28, 28, 1) and images.dtype == np.uint8
    assert np.array_equal(images, draw(np.array(labels, np.uint8), seed))
    if len(labels):
        ink = (images > 20).mean(axis=(1, 2, 3))
        assert 0.01 < ink.min() and ink.max() < 0.95


@given(some_labels.filter(len), seeds, st.data())
@settings(max_examples=30)
def test_an_image_depends_only_on_label_position_and_seed(labels, seed, data):
    i = data.draw(st.integers(0, len(labels) - 1))
    others = data.draw(st.lists(st.integers(0, 9), min_size=i, max_size=i))
    assert np.array_equal(draw(others + [labels[i]], seed)[i], draw(labels, seed)[i])


@pytest.mark.parametrize("stop", [1, 2, 3, 17, 255, 256, 257, 511, 512, 513])
def test_blocks_do_not_show(stop):
    assert np.array_equal(draw(LABELS[:stop], 3), draw(LABELS, 3)[:stop])


def test_neighbours_do_not_matter():
    changed = LABELS.copy()
    changed[::2] = (changed[::2] + 1) % 10
    assert np.array_equal(draw(LABELS, 5)[1::2], draw(changed, 5)[1::2])


def test_a_second_process_draws_the_same_bytes():
    code = ("import hashlib, sys, numpy as np; from fashion_cnn.sketch import sketch_set; x, y = sketch_set(300, 4);"
            "print(hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest());"
            "print(any(name in sys.modules for name in ('keras', 'tensorflow', 'matplotlib', 'sklearn', 'pandas')))")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    x, y = sketch_set(300, 4)
    assert out == [hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest(), "False"]


def test_another_seed_other_images():
    assert (draw(LABELS, 0) != draw(LABELS, 1)).any(axis=(1, 2, 3)).all()


def test_no_image_twice():
    x, _ = sketch_set(2000, 11)
    assert len({image.tobytes() for image in x}) == 2000


def test_every_class_varies_and_keeps_its_place():
    for label in range(10):
        images = draw(np.full(200, label), 2)[..., 0].astype(float)
        assert images.std(axis=0).max() > 40
        assert 0.08 < (images > 20).mean() < 0.75
        assert 50 < images[images > 20].mean() < 220


@given(st.integers(0, 60), seeds)
@settings(max_examples=25)
def test_sets_are_balanced(images, seed):
    x, y = sketch_set(images, seed)
    assert x.shape == (images, 28, 28, 1) and x.dtype == np.uint8 and y.shape == (images,) and y.dtype == np.int64
    assert np.ptp(np.bincount(y, minlength=10)) <= 1


def test_sets_are_shuffled_and_repeatable():
    x, y = sketch_set(500, 3)
    assert np.array_equal(x, sketch_set(500, 3)[0]) and np.array_equal(x, draw(y, 3))
    assert not np.array_equal(y, np.sort(y)) and not np.array_equal(y, sketch_set(500, 4)[1])
    assert np.bincount(y).tolist() == [50] * 10


def test_numpy_numbers_are_numbers():
    assert np.array_equal(sketch_set(np.int64(12), np.uint8(3))[0], sketch_set(12, 3)[0])


def test_nothing_to_draw():
    for empty in ([], (), np.zeros(0), np.zeros(0, np.int64)): assert draw(empty).shape == (0, 28, 28, 1)
    x, y = sketch_set(0)
    assert x.shape == (0, 28, 28, 1) and x.dtype == np.uint8 and y.shape == (0,) and y.dtype == np.int64


@pytest.mark.parametrize("labels, error", [
    ([10], ValueError), ([-1, 3], ValueError), ([[1, 2]], ValueError), (3, ValueError), (np.eye(10, dtype=int), ValueError),
    ([1.0], TypeError), (["Coat"], TypeError), ([True], TypeError), ([None], TypeError)])
def test_wrong_labels(labels, error):
    with pytest.raises(error, match="Received"): draw(labels)


@pytest.mark.parametrize("label", [-1, 12, 0.5])
def test_only_classes_that_there_are_can_be_rendered(label):
    with pytest.raises(ValueError, match=f"from 0 to 9. Received: {label}"): render([3, label], parameters([3, 3], 0.5))


@pytest.mark.parametrize("images, error", [(-1, ValueError), (1.5, TypeError), ("9", TypeError), (None, TypeError), (True, TypeError)])
def test_wrong_counts(images, error):
    with pytest.raises(error, match="Received"): sketch_set(images)


@pytest.mark.parametrize("seed, error", [(-1, ValueError), (0.5, TypeError), (None, TypeError), ("a", TypeError)])
def test_wrong_seeds(seed, error):
    with pytest.raises(error, match="Received"): draw([1], seed)
    with pytest.raises(error, match="Received"): sketch_set(1, seed)


def test_wrong_ranges():
    with pytest.raises(ValueError, match="slevee"): draw([6], ranges={**RANGES, "Shirt": {"slevee": (1, 2)}})
    with pytest.raises(ValueError, match="Coat"): draw([6], ranges={name: RANGES[name] for name in CLASS_NAMES if name != "Coat"})
    with pytest.raises(ValueError, match="tone"): draw([6], ranges={**RANGES, "Shirt": {**RANGES["Shirt"], "tone": (1, 2, 3, 4)}})
    with pytest.raises(ValueError, match="tone"): draw([6], ranges={**RANGES, "Shirt": {**RANGES["Shirt"], "tone": 120}})


def test_changed_ranges_change_only_their_class():
    ranges = {**RANGES, "Shirt": {**RANGES["Shirt"], "tone": (20, 30), "pattern": (0, 0), "grain": (0, 0)}}
    labels = np.tile([6, 4], 50)
    usual, dark = draw(labels, 1), draw(labels, 1, ranges)
    assert np.array_equal(usual[1::2], dark[1::2]) and dark[::2].max() < 60


def test_parameters_stay_in_their_ranges():
    uniform = np.random.default_rng(0).random((600, len(PARAMETERS)), np.float32)
    values = parameters(LABELS, uniform)
    for label, name in enumerate(CLASS_NAMES):
        for parameter in PARAMETERS:
            *chance, low, high = RANGES[name].get(parameter, (0, 0))
            drawn = values[parameter][LABELS == label]
            if chance: assert np.isclose((drawn != 0).mean(), chance[0], atol=0.25)
            if chance: drawn = drawn[drawn != 0]
            assert (low - 1e-4 <= drawn).all() and (drawn <= high + 1e-4).all(), (name, parameter)


def test_the_middle_garments_are_symmetric():
    values = parameters(np.arange(10), 0.5)
    values |= dict.fromkeys(("lean", "tilt", "right", "light", "folds", "stripes"), np.zeros(10))
    images = render(np.arange(10), values)[..., 0].astype(int)
    for label in (0, 1, 2, 3, 4, 6, 8): assert np.abs(images[label] - images[label, :, ::-1]).max() <= 1, CLASS_NAMES[label]
    for label in (5, 7, 9): assert images[label, :, 14:].sum() > images[label, :, :14].sum()    # toes point left
