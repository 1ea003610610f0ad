# fashion_cnn: `make` lists what there is. Everything is installed into .venv; nothing else on the machine is touched.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROJECT := settings.ini setup.py pyproject.toml

export PATH := $(abspath $(BIN)):$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Where this variable forbids compiled files, TensorFlow is compiled anew in every process (7 s)
unexport PYTHONDONTWRITEBYTECODE

# One heading line and the seconds it took: $(call stage,heading,command)
stage = @start=$$SECONDS; printf '\n== %s\n' '$(1)'; ( $(2) ) || exit 1; printf '   %s s\n' $$((SECONDS - start))

# TensorFlow writes these lines to stderr before any setting can stop it
quietly = 2> >(grep -vE '^(WARNING: All log messages before absl|[IW]0000 00:00)' >&2 || true)

help:  ## this list
	@echo 'fashion_cnn: learn convolutional networks by building, training and judging them'
	@echo
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'
	@echo
	@echo '  make PYTHON=python3.12 demo   takes another Python (3.10 to 3.13)'

demo: install  ## from nothing to a trained, judged network and a report, in a few minutes
	@$(BIN)/fashion-cnn demo

test: install-dev hooks export-check address-check notebooks pytest  ## everything that is checked

lab: install-dev hooks  ## JupyterLab on the notebooks
	@cd nbs && jupyter lab

docs: install-dev address  ## the site with Quarto into _docs, or without it a readable preview into _preview
	@python tools/vega.py && python tools/onnxruntime_web.py
	@if command -v quarto >/dev/null; then \
	  python tools/process.py && (cd _proc && quarto render --no-cache) && rm -rf _docs && mv _proc/_docs _docs && \
	  cp -r _proc/_markdown/. _docs && \
	  echo 'The site is in _docs: python -m http.server -d _docs, then http://localhost:8000'; \
	else \
	  echo 'The site needs Quarto 1.7, which is not on the PATH: get it from https://quarto.org/docs/download/'; \
	  echo 'and run `make docs` again. Until then, here is a readable preview of every notebook:'; \
	  python tools/preview.py; \
	  echo 'Its explorers move when it is served: python -m http.server -d _preview, then http://localhost:8000'; \
	fi

BENCHMARKS := start loading sketch judging panels augment normalisation transfer step operators growth photographs accuracy minutes

bench: install-dev  ## the measurements in benchmarks/, side by side, written to RESULTS.md (hours; QUICK=1 for a try)
	@failed=; for name in $(BENCHMARKS); do printf '\n== benchmarks/%s.py\n' "$$name"; \
	  python "benchmarks/$$name.py" $(if $(QUICK),--quick) || failed+=" $$name"; done; \
	if [ -n "$$failed" ]; then echo "These failed, and their sections stay as they were:$$failed" >&2; exit 1; fi

# For benchmarks/step.py and accuracy.py only; without them their rows say "not installed". Where pip offers PyTorch for GPUs:
# make bench-environments TORCH_OPTIONS='--index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple'
TORCH_OPTIONS ?=
other = $(BIN)/python -m venv $(VENV)-$(1) && $(VENV)-$(1)/bin/python -m pip install --quiet --no-compile $(2)

bench-environments: $(VENV)-torch/.installed $(VENV)-jax/.installed  ## PyTorch and JAX in environments of their own, to compare with
	@:

$(VENV)-torch/.installed: | chosen-python
	$(call stage,Installing PyTorch into $(VENV)-torch,$(call other,torch,torch==2.13.0 numpy $(TORCH_OPTIONS)))
	@touch $@

$(VENV)-jax/.installed: | chosen-python
	$(call stage,Installing Keras on JAX into $(VENV)-jax,$(call other,jax,keras jax jaxlib numpy))
	@touch $@

record: install  ## train recipes in full and record them: make record NAME="hw2-cnn brief"
	@if [ -z '$(NAME)' ]; then \
	  echo 'Which recipe? For example: make record NAME="hw2-cnn brief" (the names: make recipes)' >&2; exit 2; fi
	@for name in $(NAME); do $(BIN)/fashion-cnn record $$name $(if $(SEEDS),--seeds $(SEEDS)); done

recipes: install  ## the names of the recipes
	@$(BIN)/fashion-cnn recipes

