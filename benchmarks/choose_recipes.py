"""Which network and settings learn most in little time: our own recipes, judged on validation images only

    python benchmarks/choose_recipes.py [--seeds 0] [NAME ...]

Fashion-MNIST, ten classes, 54,000 training images; what a setting does not name is as in the recipe `fast`. Each result is added to
benchmarks/choose_recipes.csv as soon as it is there, and is not computed again. The test images are left out: a choice made on
them would spoil them. Seconds are of whatever else the machine did at the time; `processor s` less so.

The first 35 rows are of the same trainings, each on one thread, but were started one by one and put into this form from what they
printed, before this script was there.
"""
import argparse
import time
from dataclasses import replace
from pathlib import Path
import pandas as pd
from fashion_cnn import recipes
from fashion_cnn.data import load
from fashion_cnn.files import write_atomically
from fashion_cnn.train import train

FILE = Path(__file__).with_suffix(".csv")
STEM, CYCLE = {"stem_kernel": 6, "stem_stride": 2}, {"name": "one-cycle"}
WIDE = {"filters": (32, 64, 128), "residuals": (0, 0, 1), **STEM}
DEEP = {"filters": (32, 64, 128), "residuals": (0, 1, 1), **STEM}
FULL = {"residuals": (1, 1, 1), "stem_kernel": 3, "stem_stride": 1}
MIXED = {"erase": 0.0, "cutmix": 0.5}
FIRST = {"network_options": STEM, "schedule": CYCLE, "batch_size": 256, "learning_rate": 0.01, "epochs": 7}    # with which it began
LARGE = {**FIRST, "batch_size": 512, "learning_rate": 0.03, "epochs": 9}
LONG = {**LARGE, "epochs": 45, "batch_size": 1500, "learning_rate": 0.014, "augmentation_options": MIXED}
ADAMW = {"optimizer": "adamw", "optimizer_options": {"weight_decay": 0.05}}
SETTINGS = {
    # a minute
    **{f"7 epochs of 256, rate {rate}": {**FIRST, "learning_rate": rate} for rate in (0.01, 0.02, 0.04)},
    "7 epochs of 256, rate 0.02, smoothing 0.05": {**FIRST, "learning_rate": 0.02, "label_smoothing": 0.05},
    **{f"9 epochs of 512, rate {rate}": {**LARGE, "learning_rate": rate} for rate in (0.03, 0.05)},
    **{f"adamw, rate {rate}": {**LARGE, **ADAMW, "learning_rate": rate} for rate in (0.005, 0.01)},
    **{f"fixed rate {rate}": {**LARGE, "schedule": None, "learning_rate": rate} for rate in (0.005, 0.015)},
    "weight decay 0.3": {**LARGE, "optimizer_options": {"weight_decay": 0.3}},
    "rise 0.15": {**LARGE, "schedule": {**CYCLE, "rise": 0.15}},
    "first kernel 4": {**LARGE, "network_options": {**STEM, "stem_kernel": 4}},
    "10 epochs": {**LARGE, "epochs": 10},
    "all three": {"epochs": 10},    # rise, first kernel, epochs: `fast` with one epoch more
    "all three, weight decay 0.03": {"epochs": 10, "optimizer_options": {"weight_decay": 0.03}},
    # ten minutes and more
    "wide": {**FIRST, "epochs": 24, "network_options": WIDE, "augmentation_options": {}},
    "deep": {**FIRST, "epochs": 18, "network_options": DEEP, "augmentation_options": {}},
    "wide, moved, erased": {**FIRST, "epochs": 24, "network_options": WIDE, "augmentation_options": {"shift": 0.07, "zoom": 0.1, "erase": 0.5, "area": (0.02, 0.2)}},
    "wide, cutmix": {**FIRST, "epochs": 24, "network_options": WIDE, "augmentation_options": MIXED},
    "wide, cutmix, two members": {**LARGE, "epochs": 36, "network_options": {**WIDE, "members": 2}, "augmentation_options": MIXED, "learning_rate": 0.01},
    "wide, cutmix, batch 512, rate 0.014": {**LARGE, "epochs": 34, "network_options": WIDE, "augmentation_options": MIXED, "learning_rate": 0.014},
    **{f"wide, cutmix, rise 0.15, first kernel 4, rate {rate}": {"epochs": 32, "network_options": {**WIDE, "stem_kernel": 4}, "augmentation_options": MIXED,
       "learning_rate": rate} for rate in (0.02, 0.03)},
    "deep, full size, cutmix": {**FIRST, "epochs": 12, "network_options": {**DEEP, "stem_kernel": 3, "stem_stride": 1}, "augmentation_options": MIXED},
}
FOR_A_GPU = {    # with KERAS_BACKEND=jax; only those that are named are trained
    "full size, five members": {**LONG, "network_options": {**FULL, "filters": (24, 48, 96), "members": 5}},
    "full size, three members": {**LONG, "network_options": {**FULL, "filters": (32, 64, 128), "members": 3}},
    "full size": {**LONG, "batch_size": 500, "network_options": {**FULL, "filters": (64, 128, 192)}},
    "full size, moved, erased": {**LONG, "batch_size": 500, "network_options": {**FULL, "filters": (64, 128, 192)},
                                 "augmentation_options": {"shift": 0.07, "erase": 0.5, "area": (0.02, 0.3), "cutmix": 0.5}},
}


def result(setting, data, seed):
    "One row: what a setting costs, and how it did on training and validation images."
    recipe, began = recipes.get("fast").replace(name="choice", **{**SETTINGS, **FOR_A_GPU}[setting]), time.process_time()
    run = train(recipe, data, seed=seed)
    return {"setting": setting, "seed": seed, "epochs": run.epochs, "images": len(data.train), "data": data.source,
            "parameters": run.parameters["total"], "MFLOPs": run.parameters["MFLOPs"],
            "train accuracy": round(run.metrics["train"]["accuracy"], 5),
            **{f"validation {figure}": round(run.metrics["validation"][figure], 5) for figure in ("accuracy", "loss")},
            "seconds": round(run.seconds), "processor s": round(time.process_time() - began)}


def rows():
    "What the file holds by now."
    return pd.read_csv(FILE).to_dict("records") if FILE.exists() else []


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("settings", nargs="*", default=list(SETTINGS), metavar="NAME", help=f"of {', '.join(map(repr, SETTINGS))} (default: all of these), {', '.join(map(repr, FOR_A_GPU))}")
    ask.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = ask.parse_args()
    unknown = [name for name in given.settings if name not in {**SETTINGS, **FOR_A_GPU}]
    if unknown: ask.error(f"no setting {unknown[0]!r}; there are {', '.join(map(repr, [*SETTINGS, *FOR_A_GPU]))}")
    data = load("fashion-mnist", validation_split=0.1)
    data = replace(data, test=data.test.take([]))    # what is not there cannot tempt
    for seed in given.seeds:
        for setting in given.settings:
            if any((row["setting"], row["seed"]) == (setting, seed) for row in rows()): continue
            new = result(setting, data, seed)
            write_atomically(FILE, pd.DataFrame([*rows(), new]).to_csv(index=False).encode())    # read again: another process may have written
    print(pd.DataFrame(rows())[["setting", "seed", "epochs", "parameters", "validation accuracy", "validation loss", "processor s"]].to_string(index=False))


if __name__ == "__main__": main()
