# make demo and make test are all a newcomer needs: each makes .venv if need be and runs.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: demo test check gpu figures clean

demo: .venv/package.stamp
	$(BIN)/imgcollapse demo

test: .venv/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not long" -n auto --maxprocesses 8 --dist worksteal

check: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The committed figures again, from the committed tables: one command for each folder of tables.
figures: .venv/package.stamp
	@set -e; for tables in assets/tables/*/; do \
	  name=$$(basename $$tables); echo "$$name"; \
	  $(BIN)/imgcollapse figures $$tables --format png --out assets/figures/$$name >/dev/null; \
	done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist imgcollapse-demo

.venv/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11"; \
	    echo "hint: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/package.stamp: .venv/python.stamp pyproject.toml constraints.txt
	@echo "Installing imgcollapse into .venv (PyTorch with CUDA is several GB)"
	$(PIP) -e .
	@touch $@

.venv/test.stamp: .venv/package.stamp
	$(PIP) -e '.[test]'
	@touch $@

gpu: .venv/test.stamp
	$(BIN)/python -m pytest -m gpu
	$(BIN)/imgcollapse bench --device cuda --out assets/bench/$(shell date +%Y-%m-%d)-cuda.json
