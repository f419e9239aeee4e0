# Everything a developer or operator starts from here. `make` alone tells what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# Only wheels, only those whose hashes the lock file holds, and nothing that it left out.
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCKED := install --no-deps --require-hashes --only-binary :all:
ARGS ?=
# OpenStack's own suite has an environment of its own: nothing of it meets the product.
TEMPEST := build/tempest
# Nova, Keystone, Placement, Neutron and Aodh as released, for the tests against a real cloud.
MINICLOUD := build/minicloud

.PHONY: help venv demo test campaign tempest minicloud test-openstack serve lint types bench docs clean lock

help: ## Tell what the targets do.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  ARGS='…' is handed to the command: make demo ARGS='--fault freeze', make test ARGS=tests/unit"

demo: $(VENV)/.package ## A host dies and everyone who depends on it is told: the main job, then exit.
	@$(BIN)/faultwire demo $(ARGS)

test: $(VENV)/.package $(VENV)/.test ## Run all the tests (house rules included).
	@$(BIN)/python $(if $(AGAIN),.ci/tests.py,-m pytest -n 2 --dist worksteal --ignore=tests/openstack $(ARGS))

campaign: $(VENV)/.package $(VENV)/.test ## Play 240 histories drawn from seeds: no healthy host is acted on.
	@$(BIN)/python -m pytest -n 2 -q tests/campaign --campaign 240 $(ARGS)

tempest: $(TEMPEST)/.made ## Make build/tempest, with which `make test` also runs OpenStack's own suite.

minicloud: $(MINICLOUD)/.made ## Make build/minicloud, the services of a real cloud, for `make test-openstack`.

test-openstack: $(VENV)/.package $(VENV)/.test $(MINICLOUD)/.made ## Run the tests against a real cloud.
	@$(BIN)/python $(if $(AGAIN),.ci/tests.py openstack,-m pytest -n 0 tests/openstack $(ARGS))

serve: $(VENV)/.package ## Start a standalone server; its state is kept in ./state.
	@exec $(BIN)/faultwire serve --state-dir state $(ARGS)

lint: $(VENV)/.package $(VENV)/.test ## Style, format and import contracts.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(VENV)/.package $(VENV)/.test ## Static types, strict.
	@$(BIN)/mypy

bench: $(VENV)/.package $(VENV)/.test ## Measure against the bare relay (ARGS=--smoke: quickly).
	@$(BIN)/python -m bench.run $(ARGS)

docs: $(VENV)/.package $(VENV)/.docs ## Build the documentation site into build/docs; warnings are errors.
	@$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/docs $(ARGS)
	@echo "build/docs/index.html"

venv: $(VENV)/.package $(VENV)/.test ## Make .venv with everything that developing needs.

clean: ## Remove what was made: .venv, caches, build output. Kept: ./state.
	@rm -rf $(VENV) build dist src/*.egg-info packages/*/src/*.egg-info packages/*/build .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	    .import_linter_cache .coverage .coverage.* htmlcov
	@find src packages tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

lock: ## Pin requirements/*.in again with hashes (for maintainers; needs uv).
	@bash requirements/lock

# One stamp for each step, so that the second time costs nothing.

$(VENV)/.made:
	@python=; \
	for candidate in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "Faultwire needs Python 3.11 or newer; found: $$(python3 --version 2>/dev/null || echo none)." >&2; \
	    echo "Install it, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$python cannot make virtual environments: install its venv package" \
	         "(Debian: apt-get install python3-venv)." >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt | $(VENV)/.made
	@echo "Installing what Faultwire runs on ..."
	@$(PIP) $(LOCKED) -r requirements/run.txt
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	@echo "Installing what the checks and tests need ..."
	@$(PIP) $(LOCKED) -r requirements/test.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.run
	@echo "Installing what the documentation site needs ..."
	@$(PIP) $(LOCKED) -r requirements/docs.txt
	@touch $@

$(TEMPEST)/.made: requirements/tempest.txt | $(VENV)/.made
	@echo "Installing OpenStack's own suite ..."
	@$(BIN)/python -m venv --clear $(TEMPEST)
	@$(TEMPEST)/bin/python -m pip --disable-pip-version-check -qq $(LOCKED) -r $<
	@touch $@

# Not all of it is to be had as wheels.
$(MINICLOUD)/.made: requirements/minicloud.txt | $(VENV)/.made
	@echo "Installing the services of a real cloud ..."
	@$(BIN)/python -m venv --clear $(MINICLOUD)
	@$(MINICLOUD)/bin/python -m pip --disable-pip-version-check -qq install --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/.package: pyproject.toml packages/profiler/pyproject.toml requirements/run.in \
    requirements/workspace.in $(VENV)/.run
	@$(PIP) install --no-deps --no-build-isolation --no-index \
	    --editable packages/profiler --editable .
	@touch $@
