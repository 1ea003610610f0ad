"Panels: everything they show, by their traits and methods; and once through a kernel."
import base64
import contextlib
import html
import io
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from small import sketches   # noqa: E402
from fashion_cnn import panels
from fashion_cnn.data import Split, load
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.panels import (
    MEASURES, AugmentPanel, ConvolutionStepper, CurveExplorer, ErrorExplorer, Panel,
    TrainPanel, augmentation_options, augmented, best_epochs, coverage, coverage_curve, curves,
    descendants, field, in_and_out, knob, picture, recipe_differences, sentence, series, smooth,
    step, step_text, steppable, stretched, table)
from fashion_cnn.panels.trainer import Trainer, seconds_per_epoch
from fashion_cnn.recipe import Recipe
from fashion_cnn.run import Run, recorded
from fashion_cnn.sweep import Sweep, recorded_sweep

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("own_scratch")


def is_picture(content):
    image = Image.open(io.BytesIO(content))
    return image.format == "PNG" and len(image.convert("L").getcolors(1 << 20)) > 5


def tip_of(control):
    return control.tooltip if "tooltip" in control.trait_names() else control.description_tooltip


def code_of(panel):
    "What the code of a panel leaves behind."
    names = {}
    exec(panel.code(), names)
    return names


def set_knobs(panel, **values):
    with panel.together():
        for name, value in values.items(): panel.knobs[name].value = value


def a_history(epochs):
    rise = np.arange(1, epochs + 1) / 10
    made = {"loss": 1 / rise, "val_loss": 1.1 / rise, "accuracy": 1 - 0.5 / (1 + rise),
            "val_accuracy": 1 - 0.6 / (1 + rise), "learning_rate": 0.001 + 0 * rise,
            "seconds": 1 + 0 * rise}
    return {name: values.tolist() for name, values in made.items()}


def a_run(name="trial", epochs=6, seed=0, stopped="finished", **fields):
    about = {"source": "made up", "class_names": ["a", "b"], "fingerprint": "0", "limit": None,
             "images": {"train": 80, "validation": 20}}
    recipe = Recipe(name, "brief", epochs=epochs, seed=seed, **fields)
    return Run(recipe, a_history(epochs), {}, about, {}, stopped, environment={})


# --- what all panels share ------------------------------------------------------------------------


def test_starts_without_tensorflow():
    code = ("from fashion_cnn.panels import CurveExplorer\nCurveExplorer()\nimport sys\n"
            "slow = {'tensorflow', 'keras', 'pandas', 'matplotlib.pyplot'}\n"
            "print(sorted(slow & set(sys.modules)))")
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_every_public_name_of_the_rooms_that_others_use_is_in_the_package():
    assert all(hasattr(panels, name) for name in panels.__all__)


def test_every_knob_has_a_label_and_a_sentence():
    made = knob(widgets.IntSlider, "epochs", "Passes over the images", min=1, max=9, value=3)
    assert (made.description, tip_of(made)) == ("epochs", "Passes over the images")
    assert (made.continuous_update, made.value) == (False, 3)


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


def test_a_redraw_waits_for_the_end_of_several_changes_and_errors_become_sentences():
    panel = Trial()
    with panel.together():
        with panel.together(): panel.slider.value = 2
        panel.slider.value = 3
        assert panel.drawn == [1]
    assert panel.drawn == [1, 3]
    panel.slider.value = 7
    shown = panel.message.value
    assert "Seven is too &lt;many&gt;" in shown and "border-left" in shown
    panel.slider.value = 8
    assert panel.message.value == "" and panel.drawn[-1] == 8
    panel.code_button.value = True
    assert "a &lt; b" in panel.listing.value
    panel.code_button.value = False
    assert panel.listing.value == ""


def test_errors_for_people():
    class ResourceExhaustedError(Exception): pass
    full = MemoryError(), ResourceExhaustedError("OOM"), RuntimeError("CUDA out of memory")
    for error in full: assert "smaller batch" in sentence(error)
    assert sentence(ValueError("wrong.\n Received: 3")) == "Wrong. Received: 3"
    assert sentence(KeyError("x")) == "KeyError: 'x'"
    assert len(sentence(ValueError("x" * 10_000))) < 500


def test_tables_are_safe():
    assert table([]) == "" and "<b>" not in table([{"<b>": "<b>", "n": 1234}])
    assert "1,234" in table([{"n": 1234}])


def test_closing_leaves_no_widget_behind():
    module = sys.modules["ipywidgets.widgets.widget"]
    eight = hasattr(module, "_instances")    # ipywidgets 8; else 7
    registry = module._instances if eight else widgets.Widget.widgets
    before = set(registry)
    panel = CurveExplorer()
    assert len(set(registry) - before) > 20
    panel.close()
    left = [registry[key] for key in set(registry) - before]
    dressing = (widgets.Layout, widgets.Style)
    assert not [widget for widget in left if not isinstance(widget, dressing)], left
    panel.knobs["log"].value = True    # a late message does no harm
    panel.close()


# --- curves ---------------------------------------------------------------------------------------


