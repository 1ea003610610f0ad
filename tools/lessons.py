"""Run lessons with the packages of the Python that runs this, and note when that was, and with which versions.

    python tools/lessons.py [LESSON ...] [--full] [--note PLACE] [--out FOLDER]

Without a lesson, all nine; a lesson is its number. Quick mode, as under test, or with --full as a student runs it, on the real
data. With --note the date, the place and the versions go into nbs/course/last_run.json, from which tools/process.py takes the
line on the lesson's page: only what was run says so. The environment needs nbclient, ipykernel and the library, no nbdev.
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


def run(path, full, out=None):
    "Run a notebook from top to bottom, without changing it; gives what went wrong, or None."
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
    words.add_argument("--out", metavar="FOLDER", help="keep the notebooks that ran, with their outputs")
    given = words.parse_args()
    os.environ |= {"FASHION_CNN_QUICK": "" if given.full else "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    found, day, failed = versions(), datetime.date.today().isoformat(), []
    print(", ".join(f"{name} {version}" for name, version in found.items()), flush=True)
    for path in lessons(given.lessons):
        start = time.monotonic()
        error = run(path, given.full, given.out)
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
