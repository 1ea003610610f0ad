"""Does training keep its pace when the data outgrows memory? python benchmarks/growth.py

Sketches, every one drawn, are written to a temporary folder in pieces (`save_arrays`), 6,000 to 2,000,000 of them, and `train` goes
once over each set, in a fresh process, images mapped from disk (`load`). The network is `brief` with 8 filters and 32 units: small, so
that the way of the images is measured and not the arithmetic. In turns, so that whatever else the machine does hits all sizes alike.

Pace: the training part of the epoch without its first 10 steps, in which the step is compiled; it may differ by 10 % from 60,000
images on. Memory: the largest RssAnon, looked at ten times a second: memory that the system cannot take back by itself. It may
grow by 300 MB from 60,000 to 2,000,000 images. Pages of mapped files (RssFile) are the page cache, which the system drops as soon as
anybody needs the room; they are shown beside it. The largest set takes 1.6 GB on disk; all are deleted at the end, except with --keep.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import results

SIZES, PIECE, BATCH, WARM_UP = (6_000, 60_000, 600_000, 2_000_000), 10_000, 128, 10
PACE, GROWTH = 1.10, 300    # the bars: times slower at most, megabytes more at most

CHILD = f"""
import json, os, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
from fashion_cnn.data import load
from fashion_cnn.recipe import Recipe
from fashion_cnn.train import train
import keras

class Clock(keras.callbacks.Callback):
    "When the step that ends the warm-up was done, and when the last one before validation."
    def on_train_batch_end(self, batch, logs=None):
        if batch == {WARM_UP} - 1: self.began = time.perf_counter()
        self.ended, self.steps = time.perf_counter(), batch + 1 - {WARM_UP}

began = time.perf_counter()
data = load(sys.argv[1])
loaded, clock = time.perf_counter() - began, Clock()
recipe = Recipe("growth", "brief", {{"filters": 8, "units": 32}}, batch_size={BATCH}, epochs=1)
run = train(recipe, data, progress=False, callbacks=[clock])
print(json.dumps({{"load": loaded, "seconds": clock.ended - clock.began, "images": clock.steps * {BATCH}, "train": len(data.train),
                  "all": time.perf_counter() - began, "accuracy": run.metrics["test"]["accuracy"]}}))
