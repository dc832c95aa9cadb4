# `make` lists the recipes. Each of them first makes the environment in .venv, once.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo-flights
PYTEST ?= $(BIN)/python -m pytest -n 2
ARGS ?=

# The learners' threads spin on a busy machine and cost more CPU than they save.
export OMP_NUM_THREADS ?= 1
# Set to anything, the tests that need a Redis server are skipped instead of failing where there is none.
export SETPOINT_TEST_WITHOUT_REDIS ?=
# What `time` prints after each timed part of a recipe.
export TIMEFORMAT = %R s wall, %U s user CPU + %S s system CPU

.PHONY: help install demo test lint types arch bench docs format constraints changelog clean

help: ## List the recipes
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(READY) ## Make the environment: .venv with what constraints.txt pins, by hash

$(READY): constraints.txt pyproject.toml
	@stop() { echo "setpoint: $$1" >&2; exit 1; }
	command -v $(PYTHON) >/dev/null || stop "$(PYTHON) is missing: apt-get install python3 python3-venv libgomp1"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop \
	    "Python 3.11 or newer is needed and $(PYTHON) is $$($(PYTHON) -V); name a newer one: make PYTHON=python3.12"
	missing=()
	$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
	# LightGBM needs the OpenMP runtime of the system.
	[ "$$(uname)" != Linux ] || $(PYTHON) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || missing+=(libgomp1)
	[ $${#missing[@]} -eq 0 ] || stop "missing on this system: apt-get install $${missing[*]}"
	command -v redis-server >/dev/null || echo "install: some tests need redis-server: apt-get install redis-server," \
	    "or leave them out: make test SETPOINT_TEST_WITHOUT_REDIS=1"
	echo "install: $$(grep -c == constraints.txt) pinned packages into $(VENV)"
	TIMEFORMAT="install: $$TIMEFORMAT"
	time {
	    [ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	    awk '/^uv==/ { on = 1 } on { print } !/\\$$/ { on = 0 }' constraints.txt > $(VENV)/uv.txt
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	    $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r constraints.txt
	    $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	}
	touch $@

demo: $(READY) ## Replay a year of New York flights: decisions, late labels, drift, retrainings, releases
	@$(BIN)/setpoint new flights $(DEMO) --force
	TIMEFORMAT="replay: $$TIMEFORMAT"
	time $(BIN)/setpoint replay $(DEMO)

test: $(READY) ## Run all tests and every example of the documentation
	@$(PYTEST) $(ARGS)

docs: $(READY) ## Run every example of the documentation and check its pages against the code
	@$(PYTEST) tests/docs $(ARGS)

lint: $(READY) ## Style, spelling, unused or undeclared dependencies
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/deptry src

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

arch: $(READY) ## The direction of imports, and the rules of the layout
	@$(BIN)/lint-imports --no-logo
	$(PYTEST) tests/architecture $(ARGS)

bench: $(READY) ## Every benchmark in its quick form
	@for script in benchmarks/*.py; do
	    echo "== $$script"
	    $(BIN)/python $$script --quick
	done

format: $(READY) ## Let ruff lay out the code
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: ## Resolve constraints.txt anew (make constraints UPGRADE=--upgrade takes newer versions)
	@[ -x $(BIN)/uv ] || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv; }
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --group dev $(UPGRADE) pyproject.toml -o constraints.txt
	! grep -nE '://|index-url|find-links' constraints.txt

changelog: $(READY) ## Show what the fragments in changelog.d will say
	@$(BIN)/towncrier build --draft

clean: ## Remove what the recipes made, the environment included
	@rm -rf $(VENV) build dist $(DEMO) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
