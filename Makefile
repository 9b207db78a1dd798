# Two commands: `make train` and `make test`. Each sets everything up first.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: train test check docs lint format setup clean

train: setup
	$(RUN) tools/train.py configs/pose/hrnet_bsam.py

test: setup
	$(RUN) -m pytest

# What takes long: the site with all its links, and the tests that `make test` leaves out.
check: docs
	$(RUN) -m pytest -m "slow or long"

docs: setup
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@echo "Open site/index.html"

lint: setup
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

format: setup
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(RUN) -m pip install --quiet uv
	PATH="$$PATH:$(abspath $(VENV)/bin)" uv sync --all-extras --group dev --inexact --compile-bytecode
	touch $@

clean:
	rm -rf $(VENV)
