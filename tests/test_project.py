"The project around the notebooks: what it requires, how fast it imports, and the tools that keep it in step."
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

try:
    import tomllib
except ImportError:    # Python 3.10
    import tomli as tomllib

import address
import colab
import hooks
import lessons
import pages
import readme

ROOT = pages.ROOT
# These rooms are about Keras; all others work without it
HEAVY = {"assemble", "augment", "batches", "checkpoint", "devices", "features", "learning_rate_finder", "models", "own",
         "optimizers", "progress", "train", "transfer"}
# What Colab preloads; requiring more than this would replace a package there and force a restart
COLAB = colab.pinned((Path(__file__).parent / "colab.txt").read_text())


def python(code, **environment):
    "What a fresh Python prints for `code`."
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    "A small project: settings, site, one library notebook, one lesson, a home page."
    for name in ("settings.ini", "pyproject.toml", "_quarto.yml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "nbs" / "course").mkdir(parents=True)
    (tmp_path / "fashion_cnn").mkdir()
    (tmp_path / "fashion_cnn" / "__init__.py").write_text((ROOT / "fashion_cnn" / "__init__.py").read_text())
    write(tmp_path, "01_tiny.ipynb", markdown("# Tiny\n\n> One function"), code("#| default_exp tiny"),
          code("#| export\ndef one():\n    \"One.\"\n    return 1"), code("assert one() == 1"))
    write(tmp_path, "index.ipynb", markdown("# Home\n\n> All of it"),
          markdown("[tiny](01_tiny.ipynb), [code](https://github.com/fashion-cnn/fashion_cnn/blob/main/LICENSE)"),
          code("#| hide\nsecret = 1"), code("#| eval: false\nsix = 2 * 3"))
    write(tmp_path, "course/01_lesson.ipynb", markdown("# Lesson\n\n> Learn"), code("1 + 1"))
    return tmp_path


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source, *outputs):
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": list(outputs), "source": source}


def write(root, path, *cells):
    "A notebook in the form nbdev gives it."
    nb = {"cells": [{**cell, "id": f"cell-{i}"} for i, cell in enumerate(cells)], "nbformat": 4, "nbformat_minor": 5,
          "metadata": {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}}
    pages.write(nb, root / "nbs" / path)


# --- requirements and imports -----------------------------------------------------------------------------------------

def test_requirements_are_lower_bounds_that_colab_meets():
    for text in pages.settings()["requirements"].split():
        requirement = Requirement(text)
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{text}: only a lower bound"
        assert Version(bound.version) <= Version(COLAB[colab.plain(requirement.name)]), f"{text}: Colab has {COLAB[requirement.name]}"


def test_a_plan_that_replaces_a_package_of_colab_is_seen_and_its_list_can_be_renewed():
    assert colab.replaced({"fashion-cnn": "1", "keras": "3.15.1", "numpy": COLAB["numpy"]}, COLAB) == {
        "keras": f"{COLAB['keras']} by 3.15.1"}
    today = "# list\nKeras==3.14.0\nnumpy==2.2.0\ntorch @ https://somewhere/torch-2.whl\n"
    assert colab.renew("# ours\nkeras==3.13.2\nnumpy==2.1.3\ngone==1.0\n", colab.pinned(today)) == "# ours\nkeras==3.14.0\nnumpy==2.2.0\n"


def test_development_requirements_are_pinned_and_apart():
    values = pages.settings()
    names = {Requirement(text).name for text in values["requirements"].split()}
    for text in values["dev_requirements"].split():
        requirement = Requirement(text)
        assert requirement.name not in names, f"{text}: students need no {requirement.name}"
        assert [bound.operator for bound in requirement.specifier] == ["=="], f"{text}: not pinned"