# --- installing -----------------------------------------------------------------------------------------------------

install: $(VENV)/.installed  ## the package and what it needs, into .venv
	@:

install-dev: $(VENV)/.installed-dev  ## the same, and what building and testing need
	@:

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo 'There is no program called $(PYTHON) here.'; \
	  echo 'Install Python 3.10 or newer, or name yours: make PYTHON=python3.12 demo'; exit 1; } >&2
	@$(PYTHON) tools/environment.py $(VENV)

chosen-python: $(BIN)/python
ifeq ($(origin PYTHON),command line)
	@$(PYTHON) tools/environment.py $(VENV) --chosen
endif

pip_install = @start=$$SECONDS; printf '== Installing %s into $(VENV) (once; TensorFlow alone is about 600 MB)\n' '$(1)'; \
	$(BIN)/python -m pip install --quiet --no-compile --editable '$(1)' || { \
	  echo 'Installing failed; the lines above say why. TensorFlow has packages for Python 3.10 to 3.13 only;'; \
	  echo 'if this Python is another one: make clean-venv, then make PYTHON=python3.12 demo'; exit 1; } >&2; \
	printf '   %s s\n' $$((SECONDS - start))

$(VENV)/.installed: $(PROJECT) | chosen-python
	$(call pip_install,.)
	@touch $@

$(VENV)/.installed-dev: $(PROJECT) | chosen-python
	$(call pip_install,.[dev])
	@touch $(VENV)/.installed $@

hooks: install-dev  ## notebook merging and trust for git, cleaning on save for Jupyter (in a clone, not in CI)
	@python tools/hooks.py

# --- checking: each also runs alone ---------------------------------------------------------------------------------

# Notebooks: two processes on two cores, each with one thread (244 s; with two each 273). pytest is the slower for it (412 s; 384)
one_thread = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

# Runs a command and fails if it changes anything that git sees: $(call unchanged,command,what that would mean)
unchanged = state() { git status --porcelain --untracked-files=all && git diff; } 2>/dev/null; \
	before=$$(state | cksum); $(1) || exit 1; [ "$$(state | cksum)" = "$$before" ] || { git status --short; \
	echo '$(2): look at `git diff`.'; exit 1; } >&2

export-check: install-dev  ## notebooks are clean, and fashion_cnn/ is what they export (mends what is not)
	$(call stage,Library and notebooks are in step,$(call unchanged,python tools/export.py,Notebooks and library were not in step and are now))

address-check: install-dev  ## badges, install cells, links and README.md are in step with settings.ini and index.ipynb
	$(call stage,Addresses and README are in step,python tools/address.py --check && python tools/readme.py --check)

notebooks: install-dev  ## every notebook from top to bottom, in quick mode
	$(call stage,Notebooks run (quick mode),$(call unchanged,\
	  $(one_thread) FASHION_CNN_QUICK=1 nbdev-test --n-workers 2 --timing $(quietly),A notebook in quick mode changed files of the project))

site-check: install-dev  ## sidebar, links, images, outputs and sizes of the site (pytest does this too)
	$(call stage,The site is whole,python tools/site_check.py)

pytest: install-dev  ## what a notebook cannot test: command line, files, site, browser
	$(call stage,Tests,python -m pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 25)

LONG_TESTS := $(addprefix tests/test_,hostile.py cheats.py panels_play.py long_day.py)

test-long: install-dev  ## more of all that is drawn by chance, thirty killed processes, two hundred trainings: an hour, every week
	$(call stage,Long tests,FASHION_CNN_LONG=1 python -m pytest -q --durations 25 $(LONG_TESTS))
	$(call stage,Every page can be used by everybody (axe),FASHION_CNN_LONG=1 python -m pytest -q tests/test_site.py -k axe)

# --- checking with other packages, in environments of their own: every week in .github/workflows/weekly.yml -----------

# The packages of Colab, where most students open a notebook; Colab has Python 3.13
COLAB := $(VENV)-colab
COLAB_PYTHON ?= python3.13

$(COLAB)/.installed: tests/colab.txt $(PROJECT)
	$(call stage,Installing the packages of Colab into $(COLAB),$(COLAB_PYTHON) -m venv --clear $(COLAB) && \
	  $(COLAB)/bin/python -m pip install --quiet --no-compile --requirement tests/colab.txt && \
	  $(COLAB)/bin/python tools/colab.py . && \
	  $(COLAB)/bin/python -m pip install --quiet --no-compile --editable '.[imagenet]' hypothesis)
	@touch $@

