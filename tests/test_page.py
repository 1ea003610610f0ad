"The in-page explorers: what they carry and compute, and that the files of the site are up to date."
import json
import re
import sys

import numpy as np
import pytest

import pages
from fashion_cnn import page
from fashion_cnn.page import (
    NARROW, WIDE, augment_chart, convolution_chart, distorted, embed, garments, half_size,
    place_expression, recipe_rows, running_totals, runs_chart, runs_figure, setting_rows,
    setting_texts, specification, sweep_chart, unit_field)
from fashion_cnn.plots import sheet
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run, recorded
from fashion_cnn.sweep import SWEEPS, Sweep, combinations, recorded_sweep, with_settings

ROOT = pages.ROOT
EXPLORERS = ROOT / "nbs" / "explorers"
GRID = {"learning_rate": [0.0003, 0.001], "batch_size": [32, 128], "augmentation": ["", "garments"]}


def run(recipe, curve, images=10_000):
    "A run of made-up numbers."
    curve = np.asarray(curve, float)
    history = {
        "accuracy": curve + 0.01, "val_accuracy": curve, "loss": 1 - curve, "val_loss": 1.02 - curve
    }
    return Run(
        recipe, {name: values.tolist() for name, values in history.items()},
        {"validation": {"accuracy": curve[-1], "loss": 0.3, "images": 2000}},
        {"source": "made-up", "images": {"train": images, "validation": 2_000}}, {}, "finished",
        environment={})


def made_up(grid=GRID, leave_out=()):
    "A sweep that nobody trained, each setting a little better than the one before."
    plan = Recipe("made-up", "deeper", epochs=3)
    settings = [each for number, each in enumerate(combinations(grid)) if number not in leave_out]
    return Sweep(
        plan, grid,
        [
            run(with_settings(plan, each), [0.5, 0.6, 0.7 + number / 1000])
            for number, each in enumerate(settings)],
        [])


# --- recorded runs --------------------------------------------------------------------------------

def test_a_mean_over_any_window_is_a_difference_of_totals():
    values = np.random.default_rng(0).random(20)
    found = np.array(running_totals(values)) / page.SCALE
    for window in range(1, 10):
        for epoch in range(window, 21):
            assert (found[epoch] - found[epoch - window]) / window == pytest.approx(
                values[epoch - window : epoch].mean(), abs=6e-5)


def test_seeds_become_mean_lowest_and_highest_as_far_as_all_of_them_go():
    plan = Recipe("brief", "deeper")
    rows = recipe_rows(
        [
            run(plan, [0.5, 0.7, 0.9]), run(plan.replace(seed=1), [0.6, 0.6]),
            run(Recipe("other", "deeper"), [0.4])])
    first, other = rows
    assert (first["name"], first["seeds"], first["e"], other["seeds"]) == ("brief", 2, [1, 2], 1)
    assert (
        first["mean"][0] == [0, 5500, 12000] and first["low"][0] == [0, 5000, 11000]
        and first["high"][0] == [0, 6000, 13000])
    assert first["best"][0] == 0.65 and first["at"][0] == 2 and other["low"] == []


def test_a_reconstruction_is_left_out_and_nothing_is_refused():
    blind = run(Recipe("blind", "deeper"), [0.5])
    del blind.history["accuracy"], blind.history["val_accuracy"]
    assert recipe_rows([blind]) == []
    with pytest.raises(ValueError, match="no run with an accuracy.*Received: 1 runs"):
        runs_chart([blind])


def test_every_recorded_recipe_has_a_box_and_says_its_seeds_and_images():
    rows = recipe_rows(recorded())
    boxes = [
        each["bind"]["name"] for each in runs_chart(recorded()).to_dict()["params"]
        if each.get("bind", {}).get("input") == "checkbox"]
    assert set(boxes) == {row["name"] for row in rows} | {"band from lowest to highest seed"}
    assert all(row["seeds"] >= 1 and row["images"] > 0 and row["source"] for row in rows)


# --- the sweep ------------------------------------------------------------------------------------

