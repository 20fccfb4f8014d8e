# All the set-up there is: `make demo` and `make test` work on a fresh machine with Python 3.11 to 3.13.
PYTHON ?= python3
BIN := .venv/bin

# On Linux pip takes PyTorch's build for CUDA, gigabytes more than the one for processors. For the
# other build give the index that https://pytorch.org/get-started names: make demo TORCH_INDEX=URL
TORCH_OPTIONS := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
# Compiled modules are kept, also where the shell says not to: making them anew takes a third of the
# time of collecting the tests, and a third of a second of each process that a test starts.
export PYTHONDONTWRITEBYTECODE :=
PIP_INSTALL := install --quiet --disable-pip-version-check

.PHONY: demo test test-cpus test-lowest test-without-torch check bench docs coverage clean

# torch goes first, pinned and alone: a later install then never replaces it with another build.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	@$(if $(TORCH_INDEX),,echo "Installing PyTorch as pip gives it; for the smaller build without CUDA: make TORCH_INDEX=URL, see README.md")
	$(BIN)/pip $(PIP_INSTALL) $(TORCH_OPTIONS) --no-deps -c constraints.txt torch
	$(BIN)/pip $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@$(BIN)/python -c "import torch; print('PyTorch', torch.__version__, 'for', torch.version.cuda and 'CUDA' or 'processors')"
	touch $@

demo: .venv/installed  ## clean, train, distil, quantize and verify on scikit-learn's digits
	$(BIN)/thresher run digits --out runs/demo --plant

# A dead worker is not replaced: the next one would get the same test, and the rest would wait.
test: .venv/installed  ## the tests that need neither a GPU, the network nor long time
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile --max-worker-restart=0 -m 'not slow and not cuda'

test-cpus: .venv/installed build/runtime/installed  ## the tests as on other processors and runtimes
	THRESHER_OTHER_PYTHON=build/runtime/bin/python $(BIN)/python tests/cpus/run.py

# The oldest ONNX Runtime that may load exported files, and nothing else.
build/runtime/installed: pyproject.toml tests/cpus/lowest.py .venv/installed
	$(PYTHON) -m venv build/runtime
	$(BIN)/python tests/cpus/lowest.py --only numpy onnxruntime > build/runtime/pins.txt
	build/runtime/bin/pip $(PIP_INSTALL) -r build/runtime/pins.txt
	touch $@

# The oldest versions of everything. Python 3.11 or 3.12: some of them have no wheels for newer ones.
build/lowest/installed: pyproject.toml tests/cpus/lowest.py
	$(PYTHON) -m venv build/lowest
	$(PYTHON) tests/cpus/lowest.py > build/lowest/pins.txt
	build/lowest/bin/pip $(PIP_INSTALL) $(TORCH_OPTIONS) --no-deps -c build/lowest/pins.txt torch
	build/lowest/bin/pip $(PIP_INSTALL) -c build/lowest/pins.txt -e '.[dev]'
	touch $@

# Without the pages of help, which another version of typer words otherwise.
test-lowest: build/lowest/installed  ## the tests with the oldest versions that pyproject.toml allows
	OMP_NUM_THREADS=1 build/lowest/bin/python -m pytest -q -n auto --dist loadfile --max-worker-restart=0 \
	  -m 'not slow and not cuda' --ignore tests/app/test_docs.py

# Cleaning, labeling and augmenting, in an environment that has neither PyTorch nor ONNX.
build/without-torch/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv build/without-torch
	build/without-torch/bin/pip $(PIP_INSTALL) -c constraints.txt -e . pytest pytest-xdist
	touch $@

test-without-torch: build/without-torch/installed  ## what works without PyTorch; the rest skips
	OMP_NUM_THREADS=1 build/without-torch/bin/python -m pytest -q -n auto --dist loadfile --max-worker-restart=0 \
	  -m 'not slow and not cuda' tests/core tests/curation tests/active_learning tests/augment tests/app

check: .venv/installed  ## formatting, lints, types and spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell

bench: .venv/installed  ## slow tests and every benchmark; real data through THRESHER_DATA
	$(BIN)/python -m pytest -q -m slow -o faulthandler_timeout=3600
	$(BIN)/python benchmarks/all.py

.venv/docs-installed: .venv/installed
	$(BIN)/pip $(PIP_INSTALL) -c constraints.txt -e '.[docs]'
	touch $@

docs: .venv/docs-installed  ## write the generated pages, then the site; a warning is an error
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs build/site
	@echo "The site is build/site/index.html"

.venv/coverage-installed: .venv/installed
	$(BIN)/pip $(PIP_INSTALL) -c constraints.txt -e '.[coverage]'
	touch $@

coverage: .venv/coverage-installed  ## how many lines of the product the tests of `make test` run
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile --max-worker-restart=0 -m 'not slow and not cuda' \
	  --cov --cov-report=term:skip-covered --cov-report=html:build/coverage

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache
