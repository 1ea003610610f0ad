"The command `fashion-cnn` as a shell sees it: output, errors, exit codes, files."
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fashion_cnn import recipes
from fashion_cnn.cli import main
from fashion_cnn.data import load
from fashion_cnn.compare import compare
from fashion_cnn.run import Run, recorded

COMMAND = [sys.executable, "-c", "from fashion_cnn.cli import main; raise SystemExit(main())"]
TINY = ["--data", "sketch", "--limit", "150", "--epochs", "1"]


def shell(*words, **environment):
    "Run the command in a process of its own, with no data at hand."
    plain = {name: value for name, value in os.environ.items() if name != "FASHION_CNN_DATA"}
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, env={**plain, **environment})


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "trial"
    assert main(["train", "deeper", *TINY, "--out", str(folder)]) == 0
    return folder


def test_recipes_are_listed_without_tensorflow():
    code = "from fashion_cnn.cli import main; import sys; main(['recipes']); print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in recipes.names()) and done.stdout.endswith(
        "False False\n")


@pytest.mark.parametrize("words, says", [
    ([], "COMMAND"), (["trian"], "invalid choice"), (["train"], "NAME"), (["train", "deper"], "Did you mean 'deeper'"),
    (["train", "deeper", "--epochs", "0"], "received '0'"), (["train", "deeper", "--epochs", "-2"], "--epochs"),
    (["train", "deeper", "--epochs", "many"], "received 'many'"), (["train", "deeper", "--limit", "0"], "from 1 up"),
    (["train", "deeper", "--seed", "x"], "from 0 up"), (["evaluate"], "RUN"), (["describe"], "DATA"),
    (["evaluate", "x", "--split", "train"], "invalid choice"), (["compare"], "RUN"), (["submit", "x"], "DATA"),
    (["submit", "x", "y", "--format", "D"], "invalid choice"), (["submit", "x", "y", "--classes", "0"], "from 1 up"), (["record", "hw2-cn"], "Did you mean 'hw2-cnn'")])
def test_bad_arguments_end_with_2(words, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and says in capsys.readouterr().err


@pytest.mark.parametrize("words, says", [
    (["evaluate", "nothing-here"], "there is no run here"), (["describe", "nothing-here"], "nothing-here"),
    (["compare", "hw2-cnn", "nothing-here"], "Recorded: "), (["compare", "nothing-here.json"], "nothing-here.json"),
    (["submit", "nothing-here", "images.npy"], "there is no run here"),
    (["train", "deeper", "--data", "nothing-here", "--out", "OUT"], "nothing-here"),
    (["train", "deeper", "--data", "fashion-mnst", "--out", "OUT"], "fashion-mnist")])
def test_failures_end_with_1_and_one_message(words, says, tmp_path):
    done = shell(*[str(tmp_path / "run") if word == "OUT" else word for word in words])
    assert done.returncode == 1 and says in done.stderr
    assert done.stderr.startswith("fashion-cnn: ") and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_help_of_every_command(capsys):
    for name in (
        "demo", "recipes", "train", "evaluate", "compare", "report", "submit", "describe", "record",
        "sweep"):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0 and name in capsys.readouterr().out


def test_train_then_evaluate(run_folder, capsys):
    assert json.loads((run_folder / "run.json").read_text())["recipe"]["epochs"] == 1
    assert main(["evaluate", str(run_folder)]) == 0
    printed = capsys.readouterr().out
    assert (
        "sketches" in printed and "Ankle boot" in printed
        and re.search(r"accuracy \d+\.\d+ % \(", printed))
    assert main(["evaluate", str(run_folder), "--split", "validation", "--data", "sketch"]) == 0
    assert "macro average" in capsys.readouterr().out


def test_evaluating_on_other_classes_is_refused(run_folder, capsys):
    assert main(["evaluate", str(run_folder), "--data", "five-groups"]) == 1
    printed = capsys.readouterr().err
    assert (
        "other classes" in printed or "could not be found" in printed or "Fashion-MNIST" in printed)


def test_training_again_goes_on_and_restart_starts_over(run_folder, capsys, tmp_path):
    folder = shutil.copytree(run_folder, tmp_path / "run")
    before = (folder / "run.json").read_bytes()
    assert (
        main(["train", "deeper", *TINY, "--out", str(folder)]) == 0
        and (folder / "run.json").read_bytes() == before)
    assert main(["train", "deeper", *TINY, "--seed", "1", "--out", str(folder)]) == 1
    assert "another experiment (seed 0 there, 1 here)" in capsys.readouterr().err
    assert main(["train", "deeper", *TINY, "--seed", "1", "--restart", "--out", str(folder)]) == 0
    assert json.loads((folder / "run.json").read_text())["recipe"]["seed"] == 1


def test_going_on_from_trained_weights(run_folder, capsys, tmp_path):
    words = ["train", "continue-none", *TINY, "--out", str(tmp_path / "run")]
    assert main(words) == 1 and "--start" in capsys.readouterr().err
    assert main([*words, "--start", str(run_folder)]) == 0
    assert Run.load(tmp_path / "run").recipe.start == Run.load(run_folder).weights_hash[:16]


def test_compare_prints_what_compare_says_without_tensorflow(tmp_path):
    code = "from fashion_cnn.cli import main; import sys; main(sys.argv[1:]); print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "compare", "hw2-cnn", "--csv", str(tmp_path / "table.csv")],
        capture_output=True, text=True, check=True)
    table, written = (
        compare(recorded("hw2-cnn")), pd.read_csv(tmp_path / "table.csv", index_col="recipe"))
    assert written.loc["hw2-cnn", "test accuracy"] == pytest.approx(
        table.loc["hw2-cnn", "test accuracy"])
    assert (
        f"{100 * table.loc['hw2-cnn', 'test accuracy']:.2f} %" in done.stdout
        and done.stdout.endswith("False\n"))


