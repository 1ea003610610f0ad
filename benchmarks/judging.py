"""How long judging and drawing take: python benchmarks/judging.py

10,000 images, ten classes, random probabilities and those of recorded runs; medians in one process, imports not counted, TensorFlow never
imported.
"""
import statistics
import sys
import time

import numpy as np

import results
from fashion_cnn import plots
from fashion_cnn.evaluate import Evaluation
from fashion_cnn.run import recorded


def measures(evaluation):
    "Every number an `Evaluation` has; a new one each time, as it remembers what it has computed."
    judged = Evaluation(evaluation.labels, evaluation.probabilities)
    judged.accuracy, judged.interval, judged.loss, judged.report(), judged.most_wrong(), judged.most_confused()
    for average in ("macro", "weighted", "micro"):
        judged.precision(average), judged.recall(average), judged.f1(average)
    for normalize in (None, "true", "pred"):
        judged.confusion(normalize)


def tasks():
    "What is measured, by name."
    random = np.random.default_rng(0)
    judged = Evaluation(random.integers(0, 10, 10_000), random.dirichlet(np.ones(10), 10_000).astype(np.float32))
    run, four = recorded("hw2-cnn")[0], [recorded(name)[0] for name in ("brief", "deeper", "a3-small", "a3-dropout")]
    real = Evaluation.from_run(run)
    figures = {"confusion matrix": lambda: plots.confusion_matrix(judged), "learning curves": lambda: plots.learning_curves(run),
               "curve grid of four recipes": lambda: plots.curve_grid(four), "validation curves of four": lambda: plots.validation_curves(four),
               "two side by side": lambda: plots.side_by_side(*four[:2]), "ROC": lambda: plots.roc(real),
               "precision and recall": lambda: plots.precision_recall(real), "scores of each class": lambda: plots.per_class(real, None),
               "reliability": lambda: plots.reliability(real)}
    return {"all measures of 10,000 x 10": lambda: measures(judged), "1,000 bootstraps of F1": lambda: real.bootstrap("f1"),
            "1,000 bootstraps of the loss": lambda: real.bootstrap("loss"),
            **{f"{name}, drawn as PNG": lambda draw=draw: plots.png(draw()) for name, draw in figures.items()}}


def seconds(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def main():
    asked = results.arguments(__doc__, repeats=7).parse_args()
    if asked.quick: asked.repeats = 1
    report = results.Report("Judging and drawing", ["numpy", "scikit-learn", "matplotlib"], asked)
    work, times = tasks(), {}
    for function in work.values(): function()    # once before it counts
    for _ in range(asked.repeats):
        for name, function in work.items(): times.setdefault(name, []).append(seconds(function))
    assert "tensorflow" not in sys.modules
    report.text(f"Medians of {asked.repeats} turns in one process.")
    report.table([{"what": name, "ms": f"{1000 * statistics.median(found):.0f}"} for name, found in times.items()])
    report.write()


if __name__ == "__main__":
    main()
