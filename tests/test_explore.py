"Panels: everything they show, by their traits and methods; and once through a kernel, as a notebook would."
import base64
import html
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from fashion_cnn import explore
from fashion_cnn.data import Split, load
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.explore import (CurveExplorer, ErrorExplorer, Panel, best_epochs, coverage, coverage_curve, curves, knob,
                                 picture, recipe_differences, sentence, series, smooth, stretched, table)
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run, recorded
from fashion_cnn.sweep import Sweep, recorded_sweep

ROOT = Path(__file__).parents[1]


def is_picture(content):
    image = Image.open(io.BytesIO(content))
    return image.format == "PNG" and len(image.convert("L").getcolors(1 << 20)) > 5


def controls(panel):
    "Everything in a panel that can be turned or pressed."
    return [widget for widget in explore._inside(panel.widget) if hasattr(widget, "disabled")]


def a_run(name="trial", epochs=6, seed=0, **fields):
    history = {"loss": np.linspace(1, 0.2, epochs), "val_loss": np.linspace(1.1, 0.5, epochs), "accuracy": np.linspace(0.5, 0.9, epochs),
               "val_accuracy": np.linspace(0.5, 0.8, epochs), "learning_rate": [0.001] * epochs, "seconds": [1.0] * epochs}
    about = {"source": "made up", "class_names": ["a", "b"], "images": {"train": 80, "validation": 20}, "fingerprint": "0", "limit": None}
    return Run(Recipe(name, "brief", epochs=epochs, seed=seed, **fields), {key: list(map(float, value)) for key, value in history.items()},
               {}, about, {}, "finished", environment={})


# --- what all panels share ------------------------------------------------------------------------------------------