def test_series_and_gaps():
    run = a_run()
    h = {name: np.array(values) for name, values in run.history.items()}
    assert set(series(run, "loss")) == {"training", "validation"}
    assert set(series(run, "seconds")) == {""}
    assert np.allclose(series(run, "gap of loss")[""], h["val_loss"] - h["loss"])
    assert np.allclose(series(run, "gap of accuracy")[""], h["accuracy"] - h["val_accuracy"])
    with pytest.raises(ValueError, match="accuracy"): series(run, "acuracy")
    assert np.allclose(smooth(np.full(5, 3.0), 0.9), 3) and len(smooth(np.array([]), 0.5)) == 0


SOME = {"one": lambda: [a_run()], "seeds": lambda: [a_run(seed=seed) for seed in range(3)],
        "unlike": lambda: [a_run(), a_run(epochs=1), a_run("other", 9, learning_rate=0.1)],
        "recorded": lambda: [run for run in recorded() if run.recipe.task == "classify"]}
CHOICES = [{}, {"measures": list(MEASURES)}, {"measures": "loss", "log": True, "smoothing": 0.9},
           {"epochs": (3, 3)}, {"epochs": (40, 90)}, {"every": 20},
           {"show": "validation", "bands": False}, {"measures": ["learning rate"], "log": True}]


@pytest.mark.parametrize("runs, options", [
    *((name, options) for name in ("one", "seeds", "unlike") for options in CHOICES),
    *(("recorded", CHOICES[number]) for number in (2, 6))])
def test_every_choice_draws(runs, options):
    assert is_picture(picture(curves(SOME[runs](), **options)))


def test_what_cannot_be_drawn_is_said():
    lame = a_run()
    lame.history["accuracy"] = lame.history["val_accuracy"] = []
    unlike = [a_run(), a_run("code", task="reconstruct")]
    for runs, options, message in [
            ([], {}, "at least one"), ([a_run()], {"measures": []}, "at least one measure"),
            ([a_run()], {"show": "test"}, "test"), (unlike, {"measures": "loss"}, "in common"),
            ([lame], {"measures": "accuracy"}, "has noted its accuracy")]:
        with pytest.raises(ValueError, match=message): curves(runs, **options)


def test_differences_of_two_recipes_only():
    one, two = a_run("one", learning_rate=0.1), a_run("two", seed=3)
    differences = recipe_differences([one, two])
    assert [row["recipes differ in"] for row in differences] == ["learning rate"]
    assert recipe_differences([one]) == recipe_differences([one, two, a_run("three")]) == []
    assert [row["best"] for row in best_epochs([one])] == ["6 of 6"]


def test_the_explorer_draws_what_its_code_draws():
    panel = CurveExplorer()
    names = [run.name for run in panel.runs]
    two = names.index("brief"), names.index("deeper")
    for changes in [{}, {"measures": ("gap of loss", "seconds"), "smoothing": 0.35, "every": 3},
                    {"runs": two, "epochs": (2, 15), "bands": False, "log": True}]:
        set_knobs(panel, **changes)
        assert picture(code_of(panel)["figure"]) == panel.image.value
    assert "recipes differ in" in panel.differing.value


def test_an_explorer_of_given_runs_can_grow():
    runs = [a_run("one"), a_run("two", learning_rate=0.1)]
    panel = CurveExplorer(runs)
    before = panel.image.value
    panel.add(a_run("three", epochs=12))
    assert len(runs) == 2 and panel.image.value != before
    assert [run.name for run in panel.chosen()] == ["one", "two", "three"]
    assert panel.knobs["epochs"].max == 12
    assert picture(code_of(panel)["figure"]) == panel.image.value


def test_a_run_that_joins_is_drawn_to_its_end_where_the_others_were():
    for before, start in (([], (1, 2)), ([a_run(epochs=5)], (1, 5)), ([a_run(epochs=5)], (3, 5))):
        panel = CurveExplorer(before)
        panel.knobs["epochs"].value = start
        panel.add(a_run("long", epochs=8))
        assert panel.knobs["epochs"].value == (start[0], 8)
        assert panel.options()["epochs"] == (None if start[0] == 1 else (3, 8))
        assert panel.figure().axes[0].lines[-1].get_xdata()[-1] == 8
    panel = CurveExplorer([a_run(epochs=5)])
    panel.knobs["epochs"].value = (1, 4)
    panel.add(a_run("long", epochs=8))
    assert panel.knobs["epochs"].value == (1, 4), "a part that was chosen stays"


def test_nothing_chosen_is_a_sentence_and_not_the_end():
    panel = CurveExplorer()
    panel.knobs["runs"].value = ()
    assert "at least one run" in panel.message.value and panel.code()
    panel.knobs["runs"].value = ([run.name for run in panel.runs].index("brief"),)
    assert panel.message.value == ""
    empty = CurveExplorer([])
    assert "at least one run" in empty.message.value
    empty.add(a_run())
    assert empty.message.value == "" and is_picture(empty.image.value)


