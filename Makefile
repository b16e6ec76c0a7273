# Everything a developer of Comity runs. Needs Python 3.11 or later, git and make; all else is installed into the checkout.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
unexport PYTHONPATH
RUN := .venv/bin/python

CHECKS := check-env check-format check-lint check-types check-layers check-promises
.PHONY: help demo test check $(CHECKS) format bench fuzz simulate new-app docs lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## see Comity at work on real data (FILE=my.csv: on your own)
	@scripts/env demo
	@scripts/env verify
	@$(RUN) demo/run.py $(if $(FILE),"$(FILE)")

test: ## run the whole suite (ARGS='tests/unit -k log': a part of it)
	@scripts/env dev
	@scripts/env second
	@scripts/env verify
	@scripts/debian
	@$(RUN) -m pytest --numprocesses 2 --dist loadgroup $(ARGS)

check: check-format check-lint check-types check-layers check-promises ## format, lint, types, layers, promises (make -k check: go on after a failure)

check-env:
	@scripts/env dev
check-format: check-env
	@$(RUN) -m ruff format --check --quiet .
check-lint: check-env
	@$(RUN) -m ruff check --quiet .
check-types: check-env
	@$(RUN) -m mypy --no-error-summary
check-layers: check-env
	@.venv/bin/lint-imports --no-logo
check-promises: check-env
	@$(RUN) -m pytest --quiet -m "not slow" tests/promises

format: ## format the source and mend what the linter can
	@scripts/env dev
	@$(RUN) -m ruff check --fix --quiet . || true
	@$(RUN) -m ruff format --quiet .

bench: ## measure beside baselines in one run (QUICK=1: in three minutes)
	@scripts/debian
	@scripts/env dev
	@$(RUN) -m benchmarks $(if $(QUICK),--quick)

fuzz: ## run each decoder under atheris (SECONDS_EACH=600)
	@scripts/env fuzz
	@.venv-fuzz/bin/python -m tests.fuzz --seconds $(or $(SECONDS_EACH),600)

simulate: ## replay one simulated life of a ledger (SEED=1)
	@scripts/env dev
	@$(RUN) -m tests.simulation --seed $(or $(SEED),1)

new-app: ## start an application of your own (NAME=library DIR=folder)
	@test -n "$(NAME)" || { echo "make new-app NAME=...: a name is missing, such as NAME=library" >&2; exit 2; }
	@scripts/env dev
	@$(RUN) -m comity.testing.new_app "$(NAME)" $(if $(DIR),"$(DIR)")

docs: ## write docs/reference anew from the code
	@scripts/env dev
	@$(RUN) -m scripts.reference

lock: ## write the lock files anew (UPGRADE=1: with the newest versions)
	@scripts/env lock
	@UPGRADE=$(UPGRADE) scripts/lock

clean: ## remove all that these commands made
	rm -rf .venv .venv-* .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist src/*.egg-info
	find src tests benchmarks demo docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