def test_starts_without_tensorflow():
    code = ("from fashion_cnn.explore import CurveExplorer\nCurveExplorer()\nimport sys\n"
            "print(sorted({'tensorflow', 'keras', 'pandas', 'matplotlib.pyplot'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_no_method_hides_a_function_of_the_module():
    for name in explore.__all__:
        found = getattr(explore, name)
        first = next(iter(getattr(found, "__annotations__", {}).items()), ("", None))
        assert first[0] != "self", f"{name} is a method of {first[1]} and has replaced an exported function"


def test_every_knob_has_a_label_and_a_sentence():
    made = knob(widgets.IntSlider, "epochs", "Passes over the images", min=1, max=9, value=3)
    told = made.tooltip if "tooltip" in made.trait_names() else made.description_tooltip
    assert (made.description, told, made.continuous_update, made.value) == ("epochs", "Passes over the images", False, 3)


def test_a_redraw_waits_for_the_end_of_several_changes_and_errors_become_sentences():
    class Trial(Panel):
        def __init__(self):
            super().__init__()
            self.drawn, self.slider = [], knob(widgets.IntSlider, "number", "A number", value=1)
            self.watch(self.slider)
            self.arrange(self.slider)

        def redraw(self):
            if self.slider.value == 7: raise ValueError("seven is too <many>. Received: 7")
            self.drawn.append(self.slider.value)
            self.say("")
            self.slider.max = 200    # a change while drawing draws nothing again

        def code(self): return "a < b"

    panel = Trial()
    with panel.together():
        with panel.together(): panel.slider.value = 2
        panel.slider.value = 3
        assert panel.drawn == [1]
    assert panel.drawn == [1, 3]
    panel.slider.value = 7
    assert "Seven is too &lt;many&gt;" in panel.said.value and "border-left" in panel.said.value
    panel.slider.value = 8
    assert panel.said.value == "" and panel.drawn[-1] == 8
    panel.code_button.value = True
    assert "a &lt; b" in panel.listing.value
    panel.code_button.value = False
    assert panel.listing.value == ""


def test_errors_for_people():
    class ResourceExhaustedError(Exception): pass
    for error in (MemoryError(), ResourceExhaustedError("OOM when allocating"), RuntimeError("CUDA out of memory")): assert "smaller batch" in sentence(error)
    assert sentence(ValueError("wrong.\n Received: 3")) == "Wrong. Received: 3" and sentence(KeyError("x")) == "KeyError: 'x'"
    assert len(sentence(ValueError("x" * 10_000))) < 500


def test_tables_are_safe():
    assert table([]) == "" and "<b>" not in table([{"<b>": "<b>", "n": 1234}]) and "1,234" in table([{"n": 1234}])


def test_closing_leaves_no_widget_behind():
    module = sys.modules["ipywidgets.widgets.widget"]
    registry = module._instances if hasattr(module, "_instances") else widgets.Widget.widgets    # ipywidgets 8, 7
    before = set(registry)
    panel = CurveExplorer()
    assert len(set(registry) - before) > 20
    panel.close()
    left = [registry[key] for key in set(registry) - before]
    assert not [widget for widget in left if not isinstance(widget, (widgets.Layout, widgets.Style))], left
    panel.knobs["log"].value = True    # a late message does no harm
    panel.close()


# --- curves ---------------------------------------------------------------------------------------------------------


def test_series_and_gaps():
    run = a_run()
    assert set(series(run, "loss")) == {"training", "validation"} and set(series(run, "seconds")) == {""}
    assert np.allclose(series(run, "gap of loss")[""], np.subtract(run.history["val_loss"], run.history["loss"]))
    assert np.allclose(series(run, "gap of accuracy")[""], np.subtract(run.history["accuracy"], run.history["val_accuracy"]))
    with pytest.raises(ValueError, match="accuracy"): series(run, "acuracy")
    assert np.allclose(smooth(np.full(5, 3.0), 0.9), 3) and len(smooth(np.array([]), 0.5)) == 0


def classifiers(): return [run for run in recorded() if run.recipe.task == "classify"]


@pytest.mark.parametrize("options", [
    {}, {"measures": list(explore.MEASURES)}, {"measures": "loss", "log": True, "smoothing": 0.9}, {"epochs": (3, 3)}, {"epochs": (40, 90)},
    {"every": 20}, {"show": "validation", "bands": False}, {"measures": ["learning rate"], "log": True}])
@pytest.mark.parametrize("runs", [lambda: [a_run()], lambda: [a_run(seed=seed) for seed in range(3)],
                                  lambda: [a_run(), a_run(epochs=1), a_run("other", 9, learning_rate=0.1)], lambda: classifiers()])
def test_every_choice_draws(runs, options):
    assert is_picture(picture(curves(runs(), **options)))


def test_what_cannot_be_drawn_is_said():
    lame = a_run()
    lame.history["accuracy"] = lame.history["val_accuracy"] = []
    for runs, options, message in [([], {}, "at least one"), ([a_run()], {"measures": []}, "at least one measure"), ([a_run()], {"show": "test"}, "test"),
                                   ([lame], {"measures": "accuracy"}, "has noted its accuracy"),
                                   ([a_run(), a_run("code", task="reconstruct")], {"measures": "loss"}, "in common")]:
        with pytest.raises(ValueError, match=message): curves(runs, **options)


def test_differences_of_two_recipes_only():
    one, two = a_run("one", learning_rate=0.1), a_run("two", seed=3)
    assert [row["recipes differ in"] for row in recipe_differences([one, two])] == ["learning rate"]
    assert recipe_differences([one]) == recipe_differences([one, two, a_run("three")]) == []
    assert [row["best"] for row in best_epochs([one])] == ["6 of 6"]


def test_the_explorer_draws_what_its_code_draws():
    panel = CurveExplorer()
    names = [run.name for run in panel.runs]
    two = names.index("brief"), names.index("deeper")
    for changes in [{}, {"measures": ("gap of loss", "seconds"), "smoothing": 0.35, "every": 3}, {"runs": two, "epochs": (2, 15), "bands": False, "log": True}]:
        with panel.together():
            for name, value in changes.items(): panel.knobs[name].value = value
        names = {}
        exec(panel.code().replace("curves(chosen", "figure = curves(chosen"), names)
        assert picture(names["figure"]) == panel.image.value
    assert "recipes differ in" in panel.differing.value


def test_an_explorer_of_given_runs_can_grow():
    runs = [a_run("one"), a_run("two", learning_rate=0.1)]
    panel = CurveExplorer(runs)
    before = panel.image.value
    panel.add(a_run("three", epochs=12))
    assert len(runs) == 2 and [run.name for run in panel.chosen()] == ["one", "two", "three"] and panel.image.value != before
    assert panel.knobs["epochs"].max == 12
    names = {"runs": panel.runs}
    exec(panel.code().replace("curves(chosen", "figure = curves(chosen"), names)
    assert picture(names["figure"]) == panel.image.value


def test_nothing_chosen_is_a_sentence_and_not_the_end():
    panel = CurveExplorer()
    panel.knobs["runs"].value = ()
    assert "at least one run" in panel.said.value and panel.code()
    panel.knobs["runs"].value = ([run.name for run in panel.runs].index("brief"),)
    assert panel.said.value == ""
    empty = CurveExplorer([])
    assert "at least one run" in empty.said.value
    empty.add(a_run())
    assert empty.said.value == "" and is_picture(empty.image.value)


def test_curves_by_a_field():
    runs = [a_run(seed=seed, learning_rate=rate) for rate in (0.1, 0.01) for seed in range(3)]
    figure = curves(runs, by="learning_rate", show="validation")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["learning rate 0.01", "learning rate 0.1"]
    assert len(figure.axes[0].lines) == len(figure.axes[0].collections) == 2 and figure.get_suptitle() == "By learning rate" and "highest run" in figure.get_supxlabel()
    alone = curves(runs, by="learning_rate", show="validation", bands=False).axes[0]
    assert len(alone.lines) == 6 and not alone.collections and len({line.get_color() for line in alone.lines}) == 2
    tried = [a_run(learning_rate=0.001 * (n + 1), network_options={"dropout": 0.5}) for n in range(20)]    # by a search: no two alike
    assert len(curves(tried, by="learning_rate", show="validation").axes[0].lines) == 5
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"): curves(runs, by="learning_rte")


def test_an_explorer_of_a_sweep():
    panel = CurveExplorer(recorded_sweep())
    assert panel.knobs["runs"].options[0][0] == "learning rate 0.001, batch size 32, dropout 0.25, augmentation garments" == panel.table()[0]["run"]
    assert [run.metrics["validation"]["accuracy"] for run in panel.runs] == panel.sweep.table()["validation accuracy"].tolist()
    assert "first 12 of 48" in panel.bests.value and panel.said.value == "" and panel.knobs["by"].value == "learning_rate"
    seen = {panel.image.value}
    for changes in [{"by": "augmentation", "bands": False}, {"by": None, "runs": (0, 47)}, *({"figure": kind} for kind in explore.SWEEP_FIGURES if kind != "curves"),
                    {"figure": "two fields", "by": "network_options.dropout", "against": "batch_size"}]:
        with panel.together():
            for name, value in changes.items(): panel.knobs[name].value = value
        *start, call = panel.code().splitlines()
        names = {"runs": panel.runs, "sweep": panel.sweep}
        exec("\n".join([*start, f"figure = {call}"]), names)
        assert panel.said.value == "" and picture(names["figure"]) == panel.image.value and panel.image.value not in seen, changes
        seen.add(panel.image.value)
    panel.knobs["against"].value = "network_options.dropout"
    assert "two different fields" in panel.said.value
    with pytest.raises(ValueError, match="1 finished run at least"): CurveExplorer(Sweep(panel.sweep.recipe, panel.sweep.grid, [], []))


def test_two_panels_do_not_disturb_each_other():
    one, two = CurveExplorer(), CurveExplorer()
    before = two.image.value
    one.knobs["smoothing"].value, one.knobs["log"].value = 0.5, True
    assert two.image.value == before == CurveExplorer().image.value and two.knobs["smoothing"].value == 0


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged():
    "An evaluation of 300 random images in four classes, and the images."
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    probabilities = random.dirichlet(np.ones(4), 300)
    probabilities[np.arange(300), labels] += 1
    images = Split(random.integers(0, 256, (300, 28, 28, 1), dtype=np.uint8), labels)
    return Evaluation(labels, probabilities / probabilities.sum(1, keepdims=True), ("a", "b", "c", "a long name"), "dots", "guess", "test"), images


def test_coverage(judged):
    evaluation, _ = judged
    assert coverage(evaluation, 0)["accuracy"] == evaluation.accuracy and coverage(evaluation, 0)["coverage"] == 1
    assert coverage(evaluation, 2)["accuracy"] is None and is_picture(picture(coverage_curve(evaluation, 2)))
    shares = [coverage(evaluation, threshold)["coverage"] for threshold in np.linspace(0, 1, 11)]
    assert shares == sorted(shares, reverse=True)


def test_every_cell_of_the_matrix_can_be_pressed(judged):
    evaluation, images = judged
    panel = ErrorExplorer(evaluation, images)
    pressed = [widget for widget in panel.matrix.children if isinstance(widget, widgets.Button)]
    assert [int(each.description) for each in pressed] == evaluation.counts.ravel().tolist()
    for number, each in enumerate(pressed):
        each.click()
        assert (panel.truth.value, panel.taken.value) == divmod(number, 4) and panel.number.value == 1
        assert f"{evaluation.counts.ravel()[number]:,} image" in panel.said.value
    pressed[0].click()
    first = panel.one_image.value
    panel.number.value = 2
    assert panel.one_image.value != first and panel.chosen() == evaluation.cell(0, 0)[1]


def test_errors_without_images_without_mistakes_and_with_many_classes(judged):
    evaluation, images = judged
    alone = ErrorExplorer(evaluation)
    assert "images=" in alone.said.value and is_picture(alone.one_image.value) and alone.gallery_image.layout.display == "none"
    with pytest.raises(ValueError, match="pass the split"): alone.gallery()
    with pytest.raises(ValueError, match="not the images"): ErrorExplorer(evaluation, images.x[:5])
    perfect = ErrorExplorer(Evaluation(images.y, np.eye(4)[images.y]), images)
    assert is_picture(perfect.one_image.value)
    perfect.choose(0, 1)
    assert "0 images" in perfect.said.value and perfect.one_image.layout.display == "none"
    random = np.random.default_rng(0)
    many = ErrorExplorer(Evaluation(random.integers(0, 30, 400), random.dirichlet(np.ones(30), 400)))
    assert isinstance(many.matrix, widgets.Select)
    many.matrix.value = many.matrix.options[5][1]
    assert many.evaluation.class_names[many.truth.value] == many.matrix.value[0]


def test_the_code_of_the_error_explorer(judged):
    evaluation, images = judged
    panel = ErrorExplorer(evaluation, images)
    panel.choose("b", "b")
    panel.number.value, panel.threshold.value = 3, 0.7
    names = {"evaluation": evaluation, "images": images, "model": None}
    exec(panel.code(), names)
    assert picture(names["one"]) == panel.one_image.value and picture(names["curve"]) == panel.coverage_image.value


# --- what needs Keras -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("keras")
    return load("sketch").limited(300)


@pytest.fixture
def panel(data):
    made = explore.TrainPanel(data)
    set_knobs(made, network="a3-small", filters=4, epochs=2, size="500")
    yield made
    made.close()


def set_knobs(panel, **values):
    with panel.together():
        for name, value in values.items(): panel.knobs[name].value = value


def when_epoch_is_done(panel, number, act):
    "Do something as soon as this epoch, counted from 1, is done."
    draw = panel.redraw_curves
    def drawn():
        draw()
        if len(panel.history["loss"]) == number and panel.training: act()
    panel.redraw_curves = drawn


def test_a_network_left_alone_has_no_options_and_every_knob_reaches_it(panel):
    panel.reset()
    for network in panel.knobs["network"].options:
        panel.knobs["network"].value = network
        assert panel.recipe().network_options == {}, network
        panel.model()
    set_knobs(panel, network="hw2-cnn", filters=16, depth=3, kernel=5, activation="elu", normalization="layer", dropout=0.2)
    assert panel.recipe().network_options == {"filters": [16, 32, 64], "kernel": 5, "activation": "elu", "normalization": "layer", "dropout": 0.2}
    set_knobs(panel, network="cm6-resnet", depth=3)
    assert panel.recipe().network_options == {"depth": 20}
    set_knobs(panel, network="a3-dropout", depth=2)
    assert panel.recipe().network_options == {"filters": [32, 64], "dropout": [0.2, 0.4]}
    panel.knobs["network"].value = "a3-small"
    assert panel.knobs["depth"].disabled and panel.recipe().network_options == {}
    assert stretched((8, 16), 4, 4) == (4, 8, 16, 32)


def test_recipe_of_the_other_knobs(panel):
    set_knobs(panel, optimizer="sgd", learning_rate=0.0123, schedule="cosine", batch_size=64, epochs=7, patience=2, seed=5, augmentation="e-shift-rotate", strength=2, smoothing=0.1)
    recipe = panel.recipe()
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule["name"], recipe.batch_size, recipe.epochs) == ("sgd", 0.012, "cosine", 64, 7)
    assert recipe.early_stopping["patience"] == 2 and recipe.seed == 5 and recipe.label_smoothing == 0.1 and recipe.augmentation_options["rotation"] == 30.0
    names = {}
    exec(panel.code().split("\nrun =")[0], names)
    assert names["recipe"] == recipe