def test_setup_reads_settings():
    done = subprocess.run([sys.executable, "setup.py", "--name", "--version", "--license"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.stdout.split()[-3:] == ["fashion_cnn", pages.settings()["version"], "Apache-2.0"], done.stderr


def test_what_nbdev_reads_is_what_settings_say():
    "nbdev reads pyproject.toml only; the few things that stand there again must be equal."
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())
    values, nbdev, project = pages.settings(), tables["tool"]["nbdev"], tables["project"]
    assert project["urls"] == {"Repository": values["git_url"], "Documentation": values["doc_host"] + values["doc_baseurl"]}
    assert (project["name"], nbdev["lib_path"], nbdev["branch"]) == (values["lib_name"], values["lib_name"], values["branch"])
    assert nbdev["doc_path"] == values["doc_path"] and not {"version", "dependencies", "description"} & project.keys()
    index = (ROOT / "fashion_cnn" / "_modidx.py").read_text()
    for name in ("branch", "doc_baseurl", "doc_host", "git_url"):
        assert repr(name) + ": " + repr(values[name]) in index, f"`make export` writes {name} into _modidx.py"


def test_oldest_python_is_said_once_and_the_same():
    oldest = pages.settings()["min_python"]
    source = (ROOT / "tools" / "environment.py").read_text()
    assert f"OLDEST = ({oldest.replace('.', ', ')})" in source
    assert f"Python {oldest}" in (ROOT / "README.md").read_text()


def test_import_is_instant_and_brings_no_tensorflow():
    out = [json.loads(python(
        "import json, sys, time; start = time.perf_counter(); import fashion_cnn; "
        "print(json.dumps([time.perf_counter() - start, sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules))]))"
    )) for _ in range(3)]
    assert min(seconds for seconds, _ in out) < 0.3
    assert out[0][1] == []


def test_light_modules_bring_no_tensorflow():
    "One process imports all rooms but the heavy ones; the first that brings a framework is named."
    paths = (path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "fashion_cnn").rglob("*.py")))
    rooms = [".".join(path.parts) for path in paths if path.parts[1] not in HEAVY | {"__init__"}]
    assert python(f"""
import importlib, sys
for room in {rooms}:
    importlib.import_module(room)
    heavy = {{"tensorflow", "keras", "torch", "jax"}} & set(sys.modules)
    if heavy: sys.exit(f"{{room}} brings {{heavy}}")
print("light")""") == "light"


@pytest.mark.parametrize("room, heavy", [
    ("data", "tensorflow keras pandas sklearn PIL matplotlib"), ("page", "tensorflow keras altair vl_convert"),
    ("plots", "tensorflow keras pandas seaborn sklearn matplotlib.pyplot")])
def test_a_room_brings_no_heavy_library(room, heavy):
    assert python(f"import sys, fashion_cnn.{room}; print(set({heavy.split()}) & set(sys.modules))") == "set()"


def test_modules_are_imported_when_first_used():
    assert python("import fashion_cnn; print(fashion_cnn.sketch.__name__)") == "fashion_cnn.sketch"
    assert "sketch" in python("import fashion_cnn; print(dir(fashion_cnn))")
    assert "its modules: " in python("import fashion_cnn\ntry: fashion_cnn.nothing\nexcept AttributeError as e: print(e)")


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is asked for on x86 only")
@pytest.mark.parametrize("chosen, used", [(None, "True"), ("0", "False")])
def test_tensorflow_uses_onednn_unless_somebody_has_chosen(monkeypatch, chosen, used):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if chosen: monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    assert python("import fashion_cnn, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])") == (chosen or "1")
    assert python("import fashion_cnn.train; from tensorflow.python.framework import test_util; print(test_util.IsMklEnabled())") == used


