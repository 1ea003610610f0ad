"""Test accuracy after so many minutes of two cores: python benchmarks/minutes.py CONTENDER [--minutes 1]

CONTENDER is a Python file, such as benchmarks/contenders/plain_keras.py, that defines

    def answers(images, labels, unlabelled, seed):
        "Train on images, uint8 (60000, 28, 28, 1), with labels, int64 (60000,); classify unlabelled, uint8 (10000, 28, 28, 1)."
        return classes    # integers 0 to 9, (10000,)

The page `A minute on two cores` has the rules. The clock runs from the start of the process until its answers lie in a file: imports,
reading the images, compiling, training and answering all count. The process is bound to two cores, sees no graphics processor, and is
refused if it and all that it started took more processor time than two cores have; what it leaves running is ended. It is given neither
the test labels nor the folder they lie in, and each seed has a folder of its own. Before and after each seed a fixed training in plain
Keras runs on the same two cores; seconds are also given as multiples of the lesser of these two, which compare processors roughly. It has
a process of its own, since a contender could leave the one it ran in slower than it found it.

A finished seed is one line of minutes.jsonl in --out: started again, on the same kind of machine, what is there is not run again. A seed
that ended otherwise has a line, too, and counts as an attempt. Without a contender all lines are put into one table. Needs a system that binds a process to cores (Linux), and FASHION_CNN_DATA or a connection.
"""
import ctypes
import hashlib
import importlib.util
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import results    # the package is imported where it is needed: a contender's process starts without it

HERE, CORES, SEEDS = Path(__file__).parent, 2, (0, 1, 2, 3, 4)
AS_IT_CAME = dict(os.environ)    # importing the package changes what TensorFlow is asked for, which is no business of a contender's
GRACE = 3    # a contender is stopped when it has taken so many times its minutes
PLAIN = str(HERE / "contenders" / "plain_keras.py")
ADOPT = 36    # Linux' PR_SET_CHILD_SUBREAPER: whoever loses its parent becomes a child of this process
ALIKE = 0.985    # correlation of pixels from which a test image counts as a near-duplicate of a training image


# In the contender's process

def answers_of(path):
    "The function `answers` that a file defines."
    specification = importlib.util.spec_from_file_location("contender", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["contender"] = module
    specification.loader.exec_module(module)
    return module.answers


def contend(contender, folder, seed):
    "Train and answer; everything here is on the clock."
    answers = answers_of(contender)
    given = [np.load(Path(folder) / f"{name}.npy") for name in ("images", "labels", "unlabelled")]
    np.save(Path(folder) / "answers.npy", np.asarray(answers(*given, seed)))


def plain_keras(folder):
    "The fixed training: two epochs of 6,400 images, after one that compiles and does not count."
    import keras
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
                              layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    images, labels = (np.load(Path(folder) / f"{name}.npy")[:6_400] for name in ("images", "labels"))
    model.fit(images, labels, batch_size=128, verbose=0)
    began = time.perf_counter()
    model.fit(images, labels, batch_size=128, epochs=2, verbose=0)
    print(f"@{time.perf_counter() - began}")


# In the process that measures

def two_cores():
    "The cores that everybody is bound to: the first two that this process may use."
    if not hasattr(os, "sched_setaffinity"): sys.exit("This system cannot bind a process to cores, so nothing measured here would count: use Linux.")
    there = sorted(os.sched_getaffinity(0))
    if len(there) < CORES: sys.exit(f"The rules name {CORES} cores, and this process may use {len(there)}.")
    return there[:CORES]


def bound(words, cores, folder, **options):
    "A Python process on these cores and in this folder, leader of its own group, without graphics processors and without the data's folder."
    environment = {**AS_IT_CAME, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
                   "CUDA_VISIBLE_DEVICES": "-1", "TMPDIR": str(folder)}
    environment.pop("FASHION_CNN_DATA", None)
    return subprocess.Popen([sys.executable, __file__, *map(str, words)], env=environment, start_new_session=True, cwd=folder,
                            preexec_fn=lambda: os.sched_setaffinity(0, cores), **options)


def plain_seconds(folder, cores):
    "How long the fixed training takes now."
    process = bound(["--plain", folder], cores, folder, stdout=subprocess.PIPE, text=True)
    said = process.communicate()[0]
    if process.returncode: raise SystemExit(f"The fixed training in plain Keras ended with exit code {process.returncode}; is Keras installed?")
    return float(said.rpartition("@")[2])


def children():
    "The processes that are children of this one."
    return {int(number) for thread in Path("/proc/self/task").iterdir() for number in (thread / "children").read_text().split()}


def end_all_but(there):
    "End all children but these, and whoever they leave behind."
    while left := children() - there:
        for number in left:
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)