@pytest.mark.parametrize("name", ["b-affine", "b-elastic", "d-cifar", "e-shift-rotate", "garments", "elastic", "brightness", "erasing", "mixup", "cutmix"])
@pytest.mark.parametrize("strength", [0, 0.25, 3])
def test_augmentations_of_any_strength_can_be_built(data, name, strength):
    from fashion_cnn.augment import names, pipeline
    assert name in names()
    options = json.loads(json.dumps(explore.augmentation_options(name, strength)))
    layer = pipeline(name, seed=0, **options)
    if name in ("mixup", "cutmix"): return
    x = np.asarray(layer(data.train.x[:8], training=True))
    assert x.shape == data.train.x[:8].shape and np.isfinite(x).all()


@pytest.mark.parametrize("knobs, words", [
    ({"network": "cm6-cnn", "depth": 4}, "looks at"), ({"network": "hw2-cnn", "depth": 7}, "Too many poolings"),
    ({"network": "hw2-cnn", "kernel": 11}, "larger than the feature map"), ({"batch_size": 512}, "larger than the data"),
    ({"network": "cm6-resnet", "depth": 0, "kernel": 11}, None), ({"network": "hw2-cnn"}, None), ({"network": "deeper"}, None)])
def test_problems_are_said_before_training(panel, monkeypatch, knobs, words):
    set_knobs(panel, **knobs)
    assert bool(panel.problems()) == bool(words)
    if words:
        assert any(words in text for text in panel.problems()) and words in html.unescape(panel.said.value)
        monkeypatch.setattr(panel, "_trained", lambda: pytest.fail("trained in spite of a problem"))
        assert panel.train() is None and words in html.unescape(panel.said.value) and panel.estimate() is None