def test_curves_by_a_field():
    runs = [a_run(seed=seed, learning_rate=rate) for rate in (0.1, 0.01) for seed in range(3)]
    chosen = {"by": "learning_rate", "show": "validation"}
    figure = curves(runs, **chosen)
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert keys == ["learning rate 0.01", "learning rate 0.1"]
    assert len(figure.axes[0].lines) == len(figure.axes[0].collections) == 2
    assert figure.get_suptitle() == "By learning rate" and "highest run" in figure.get_supxlabel()
    alone = curves(runs, bands=False, **chosen).axes[0]
    assert len(alone.lines) == 6 and not alone.collections
    assert len({line.get_color() for line in alone.lines}) == 2
    tried = [a_run(learning_rate=0.001 * (n + 1), network_options={"dropout": 0.5})
             for n in range(20)]    # by a search: no two alike
    assert len(curves(tried, **chosen).axes[0].lines) == 5
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        curves(runs, by="learning_rte")


BEST = "learning rate 0.001, batch size 32, dropout 0.25, augmentation garments"


def test_an_explorer_of_a_sweep():
    panel = CurveExplorer(recorded_sweep())
    assert panel.knobs["runs"].options[0][0] == panel.table()[0]["run"] == BEST
    accuracies = [run.metrics["validation"]["accuracy"] for run in panel.runs]
    assert accuracies == panel.sweep.table()["validation accuracy"].tolist()
    assert "first 12 of 48" in panel.bests.value and panel.message.value == ""
    assert panel.knobs["by"].value == "learning_rate"
    drawn = {panel.image.value}
    one = {"measures": ("accuracy",), "show": "validation", "bands": False}
    for changes in [{"by": "augmentation", **one}, {"by": None, "runs": (0, 47)},
                    {"figure": "every run a line"},    # the others in the notebook
                    {"figure": "two fields", "by": "network_options.dropout",
                     "against": "batch_size"}]:
        set_knobs(panel, **changes)
        figure = code_of(panel)["figure"]
        assert panel.message.value == "" and picture(figure) == panel.image.value, changes
        assert panel.image.value not in drawn, changes
        drawn.add(panel.image.value)
    panel.knobs["against"].value = "network_options.dropout"
    assert "two different fields" in panel.message.value
    with pytest.raises(ValueError, match="1 finished run at least"):
        CurveExplorer(Sweep(panel.sweep.recipe, panel.sweep.grid, [], []))


def test_two_panels_do_not_disturb_each_other():
    one, two = CurveExplorer(), CurveExplorer()
    before = two.image.value
    set_knobs(one, smoothing=0.5, log=True)
    assert two.image.value == before == CurveExplorer().image.value
    assert two.knobs["smoothing"].value == 0


# --- errors ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged():
    "An evaluation of 300 random images in four classes, and the images."
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    probabilities = rng.dirichlet(np.ones(4), 300)
    probabilities[np.arange(300), labels] += 1
    probabilities /= probabilities.sum(1, keepdims=True)
    images = Split(rng.integers(0, 256, (300, 28, 28, 1), dtype=np.uint8), labels)
    names = "a", "b", "c", "a long name"
    return Evaluation(labels, probabilities, names, "dots", "guess", "test"), images


def test_coverage(judged):
    evaluation, _ = judged
    whole = coverage(evaluation, 0)
    assert whole["accuracy"] == evaluation.accuracy and whole["coverage"] == 1
    assert coverage(evaluation, 2)["accuracy"] is None
    assert is_picture(picture(coverage_curve(evaluation, 2)))
    shares = [coverage(evaluation, threshold)["coverage"] for threshold in np.linspace(0, 1, 11)]
    assert shares == sorted(shares, reverse=True)


def test_every_cell_of_the_matrix_can_be_pressed(judged):
    evaluation, images = judged
    panel = ErrorExplorer(evaluation, images)
    pressed = [each for each in panel.matrix.children if isinstance(each, widgets.Button)]
    counts = evaluation.counts.ravel().tolist()
    assert [int(each.description) for each in pressed] == counts
    for number, each in enumerate(pressed):
        each.click()
        assert (panel.truth.value, panel.taken.value) == divmod(number, 4)
        assert panel.number.value == 1 and f"{counts[number]:,} image" in panel.message.value
    pressed[0].click()
    first = panel.one_image.value
    panel.number.value = 2
    assert panel.one_image.value != first and panel.chosen() == evaluation.cell(0, 0)[1]


def test_errors_without_images_without_mistakes_and_with_many_classes(judged):
    evaluation, images = judged
    alone = ErrorExplorer(evaluation)
    assert "images=" in alone.message.value and is_picture(alone.one_image.value)
    assert alone.gallery_image.layout.display == "none"
    with pytest.raises(ValueError, match="pass the split"): alone.gallery()
    with pytest.raises(ValueError, match="not the images"): ErrorExplorer(evaluation, images.x[:5])
    perfect = ErrorExplorer(Evaluation(images.y, np.eye(4)[images.y]), images)
    assert is_picture(perfect.one_image.value)
    perfect.choose(0, 1)
    assert "0 images" in perfect.message.value and perfect.one_image.layout.display == "none"
    rng = np.random.default_rng(0)
    thirty = Evaluation(rng.integers(0, 30, 400), rng.dirichlet(np.ones(30), 400))
    many = ErrorExplorer(thirty)
    assert isinstance(many.matrix, widgets.Select)
    many.matrix.value = many.matrix.options[5][1]
    assert thirty.class_names[many.truth.value] == many.matrix.value[0]


def test_the_code_of_the_error_explorer(judged):
    evaluation, images = judged
    panel = ErrorExplorer(evaluation, images)
    panel.choose("b", "b")
    panel.number.value, panel.threshold.value = 3, 0.7
    names = code_of(panel)
    for name, image in {"figure": panel.one_image, "curve": panel.coverage_image,
                        "gallery": panel.gallery_image}.items():
        assert picture(names[name]) == image.value, name


# --- training, with one that only pretends --------------------------------------------------------


class Pretended:
    "In place of `train`: falling curves, three batches an epoch; what is finished lies in `out`."

    def __init__(self):
        self.calls = []          # recipes
        self.error = None        # raised at the next call
        self.stopped = "finished"
        self.at_the_end = lambda: None

    def __call__(self, recipe, data, limit, out, progress, callbacks):
        self.calls.append(recipe)
        error, self.error = self.error, None
        if error: raise error
        file, stopped = Path(out, "finished"), self.stopped
        epochs = int(file.read_text()) if file.exists() else 0
        try:
            while epochs < recipe.epochs:
                for callback in callbacks:
                    callback.set_params({"steps": 3, "epochs": recipe.epochs})
                    for batch in range(3): callback.on_train_batch_end(batch)
                epochs += 1
                logs = {name: values[-1] for name, values in a_history(epochs).items()}
                for callback in callbacks: callback.on_epoch_end(epochs - 1, logs)
        except KeyboardInterrupt:
            if not epochs: raise
            stopped = "interrupted"
        self.at_the_end()
        file.write_text(str(epochs))
        run = a_run("pretended", epochs, stopped=stopped)
        run.recipe = recipe
        return run


def pretended(*arguments):
    "A `TrainPanel` that only pretends."
    panel = TrainPanel(*arguments)
    panel.trainer.train = Pretended()
    return panel


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("keras")
    return sketches(300)


@pytest.fixture
def panel(data):
    made = pretended(data)
    set_knobs(made, network="a3-small", filters=4, epochs=2, size="500")
    yield made
    made.close()


def when_epoch_is_done(panel, number, act):
    "Do something as soon as this epoch, counted from 1, is done."
    report = panel.trainer.on_epoch
    def reported(done, epochs):
        report(done, epochs)
        if done == number and panel.training: act()
    panel.trainer.on_epoch = reported


def test_a_network_left_alone_has_no_options_and_every_knob_reaches_it(panel):
    panel.reset()
    for network in panel.knobs["network"].options:
        panel.knobs["network"].value = network
        assert panel.recipe().network_options == {}, network
        panel.model()
    values = {"kernel": 5, "activation": "elu", "normalization": "layer", "dropout": 0.2}
    set_knobs(panel, network="hw2-cnn", filters=16, depth=3, **values)
    assert panel.recipe().network_options == {"filters": [16, 32, 64], **values}
    set_knobs(panel, network="cm6-resnet", depth=3)
    assert panel.recipe().network_options == {"depth": 20}
    set_knobs(panel, network="a3-dropout", depth=2)
    assert panel.recipe().network_options == {"filters": [32, 64], "dropout": [0.2, 0.4]}
    panel.knobs["network"].value = "a3-small"
    assert panel.knobs["depth"].disabled and panel.recipe().network_options == {}
    assert stretched((8, 16), 4, 4) == (4, 8, 16, 32)


def test_recipe_of_the_other_knobs(panel):
    set_knobs(panel, optimizer="sgd", learning_rate=0.0123, schedule="cosine", batch_size=64,
              epochs=7, patience=2, seed=5, augmentation="e-shift-rotate", strength=2,
              label_smoothing=0.1)
    recipe = panel.recipe()
    assert (recipe.optimizer, recipe.learning_rate) == ("sgd", 0.012)
    assert (recipe.schedule["name"], recipe.batch_size, recipe.epochs) == ("cosine", 64, 7)
    assert (recipe.early_stopping["patience"], recipe.seed, recipe.label_smoothing) == (2, 5, 0.1)
    assert recipe.augmentation_options["rotation"] == 30.0
    names = {}
    exec(panel.code().split("\nrun =")[0], names)
    assert names["recipe"] == recipe


@pytest.mark.parametrize("name", [
    "b-affine", "b-elastic", "d-cifar", "e-shift-rotate", "garments", "elastic", "brightness",
    "erasing", "mixup", "cutmix"])
def test_augmentations_of_any_strength_can_be_built(data, name):
    from fashion_cnn.augment import names, pipeline
    assert name in names()
    for strength in (0, 0.25, 3):
        options = json.loads(json.dumps(augmentation_options(name, strength)))
        layer = pipeline(name, seed=0, **options)
        if name in ("mixup", "cutmix"): continue
        x = np.asarray(layer(data.train.x[:8], training=True))
        assert x.shape == data.train.x[:8].shape and np.isfinite(x).all()


@pytest.mark.parametrize("knobs, words", [
    ({"network": "cm6-cnn", "depth": 4}, "looks at"),
    ({"network": "hw2-cnn", "depth": 7}, "Too many poolings"),
    ({"network": "hw2-cnn", "kernel": 11}, "larger than the feature map"),
    ({"batch_size": 512}, "larger than the data"),
    ({"network": "cm6-resnet", "depth": 0, "kernel": 11}, None),
    ({"network": "hw2-cnn"}, None), ({"network": "deeper"}, None)])
