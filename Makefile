# Two commands suffice: `make run` and `make test`. Each sets the environment up first, once.
.DEFAULT_GOAL := help
.PHONY: help run test test-long check neutral docs clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# One thread of mathematics a process: with more, tiny models are many times slower on a busy machine.
# Whole files go to a worker each, since a file's tests share what its fixtures made.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

help:  ## say what can be made (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY)  ## run one experiment in the miniature world, from configuration to scores
	$(BIN)/python -m alpaca_exp +experiment=cleaned

test: $(READY)  ## run the default tests
	$(TEST)

test-long: $(READY)  ## run the proofs that take minutes: effects, kills, packaging
	$(TEST) -m long

check: $(READY)  ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

neutral: $(READY)  ## note that code which changed still makes the same artifacts
	$(BIN)/python -m tests.versions

docs: $(READY)  ## write anew the parts of docs/ that commands write
	$(BIN)/python -m tests.docs

clean:  ## remove the environment and the tools' caches; outputs/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist build

# torch is named in the same command as what needs it, so that pip never resolves another one.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "alpaca_exp needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch -e ".[dev]"
	@touch $@
