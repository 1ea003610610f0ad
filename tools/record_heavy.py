"""Record the heavy recipes on a graphics processor, with Keras on JAX, within so many minutes:

    python tools/record_heavy.py [--minutes 12] [--runs runs] [--records FOLDER] [--limit N] [--epochs N] [--only NAME ...]

It needs JAX for graphics processors beside the package, and FASHION_CNN_DATA. Short trainings come first. What is recorded already in full
is left alone; a training that the clock stops keeps its checkpoint in --runs, and goes on from there at the next start; one that fails is
named at the end, and the others go on. Records go into fashion_cnn/recorded. --limit and --epochs are for a try on a small machine, whose
records go into --runs."""
import argparse
import functools
import os
import signal
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")   # before anything imports Keras

from fashion_cnn import recipes
from fashion_cnn.data import load
from fashion_cnn.run import RECORDED, recorded
from fashion_cnn.train import train

HEAVY = [("cm6-resnet-meant", (0,)), ("hw2-cnn-augmented", (1, 2)), ("brief", (1, 2)), ("deeper", (1, 2)), ("deeper-affine", (1, 2)),
         ("deeper-elastic", (1, 2)), ("hw2-resnet", (0, 1, 2)), ("a3-autoencoder", (0,)), ("a3-resnet-meant", (0, 1, 2)), ("best", (2,))]


def in_full(recipe, folder):
    "The seeds of a recipe that are recorded with all its epochs and images."
    runs = recorded(recipe.name, folder)
    return {run.recipe.seed for run in runs if run.recipe.replace(seed=recipe.seed) == recipe and recipes.budget(recipe, run) == "full"}


def to_do(options):
    "(recipe, seed) of every training that is not recorded yet, in order."
    for name, seeds in HEAVY:
        recipe = recipes.get(name)
        if options.epochs: recipe = recipe.replace(epochs=min(options.epochs, recipe.epochs))
        if name in options.only: yield from ((recipe, seed) for seed in sorted(set(seeds) - in_full(recipe, options.records)))


images = functools.lru_cache(maxsize=1)(load)   # once for all seeds of a recipe


def record(recipe, seed, options):
    "Train and record one run."
    began = time.monotonic()
    tried = f"-{recipe.epochs}-epochs-{options.limit}-images" * bool(options.epochs or options.limit)
    data = images(recipe.data, split=recipe.split, validation_split=recipe.validation_split)
    run = train(recipe, data, seed=seed, limit=options.limit, out=Path(options.runs) / f"{recipe.name}-seed{seed}{tried}", progress=False)
    if run.stopped == "interrupted": raise KeyboardInterrupt
    print(f"{recipe.name}, seed {seed}: {time.monotonic() - began:.0f} s, {run}, {run.record(options.records).name}", flush=True)


def time_is_up(number, frame): raise KeyboardInterrupt("the minutes are over")


def record_all(options):
    "Train and record what is to do; what failed, in words."
    failed = []
    for recipe, seed in to_do(options):
        try: record(recipe, seed, options)
        except Exception as error: failed.append(f"{recipe.name}, seed {seed}: {error}")
    return failed


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--records", help="default: fashion_cnn/recorded, or --runs for a try")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", nargs="+", default=[name for name, _ in HEAVY], choices=[name for name, _ in HEAVY])
    options = parser.parse_args(words)
    options.records = options.records or (options.runs if options.limit or options.epochs else RECORDED)
    signal.signal(signal.SIGALRM, time_is_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * options.minutes, 2)   # again and again, as Keras and JAX may swallow one
    try: failed = record_all(options)
    except KeyboardInterrupt: failed = [f"The minutes are over. Epochs that were finished lie in {options.runs}, and go on from there at the next start."]
    finally: signal.setitimer(signal.ITIMER_REAL, 0)
    print("\n".join(failed) or "All of them are recorded.")
    return int(bool(failed))


if __name__ == "__main__": sys.exit(main())
