"""Record the heavy recipes on a graphics processor, with Keras on JAX, within so many minutes:

    python tools/record_heavy.py [--minutes 12] [--runs runs] [--records fashion_cnn/recorded] [--limit N] [--epochs N] [--only NAME ...]

It needs `pip install "jax[cuda12]"` beside the package, and FASHION_CNN_DATA. Recipes come in the order of their worth. What is
recorded already in full is left alone; a training that the clock stops keeps its checkpoint in --runs, and goes on from there at the
next start. --limit and --epochs are for a try on a small machine; their records say so."""
import argparse
import os
import signal
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")   # before anything imports Keras

from fashion_cnn import recipes
from fashion_cnn.run import RECORDED, recorded
from fashion_cnn.train import train

HEAVY = [("a3-resnet-meant", (0, 1, 2)), ("a3-autoencoder", (0,)), ("cm6-resnet-meant", (0,)), ("hw2-resnet", (0, 1, 2)),
         ("deeper-elastic", (0, 1, 2)), ("deeper-affine", (0, 1, 2)), ("brief", (1, 2)), ("deeper", (1, 2)),
         ("hw2-cnn-augmented", (1, 2)), ("best", (2,))]


def in_full(recipe, folder):
    "The seeds of a recipe that are recorded with all its epochs and images."
    runs = recorded(recipe.name, folder)
    return {run.recipe.seed for run in runs if run.recipe.replace(seed=recipe.seed) == recipe and recipes.budget(recipe, run) == "full"}


def time_is_up(number, frame): raise KeyboardInterrupt("the minutes are over")


def record(recipe, seed, options):
    "Train and record one run; True if it came to its end."
    began = time.monotonic()
    folder = Path(options.runs) / f"{recipe.name}-seed{seed}"
    run = train(recipe, recipe.data, seed=seed, limit=options.limit, out=folder, progress=False)
    seconds = time.monotonic() - began
    if run.stopped == "interrupted":
        print(f"{recipe.name}, seed {seed}: {run.epochs} of {recipe.epochs} epochs in {seconds:.0f} s; goes on at the next start", flush=True)
        return False
    print(f"{recipe.name}, seed {seed}: {seconds:.0f} s, {run}, {run.record(options.records).name}", flush=True)
    return True


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--records", default=RECORDED)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", nargs="+", default=[name for name, _ in HEAVY], choices=[name for name, _ in HEAVY])
    options = parser.parse_args(words)
    signal.signal(signal.SIGALRM, time_is_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * options.minutes)
    try:
        for name, seeds in HEAVY:
            recipe = recipes.get(name)
            if options.epochs: recipe = recipe.replace(epochs=min(options.epochs, recipe.epochs))
            for seed in sorted(set(seeds) - in_full(recipe, options.records)) if name in options.only else ():
                if not record(recipe, seed, options): return 1
    except KeyboardInterrupt:
        print("The minutes were over before a first epoch.")
        return 1
    print("All of them are recorded.")
    return 0


if __name__ == "__main__": sys.exit(main())
