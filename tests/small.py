"A handful of sketches for tests that need a data set: all 18,000 of `load` take seconds to draw."
from fashion_cnn.data import TITLES, Dataset, Split
from fashion_cnn.sketch import CLASS_NAMES, sketch_set


def sketches(images):
    "A `Dataset` with so many sketches in each split, the classes in equal parts."
    train, validation, test = (Split(*sketch_set(images, seed=seed)) for seed in range(3))
    return Dataset(train, validation, test, CLASS_NAMES, TITLES["sketch"])
