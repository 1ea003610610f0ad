"""How quickly the panels answer: python benchmarks/panels.py

From a fresh process to the first CurveExplorer; then, in one process, medians of redraws: from turning a knob to the finished
picture, without the way to the screen. The networks are untrained, which costs the same. A redraw may take 300 ms, the first
CurveExplorer 1.5 s.
"""
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np   # noqa: E402

import results   # noqa: E402

START = "from fashion_cnn.panels import CurveExplorer; CurveExplorer(); import sys; assert 'tensorflow' not in sys.modules"


def from_nothing(code):
    "Seconds of a Python process that runs this."
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def redraw(control, values):
    "Median seconds of wall clock and of processor, after one that does not count."
    times = []
    for value in values:
        wall, processor = time.perf_counter(), time.process_time()
        control.value = value
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return [statistics.median(each) for each in zip(*times[1:])]


def panels():
    "A knob of each panel, and values for it."
    from fashion_cnn.data import load
    from fashion_cnn.evaluate import Evaluation
    from fashion_cnn.panels import AugmentPanel, ConvolutionStepper, CurveExplorer, ErrorExplorer
    from fashion_cnn.models import build
    data, random = load("sketch", limit=400), np.random.default_rng(0)
    network = build("deeper", data.input_shape, data.classes)
    judged = Evaluation(data.test.y, random.dirichlet(np.ones(10), len(data.test)).astype("float32"), data.class_names, data.source)
    return {"CurveExplorer, smoothing": (CurveExplorer().knobs["smoothing"], np.linspace(0.05, 0.95, 16)),
            "AugmentPanel, rotation": (AugmentPanel(data).knobs["rotation"], range(1, 13)),
            "ErrorExplorer, true class": (ErrorExplorer(judged, data.test, network).truth, [*range(1, 10), 0]),
            "ConvolutionStepper, row": (ConvolutionStepper(network, data.test.x[0]).knobs["row"], range(12))}


def main():
    asked = results.arguments(__doc__, repeats=7).parse_args()
    if asked.quick: asked.repeats = 1
    report = results.Report("Panels", ["keras", "tensorflow", "numpy", "matplotlib", "ipywidgets"], asked)
    starts = [from_nothing(START) - from_nothing("pass") for _ in range(asked.repeats)]
    report.text(f"From a fresh process to the first CurveExplorer: {statistics.median(starts):.2f} s (median of {len(starts)}, Python itself not "
                "counted; bar: 1.5 s). Redraws, medians of eleven or more in one process (bar: 300 ms):")
    found = {name: redraw(control, values) for name, (control, values) in panels().items()}
    report.table([{"redraw": name, "ms": f"{1e3 * wall:.0f}", "processor ms": f"{1e3 * processor:.0f}"} for name, (wall, processor) in found.items()])
    report.write()


if __name__ == "__main__":
    main()
