"Every figure: nothing clipped, labelled, white, without pyplot; and a report that stands alone."

import dataclasses
import functools
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import fashion_cnn
from fashion_cnn.data import Dataset, Split
from fashion_cnn.compare import by_recipe, compare
from fashion_cnn.evaluate import Evaluation, wilson
from fashion_cnn.plots import (
    activations,
    cell,
    channel_sums,
    class_counts,
    class_map,
    confusion_matrix,
    curve_grid,
    curves_together,
    feature_maps,
    filters,
    first_images,
    flatten_to_map,
    grad_cam,
    grad_cam_maps,
    guesses,
    image_rows,
    kernel_numbers,
    kernel_responses,
    kernels,
    learning_curves,
    learning_rate_search,
    loss_accuracy,
    mosaic,
    most_wrong,
    per_class,
    png,
    precision_recall,
    redrawn_accuracies,
    reliability,
    roc,
    sample_grid,
    schedule,
    seed_dots,
    side_by_side,
    sliding_windows,
    sweep_heatmap,
    sweep_importance,
    sweep_lines,
    validation_curves,
)
from fashion_cnn.plots.inside import last_spatial_layer
from fashion_cnn.recipe import Recipe
from fashion_cnn.report import recipe_rows, report
from fashion_cnn.run import Run, recorded
from fashion_cnn.sweep import Sweep, combinations, recorded_sweep, with_settings

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


def a_run(data, epochs=7, seed=0, name="dots-cnn", skill=3.0, planned=None, **recipe):
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
    judged = Evaluation(y, p)
    return Run(
        Recipe(name, "dots", epochs=planned or max(1, epochs), seed=seed, **recipe),
        history,
        {"test": {"loss": judged.loss, "accuracy": judged.accuracy, "images": len(y)}},
        about,
        {"total": 1234, "trainable": 1234},
        "finished",
        {"test": y},
        {"test": p},
    )


def a_search():
    rates = np.geomspace(1e-6, 1, 60)
    smoothed = 2.3 - 1.5 / (1 + 3e-4 / rates) + 8 * np.maximum(rates - 0.1, 0)
    table = pd.DataFrame(
        {"learning_rate": rates, "loss": smoothed + 0.1 * np.sin(rates * 1e7), "smoothed": smoothed}
    )
    table.attrs = {
        "suggested": 1.5e-3,
        "recipe": "dots-cnn",
        "source": "random dots",
        "images": 300,
        "seed": 0,
    }
    return table


def a_sweep(settings, score, task="classify", epochs=3):
    "Runs with these settings, and what a function of a setting says that they reached."
    recipe = Recipe("dots-sweep", "dots", epochs=epochs, task=task)
    about = {"source": "random dots", "images": {"train": 300, "validation": 60}}
    runs = [
        Run(
            with_settings(recipe, each),
            {"loss": [1.0] * epochs},
            {"validation": {"loss": 1 - score(each), "accuracy": score(each)}},
            about,
            {},
            "finished",
            environment={},
        )
        for each in settings
    ]
    grid = {
        place: list({str(each[place]): each[place] for each in settings}.values())
        for place in settings[0]
    }
    return Sweep(recipe, grid, runs, [])


def random_settings(n, seed=0):
    "As a search tries them: a new learning rate in every run, and values with long names."
    random = np.random.default_rng(seed)
    return [
        {
            "learning_rate": float(10 ** random.uniform(-5, -1)),
            "network_options.dropout": float(random.uniform(0, 0.6)),
            "augmentation": ["", "a pipeline with a rather long name", "$"][i % 3],
            "schedule": [None, {"name": "cosine"}][i % 2],
        }
        for i in range(n)
    ]


DATA = a_dataset()
KERNELS = {"edge": [[1, 0, -1]] * 3, "five": np.arange(25).reshape(5, 5) / 7}
FACTORS = {"learning_rate": [0.001, 0.01, 0.1], "batch_size": [32, 128], "seed": [0, 1, 2]}
FACTORIAL = a_sweep(
    combinations(FACTORS),
    lambda s: 0.9 + 0.02 * np.log10(s["learning_rate"]) - 0.0001 * s["batch_size"],
)
SETTINGS = {
    "classify": random_settings(25),
    "reconstruct": [{**settings, "augmentation": ""} for settings in random_settings(25)],
}
SEARCHED = [
    a_sweep(settings, lambda s: 0.9 - s["network_options.dropout"] / 9, task)
    for task, settings in SETTINGS.items()
]
RUN = a_run(DATA)
SEEDS = [a_run(DATA, 7 - s, s, planned=7) for s in range(3)]
RECIPES = [
    RUN,
    a_run(DATA, 4, 1, "hw2-cnn-augmented"),
    a_run(DATA, 9, 2, "deeper-elastic-with-a-rather-long-name"),
]
EVALUATION = Evaluation.from_run(RUN)
SOFTER = EVALUATION.at_temperature(0.3)
FIGURES = {
    "samples": lambda: sample_grid(DATA),
    "samples in colour": lambda: sample_grid(a_dataset(channels=3)),
    "samples without labels": lambda: sample_grid(Split(DATA.test.x)),
    "samples, the first": lambda: first_images(DATA, 20),
    "samples, the first in colour": lambda: first_images(a_split(5, channels=3), 9, NAMES),
    "counts": lambda: class_counts(DATA),
    "counts of one split": lambda: class_counts(DATA.test, NAMES),
    "samples of many classes": lambda: sample_grid(
        Split(np.resize(DATA.test.x, (200, 28, 28, 1)), np.arange(200) % 40), 10, class_names=[f"${i}" for i in range(40)]),
    "rows in many words": lambda: image_rows(
        {"W$" * 40: DATA.test.x[:9], "_$^": DATA.test.x[:9] / 255}, "Dots and nothing but dots " * 6, "images of random dots, " * 20),
    "map of many classes": lambda: class_map(
        DATA.test.x[:, :2, 0, 0], np.arange(200) % 40, ["W" * 9] * 40, "Two pixels", "random dots, 200 images"),
    "curves": lambda: learning_curves(RUN),
    "curves of long names": lambda: learning_curves([RUN, *(a_run(DATA, 4, 1, f"${i} " + "long name " * 4) for i in range(15))]),
    "curves of a long name": lambda: learning_curves(a_run(DATA, 4, 1, "W" * 60)),
    "curves of seeds": lambda: learning_curves(SEEDS),
    "some epochs": lambda: learning_curves(SEEDS, every=3),
    "loss against accuracy": lambda: loss_accuracy(RUN),
    "loss against accuracy of recipes": lambda: loss_accuracy([*RECIPES, *SEEDS]),
    "side by side": lambda: side_by_side(RECIPES[1], SEEDS),
    "validation": lambda: validation_curves([*RECIPES, *SEEDS], every=2),
    "validation loss": lambda: validation_curves(RECIPES, "loss"),
    "grid": lambda: curve_grid([*RECIPES, *SEEDS]),
    "grid of one": lambda: curve_grid(RUN),
    "rates that happened": lambda: schedule(RECIPES),
    "search": lambda: learning_rate_search(a_search()),
    "curves of recipes": lambda: learning_curves(
        [RUN, a_run(DATA, 4, 1, "hw2-cnn-augmented"), a_run(DATA, 9, 2, "deeper-elastic")]
    ),
    "one epoch": lambda: learning_curves(a_run(DATA, 1)),
    "confusion": lambda: confusion_matrix(EVALUATION),
    "by truth": lambda: confusion_matrix(EVALUATION, "true"),
    "by prediction": lambda: confusion_matrix(EVALUATION, "pred"),
    "gallery": lambda: most_wrong(EVALUATION, DATA.test),
    "three": lambda: most_wrong(EVALUATION, DATA.test.x, 3),
    "gallery of guesses": lambda: guesses(EVALUATION, DATA.test),
    "gallery of two guesses": lambda: guesses(EVALUATION, DATA.test.x, 2),
    "gallery of kernels and what they see": lambda: kernel_responses(DATA.test.x[0], KERNELS, "random dots"),
    "gallery of one kernel": lambda: kernel_responses(DATA.test.x[0], {"W" * 12: KERNELS["edge"]}),
    "gallery of numbers": lambda: kernel_numbers(KERNELS, "Kernels", "made by hand (no images)"),
    "gallery of numbers in dollars": lambda: kernel_numbers({"a$_b^": KERNELS["edge"], "$" * 50: KERNELS["five"]}, "Kernels", "no images"),
    "gallery of windows": sliding_windows,
    "seeds": lambda: seed_dots({"dots": SEEDS, "W" * 40: SEEDS[:1]}, "Seeds", split="test"),
    "gallery of a cell": lambda: cell(EVALUATION, DATA.test, "Shirt", "Shirt"),
    "gallery of nothing": lambda: cell(
        EVALUATION, DATA.test, *np.argwhere(EVALUATION.counts == 0)[0]
    ),
    "roc": lambda: roc(EVALUATION),
    "roc of a good one": lambda: roc(SOFTER, range(3)),
    "precision and recall": lambda: precision_recall(EVALUATION),
    "reliability": lambda: reliability(EVALUATION),
    "before and after": lambda: reliability(
        {"as trained": EVALUATION, "at a temperature of 0.3": SOFTER}, bins=15
    ),
    "three reliabilities": lambda: reliability({"W" * 40: EVALUATION, "softer": SOFTER, "the same": EVALUATION}),
    "f1": lambda: per_class(EVALUATION),
    "all three": lambda: per_class(EVALUATION, None),
    "two networks": lambda: per_class({"W" * 40: EVALUATION, "softer": SOFTER}, "precision"),
    "map": lambda: class_map(
        DATA.test.x[:, :2, 0, 0], DATA.test.y, NAMES, "Two pixels", "random dots, 200 images"
    ),
    "rows": lambda: image_rows({"dots": DATA.test.x[:5]}, "Dots", "random dots, 5 images"),
    "lines of a sweep": lambda: sweep_lines(FACTORIAL),
    "lines of a search": lambda: sweep_lines(SEARCHED[0]),
    "lines of a loss": lambda: sweep_lines(SEARCHED[1]),
    "two fields": lambda: sweep_heatmap(FACTORIAL),
    "two fields of a search": lambda: sweep_heatmap(
        SEARCHED[0], "learning_rate", "augmentation", "best"
    ),
    "two fields and a loss": lambda: sweep_heatmap(SEARCHED[1], "schedule"),
    "importance": lambda: sweep_importance(FACTORIAL),
    "importance in a search": lambda: sweep_importance(SEARCHED[1]),
}


