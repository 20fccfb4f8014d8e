# All the set-up there is: `make demo` and `make test` work on a fresh machine with Python 3.11+.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-cpus check bench docs clean

# torch goes first and pinned: a later install then never replaces it with another build.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/installed  ## clean, train, distil, quantize and verify on scikit-learn's digits
	$(BIN)/thresher run digits --out runs/demo --plant

# A dead worker is not replaced: the next one would get the same test, and the rest would wait.
test: .venv/installed  ## the tests that need neither a GPU, the network nor long time
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile --max-worker-restart=0 -m 'not slow and not cuda'

test-cpus: .venv/installed  ## the numeric and training tests as on other processors
	$(BIN)/python tests/cpus/run.py

check: .venv/installed  ## formatting, lints and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .venv/installed  ## slow tests and every benchmark; real data through THRESHER_DATA
	$(BIN)/python -m pytest -q -m slow -o faulthandler_timeout=3600
	$(BIN)/python benchmarks/all.py

docs: .venv/installed  ## write the generated pages: command line help and benchmark tables
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache
