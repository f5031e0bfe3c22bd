# Each target sets up what it needs; see BUILD.md.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test test-slow torture gates gpu-check lint bench docs clean

train: .venv/installed
	@$(BIN)/python bin/train.py --flagfile=configs/quickstart.flags

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow

SCALE ?= 1

torture: .venv/installed
	$(BIN)/python benchmarks/torture.py --workdir=runs/torture --out=docs/reliability.md --scale=$(SCALE)

gates: .venv/installed
	$(BIN)/python bin/gates.py --data_dir=$(DATA_DIR) --results=docs/gates.jsonl --out=docs/gates.md

gpu-check: .venv/installed
	@$(BIN)/python benchmarks/gpu_check.py

lint: .venv/installed
	$(BIN)/ruff check ganflow bin tests benchmarks docs
	$(BIN)/ruff format --check ganflow bin tests benchmarks docs docs
	$(BIN)/mypy

bench: .venv/bench
	$(BIN)/python benchmarks/run.py

docs: .venv/docs
	$(BIN)/sphinx-build -q -W --keep-going -c docs/site . build/site
	@echo "open build/site/docs/site/index.html"

.venv/installed: setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
	    "ganflow needs Python 3.11, 3.12 or 3.13, and python3 is %d.%d: make PYTHON=python3.12" % v)'
	@echo "Setting up .venv (some minutes, once)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

.venv/bench: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

.venv/docs: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

clean:
	rm -rf .venv runs build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