test-colab: $(COLAB)/.installed  ## lessons and panels with the packages that Colab has, none of which is replaced
	$(call stage,Lessons with the packages of Colab,$(COLAB)/bin/python tools/lessons.py)
	$(call stage,Panels with the packages of Colab,$(COLAB)/bin/python -m pytest -q tests/test_panels.py)

PYTHONS ?= $(BIN)/python

test-installs: install-dev  ## wheel and source archive in clean environments: make test-installs PYTHONS="python3.10 python3.13"
	@$(BIN)/python -m pip install --quiet --no-compile --editable '.[release]'
	$(call stage,Installed by pip,python tools/installs.py $(PYTHONS) --extras imagenet onnx)
	$(call stage,Installed by uv,python tools/installs.py $(PYTHONS) --uv)

BACKEND ?= jax
BACKEND_PACKAGES = $(if $(filter torch,$(BACKEND)),torch $(TORCH_OPTIONS),jax)

$(VENV)-on-$(BACKEND)/.installed: $(PROJECT) | chosen-python
	$(call stage,Installing $(BACKEND) into $(VENV)-on-$(BACKEND),$(BIN)/python -m venv $(VENV)-on-$(BACKEND) && \
	  $(VENV)-on-$(BACKEND)/bin/python -m pip install --quiet --no-compile --editable . $(BACKEND_PACKAGES) \
	    pytest pyyaml hypothesis nbclient nbformat ipykernel)
	@touch $@

test-backend: $(VENV)-on-$(BACKEND)/.installed  ## core tests and lesson 1 on another backend: make test-backend BACKEND=torch
	$(call stage,Core tests on $(BACKEND),KERAS_BACKEND=$(BACKEND) $(VENV)-on-$(BACKEND)/bin/python -m pytest -q $(CORE_TESTS))
	$(call stage,Lesson 1 on $(BACKEND),KERAS_BACKEND=$(BACKEND) $(VENV)-on-$(BACKEND)/bin/python tools/lessons.py 1)

CORE_TESTS := $(addprefix tests/test_,models.py weights.py augment.py train.py run.py sweep.py predict.py evaluate.py)

# All that is pinned for building and testing, without the pins, and the newest of what the library needs
NEWEST := $(VENV)-newest

$(NEWEST)/.installed-dev: $(PROJECT) | chosen-python
	$(call stage,Installing the newest of everything into $(NEWEST),$(BIN)/python -m venv --clear $(NEWEST) && \
	  $(NEWEST)/bin/python -m pip install --quiet --no-compile --upgrade --editable . \
	    $$(sed -n 's/^dev_requirements = //p' settings.ini | sed -E 's/==[^; ]*//g'))
	@touch $(NEWEST)/.installed $@

test-newest: $(NEWEST)/.installed-dev  ## everything that is checked, with the newest release of every package
	@$(NEWEST)/bin/python -m pip list --format=freeze
	@$(MAKE) --no-print-directory VENV=$(NEWEST) export-check notebooks pytest

# --- writing --------------------------------------------------------------------------------------------------------

export: install-dev  ## write fashion_cnn/ from the notebooks, and clean them
	@python tools/export.py

address: install-dev  ## write addresses from settings.ini, and README.md from nbs/index.ipynb
	@python tools/address.py && python tools/readme.py

clean:  ## remove what was built (site, preview, caches); keeps .venv and runs
	@rm -rf _proc _docs _preview build dist *.egg-info .pytest_cache .hypothesis nbs/nbdev.yml nbs/explorers/vega.js nbs/live/ort
	@find . -name __pycache__ -not -path './$(VENV)*/*' -prune -exec rm -rf {} +

clean-venv:  ## remove .venv, to install again from scratch
	@rm -rf $(VENV) $(COLAB) $(NEWEST) $(VENV)-on-jax $(VENV)-on-torch $(VENV)-torch $(VENV)-jax

.PHONY: help demo test lab docs bench bench-environments record recipes install install-dev chosen-python hooks export-check \
	address-check notebooks site-check pytest test-colab test-installs test-backend test-newest export address clean clean-venv
