# What each command does: make help. All of them work from a clean clone, with Python 3.10+ and make;
# classroom needs npm besides.
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
HUB := .hub
PIP := bin/python -m pip --disable-pip-version-check
CPU_TORCH := https://download.pytorch.org/whl/cpu
SETTINGS := share/jupyter/lab/settings/overrides.json
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test notebooks bench classroom lint clean
.DEFAULT_GOAL := help

help:
	@echo "make lab        set up what is missing, then open the first notebook in JupyterLab"
	@echo "make test       every test: the package, the notebooks, a real browser where there is one"
	@echo "make notebooks  run every notebook and write it back as it is committed; the cheat sheet too"
	@echo "make bench      the speed and memory figures"
	@echo "make classroom  learners on a real JupyterHub: their seconds, their memory (Linux, npm)"
	@echo "make lint       style and types"
	@echo "make clean      remove what was set up (.venv, .hub) and what the tests left behind"
	@echo "More arguments go through ARGS:  make lab ARGS=--no-browser   make test ARGS='-k shapes'"

lab: $(VENV)/.lab $(VENV)/$(SETTINGS)
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 $(AS_ROOT) $(ARGS) notebooks/01_lstm_shapes.ipynb

test: $(VENV)/.dev $(VENV)/$(SETTINGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile \
	  --nbval --nbval-current-env --nbval-cell-timeout=120 $(ARGS) tests notebooks

notebooks: $(VENV)/.dev
	$(BIN)/python -m tools.normalise $(ARGS) notebooks/*.ipynb
	$(BIN)/python -m tools.cheat_sheet

bench: $(VENV)/.dev $(VENV)/$(SETTINGS)
	$(BIN)/python -m tools.bench $(ARGS)

classroom: $(HUB)/node_modules $(HUB)/.jupyterhub
	$(HUB)/bin/python -m tools.classroom $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(HUB) artefacts .pytest_cache .hypothesis .mypy_cache .ruff_cache

# torch comes first and alone: PyTorch's own index has the small build without CUDA, and pip is to look
# there for nothing else. Where that index cannot be reached, pip takes torch from the usual place.
$(VENV)/.torch $(HUB)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "lstm_teach needs Python 3.10 or newer. If you have one under another name, say so:"; \
	  echo "  make lab PYTHON=python3.12"; exit 1; }
	@test -x $(@D)/bin/pip || $(PYTHON) -m venv $(@D) || { \
	  echo "Python could not make a virtual environment. On Debian and Ubuntu its part for that"; \
	  echo "is a package of its own: sudo apt install python3-venv"; exit 1; }
	$(@D)/$(PIP) install --retries 1 --extra-index-url $(CPU_TORCH) --no-deps -c constraints.txt torch
	@touch $@

$(VENV)/.lab: $(VENV)/.torch pyproject.toml
	$(@D)/$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(@D)/$(PIP) install -c constraints.txt -e '.[test,dev]'
	@touch $(VENV)/.lab $@

$(VENV)/$(SETTINGS): $(SETTINGS) $(VENV)/.torch
	@mkdir -p $(@D)
	cp $(SETTINGS) $@

# A hub and its learners' servers are no part of the project, so they have a Python of their own.
$(HUB)/.jupyterhub: $(HUB)/.torch pyproject.toml tools/classroom/constraints.txt
	$(@D)/$(PIP) install -c constraints.txt -c tools/classroom/constraints.txt -e . jupyterhub
	@touch $@

$(HUB)/node_modules: tools/classroom/package.json tools/classroom/package-lock.json
	@command -v npm > /dev/null || { \
	  echo "make classroom needs npm, and Node 20 or newer: the proxy of JupyterHub is written for it."; \
	  echo "On Debian and Ubuntu: sudo apt install npm"; exit 1; }
	@mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --no-audit --no-fund --prefix $(@D)
	@touch $@