def processor_seconds():
    "What all processes took that this one has waited for."
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def one_seed(contender, folder, seed, cores, minutes):
    "Seconds and processor seconds of one training, and its answers; or why there are none."
    ctypes.CDLL(None).prctl(ADOPT, 1)
    there, used = children(), processor_seconds()
    with tempfile.TemporaryDirectory() as own:
        for file in Path(folder).glob("*.npy"): shutil.copy(file, own)
        began = time.perf_counter()
        process = bound(["--child", Path(contender).resolve(), own, seed], cores, own)
        try: code = process.wait(timeout=GRACE * 60 * minutes)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{contender}, seed {seed}: stopped after {GRACE} times {minutes:g} minutes.") from None
        finally:
            seconds = time.perf_counter() - began
            process.kill()
            process.wait()
            end_all_but(there)
        path = Path(own) / "answers.npy"
        if code or not path.is_file(): raise SystemExit(f"{contender}, seed {seed}: it ended with exit code {code} and {'no' if not path.is_file() else 'some'} answers.")
        return seconds, processor_seconds() - used, np.load(path)


def checked_answers(found, images, classes):
    "Answers as integers (N,); what is none of the classes is refused."
    if found.shape != (images,) or not np.issubdtype(found.dtype, np.integer) or not np.isin(found, np.arange(classes)).all():
        raise SystemExit(f"answers must be {images:,} integers from 0 to {classes - 1}. Received: {found.dtype} of shape {found.shape}")
    return found.astype("uint8")


def checked_processor_time(used, seconds):
    "Refuse what more than two cores computed."
    if used > 1.02 * CORES * seconds: raise SystemExit(f"{CORES} cores have {CORES * seconds:.0f} s of processor time in {seconds:.0f} s, and {used:.0f} s were used.")


def fingerprint(contender):
    "A checksum of a contender's file."
    return hashlib.sha256(Path(contender).read_bytes()).hexdigest()[:16]


def measure(contender, data, asked):
    "Whatever seeds are missing, each between two runs of the fixed training."
    from fashion_cnn.run import pack
    cores, path = two_cores(), asked.out / "minutes.jsonl"
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, array in {"images": data.train.x, "labels": data.train.y, "unlabelled": data.test.x}.items(): np.save(Path(folder) / f"{name}.npy", array)
        plain = None
        for seed in asked.seeds:
            key = {"contender": Path(contender).name, "is": fingerprint(contender), "seed": seed, "minutes": asked.minutes, "machine": results.machine(),
                   "data": data.test.fingerprint}
            if any(line["key"] == key and "answers" in line for line in results.lines(path)): continue
            before = plain or plain_seconds(folder, cores)
            try:
                seconds, used, found = one_seed(contender, folder, seed, cores, asked.minutes)
                checked_processor_time(used, seconds)
                found = checked_answers(found, len(data.test), data.classes)
            except SystemExit as reason:
                results.append(path, {"key": key, "ended": str(reason)})
                raise
            plain = plain_seconds(folder, cores)
            line = {"key": key, "seconds": round(seconds, 2), "processor seconds": round(used, 1), "plain": [round(before, 3), round(plain, 3)],
                    "accuracy": float((found == data.test.y).mean()), "versions": results.versions("fashion_cnn", "keras", "tensorflow"), "answers": pack(found)}
            results.append(path, line)
            print(f"{key['contender']}, seed {seed}: {seconds:.1f} s, {100 * (found == data.test.y).mean():.2f} % of {len(found):,} test images", flush=True)