def test_problems_are_said_before_training(panel, knobs, words):
    set_knobs(panel, **knobs)
    assert bool(panel.problems()) == bool(words)
    if not words: return
    assert any(words in text for text in panel.problems())
    assert words in html.unescape(panel.message.value)
    assert panel.train() is None and panel.trainer.train.calls == [], "trained in spite of it"
    assert words in html.unescape(panel.message.value) and panel.estimate() is None


def test_train_more_goes_on_and_shows_one_longer_training(panel):
    pictures = []
    when_epoch_is_done(panel, 1, lambda: pictures.append(panel.image.value))
    run = panel.train()
    assert run.epochs == 2 and run.stopped == "finished" and panel.progress.bar.value == 1
    assert "2 epochs" in panel.message.value
    assert is_picture(pictures[0]) and pictures[0] != panel.image.value, "the curve grows"
    more = panel.train(more=1)
    assert more.epochs == 3 and [recipe.epochs for recipe in panel.trainer.train.calls] == [2, 3]
    names = {}
    exec(panel.code().split("\nrun =")[0], names)
    assert names["recipe"] == more.recipe


def test_knobs_turned_after_training_are_for_the_next_one(panel):
    panel.train()
    panel.knobs["filters"].value = 8
    assert panel.train(more=1).recipe.network_options == {"filters": 4}
    assert "'filters': 8" in panel.code()
    assert panel.train().recipe.network_options == {"filters": 8} and panel.run.epochs == 2


def interrupt(): signal.raise_signal(signal.SIGINT)


def test_an_interrupt_keeps_finished_epochs_and_a_second_one_does_no_harm(panel):
    handler = signal.getsignal(signal.SIGINT)
    panel.trainer.train.at_the_end = interrupt
    set_knobs(panel, epochs=5)
    when_epoch_is_done(panel, 2, interrupt)
    run = panel.train()
    assert run is not None and run.epochs == 2 and run.stopped == "interrupted"
    assert "kept" in panel.message.value and signal.getsignal(signal.SIGINT) is handler
    assert not panel.training and not panel.buttons["train"].disabled
    panel.trainer.train.at_the_end = lambda: None
    panel.trainer.on_epoch = panel.after_epoch
    assert panel.train(more=1).epochs == 3


def test_an_interrupt_while_a_planned_training_is_judged_loses_nothing():
    trainer = Trainer()
    trainer.train = Pretended()
    trainer.train.at_the_end = interrupt
    with pytest.raises(KeyboardInterrupt): trainer.begin(Recipe("trial", "a3-small", schedule="cosine", epochs=2), None)
    trainer.train.at_the_end = lambda: None
    assert trainer.finished == 2 and trainer.go_on(5).epochs == 2
    with pytest.raises(ValueError, match="come to its end"): trainer.go_on(5)


def test_a_training_under_way_names_its_images(data):
    trainer = Trainer()
    trainer.train = Pretended()
    for limit, images in ((60, data.limited(60)), (None, data)):
        trainer.begin(Recipe("trial", "a3-small", epochs=1), data, limit)
        trainer.run = None
        about = trainer.current().data
        assert about["fingerprint"] == images.fingerprint and about["images"]["train"] == len(images.train)


def test_an_estimate_leaves_chance_as_it_was(data, monkeypatch):
    def assembled(recipe, data):
        np.random.seed(0)
        network = SimpleNamespace(train_on_batch=np.random.rand, predict_on_batch=len)
        return network, network, [()], None
    monkeypatch.setattr("fashion_cnn.assemble.assemble", assembled)
    before = np.random.get_state()[1].copy()
    assert seconds_per_epoch(Recipe("trial", "a3-small"), data) >= 0
    assert (np.random.get_state()[1] == before).all()


def test_an_interrupt_before_the_first_epoch(panel):
    report = panel.trainer.on_batch
    panel.trainer.on_batch = lambda *_: interrupt()
    assert panel.train() is None and "nothing is kept" in panel.message.value
    assert panel.image.layout.display == "none"
    panel.trainer.on_batch = report
    assert panel.train().epochs == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_stops_the_training_all_the_same(panel):
    class Dropping:    # errors of a finaliser, or of a weak reference's callback, go nowhere
        def __del__(self): interrupt()
    set_knobs(panel, epochs=5)
    when_epoch_is_done(panel, 2, lambda: Dropping() and None)
    assert panel.train().epochs == 2 and "epochs are kept" in panel.message.value


def test_stop_works_while_the_images_are_prepared(panel):
    prepare = panel.data
    panel.data = lambda: panel.stop() or prepare()
    assert panel.train() is None and "nothing is kept" in panel.message.value
    panel.data = prepare
    assert panel.train().epochs == 2


def test_stop_works_while_something_trains_and_does_not_linger(panel):
    set_knobs(panel, epochs=6)
    when_epoch_is_done(panel, 1, panel.stop)
    assert panel.train().epochs == 1
    panel.trainer.on_epoch = panel.after_epoch
    panel.stop()    # a click that arrives late
    set_knobs(panel, epochs=2)
    assert panel.train().epochs == 2


