# Needs python3 >= 3.11 and make, nothing else: uv is put into .venv, and PostgreSQL and Valkey come
# out of wheels that uv.lock names.

PYTHON ?= python3
UV_VERSION := 0.13.9
PORT ?= 8000
DATA ?= .archipel
FRESH ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The project's own environment, whatever environment the shell has active.
export UV_PROJECT_ENVIRONMENT := $(VENV)
unexport VIRTUAL_ENV

# The tests wait about as much as they compute.
WORKERS := $(shell python3 -c 'import os; print(max(3, min(6, os.cpu_count())))')

.PHONY: demo test bench pictures lint types migrations check format clean

demo: $(READY)  ## Everything on this machine: make demo PORT=8123 DATA=folder FRESH=1
	@$(BIN)/archipel demo --port "$(PORT)" --data "$(DATA)" $(if $(FRESH),--fresh)

test: $(READY)  ## The whole test suite, on servers of its own: make test ARGS="tests/ops -x"
	@$(BIN)/pytest $(or $(ARGS),--numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder)

bench: $(READY)  ## The benchmarks, on servers of their own; writes .bench/latest.json
	@$(BIN)/python -m tests.bench $(ARGS)

pictures: $(READY)  ## The pictures of the README, taken anew of a demo of their own (needs Chromium)
	@$(BIN)/python -m tests.pictures $(ARGS)

lint: $(READY)  ## Style, formatting and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(READY)  ## mypy, strict
	@$(BIN)/mypy

migrations: $(READY)  ## Migrate from empty, and compare with the tables that the code declares
	@$(BIN)/python -m marketplace.commands.check

check: lint types migrations test  ## Everything that .ci/run asks

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## Remove what can be made again; the demo's data stays
	rm -rf $(VENV) .bench .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Archipel needs Python 3.11 or later; this is %s. Give another: make PYTHON=python3.12" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 -m venv is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv sync --locked --quiet --inexact --python $(BIN)/python
	@touch $@
