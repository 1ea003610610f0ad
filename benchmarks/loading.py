"""How long the formats take to load, and how much memory: `python benchmarks/loading.py`

Writes 60,000 images of 28 x 28 (and 10,000 for the test, where the format has both) to a temporary folder, once for
each format, and loads each file in fresh processes. Printed are medians of seconds (wall clock and processor, without
Python's own start, with checksums and splits) and the largest resident memory of the process (on Linux). With
FASHION_CNN_DATA set, the images are those of Fashion-MNIST, else sketches repeated to the same number. The folder
takes about 0.7 GB and is deleted at the end.
"""
import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from fashion_cnn.data import load, save_csv, save_npy

LOAD = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
from fashion_cnn.data import load
imported = time.perf_counter() - wall
wall, cpu = time.perf_counter(), time.process_time()
data = load(sys.argv[1])
seconds = time.perf_counter() - wall, time.process_time() - cpu
try:  # not ru_maxrss, which on Linux still counts the process this one was forked from
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 2 ** 10
except OSError:
    peak = float("nan")
print(json.dumps([imported, *seconds, peak, sum(map(len, data.splits().values())), str(data.train.x.dtype)]))
"""
BARS = {"IDX, gz": (0.7, None), "course .csv": (5, 1024), "course .npy": (2.5, 1.2 * 1024)}


def images():
    "60,000 training and 10,000 test images with ten labels."
    try:
        data = load("fashion-mnist", validation_split=0)
        return data.source, data.train, data.test
    except FileNotFoundError:
        data = load("sketch", validation_split=0)
        return data.source, data.train.take(np.arange(60000) % 15000), data.test.take(np.arange(10000) % 3000)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big")
                                                   for n in array.shape) + array.astype(np.uint8).tobytes()


def write(folder, train, test):
    "One file or folder for each format; gives {format: path}."
    for kind, pack in (("gz", lambda raw: gzip.compress(raw, 6)), ("raw", bytes)):
        (folder / kind).mkdir()
        for prefix, part in (("train", train), ("t10k", test)):
            for name, array in (("images-idx3", part.x[..., 0]), ("labels-idx1", part.y)):
                (folder / kind / f"{prefix}-{name}-ubyte{'.gz' if kind == 'gz' else ''}").write_bytes(pack(idx(array)))
    np.savez(folder / "images.npz", x_train=train.x[..., 0], y_train=train.y, x_test=test.x[..., 0], y_test=test.y)
    save_npy(train, folder / "course.npy")
    save_csv(train, folder / "course.csv")
    pictures(folder, test)
    return {"IDX, gz": folder / "gz", "IDX, raw": folder / "raw", ".npz": folder / "images.npz",
            "course .npy": folder / "course.npy",
            "course .csv": folder / "course.csv", "10,000 PNG in tar.gz": folder / "png.tar.gz"}


def pictures(folder, split):
    from io import BytesIO
    from PIL import Image
    with tarfile.open(folder / "png.tar.gz", "w:gz") as archive:
        for i, (image, label) in enumerate(zip(split.x, split.y)):
            file = BytesIO()
            Image.fromarray(image[..., 0]).save(file, "PNG")
            info = tarfile.TarInfo(f"class{label}/{i:05}.png")
            info.size = file.tell()
            file.seek(0)
            archive.addfile(info, file)


def measured(path, repeats):
    runs = [json.loads(subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True,
                                      check=True).stdout)
            for _ in range(repeats)]
    return [statistics.median(column) for column in list(zip(*runs))[:4]] + runs[0][4:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes for each format (default 5)")
    arguments = parser.parse_args()
    source, train, test = images()
    print(f"{source}; medians of {arguments.repeats} fresh processes; import = `from fashion_cnn.data import load`")
    print(f"{'format':<22}{'images':>8}{'MB':>7}{'import s':>10}{'load s':>8}{'cpu s':>7}{'peak MiB':>10}  bar")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in write(Path(folder), train, test).items():
            imported, wall, cpu, peak, count, _ = measured(path, arguments.repeats)
            size = sum(f.stat().st_size for f in ([path] if path.is_file() else path.iterdir())) / 1e6
            bar = BARS.get(name, (None, None))
            text = ", ".join(filter(None, [bar[0] and f"< {bar[0]} s", bar[1] and f"< {bar[1]:.0f} MiB"]))
            print(f"{name:<22}{count:>8,}{size:>7.0f}{imported:>10.2f}{wall:>8.2f}{cpu:>7.2f}{peak:>10.0f}  {text}")


if __name__ == "__main__":
    main()