def test_the_still_picture_begins_as_the_chart_does():
    for runs in (
        recorded(), recorded("hw2-cnn")
    ):  # of the second none is among those that are on at the beginning
        boxes = [
            box for box in runs_chart(runs).to_dict()["params"] if box["name"].startswith("recipe")]
        colours = {line.get_color() for line in runs_figure(runs).axes[0].lines}
        assert len(colours) == sum(box["value"] for box in boxes) >= 1


def test_the_chart_begins_with_all_epochs_of_what_it_shows_and_no_empty_ones():
    runs = [
        run(Recipe(name, "brief"), np.linspace(0.5, 0.9, epochs))
        for name, epochs in (("deeper", 20), ("best", 60))]
    last, = [knob for knob in runs_chart(runs).to_dict()["params"] if knob["name"] == "last"]
    assert (last["value"], last["bind"]["max"]) == (20, 60)


def test_each_setting_has_its_place_and_its_rank():
    rows = setting_rows(made_up())
    assert [row["i"] for row in rows] == list(range(8)) and [row["rank"] for row in rows] == list(
        range(8, 0, -1))
    assert rows[5]["s"] == ["0.001", "32", "garments"] and rows[5]["end"] == 0.705
    assert place_expression(GRID).count("indexof") == 3


def test_equal_settings_share_a_rank_and_missing_ones_have_no_words():
    sweep = made_up(leave_out=[3])
    sweep.runs[0].history["val_accuracy"] = sweep.runs[1].history["val_accuracy"]
    rows, words = setting_rows(sweep), setting_texts(sweep)
    assert [row["rank"] for row in rows] == [6, 6, 5, 4, 3, 2, 1] and [
        n for n, text in enumerate(words) if text is None] == [3]
    assert (
        words[7].startswith(
            "Learning rate 0.001, batch size 128, augmentation garments: 70.6 % of 2,000 "
            "validation images")
        and "rank 1 of 7" in words[7])
    assert re.search(r"95 % interval 68\.\d to 72\.\d %", words[7])
    with pytest.raises(ValueError, match="no finished run"):
        sweep_chart(Sweep(sweep.recipe, GRID, [], []))


def test_the_knobs_of_the_real_sweep_have_short_names():
    sweep = made_up(SWEEPS["sweep-deeper"]["grid"])
    binds = [
        each["bind"] for each in sweep_chart(sweep).to_dict()["params"]
        if each["name"].startswith("knob")]
    assert [bind["name"] for bind in binds] == [
        "learning rate", "batch size", "dropout", "augmentation"]
    assert [bind["options"] for bind in binds] == [
        ["0.0003", "0.001", "0.003", "0.01"], ["32", "128"], ["0", "0.25", "0.5"],
        ["none", "garments"]]


# --- images ---------------------------------------------------------------------------------------

def test_bending_by_nothing_changes_nothing_and_a_shift_moves_whole_pixels():
    image, field = garments()[8], unit_field()
    assert np.array_equal(distorted(image, field), image)
    assert np.array_equal(distorted(image, field, right=3, down=2)[2:, 3:], image[:-2, :-3])
    assert np.array_equal(distorted(image, field, mirror=True), image[:, ::-1])


def test_the_field_is_what_the_library_smooths():
    from scipy.ndimage import gaussian_filter
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 28, 28))
    assert np.allclose(
        unit_field(), [gaussian_filter(each, 4, mode="reflect") for each in noise], atol=2e-4)


def test_half_the_size():
    image = np.arange(784, dtype=float).reshape(28, 28) % 256
    assert half_size(image).shape == (14, 14) and half_size(image)[0, 0] == round(image[:2, :2].mean())


# --- into the page --------------------------------------------------------------------------------

