"What many tests need: a handful of images as a data set, as plain pixels, and as the content of a file."
import io

import numpy as np
from PIL import Image

from fashion_cnn.data import TITLES, Dataset, Split
from fashion_cnn.sketch import CLASS_NAMES, sketch_set


def sketches(images):
    "A `Dataset` with so many sketches in each split, the classes in equal parts; all 18,000 of `load` take seconds to draw."
    train, validation, test = (Split(*sketch_set(images, seed=seed)) for seed in range(3))
    return Dataset(train, validation, test, CLASS_NAMES, TITLES["sketch"])


def pixels(count, shape=(28, 28, 1)):
    "Images of noise, the same every time."
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def png(array):
    "A PNG file."
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def idx(array, magic=None, cut=None):
    "An IDX file; with another magic number, or without its last bytes, where a test asks for that."
    head = magic or bytes([0, 0, 8, array.ndim])
    return (head + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.astype(np.uint8).tobytes())[:cut]
