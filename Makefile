# One target for hand, hook and CI. `make` alone lists them.
# Needs make and Python 3.11 or later; uses uv where it is on the PATH, else venv and pip.

# The first Python that is new enough; another one: make install PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$python && break; done)
UV := $(shell command -v uv 2>/dev/null)

VENV := .venv
BIN := $(VENV)/bin
# Each stamp is younger than what it stands for, so that a second `make install` does nothing.
INSTALLED := $(VENV)/.limbfix-installed
INSTALLED_DEV := $(VENV)/.limbfix-installed-dev
TESTED := $(VENV)/.limbfix-tested
SOURCES := $(wildcard limbfix tests examples benchmarks weights pyproject.toml constraints.txt)

ifdef UV
MAKE_VENV = $(UV) venv --quiet --python "$(PYTHON)" $(VENV)
INSTALL = $(UV) pip install --python $(BIN)/python -c constraints.txt
else
MAKE_VENV = "$(PYTHON)" -m venv $(VENV) || { echo "make: no environment could be made; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
endif

.DEFAULT_GOAL := help
.NOTPARALLEL: # two package installations at once would spoil each other
.PHONY: help install install-dev models body-data demo demo-refunds test check lint types bench constraints clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) models ## install limbfix and its models into .venv (7 GB on Linux: torch and its CUDA libraries)

install-dev: $(INSTALLED_DEV) models body-data ## the same with test tools and all extras (yolo: ultralytics, AGPL-3.0)

models: $(INSTALLED) ## fetch the model files that are missing (17 MB)
	@$(BIN)/python -m limbfix.weights pull

body-data: $(INSTALLED_DEV) ## fetch what the data engine renders, if it is missing (48 MB, CC0)
	@$(BIN)/python -m limbfix.synthesis fetch

demo: install ## judge the example pictures and write a report
	$(BIN)/limbfix check examples/pictures --report demo-report --force --fail-on never
	@echo "The report: $(CURDIR)/demo-report/index.html"

REFUNDS := demo-refunds
LEDGER := LIMBFIX_LEDGER_KEY=$(REFUNDS)/key.pem $(BIN)/limbfix

demo-refunds: install-dev ## judge the example pictures, invent orders, recommend refunds and write the report
	rm -rf $(REFUNDS) && mkdir $(REFUNDS)
	$(BIN)/limbfix check examples/pictures --policy examples/refunds/check_policy.toml --format jsonl --fail-on never > $(REFUNDS)/records.jsonl
	$(LEDGER) ledger add $(REFUNDS)/records.jsonl --orders examples/refunds/orders.csv --policy examples/refunds/refunds.toml \
		--check-policy examples/refunds/check_policy.toml --ledger $(REFUNDS)/ledger.db
	$(LEDGER) ledger decide @R-1014 decline --by "Ada (demo)" --why "All four hands are whole; the raised one is foreshortened" --label fine --ledger $(REFUNDS)/ledger.db
	$(LEDGER) ledger decide @R-1005 confirm --by "Ben (demo)" --why "There is a second thumb" --label defective --ledger $(REFUNDS)/ledger.db
	$(LEDGER) ledger decide @R-1004 set --give full --amount 9.50 --by "Ben (demo)" --label defective \
		--why "The customer counted four fingers, and so do I; the check missed it" --ledger $(REFUNDS)/ledger.db
	$(LEDGER) ledger verify --ledger $(REFUNDS)/ledger.db
	for format in html pdf csv json parquet; do $(LEDGER) report --ledger $(REFUNDS)/ledger.db --title "Refunds of the demo shop (flagged with care)" \
		--out $(REFUNDS)/report.$$format || exit 1; done
	@echo "The report: $(CURDIR)/$(REFUNDS)/report.html"

test: install-dev ## run the tests
	$(BIN)/python -m pytest
	@touch $(TESTED)

check: lint types ## lint, types and, if anything changed since they last passed, the tests
	@if [ -f $(TESTED) ] && [ -z "$$(find $(SOURCES) -type f -newer $(TESTED) ! -path '*/__pycache__/*' ! -path '*.egg-info/*' | head -n 1)" ]; \
	then echo "tests: passed already, and no file has changed since"; \
	else $(MAKE) test; fi

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .

types: $(INSTALLED_DEV)
	$(BIN)/pyright

bench: install-dev ## run the benchmarks
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

constraints: ## renew constraints.txt from what the newest versions resolve to
	rm -rf build/constraints
	"$(PYTHON)" -m venv build/constraints
	build/constraints/bin/python -m pip install --disable-pip-version-check --quiet -e '.[dev,all]'
	{ grep '^#' constraints.txt; build/constraints/bin/python -m pip freeze --all --exclude-editable --exclude pip | LC_ALL=C sort -f; } > build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

clean: ## remove reports, caches and build leftovers
	rm -rf demo-report $(REFUNDS) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis $(TESTED)
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## the same, and the environment
	rm -rf $(VENV)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or later is needed; name one with: make install PYTHON=..." >&2; exit 1; }
	$(MAKE_VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $(INSTALLED)

$(INSTALLED_DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev,all]'
	@touch $(INSTALLED) $(INSTALLED_DEV)