CHARTS = {
    "runs": lambda width: runs_chart(recorded(), width=width),
    "sweep": lambda width: sweep_chart(made_up(SWEEPS["sweep-deeper"]["grid"]), width),
    "augmentation": lambda width: augment_chart(width=width),
    "convolution": lambda width: convolution_chart(width=width)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    "All four as files, and what the cells show."
    folder = tmp_path_factory.mktemp("site") / "explorers"
    return folder, {
        name: embed(
            name, chart, sheet(name, width=2, height=1), f'a chart of "{name}" & more', folder).data
        for name, chart in CHARTS.items()}


@pytest.mark.parametrize("name", CHARTS)
def test_a_file_is_small_valid_and_has_two_forms(files, name):
    content = (files[0] / f"{name}.json").read_text()
    chart = json.loads(content)
    assert len(content) < 300_000 and not re.search(r"\d\.\d{7,}", content.replace(str(1 / 9), ""))
    assert chart["description"] == f'a chart of "{name}" & more' and chart["$schema"].startswith(
        "https://vega.github.io/schema/vega-lite/")
    assert (
        set(chart["usermeta"]["narrow"]) <= {"vconcat", "hconcat"}
        and chart["usermeta"]["from"] > WIDE > NARROW)
    sizes = [
        int(size)
        for size in re.findall(r'[fF]ontSize": ?(\d+)', content.replace('Size":', 'Size": '))]
    assert sizes and min(sizes) >= 11
    labels = [
        bind["name"] for each in chart["params"] if (bind := each.get("bind")) and "input" in bind]
    assert len(labels) >= 3 and all(labels) and len(set(labels)) == len(labels)


def test_a_cell_shows_the_still_picture_with_words(files):
    shown = files[1]["runs"]
    assert (
        'alt="a chart of &quot;runs&quot; &amp; more"' in shown
        and 'src="data:image/png;base64,' in shown and "still picture" in shown)
    assert (
        'data-explorer="runs.json"' in shown
        and '<script defer src="explorers/explorers.js">' in shown)


def test_the_same_chart_gives_the_same_file(files, tmp_path):
    for name in ("augmentation", "runs"):
        embed(name, CHARTS[name], sheet(name), f'a chart of "{name}" & more', tmp_path)
        assert (tmp_path / f"{name}.json").read_bytes() == (files[0] / f"{name}.json").read_bytes()


def test_two_forms_with_other_data_are_refused():
    with pytest.raises(
        ValueError, match="differ in their views only. Received: two that differ in .*datasets"):
        specification(runs_chart(recorded()), runs_chart(recorded("brief"), width=NARROW), "curves")


def test_without_altair_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ImportError, match="pip install altair=="): runs_chart(recorded())


# --- the files beside the site --------------------------------------------------------------------

def alike(first, second):
    "Equal, numbers up to the rounding of another machine."
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            alike(first[key], second[key]) for key in first)
    if isinstance(first, list): return len(first) == len(second) and all(map(alike, first, second))
    if isinstance(first, float) or isinstance(second, float):
        return first == pytest.approx(second, abs=2e-4)
    return first == second


@pytest.mark.parametrize("name", CHARTS)
def test_the_files_of_the_site_are_what_the_library_makes(name):
    stored = json.loads((EXPLORERS / f"{name}.json").read_text())
    chart = CHARTS[name] if name != "sweep" else lambda width: sweep_chart(recorded_sweep(), width)
    fresh = specification(chart(width=WIDE), chart(width=NARROW), stored["description"])
    assert alike(stored, json.loads(json.dumps(fresh))), (
        f"{name}.json is of another state; run nbs/explorers.ipynb in full")


def test_every_explorer_of_the_page_has_its_file_and_the_page_stays_light():
    page = (ROOT / "nbs" / "explorers.ipynb").read_text()
    names = re.findall(r'data-explorer=\\"(\w+)\.json', page)
    assert set(names) == set(CHARTS)
    vega = 950_000  # vega.js, which is not kept in the repository; tests/test_page_browser.py measures it
    assert (
        len(page) + vega + sum((EXPLORERS / f"{name}.json").stat().st_size for name in names)
        < 1_500_000)


def test_the_public_server_would_give_the_same_versions():
    convert = pytest.importorskip("vl_convert")
    script, altair = (EXPLORERS / "explorers.js").read_text(), page.altair()
    versions = dict(re.findall(r'"([a-z-]+)@([\d.]+)/', script))
    assert versions == {
        "vega": convert.get_vega_version(), "vega-lite": altair.SCHEMA_VERSION.removeprefix("v"),
        "vega-embed": convert.get_vega_embed_version()}
    assert script.count("sha384-") == 3
