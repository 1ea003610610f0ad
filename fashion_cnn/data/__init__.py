"Image data sets: reading, checking, splitting, describing and writing them"

from ..limits import MAX_BYTES
from .dataset import FIVE_GROUPS, Dataset, Split, quick, relabel
from .decoding import decode_picture
from .describe import Description, describe, duplicates, nearest_images
from .mapped import Mapped
from .pickles import CIFAR10_NAMES
from .pixels import as_labels, as_pixels
from .sources import (CIFAR10_MD5, CIFAR10_SHA256, FASHION_SHA256, QUICK_IMAGES, load,
                      no_connection)
from .reading import TITLES, read, sources  # after the room of that name
from .splits import from_arrays
from .write import save_arrays, save_csv, save_npy

__all__ = ["MAX_BYTES", "CIFAR10_NAMES", "FASHION_SHA256", "CIFAR10_SHA256", "CIFAR10_MD5",
           "TITLES", "FIVE_GROUPS", "QUICK_IMAGES", "Split", "quick", "as_pixels", "as_labels",
           "Dataset", "from_arrays", "Mapped", "read", "decode_picture", "sources",
           "no_connection", "relabel", "load", "duplicates", "nearest_images", "Description",
           "describe", "save_npy", "save_csv", "save_arrays"]