def evaluations(lines, data, kept):
    "What the answers of each seed are worth on the test images that are kept."
    from fashion_cnn.evaluate import Evaluation
    from fashion_cnn.run import unpack
    labels, certain = data.test.y[kept], np.eye(data.classes, dtype="float32")
    return [Evaluation(labels, certain[unpack(line["answers"])[kept]], data.class_names, split="test") for line in lines]


def shown_accuracy(lines, data, kept):
    "Mean accuracy of the seeds in per cent, with its 95 % interval by images and seeds."
    from fashion_cnn.compare import accuracy_interval
    found = evaluations(lines, data, kept)
    low, high = accuracy_interval(found)
    return f"{100 * statistics.mean(each.accuracy for each in found):.2f} ({100 * low:.2f} to {100 * high:.2f})"


def shown_seeds(group, attempts):
    "How many seeds, which if they are not those of the rules, and how often it was tried if not each ended well."
    seeds = sorted(line["key"]["seed"] for line in group)
    text = str(len(seeds)) if seeds == list(SEEDS) else ", ".join(map(str, seeds)) + f" only, not 0 to {SEEDS[-1]}"
    return text + f", in {len(attempts)} attempts" * (len(attempts) > len(group))


def rows(lines, data, near):
    "The table: a row for each contender and kind of machine."
    groups = {}
    for line in lines:
        key = line["key"]
        if key["data"] == data.test.fingerprint: groups.setdefault((key["minutes"], key["contender"], key["is"], key["machine"]), []).append(line)
    for (minutes, contender, _, machine), attempts in sorted(groups.items()):
        group = [line for line in attempts if "answers" in line]
        if not group: continue
        seconds = [line["seconds"] for line in group]
        within = sum(each <= 60 * minutes for each in seconds)
        yield {"contender": contender, "minutes": f"{minutes:g}", "machine": machine, "seeds": shown_seeds(group, attempts),
               "test accuracy % (95 %)": shown_accuracy(group, data, np.full(len(data.test), True)),
               "without near-duplicates": shown_accuracy(group, data, ~near), "seconds": f"{statistics.mean(seconds):.1f} (at most {max(seconds):.1f})",
               "plain Keras = 1": f"{statistics.mean(line['seconds'] / min(line['plain']) for line in group):.2f}",
               "in time": "all" if within == len(group) else f"{within} of {len(group)}"}


def main():
    if sys.argv[1:2] == ["--child"]: return contend(*sys.argv[2:4], int(sys.argv[4]))
    if sys.argv[1:2] == ["--plain"]: return plain_keras(sys.argv[2])
    parser = results.arguments(__doc__, repeats=None)
    parser.add_argument("contender", nargs="?", help="a Python file; without one, the table of all that is finished")
    parser.add_argument("--minutes", type=float, default=1, help="the class it runs in (default 1; the page has 1 and 10)")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="default 0 1 2 3 4, which the rules ask for")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of minutes.jsonl (default: beside this script)")
    asked = parser.parse_args()
    from fashion_cnn.data import load, nearest_images
    if asked.quick: asked.seeds, asked.out = [0], Path(tempfile.mkdtemp())
    data = load("sketch" if asked.quick else "fashion-mnist", validation_split=0, **({"limit": 2000} if asked.quick else {}))
    report = results.Report("So many minutes of two cores", ["keras", "tensorflow", "numpy"], asked)
    if asked.contender or asked.quick: measure(asked.contender or PLAIN, data, asked)
    near = nearest_images(data.test, data.train)["correlation"].to_numpy() >= ALIKE
    lines = results.lines(asked.out / "minutes.jsonl")
    if not lines: sys.exit(f"Nothing is finished yet: name a contender, such as {PLAIN}")
    report.text(f"{data.source}, {len(data.train):,} images to train on, {len(data.test):,} test images, of which {near.sum():,} are near-duplicates of a training image "
                f"(pixels correlated by {ALIKE} or more).")
    report.table(list(rows(lines, data, near)))
    report.write()


if __name__ == "__main__":
    sys.exit(main())