@pytest.mark.parametrize("notebook", sorted((ROOT / "nbs").rglob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_import_keras_after_the_package(notebook):
    "Else TensorFlow does not hear that it is to use oneDNN: slower on older processors, and other last digits than everywhere else."
    lines = [line for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code" for line in "".join(cell["source"]).splitlines()]
    late = next((number for number, line in enumerate(lines) if re.match(r"(import|from) (.*, *)?(keras|tensorflow)\b", line)), 0)
    assert not late or any(re.match(r"(import|from) (fashion_cnn\b|\.)", line) for line in lines[:late])


def test_version_is_that_of_settings_and_heads_the_changes():
    version = pages.settings()["version"]
    assert python("import fashion_cnn; print(fashion_cnn.__version__)") == version
    assert re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1] == version.removesuffix(".dev0")


def test_the_command_runs_as_a_module_too():
    done = subprocess.run([sys.executable, "-m", "fashion_cnn", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == f"fashion-cnn {pages.settings()['version']}", done.stderr


def test_lessons_run_without_a_change_and_what_ran_is_noted(tmp_path):
    cells = [code("import os"), code("#| full\nraise SystemError"), code("#| eval: false\n1 / 0"), code("words = 1 + 1"), markdown("1 / 0")]
    nb = {"cells": [{**cell, "id": f"c{i}"} for i, cell in enumerate(cells)], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    path = tmp_path / "01_fine.ipynb"
    path.write_text(json.dumps(nb))
    before = path.read_text()
    assert lessons.run(path, full=False, out=None) is None and path.read_text() == before
    assert "SystemError" in lessons.run(path, full=True, out=None)
    found = lessons.versions()
    assert found["TensorFlow"] and not {"JAX", "PyTorch"} & found.keys()
    notes = lessons.note({}, path.name, "Colab", "2026-12-07", found, None)
    notes = lessons.note(notes, path.name, "Colab", "2026-12-14", found, "broken")
    assert notes[path.name]["date"] == "2026-12-07" and notes[path.name]["failed"]["date"] == "2026-12-14"
    assert "failed" not in lessons.note(notes, path.name, "Colab", "2026-12-21", found, None)[path.name]


def test_what_has_not_run_is_not_said_to_have_run():
    notes = json.loads(lessons.NOTES.read_text())
    assert notes.keys() <= {path.name for path in lessons.lessons()} and len(lessons.lessons()) == 9
    assert [path.name[:2] for path in lessons.lessons([3])] == ["03"]


def test_sections_say_how_long_they_run(tmp_path):
    path = tmp_path / "01_tiny.ipynb"
    cells = [("markdown", "## Wait {#here}\n\nA word."), ("code", "1"), ("markdown", "## Go on"), ("code", "2")]
    notebook = nbformat.v4.new_notebook(cells=[getattr(nbformat.v4, f"new_{kind}_cell")(source) for kind, source in cells])
    nbformat.write(notebook, path)
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "2026-12-07T10:00:00.5Z", "shell.execute_reply": "2026-12-07T10:00:42.000000Z"}
    seconds = lessons.section_seconds(notebook)
    assert seconds == {"Wait {#here}": 41.5, "Go on": 0.0}
    heading = lambda: [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
    for found, words in (({}, ""), (seconds, "*Runs 40 seconds on"), ({"Wait {#here}": 150}, "*Runs 2 minutes on"), ({"Wait {#here}": 3}, "")):
        lessons.say_seconds(path, {**dict.fromkeys(seconds, 0), **found})
        first, second = heading()
        assert words in first and first.count("*Runs") == bool(words) and first.endswith("\n\nA word.") and second == "## Go on"


# --- the tools --------------------------------------------------------------------------------------------------------

@pytest.fixture
def with_nbdev(monkeypatch):
    "nbdev's commands, of the Python that runs the tests, on the PATH."
    folder = Path(sys.executable).parent
    if not (folder / "nbdev-export").exists():
        pytest.skip("nbdev is not installed beside this Python")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("IN_TEST", raising=False)


def git(root, *arguments):
    return subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *arguments], cwd=root, check=True, capture_output=True)


def test_export_check_sees_every_difference_and_mends_it(project, with_nbdev):
    "The check is nbdev's export and clean, and git's word that nothing has changed."
    shutil.copy(ROOT / "Makefile", project)
    shutil.copytree(ROOT / "tools", project / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    check = ["make", "--no-print-directory", "--old-file=install-dev", "export-check"]
    asked = lambda: subprocess.run(check, cwd=project, capture_output=True, text=True)
    git(project, "init", "--quiet")
    assert asked().returncode == 2, "nothing was exported yet"
    git(project, "add", "--all"), git(project, "commit", "--quiet", "-m", "all")
    assert asked().returncode == 0, asked().stderr
    assert "__getattr__" in (project / "fashion_cnn" / "__init__.py").read_text(), "what was written by hand is kept"
    tiny, notebook = project / "fashion_cnn" / "tiny.py", project / "nbs" / "01_tiny.ipynb"
    spoil = {tiny: lambda text: text + "# by hand\n", notebook: lambda text: text.replace('"execution_count": null', '"execution_count": 7', 1)}
    for path, change in spoil.items():
        before = path.read_text()
        path.write_text(change(before))
        git(project, "commit", "--quiet", "--all", "-m", "spoilt")
        done = asked()
        assert done.returncode == 2 and path.name in done.stderr and "look at `git diff`" in done.stderr
        assert path.read_text() == before, "mended"
        git(project, "commit", "--quiet", "--all", "-m", "mended")
    (project / "fashion_cnn" / "gone.py").write_text("# AUTOGENERATED! DO NOT EDIT! File to edit: ../nbs/09_gone.ipynb.\n")
    git(project, "add", "--all"), git(project, "commit", "--quiet", "-m", "a module without a notebook")
    assert asked().returncode == 2 and not (project / "fashion_cnn" / "gone.py").exists()


def test_address_is_written_everywhere_once(project):
    everywhere = ["nbs/01_tiny.ipynb", "nbs/course/01_lesson.ipynb", "nbs/index.ipynb"]
    assert address.out_of_step(project) == everywhere
    address.out_of_step(project, mend=True)
    assert address.out_of_step(project) == []
    cells = pages.read(project / "nbs" / "01_tiny.ipynb")["cells"]
    assert address.is_badge(cells[1]) and "/blob/main/nbs/01_tiny.ipynb)" in cells[1]["source"]
    assert address.is_install(cells[2]) and pages.is_hidden(cells[2]), "the site does not show it"
    cells = pages.read(project / "nbs" / "index.ipynb")["cells"]
    assert not any(map(address.is_badge, cells)) and address.is_install(cells[1])
    cells = pages.read(project / "nbs" / "course" / "01_lesson.ipynb")["cells"]
    assert [address.is_badge(cell) for cell in cells] == [False, True, False, False]
    assert [address.is_install(cell) for cell in cells] == [False, False, True, False]
    assert "/github/fashion-cnn/fashion_cnn/blob/main/nbs/course/01_lesson.ipynb)" in cells[1]["source"]
    assert compile(cells[2]["source"], "install", "exec")


def test_a_new_address_reaches_notebooks_and_site(project):
    address.out_of_step(project, mend=True)
    settings = project / "settings.ini"
    text = settings.read_text()
    for key, value in (("user", "school"), ("repo", "garments"), ("branch", "trunk")):
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    settings.write_text(text)
    assert address.address(project) == {"name": "school/garments", "branch": "trunk", "release": None,
                                        "site": "https://school.github.io/garments"}
    found = address.out_of_step(project, mend=True)
    assert found == ["nbs/01_tiny.ipynb", "nbs/course/01_lesson.ipynb", "nbs/index.ipynb", "CONTRIBUTING.md", "pyproject.toml", "_quarto.yml"]
    assert address.out_of_step(project) == []
    for name in ("_quarto.yml", "pyproject.toml", "CONTRIBUTING.md", "nbs/index.ipynb", "nbs/course/01_lesson.ipynb"):
        text = (project / name).read_text()
        assert "fashion-cnn/fashion_cnn" not in text and "school/garments" in text, name
    assert "/github/school/garments/blob/trunk/nbs/course/" in (project / "nbs/course/01_lesson.ipynb").read_text()


def test_the_notebooks_of_a_release_install_that_release_and_those_on_the_way_the_branch(project):
    address.out_of_step(project, mend=True)
    lesson, settings = project / "nbs" / "course" / "01_lesson.ipynb", project / "settings.ini"
    cell = next(cell for cell in pages.read(lesson)["cells"] if address.is_install(cell))
    with_extras = {**cell, "id": "extras", "source": cell["source"].replace("git+", "'fashion_cnn[imagenet] @ git+")}
    write(project, "course/02_more.ipynb", markdown("# More\n\n> Learn"), with_extras)
    address.out_of_step(project, mend=True)
    before = {path: path.read_text() for path in (lesson, lesson.with_name("02_more.ipynb"))}
    settings.write_text(re.sub(r"^version = .*$", "version = 1.2.0", settings.read_text(), flags=re.MULTILINE))
    assert len(address.out_of_step(project, mend=True)) == 5 and address.out_of_step(project) == []
    assert "/blob/v1.2.0/nbs/course/01_lesson.ipynb)" in lesson.read_text()
    assert '\\"install -q fashion_cnn==1.2.0\\"' in lesson.read_text() and "git+" not in lesson.read_text()
    assert "'fashion_cnn[imagenet]==1.2.0" in lesson.with_name("02_more.ipynb").read_text()
    settings.write_text(re.sub(r"^version = .*$", "version = 1.3.0.dev0", settings.read_text(), flags=re.MULTILINE))
    address.out_of_step(project, mend=True)
    assert {path: path.read_text() for path in before} == before


def test_address_and_readme_of_this_tree_are_in_step():
    assert address.out_of_step() == []
    assert readme.out_of_step() == []


def test_readme_is_the_home_page(project):
    assert readme.out_of_step(project) == ["README.md"]
    readme.write(project)
    assert readme.out_of_step(project) == []
    text = (project / "README.md").read_text()
    assert "# Home" in text and "secret" not in text and "#|" not in text
    assert "[tiny](nbs/01_tiny.ipynb)" in text, "links work from the top of the repository"
    assert "```python\nsix = 2 * 3\n```" in text
    assert "](https://github.com/fashion-cnn/fashion_cnn/blob/main/LICENSE)" in text


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?![a-z]+:|#)([^)\s#]+)", text):
        assert (ROOT / target).exists(), target


def test_hooks_stay_in_the_clone(tmp_path, monkeypatch):
    if not shutil.which("git"):
        pytest.skip("no git")
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    hooks.git("init", "--quiet")
    hooks.install_git(Path("/usr/bin"))
    hook = tmp_path / ".git" / "hooks" / "post-merge"
    assert os.access(hook, os.X_OK) and hooks.MARK in hook.read_text()
    assert "nbdev-merge" in hooks.git("config", "--local", "merge.nbdev-merge.driver").stdout
    hook.write_text("#!/bin/sh\necho mine\n")
    hooks.install_git(Path("/usr/local/bin"))
    assert "mine" in hook.read_text(), "somebody's own hook is left alone"
    hooks.install_jupyter(tmp_path)
    assert compile((tmp_path / "etc/jupyter/jupyter_server_config.py").read_text(), "config", "exec")
    attributes = (ROOT / ".gitattributes").read_text()
    assert "*.ipynb merge=nbdev-merge" in attributes


def run_environment(folder, *arguments, source=None):
    tool = ROOT / "tools" / "environment.py"
    if source:
        tool = folder / "environment.py"
        tool.write_text(source)
    return subprocess.run([sys.executable, str(tool), *arguments], capture_output=True, text=True, cwd=folder)


def test_a_python_that_is_too_old_says_so_in_two_lines(tmp_path):
    source = (ROOT / "tools" / "environment.py").read_text()
    done = run_environment(tmp_path, "env", source=re.sub(r"OLDEST = \(.*?\)", "OLDEST = (9, 9)", source))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 2
    assert "needs Python 9.9 or newer" in done.stderr and "make PYTHON=" in done.stderr
    assert not (tmp_path / "env").exists()


def test_a_python_without_venv_says_so_in_two_lines(tmp_path):
    source = (ROOT / "tools" / "environment.py").read_text()
    done = run_environment(tmp_path, "env", source=source.replace("import ensurepip", "import ensurepip_is_missing"))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 2
    assert "venv module is not installed" in done.stderr and "apt-get install python3" in done.stderr


def test_another_python_than_the_one_in_the_environment_is_refused(tmp_path):
    fake = tmp_path / "env" / "bin" / "python"
    fake.parent.mkdir(parents=True)
    fake.write_text("#!/bin/sh\necho 3.1\n")
    fake.chmod(0o755)
    assert run_environment(tmp_path, "env").returncode == 0
    done = run_environment(tmp_path, "env", "--chosen")
    assert done.returncode == 1 and "already holds Python 3.1" in done.stderr and "clean-venv" in done.stderr


def make(*arguments):
    return subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True,
                          env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")})


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_lists_its_targets_and_knows_its_stages():
    listed = make().stdout
    for target in ("demo", "test", "lab", "docs", "bench", "record", "clean"):
        assert f"make {target}" in listed
    for target in ("demo", "test", "docs", "bench"):
        assert make("--dry-run", target).returncode == 0, target


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_with_a_python_that_is_not_there_says_so():
    done = make("VENV=/nonexistent/environment", "PYTHON=python-that-is-not-there", "demo")
    assert done.returncode == 2
    assert "There is no program called python-that-is-not-there here." in done.stderr
    assert "make PYTHON=" in done.stderr


def test_scripts_and_workflows_are_whole():
    import yaml
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")]).returncode == 0
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    flows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert {path.name for path in flows} == {"docs.yml", "release.yml", "test.yml", "weekly.yml"}
    for path in flows:
        flow = yaml.safe_load(path.read_text())
        assert flow["jobs"] and all("timeout-minutes" in job or "environment" in job for job in flow["jobs"].values())
        steps = [step.get("run", "") for job in flow["jobs"].values() for step in job["steps"]]
        assert set(re.findall(r"\bmake ([a-z-]+)", "\n".join(steps))) <= targets, path.name
        for named in re.findall(r"\b((?:tools|tests|nbs|\.ci)/[\w/.-]+)", "\n".join(steps)):
            assert (ROOT / named).exists(), f"{path.name}: {named}"
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    made, _, loaded = container["onCreateCommand"].partition(" && ")
    assert made.removeprefix("make ") in targets and "load('fashion-mnist')" in loaded, "so that it works offline afterwards"
    assert re.search(r"version: 1\.7\.\d+", (ROOT / ".github" / "workflows" / "docs.yml").read_text()), "Quarto is pinned"
    assert (ROOT / "nbs" / "_quarto.yml").resolve() == ROOT / "_quarto.yml"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
