# make export: every trained model to verified bundles.   make test: lint, types, tests.   make check: the quick ones.
# All make .venv in this checkout, or reuse it, and leave nothing outside but caches.
VENV := .venv
RUN := $(VENV)/bin/python

# The Python of an existing .venv; else 3.11, the newest for which all three engines have wheels; else one that two have.
PYTHON ?= $(shell for each in $(RUN) python3.11 python3.13 python3.12 python3.10; do \
	$$each -c '' 2>/dev/null && echo $$each && exit; done; echo python3)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d%d" % sys.version_info[:2])')
PINS := constraints/py$(VERSION).txt
INSTALLED := $(VENV)/.installed-py$(VERSION)
PIP := $(RUN) -m pip install --disable-pip-version-check -q

# Two processes, a file of tests to each; in the order of the files: those with the fewest tests, which come last
# otherwise, are not the shortest.
BY_FILE := -n 2 --dist loadfile --no-loadscope-reorder

# Tests start hundreds of processes, each of which would compile the modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: export check test test-boards test-here lint docs wheel pins clean

export: $(INSTALLED)
	$(RUN) -m export all

# What needs no conversion, board, browser or installation: for the hundredth run of the day.
check: lint
	$(RUN) -m pytest -q $(BY_FILE) -m "not conversion and not boards and not browser and not installation"

# The boards are emulated beside everything else, on what the others leave of the processors.  The output of each part
# is printed when the part ends.
test: lint
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-boards test-here

test-boards: $(INSTALLED)
	nice -n 19 $(RUN) -m pytest tests/arm

# Two processes: where TensorFlow is imported, tflite-runtime cannot load a model.
test-here: $(INSTALLED)
	$(RUN) -m pytest $(BY_FILE) --ignore=tests/arm
	$(RUN) -m pytest $(BY_FILE) -o python_files='tensorflow_test_*.py'

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# The documentation as a site; a warning, such as a link that leads nowhere, is an error.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --site-dir build/site

# Two: everything, for the desk; and the runtime alone, for the device.  A build packs what an older one left behind.
PACKED := build/lib build/bdist.* runtime/build
wheel: $(INSTALLED)
	rm -rf $(PACKED)
	$(RUN) -m build --wheel --outdir dist .
	$(RUN) -m build --wheel --outdir dist runtime
	rm -rf $(PACKED)

# The stamp is written last, so an interrupted installation is taken up again.  Wheels only: what has none is refused at
# once, instead of being compiled for an hour.
$(INSTALLED): pyproject.toml $(wildcard $(PINS)) constraints/make_venv.py
	@$(PYTHON) constraints/make_venv.py $(VENV)
	$(PIP) --only-binary=:all: -c $(PINS) -e '.[export,train,sign,docs,dev]'
	touch $@

# One file for each Python, all written by whichever runs here.  They name versions only, no index.
pins: $(INSTALLED)
	for minor in 10 11 12 13; do $(VENV)/bin/uv pip compile --quiet --upgrade --no-header --only-binary :all: \
		--python-version 3.$$minor --extra export --extra train --extra sign --extra docs --extra dev \
		--output-file constraints/py3$$minor.txt pyproject.toml || exit; done

clean:
	rm -rf $(VENV) build dist *.egg-info artifacts/*/bundle artifacts/report.json artifacts/report.md artifacts/report.html artifacts/*/flips.json