@pytest.mark.parametrize("error, words", [
    (MemoryError(), "smaller batch"), (RuntimeError("graph error"), "graph error"),
    (ValueError("training diverged: in epoch 1 the loss is nan"), "diverged")])
def test_failures_become_sentences_and_the_panel_stays_usable(panel, error, words):
    panel.trainer.train.error = error
    assert panel.train() is None and words in html.unescape(panel.message.value)
    assert "border-left" in panel.message.value
    assert panel.train().epochs == 2


def test_what_cannot_be_lengthened_is_said(panel):
    panel.train(more=1)
    assert "nothing to go on from" in panel.message.value
    set_knobs(panel, schedule="cosine")
    panel.train()
    panel.train(more=1)
    assert "come to its end" in panel.message.value and len(panel.history["loss"]) == 2
    set_knobs(panel, schedule="fixed", patience=1)
    panel.trainer.train.stopped = "early"
    run = panel.train()
    assert panel.train(more=1) is run is panel.run
    assert "early stopping" in panel.message.value.lower()


def test_keep_reset_and_the_explorer_beside(data):
    explorer = CurveExplorer([])
    panel = pretended(data, explorer)
    set_knobs(panel, network="a3-small", filters=4, epochs=1, size="500")
    with pytest.raises(ValueError, match="nothing has been trained"): panel.figure()
    panel.keep()
    assert "no new run" in panel.message.value
    first = panel.train()
    panel.keep()
    panel.keep()
    assert panel.kept == [first] == explorer.runs and "no new run" in panel.message.value
    set_knobs(panel, seed=1)
    panel.train()
    assert len(panel.compared()) == 2 and is_picture(picture(panel.figure()))
    panel.reset()
    assert panel.kept == [first] == panel.compared() and panel.run is None
    assert panel.recipe().network == "deeper"


def test_closing_while_training_leaves_nothing(data):
    scratch = set(os.listdir(tempfile.gettempdir()))
    panel = pretended(data)
    set_knobs(panel, network="a3-small", filters=4, epochs=4, size="500")
    when_epoch_is_done(panel, 1, panel.close)
    run = panel.train()
    assert (run is None or run.epochs == 1) and panel.trainer.folder is None and panel.closed
    new = set(os.listdir(tempfile.gettempdir())) - scratch
    assert not [name for name in new if name.startswith("fashion_cnn-")]
    assert panel.train() is None


def test_an_estimate_is_shown_until_a_knob_changes_it(panel, monkeypatch):
    monkeypatch.setattr("fashion_cnn.panels.training.seconds_per_epoch", lambda *_: 12.34)
    assert "not estimated yet" in panel.plan.value
    assert panel.estimate() == 12.34 and "about 12.3" in panel.plan.value
    panel.knobs["epochs"].value = 9
    assert "about 12.3" in panel.plan.value
    panel.knobs["filters"].value = 8
    assert "not estimated yet" in panel.plan.value


def test_an_estimate_can_be_interrupted(panel, monkeypatch):
    monkeypatch.setattr("fashion_cnn.panels.training.seconds_per_epoch", lambda *_: interrupt())
    assert panel.estimate() is None and "Interrupted; nothing was timed" in panel.message.value
    assert panel.train().epochs == 2


def test_operations_that_are_not_known_are_no_number(monkeypatch):
    pytest.importorskip("keras")
    costs = {"parameters": 1, "trainable": 1, "MFLOPs": float("nan"), "convolutions": 0}
    monkeypatch.setattr("fashion_cnn.models.cost", lambda model: costs)
    assert pretended().costs()["MFLOPs per image"] == "unknown"


def test_named_data_and_what_is_missing():
    pytest.importorskip("keras")
    panel = pretended()
    assert panel.shape()[0] == (28, 28, 1) and panel.costs()["parameters"] > 0    # nothing loaded
    for name in panel.knobs["data"].options:
        panel.knobs["data"].value = name
        assert not panel.problems(), name
    set_knobs(panel, data="sketch", size="500", network="a3-small", filters=4, epochs=1)
    sketch = load("sketch")
    assert panel.shape() == (sketch.input_shape, sketch.classes, 500)
    assert "'sketch', limit=500" in panel.code()
    def missing(): raise FileNotFoundError("Fashion-MNIST is not here. Choose 'sketch'")
    panel.data = missing
    assert panel.train() is None and "not here" in panel.message.value
    panel.close()


def test_augmentation_panel(data, panel):
    changes = AugmentPanel(data, panel)
    assert changes.options() == {} and is_picture(changes.image.value)
    before = changes.image.value
    changes.buttons["new"].click()
    assert changes.seed.value == 1 and changes.image.value != before
    set_knobs(changes, brightness=(0.5, 1.5), alpha=20, erase=0)
    names = code_of(changes)
    options = {"alpha": 20.0, "brightness": [0.5, 1.5], "erase": 0.0}
    assert picture(names["figure"]) == changes.image.value
    assert names["fields"]["augmentation_options"] == options
    changes.buttons["use"].click()
    recipe = panel.train().recipe
    assert recipe.augmentation == "garments" and recipe.augmentation_options == options
    assert panel.knobs["strength"].disabled, "its amounts are those of the other panel"
    panel.knobs["augmentation"].value = "garments"
    assert not panel.knobs["strength"].disabled
    panel.reset()
    assert panel.knobs["strength"].disabled and TrainPanel(data).knobs["strength"].disabled
    changes.reset()
    assert changes.image.value == before and AugmentPanel(data.train).buttons["use"].disabled


