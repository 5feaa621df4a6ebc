# Each target sets up what it needs; `make test` and `make demo` are the two to know.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: install demo test check bench bench-full docs clean

install: $(READY)

$(READY): pyproject.toml .ci/constraints.txt .ci/debian-packages.txt
	bash .ci/system-libraries
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --group dev --editable ".[all]"
	touch $@

demo: install
	$(BIN)/napari-densify demo --out demo-out

check: install
	$(BIN)/ruff check src tests bench docs pretrain
	$(BIN)/ruff format --check src tests bench docs pretrain
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-densify

test: check
	bash .ci/with-display $(BIN)/python -m pytest

bench: $(VENV)/.bench
	bash .ci/with-display $(BIN)/python -m bench

# Six methods, nine volumes, three seeds, two minutes each: most of a day with the corrections.
bench-full: $(VENV)/.bench
	$(BIN)/python -m bench.compare
	$(BIN)/python -m bench.corrections
	$(BIN)/python -m bench.suggestions

# The peers to compare with; nothing else needs them.
$(VENV)/.bench: $(READY)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --group bench
	touch $@

docs: install
	$(BIN)/python docs/keys.py
	bash .ci/with-display $(BIN)/python docs/screenshots.py
	bash .ci/with-display $(BIN)/python docs/guide_pictures.py
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --group docs
	$(BIN)/mkdocs build --strict --config-file .ci/mkdocs.yml --site-dir "$(CURDIR)/site"

clean:
	rm -rf $(VENV) dist site demo-out bench-out