def test_compare_takes_folders_and_records_and_minds_the_images(run_folder, tmp_path, capsys):
    record = Run.load(run_folder).record(tmp_path)
    assert main(["compare", str(record)]) == 0 and "sketches" in capsys.readouterr().out
    assert (
        main(["compare", str(run_folder), str(record)]) == 1
        and "may stand in a comparison once" in capsys.readouterr().err)
    assert (
        main(["compare", str(run_folder), "hw2-cnn"]) == 1
        and "same images" in capsys.readouterr().err)
    assert main(["compare", str(run_folder), "hw2-cnn", "--different-images"]) == 0
    assert "Fashion-MNIST" in capsys.readouterr().out


def test_report_of_records_and_folders(run_folder, tmp_path, capsys):
    out = tmp_path / "report.html"
    assert (
        main(["report", "hw2-cnn", "--out", str(out)]) == 0
        and "curves, confusion and scores" in capsys.readouterr().out)
    assert "hw2-cnn on Fashion-MNIST" in out.read_text(encoding="utf-8")
    assert (
        main(["report", str(run_folder), "--images", "--out", str(out)]) == 0
    )  # finds data and limit again
    assert (
        "most confident mistakes" in (page := out.read_text(encoding="utf-8"))
        and "sketches" in page)
    before = out.read_bytes()
    assert (
        main(["report", str(run_folder), "hw2-cnn", "--out", str(out)]) == 1
        and "same images" in capsys.readouterr().err)
    assert out.read_bytes() == before


@pytest.mark.parametrize("format, header, first", [("B", "id,target", 1), ("C", "Id,Label", 0)])
def test_submit_keeps_ids_in_order(format, header, first, run_folder, tmp_path, capsys):
    images = load("sketch", limit=150).test.x[..., 0]
    ids = np.random.default_rng(0).permutation(len(images)) + 500
    np.save(
        tmp_path / "unlabelled.npy", {"features": images.astype(float), "id": ids},
        allow_pickle=True)
    words = [
        "submit", run_folder, tmp_path / "unlabelled.npy", "--format", format, "--out",
        tmp_path / "mine.csv"]
    assert (
        main([*map(str, words), "--classes", "10"]) == 0
        and "read back and checked" in capsys.readouterr().out)
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    expected = Run.load(run_folder).predict(images[..., None]).argmax(1) + first
    assert lines == [header, *(f"{name},{label}" for name, label in zip(ids, expected))]
    assert main([*map(str, words)]) == 1 and "5 classes" in capsys.readouterr().err
    assert (tmp_path / "mine.csv").read_text().splitlines() == lines    # the good file stays


def test_describe(capsys):
    assert main(["describe", "sketch"]) == 0
    assert "Trouser" in capsys.readouterr().out


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    "The demo without data, and its report; also where the network works, as the proxy named here does not answer."
    folder = tmp_path_factory.mktemp("demo")
    done = shell("demo", "--epochs", "1", "--limit", "500", "--out", folder, KERAS_HOME=str(folder / "empty"),
                 https_proxy="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    return done, folder / "report.html"


def test_demo_without_data_says_that_it_draws(demo):
    done, report = demo
    assert "Fashion-MNIST could not be had" in done.stdout and "sketches" in done.stdout
    for row in (
        "data set", "network", "parameters", "epochs", "seconds", "accuracy (95 % interval)",
        "macro F1"):
        assert row in done.stdout
    assert done.stderr == ""                                   # no start-up noise of TensorFlow
    page = report.read_text(encoding="utf-8")
    assert "sketches" in page and not re.search(r'(src|href)="(?!data:|#)', page)


def test_report_opens_offline_in_a_browser(demo, browser):
    page = browser.new_context(offline=True).new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(demo[1].as_uri())
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 5 and min(widths) > 100 and problems == []
    assert "Confusion" in page.inner_text("main") and page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth")
    page.context.close()
