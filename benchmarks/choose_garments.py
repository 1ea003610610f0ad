"""Which settings of the pipeline `garments` help: `deeper` on 12,000 real images, judged on validation images only

    python benchmarks/choose_garments.py [--seeds 0 1] [--epochs 30] [NAME ...]

Every setting gets the same images, epochs and learning rates. Each result is added to benchmarks/choose_garments.csv as soon as it
is there, and is not computed again. The test images are left out: a choice made on them would spoil them.
"""
import argparse
from dataclasses import replace
from pathlib import Path
import pandas as pd
from fashion_cnn.data import load
from fashion_cnn.files import write_atomically
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train

FILE = Path(__file__).with_suffix(".csv")
STILL = dict(rotation=0.0, zoom=0.0, shear=0.0, shift=0.0, horizontal_flip=False, erase=0.0)    # nothing moves, nothing is erased
MOVED = dict(rotation=4.0, zoom=0.06, shear=2.0, shift=0.06)
SETTINGS = {"nothing": None,
            "flip": {**STILL, "horizontal_flip": True},
            "shift": {**STILL, "shift": 0.06},
            "flip, shift": {**STILL, "horizontal_flip": True, "shift": 0.06},
            "flip, moved": {**STILL, "horizontal_flip": True, **MOVED},
            "flip, erase": {**STILL, "horizontal_flip": True, "erase": 0.5},
            "flip, erase a little": {**STILL, "horizontal_flip": True, "erase": 0.25, "area": (0.02, 0.1)},
            "flip, elastic": {**STILL, "horizontal_flip": True, "alpha": (0.0, 12.0)}}


def recipe(setting, epochs):
    "The experiment for one setting: a fixed budget, the last epoch kept."
    change = {} if SETTINGS[setting] is None else {"augmentation": "garments", "augmentation_options": SETTINGS[setting]}
    return Recipe("choice", network="deeper", data="five-groups", split="B", batch_size=128, epochs=epochs, keep="last",
                  schedule={"name": "cosine"}, **change)


def result(setting, data, seed, epochs):
    "One row: how a setting did on training and validation images."
    run = train(recipe(setting, epochs), data, seed=seed)
    return {"setting": setting, "seed": seed, "epochs": epochs, "images": len(data.train), "data": data.source,
            **{f"{split} {figure}": round(run.metrics[split][figure], 5) for split in ("train", "validation") for figure in ("accuracy", "loss")},
            "seconds": round(run.seconds)}


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("settings", nargs="*", default=list(SETTINGS), metavar="NAME", help=f"of {', '.join(map(repr, SETTINGS))} (default: all)")
    ask.add_argument("--seeds", type=int, nargs="+", default=[0])
    ask.add_argument("--epochs", type=int, default=30)
    ask.add_argument("--limit", type=int, default=12000)
    given = ask.parse_args()
    data = load("five-groups", split="B", limit=given.limit)
    data = replace(data, test=data.test.take([]))    # what is not there cannot tempt
    rows = pd.read_csv(FILE).to_dict("records") if FILE.exists() else []
    for seed in given.seeds:
        for setting in given.settings:
            if any((row["setting"], row["seed"], row["epochs"], row["images"]) == (setting, seed, given.epochs, len(data.train)) for row in rows): continue
            rows.append(result(setting, data, seed, given.epochs))
            write_atomically(FILE, pd.DataFrame(rows).to_csv(index=False).encode())
    print(pd.DataFrame(rows).groupby(["images", "epochs", "setting"])[["validation accuracy", "validation loss"]].agg(["mean", "std", "count"])
          .round(4).to_string())


if __name__ == "__main__": main()
