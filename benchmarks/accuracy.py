"""Seconds of training until a test accuracy is reached: python benchmarks/accuracy.py [RECIPE ...] [--out FOLDER]

Recipes of the package, and `deeper` in PyTorch, on Fashion-MNIST with ten classes, each with five seeds, each training in a fresh process. The
clock starts when the network is built, runs through training and validation, and stands still while the test images are looked at
after every epoch. That look is a measurement only: nothing is chosen by it, and a training ends when the last accuracy is reached,
when the recipe's epochs are over, or after --seconds. The best of many looks at the test images flatters a little; the seconds do not.

A finished training is one line of accuracy.jsonl in the folder --out: started again, on the same kind of machine, the measurement goes
on where it was. Lines of a recipe that has changed since, of other data or another kind of machine, do not count. With
FASHION_CNN_DATA unset, load() looks where Keras keeps its files.
"""
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import results
import turns

TARGETS, RECIPES, TORCH = (0.90, 0.92, 0.93, 0.94), ("fast", "ten-minutes", "deeper"), "deeper in PyTorch"
HERE = Path(__file__).parent


def planned(name, asked):
    "The recipe, on the data that all are compared on."
    from fashion_cnn import recipes
    return recipes.get("deeper" if name == TORCH else name).replace(data=asked.data, split="stratified", reported={})


def train_one(name, seed, asked):
    "In a process of its own: train, and say seconds and test accuracies after each epoch."
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from fashion_cnn.data import load
    from fashion_cnn.batches import Batches
    from fashion_cnn.train import train
    import keras

    class Enough(Exception):
        "The training may end."

    class Clock(keras.callbacks.Callback):
        "Seconds up to each epoch's end, without the time that looking at the test images takes."
        def __init__(self, began):
            super().__init__()
            self.began, self.paused, self.seconds, self.found = began, 0.0, [], []

        def on_epoch_end(self, epoch, logs=None):
            stopped = time.perf_counter()
            self.seconds.append(round(stopped - self.began - self.paused, 3))
            self.found.append(self.accuracy())
            self.paused += time.perf_counter() - stopped
            if self.found[-1] >= max(TARGETS) or self.seconds[-1] >= asked.seconds: raise Enough

        def accuracy(self):
            answers = self.model.predict(Batches(data.test.x, data.test.y, 500, mixing=len(self.model.inputs) > 1), verbose=0)
            return float((answers[:, :data.classes].argmax(1) == data.test.y).mean())

    recipe = planned(name, asked)
    data = load(recipe.data, validation_split=recipe.validation_split, limit=asked.limit)
    clock = Clock(time.perf_counter())
    try: train(recipe, data, seed=seed, progress=False, callbacks=[clock])
    except Enough: pass
    backend = keras.backend.backend()
    turns.say(versions=f"Keras {keras.__version__} on {backend} {sys.modules[backend].__version__}", settings="as they come", seconds=clock.seconds, test=clock.found)


def arrays(folder, recipe, asked):
    "The same images for PyTorch; the path of the file."
    import numpy as np
    from fashion_cnn.data import load
    path, data = Path(folder) / "images.npz", load(recipe.data, validation_split=recipe.validation_split, limit=asked.limit)
    if not path.exists():
        np.savez(path, **{f"{kind}_{name}": getattr(split, kind) for name, split in data.splits().items() for kind in "xy"})
    return path


def words(name, seed, asked, python, folder):
    "The command of one training."
    recipe = planned(name, asked)
    if name == TORCH:
        return [python, HERE / "in_torch.py", recipe.network, arrays(folder, recipe, asked), "--batch", recipe.batch_size, "--seed", seed,
                "--epochs", recipe.epochs, "--seconds", asked.seconds, "--targets", *TARGETS]
    return [python, __file__, name, "--child", seed, "--seconds", asked.seconds, "--data", asked.data, *(["--limit", asked.limit] if asked.limit else [])]


def key(name, seed, asked):
    "What a line must agree in to count."
    recipe = json.loads(planned(name, asked).replace(seed=seed).to_json())
    return {"name": name, "seed": seed, "machine": results.machine(), "recipe": recipe, "limit": asked.limit, "at most": asked.seconds, "targets": list(TARGETS)}


def agrees(found, wanted):
    "Whether a line's key is the wanted one; fields of a recipe that are newer than the line have their defaults there."
    from fashion_cnn.recipe import Recipe
    return {**found, "recipe": {**json.loads(Recipe("", "").to_json()), **found["recipe"]}} == wanted


