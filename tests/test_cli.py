"The command `fashion-cnn` as a shell sees it: output, errors, exit codes, files."
import argparse
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
from fashion_cnn.cli import main, parser
from fashion_cnn.commands import settled
from fashion_cnn.data import load
from fashion_cnn.compare import compare
from fashion_cnn.evaluate import Evaluation
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
    (["submit", "x", "y", "--format", "D"], "invalid choice"), (["submit", "x", "y", "--classes", "0"], "from 1 up"), (["record", "hw2-cn"], "Did you mean 'hw2-cnn'"),
    (["train", "deeper", "--set", "batchsize=3"], "Did you mean 'batch_size'"), (["train", "deeper", "--set", "batch_size"], "batch_size=64"),
    (["train", "deeper", "--set", "epochs.x=3"], "no options"), (["train", "deeper", "--image-size", "big"], "--image-size"),
    (["describe", "x", "--class-names", "a,,b"], "--class-names"), (["evaluate", "x", "--rename", "a"], "old=new"), (["predict", "x"], "FILE")])
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
    judged = Evaluation.from_run(Run.load(run_folder))
    assert f"Lowest recall: {judged.lowest_recall()}" in printed
    for name, row in judged.recalls().round(4).iterrows():
        line = next(line for line in printed.splitlines() if line.startswith(name)).split()
        assert list(map(float, line[-2:])) == [row["from"], row["to"]]
    assert main(["evaluate", str(run_folder), "--split", "validation", "--data", "sketch"]) == 0
    assert "macro average" in capsys.readouterr().out