def test_train_more_is_one_longer_training(panel, data):
    pictures = []
    when_epoch_is_done(panel, 1, lambda: pictures.append(panel.image.value))
    run = panel.train()
    assert run.epochs == 2 and run.stopped == "finished" and panel.bar.value == 1 and "2 epochs" in panel.said.value
    assert is_picture(pictures[0]) and pictures[0] != panel.image.value, "the curve grows while training goes on"
    more = panel.train(more=1)
    names = {"data": data}
    exec(panel.code(), names)
    assert more.epochs == 3 and more.weights_hash == names["run"].weights_hash
    assert names["run"].recipe == more.recipe and [round(v, 6) for v in more.history["val_loss"]] == [round(v, 6) for v in names["run"].history["val_loss"]]


def test_knobs_turned_after_training_are_for_the_next_one(panel):
    panel.train()
    panel.knobs["filters"].value = 8
    assert panel.train(more=1).recipe.network_options == {"filters": 4} and "'filters': 8" in panel.code()
    assert panel.train().recipe.network_options == {"filters": 8} and panel.run.epochs == 2


def test_an_interrupt_keeps_finished_epochs_and_a_second_one_does_no_harm(panel, monkeypatch):
    from fashion_cnn import train as training
    conclude, handler = training._conclude, signal.getsignal(signal.SIGINT)
    def impatient(*arguments):
        signal.raise_signal(signal.SIGINT)
        return conclude(*arguments)
    monkeypatch.setattr(training, "_conclude", impatient)
    set_knobs(panel, epochs=5)
    when_epoch_is_done(panel, 2, lambda: signal.raise_signal(signal.SIGINT))
    run = panel.train()
    assert run is not None and run.epochs == 2 and run.stopped == "interrupted" and "kept" in panel.said.value
    assert signal.getsignal(signal.SIGINT) is handler and not panel.training and not panel.buttons["train"].disabled
    monkeypatch.undo()
    del panel.redraw_curves
    assert panel.train(more=1).epochs == 3


