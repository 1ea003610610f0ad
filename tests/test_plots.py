"""Every figure: nothing clipped, labelled, white, legible in grey, without pyplot; and a report that stands alone."""

import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from fashion_cnn.data import Dataset, Split
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.plots import (
    class_counts,
    confusion_matrix,
    learning_curves,
    mosaic,
    most_wrong,
    png,
    report,
    sample_grid,
)
from fashion_cnn.runs import Recipe, Run

NAMES = (
    "T-shirt/top",
    "Trousers and dresses",
    "Sandals and sneakers",
    "Pullovers and coats",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def a_split(n, names=NAMES, channels=1, seed=0, size=28):
    random = np.random.default_rng(seed)
    return Split(
        random.integers(0, 256, (n, size, size, channels), dtype=np.uint8),
        random.permutation(np.arange(n) % len(names)),
    )


def a_dataset(names=NAMES, channels=1, source="random dots"):
    return Dataset(
        train=a_split(300, names, channels),
        validation=a_split(60, names, channels, 1),
        test=a_split(200, names, channels, 2),
        class_names=tuple(names),
        source=source,
    )


def a_run(data, epochs=7, seed=0, name="dots-cnn", skill=3.0):
    random, classes, y = np.random.default_rng(seed), len(data.class_names), data.test.y
    p = random.random((len(y), classes)) + skill * np.eye(classes)[y] * random.random((len(y), 1))
    p = (p / p.sum(1, keepdims=True)).astype(np.float32)
    fall = np.exp(-np.arange(epochs) / 3) + 0.1 * random.random(epochs)
    history = {
        "loss": list(fall),
        "val_loss": list(fall + 0.2),
        "accuracy": list(1 - fall / 2),
        "val_accuracy": list(0.95 - fall / 2),
        "seconds": [1.5] * epochs,
        "learning_rate": [0.001] * epochs,
    }
    about = {
        "source": data.source,
        "class_names": list(data.class_names),
        "input_shape": list(data.test.x.shape[1:]),
        "classes": classes,
        "images": {k: len(s.x) for k, s in data.splits().items()},
        "fingerprint": "",
        "limit": None,
    }
    return Run(
        Recipe(name, "dots", epochs=epochs, seed=seed),
        history,
        {"test": {"loss": 1.0, "accuracy": 0.5, "images": len(y)}},
        about,
        {"total": 1234, "trainable": 1234},
        "finished",
        {"test": y},
        {"test": p},
    )


DATA = a_dataset()
RUN = a_run(DATA)
EVALUATION = Evaluation.of(RUN)
FIGURES = {
    "samples": lambda: sample_grid(DATA),
    "samples in colour": lambda: sample_grid(a_dataset(channels=3)),
    "samples without labels": lambda: sample_grid(Split(DATA.test.x)),
    "counts": lambda: class_counts(DATA),
    "counts of one split": lambda: class_counts(DATA.test, NAMES),
    "curves": lambda: learning_curves(RUN),
    "curves of seeds": lambda: learning_curves([a_run(DATA, 7 - s, s) for s in range(3)]),
    "curves of recipes": lambda: learning_curves(
        [RUN, a_run(DATA, 4, 1, "hw2-cnn-augmented"), a_run(DATA, 9, 2, "deeper-elastic")]
    ),
    "one epoch": lambda: learning_curves(a_run(DATA, 1)),
    "confusion": lambda: confusion_matrix(EVALUATION),
    "by truth": lambda: confusion_matrix(EVALUATION, "true"),
    "by prediction": lambda: confusion_matrix(EVALUATION, "pred"),
    "gallery": lambda: most_wrong(EVALUATION, DATA.test),
    "three": lambda: most_wrong(EVALUATION, DATA.test.x, 3),
}


def drawn_texts(figure):
    "Every text that is drawn, with its extent in pixels (not tick labels beyond the limits or of hidden axes)."
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [
        *figure.texts,
        figure._suptitle,
        figure._supxlabel,
        *(text for legend in figure.legends for text in legend.get_texts()),
    ]
    for axes in figure.axes:
        texts += [axes.title, *axes.texts] + [axis.label for axis in (axes.xaxis, axes.yaxis) if axes.axison]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            texts += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
    return [
        (text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts if text.get_text().strip()
    ]


def assert_nothing_clipped(figure):
    shown, (width, height) = drawn_texts(figure), figure.bbox.size
    assert len(shown) >= 2
    assert not [
        (text, box) for text, box in shown if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_figure(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure) and figure.get_supxlabel() and figure.get_suptitle()
    assert "image" in figure.get_supxlabel()
    assert_nothing_clipped(figure)
    picture = Image.open(io.BytesIO(png(figure))).convert("RGB")
    assert picture.getpixel((0, 0)) == picture.getpixel((picture.width - 1, picture.height - 1)) == (255, 255, 255)
    assert len(figure._repr_png_()) < 300_000
    assert sys.modules.get("matplotlib.pyplot") is None or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(
    "name", [name for name in FIGURES if not name.startswith("sample") and name not in ("gallery", "three")]
)
def test_axes_are_labelled(name):
    for axis in FIGURES[name]().axes:
        assert axis.get_xlabel() and (axis.get_ylabel() or axis.get_title())


def test_texts_of_the_gallery_do_not_overlap():
    boxes = [box for text, box in drawn_texts(most_wrong(EVALUATION, DATA.test)) if "taken for" in text]
    assert len(boxes) == 16 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(["W" * 70, "a $x^2$ b", "%s {0}"])
@given(
    st.lists(
        st.text(
            st.characters(
                min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f\xad", exclude_categories=["Cc"]
            ),
            min_size=1,
            max_size=70,
        ),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_any_class_name_fits(names):
    data = a_dataset(names)
    evaluation = Evaluation.of(a_run(data))
    for figure in (
        sample_grid(data, columns=4),
        class_counts(data),
        confusion_matrix(evaluation),
        most_wrong(evaluation, data.test, 4),
    ):
        assert_nothing_clipped(figure)


def test_curves_tell_more_than_by_colour():
    losses = learning_curves(RUN).axes[0].lines
    assert (
        len({line.get_linestyle() for line in losses}) == len(losses) == 3
        and len({line.get_marker() for line in losses}) == 3
    )
    assert learning_curves(RUN).axes[0].get_ylim()[0] == 0
    assert [line.get_label() for line in losses] == ["train", "validation", f"best epoch: {RUN.best_epoch}"]
    assert losses[1].get_ydata().tolist() == RUN.history["val_loss"] and losses[2].get_xdata()[0] == RUN.best_epoch
    two = learning_curves([RUN, a_run(DATA, 4, 1, "other")]).axes[0].lines
    assert len({(line.get_linestyle(), line.get_marker()) for line in two}) == 4


def test_curves_of_a_diverged_run_and_without_validation():
    run = a_run(DATA)
    run.history["loss"][3:] = [float("nan")] * 4
    assert_nothing_clipped(learning_curves(run))
    for key in ("val_loss", "val_accuracy"):
        run.history.pop(key)
    assert len(learning_curves(run).axes[0].lines) == 1
    with pytest.raises(ValueError, match="Received: "):
        learning_curves([])
    with pytest.raises(ValueError, match="Received: "):
        learning_curves(a_run(DATA, 0))


def test_confusion_shows_the_table():
    for normalize, factor in ((None, 1), ("true", 100), ("pred", 100)):
        shown = [int(text.get_text()) for text in confusion_matrix(EVALUATION, normalize).axes[0].texts]
        table = EVALUATION.confusion(normalize) * factor
        right = np.eye(10, dtype=bool)
        assert np.allclose(
            sorted(shown), sorted(np.rint(np.concatenate([table[right], table[~right]])).astype(int)), atol=1
        )
    axis = confusion_matrix(EVALUATION).axes[0]
    assert (
        [label.get_text() for label in axis.get_yticklabels()]
        == list(NAMES)
        == [label.get_text() for label in axis.get_xticklabels()]
    )
    assert_nothing_clipped(
        confusion_matrix(Evaluation(np.arange(100), np.eye(100), [f"fine class {i}" for i in range(100)]))
    )


def test_counts_begin_at_zero_and_are_right():
    for axis, split in zip(class_counts(DATA).axes, DATA.splits().values()):
        assert (
            axis.get_xlim()[0] == 0
            and [bar.get_width() for bar in axis.patches] == np.bincount(split.y, minlength=10).tolist()
        )
    with pytest.raises(ValueError, match="Received: "):
        class_counts(Split(DATA.test.x))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 3), st.sampled_from([1, 3]))
def test_mosaic_holds_every_image(n, columns, gap, channels):
    x = np.random.default_rng(n).integers(0, 256, (n, 5, 4, channels), dtype=np.uint8)
    picture = mosaic(x, columns, gap)
    for i in range(n):
        top, left = i // columns * (5 + gap), i % columns * (4 + gap)
        assert (picture[top : top + 5, left : left + 4] == (x[i] if channels == 3 else 255 - x[i])).all()
    assert picture.shape == (-(-n // columns) * (5 + gap), columns * (4 + gap), 3)


def test_samples_show_each_class_in_its_row():
    split = Split(
        np.repeat(np.arange(10, dtype=np.uint8) * 20, 30).reshape(300, 1, 1, 1) * np.ones((1, 28, 28, 1), np.uint8),
        np.repeat(np.arange(10), 30),
    )
    picture = sample_grid(split, columns=3, class_names=NAMES).axes[0].images[0].get_array()
    assert [255 - int(picture[row * 30, 0, 0]) for row in range(10)] == [20 * row for row in range(10)]
    assert (
        sample_grid(split, seed=1).axes[0].images[0].get_array().tobytes()
        == sample_grid(split, seed=1).axes[0].images[0].get_array().tobytes()
    )
    with pytest.raises(ValueError, match="Received: "):
        mosaic(split.x / 255, 3)


def test_gallery_wants_the_images_that_were_judged():
    with pytest.raises(ValueError, match="Received: 60 images"):
        most_wrong(EVALUATION, DATA.validation)
    with pytest.raises(ValueError, match="with other labels"):
        most_wrong(EVALUATION, Split(DATA.test.x, DATA.test.y[::-1]))
    perfect = Evaluation(DATA.test.y, np.eye(10)[DATA.test.y], NAMES)
    assert any("No mistakes among 200 images" in text.get_text() for text in most_wrong(perfect, DATA.test).texts)


class Checked(HTMLParser):
    "Every element closed in turn; notes attributes and visible text."

    VOID = {"meta", "img", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.text, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def test_report_stands_alone():
    page = report(RUN, DATA)  # of a network that errs often
    parsed = Checked()
    parsed.feed(page)
    parsed.close()
    text = " ".join(parsed.text)
    assert (
        not parsed.open
        and page.startswith("<!DOCTYPE html>")
        and "script" not in parsed.tags
        and "link" not in parsed.tags
    )
    assert all(
        value.startswith("data:image/png;base64,") for name, value in parsed.attributes if name in ("src", "href")
    )
    assert not re.search(r"https?:|url\(|@import", page)
    assert parsed.tags.count("img") == sum(bool(value) for name, value in parsed.attributes if name == "alt") == 6
    for word in ("random dots", "dots-cnn", "1,234", "macro F1", "seed 0", "200 test images", *NAMES):
        assert word in text
    assert "prefers-color-scheme:dark" in page and "@media print" in page


def test_report_escapes_names_and_refuses_other_images():
    data = a_dataset(["<script>alert(1)</script>", "a & b", '"quoted"'], source="<b>file</b>.csv")
    page = report(a_run(data), data)
    assert "<script" not in page and "<b>file" not in page and "&lt;script&gt;" in page
    with pytest.raises(ValueError, match="Received: "):
        report(RUN, data)


def test_perfect_run_has_a_report():
    run = a_run(DATA)
    run.probabilities["test"] = np.eye(10, dtype=np.float32)[DATA.test.y]
    assert "100.0&nbsp;%" in report(run, DATA)


def test_no_tensorflow_and_no_pyplot_at_import():
    heavy = ["tensorflow", "keras", "pandas", "seaborn", "sklearn", "matplotlib.pyplot"]
    code = f"import sys, fashion_cnn.plots; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