@functools.cache
def figure_named(name):
    "One of FIGURES, drawn once for all tests."
    return FIGURES[name]()


def drawn_texts(figure):
    "Every text that is drawn, with its extent in pixels; no tick labels beyond the limits."
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [
        *figure.texts,
        figure._suptitle,
        figure._supxlabel,
        *(text for legend in figure.legends for text in legend.get_texts()),
    ]
    for axes in [each for axes in figure.axes for each in (axes, *axes.child_axes)]:
        legend = axes.get_legend()
        texts += [] if legend is None else [*legend.get_texts(), legend.get_title()]
        texts += [axes.title, *axes.texts] + [
            axis.label for axis in (axes.xaxis, axes.yaxis) if axes.axison
        ]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            texts += [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
    return [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in texts
        if text.get_text().strip()
    ]


def assert_nothing_clipped(figure):
    shown, (width, height) = drawn_texts(figure), figure.bbox.size
    assert len(shown) >= 2
    assert not [
        (text, box)
        for text, box in shown
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    around = {
        figure.get_suptitle(),
        figure.get_supxlabel(),
        *(axes.get_ylabel() for axes in figure.axes),
        *(text.get_text() for legend in figure.legends for text in legend.get_texts()),
    }
    framing = list(
        {(text, *box.bounds): (text, box) for text, box in shown if text in around}.values()
    )
    assert not [
        (a, b)
        for i, (a, box) in enumerate(framing)
        for b, other in framing[:i]
        if box.overlaps(other)
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_figure(name):
    figure = figure_named(name)
    assert isinstance(figure, Figure) and figure.get_supxlabel() and figure.get_suptitle()
    assert "image" in figure.get_supxlabel()
    assert_nothing_clipped(figure)
    shown, size = figure._repr_png_()
    picture = Image.open(io.BytesIO(shown)).convert("RGB")
    assert picture.width in (size["width"], pytest.approx(1.5 * size["width"], abs=2)) and size["width"] <= 780    # as wide as a page
    assert (
        picture.getpixel((0, 0))
        == picture.getpixel((picture.width - 1, picture.height - 1))
        == (255, 255, 255)
    )
    assert len(shown) < 300_000
    assert (
        sys.modules.get("matplotlib.pyplot") is None
        or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_png_keeps_colours():
    "A map of many colours keeps them: 32 for all turned pale orange into grey."
    figure = Figure(figsize=(4, 3), dpi=80, facecolor="white")
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    ax.imshow(np.linspace(0, 1, 400).reshape(20, 20), cmap="Oranges", interpolation="nearest")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, facecolor="white")
    before, after = (
        np.asarray(Image.open(source).convert("RGB"), int)
        for source in (drawn, io.BytesIO(png(figure, dpi=80)))
    )
    assert abs(before - after).max() <= 12


@pytest.mark.parametrize("normalize", [None, "true", "pred"])
def test_every_number_of_a_confusion_matrix_can_be_read(normalize):
    "The contrast of text and cell that WCAG AA asks for, from black on white (21) down to 4.5."
    ax = confusion_matrix(Evaluation.from_run(recorded("hw2-cnn")[0]), normalize).axes[0]
    from seaborn.utils import relative_luminance

    for text in ax.texts:
        column, row = map(int, text.get_position())
        cell = ax.collections[int(row != column)].get_facecolors()[
            10 * row + column
        ]  # first the diagonal, then the rest
        assert cell[3] == 1
        ground = relative_luminance(cell)
        dark, light = sorted((ground, relative_luminance(text.get_color())))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FIGURES
        if not name.startswith(("sample", "gallery", "rows")) and name != "three"
    ],
)
def test_axes_are_labelled(name):
    for ax in figure_named(name).axes:
        place = ax.get_subplotspec()
        assert ax.get_xlabel() or not place.is_last_row()
        assert ax.get_ylabel() or ax.get_title() or not place.is_first_col() or ax.get_yticklabels()


def test_texts_of_the_gallery_do_not_overlap():
    figure = most_wrong(EVALUATION, DATA.test)
    boxes = [(text, box) for text, box in drawn_texts(figure) if "taken for" in text]
    assert len(boxes) == 16 and not any(
        a.overlaps(b) for i, (_, a) in enumerate(boxes) for _, b in boxes[:i]
    )
    worst = EVALUATION.most_wrong(16)
    for (text, _), row in zip(boxes, worst.itertuples()):
        given = [line.removeprefix("given ") for line in text.splitlines()[1::2]]
        assert given == [f"{100 * row.truth_probability:.1f} %", f"{100 * row.probability:.1f} %"]
        assert text.startswith(f"true: {row.truth}") and f"taken for: {row.prediction}" in text
    assert (
        figure.axes[0].images[0].get_array()[..., 0] == 255 - DATA.test.x[worst["index"][0]][..., 0]
    ).all()


@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@example(["W" * 70, "a $x^2$ b", "%s {0}"])
@given(
    st.lists(
        st.text(
            st.characters(
                min_codepoint=32,
                max_codepoint=0x24F,
                exclude_characters="\x7f\xad",
                exclude_categories=["Cc"],
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
    evaluation = Evaluation.from_run(a_run(data))
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
    assert [line.get_label() for line in losses] == [
        "train",
        "validation",
        f"best epoch: {RUN.best_epoch}",
    ]
    assert (
        losses[1].get_ydata().tolist() == RUN.history["val_loss"]
        and losses[2].get_xdata()[0] == RUN.best_epoch
    )
    assert (
        len({(line.get_marker(), line.get_linestyle()) for line in roc(EVALUATION).axes[0].lines})
        == 10 + 3
    )
    two = learning_curves([RUN, a_run(DATA, 4, 1, "other")]).axes[0].lines
    assert len({(line.get_linestyle(), line.get_marker()) for line in two}) == 4
    lines = figure_named("curves of long names").axes[0].lines
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines[:28]}) == 28


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
        shown = [
            int(text.get_text()) for text in confusion_matrix(EVALUATION, normalize).axes[0].texts
        ]
        table = EVALUATION.confusion(normalize) * factor
        right = np.eye(10, dtype=bool)
        assert np.allclose(
            sorted(shown),
            sorted(np.rint(np.concatenate([table[right], table[~right]])).astype(int)),
            atol=1,
        )
    ax = confusion_matrix(EVALUATION).axes[0]
    assert (
        [label.get_text() for label in ax.get_yticklabels()]
        == list(NAMES)
        == [label.get_text() for label in ax.get_xticklabels()]
    )
    assert_nothing_clipped(
        confusion_matrix(
            Evaluation(np.arange(100), np.eye(100), [f"fine class {i}" for i in range(100)])
        )
    )


def test_counts_begin_at_zero_and_are_right():
    for ax, split in zip(class_counts(DATA).axes, DATA.splits().values()):
        assert (
            ax.get_xlim()[0] == 0
            and [bar.get_width() for bar in ax.patches]
            == np.bincount(split.y, minlength=10).tolist()
        )
    with pytest.raises(ValueError, match="Received: "):
        class_counts(Split(DATA.test.x))


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 3), st.sampled_from([1, 3]))
def test_mosaic_holds_every_image(n, columns, gap, channels):
    x = np.random.default_rng(n).integers(0, 256, (n, 5, 4, channels), dtype=np.uint8)
    picture = mosaic(x, columns, gap)
    for i in range(n):
        top, left = i // columns * (5 + gap), i % columns * (4 + gap)
        assert (
            picture[top : top + 5, left : left + 4] == (x[i] if channels == 3 else 255 - x[i])
        ).all()
    assert picture.shape == (-(-n // columns) * (5 + gap), columns * (4 + gap), 3)


def test_samples_show_each_class_in_its_row():
    split = Split(
        np.repeat(np.arange(10, dtype=np.uint8) * 20, 30).reshape(300, 1, 1, 1)
        * np.ones((1, 28, 28, 1), np.uint8),
        np.repeat(np.arange(10), 30),
    )
    picture = sample_grid(split, columns=3, class_names=NAMES).axes[0].images[0].get_array()
    assert [255 - int(picture[row * 30, 0, 0]) for row in range(10)] == [
        20 * row for row in range(10)
    ]
    assert (
        sample_grid(split, seed=1).axes[0].images[0].get_array().tobytes()
        == sample_grid(split, seed=1).axes[0].images[0].get_array().tobytes()
    )
    with pytest.raises(ValueError, match="Received: "):
        mosaic(split.x / 255, 3)
    many = sample_grid(Split(split.x, np.arange(300) % 100))
    assert "first 20 of 100 classes" in many.get_supxlabel().replace("\n", " ")
    for columns in (-1, 2.5):
        with pytest.raises(ValueError, match="columns"): sample_grid(split, columns)
    for few in (lambda: sample_grid(split, class_names=NAMES[:9]), lambda: class_counts(split, NAMES[:9]),
                lambda: class_map(np.zeros((300, 2)), split.y, NAMES[:9], "Map")):
        with pytest.raises(ValueError, match="a name for each class. Received: 9 names, and label 9"): few()
    with pytest.raises(ValueError, match="0 to 1; divide by 255.*Received: float64 from 0 to 180"):
        image_rows({"grey": split.x.astype(float)}, "Grey")


def test_nothing_lies_on_pictures_and_points():
    for name, boxes in {"rows in many words": lambda figure: figure.texts, "rows": lambda figure: figure.texts,
                        "three reliabilities": lambda figure: [figure.axes[0].get_legend()]}.items():
        figure = figure_named(name)
        FigureCanvasAgg(figure).draw()
        assert not [box for box in boxes(figure) if box.get_window_extent().overlaps(figure.axes[0].bbox)], name
    crowd = figure_named("map of many classes")
    assert not crowd.axes[0].texts and crowd.axes[0].get_legend() is None and "40 classes, too many" in crowd.get_supxlabel()


def test_groups_of_a_number_drawn_often_are_told_apart():
    groups, labels = sys.modules["fashion_cnn.plots.sweeps"].in_groups(np.array([0.0] * 7 + [0.5, 0.6, 0.7]), {})
    assert len(set(labels.values())) == len(labels) and set(groups) == set(labels)


def test_redrawn_images_are_those_of_the_split():
    for judged, title in ((EVALUATION, "One network, test images"), (Evaluation(DATA.test.y, EVALUATION.probabilities, NAMES), "One network, images")):
        assert redrawn_accuracies(judged, [0.5, 0.6]).get_suptitle().startswith(title)


def test_a_long_text_is_measured_a_few_times(monkeypatch):
    style = sys.modules["fashion_cnn.plots.style"]
    measured, widths = [], style.text_width
    monkeypatch.setattr(style, "text_width", lambda text, size: measured.append(text) or widths(text, size))
    assert style.fit_text("W$" * 2000, 40, 9) == r"W\$W\$…" and len(measured) < 20
    assert style.fit_text("WWW", 1, 9) == "…" and style.fit_text("", 1, 9) == "" and style.fit_text("shirt", 99, 9) == "shirt"



def test_a_split_that_is_misspelt_is_named():
    with pytest.raises(ValueError, match="Did you mean 'validation'"): sample_grid(DATA, split="val")


@pytest.mark.parametrize("window, stride", [(2, 2), (3, 2), (3, 1)])
def test_pooling_that_does_not_fit_is_drawn_as_keras_pools(window, stride):
    import keras
    places = keras.layers.MaxPooling2D(window, stride).compute_output_shape((1, 7, 7, 1))[1]
    below = sliding_windows({"pooling": (7, window, stride, 0)}).axes[-1]
    assert len([text for text in below.texts if text.get_text().isdecimal()]) == places ** 2


def test_gallery_wants_the_images_that_were_judged():
    with pytest.raises(ValueError, match="Received: 60 images"):
        most_wrong(EVALUATION, DATA.validation)
    with pytest.raises(ValueError, match="with other labels"):
        most_wrong(EVALUATION, Split(DATA.test.x, DATA.test.y[::-1]))
    perfect = Evaluation(DATA.test.y, np.eye(10)[DATA.test.y], NAMES)
    assert "No mistakes among 200 images" in [
        text.get_text() for text in most_wrong(perfect, DATA.test).axes[0].texts
    ]


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


def test_report_says_what_was_handed_over_in_python():
    recipe = Recipe("mine", own={
        "optimizer": {"class_name": "SGD", "config": {"name": "sgd", "momentum": 0.9, "learning_rate": {"class_name": "CosineDecay", "config": {}}}},
        "loss": {"class_name": "function", "config": "categorical_hinge"}, "model": {"only in Python": "MyNet"}, "callbacks": ["CSVLogger"]})
    rows = dict(recipe_rows(recipe))
    assert rows["own optimizer"] == "SGD (momentum 0.9, learning_rate CosineDecay)" and not {"optimizer", "learning rate"} & set(rows)
    assert rows["own loss"] == "categorical_hinge" and rows["own model"] == "MyNet (only in Python)" and rows["own callbacks"] == "CSVLogger"
    assert dict(recipe_rows(Recipe("plain")))["optimizer"] == "adam"


def test_report_stands_alone():
    page = report(RUN, DATA)  # of a network that errs often
    assert f"Written by fashion_cnn {fashion_cnn.__version__}." in page
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
        value.startswith("data:image/png;base64,")
        for name, value in parsed.attributes
        if name in ("src", "href")
    )
    assert not re.search(r"https?:|url\(|@import", page)
    assert (
        parsed.tags.count("img")
        == sum(bool(value) for name, value in parsed.attributes if name == "alt")
        == 6
    )
    for word in (
        "random dots",
        "dots-cnn",
        "1,234",
        "macro F1",
        "seed 0",
        "200 test images",
        *NAMES,
    ):
        assert word in text
    assert "prefers-color-scheme:dark" in page and "@media print" in page


def test_report_says_the_balance_and_how_sure_each_recall_is():
    run = a_run(DATA)
    run.recipe = run.recipe.replace(balance="sampling")
    parsed = Checked()
    parsed.feed(report(run))
    text = " ".join(" ".join(parsed.text).split())
    assert "balance sampling" in text and "balance" not in report(RUN)
    judged = Evaluation.from_run(run)
    assert judged.lowest_recall() in text
    for row in judged.recalls().itertuples(index=False):
        assert f"{row.recall:.3f} {100 * row[1]:.1f} to {100 * row[2]:.1f} %" in text


def test_report_escapes_names_and_refuses_other_images():
    data = a_dataset(["<script>alert(1)</script>", "a & b", '"quoted"'], source="<b>file</b>.csv")
    page = report(a_run(data), data)
    assert "<script" not in page and "<b>file" not in page and "&lt;script&gt;" in page
    with pytest.raises(ValueError, match="Received: "):
        report(RUN, data)


def test_perfect_run_has_a_report():
    run = a_run(DATA)
    run.probabilities["test"] = np.eye(10, dtype=np.float32)[DATA.test.y]
    run.metrics["test"] |= {"loss": 0.0, "accuracy": 1.0}
    assert "100.0&nbsp;%" in report(run, DATA)


def test_report_of_several_runs_lays_them_side_by_side():
    others = [a_run(DATA, seed=seed, name="other-cnn", skill=2.0) for seed in (1, 2)]
    rows = compare([RUN, *others])
    page = report([RUN, *others], DATA)
    parsed = Checked()
    parsed.feed(page)
    text = " ".join(" ".join(parsed.text).split())
    assert (
        not parsed.open
        and not {"script", "link"} & set(parsed.tags)
        and not re.search(r"https?:|url\(|@import", page)
    )
    assert all(f"{100 * share:.2f} %" in text for share in rows["test accuracy"]) and all(
        name in text for name in rows.index
    )
    assert parsed.tags.count("img") == 6 + len(rows)
    bare = report([RUN, *others])
    assert "Samples" not in bare and bare.count("<img ") == 4 + len(rows)


def test_report_of_several_runs_refuses_different_images():
    with pytest.raises(ValueError, match="same images"):
        report([RUN, a_run(a_dataset([str(i) for i in range(10)]), name="other-cnn")])
    with pytest.raises(ValueError, match="at least one run"):
        report([])


def values(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_loss_accuracy_shows_one_point_per_epoch_and_the_direction():
    ax = loss_accuracy(RUN).axes[0]
    for line, points, prefix in zip(ax.lines, ax.collections, ("", "val_")):
        assert np.allclose(
            values(line), [RUN.history[prefix + "loss"], RUN.history[prefix + "accuracy"]]
        )
        assert (
            np.allclose(points.get_offsets().T, values(line))
            and (np.diff(points.get_sizes()) > 0).all()
        )
    assert [text.get_text() for text in ax.texts] == ["1", "7", "1", "7"]
    assert len(ax.lines) == 2 and labels(ax) == ["train", "validation"]
    some = loss_accuracy(RUN, every=3).axes[0].lines[0]
    assert values(some)[0].tolist() == [RUN.history["loss"][epoch - 1] for epoch in (1, 3, 6, 7)]


def test_side_by_side_has_one_scale_and_names_what_was_changed():
    other = a_run(DATA, 4, 1, "slower", learning_rate=0.0001, schedule={"name": "cosine"})
    figure = side_by_side(RUN, other)
    axes = np.array(figure.axes).reshape(2, 2)
    for row, metric in zip(axes, ("loss", "accuracy")):
        assert row[0].get_ylim() == row[1].get_ylim() and row[0].get_xlim() == row[1].get_xlim()
        for ax, run in zip(row, (RUN, other)):
            assert values(ax.lines[0])[1].tolist() == run.history[metric]
            assert values(ax.lines[1])[1].tolist() == run.history[f"val_{metric}"]
            low, high = ax.get_ylim()
            assert (
                low <= min(run.history[f"val_{metric}"])
                and max(run.history[f"val_{metric}"]) <= high
            )
    caption = figure.get_supxlabel().replace("\n", " ")
    for field, (a, b) in RUN.recipe.differences(other.recipe).items():
        assert field in ("name", "seed") or field.replace("_", " ") in caption
    assert (
        "learning rate 0.001 and 0.0001" in caption
        and "schedule none and name cosine, warmup_epochs 0" in caption
    )
    assert "differ in nothing but" in side_by_side(RUN, SEEDS[1]).get_supxlabel().replace("\n", " ")
    with pytest.raises(ValueError, match="Received: dots-cnn, hw2-cnn-augmented"):
        side_by_side(RECIPES[:2], RUN)


def with_own(run, **own):
    "The run, as if its recipe had parts of its own."
    return dataclasses.replace(run, recipe=run.recipe.replace(own=own), model=None)


def test_a_loss_of_ones_own_may_fall_below_zero():
    from fashion_cnn.panels import curves
    run = with_own(recorded("brief")[0], loss={"config": "cosine_similarity"})
    below = {name: [value - 3 for value in run.history[name]] for name in ("loss", "val_loss")}
    run = dataclasses.replace(run, history={**run.history, **below}, model=None)
    lowest = min(below["val_loss"])
    together = curves_together(run).axes[0]
    axes = [learning_curves(run).axes[0], validation_curves(run, "loss").axes[0],
            curve_grid(run).axes[0], side_by_side(run, run).axes[0], curves(run, "loss").axes[0]]
    for ax in (*axes, together):
        low, high = ax.get_ylim()
        assert low < lowest < high and "own" in ax.get_ylabel() and "nats" not in ax.get_ylabel()
    paths = loss_accuracy(run).axes[0]
    assert paths.get_xlim()[0] < lowest and "own" in paths.get_xlabel()
    assert learning_curves(recorded("brief")[0]).axes[0].get_ylim()[0] == 0


def test_what_is_ones_own_is_named_and_not_written_out():
    layers = [{"class_name": "Dense", "config": {"units": units}} for units in range(99)]
    first, second = (with_own(recorded("brief")[0], model={"config": {"layers": layers[:count]}})
                     for count in (50, 99))
    assert list(by_recipe([first, second])) == ["brief", "brief (another model)"]
    caption = " ".join(text.get_text() for text in side_by_side(first, second).texts)
    assert "another model" in caption and "Dense" not in caption


def test_validation_curves_fold_seeds_and_keep_first_and_last_epoch():
    ax = validation_curves([*SEEDS, RECIPES[1]]).axes[0]
    stack = np.array([run.history["val_accuracy"][:5] for run in SEEDS])
    bold = [line for line in ax.lines if not line.get_label().startswith("_")]
    assert labels(ax) == [line.get_label() for line in bold] == ["dots-cnn", "hw2-cnn-augmented"]
    assert np.allclose(values(bold[0]), [range(1, 6), stack.mean(0)])
    band = ax.collections[0].get_paths()[0].vertices
    assert np.isclose(band[:, 1].max(), stack.max()) and np.isclose(band[:, 1].min(), stack.min())
    for every, shown in {
        1: [1, 2, 3, 4, 5, 6, 7],
        3: [1, 3, 6, 7],
        5: [1, 5, 7],
        7: [1, 7],
        50: [1, 7],
    }.items():
        line = validation_curves(RUN, "loss", every).axes[0].lines[0]
        assert line.get_xdata().tolist() == shown
        assert line.get_ydata().tolist() == [RUN.history["val_loss"][epoch - 1] for epoch in shown]
    assert validation_curves(a_run(DATA, 1), every=5).axes[0].lines[0].get_xdata().tolist() == [1]


def test_recipes_of_one_name_are_kept_apart():
    other = a_run(DATA, 7, 1, learning_rate=0.01)
    assert labels(validation_curves([RUN, other]).axes[0]) == [
        "dots-cnn",
        "dots-cnn (learning_rate 0.01)",
    ]
    elsewhere = a_run(DATA, 7, 1)
    elsewhere.data["fingerprint"] = "other"
    assert labels(validation_curves([RUN, elsewhere]).axes[0]) == [
        "dots-cnn",
        "dots-cnn (other images)",
    ]


def test_grid_has_a_row_for_each_recipe_and_a_scale_for_each_column():
    axes = np.array(curve_grid([*RECIPES, *SEEDS[1:]]).axes).reshape(3, 3)
    for row, run in zip(axes[1:], RECIPES[1:]):
        assert values(row[0].lines[0])[1].tolist() == run.history["loss"]
        assert values(row[1].lines[1])[1].tolist() == run.history["val_accuracy"]
        assert np.allclose(
            values(row[2].lines[1]), [run.history["val_loss"], run.history["val_accuracy"]]
        )
        assert row[0].get_title(loc="left") == run.name
    for column, metric in zip(axes.T, ("loss", "accuracy")):
        assert len({ax.get_ylim() for ax in column}) == 1
        low, high = column[0].get_ylim()
        assert all(
            low <= value <= high for run in RECIPES for value in run.history[f"val_{metric}"]
        )


def test_reconstructions_have_a_loss_only():
    run = a_run(DATA, name="coder", task="reconstruct")
    del run.history["accuracy"], run.history["val_accuracy"]
    assert len(curve_grid(run).axes) == len(validation_curves(run, "loss").axes) == 1
    assert len(side_by_side(run, run).axes) == 2
    for figure in (loss_accuracy, validation_curves):
        with pytest.raises(ValueError, match="Received: "):
            figure(run)
    with pytest.raises(ValueError, match="no figure in common"):
        curve_grid([run, RUN])


@pytest.mark.parametrize("figure", [learning_curves, loss_accuracy, validation_curves, curve_grid])
def test_curves_refuse_what_they_cannot_draw(figure):
    for nothing in ([], a_run(DATA, 0)):
        with pytest.raises(ValueError, match="Received: "):
            figure(nothing)
    for every in (0, 1.5, True):
        with pytest.raises(ValueError, match="every must be a whole number"):
            figure(RUN, every=every)


def test_validation_curves_need_a_known_metric_that_was_noted():
    with pytest.raises(ValueError, match="'accuracy'"):
        validation_curves(RUN, "acuracy")
    run = a_run(DATA)
    del run.history["val_accuracy"]
    with pytest.raises(ValueError, match="Received: none in dots-cnn"):
        validation_curves([RUN, run])


def test_schedule_shows_what_happened():
    by_epoch, by_step = a_run(DATA, 3), a_run(DATA, 2)
    by_epoch.history["learning_rate"] = [0.1, 0.01, 0.001]
    by_step.history["learning_rates"] = [[0.1, 0.2], [0.3, 0.4]]
    drawn = [patch.get_data() for patch in schedule([by_epoch, by_step]).axes[0].patches]
    assert drawn[0].values.tolist() == [0.1, 0.01, 0.001] and drawn[0].edges.tolist() == [
        0,
        1,
        2,
        3,
    ]
    assert drawn[1].values.tolist() == [0.1, 0.2, 0.3, 0.4] and drawn[1].edges.tolist() == [
        0,
        0.5,
        1,
        1.5,
        2,
    ]
    del by_epoch.history["learning_rate"]
    for wrong in (by_epoch, []):
        with pytest.raises(ValueError, match="Received: "):
            schedule(wrong)
    waits = Recipe("waits", "dots", schedule={"name": "plateau"})
    with pytest.raises(ValueError, match="pass the run.*'waits'"):
        schedule([RUN, waits])


def test_schedule_shows_what_is_planned():
    from fashion_cnn.optimizers import learning_rates

    plan = Recipe("plan", "dots", epochs=4, schedule={"name": "one-cycle"})
    figure = schedule([plan, plan.replace(schedule=None), RUN], steps_per_epoch=7)
    drawn = [patch.get_data() for patch in figure.axes[0].patches]
    assert np.array_equal(drawn[0].values, learning_rates(plan, 7)) and np.allclose(
        drawn[0].edges, np.arange(29) / 7
    )
    assert labels(figure.axes[0]) == ["plan: one-cycle", "plan: fixed", "dots-cnn: fixed, seed 0"]
    assert_nothing_clipped(figure)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        schedule(plan, 0)


def with_own_schedule(name, **options):
    "A recipe whose optimizer brings a schedule of its own, described as Keras does it."
    rate = {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1}}
    optimizer = {"class_name": "SGD", "config": {"learning_rate": rate}}
    return Recipe(name, "dots", own={"optimizer": optimizer}, **options)


def test_a_schedule_of_the_optimizer_cannot_be_drawn_in_advance():
    with pytest.raises(ValueError, match="pass the run.*'mine' with the schedule 'CosineDecay'"):
        schedule(with_own_schedule("mine"))
    both = with_own_schedule("both", epochs=2, schedule={"name": "one-cycle"})
    assert labels(schedule(both).axes[0]) == ["both: one-cycle"]    # then the recipe's is used
    fixed = {"optimizer": {"class_name": "SGD", "config": {"learning_rate": 0.1}}}
    for own in (fixed, {"optimizer": {"only in Python": "Mine"}}):
        assert labels(schedule(Recipe("plain", own=own)).axes[0]) == ["plain: fixed"]


def test_only_a_rate_that_stays_is_called_fixed():
    described, called_back, still = (a_run(DATA, 3, name=name) for name in ("mine", "set", "still"))
    described.recipe = with_own_schedule("mine")
    for run in (described, called_back):
        run.history["learning_rate"] = [0.1, 0.05, 0.01]
    assert labels(schedule([described, called_back, still]).axes[0]) == [
        "mine: CosineDecay, seed 0",
        "set: own schedule, seed 0",
        "still: fixed, seed 0",
    ]


def test_search_marks_the_suggestion():
    search = a_search()
    figure = learning_rate_search(search)
    ax = figure.axes[0]
    assert ax.get_xscale() == "log" and ax.lines[2].get_xdata()[0] == search.attrs["suggested"]
    for line, column in zip(ax.lines, ("loss", "smoothed")):
        assert np.array_equal(values(line), [search.learning_rate, search[column]])
    assert labels(ax)[2] == "suggested: 0.0015" and "300 train images" in figure.get_supxlabel()
    search.attrs.pop("seed")
    for wrong in (search, search.drop(columns="smoothed")):
        with pytest.raises(ValueError, match="Received: a table without"):
            learning_rate_search(wrong)


@pytest.mark.parametrize(
    "draw, curves", [(roc, EVALUATION.roc()), (precision_recall, EVALUATION.precision_recall())]
)
def test_curves_by_class_are_those_that_were_computed(draw, curves):
    figure = draw(EVALUATION)
    for ax in (figure.axes[0], *figure.axes[0].child_axes):
        lines = {line.get_label().rsplit("  ")[0]: line for line in ax.lines}
        for name, curve in curves.items():
            assert np.array_equal(values(lines[name]), [curve.x, curve.y])
    for name, curve in curves.items():
        assert f"{name}  {curve.area:.3f}" in labels(figure.axes[0])
    some = [line.rsplit("  ")[0] for line in labels(draw(EVALUATION, ["Bag", 3]).axes[0])]
    assert some[:4] == ["micro average", "macro average", "Bag", NAMES[3]]
    assert len(labels(draw(EVALUATION, "Bag").axes[0])) == len(some) - 1
    with pytest.raises(ValueError, match="no such class"):
        draw(EVALUATION, ["Hat"])


def test_roc_of_many_or_absent_classes():
    random = np.random.default_rng(0)
    many = Evaluation(random.integers(0, 30, 300), random.dirichlet(np.ones(30), 300))
    figure = roc(many)
    worst = sorted((many.roc()[name].area, name) for name in many.class_names)[:10]
    assert [line.rsplit("  ")[0] for line in labels(figure.axes[0])[2:12]] == [
        name for _, name in worst
    ]
    assert "10 of 30 classes with the smallest area" in figure.get_supxlabel().replace("\n", " ")
    absent = Evaluation(
        DATA.test.y[DATA.test.y < 9], EVALUATION.probabilities[DATA.test.y < 9], NAMES
    )
    assert "Ankle boot  no images" in labels(roc(absent).axes[0])
    alone = labels(roc(Evaluation(np.zeros(9, int), EVALUATION.probabilities[:9], NAMES)).axes[0])
    assert alone[1:3] == ["macro average  not defined", f"{NAMES[0]}  no others"]
    assert_nothing_clipped(precision_recall(absent))


def test_reliability_shows_table_counts_and_ece():
    judged = {"as trained": EVALUATION, "softer": SOFTER}
    upper, lower = reliability(judged, bins=5).axes
    for number, (name, evaluation) in enumerate(judged.items()):
        table = evaluation.reliability(5)
        seen = table.images > 0
        points, _, (whiskers,) = upper.containers[number]
        assert np.allclose(
            np.array(values(points))[:, seen], table[["confidence", "accuracy"]][seen].T
        )
        ends = np.array([segment[:, 1] for segment in whiskers.get_segments() if len(segment)])
        assert np.allclose(ends, table[["low", "high"]][seen])
        assert [bar.get_height() for bar in lower.containers[number]] == table.images.tolist()
        assert f"{name}: ECE {evaluation.ece(5):.3f}" in labels(upper)
    assert lower.get_ylim()[0] == 0 and lower.get_xlim() == upper.get_xlim() == (0, 1)
    for wrong in ([EVALUATION], {}, {"a": 1}, None):
        with pytest.raises(TypeError, match="Received: "):
            reliability(wrong)


def test_bars_of_classes_and_their_intervals():
    for measure, of in (
        ("recall", EVALUATION.counts.sum(1)),
        ("precision", EVALUATION.counts.sum(0)),
    ):
        ax = per_class(EVALUATION, measure).axes[0]
        assert np.allclose(
            [bar.get_width() for bar in ax.patches], 100 * getattr(EVALUATION, measure)(None)
        )
        ends = [segment[:, 0] for segment in ax.containers[0][2][0].get_segments()]
        assert np.allclose(
            ends,
            [100 * np.array(wilson(hit, n)) for hit, n in zip(np.diagonal(EVALUATION.counts), of)],
        )
    ax = per_class(EVALUATION, None).axes[0]
    assert labels(ax) == ["precision", "recall", "F1"] and ax.get_xlim()[0] == 0
    drawn = np.reshape([bar.get_width() for bar in ax.patches], (3, 10)) / 100
    assert np.allclose(drawn, EVALUATION.scores(None)[:3])
    ends = np.array([segment[:, 0] for segment in ax.containers[4][2][0].get_segments()]) / 100
    assert (
        (ends[:, 0] <= drawn[2] + 1e-9).all()
        and (ends[:, 1] >= drawn[2] - 1e-9).all()
        and (np.ptp(ends, axis=1) > 0.02).all()
    )
    compared = per_class({"one": EVALUATION, "two": SOFTER}, "recall").axes[0]
    assert labels(compared) == ["one", "two"] and len(compared.patches) == 20
    assert len({bar.get_hatch() for bar in compared.patches}) == 2


def test_bars_of_a_class_that_is_not_there():
    there = Evaluation(np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]], ["a", "b", "c"])
    figure = per_class(there, "recall")
    assert [text.get_text() for text in figure.axes[0].texts] == ["50.0", "100.0", "not defined"]
    assert_nothing_clipped(figure)