def test_training_speaks_of_validation_and_never_of_test(run_folder, capsys, tmp_path):
    folder = shutil.copytree(run_folder, tmp_path / "run")
    assert main(["train", "deeper", *TINY, "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "validation accuracy (95 % interval)" in printed and "test accuracy" not in printed


def test_evaluating_on_other_classes_is_refused(run_folder, pictures, tmp_path, capsys):
    for name, other in {"Bag": "basket", "Coat": "cloak"}.items(): shutil.copytree(pictures / name, tmp_path / other)
    assert main(["evaluate", str(run_folder), "--data", str(tmp_path)]) == 1
    assert "other classes" in capsys.readouterr().err


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
    import matplotlib.font_manager    # builds the list of fonts where there is none, which takes long and says so
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


def test_the_demos_run_can_be_reported_with_its_images(demo, capsys):
    folder = demo[1].parent
    assert Run.load(folder).data["limit"] == 500
    assert main(["report", str(folder), "--images", "--out", str(folder / "again.html")]) == 0


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


def test_version(capsys):
    with pytest.raises(SystemExit) as ended: main(["--version"])
    assert ended.value.code == 0 and re.fullmatch(r"fashion-cnn \d+\.\d+\S*\n", capsys.readouterr().out)


def chosen(*words):
    "The recipe that words mean."
    return settled(parser().parse_args(["train", "deeper", *words]))


def test_every_field_of_a_recipe_can_be_set(tmp_path, monkeypatch):
    recipe = chosen("--set", "batch_size=64", "network_options.dropout=0.25", 'schedule={"name": "cosine"}', "--split", "stratified",
                    "--set", "early_stopping=None", "augmentation=", "name=mine")
    assert (recipe.batch_size, recipe.network_options["dropout"], recipe.schedule["name"]) == (64, 0.25, "cosine")
    assert (recipe.split, recipe.early_stopping, recipe.augmentation, recipe.name) == ("stratified", None, "", "mine")
    for words, says in ((["batch_size=many"], "whole number"), (["epochs=2", "epochs=3"], "once"), (["learning_rate=-1"], "above 0")):
        with pytest.raises((ValueError, TypeError), match=says): chosen("--set", *words)
    with pytest.raises(ValueError, match="once"): chosen("--epochs", "3", "--set", "epochs=2")
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert chosen("--data", "photos").data == str(tmp_path / "photos") and chosen("--data", "sketch").data == "sketch"


def test_a_setting_of_the_wrong_type_is_one_sentence(capsys, tmp_path):
    assert main(["train", "deeper", *TINY, "--set", "batch_size=many", "--out", str(tmp_path / "run")]) == 1
    assert "batch_size must be a whole number" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    "Folders of pictures of ten classes in the order of the alphabet; no folder can be called T-shirt/top."
    from PIL import Image
    folder, data = tmp_path_factory.mktemp("pictures") / "photos", load("sketch", limit=150)
    for number, (image, label) in enumerate(zip(data.train.x[:120], data.train.y[:120])):
        name = {"T-shirt/top": "tshirt"}.get(data.class_names[label], data.class_names[label])
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / name / f"{number}.png")
    return folder


def test_classes_are_matched_by_name_and_can_be_renamed(run_folder, pictures, capsys):
    words = ["evaluate", str(run_folder), "--data", str(pictures), "--split", "validation"]
    assert main(words) == 1 and "--rename" in capsys.readouterr().err
    assert main([*words, "--rename", "shirts=Shirt"]) == 1 and "takes classes of the data set" in capsys.readouterr().err
    assert main([*words, "--rename", "tshirt=T-shirt/top"]) == 0
    assert re.search(r"T-shirt/top .*\n.*Trouser", capsys.readouterr().out)


def test_labels_get_the_runs_numbers(capsys):
    from fashion_cnn.commands import matched_labels
    assert matched_labels(np.array([0, 1, 1, 2]), ("Bag", "one", "two"), ("Shirt", "Bag", "Coat"),
                          {"one": "Shirt", "two": "Shirt"}).tolist() == [1, 0, 0, 0]
    assert "No images of: Coat" in capsys.readouterr().out


def test_a_run_finds_its_images_from_another_folder(pictures, tmp_path, monkeypatch):
    from types import SimpleNamespace
    from fashion_cnn.commands import own_data
    monkeypatch.chdir(pictures.parent)
    run = SimpleNamespace(recipe=chosen("--data", "photos", "--split", "stratified"), data={"limit": None})
    monkeypatch.chdir(tmp_path)
    here = own_data([run], argparse.Namespace(data=None))
    assert len(here.train) > 50 and here.classes == 10
    shutil.copytree(pictures, tmp_path / "moved")
    assert (own_data([run], argparse.Namespace(data="moved")).test.x == here.test.x).all()


def test_photographs_are_named(run_folder, pictures, tmp_path, capsys):
    from fashion_cnn.predict import as_photograph
    photograph = tmp_path / "shirt.jpg"
    photograph.write_bytes(as_photograph(load("sketch", limit=150).test.x[0], np.random.default_rng(0)))
    picture = next(pictures.rglob("*.png"))
    assert main(["predict", str(run_folder), str(photograph), str(picture), "--figures", str(tmp_path / "figures")]) == 0
    printed = capsys.readouterr().out
    assert printed.count(" %") == 6 and "light and dark exchanged" in printed
    assert (tmp_path / "figures" / "shirt.jpg.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["predict", str(run_folder), "no.jpg", str(photograph)]) == 1
    printed = capsys.readouterr()
    assert "no.jpg: there is no photograph" in printed.err and "shirt.jpg: " in printed.out


def test_submit_writes_names_where_classes_are_words(run_folder, tmp_path, capsys):
    images = load("sketch", limit=150).test.x[:20, ..., 0]
    np.save(tmp_path / "unlabelled.npy", {"features": images.astype(float), "id": np.arange(20)}, allow_pickle=True)
    words = ["submit", str(run_folder), str(tmp_path / "unlabelled.npy"), "--format", "names", "--out", str(tmp_path / "mine.csv")]
    assert main(words) == 0
    table, run = pd.read_csv(tmp_path / "mine.csv"), Run.load(run_folder)
    expected = [run.data["class_names"][k] for k in run.predict(images[..., None]).argmax(1)]
    assert list(table) == ["id", "class"] and table["class"].tolist() == expected


def test_submit_does_not_number_classes_that_are_other_numbers():
    from types import SimpleNamespace
    from fashion_cnn.contest import checked_numbering
    run = lambda *names: SimpleNamespace(data={"class_names": names})
    for names in (("10", "20"), ("0", "1", "10", "2")):
        with pytest.raises(ValueError, match="names"): checked_numbering(run(*names), 0)
    for names in (("0", "1", "2"), ("Shirt", "Bag"), ()): checked_numbering(run(*names), 1)
    with pytest.raises(ValueError, match="names"): checked_numbering(run("1", "2"), 0)


def test_an_option_that_takes_several_values_takes_them_in_parts():
    for command in parser()._subparsers._group_actions[0].choices.values():
        for action in command._actions:
            if action.option_strings and action.nargs == "+": assert type(action) is argparse._ExtendAction, action
    assert parser().parse_args(["record", "deeper", "--seeds", "1", "2", "--seeds", "3"]).seeds == [1, 2, 3]


@pytest.mark.parametrize("words, twice", [
    ("train lite-frozen --weights none --set network_options.weights=imagenet", "network_options.weights"),
    ("sweep lite-frozen --weights none --grid network_options.weights=imagenet", "network_options.weights"),
    ("sweep deeper --epochs 5 --seed 3 --set learning_rate=0.1 --grid epochs=1,2 seed=0,1 learning_rate=0.001", "epochs, learning_rate, seed"),
    ("sweep deeper --set schedule.final=0.1 --grid schedule=cosine", "schedule.final"),
    ("sweep deeper --grid seed=0 --grid seed=1", "seed"), ("record deeper --set seed=3", "seed")])
def test_a_field_is_said_once(words, twice):
    with pytest.raises(ValueError, match=f"set once. Received twice: {twice}$"): settled(parser().parse_args(words.split()))
    assert settled(parser().parse_args("sweep deeper --set schedule=cosine --grid schedule.final=0,0.1".split())).schedule


@pytest.mark.parametrize("option", [["--split", "validation"], ["--rename", "a=b"], ["--image-size", "28"], ["--data", "sketch"]])
def test_what_a_reconstruction_would_ignore_is_refused(option, monkeypatch, capsys):
    monkeypatch.setattr("fashion_cnn.commands.Run.load", lambda _: argparse.Namespace(recipe=recipes.get("a3-autoencoder")))
    assert main(["evaluate", "x", *option]) == 1 and f"on its own images only, of all splits. Received: {option[0]}" in capsys.readouterr().err


@pytest.mark.parametrize("words, says", [
    (["report", "brief", "--data", "nonexistent"], "this needs --images, too. Received: --data"),
    (["demo", "--class-names", "a,b"], "this needs --data, too"),
    (["predict", "brief", "a/x.jpg", "b/x.jpg", "--figures", "out"], "whose names must differ")])
def test_what_would_be_ignored_or_overwritten_is_refused(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1 and says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_may_be_named_by_its_file(tmp_path, capsys):
    recorded("fast")[0].save(tmp_path / "run")
    assert main(["compare", str(tmp_path / "run" / "run.json"), "ten-minutes"]) == 0 and "fast" in capsys.readouterr().out
