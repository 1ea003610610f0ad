"""Panels as people play with them: any knob, in any order, and the code that they show.

A few moves in each panel; FASHION_CNN_LONG=1 makes a thousand of them. Trainings are pretended.
"""
import dataclasses
import io
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from small import sketches
from test_panels import is_picture, pretended
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.panels import (
    AugmentPanel, ConvolutionStepper, CurveExplorer, ErrorExplorer, PhotographPanel, TrainPanel,
    kept, picture)
from fashion_cnn.panels.form import plan_of_network
from fashion_cnn.predict import as_photograph
from fashion_cnn.run import Run, recorded
from fashion_cnn.recipe import Recipe
from fashion_cnn.sweep import recorded_sweep

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("own_scratch")
LONG = os.environ.get("FASHION_CNN_LONG", "") not in ("", "0")
MOVES = 1000 if LONG else 8


def values_of(control, rng):
    "A value that this control can take, drawn at random; ends are drawn more often."
    if isinstance(control, widgets.Text): return str(rng.choice(["", "seed 1", "deeper", "xyz"]))
    if isinstance(control, widgets.Checkbox): return bool(rng.integers(2))
    if isinstance(control, widgets.SelectMultiple):
        values = [value for _, value in control._options_full]
        chosen = rng.choice(len(values), rng.integers(0, min(6, len(values)) + 1), replace=False)
        return tuple(values[number] for number in chosen)
    if hasattr(control, "_options_full"):
        values = [value for _, value in control._options_full]
        return values[rng.integers(len(values))] if values else control.value
    if isinstance(control, widgets.FloatLogSlider): return 10.0 ** rng.uniform(-5, 0)
    low, high = control.min, control.max
    ends = sorted(low + (high - low) * rng.choice([0, 1, *rng.random(3)], 2))
    whole = isinstance(control.value, int) or isinstance(control, widgets.IntRangeSlider)
    if whole: ends = [int(round(end)) for end in ends]
    return tuple(ends) if isinstance(control.value, tuple) else ends[0]


def turn(controls, rng):
    "Turn one of the knobs that are not locked."
    free = [control for control in controls if not control.disabled]
    control = free[rng.integers(len(free))]
    control.value = values_of(control, rng)


def is_wrong(panel): return "border-left" in panel.message.value


def check_picture(panel, image, draw):
    "The picture shows what the knobs say, or there is none, and a sentence says why."
    try: figure = draw()
    except ValueError: figure = None
    if figure is None:
        assert bytes(image.value) == b"" and panel.message.value, panel.message.value
    else: assert bytes(image.value) == picture(figure)


@pytest.fixture(scope="module")
def data():
    pytest.importorskip("keras")
    return dataclasses.replace(sketches(120), source="a few sketches")    # by no name of `load`


@pytest.fixture(scope="module")
def run(data):
    "A run that nobody has trained: random weights do for all that is drawn here."
    from fashion_cnn.models import build
    from fashion_cnn.train import about_data, about_network
    model = build("a3-small", data.input_shape, data.classes, filters=4)
    recipe = Recipe("small", "a3-small", {"filters": 4}, epochs=1)
    return Run(recipe, {"loss": [1.0], "accuracy": [0.5], "val_loss": [1.0], "val_accuracy": [0.5],
                        "seconds": [1.0], "learning_rate": [0.1]},
               {}, about_data(data, None),
               about_network(model), "finished", model=model,
               labels={"validation": data.validation.y},
               probabilities={"validation": model.predict(data.validation.x, verbose=0)})


def explorer(data, run): return CurveExplorer()


def sweep_explorer(data, run): return CurveExplorer(recorded_sweep())


def augment(data, run): return AugmentPanel(data)


def errors(data, run):
    return ErrorExplorer(Evaluation.from_run(run, "validation"), data.validation, run)


def stepper(data, run): return ConvolutionStepper(run, data.test.x[0])


def photographs(data, run):
    panel, rng = PhotographPanel(run), np.random.default_rng(0)
    for number in range(3): panel.add(as_photograph(data.test.x[number], rng), f"{number} a.jpg")
    return panel


def pretending(data, run):
    panel = pretended(data)
    panel.knobs["size"].value = "500"
    return panel


def controls_of(panel):
    known = dict(getattr(panel, "knobs", {}))
    for name in ("seed", "number", "truth", "taken", "threshold"):
        control = getattr(panel, name, None)
        if isinstance(control, widgets.Widget): known[name] = control
    return list(known.values())


PANELS = [explorer, sweep_explorer, augment, errors, stepper, photographs]


