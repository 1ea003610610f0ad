"""How long judging and drawing take: python benchmarks/judging.py

10,000 images, ten classes, random probabilities; medians of 7 in one process, imports not counted, TensorFlow never imported.
"""
import statistics
import sys
import time

import numpy as np

from fashion_cnn import plots
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.runs import recorded


def measures(evaluation):
    "Every number an `Evaluation` has; a new one each time, as it remembers what it has computed."
    judged = Evaluation(evaluation.labels, evaluation.probabilities)
    judged.accuracy, judged.interval, judged.loss, judged.report(), judged.most_wrong(), judged.most_confused()
    for average in ("macro", "weighted", "micro"):
        judged.precision(average), judged.recall(average), judged.f1(average)
    for normalize in (None, "true", "pred"):
        judged.confusion(normalize)


def median(function, repeats=7):
    "Median seconds of a call, after one that does not count."
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    random = np.random.default_rng(0)
    judged = Evaluation(random.integers(0, 10, 10_000), random.dirichlet(np.ones(10), 10_000).astype(np.float32))
    rows = {"all measures of 10,000 x 10": lambda: measures(judged),
            "confusion matrix, drawn as PNG": lambda: plots.png(plots.confusion_matrix(judged))}
    if runs := recorded():
        rows["learning curves of a recorded run, drawn as PNG"] = lambda: plots.png(plots.learning_curves(runs[0]))
    for name, function in rows.items():
        print(f"{name:50s} {1000 * median(function):7.0f} ms")
    assert "tensorflow" not in sys.modules
