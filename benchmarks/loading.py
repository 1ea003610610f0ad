"""How long the formats take to load, and how much memory: `python benchmarks/loading.py`

Writes 60,000 images of 28 x 28 (and 10,000 for the test, where the format has both) to a temporary folder, once for
each format, and loads each file in fresh processes, all of them in turns. Shown are medians of seconds (wall clock and
processor, without Python's own start, with checksums and splits) and the largest resident memory of the process (on Linux). A
folder of arrays is only mapped: its images are read when somebody looks at them. With FASHION_CNN_DATA set, the images are those of Fashion-MNIST, else sketches repeated to the same number. The folder
takes about 0.7 GB and is deleted at the end.
"""
import gzip
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

import results
from fashion_cnn.data import load, save_arrays, save_csv, save_npy

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
    save_arrays(train, folder / "arrays", test=test)
    pictures(folder, test)
    return {"IDX, gz": folder / "gz", "IDX, raw": folder / "raw", ".npz": folder / "images.npz",
            "course .npy": folder / "course.npy",
            "course .csv": folder / "course.csv", "folder of arrays, mapped": folder / "arrays", "10,000 PNG in tar.gz": folder / "png.tar.gz"}


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


def measured(path):
    "Seconds of the import, of loading, of the processor, the largest memory, how many images: of one fresh process."
    done = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def row(name, path, runs):
    "One line of the table."
    imported, wall, cpu, peak = (statistics.median(column) for column in list(zip(*runs))[:4])
    size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir())) / 1e6
    most, memory = BARS.get(name, (None, None))
    bar = ", ".join(filter(None, [most and f"under {most} s", memory and f"under {memory:.0f} MiB"]))
    return {"format": name, "images": f"{runs[0][4]:,}", "MB": f"{size:.0f}", "import s": f"{imported:.2f}", "load s": f"{wall:.2f}",
            "processor s": f"{cpu:.2f}", "peak MiB": f"{peak:.0f}", "bar": bar or "-"}


def main():
    asked = results.arguments(__doc__).parse_args()
    source, train, test = images()
    if asked.quick: asked.repeats, train, test = 1, train.take(slice(3000)), test.take(slice(500))
    report = results.Report("Loading", ["numpy", "Pillow"], asked)
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), train, test)
        turns = [{name: measured(path) for name, path in paths.items()} for _ in range(asked.repeats)]
        report.text(f"{source}; medians of {asked.repeats} fresh processes each, in turns; import is `from fashion_cnn.data import load`.")
        report.table([row(name, path, [turn[name] for turn in turns]) for name, path in paths.items()])
    report.write()


if __name__ == "__main__":
    main()
