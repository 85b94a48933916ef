# Everything on a fresh machine with Python 3.11, 3.12 or 3.13, and make.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: dry-run test lint setup

dry-run: $(VENV)/.ready
	$(BIN)/python submit.py petals --ensemble --dry-run

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.ready-dev

$(VENV)/.ready: requirements.lock
	@$(PYTHON) -c '$(FITS)' || { \
		echo 'error: Python 3.11, 3.12 or 3.13 is needed: install one, or make PYTHON=/path/to/it'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock -r requirements-dev.lock
	touch $@
