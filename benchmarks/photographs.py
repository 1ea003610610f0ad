"""How many of 300 photographs are named rightly, with `prepare` and without: python benchmarks/photographs.py [--runs FOLDER]

The photographs are simulated from test images of Fashion-MNIST (`fashion_cnn.predict.as_photograph`): JPEG of quality 60 to 95,
enlarged 8 to 20 times, on a white or unevenly lit ground, with noise, off-centre, dark on light as product photographs are, turned
as one of the EXIF orientations 1, 3, 6 and 8 says. Nothing in `prepare` was chosen by them: it was tuned on photographs that were
simulated from validation images, which --validation repeats. The networks are trained here, for a few epochs on the ten classes;
--runs keeps them in a folder. Without `prepare` a photograph is only turned upright, made small and made grey.
"""
import io
import os
import sys
import tempfile
from pathlib import Path

import results

EPOCHS, IMAGES, SEED = {"fast": 4, "deeper": 2}, 300, 2025


def trained(name, data, folder):
    "A recipe after a few epochs on the ten classes, from the folder where it is there."
    from fashion_cnn import recipes
    from fashion_cnn.train import train
    recipe = recipes.get(name).replace(data="fashion-mnist", split="stratified", epochs=EPOCHS[name], reported={})
    return train(recipe, data, out=folder / name, progress=False)


def photographs(split, images, seed):
    "Photographs of random images of a split, and the classes of these."
    import numpy as np
    from fashion_cnn.predict import as_photograph
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(split))[:images]
    return [as_photograph(split.x[row], rng) for row in rows], split.x[rows], split.y[rows]


def made_small(content):
    "A photograph upright, at 28 x 28 and in grey: what one does who knows no better."
    import numpy as np
    from PIL import Image, ImageOps
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    return np.asarray(upright.convert("L").resize((28, 28)))[..., None]


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = results.arguments(__doc__, repeats=0)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--validation", action="store_true")
    asked = parser.parse_args()
    import numpy as np
    from fashion_cnn.data import load
    from fashion_cnn.evaluate import percent, wilson
    from fashion_cnn.predict import prepare
    data = load("fashion-mnist")
    split = data.validation if asked.validation else data.test
    contents, originals, labels = photographs(split, 40 if asked.quick else asked.images, SEED)
    inputs = {"the images themselves": originals, "made small": np.stack([made_small(each) for each in contents]),
              "prepared": np.stack([prepare(each) for each in contents])}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in EPOCHS:
            run = trained(name, data, asked.runs or Path(folder))
            right = {kind: int((run.predict(images).argmax(1) == labels).sum()) for kind, images in inputs.items()}
            shares = {kind: percent(n / len(labels), wilson(n, len(labels))) for kind, n in right.items()}
            rows.append({"network": f"{name}, {EPOCHS[name]} epochs", **shares})
    kind = "validation" if asked.validation else "test"
    report = results.Report(f"{len(labels)} simulated photographs of {kind} images of {data.source}, right with 95 % interval",
                            ["keras", "pillow", "scipy"], asked)
    report.table(rows)
    if not asked.validation: report.write()


if __name__ == "__main__": sys.exit(main())
