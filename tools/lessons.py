"""Run lessons with the packages of the Python that runs this, and note when that was, and with which versions.

    python tools/lessons.py [LESSON ...] [--full] [--note PLACE] [--seconds] [--out FOLDER]

Without a lesson, all nine; a lesson is its number. Quick mode, as under test, or with --full as a student runs it, on the real
data. With --note the date, the place and the versions go into nbs/course/last_run.json, from which tools/process.py takes the
line on the lesson's page: only what was run says so. With --full --seconds each section that keeps a reader waiting says below
its heading, in the notebook, for how long. The environment needs nbclient, ipykernel and the library, no nbdev.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT / "nbs" / "course"
NOTES = COURSE / "last_run.json"
PACKAGES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch", "keras": "Keras", "numpy": "NumPy",
            "matplotlib": "Matplotlib", "scikit-learn": "scikit-learn", "ipywidgets": "ipywidgets"}
NEVER = re.compile(r"^#\s*\|\s*eval:\s*false\b", flags=re.MULTILINE)
RUNS = r"\*Runs [^*]*\*"    # how long a section runs, below its heading
ONLY_IN_FULL = re.compile(r"^#\s*\|\s*full\b", flags=re.MULTILINE)


def lessons(numbers=()):
    "The notebooks of these lessons, or of all."
    found = sorted(COURSE.glob("*.ipynb"))
    return [path for path in found if not numbers or int(path.name[:2]) in numbers]


def versions():
    "The packages that a lesson stands on, in words: of frameworks only the one that computes."
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    unused = {"tensorflow", "jax", "torch"} - {backend}
    found = {"Python": platform.python_version()}
    for package, name in PACKAGES.items():
        if package not in unused:
            found[name] = importlib.metadata.version(package)
    return found


def runs(cell, full):
    "Whether a cell is run: as nbdev-test decides."
    return cell.cell_type != "code" or not (NEVER.search(cell.source) or not full and ONLY_IN_FULL.search(cell.source))


def cell_seconds(cell):
    "How long a cell ran."
    times = [cell.metadata.get("execution", {}).get(name) for name in ("iopub.execute_input", "shell.execute_reply")]
    if not all(times):
        return 0.0
    began, ended = (datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) for time in times)
    return (ended - began).total_seconds()


def section_seconds(notebook):
    "The seconds of each section of a notebook that has run, by its heading."
    found, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^## +(.+?) *$", cell.source, flags=re.MULTILINE) or [heading])[-1]
        found[heading] = found.get(heading, 0.0) + cell_seconds(cell)
    return found


def running_time(seconds):
    "How long a section runs, in words; nothing where nobody waits for it."
    if seconds < 8:
        return ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{max(10, round(seconds, -1)):.0f} seconds" if seconds < 95 else f"{seconds / 60:.0f} minutes"
    return f"*Runs {text} on {cores} cores.*"


def say_seconds(path, found):
    "Below each heading of a notebook write how long its section runs, instead of what stands there."
    import nbformat
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for heading in found if cell.cell_type == "markdown" else ():
            words = running_time(found[heading])
            below = rf"(^## +{re.escape(heading)} *$)(\n\n{RUNS})?"
            cell.source = re.sub(below, rf"\1\n\n{words}" if words else r"\1", cell.source, flags=re.MULTILINE)
    nbformat.write(notebook, path)


def run(path, full, out=None, seconds=False):
    "Run a notebook from top to bottom; gives what went wrong, or None. Only `seconds` changes it."
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if runs(cell, full)]
    try:
        NotebookClient(notebook, timeout=3600, kernel_name="python3", resources={"metadata": {"path": path.parent}}).execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()
    finally:
        if out:
            nbformat.write(notebook, Path(out) / path.name)
    if seconds:
        say_seconds(path, section_seconds(notebook))
    return None


def note(notes, name, place, day, found, error):
    "The notes with one more run: a failure leaves the last success where it is, and stands beside it."
    old = notes.get(name, {})
    if error:
        return {**notes, name: {**old, "failed": {"date": day, "place": place, "versions": found}}}
    return {**notes, name: {"date": day, "place": place, "versions": found}}


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("lessons", nargs="*", type=int, metavar="LESSON", help="its number (default: all)")
    words.add_argument("--full", action="store_true", help="on the real data, as a student runs it")
    words.add_argument("--note", metavar="PLACE", help="write down when and where they ran")
    words.add_argument("--seconds", action="store_true", help="with --full: write below each heading how long its section runs")
    words.add_argument("--out", metavar="FOLDER", help="keep the notebooks that ran, with their outputs")
    given = words.parse_args()
    if given.seconds and not given.full:
        words.error("--seconds are those of a full run: add --full")
    os.environ |= {"FASHION_CNN_QUICK": "" if given.full else "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    found, day, failed = versions(), datetime.date.today().isoformat(), []
    print(", ".join(f"{name} {version}" for name, version in found.items()), flush=True)
    for path in lessons(given.lessons):
        start = time.monotonic()
        error = run(path, given.full, given.out, given.seconds)
        failed += [path.stem] if error else []
        print(f"   {path.name}: {'FAILED' if error else 'passed'}, {time.monotonic() - start:.0f} s", flush=True)
        if error:
            print(error, file=sys.stderr, flush=True)
        if given.note:
            notes = note(json.loads(NOTES.read_text(encoding="utf-8")), path.name, given.note, day, found, error)
            NOTES.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