def test_the_field_is_the_one_that_moved_the_image(data):
    from scipy.ndimage import map_coordinates
    options = {"alpha": 40.0, "rotation": 30.0, "erase": 0.0, "fill_mode": "nearest",
               "horizontal_flip": True}
    x = data.train.x[:6]
    where, moved = field(x, options, 7), augmented(x, options, 7)
    looked_up = [map_coordinates(image[..., 0].astype(float), each, order=1, mode="nearest")
                 for image, each in zip(x, where.swapaxes(0, 1))]
    assert abs(np.array(looked_up) - moved[..., 0]).max() < 1


# --- one convolution ------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["a3-small", "brief", "cm6-cnn", "a3-dropout", "a3-autoencoder",
                                     "cm6-resnet", "a3-resnet"])    # three more in the notebook
def test_every_step_is_what_keras_computed(data, network):
    from fashion_cnn.models import build
    options = {"depth": 8} if network == "cm6-resnet" else {}
    model = build(network, (28, 28, 1), 5, **options)
    for layer in steppable(model)[:6]:
        inputs, outputs = in_and_out(model, data.train.x[0], layer)
        height, width, filters = outputs.shape
        for row, column in [(0, 0), (height - 1, width - 1), (height // 2, 0)]:
            after = step(model.get_layer(layer), inputs, row, column, filters - 1)["after"]
            expected = outputs[row, column, -1]
            assert np.isclose(after, expected, rtol=1e-3, atol=1e-3), (layer, row, column)


def test_equal_runs_have_the_same_number_in_list_and_legend():
    runs = [a_run("a", 9), a_run("b", 9), a_run("b", 9)]
    [legend] = panels.curves(runs, bands=False).legends
    assert set(panels.run_labels(runs)) <= {text.get_text() for text in legend.get_texts()}


def test_arguments_of_the_curves_are_looked_at():
    runs = [a_run("a", 9)]
    for wrong, says in (({"every": 0}, "every"), ({"smoothing": 1.5}, "from 0 to below 1"), ({"smoothing": -0.1}, "below 1")):
        with pytest.raises(ValueError, match=says): panels.curves(runs, **wrong)
    both = [panels.curves(runs, epochs=epochs).axes[0].get_xlim() for epochs in ((2, 9), (9, 2))]
    assert both[0] == both[1]


def test_an_activation_of_all_numbers_gets_all_numbers(data):
    import keras
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(4, 3, activation="softmax", name="shares")])
    inputs, outputs = in_and_out(model, data.train.x[0], "shares")
    for number in range(4):
        assert np.isclose(step(model.get_layer("shares"), inputs, 3, 5, number)["after"], outputs[3, 5, number], atol=1e-4)


def test_an_activation_that_is_a_layer_is_named(data):
    import keras
    leaky = keras.layers.Conv2D(4, 3, activation=keras.layers.LeakyReLU(), name="leaky")
    model = keras.Sequential([keras.Input((28, 28, 1)), leaky])
    inputs, _ = in_and_out(model, data.train.x[0], "leaky")
    assert step_text(leaky, step(leaky, inputs, 3, 5, 1), 0).splitlines()[-1].startswith("LeakyReLU  ")


def test_convolutions_with_gaps_or_groups_are_not_stepped_through():
    import keras
    make = keras.layers.Conv2D
    model = keras.Sequential([keras.Input((9, 9, 1)), make(4, 3, name="plain"), make(4, 2, dilation_rate=2, name="gaps"),
                              make(4, 1, groups=2, name="groups")])
    assert steppable(model) == ["plain"]


def test_stepper_in_colour_with_a_stride_and_in_a_sequential_model():
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((9, 11, 3)),
        layers.Conv2D(4, (3, 5), strides=2, padding="same", use_bias=False, activation="tanh",
                      name="first"),
        layers.AveragePooling2D(2, padding="same", name="second"), layers.Flatten(),
        layers.Dense(2)])
    image = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    panel = ConvolutionStepper(model, image)
    for layer in ("first", "second"):
        panel.knobs["layer"].value = layer
        inputs, outputs = panel.maps()
        set_knobs(panel, row=0, column=0, number=0)
        assert np.isclose(panel.numbers()["after"], outputs[0, 0, 0], atol=1e-4)
        for place in np.ndindex(*outputs.shape):
            after = step(model.get_layer(layer), inputs, *place)["after"]
            assert np.isclose(after, outputs[place], atol=1e-4)
    with pytest.raises(ValueError, match="one image of shape"): ConvolutionStepper(model, image[:5])
    dense = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="no convolution"): ConvolutionStepper(dense, image)
    with pytest.raises(ValueError, match="first"): in_and_out(model, image, "frist")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    "A panel that has really trained, in an empty folder; the one training of this file."
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        panel = TrainPanel(data)
        set_knobs(panel, network="a3-small", filters=4, epochs=1, size="500")
        panel.train()
        panel.keep()
    assert list(folder.iterdir()) == [], "nothing is written where somebody works"
    yield panel
    panel.close()