@pytest.mark.parametrize("make", PANELS)
def test_no_move_is_an_error_and_no_picture_is_stale(data, run, make):
    panel, rng = make(data, run), np.random.default_rng(1)
    for move in range(MOVES):
        turn(controls_of(panel), rng)
        if isinstance(panel, ConvolutionStepper) and move % 5 == 0: panel.move()
        if isinstance(panel, ErrorExplorer):
            check_picture(panel, panel.one_image, panel.figure)
            if len(panel.cell()): check_picture(panel, panel.gallery_image, panel.gallery)
        else: check_picture(panel, panel.image, panel.figure)
        assert "Error:" not in panel.message.value, panel.message.value
        if is_wrong(panel): assert bytes(getattr(panel, "image", panel).value) == b""
        panel.code_button.value = bool(rng.random() < 0.1)
        if panel.code_button.value: assert "<pre" in panel.listing.value
    panel.close()


def test_no_move_of_the_training_panel_is_an_error(data):
    panel, rng = pretending(data, None), np.random.default_rng(2)
    acts = [panel.train, lambda: panel.train(more=int(rng.integers(1, 4))), panel.keep, panel.reset]
    for _ in range(MOVES):
        turn(controls_of(panel), rng)
        if rng.random() < 0.2: acts[rng.choice(4, p=[0.4, 0.3, 0.2, 0.1])]()
        if len(panel.kept) > 6:
            panel.kept.clear()    # behind its back, so that it has to be told
            panel.redraw_curves()
        assert "Error:" not in panel.message.value, panel.message.value
        costs = panel.costs()
        assert bool(costs) == bool(panel.plan.value)
        if costs: assert f"{costs['parameters']:,}" in panel.plan.value
        if panel.compared(): assert bytes(panel.image.value) == picture(panel.figure())
        else: assert bytes(panel.image.value) == b""
    panel.close()


# --- what is too large ----------------------------------------------------------------------------


def test_what_is_too_large_is_counted_and_refused_without_being_built(data):
    panel = pretending(data, None)
    before, refused = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    for network in panel.knobs["network"].options:
        panel.knobs["network"].value = network
        for name, value in {"filters": 256, "kernel": 11, "depth": 8}.items():
            if not panel.knobs[name].disabled:
                started = time.process_time()
                panel.knobs[name].value = min(value, getattr(panel.knobs[name], "max", value))
                assert time.process_time() - started < 2, (network, name)
        costs = panel.costs()
        assert bool(costs) == bool(panel.plan.value), network
        if costs and costs["parameters"] < 50_000_000: continue
        refused.append(network)
        assert panel.problems() and is_wrong(panel), network
        assert panel.train() is None and panel.estimate() is None
    assert {"hw2-cnn", "cm6-resnet", "hw2-resnet"} <= set(refused)
    assert panel.trainer.train.calls == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000    # kB
    panel.close()


def test_the_refusal_names_the_number(data):
    panel = pretending(data, None)
    with panel.together():
        for name, value in {"network": "hw2-cnn", "kernel": 5, "depth": 4, "filters": 256}.items():
            panel.knobs[name].value = value
    count = panel.costs()["parameters"]
    assert f"has {count:,} parameters" in panel.message.value and "50,000,000" in panel.message.value
    with panel.together():
        panel.reset()
        for name, value in {"filters": 256, "batch_size": 2048}.items():
            panel.knobs[name].value = value
    assert not [text for text in panel.problems() if "GB of memory" in text], "120 images only"
    panel.form.given = None    # a named data set: known before it is loaded
    panel.knobs["data"].options = ["fashion-mnist"]
    panel.knobs["size"].value = "all"
    assert [text for text in panel.problems() if "GB of memory" in text]
    panel.close()


def test_a_plan_has_the_counts_of_the_network(data):
    from fashion_cnn.models import build, cost
    for network, options in (("hw2-cnn", {"kernel": 5}), ("cm6-resnet", {"depth": 8})):
        plan = plan_of_network(network, json.dumps(options), (28, 28, 1), 10)
        assert cost(plan) == cost(build(network, (28, 28, 1), 10, **options))


# --- the code that is shown -----------------------------------------------------------------------


AFTER = {"explorer": ("figure", "image"), "sweep_explorer": ("figure", "image"),
         "augment": ("figure", "image"), "errors": ("figure", "one_image"),
         "stepper": ("figure", "image"), "photographs": ("figure", "image")}


