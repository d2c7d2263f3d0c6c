# The verbs of this project. `make` lists them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
# Where the environments of the engines go; their weights are yours to put there (docs/folding.md).
ENGINES ?= $(or $(WELLPLATE_HOME),$(HOME)/.wellplate)/engines
ENGINE_NAMES := boltz alphafold esmfold proteinmpnn

# Tests that run several processes of their own: one after the other. All others run two at a time.
WHOLE := cluster or e2e or science

.PHONY: help run test test-engines engines check fix bench token link backup restore move-wal-aside packages packages-test packages-bench clean

help:  ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: $(READY) packages  ## start Wellplate and serve http://127.0.0.1:8501/app/
	@exec $(BIN)/python app.py

test: $(DEV) packages packages-test  ## everything the tests need, then all tests
	$(MAKE) check
	$(BIN)/python -m pytest -m "not ($(WHOLE) or engines)" -n 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m "($(WHOLE)) and not engines"

engines: $(ENGINE_NAMES:%=engines-%)  ## environments of Boltz-2, AlphaFold-2, ESMFold, ProteinMPNN; or engines-boltz, ...

$(ENGINE_NAMES:%=engines-%): engines-%: $(ENGINES)/%/.ready

test-engines: $(DEV) engines  ## run the real engines with tiny made-up weights
	WELLPLATE_ENGINES='{"folder": "$(ENGINES)"}' $(BIN)/python -m pytest -m engines tests/engines

check: $(DEV)  ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(DEV)  ## mend what a machine can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) packages packages-test packages-bench  ## measure beside peers; prints tables, writes results/
	$(BIN)/python -m benchmarks

token: $(READY)  ## a new API token of the site's admin (the app must run)
	@$(BIN)/python -m compute.commands token

link: $(READY)  ## a new one-time sign-in link for the admin (the app must run)
	@$(BIN)/python -m compute.commands link

backup: $(READY)  ## database and files together: make backup TO=folder (the app must run)
	@$(BIN)/python -m compute.commands backup "$(TO)"

restore: $(READY)  ## make restore FROM=folder, into an empty WELLPLATE_HOME
	@$(BIN)/python -m compute.commands restore "$(FROM)"

move-wal-aside: $(READY)  ## when the database did not open cleanly; says what is lost
	@$(BIN)/python -m compute.commands move-wal-aside

packages:
	@sh packages.sh packages.txt

packages-test:
	@sh packages.sh packages-test.txt strict

packages-bench:
	@sh packages.sh packages-bench.txt strict

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(READY): $(VENV)/bin/python requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

$(DEV): $(READY) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

$(ENGINES)/%/.ready: engines/%.txt
	$(PYTHON) -m venv $(ENGINES)/$*
	$(ENGINES)/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r $<
	@touch $@

clean:  ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
