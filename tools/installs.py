"""Install as people do: a wheel and a source archive, into clean environments, used from another folder.

    python tools/installs.py [PYTHON ...] [--uv] [--extras EXTRA ...] [--folder FOLDER]

Without a name of a Python, the one that runs this. With --uv, uv makes the environments and installs, from the source archive;
else venv and pip do, from the wheel. What is built is checked by twine, and stays in FOLDER (default: dist).
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import ROOT, settings

VERSION = settings()["version"]
USES = '''
import sys
from pathlib import Path
import fashion_cnn
from fashion_cnn.report import report
from fashion_cnn.run import recorded
runs = recorded()
first = recorded("hw2-cnn")[0]
assert Path(fashion_cnn.__file__).is_relative_to(Path(sys.prefix).resolve()), fashion_cnn.__file__
assert f"Written by fashion_cnn {fashion_cnn.__version__}." in report(first)
assert not {"tensorflow", "keras"} & sys.modules.keys()
print(f"   {len(runs)} recorded runs, and a report of one")
'''
EXTRAS = {
    "imagenet": 'from fashion_cnn.transfer import pretrained; '
                'print("  ", pretrained("efficientnet-lite0", size=64).count_params(), "weights of ImageNet")',
    "onnx": 'from fashion_cnn.run import load_run; from fashion_cnn.export import export; '
            'print("  ", export(load_run("runs/demo"), "onnx"))'}


def run(*words, cwd):
    "What a command prints; where it fails, say which one and what it said."
    done = subprocess.run([*map(str, words)], cwd=cwd, text=True, capture_output=True, stdin=subprocess.DEVNULL,
                          env=plain_environment())
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))[:300]}\nfailed with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def plain_environment():
    "The variables of this process without those that would let another copy of the library in."
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "FASHION_CNN"))}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3"}


def build(folder):
    "Wheel and source archive, checked: (wheel, archive)."
    for path in folder.glob("fashion_cnn-*"):
        path.unlink()
    with tempfile.TemporaryDirectory() as copy:    # so that nothing is left in the tree, and nothing from it comes along
        files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                               capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, files):
            if not (ROOT / name).is_file():
                continue
            (Path(copy) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, Path(copy) / name)
        run(sys.executable, "-m", "build", "--outdir", folder.resolve(), copy, cwd=copy)
    run(sys.executable, "-m", "twine", "check", "--strict", *folder.glob("fashion_cnn-*"), cwd=folder)
    wheel, = folder.glob("*.whl")
    archive, = folder.glob("*.tar.gz")
    return wheel.resolve(), archive.resolve()


def environment(python, folder, with_uv):
    "A clean environment; gives the words before what is to be installed, and the folder of its programs."
    if with_uv:
        run("uv", "venv", "--quiet", "--python", python, folder, cwd=folder.parent)
        installer = ["uv", "pip", "install", "--quiet", "--python", folder]
    else:
        run(python, "-m", "venv", folder, cwd=folder.parent)
        installer = [folder / ("Scripts" if os.name == "nt" else "bin") / "python", "-m", "pip", "install", "--quiet"]
    return installer, folder / ("Scripts" if os.name == "nt" else "bin")


def check(python, package, extras=(), with_uv=False):
    "Install a package into a clean environment of a Python, and use it from a folder of its own."
    start = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        installer, programs = environment(python, Path(folder).resolve() / "environment", with_uv)
        elsewhere = Path(folder) / "elsewhere"
        elsewhere.mkdir()
        run(*installer, f"{package}{'[' + ','.join(extras) + ']' if extras else ''}", cwd=elsewhere)
        version = run(programs / "python", "-V", cwd=elsewhere).strip()
        print(f"== {version}, {'uv' if with_uv else 'pip'}, {package.name} {' '.join(extras)}", flush=True)
        said = run(programs / "fashion-cnn", "--version", cwd=elsewhere).strip()
        assert said == f"fashion-cnn {VERSION}", said
        print(run(programs / "python", "-c", USES, cwd=elsewhere), end="", flush=True)
        run(programs / "python", "-m", "fashion_cnn", "demo", "--data", "sketch", "--limit", "1000", "--epochs", "1", cwd=elsewhere)
        assert (elsewhere / "runs" / "demo" / "report.html").stat().st_size > 100_000
        for extra in extras:
            print(run(programs / "python", "-c", EXTRAS[extra], cwd=elsewhere), end="", flush=True)
        print(f"   installed, and the demo wrote its report: {time.monotonic() - start:.0f} s", flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON")
    words.add_argument("--uv", action="store_true", help="uv and the source archive, instead of pip and the wheel")
    words.add_argument("--extras", nargs="+", default=[], choices=sorted(EXTRAS), help="also install and use these")
    words.add_argument("--folder", type=Path, default=ROOT / "dist", help="where what is built stays")
    given = words.parse_args()
    given.folder.mkdir(exist_ok=True)
    wheel, archive = build(given.folder)
    print(f"{wheel.name} {wheel.stat().st_size / 1e6:.1f} MB, {archive.name} {archive.stat().st_size / 1e6:.1f} MB", flush=True)
    for python in given.pythons:
        check(python, archive if given.uv else wheel, given.extras, given.uv)


if __name__ == "__main__":
    main()
