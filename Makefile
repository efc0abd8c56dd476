# `make demo` and `make test` do all of their own set-up in .venv; a second call installs nothing.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
OUT ?= demo

.PHONY: demo test lint types check docs pictures clean
.DEFAULT_GOAL := test

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python setup.py pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) -e ".[dev]"
	-$(PIP) "trimap>=1.2"  # its annoy is built here; without a C++ compiler its tests are skipped
	touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP) -e ".[docs]"
	touch $@

demo: $(VENV)/.core
	$(BIN)/embetter-reg demo --out $(OUT)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

pictures: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python docs/make_pictures.py

clean:
	rm -rf $(VENV) demo site build *.egg-info