def test_an_interrupt_before_the_first_epoch(panel, monkeypatch):
    monkeypatch.setattr(panel, "show_progress", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert panel.train() is None and "nothing is kept" in panel.said.value and panel.image.layout.display == "none"
    monkeypatch.undo()
    assert panel.train().epochs == 2


def test_stop_works_from_another_thread_and_does_not_linger(panel):
    set_knobs(panel, epochs=6)
    when_epoch_is_done(panel, 1, panel.stop)
    assert panel.train().epochs == 1
    del panel.redraw_curves
    panel.stop()    # a click that arrives late
    set_knobs(panel, epochs=2)
    assert panel.train().epochs == 2


@pytest.mark.parametrize("error, words", [(MemoryError(), "smaller batch"), (ValueError("training diverged: in epoch 1 the loss is nan"), "diverged"),
                                          (RuntimeError("graph execution error"), "graph execution error")])
def test_failures_become_sentences_and_the_panel_stays_usable(panel, monkeypatch, error, words):
    from fashion_cnn import train as training
    def fail(*_, **__): raise error
    monkeypatch.setattr(training, "train", fail)
    assert panel.train() is None and words in html.unescape(panel.said.value) and "border-left" in panel.said.value
    monkeypatch.undo()
    assert panel.train().epochs == 2


def test_a_training_that_diverges(panel):
    set_knobs(panel, optimizer="sgd", learning_rate=1.0, epochs=3, activation="elu", network="a3-resnet-meant", filters=4, depth=2, normalization="none")
    run = panel.train()
    assert (run is None and "diverged" in panel.said.value) or run.epochs == 3


def test_what_cannot_be_lengthened_is_said(panel):
    panel.train(more=1)
    assert "nothing to go on from" in panel.said.value
    set_knobs(panel, schedule="cosine")
    panel.train()
    panel.train(more=1)
    assert "come to its end" in panel.said.value and len(panel.history["loss"]) == 2
    set_knobs(panel, schedule="fixed", patience=1, epochs=30, learning_rate=1.0)
    if (run := panel.train()) and run.stopped == "early":
        panel.train(more=1)
        assert "early stopping" in panel.said.value.lower() and panel.run is run


def test_keep_reset_and_the_explorer_beside(data):
    explorer = CurveExplorer([])
    panel = explore.TrainPanel(data, explorer)
    set_knobs(panel, network="a3-small", filters=4, epochs=1, size="500")
    panel.keep()
    assert "no new run" in panel.said.value
    first = panel.train()
    panel.keep()
    panel.keep()
    assert panel.kept == [first] == explorer.runs and "no new run" in panel.said.value
    set_knobs(panel, seed=1)
    panel.train()
    assert len(panel.compared()) == 2 and is_picture(picture(panel.figure()))
    panel.reset()
    assert panel.kept == [first] == panel.compared() and panel.recipe().network == "deeper" and panel.run is None
    with pytest.raises(ValueError, match="nothing has been trained"): explore.TrainPanel(data).figure()


def test_closing_while_training_leaves_nothing(data):
    scratch = set(os.listdir(tempfile.gettempdir()))
    panel = explore.TrainPanel(data)
    set_knobs(panel, network="a3-small", filters=4, epochs=4, size="500")
    when_epoch_is_done(panel, 1, panel.close)
    run = panel.train()
    assert (run is None or run.epochs == 1) and panel._scratch is None and panel.closed
    assert not [name for name in set(os.listdir(tempfile.gettempdir())) - scratch if name.startswith("fashion_cnn-")]
    assert panel.train() is None


def test_nothing_is_written_where_somebody_works(panel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel.train()
    panel.keep()
    assert list(tmp_path.iterdir()) == [] and panel.run.folder is None and panel.run.model is not None
    panel.run.save(tmp_path / "kept")    # asked for
    assert Run.load(tmp_path / "kept").epochs == 2


def test_an_estimate_is_about_right(panel):
    set_knobs(panel, epochs=2)
    seconds = panel.estimate()
    measured = panel.train().history["seconds"][-1]
    assert 0.02 < seconds / measured < 50 and "about" in panel.plan.value    # on a busy machine no closer


def test_named_data_and_what_is_missing(monkeypatch):
    pytest.importorskip("keras")
    panel = explore.TrainPanel()
    assert panel.shape()[0] == (28, 28, 1) and panel.costs()["parameters"] > 0    # nothing loaded yet
    for name in panel.knobs["data"].options:
        panel.knobs["data"].value = name
        assert not panel.problems(), name
    set_knobs(panel, data="sketch", size="500", network="a3-small", filters=4, epochs=1)
    found = load("sketch")
    assert panel.shape() == (found.input_shape, found.classes, 500) and "'sketch', limit=500" in panel.code()
    monkeypatch.setattr(explore.TrainPanel, "data", lambda self: (_ for _ in ()).throw(FileNotFoundError("Fashion-MNIST is not here. Choose 'sketch'")))
    assert panel.train() is None and "not here" in panel.said.value
    panel.close()


def test_augmentation_panel(data, panel):
    changes = explore.AugmentPanel(data, panel)
    assert changes.options() == {} and is_picture(changes.image.value)
    before = changes.image.value
    changes.buttons["new"].click()
    assert changes.seed.value == 1 and changes.image.value != before
    with changes.together(): changes.knobs["brightness"].value, changes.knobs["alpha"].value, changes.knobs["erase"].value = (0.5, 1.5), 20, 0
    names = {"images": changes.images}
    exec(changes.code(), names)
    assert picture(names["figure"]) == changes.image.value and names["fields"]["augmentation_options"] == {"alpha": 20.0, "brightness": [0.5, 1.5], "erase": 0.0}
    changes.buttons["use"].click()
    assert panel.recipe().augmentation == "garments" and panel.recipe().augmentation_options == names["fields"]["augmentation_options"]
    assert panel.train().epochs == 2
    changes.reset()
    assert changes.image.value == before and explore.AugmentPanel(data.train).buttons["use"].disabled


def test_the_field_is_the_one_that_moved_the_image(data):
    from scipy.ndimage import map_coordinates
    options = {"alpha": 40.0, "rotation": 30.0, "erase": 0.0, "fill_mode": "nearest", "horizontal_flip": True}
    x = data.train.x[:6]
    where, moved = explore.field(x, options, 7), explore.augmented(x, options, 7)
    looked_up = [map_coordinates(image[..., 0].astype(float), each, order=1, mode="nearest") for image, each in zip(x, where.swapaxes(0, 1))]
    assert abs(np.array(looked_up) - moved[..., 0]).max() < 1


@pytest.mark.parametrize("network", ["a3-small", "brief", "cm6-cnn", "deeper", "a3-dropout", "hw2-cnn", "a3-autoencoder", "cm6-resnet", "a3-resnet", "a3-resnet-meant"])
def test_every_step_is_what_keras_computed(data, network):
    from fashion_cnn.models import build
    model = build(network, (28, 28, 1), 5, **({"depth": 8} if network == "cm6-resnet" else {}))
    for layer in explore.steppable(model)[:6]:
        inputs, outputs = explore.in_and_out(model, data.train.x[0], layer)
        for row, column in [(0, 0), (outputs.shape[0] - 1, outputs.shape[1] - 1), (outputs.shape[0] // 2, 0)]:
            found = explore.step(model.get_layer(layer), inputs, row, column, outputs.shape[2] - 1)
            assert np.isclose(found["after"], outputs[row, column, -1], rtol=1e-3, atol=1e-3), (layer, row, column)


def test_stepper_in_colour_with_a_stride_and_in_a_sequential_model():
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential([keras.Input((9, 11, 3)), layers.Conv2D(4, (3, 5), strides=2, padding="same", use_bias=False, activation="tanh", name="first"),
                              layers.AveragePooling2D(2, padding="same", name="second"), layers.Flatten(), layers.Dense(2)])
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    panel = explore.ConvolutionStepper(model, image)
    for layer in ("first", "second"):
        panel.knobs["layer"].value = layer
        outputs = panel.maps()[1]
        for row, column, number in np.ndindex(*outputs.shape):
            with panel.together(): panel.knobs["row"].value, panel.knobs["column"].value, panel.knobs["number"].value = row, column, number
            assert np.isclose(panel.numbers()["after"], outputs[row, column, number], atol=1e-4)
            break    # the picture of one position; the numbers of all below
        for row, column, number in np.ndindex(*outputs.shape):
            assert np.isclose(explore.step(model.get_layer(layer), panel.maps()[0], row, column, number)["after"], outputs[row, column, number], atol=1e-4)
    with pytest.raises(ValueError, match="one image of shape"): explore.ConvolutionStepper(model, image[:5])
    with pytest.raises(ValueError, match="no convolution"): explore.ConvolutionStepper(keras.Sequential([keras.Input((4,)), layers.Dense(2)]), image)
    with pytest.raises(ValueError, match="first"): explore.in_and_out(model, image, "frist")


def test_stepper_moves_and_its_code(data, panel):
    run = panel.train()
    stepper = explore.ConvolutionStepper(run, data.test.x[0])
    with stepper.together(): stepper.knobs["row"].value, stepper.knobs["column"].value = 25, 25
    stepper.next.click()
    assert (stepper.knobs["row"].value, stepper.knobs["column"].value) == (0, 0)
    stepper.next.click()
    assert (stepper.knobs["row"].value, stepper.knobs["column"].value) == (0, 1)
    names = {"model": run, "image": data.test.x[0]}
    exec(stepper.code(), names)
    assert picture(names["figure"]) == stepper.image.value
    stepper.knobs["layer"].value = "pool1"
    assert stepper.knobs["row"].max == 12 and stepper.knobs["channel"].disabled and "largest of 4" in stepper.said.value


def test_grad_cam_in_the_error_explorer(data, panel):
    run = panel.train()
    evaluation = Evaluation.from_run(run)
    with_model, without = ErrorExplorer(evaluation, data.test, run), ErrorExplorer(evaluation, data.test)
    assert with_model.chosen() == without.chosen() and with_model.one_image.value != without.one_image.value


def test_every_control_of_every_panel_says_what_it_is(data, panel, judged):
    run = panel.train()
    made = [CurveExplorer(), CurveExplorer(recorded_sweep()), panel, ErrorExplorer(*judged), explore.AugmentPanel(data), explore.ConvolutionStepper(run, data.test.x[0])]
    for each in made:
        for control in controls(each):
            told = control.tooltip if "tooltip" in control.trait_names() else control.description_tooltip
            assert control.description and told, (type(each).__name__, control)
            assert getattr(control, "continuous_update", False) is False
        assert each.widget.layout.max_width == "900px"


# --- as a notebook does it ------------------------------------------------------------------------------------------


class Kernel:
    "A kernel of its own, its widgets, and what it has to say."

    def __init__(self):
        from jupyter_client.manager import start_new_kernel
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=environment, startup_timeout=120)
        self.states, self.buffers = {}, {}

    def collect(self, identity, seconds=60):
        "Messages until the kernel is done with a request."
        shown, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            message = self.client.get_iopub_msg(timeout=seconds)
            kind, content = message["msg_type"], message["content"]
            if kind in ("comm_open", "comm_msg") and "state" in content["data"]:
                self.states.setdefault(content["comm_id"], {}).update(content["data"]["state"])
                for path, buffer in zip(content["data"].get("buffer_paths", []), message["buffers"]): self.buffers[content["comm_id"], path[0]] = bytes(buffer)
            if kind in ("display_data", "execute_result"): shown.append(content["data"])
            assert kind != "error", content
            if kind == "status" and content["execution_state"] == "idle" and message["parent_header"].get("msg_id") == identity: return shown
        raise TimeoutError("the kernel did not answer")

    def run(self, code, allow_stdin): return self.collect(self.client.execute(code, allow_stdin=allow_stdin))

    def turn(self, name, **state):
        "What the page sends when somebody turns the knob of this label."
        [comm] = [key for key, value in self.states.items() if value.get("description") == name]
        content = {"comm_id": comm, "data": {"method": "update", "state": state, "buffer_paths": []}}
        message = self.client.session.msg("comm_msg", content)
        self.client.shell_channel.send(message)
        return self.collect(message["header"]["msg_id"])

    def picture(self):
        [comm] = [key for key, value in self.states.items() if value.get("_model_name") == "ImageModel"]
        return self.buffers[comm, "value"]

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel():
    made = Kernel()
    yield made
    made.stop()


VIEW = "application/vnd.jupyter.widget-view+json"


def test_through_the_kernel_a_knob_changes_picture_and_table(kernel):
    [shown] = kernel.run("from fashion_cnn.explore import CurveExplorer\npanel = CurveExplorer()\npanel", True)
    assert VIEW in shown
    before = kernel.picture()
    assert before.startswith(b"\x89PNG")
    kernel.turn("smoothing", value=0.6)
    after = kernel.picture()
    assert after != before and kernel.run("print(panel.knobs['smoothing'].value)", True) == []
    kernel.turn("log scale", value=True)
    assert kernel.picture() != after
    kernel.turn("runs", index=[0])
    assert any("Best epochs" in str(state.get("value", "")) and "hw2-cnn" not in str(state["value"]) for state in kernel.states.values())


def test_where_nobody_is_there_a_line_of_text_takes_the_panels_place(kernel):
    [shown] = kernel.run("from fashion_cnn.explore import CurveExplorer\nCurveExplorer()", False)
    assert set(shown) == {"text/plain"} and re.match(r"CurveExplorer of \d+ runs", shown["text/plain"])


def test_pictures_are_small_enough_to_travel():
    size = len(base64.b64encode(CurveExplorer().image.value))
    assert size < 200_000
