# make sweep   the headline experiment, from nothing: environment, pinned dependencies, sweep, tables and figures
# make test    the test suite (BOUNDS=0 without array bounds checks, PYTEST="-k numa" to pass options)
# Needs CPython >= 3.11 with venv and pip, and make. PYTHON=/path/to/python overrides the interpreter that is found.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BOUNDS ?= 1
PYTEST ?=

NEEDS := import ensurepip, platform, sys, venv; \
  sys.exit(sys.version_info < (3, 11) or platform.python_implementation() != "CPython")

.PHONY: help sweep test lint format bench validation clean

help:
	@sed -n 's/^# make/make/p; s/^# \(Needs.*\)/\n\1/p' Makefile
	@echo 'also: lint, format, bench, validation, clean'

sweep: $(VENV)/.run
	$(BIN)/mmrun sweep configs/numa.yaml

test: $(VENV)/.test
	NUMBA_BOUNDSCHECK=$(BOUNDS) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p $(VENV)/typed/mmrun && ln -sfn $(CURDIR)/benchmarks $(VENV)/typed/benchmarks
	@ln -sf $(CURDIR)/mmrun/*.py $(VENV)/typed/mmrun/ && ln -sfn $(CURDIR)/model $(CURDIR)/runner $(VENV)/typed/mmrun/
	cd $(VENV)/typed && MYPYPATH=. ../bin/mypy --config-file $(CURDIR)/pyproject.toml

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks --write

validation: $(VENV)/.test
	$(BIN)/python -m tests.fidelity

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find mmrun model runner benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is written last, so an interrupted set-up is taken up again. An environment whose interpreter is gone is rebuilt.
ifneq ($(wildcard $(VENV)/pyvenv.cfg),)
ifneq ($(shell $(BIN)/python -m pip --version >/dev/null 2>&1 && echo works),works)
.PHONY: $(VENV)/.python
endif
endif

$(VENV)/.python:
	@python=''; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	  if $$candidate -c '$(NEEDS)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo 'no CPython >= 3.11 with venv and ensurepip found (Debian: apt install python3-venv); set PYTHON=' >&2; exit 3; \
	fi; \
	echo "environment: $(VENV), $$($$python --version)" >&2; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $$python -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml setup.py constraints.txt
	@echo 'installing pinned dependencies' >&2
	$(PIP) install -c constraints.txt setuptools
	$(PIP) install -c constraints.txt --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[test]'
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[oracle]' 2>/dev/null \
	  || echo 'libcachesim cannot be installed here: the tests against it will be skipped' >&2
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@
