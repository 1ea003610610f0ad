"Images and labels as two arrays, three splits with three jobs, and files that are checked before they are believed"
from .pixels import as_pixels, as_labels
from .dataset import Split, quick, Dataset, from_arrays
from .arrays import MAX_BYTES, CIFAR10_NAMES
from .mapped import Mapped
from .sources import (
    FASHION_SHA256, CIFAR10_SHA256, CIFAR10_MD5, TITLES, FIVE_GROUPS, QUICK_IMAGES, read,
    sources, no_connection, relabel, load)
from .describe import duplicates, Description, describe
from .write import save_npy, save_csv, save_arrays

__all__ = ["as_pixels", "as_labels", "Split", "quick", "Dataset", "from_arrays", "MAX_BYTES",
           "CIFAR10_NAMES", "Mapped", "FASHION_SHA256", "CIFAR10_SHA256", "CIFAR10_MD5",
           "TITLES", "FIVE_GROUPS", "QUICK_IMAGES", "read", "sources", "no_connection",
           "relabel", "load", "duplicates", "Description", "describe", "save_npy", "save_csv",
           "save_arrays"]
