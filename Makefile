# The one door. Every target sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test coverage check judge integration integration/.ready contract bench demo format clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Say which with: make run PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@

run: $(VENV)/.run  ## set everything up and serve, with a small demo
	$(BIN)/python manage.py serve --first-run

test: $(VENV)/.dev  ## the fast tests; needs no server and no root
	$(BIN)/python -m pytest -n auto

coverage: $(VENV)/.dev  ## branches of the API and the accounts that the tests go through; fails below 95 %
	$(BIN)/python -m pytest -n auto --cov --cov-report= accounts config scheduling library/tests/api acquisition/tests/api
	$(BIN)/python benchmarks/branches.py

check: $(VENV)/.dev  ## format, lint, types, import contracts, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py makemigrations --check --dry-run

judge: $(VENV)/.dev  ## measure judgement on the shared cases; fails when a figure falls
	$(BIN)/python benchmarks/judge.py

integration/.ready:
	@missing=; for tool in qbittorrent-nox transmission-daemon opentracker ffmpeg; do command -v $$tool >/dev/null || missing=1; done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq qbittorrent-nox transmission-daemon opentracker ffmpeg >/dev/null; \
	else echo "The integration tests need qbittorrent-nox, transmission-daemon, opentracker and ffmpeg. Install them (Debian: apt-get install …)."; exit 1; fi

integration: $(VENV)/.dev integration/.ready  ## tests against real programs; installs them where it may
	cd integration && ../$(BIN)/python -m pytest -c pytest.ini --rootdir=. --durations=5

contract: $(VENV)/.dev  ## the API's contract against a live server, on SQLite and on PostgreSQL
	$(BIN)/python integration/contract.py

bench: $(VENV)/.dev  ## measurements; ratios against a floor in the same run
	$(BIN)/python benchmarks/read_folders.py 2000

demo: $(VENV)/.run  ## load the demonstration into an empty product
	$(BIN)/python manage.py migrate -v0
	$(BIN)/python manage.py demo load

format: $(VENV)/.dev  ## put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
