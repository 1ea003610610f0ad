"""How fast the sketches are drawn and how hard they are to tell apart.

    python benchmarks/sketch.py               images a second on one core
    python benchmarks/sketch.py --accuracy    also trains: networks and logistic regression on sketches, tested on
                                              new sketches and, where FASHION_CNN_DATA has it, on real Fashion-MNIST
"""
import os
import statistics
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

import results
from fashion_cnn.sketch import sketch_set


def speed(images=5000, repeats=5):
    "Images a second by the clock and by processor time, medians, after one warm-up."
    sketch_set(500)
    clock, processor = [], []
    for seed in range(repeats):
        begin, begin_processor = time.perf_counter(), time.process_time()
        sketch_set(images, seed)
        clock.append(images / (time.perf_counter() - begin))
        processor.append(images / (time.process_time() - begin_processor))
    return statistics.median(clock), statistics.median(processor)


def real_test_set():
    "Real Fashion-MNIST test images and labels, or None where they cannot be had without a download."
    if "FASHION_CNN_DATA" not in os.environ: return None
    from fashion_cnn.data import load
    test = load("fashion-mnist").test
    return test.x, test.y


def logistic_regression(train, tests):
    "Accuracies of scikit-learn's logistic regression on pixels / 255, default settings, to convergence or 1,000 steps."
    from sklearn.linear_model import LogisticRegression
    model = LogisticRegression(max_iter=1000).fit(train[0].reshape(len(train[0]), -1) / 255, train[1])
    return [model.score(x.reshape(len(x), -1) / 255, y) for x, y in tests]


def network(name, train, tests, seed, epochs=5):
    "Accuracies of one of the package's networks: Adam 1e-3, batches of 128."
    import keras
    from fashion_cnn.models import build
    keras.utils.set_random_seed(seed)
    model = build(name, (28, 28, 1), 10)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*train, batch_size=128, epochs=epochs, verbose=0)
    return [float(np.mean(model.predict(x, batch_size=500, verbose=0).argmax(1) == y)) for x, y in tests]


def accuracy(report, seeds, images=12000, held_out=3000):
    "A row for each model and seed; sketches for testing come from another seed."
    real, found = real_test_set(), []
    for seed in seeds:
        train, tests = sketch_set(images, seed), [sketch_set(held_out, seed + 1000)] + ([real] if real else [])
        rows = {"logistic regression": logistic_regression(train, tests), "deeper, 5 epochs": network("deeper", train, tests, seed)}
        for name, row in rows.items():
            found.append({"model": name, "seed": str(seed), "new sketches": f"{row[0]:.4f}", "real test set": f"{row[1]:.4f}" if real else "-"})
            print(found[-1], flush=True)
    report.text(f"Accuracies of models trained on {images:,} sketches:" + ("" if real else " (FASHION_CNN_DATA is not set: no real images)"))
    report.table(found)


def main():
    parser = results.arguments(__doc__)
    parser.add_argument("--accuracy", action="store_true", help="also train and test (minutes)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds for --accuracy (default: 0 1 2)")
    asked = parser.parse_args()
    report = results.Report("Drawing sketches", ["numpy"], asked)
    if hasattr(os, "sched_setaffinity") and not asked.accuracy: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    clock, processor = speed(*((500, 1) if asked.quick else (5000, asked.repeats)))
    report.text(f"On one core, medians of {1 if asked.quick else asked.repeats}.")
    report.table([{"what": "sketches a second", "by the clock": f"{clock:,.0f}", "by processor time": f"{processor:,.0f}"}])
    if asked.accuracy: accuracy(report, asked.seeds)
    report.write()


if __name__ == "__main__":
    main()
