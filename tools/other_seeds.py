"""Do a lesson's claims hold for other seeds? Runs lessons in full with every seed moved, and lists the checks that fail:
python tools/other_seeds.py 10 nbs/course/03_augmentation.ipynb ...     (seeds 0, 1, 2 become 10, 11, 12)

Nothing is written. A cell of a lesson whose claim depends on luck fails its hidden check."""
import ast
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

DRAWING = {"default_rng", "set_random_seed"}   # functions whose first argument is a seed


class Moved(ast.NodeTransformer):
    "Adds a number to every seed of a cell."

    def __init__(self, by): self.by = by

    def constant(self, node):
        "A whole number, moved; anything else as it is."
        is_number = isinstance(node, ast.Constant) and type(node.value) is int
        return ast.Constant(node.value + self.by) if is_number else node

    def first(self, node):
        "The same, or the first number of a list: default_rng([0, epoch])."
        if isinstance(node, ast.List): return ast.List([self.constant(node.elts[0]), *node.elts[1:]], node.ctx)
        return self.constant(node)

    def visit_List(self, node):
        "The list of seeds [0, 1, 2]."
        numbers = [getattr(each, "value", None) for each in node.elts]
        return ast.List([self.constant(each) for each in node.elts], node.ctx) if numbers == [0, 1, 2] else self.generic_visit(node)

    def visit_comprehension(self, node):
        "for seed in range(3)."
        if getattr(node.target, "id", "") == "seed": node.iter = self.range(node.iter)
        return self.generic_visit(node)

    def visit_For(self, node):
        if getattr(node.target, "id", "") == "seed": node.iter = self.range(node.iter)
        return self.generic_visit(node)

    def range(self, node):
        "range(3) and range(3, 6), moved."
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range"): return node
        ends = node.args if len(node.args) > 1 else [ast.Constant(0), *node.args]
        return ast.Call(node.func, [self.constant(end) for end in ends], [])

    def visit_arguments(self, node):
        "Defaults: def trained(loss, seed=0)."
        names = [each.arg for each in node.args][len(node.args) - len(node.defaults):]
        node.defaults = [self.constant(value) if name == "seed" else self.visit(value) for name, value in zip(names, node.defaults)]
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in DRAWING and node.args: node.args[0] = self.first(node.args[0])
        if name == "trained": node.args = [self.range(each) for each in node.args]
        if name == "train_seeds" and len(node.args) == 2: node.args.append(self.visit(ast.parse("[0, 1, 2]", mode="eval").body))
        for keyword in node.keywords:
            if keyword.arg == "seed": keyword.value = self.constant(keyword.value)
        if name == "Recipe" and "seed" not in [keyword.arg for keyword in node.keywords]:
            node.keywords.append(ast.keyword("seed", ast.Constant(self.by)))
        return node


def moved(source, by):
    "The source of a cell with its seeds moved; magic commands stay as they are."
    if any(line.startswith(("%", "!")) for line in source.splitlines()): return source
    return ast.unparse(Moved(by).visit(ast.parse(source)))


def failures(path, by):
    "[(cell, what it says)] of a full run with other seeds."
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code": cell.source = moved(cell.source, by)
    NotebookClient(notebook, timeout=7200, allow_errors=True, resources={"metadata": {"path": str(Path(path).parent)}}).execute()
    return [(cell.id, f"{output.ename}: {output.evalue}", cell.source) for cell in notebook.cells if cell.cell_type == "code"
            for output in cell.outputs if output.output_type == "error"]


def main(by, *paths):
    failed = 0
    for path in paths:
        began = time.monotonic()
        found = failures(path, int(by))
        print(f"{path}, seeds moved by {by}: {len(found)} cells fail, {time.monotonic() - began:.0f} s", flush=True)
        for cell, said, source in found: print(f"  {cell}: {said[:300]}\n    " + source.replace("\n", "\n    "), flush=True)
        failed += len(found)
    return int(failed > 0)


if __name__ == "__main__": sys.exit(main(*sys.argv[1:]))