def in_a_fresh_process(codes, tmp_path):
    "Run each code in a namespace of its own, in one process that knows nothing of this one; hashes."
    program = ["import hashlib, io, sys", "from fashion_cnn.panels import picture",
               "def run(code):", "    names = {}", "    exec(code, names)", "    return names", ""]
    for name, code in codes.items():
        program.append(f"names = run({code!r})")
        program.append(f"if 'run' in names: print({name!r}, names['run'].weights_hash)")
        program.append("else: print(" f"{name!r}, hashlib.sha256(picture(names['figure'])).hexdigest())")
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    done = subprocess.run([sys.executable, "-c", "\n".join(program)], cwd=tmp_path, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ") for line in done.stdout.splitlines() if line.count(" ") == 1)


def test_shown_code_does_the_same_in_a_fresh_process(data, run, tmp_path):
    import hashlib
    codes, expected, rng = {}, {}, np.random.default_rng(3)
    for make in PANELS:
        panel = make(data, run)
        for setting in range(10 if LONG else 1):
            for _ in range(4): turn(controls_of(panel), rng)
            name, image = make.__name__, getattr(panel, AFTER[make.__name__][1])
            if not bytes(image.value): continue    # nothing is shown
            codes[f"{name}{setting}"] = panel.code()
            expected[f"{name}{setting}"] = hashlib.sha256(bytes(image.value)).hexdigest()
    panel = TrainPanel(data)
    small = {"network": "a3-small", "filters": 4, "epochs": 3, "schedule": "cosine"}
    with panel.together():
        for name, value in small.items(): panel.knobs[name].value = value
    panel.trainer.on_epoch = lambda done, _: setattr(panel.trainer, "stopping", done == 1)
    panel.train()
    panel.trainer.on_epoch = lambda *_: None
    stopped = panel.train(more=1)
    assert (stopped.epochs, stopped.stopped) == (2, "interrupted")
    codes["train"], expected["train"] = panel.code(), stopped.weights_hash
    assert in_a_fresh_process(codes, tmp_path) == expected
    panel.close()


def test_a_copy_that_is_gone_is_named():
    with pytest.raises(FileNotFoundError, match="Show the code of the panel again"): kept("lost.npz")


# --- training -------------------------------------------------------------------------------------


def test_train_more_under_a_planned_schedule_trains_so_many(data, monkeypatch):
    monkeypatch.setattr(TrainPanel, "redraw_curves", lambda panel: None)
    panel = pretending(data, None)
    with panel.together():
        panel.knobs["schedule"].value, panel.knobs["epochs"].value = "cosine", 8
    panel.trainer.on_epoch = lambda done, _: panel.stop() if done == 2 else None
    assert panel.train().epochs == 2
    panel.trainer.on_epoch = panel.after_epoch
    assert panel.train(more=3).epochs == 5 and "5 of the 8" in panel.message.value
    assert panel.recipe().epochs == 8 and "stop_after(5)" in panel.code()
    assert panel.train(more=50).epochs == 8 and "Paused" not in panel.message.value
    assert "stop_after" not in panel.code()
    panel.close()


def test_runs_that_differ_have_names_that_differ(data):
    explorer, panel = CurveExplorer([]), None
    panel = pretended(data, explorer)
    panel.knobs["size"].value = "500"
    for filters, rate in ((8, 0.001), (16, 0.001), (16, 0.01)):
        with panel.together():
            panel.knobs["filters"].value, panel.knobs["learning_rate"].value = filters, rate
        panel.train()
        panel.keep()
    labels = explorer.source.labels
    assert len(set(labels)) == 3 and all("filters" in label for label in labels)
    assert [row["run"] for row in explorer.table()] == labels
    panel.close()


def test_one_word_means_one_thing(data):
    labels = [control.description for control in pretending(data, None).knobs.values()]
    assert "smoothing" not in labels and "label smoothing" in labels


# --- curves ---------------------------------------------------------------------------------------


def test_the_filter_leaves_what_is_drawn():
    panel = CurveExplorer()
    chosen, before = panel.knobs["runs"].value, panel.image.value
    panel.knobs["filter"].value = "HW2-cnn seed 1"
    listed = [label for label, _ in panel.knobs["runs"].options]
    assert panel.knobs["runs"].value == chosen and panel.image.value == before
    assert "hw2-cnn, seed 1" in listed and len(listed) < 12
    panel.knobs["filter"].value = ""
    assert len(panel.knobs["runs"].options) == len(panel.runs)
    panel.close()


# --- errors and steps -----------------------------------------------------------------------------


def test_an_empty_map_of_grad_cam_says_so(data):
    from fashion_cnn.models import build
    from fashion_cnn.panels import one_image
    model = build("a3-small", data.input_shape, data.classes, filters=4)
    judged = Evaluation.from_run(model, data.test)
    kernels = [weight for weight in model.weights if weight.name == "kernel"]
    for weight in kernels: weight.assign(abs(weight))    # what is found speaks for every class
    speaking = ErrorExplorer(judged, data.test, model)
    assert "Grad-CAM" not in speaking.message.value
    kernels[-1].assign(kernels[-1] * 0)    # what is found speaks for none
    titles = [ax.get_title() for ax in one_image(judged, 0, data.test, model).axes]
    assert any("no place speaks" in title for title in titles)
    silent = ErrorExplorer(judged, data.test, model)
    assert "Grad-CAM is zero everywhere" in silent.message.value
    silent.close()
    speaking.close()


def test_numbers_of_a_step_can_be_multiplied():
    from fashion_cnn.panels.convolution import number_text
    rng = np.random.default_rng(0)
    for kernel in rng.normal(0, 0.05, 200):
        pixel = float(rng.integers(1, 256))
        shown = [float(number_text(value, False)) for value in (pixel, kernel, pixel * kernel)]
        assert abs(shown[0] * shown[1] - shown[2]) <= 0.0011 * abs(shown[2]) + 1e-6 * pixel
    assert number_text(0.03643, False) == "0.03643" and number_text(0.0, False) == "0"


def test_the_corner_tells_padding_from_black(data, run):
    panel = stepper(data, run)
    with panel.together(): panel.knobs["row"].value = panel.knobs["column"].value = 0
    text = panel.message.value
    if panel.layer().padding == "same":
        assert "5 by padding" in text
    assert "products are zero" in text
    panel.close()


# --- photographs ----------------------------------------------------------------------------------


def test_photographs_good_and_bad(data, run, tmp_path):
    panel, rng = PhotographPanel(run), np.random.default_rng(0)
    assert "Choose one or more" in panel.message.value and panel.code().startswith("#")
    good = tmp_path / "boot.jpg"
    good.write_bytes(as_photograph(data.test.x[0], rng))
    assert panel.add(good) and is_picture(bytes(panel.image.value))
    before = bytes(panel.image.value)
    for content, name in ((b"no picture", "a.txt"), (b"", "empty.png"), (b"\xff\xd8\xff", "b.jpg")):
        assert not panel.add(content, name)
        assert name in panel.message.value and "Traceback" not in panel.message.value
    assert not panel.add(tmp_path / "missing.jpg") and "missing.jpg" in panel.message.value
    assert bytes(panel.image.value) == before and len(panel.refused) == 4
    white = io.BytesIO()
    Image.new("RGB", (90, 60), "white").save(white, "PNG")
    panel.add(white.getvalue(), "white.png")
    assert "No object stands out" in panel.message.value and bytes(panel.image.value) == b""
    panel.knobs["photograph"].value = "boot.jpg"
    assert bytes(panel.image.value) == before
    panel.clear()
    assert bytes(panel.image.value) == b"" and "Choose one or more" in panel.message.value
    chosen = {"new": ({"name": "x.jpg", "content": memoryview(good.read_bytes())},
                      {"name": "y.txt", "content": memoryview(b"text")})}
    panel.take_uploaded(chosen)
    assert list(panel.files) == ["x.jpg"] and "y.txt" in panel.message.value
    assert bytes(panel.image.value) == before
    with pytest.raises(TypeError, match="takes a Run"): PhotographPanel(run.model)
    with pytest.raises(ValueError, match="without its weights"): PhotographPanel(recorded("brief")[0])
    panel.close()


# --- a hand that is faster than a picture ---------------------------------------------------------


def test_of_turns_that_wait_only_the_last_is_drawn(tmp_path):
    from test_panels import Kernel
    kernel = Kernel()
    try:
        kernel.run("from fashion_cnn.panels import CurveExplorer, base, picture\n"
                   "base.PAUSE = 2    # long enough for all of them on a busy machine\n"
                   "panel, drawn = CurveExplorer(), []\ndraw = panel.redraw\n"
                   "def redraw():\n    drawn.append(1)\n    draw()\n"
                   "panel.redraw = redraw", True)
        kernel.run("panel", True)
        [slider] = [key for key, each in kernel.states.items()
                    if each.get("description") == "smoothing"]
        turns = []    # all with a date before the first of them is drawn
        for step in range(1, 16):
            update = {"method": "update", "state": {"value": step / 20}}
            content = {"comm_id": slider, "data": {**update, "buffer_paths": []}}
            turns.append(kernel.client.session.msg("comm_msg", content))
        for message in turns: kernel.client.shell_channel.send(message)
        kernel.collect(turns[-1]["header"]["msg_id"])
        kernel.run("import asyncio\nwhile panel._waiting: await asyncio.sleep(0.1)", True)
        kernel.run(f"kept = open({str(tmp_path / 'drawn')!r}, 'w')\n"
                   "same = picture(panel.figure()) == bytes(panel.image.value)\n"
                   "print(len(drawn), same, panel.knobs['smoothing'].value, file=kept)\n"
                   "kept.close()", True)
    finally: kernel.stop()
    drawn, same, value = (tmp_path / "drawn").read_text().split()
    assert int(drawn) == 2 and same == "True" and float(value) == 0.75
