"""README.md from nbs/index.ipynb, readable on GitHub.

    python tools/readme.py            write        python tools/readme.py --check     fail if they are out of step
"""
import re
import shutil
import sys
from pathlib import PurePosixPath

import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

from pages import ROOT, directives, is_hidden, without_directives

NOTE = "<!-- Written by `make address` from nbs/index.ipynb: change that notebook, not this file. -->\n\n"
FIGURES = "README_files"
PRIORITY = ["text/markdown", "image/png", "text/plain"]


def from_root(match):
    "A link that works from nbs/, as one that works from the top of the repository."
    target = match[2]
    if re.match(r"[a-z]+:|#|/", target) or target.startswith(FIGURES):
        return match[0]
    parts = []
    for part in ("nbs" / PurePosixPath(target)).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return f"{match[1]}{'/'.join(parts)})"


def is_explorer(cell):
    "Whether a cell shows an explorer: it moves on the site only, so README.md leaves it out, and the cell that introduces it."
    shown = "".join("".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", []))
    return "data-explorer=" in shown or "data-live=" in shown


def convert(root=ROOT):
    "README.md as text, and its figures: {file name: bytes}."
    nb = nbformat.read(root / "nbs" / "index.ipynb", as_version=4)
    nb.cells = [cell for cell in nb.cells if not is_hidden(cell) and cell.source.strip()]
    moving = {at for at, cell in enumerate(nb.cells) if is_explorer(cell)}
    nb.cells = [cell for at, cell in enumerate(nb.cells) if not {at, at + 1} & moving]
    described = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            words = directives(cell.source)
            cell.metadata["transient"] = {"remove_source": words.get("echo") == "false"}
            described += [words.get("fig-alt", "").strip("\"'") for out in cell.outputs if "image/png" in out.get("data", {})]
            cell.source = without_directives(cell.source)
    nb.metadata["language_info"] = {"name": "python"}
    exporter = MarkdownExporter(config=Config(NbConvertBase={"display_data_priority": PRIORITY}))
    text, resources = exporter.from_notebook_node(nb, {"output_files_dir": FIGURES, "unique_key": "figure"})
    for alt in described:
        text = text.replace("![png](", f"![{alt}](", 1)
    lines, fenced = [], False
    for line in text.strip().splitlines():
        fenced ^= line.startswith("```")
        lines.append(line.rstrip() if fenced else re.sub(r"(\]\()([^)\s]+)\)", from_root, line).rstrip())
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
    return NOTE + text + "\n", {name: data for name, data in resources["outputs"].items()}


def out_of_step(root=ROOT):
    "Whether README.md or one of its figures is not what the notebook gives."
    text, figures = convert(root)
    wanted = {"README.md": text.encode(), **figures}
    return [name for name, data in wanted.items()
            if not (root / name).exists() or (root / name).read_bytes() != data]


def write(root=ROOT):
    text, figures = convert(root)
    shutil.rmtree(root / FIGURES, ignore_errors=True)
    (root / "README.md").write_text(text, encoding="utf-8")
    for name, data in figures.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        write()
    elif found := out_of_step():
        sys.exit(f"out of step with nbs/index.ipynb: {', '.join(found)}\n`make address` puts that right.")
    else:
        print("   README.md is nbs/index.ipynb")
