"Benchmarks: what they share, and that the figures in RESULTS.md come from runs. The measurements themselves are `make bench`."
import argparse
import ast
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import results  # noqa: E402


def test_a_section_replaces_its_older_self_and_no_other(tmp_path):
    path = tmp_path / "RESULTS.md"
    results.write_section(path, "step", "## Steps\n\n| a |\n|---|\n| 1 |")
    results.write_section(path, "start", "## Start\n\nfirst")
    results.write_section(path, "start", "## Start\n\nsecond")
    assert results.sections(path) == {"step": "## Steps\n\n| a |\n|---|\n| 1 |", "start": "## Start\n\nsecond"}
    assert path.read_text().startswith(results.TOP) and path.read_text().index("Steps") < path.read_text().index("Start")
    assert [each.name for each in tmp_path.iterdir()] == ["RESULTS.md"]


def test_a_quick_run_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(sys, "argv", ["/somewhere/else/step.py", "--quick", "/a/folder/of/this/machine"])
    for quick in (True, False):
        report = results.Report("A title", ["numpy", "no-such-package"], argparse.Namespace(quick=quick, results=None))
        report.table([{"what": "one", "ms": "1.5"}, {"what": "another", "ms": "22.0"}])
        report.write()
        assert (tmp_path / "RESULTS.md").exists() is not quick
    text = results.sections(tmp_path / "RESULTS.md")["step"]
    assert "| another | 22.0 |" in text and "|---------|-----:|" in text and "no no-such-package" in text
    assert "`python benchmarks/step.py --quick machine`" in text and "/a/folder" not in text


@pytest.mark.parametrize("script", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_every_script_says_what_it_is(script):
    assert ast.get_docstring(ast.parse((BENCHMARKS / f"{script}.py").read_text()))
