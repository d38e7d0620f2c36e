# What each command does: make help. All of them work from a clean clone, with Python 3.10+ and make;
# classroom needs npm besides.
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
HUB := .hub
PIP := bin/python -m pip --disable-pip-version-check
UV = bin/uv pip install --python $(@D)/bin/python
TORCH := --no-deps -c constraints.txt torch
EVERYTHING := .[test,dev]
CPU_TORCH := https://download.pytorch.org/whl/cpu
SETTINGS := share/jupyter/lab/settings/overrides.json
WORKSPACE := share/jupyter/lab/workspaces/default-37a8.jupyterlab-workspace
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test notebooks bench classroom binder colab lint clean
.DEFAULT_GOAL := help

help:
	@echo "make lab        set up what is missing, then open the first notebook in JupyterLab"
	@echo "make test       every test: the package, the notebooks, a real browser where there is one"
	@echo "make notebooks  run and write all notebooks, the Chinese ones and the cheat sheet too"
	@echo "make bench      the speed and memory figures"
	@echo "make classroom  learners on a real JupyterHub: their seconds, their memory (Linux, npm)"
	@echo "make binder     the link that opens this copy on Binder; make colab: on Colab"
	@echo "make lint       style and types"
	@echo "make clean      remove what was set up (.venv, .hub) and what the tests left behind"
	@echo "More arguments go through ARGS:  make lab ARGS=--no-browser   make test ARGS='-k shapes'"

lab: $(VENV)/.lab $(VENV)/$(SETTINGS) $(VENV)/$(WORKSPACE)
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 $(AS_ROOT) \
	  --LabApp.workspaces_dir=$(CURDIR)/$(dir $(VENV)/$(WORKSPACE)) \
	  --LabApp.default_url=/lab/tree/01_lstm_shapes.ipynb $(ARGS) notebooks

test: $(VENV)/.dev $(VENV)/$(SETTINGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile \
	  --nbval --nbval-current-env --nbval-cell-timeout=120 $(ARGS) tests notebooks

notebooks: $(VENV)/.dev
	$(BIN)/python -m tools.normalise $(ARGS) notebooks/*.ipynb
	$(BIN)/python -m tools.translate --extract
	$(BIN)/python -m tools.translate
	$(BIN)/python -m tools.normalise $(ARGS) notebooks/zh/*.ipynb
	$(BIN)/python -m tools.cheat_sheet

bench: $(VENV)/.dev $(VENV)/$(SETTINGS)
	$(BIN)/python -m tools.bench $(ARGS)

classroom: $(HUB)/node_modules $(HUB)/.jupyterhub
	$(HUB)/bin/python -m tools.classroom $(ARGS)

binder colab:
	@$(PYTHON) -m tools.links $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(HUB) artefacts .pytest_cache .hypothesis .mypy_cache .ruff_cache

# uv does in seconds what takes pip minutes; where it cannot be had, or finds no index, pip goes on.
define install
{ test -x $(@D)/bin/uv && $(@D)/$(UV) $(1); } || $(@D)/$(PIP) install $(1)
endef

# torch comes first and alone: PyTorch's own index has the small build without CUDA, and nothing else
# is to come from there. Where that index cannot be reached, pip takes torch from the usual place.
$(VENV)/.torch $(HUB)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "lstm_teach needs Python 3.10 or newer. If you have one under another name, say so:"; \
	  echo "  make lab PYTHON=python3.12"; exit 1; }
	@test -x $(@D)/bin/pip || $(PYTHON) -m venv $(@D) || { \
	  echo "Python could not make a virtual environment. On Debian and Ubuntu its part for that"; \
	  echo "is a package of its own: sudo apt install python3-venv"; exit 1; }
	@$(@D)/$(PIP) install -q --only-binary :all: -c constraints.txt uv || echo "No uv here: pip goes on."
	@if $(PYTHON) -c 'from urllib.request import *; urlopen("$(CPU_TORCH)/torch/", timeout=5)' \
	  2> /dev/null; then \
	  { test -x $(@D)/bin/uv && $(@D)/$(UV) --torch-backend=cpu $(TORCH); } \
	    || $(@D)/$(PIP) install --extra-index-url $(CPU_TORCH) $(TORCH); \
	else \
	  echo "PyTorch's own index cannot be reached, so torch comes from pip's."; \
	  $(@D)/$(PIP) install $(TORCH); fi
	@touch $@

$(VENV)/.lab: $(VENV)/.torch pyproject.toml
	@$(call install,-c constraints.txt -e '.[lab]')
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	@$(call install,-c constraints.txt -e '$(EVERYTHING)')
	@touch $(VENV)/.lab $@

$(VENV)/$(SETTINGS): $(SETTINGS) $(VENV)/.torch
	@mkdir -p $(@D)
	cp $(SETTINGS) $@

# A layout of its own, with the left side bar closed: what a learner changes in it stays theirs.
$(VENV)/$(WORKSPACE): | $(VENV)/.torch
	@mkdir -p $(@D)
	cp $(WORKSPACE) $@

# A hub and its learners' servers are no part of the project, so they have a Python of their own.
$(HUB)/.jupyterhub: $(HUB)/.torch pyproject.toml tools/classroom/constraints.txt
	@$(call install,-c constraints.txt -c tools/classroom/constraints.txt -e '.[lab]' jupyterhub)
	@touch $@

$(HUB)/node_modules: tools/classroom/package.json tools/classroom/package-lock.json
	@command -v npm > /dev/null || { \
	  echo "make classroom needs npm, and Node 20 or newer: the proxy of JupyterHub is written for it."; \
	  echo "On Debian and Ubuntu: sudo apt install npm"; exit 1; }
	@mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --no-audit --no-fund --prefix $(@D)
	@touch $@
