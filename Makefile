# Everything runs in .venv, installed once from constraints.txt; needs only make and Python >= 3.11.
PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
# A stamp is written last, so an interrupted installation is done again.
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.ready-bench
DOCS_READY := $(VENV)/.ready-docs
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
SOURCES := $(wildcard src tests benchmarks tools notebooks)

.PHONY: demo test lint coverage bench docs pyodide package clean
.DELETE_ON_ERROR:

# One thread: the networks are small, and threads that wait for each other on busy cores took
# three times as long.
demo: export OMP_NUM_THREADS = 1
demo: export OPENBLAS_NUM_THREADS = 1
demo: export MKL_NUM_THREADS = 1
demo: $(READY)
	$(BIN)/chainrule run --all --preset quick --data embedded --output runs/demo --fresh

# One thread of linear algebra per test process: the processes already fill the cores.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: export MKL_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# The suite takes about twice as long; numbers are promised of the whole and of single rooms.
coverage: export OMP_NUM_THREADS = 1
coverage: export OPENBLAS_NUM_THREADS = 1
coverage: export MKL_NUM_THREADS = 1
# Of processes in other folders too, and left in none of them.
coverage: export COVERAGE_FILE = $(CURDIR)/build/coverage/data
coverage: $(READY)
	rm -rf build/coverage
	$(BIN)/python -m coverage run -m pytest -q -n $(WORKERS) --dist worksteal
	$(BIN)/python tools/report_coverage.py

bench: $(BENCH_READY)
	$(BIN)/python -m benchmarks --page

docs: $(DOCS_READY)
	$(BIN)/python tools/build_docs.py

# Pyodide and NumPy's build for it: for the tests in it, and for a site that fetches nothing.
pyodide: $(READY)
	@$(BIN)/python tools/browser_page.py

package: $(READY)
	$(BIN)/python tools/try_package.py

clean:
	rm -rf $(VENV) build dist runs/demo .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("chainrule needs Python 3.11 or newer, but this is %d.%d; name another one: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Installing chainrule and its tools into $(VENV) (once; a few minutes at most)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) hatchling editables
	@$(PIP_INSTALL) --no-build-isolation --editable '.[dev,fast,notebook,vision]'
	@touch $@

$(BENCH_READY): $(READY)
	@echo "Installing the libraries that the benchmarks compare with (large, once)"
	@$(PIP_INSTALL) --no-build-isolation --editable '.[bench]'
	@touch $@

$(DOCS_READY): $(READY)
	@$(PIP_INSTALL) --no-build-isolation --editable '.[docs]'
	@touch $@