"""


def drawn(number):
    "One piece of sketches; each has a seed of its own."
    from fashion_cnn.sketch import sketch_set
    return sketch_set(PIECE, seed=1000 + number)


def pieces(count):
    "So many sketches, drawn by all cores, a few pieces ahead of the one that is being written."
    with ProcessPoolExecutor(results.cores()) as pool:
        waiting = []
        for number in range(-(-count // PIECE)):
            waiting.append(pool.submit(drawn, number))
            if len(waiting) > 2 * results.cores(): yield waiting.pop(0).result()
        for piece in waiting: yield piece.result()


def cut(pieces, count):
    "The first so many images of the pieces."
    for x, y in pieces:
        yield x[:count], y[:count]
        count -= len(x)


def written(folder, count):
    "The folder of a set of sketches, drawn now if it is not there yet; seconds it took."
    from fashion_cnn.data import save_arrays
    from fashion_cnn.sketch import CLASS_NAMES
    place, began = folder / f"sketches-{count}", time.perf_counter()
    if not place.exists(): save_arrays(cut(pieces(count), count), place, class_names=CLASS_NAMES)
    return place, time.perf_counter() - began


def memory(process):
    "RssAnon, RssFile and VmHWM of a process in MB; nothing where it has ended or this is not Linux."
    try: lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError: return {}
    return {name: int(value.split()[0]) / 1000 for name, _, value in (line.partition(":") for line in lines)
            if name in ("RssAnon", "RssFile", "VmHWM")}


def forget(place):
    "Ask the system to drop a file from its cache, so that it is read from the disk again."
    with open(place / "x.npy", "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measured(place):
    "What the child says, and its largest memory."
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(place)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    peak = {}
    while child.poll() is None:
        peak = {name: max(value, peak.get(name, 0)) for name, value in memory(child.pid).items()} or peak
        time.sleep(0.1)
    if child.returncode: raise SystemExit(f"training on {place.name} failed with exit code {child.returncode}")
    return {**json.loads(child.stdout.read().splitlines()[-1]), **peak}


def row(size, found, pace, place):
    "One line of the table."
    middle = {name: statistics.median(each[name] for each in found) for name in found[0]}
    own = statistics.median(each["seconds"] / each["images"] for each in found)
    return {"images": f"{size:,}", "MB on disk": f"{(place / 'x.npy').stat().st_size / 1e6:,.0f}",
            "training images": f"{found[0]['train']:,}", "load s": f"{middle['load']:.2f}",
            "epoch s": f"{own * found[0]['train']:.1f}", "us an image": f"{1e6 * own:.1f}",
            "to 60,000": f"{own / pace:.3f}" if pace else "-", "load to judged s": f"{middle['all']:.0f}",
            "RssAnon MB": f"{middle.get('RssAnon', 0):,.0f}", "RssFile MB": f"{middle.get('RssFile', 0):,.0f}",
            "VmHWM MB": f"{middle.get('VmHWM', 0):,.0f}", "test accuracy": f"{middle['accuracy']:.4f}"}


def main():
    parser = results.arguments(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of images (default: 6000 60000 600000 2000000)")
    parser.add_argument("--cold", action="store_true", help="drop the files from the system's cache before each process reads them")
    parser.add_argument("--folder", type=Path, help="where the sketches are written (default: a temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the sketches, and use those of an earlier run with --folder")
    asked = parser.parse_args()
    if asked.quick: asked.sizes, asked.repeats = [2_000, 8_000], 1
    folder = Path(tempfile.mkdtemp(prefix="growth-", dir=asked.folder)) if not (asked.keep and asked.folder) else asked.folder
    try: measure(asked, folder)
    finally:
        if not asked.keep: shutil.rmtree(folder, ignore_errors=True)


def measure(asked, folder):
    report = results.Report("Data sets larger than memory", ["keras", "tensorflow", "numpy"], asked)
    places = {}
    for size in asked.sizes:
        places[size], seconds = written(folder, size)
        print(f"{size:,} sketches drawn and written in {seconds:.0f} s", flush=True)
    found = {size: [] for size in asked.sizes}
    for turn in range(asked.repeats):
        for size in asked.sizes:
            if asked.cold: forget(places[size])
            found[size].append(measured(places[size]))
            print(f"turn {turn + 1}: {size:,} images, {1e6 * found[size][-1]['seconds'] / found[size][-1]['images']:.1f} us an image", flush=True)
    told(report, asked, found, places)
    report.write()


def told(report, asked, found, places):
    "The table, and what it says about the bars."
    small, large = (60_000 if 60_000 in found else min(found)), max(found)
    per_image = lambda size: statistics.median(each["seconds"] / each["images"] for each in found[size])
    report.text(f"`train` on sketches mapped from disk: `brief` with 8 filters and 32 units, batches of {BATCH}, one epoch, load to judged; medians of "
                f"{asked.repeats} fresh processes for each size, in turns{'; files dropped from the cache before' if asked.cold else ''}. "
                "RssAnon is memory that only this process can give back; RssFile counts pages of files, images among them, that the "
                "system drops when it needs room.")
    report.table([row(size, found[size], per_image(small), places[size]) for size in found])
    pace = max(per_image(size) / per_image(small) for size in found if size >= small)
    slowest = min(per_image(size) / per_image(small) for size in found if size >= small)
    more = [statistics.median(each.get("RssAnon", 0) for each in found[size]) for size in (large, small)]
    report.text(f"From {small:,} to {large:,} images: time an image {slowest:.3f} to {pace:.3f} times that of {small:,} (bar: 0.90 to {PACE:.2f}), "
                f"memory {more[0] - more[1]:+.0f} MB (bar: +{GROWTH} MB).")


if __name__ == "__main__":
    main()
