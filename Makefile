# make export: every trained model to verified bundles.   make test: lint, types, tests.
# Both make .venv in this checkout, or reuse it, and leave nothing outside but caches.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: export test lint wheel pins clean

export: $(VENV)/.installed
	$(RUN) -m export all

# Two processes: training imports TensorFlow, and beside it tflite-runtime cannot load a model.
test: lint
	$(RUN) -m pytest
	$(RUN) -m pytest tests/train

lint: $(VENV)/.installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

wheel: $(VENV)/.installed
	$(RUN) -m build --wheel --outdir dist .

# The stamp is written last, so an interrupted installation is taken up again.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[export,train,sign,dev]'
	touch $@

# The file names versions only, no index.
pins: $(VENV)/.installed
	$(RUN) -m pip install --disable-pip-version-check -q pip-tools
	$(RUN) -m piptools compile --quiet --strip-extras --upgrade --extra export --extra train --extra sign --extra dev \
		--no-header --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) build dist *.egg-info artifacts/*/bundle artifacts/report.json artifacts/report.md