def test_bars_refuse_what_cannot_be_compared():
    with pytest.raises(ValueError, match="Did you mean 'recall'"):
        per_class(EVALUATION, "recal")
    with pytest.raises(ValueError, match="Received: measure=None"):
        per_class({"one": EVALUATION, "two": SOFTER}, None)
    with pytest.raises(ValueError, match="the same classes"):
        per_class({"one": EVALUATION, "two": Evaluation(DATA.test.y, EVALUATION.probabilities)})


def test_cell_shows_its_images_the_surest_first():
    figure = cell(EVALUATION, DATA.test, "Shirt", "Shirt", most=5)
    found = EVALUATION.cell("Shirt", "Shirt")[:5]
    ax = figure.axes[0]
    for picture, position in zip(ax.images, found, strict=True):
        assert (picture.get_array()[..., 0] == 255 - DATA.test.x[position, ..., 0]).all()
    given = EVALUATION.probabilities[found, 6]
    assert [text.get_text() for text in ax.texts] == [f"{100 * each:.1f} %" for each in given]
    assert (np.diff(given) <= 0).all()
    truth, prediction = np.argwhere(EVALUATION.counts == 0)[0]
    empty = cell(EVALUATION, DATA.test, truth, prediction)
    assert [text.get_text() for text in empty.axes[0].texts] == [
        f"No {NAMES[truth]} was taken for {NAMES[prediction]}"
    ]
    assert "0 of 0 images" in empty.get_supxlabel().replace("\n", " ")
    with pytest.raises(ValueError, match="no such class"):
        cell(EVALUATION, DATA.test, "Hat", 0)
    with pytest.raises(ValueError, match="Received: 60 images"):
        cell(EVALUATION, DATA.validation, 0, 0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: loss_accuracy(RUN, ax=ax),
        lambda ax: validation_curves(RUN, ax=ax),
        lambda ax: schedule(RUN, ax=ax),
        lambda ax: learning_rate_search(a_search(), ax=ax),
        lambda ax: confusion_matrix(EVALUATION, ax=ax),
        lambda ax: per_class(EVALUATION, ax=ax),
        lambda ax: roc(EVALUATION, ax=ax),
        lambda ax: precision_recall(EVALUATION, ax=ax),
        lambda ax: class_map(DATA.test.x[:, :2, 0, 0], DATA.test.y, NAMES, "Two pixels", ax=ax),
    ],
)
def test_a_figure_of_ones_own(draw):
    page = Figure(figsize=(12, 5), layout="constrained")
    left, right = page.subplots(1, 2)
    assert draw(right) is page and not left.has_data() and right.get_title(loc="left")
    assert page.get_suptitle() == ""


@pytest.fixture(scope="module")
def networks():
    "A small network, and another one that holds it as a layer."
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    pixels = keras.Input((28, 28, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Conv2D(6, 3, activation="relu", name="first")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(5, 3, activation="relu", name="second")(x)
    body = keras.Model(pixels, x, name="body")

    def named(inputs, x, name):
        x = layers.GlobalAveragePooling2D(name="average")(x)
        x = layers.Dropout(0.5, name="dropout")(x)
        return keras.Model(
            inputs, layers.Dense(10, activation="softmax", name="probabilities")(x), name=name
        )

    outer = keras.Input((28, 28, 1), name="images")
    flat, nested = named(pixels, x, "flat"), named(outer, body(outer), "nested")
    nested.get_layer("probabilities").set_weights(flat.get_layer("probabilities").get_weights())
    return flat, nested


def test_activations_are_those_of_the_layer_also_inside_another_model(networks):
    import keras

    flat, nested = networks
    x = DATA.test.x[:12]
    for layer in ("first", "norm", "second", "average", "probabilities"):
        known = keras.Model(flat.inputs, flat.get_layer(layer).output).predict(x, verbose=0)
        for model in networks:
            assert np.allclose(activations(model, x, layer, batch_size=5), known, atol=1e-5)
    assert np.allclose(activations(nested, x, "body"), activations(nested, x, "second"))
    assert np.allclose(nested.predict(x, verbose=0), flat.predict(x, verbose=0), atol=1e-6)
    for layer in flat.layers:
        assert "call" not in vars(layer)


def slim(**options):
    from fashion_cnn.models import build

    return build("slim-resnet", (28, 28, 1), 10, **options)


def scaled(maps):
    "Maps, each with a maximum of 1."
    return maps / maps.max(axis=(1, 2), keepdims=True)


def test_a_network_that_asks_mirror_images_shows_the_images_themselves():
    import keras

    keras.utils.set_random_seed(0)
    mirrored, plain = slim(), slim(mirror=False)
    plain.set_weights(mirrored.get_weights())
    x = DATA.test.x[:5]
    for layer in ("scale", "conv2", "average", "probabilities"):
        mine, known = (activations(each, x, layer, batch_size=2) for each in (mirrored, plain))
        assert len(mine) == 5 and np.allclose(mine, known, atol=1e-5)
    means = activations(mirrored, x, "mean_of_mirror_images", batch_size=2)
    assert np.allclose(means, mirrored.predict(x, verbose=0), atol=1e-6)
    known, asked, _ = grad_cam_maps(plain, x)
    maps, _, sure = grad_cam_maps(mirrored, x, classes=asked)
    assert len(maps) == 5 and np.allclose(scaled(maps), scaled(known), atol=1e-4)
    assert np.allclose(sure, means[np.arange(5), asked], atol=1e-6)


def test_grad_cam_takes_the_scores_of_members():
    import keras

    keras.utils.set_random_seed(0)
    both, alone = slim(members=2), slim(mirror=False)
    for layer in alone.layers:
        if layer.weights:
            layer.set_weights(both.get_layer(f"member2_{layer.name}").get_weights())
    x = DATA.test.x[:5]
    before = both.predict(x, verbose=0)
    last = last_spatial_layer(alone, None).name
    known, asked, _ = grad_cam_maps(alone, x, last)
    maps = grad_cam_maps(both, x, f"member2_{last}", asked)[0]
    assert len(maps) == 5 and np.allclose(scaled(maps), scaled(known), atol=1e-4)
    assert np.allclose(both.predict(x, verbose=0), before)    # the softmax is back


def test_a_run_takes_images_from_0_to_1_for_the_same_images(networks):
    run, network = a_run(DATA), networks[0]
    run._model = network
    x = DATA.test.x[:5]
    known = activations(run, x, "probabilities")
    assert np.allclose(known, run.predict(x), atol=1e-6)
    for same in (x / 255.0, (x / 255).astype(np.float32)):
        assert np.array_equal(activations(run, same, "probabilities"), known)
        assert np.array_equal(grad_cam_maps(run, same)[0], grad_cam_maps(run, x)[0])
        drawn, image = (feature_maps(each, same[0]).axes[0].images[0] for each in (run, network))
        assert (drawn.get_array()[..., 0] == 255 - x[0, ..., 0]).all()
        assert (image.get_array() == drawn.get_array()).all()
    white = activations(run, x > 127, "probabilities")
    assert np.array_equal(white, activations(run, np.where(x > 127, 255, 0), "probabilities"))
    with pytest.raises(ValueError, match="between 0 and 255"):
        activations(run, x - 300.0, "probabilities")
    given = activations(network, x / 255.0, "probabilities")    # a model: as its own predict
    assert np.allclose(given, network.predict(x / 255.0, verbose=0), atol=1e-6)


@pytest.mark.parametrize("options", [{"dilation_rate": 2}, {"groups": 2}, {"strides": 2}])
def test_channel_sums_refuse_convolutions_that_they_cannot_show(options):
    import keras

    layers = [keras.layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3, name="second", **options)]
    network = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    [(name, value)] = options.items()
    with pytest.raises(ValueError, match=f"{name}=.*Received: 'second' with {name}=.*{value}"):
        channel_sums(network, DATA.test.x[0], "second")


def test_channel_sums_name_an_activation_that_is_a_layer():
    import keras

    leaky = keras.layers.Conv2D(4, 3, activation=keras.layers.LeakyReLU())
    network = keras.Sequential([keras.Input((28, 28, 1)), leaky])
    figure = channel_sums(network, DATA.test.x[0])
    assert figure.axes[-1].get_title() == "after LeakyReLU"


def test_grad_cam_equals_the_weights_behind_an_average(networks):
    "Behind global average pooling a channel's weight is that of the last layer, by positions."
    x = DATA.test.x[:6]
    for model in networks:
        maps, asked, sure = grad_cam_maps(model, x, "second")
        seen, kernel = (
            activations(model, x, "second"),
            model.get_layer("probabilities").get_weights()[0],
        )
        known = np.einsum("nhwk,nk->nhw", seen, kernel.T[asked]) / np.prod(seen.shape[1:3])
        assert np.allclose(maps, np.maximum(known, 0), atol=1e-6) and maps.max() > 0
        probabilities = model.predict(x, verbose=0)
        assert (asked == probabilities.argmax(1)).all() and np.allclose(
            sure, probabilities.max(1), atol=1e-6
        )
        other = grad_cam_maps(model, x, "second", [0, 1, 2, 3, 4, 5])
        assert (
            other[1].tolist() == [0, 1, 2, 3, 4, 5]
            and grad_cam_maps(model, x, classes=7)[1].tolist() == [7] * 6
        )
        assert np.allclose(grad_cam_maps(model, x)[0], maps)
        assert np.allclose(model.predict(x, verbose=0), probabilities)


def test_grad_cam_takes_the_score_before_a_softmax_of_its_own_layer(networks):
    import keras

    flat, x = networks[0], DATA.test.x[:3]
    scores = keras.layers.Dense(10, name="scores")
    apart = keras.Model(
        flat.inputs, keras.layers.Softmax(name="softmax")(scores(flat.get_layer("average").output))
    )
    scores.set_weights(flat.get_layer("probabilities").get_weights())
    for mine, known in zip(grad_cam_maps(apart, x), grad_cam_maps(flat, x)):
        assert np.allclose(mine, known, atol=1e-6)


def test_filters_are_the_weights_each_by_its_largest(networks):
    flat, nested = networks
    def scaled(kernel): return kernel / abs(kernel).max()
    for layer in (None, "first", "second"):
        known = np.moveaxis(flat.get_layer(layer or "first").get_weights()[0], -1, 0)
        assert np.array_equal(kernels(nested, layer), known)
    picture = filters(flat).axes[0].images[0].get_array()
    assert (
        np.allclose(picture[:3, 4:7], scaled(kernels(flat)[1])[:, :, 0])
        and np.ma.getmaskarray(picture)[3].all()
    )
    deeper = filters(flat, "second", most=2).axes[0].images[0].get_array()
    assert np.allclose(deeper[4:7, 8:11], scaled(kernels(flat, "second")[1])[:, :, 2]) and deeper.shape == (
        8,
        24,
    )


def test_feature_maps_are_the_output(networks):
    shown = (
        feature_maps(networks[0], DATA.test.x[0], "second", most=4).axes[1].images[0].get_array()
    )
    seen = activations(networks[0], DATA.test.x[:1], "second")[0]
    assert np.allclose(shown[:11, 12:23], seen[..., 1]) and shown.shape == (12, 96)


def test_grad_cam_draws_image_and_map(networks):
    ax = grad_cam(networks[0], DATA.test.x[:8], caption="random dots").axes[0]
    assert len(ax.images) == 24 and [text.get_text() for text in ax.texts if text.get_text()][
        0
    ].startswith("class ")
    pictures = [np.asarray(image.get_array()) for image in ax.images]
    assert (pictures[0][..., 0] == 255 - DATA.test.x[0, ..., 0]).all()
    maps = grad_cam_maps(networks[0], DATA.test.x[:8])[0]
    grey = maps.max(axis=(1, 2)) == 0
    assert [text.get_text() for text in ax.texts[6:12]] == [
        "nothing found" if none else "" for none in grey[:6]
    ]
    assert all(
        (np.ptp(picture, axis=2) == 0).all() == none for picture, none in zip(pictures[6:12], grey)
    )


def test_figures_of_a_network_are_not_clipped(networks):
    run = a_run(DATA)
    run._model = networks[1]
    for figure in (
        filters(run),
        filters(run, "second"),
        feature_maps(run, DATA.test.x[0], caption="random dots"),
        grad_cam(run, DATA.test.x[:7], classes="Trousers and dresses", caption="random dots"),
    ):
        assert_nothing_clipped(figure)
        assert "image" in figure.get_supxlabel()


def test_what_has_no_picture_is_refused(networks):
    flat, nested = networks
    x = DATA.test.x[:2]
    for call in (
        lambda: activations(flat, x, "frist"),
        lambda: kernels(nested, "frist"),
        lambda: grad_cam(nested, x, "frist"),
    ):
        with pytest.raises(ValueError, match="Did you mean 'first'"):
            call()
    with pytest.raises(ValueError, match="not a picture.*'average'"):
        feature_maps(flat, x[0], "average")
    with pytest.raises(ValueError, match="not a picture.*'probabilities'"):
        grad_cam_maps(flat, x, "probabilities")
    with pytest.raises(ValueError, match="Only a convolution.*'pool'"):
        filters(flat, "pool")
    with pytest.raises(ValueError, match=r"Received: shape \(2, 14, 28, 1\)"):
        activations(flat, x[:, :14], "first")
    for classes in (10, [0], "Hat", -1):
        with pytest.raises(ValueError, match="Received: "):
            grad_cam_maps(flat, x, classes=classes)
    for draw in (
        filters,
        lambda run: feature_maps(run, x[0]),
        lambda run: grad_cam(run, x),
    ):
        with pytest.raises(ValueError, match="recorded without its weights"):
            draw(RUN)


def test_maps_are_the_same_every_time_and_refuse_what_is_too_little():
    features = np.random.default_rng(0).normal(size=(40, 3, 20))
    for method in ("pca", "t-sne"):
        points = flatten_to_map(features, method, seed=3)
        assert points.shape == (40, 2) and np.array_equal(
            points, flatten_to_map(features, method, seed=3)
        )
    flat = features.reshape(40, -1).astype(np.float32)
    first = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    points = flatten_to_map(features)
    assert np.allclose(abs(points), abs(first[0][:, :2] * first[1][:2]), atol=1e-3)
    with pytest.raises(ValueError, match="Received: 'tsne'"):
        flatten_to_map(features, "tsne")
    with pytest.raises(ValueError, match="Received: shape"):
        flatten_to_map(features[:3])


def test_recorded_runs_are_drawn_without_tensorflow():
    assert len(recorded("hw2-cnn")) == 3
    code = """if True:
    import sys
    import numpy as np
    from fashion_cnn import plots
    from fashion_cnn.evaluate import Evaluation
    from fashion_cnn.run import recorded
    runs = recorded("hw2-cnn")
    e = Evaluation.from_run(runs[0])
    images = np.zeros((len(e.labels), 28, 28, 1), np.uint8)
    drawn = [
        plots.learning_curves(runs), plots.loss_accuracy(runs),
        plots.side_by_side(*runs[:2]), plots.validation_curves(runs),
        plots.curve_grid(runs), plots.schedule(runs), plots.confusion_matrix(e),
        plots.roc(e), plots.precision_recall(e), plots.reliability(e),
        plots.per_class(e), plots.cell(e, images, 6, 0), plots.most_wrong(e, images),
    ]
    assert all(plots.png(figure)[1:4] == b"PNG" for figure in drawn)
    print([m for m in ("tensorflow", "keras", "jax", "torch") if m in sys.modules])
    """
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_lines_of_a_sweep_pass_through_its_values_and_end_at_what_was_reached():
    ax = sweep_lines(FACTORIAL).axes[0]
    scores = np.array([run.metrics["validation"]["accuracy"] for run in FACTORIAL.runs])
    paths = ax.collections[0].get_paths()
    assert len(paths) == 18 and np.allclose(
        sorted(path.vertices[-1, 1] for path in paths),
        np.sort((scores - scores.min()) / np.ptp(scores)),
    )
    best = FACTORIAL.runs[scores.argmax()]
    ticks = [(text.get_position(), text.get_text()) for text in ax.texts]
    for x, place in enumerate(
        FACTORS
    ):  # the dots of the best run lie above the label of its value and below the next one
        own = next(
            y
            for (at, y), label in ticks
            if at == x and label == f"{FACTORIAL.settings(best)[place]:g}"
        )
        dot = ax.lines[0].get_ydata()[x]
        assert max(y for (at, y), _ in ticks if at == x and y < dot) == own
    lightness = np.array([line[:3] for line in ax.collections[0].get_colors()]) @ [
        0.299,
        0.587,
        0.114,
    ]
    assert (
        np.diff(lightness) <= 1e-9
    ).all()  # drawn from pale to dark, so that the best lie on top


def test_a_loss_is_better_low():
    figure = sweep_lines(SEARCHED[1])
    heights = {
        label.get_text(): at
        for at, label in zip(figure.axes[0].get_yticks(), figure.axes[0].get_yticklabels())
    }
    assert list(heights) == sorted(heights, key=float) and list(heights.values()) == sorted(
        heights.values(), reverse=True
    )
    best = min(run.metrics["validation"]["loss"] for run in SEARCHED[1].runs)
    texts = sweep_heatmap(SEARCHED[1], "schedule", "network_options.dropout", "best").axes[0].texts
    assert min(float(text.get_text()) for text in texts) == pytest.approx(best, rel=5e-3)


@pytest.mark.parametrize("of", ["mean", "best"])
def test_a_heat_map_shows_what_pandas_counts(of):
    found = recorded_sweep()
    ax = sweep_heatmap(found, "augmentation", "learning_rate", of).axes[0]
    table = found.table().pivot_table(
        index="augmentation",
        columns="learning_rate",
        values="validation accuracy",
        aggfunc="mean" if of == "mean" else "max",
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "none",
        "garments",
    ] and ax.get_ylabel() == "augmentation"
    assert [float(label.get_text()) for label in ax.get_xticklabels()] == list(table.columns)
    assert [text.get_text() for text in ax.texts] == [
        f"{100 * value:.1f}" for value in table.to_numpy().ravel()
    ]
    sideways = sweep_heatmap(found, columns="augmentation", of=of).axes[0]
    assert sideways.get_xlabel() == "augmentation" and sideways.get_ylabel() == "learning rate"
    assert f"{of} of 6 runs over batch size and dropout" in ax.figure.get_suptitle().replace(
        "\n", " "
    )


def test_every_number_of_a_heat_map_can_be_read_and_what_was_not_tried_is_empty():
    from seaborn.utils import relative_luminance

    few = a_sweep(
        [
            each
            for each in combinations(FACTORS)
            if (each["learning_rate"], each["batch_size"]) != (0.1, 32)
        ],
        lambda s: s["learning_rate"],
    )
    for found, cells in [(FACTORIAL, 6), (few, 5), (SEARCHED[0], None), (SEARCHED[1], None)]:
        ax = sweep_heatmap(found).axes[0]
        filled = np.isfinite(
            np.ma.filled(ax.collections[0].get_array().astype(float), np.nan)
        ).ravel()
        assert len(ax.texts) == filled.sum() and cells in (None, filled.sum())
        for text, ground in zip(ax.texts, ax.collections[0].get_facecolors()[filled]):
            dark, light = sorted((relative_luminance(ground), relative_luminance(text.get_color())))
            assert (light + 0.05) / (dark + 0.05) >= 4.5


def shares_of(figure):
    "The bars by name, in per cent."
    ax = figure.axes[0]
    return {
        label.get_text(): bar.get_width() for label, bar in zip(ax.get_yticklabels(), ax.patches)
    }


def test_importance_is_the_share_of_the_variance():
    "Fields that act alone share the sum; a product of two has a third in common (Sobol 2001)."

    def score(s):
        return 0.5 + 0.03 * np.log10(s["learning_rate"]) + 0.001 * s["batch_size"] / 32

    apart = {
        "learning_rate": [0.001, 0.01, 0.1],
        "batch_size": [32, 64, 96, 128],
        "epochs": [1, 2, 3, 4],
    }
    own = [
        np.var(
            [score({"learning_rate": rate, "batch_size": 32}) for rate in apart["learning_rate"]]
        ),
        np.var([score({"learning_rate": 1, "batch_size": size}) for size in apart["batch_size"]]),
    ]
    found = shares_of(sweep_importance(a_sweep(combinations(apart), score)))
    assert list(found)[0] == "learning rate" and list(found)[-1] == "random numbers"
    assert found["learning rate"] == pytest.approx(100 * own[0] / sum(own), abs=6) and found[
        "batch size"
    ] == pytest.approx(100 * own[1] / sum(own), abs=3)
    assert found["epochs"] < 2 and found["random numbers"] < 2
    settings = combinations(
        {"learning_rate": [0.1, 0.2], "batch_size": [32, 64], "seed": list(range(10))}
    )
    both = shares_of(
        sweep_importance(
            a_sweep(settings, lambda s: float(s["learning_rate"] > 0.15 and s["batch_size"] > 48))
        )
    )
    assert (
        both["learning rate"] == pytest.approx(200 / 3, abs=8)
        and both["batch size"] == pytest.approx(200 / 3, abs=8)
        and both["seed"] < 3
    )


def test_figures_of_sweeps_refuse_what_they_cannot_draw():
    one = a_sweep(
        [{"learning_rate": 0.1, "seed": 0}, {"learning_rate": 0.1, "seed": 1}], lambda s: 0.5
    )
    for draw in (sweep_lines, sweep_heatmap, sweep_importance):
        with pytest.raises(TypeError, match="Expected a Sweep.*Received: list"):
            draw([RUN])
        with pytest.raises(ValueError, match="finished run.*Received: Sweep of 'dots-sweep'"):
            draw(Sweep(one.recipe, one.grid, [], []))
        with pytest.raises(ValueError, match="several values|10 finished runs"):
            draw(Sweep(one.recipe, {"learning_rate": [0.1]}, one.runs, []))
    with pytest.raises(ValueError, match="Did you mean 'batch_size'"):
        sweep_heatmap(FACTORIAL, "batchsize")
    with pytest.raises(ValueError, match="two different fields"):
        sweep_heatmap(FACTORIAL, "seed", "seed")
    with pytest.raises(ValueError, match="two different fields"):
        sweep_heatmap(one)
    with pytest.raises(ValueError, match="no way to sum up a cell 'median'"):
        sweep_heatmap(FACTORIAL, of="median")
    with pytest.raises(ValueError, match="no differences"):
        sweep_importance(a_sweep(combinations(FACTORS), lambda s: 0.5))