def measure(asked, names):
    "Whatever is still missing, seed after seed; {name: lines}."
    pythons = {name: turns.python_of("torch")[0] if name == TORCH else sys.executable for name in names}
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "accuracy.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        for seed in asked.seeds:
            for name in names:
                wanted = key(name, seed, asked)
                if pythons[name] is None or any(agrees(line["key"], wanted) for line in results.lines(path)): continue
                contender = turns.Contender(words(name, seed, asked, pythons[name], folder))
                try: facts = contender.heard()
                finally: contender.end()
                results.append(path, {"key": wanted, "day": str(datetime.date.today()), **facts})
                print(f"{name}, seed {seed}: {len(facts['seconds'])} epochs in {facts['seconds'][-1]:.0f} s, best test accuracy {max(facts['test']):.4f}", flush=True)
    keys = {name: [key(name, seed, asked) for seed in asked.seeds] for name in names}
    return {name: [line for line in results.lines(path) if any(agrees(line["key"], each) for each in keys[name])] for name in names}


def spread(values, digits):
    "Mean and standard deviation."
    text = f"{statistics.mean(values):.{digits}f}"
    return text + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def reached(lines, target):
    "Seconds until an accuracy, over the seeds that reached it."
    times = [next((second for second, found in zip(line["seconds"], line["test"]) if found >= target), None) for line in lines]
    there = [each for each in times if each is not None]
    if not there: return "none"
    return spread(there, 0 if min(there) >= 10 else 1) + (f" ({len(there)} of {len(times)})" if len(there) < len(times) else "")


def rows(found):
    "One line for each recipe."
    for name, lines in found.items():
        if not lines:
            yield {"recipe": name, **{f"{target:.2f}": "-" for target in TARGETS}, "best test accuracy": "-", "s an epoch": "-", "epochs": "-",
                   "seeds": "0", "what": turns.python_of("torch")[1] if name == TORCH else "nothing measured"}
            continue
        yield {"recipe": name, **{f"{target:.2f}": reached(lines, target) for target in TARGETS},
               "best test accuracy": spread([max(line["test"]) for line in lines], 4),
               "s an epoch": f"{statistics.median(line['seconds'][-1] / len(line['seconds']) for line in lines):.1f}",
               "epochs": f"{statistics.mean(len(line['seconds']) for line in lines):.0f}", "seeds": str(len(lines)),
               "what": f"{lines[0]['versions']}; {lines[0]['settings']}"}


def days(found):
    "When the trainings were."
    each = sorted(line["day"] for lines in found.values() for line in lines)
    return f"Measured: {' to '.join(dict.fromkeys((each[0], each[-1])))}." if each else ""


def main():
    from fashion_cnn import recipes
    parser = results.arguments(__doc__, repeats=None)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"default: {', '.join(RECIPES)}, as far as they are there, and {TORCH}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--seconds", type=float, default=700, help="of training, at most, for each seed (default 700: enough for ten-minutes where its name is true)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for what is finished (default: beside this script)")
    parser.add_argument("--data", default="fashion-mnist", help="on which all are compared (default: fashion-mnist)")
    parser.add_argument("--limit", type=int, help="at most so many images in each split; for a try")
    parser.add_argument("--child", type=int, help="train this seed of the one recipe, here")
    asked = parser.parse_args()
    if asked.child is not None: return train_one(asked.recipes[0], asked.child, asked)
    if asked.quick: asked.seeds, asked.seconds, asked.limit, asked.out = [0, 1], 2, 2000, Path(tempfile.mkdtemp())
    names = asked.recipes or [*(name for name in RECIPES if name in recipes.names()), TORCH]
    for name in names: planned(name, asked)    # a name that does not exist is refused before anything is trained
    report = results.Report("Seconds until a test accuracy is reached", ["keras", "tensorflow", "numpy"], asked)
    found = measure(asked, names)
    report.text(f"{asked.data}, ten classes, official test images{f', at most {asked.limit:,} images in each split' if asked.limit else ''}; seconds of training with validation until the "
                f"accuracy was seen, mean ± standard deviation over the seeds that reached it, at most {asked.seconds:.0f} s each, one training at a time. The test "
                f"images are looked at after each epoch while the clock stands still; nothing is chosen by it. {days(found)}")
    report.table(list(rows(found)))
    report.write()


if __name__ == "__main__":
    sys.exit(main())
