"""Writes the library that opens ONNX files beside the pages, for a site that asks no other server: onnxruntime-web, from npm.

    python tools/onnxruntime_web.py [folder]             (without a folder: nbs/live/ort)

Fourteen megabytes, so not kept in the repository; a page loads them only where a visitor opens a model. Without npm, or without a
way to its registry, nothing is written, and the page says that it cannot open models.
"""
import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from pages import ROOT

PACKAGE = "onnxruntime-web@1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")


def fetch(folder):
    "The package as a file in a folder, or None where npm cannot get it."
    if not shutil.which("npm"):
        return None
    command = ["npm", "pack", "--silent", "--fetch-timeout=60000", "--fetch-retries=1", PACKAGE]
    try: done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired: return None
    return next(Path(folder).glob("*.tgz"), None) if done.returncode == 0 else None


def check(package):
    "Refuse a package that is not the very one that was tested."
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != SHA512:
        raise ValueError(f"{PACKAGE} is another file than the one that was tested; nothing is written. Received: sha512-{found}")


def write(folder=ROOT / "nbs" / "live" / "ort"):
    "Write the two files into a folder; gives their paths, none where npm cannot get the package."
    folder = Path(folder)
    with tempfile.TemporaryDirectory() as place:
        package = fetch(place)
        if package is None:
            return []
        check(package)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(package) as archive:
            for name in FILES:
                (folder / name).write_bytes(archive.extractfile(f"package/dist/{name}").read())
    return [folder / name for name in FILES]


if __name__ == "__main__":
    written = write(*sys.argv[1:])
    print(", ".join(f"{path.name}: {path.stat().st_size / 1000:.0f} kB" for path in written)
          or f"{PACKAGE} is not there (it needs npm and its registry): the page cannot open models, and says so")