def test_a_real_training(trained, tmp_path):
    run = trained.run
    assert run.epochs == 1 and run.stopped == "finished" and trained.kept == [run]
    assert run.folder is None and run.model is not None and is_picture(trained.image.value)
    run.save(tmp_path / "kept")    # asked for
    assert Run.load(tmp_path / "kept").epochs == 1


def test_stepper_moves_and_its_code(data, trained):
    run = trained.run
    stepper = ConvolutionStepper(run, data.test.x[0])
    set_knobs(stepper, row=25, column=25)
    for expected in ((0, 0), (0, 1)):
        stepper.next.click()
        assert (stepper.knobs["row"].value, stepper.knobs["column"].value) == expected
    names = code_of(stepper)
    assert picture(names["figure"]) == stepper.image.value
    stepper.knobs["layer"].value = "pool1"
    assert stepper.knobs["row"].max == 12 and stepper.knobs["channel"].disabled
    assert "largest of 4" in stepper.message.value


def test_grad_cam_in_the_error_explorer(data, trained):
    evaluation = Evaluation.from_run(trained.run)
    without = ErrorExplorer(evaluation, data.test)
    with_model = ErrorExplorer(evaluation, data.test, trained.run)
    assert with_model.chosen() == without.chosen()
    assert with_model.one_image.value != without.one_image.value


def test_every_control_of_every_panel_says_what_it_is(data, trained, judged):
    made = [CurveExplorer(), CurveExplorer(recorded_sweep()), trained, ErrorExplorer(*judged),
            AugmentPanel(data), ConvolutionStepper(trained.run, data.test.x[0])]
    for each in made:
        for control in descendants(each.widget):
            if not hasattr(control, "disabled"): continue
            assert control.description and tip_of(control), (type(each).__name__, control)
            assert getattr(control, "continuous_update", False) is False
        assert each.widget.layout.max_width == "900px"


# --- as a notebook does it ------------------------------------------------------------------------


class Kernel:
    "A kernel of its own, its widgets, and what it has to say."

    def __init__(self):
        from jupyter_client.manager import start_new_kernel
        path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        self.manager, self.client = start_new_kernel(
            kernel_name="python3", env={**os.environ, "PYTHONPATH": path}, startup_timeout=120)
        self.states, self.buffers = {}, {}
        self.connect()

    def connect(self):
        "Ask for nothing, until an answer comes: what a kernel says before it is listened to is lost."
        for _ in range(30):
            with contextlib.suppress(queue.Empty, TimeoutError):
                return self.collect(self.client.execute("", allow_stdin=False), 2)

    def collect(self, identity, seconds=60):
        "Messages until the kernel is done with a request."
        shown, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            message = self.client.get_iopub_msg(timeout=seconds)
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            if kind in ("comm_open", "comm_msg") and "state" in content["data"]:
                comm = content["comm_id"]
                self.states.setdefault(comm, {}).update(content["data"]["state"])
                paths = content["data"].get("buffer_paths", [])
                for path, buffer in zip(paths, message["buffers"]):
                    self.buffers[comm, path[0]] = bytes(buffer)
            if kind in ("display_data", "execute_result"): shown.append(content["data"])
            idle = kind == "status" and content["execution_state"] == "idle"
            if idle and message["parent_header"].get("msg_id") == identity: return shown
        raise TimeoutError("the kernel did not answer")

    def run(self, code, allow_stdin):
        return self.collect(self.client.execute(code, allow_stdin=allow_stdin))

    def turn(self, name, **state):
        "What the page sends when somebody turns the knob of this label."
        [comm] = [key for key, each in self.states.items() if each.get("description") == name]
        update = {"method": "update", "state": state, "buffer_paths": []}
        content = {"comm_id": comm, "data": update}
        message = self.client.session.msg("comm_msg", content)
        self.client.shell_channel.send(message)
        return self.collect(message["header"]["msg_id"])

    def picture(self):
        [comm] = [key for key, each in self.states.items()
                  if each.get("_model_name") == "ImageModel"]
        return self.buffers[comm, "value"]

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


VIEW = "application/vnd.jupyter.widget-view+json"


def test_through_the_kernel():
    kernel = Kernel()
    try:
        kernel.run("from fashion_cnn.panels import CurveExplorer\npanel = CurveExplorer()", True)
        [text] = kernel.run("panel", False)    # nobody is there: a line of text takes its place
        assert set(text) == {"text/plain"}
        assert re.match(r"CurveExplorer of \d+ runs", text["text/plain"])
        [shown] = kernel.run("panel", True)
        assert VIEW in shown
        before = kernel.picture()
        assert before.startswith(b"\x89PNG")
        kernel.turn("smoothing", value=0.6)
        after = kernel.picture()
        assert after != before and kernel.run("print(panel.knobs['smoothing'].value)", True) == []
        kernel.turn("log scale", value=True)
        assert kernel.picture() != after
        kernel.turn("runs", index=[1])    # the first has no accuracy
        tables = [str(state.get("value", "")) for state in kernel.states.values()]
        assert any("Best epochs" in each and "hw2-cnn" not in each for each in tables)
    finally: kernel.stop()


def test_pictures_are_small_enough_to_travel():
    assert len(base64.b64encode(CurveExplorer().image.value)) < 200_000
