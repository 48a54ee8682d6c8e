# What a contributor runs. Python 3.11 or newer, make and wheels are enough; no compiler is needed.
#
#   make install              .venv with everything, at the locked versions
#   make demo                 a pretend PBX, the hub and its pages, on this machine alone (SECONDS=30 ends by itself)
#   make check                what CI runs first: ruff, mypy, import-linter
#   make test-fast            core, store and contract on SQLite, under a minute
#   make test                 everything, real servers included
#   make bench                measurements that the README quotes
#   make lock                 compile requirements.lock anew (needs uv)

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
INSTALLED := $(VENV)/.installed
# Arguments for pytest: make test ARGS="-k gap -x"
ARGS ?=
# What test-fast runs: core, store, settings, documents, and the contract that every connector passes.
FAST := tests/core tests/store tests/docs $(wildcard tests/test_settings*.py) plugins/records $(wildcard plugins/*/*/tests/test_contract.py)

.PHONY: help install demo check test test-fast bench lock clean
.DEFAULT_GOAL := help

help:
	@sed -n '/^# /s/^# //p;/^#$$/s/.*//p' Makefile

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("crmhub needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.12 …" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

demo: install
	$(BIN)/crmhub demo $(if $(SECONDS),--seconds $(SECONDS))

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two more workers than processors: the tests of daemons and of live servers wait more than they compute.
WORKERS ?= $(shell expr `getconf _NPROCESSORS_ONLN || echo 1` + 2)

test: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

test-fast: install
	$(BIN)/python -m pytest -n auto -m "not slow and not live and not postgresql" $(FAST) $(ARGS)

bench: install
	$(BIN)/python -m benchmarks $(ARGS)

lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
