"""Writes the plotting library of the in-page explorers beside them, for a site that asks no other server.

    python tools/vega.py [folder]             (without a folder: nbs/explorers)
"""
import sys
from pathlib import Path

from pages import ROOT


def bundle():
    "Vega, Vega-Lite and Vega-Embed as one script, from the package vl-convert-python, which fixes their versions."
    import altair
    import vl_convert
    return vl_convert.javascript_bundle(vl_version=altair.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0])


def write(folder=ROOT / "nbs" / "explorers"):
    "Write vega.js into a folder; gives its path."
    path = Path(folder) / "vega.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bundle(), encoding="utf-8")
    return path


if __name__ == "__main__":
    path = write(*sys.argv[1:])
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
