# Everything starts here. `make run` and `make test` need Python 3.11+ and nothing else.
HOST ?= 127.0.0.1
PORT ?= 8000
PY := .venv/bin/python

.PHONY: run test lint format types contracts check shots bench faults requirements messages clean

run: ## Prepare what is missing, then serve until Ctrl+C
	@bin/prepare && exec $(PY) manage.py serve --host $(HOST) --port $(PORT)

test: ## The whole suite: embedded defaults, then PostgreSQL and Redis where they are
	@bin/prepare dev && exec $(PY) bin/test $(ARGS)

lint: ## ruff and djlint
	@bin/prepare dev
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(PY) -m djlint templates --lint --quiet

format: ## Rewrite Python in the house's form
	@bin/prepare dev
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format . 

types: ## mypy, strict where docs/style.md says so
	@bin/prepare dev
	@$(PY) -m mypy .

contracts: ## Which room may import which
	@bin/prepare dev
	@.venv/bin/lint-imports

shots: ## Pictures of every page, into var/shots
	@bin/prepare dev && exec $(PY) -m pytest tests/journeys/shoot.py -q

bench: ## Speed, as ratios against bare baselines of the same run
	@bin/prepare dev && exec $(PY) -m bench

faults: ## Kill workers, wipe Redis, restart PostgreSQL: orders and a merchants' day must end exact
	@bin/prepare dev && $(PY) -m tests.faults && exec $(PY) -m tests.faults.day

requirements: ## Pin and hash requirements*.txt from requirements*.in
	@bin/prepare dev
	@for name in requirements requirements-dev; do \
	  .venv/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 --universal --no-header \
	    $$name.in -o $$name.txt; done

messages: ## Collect texts for translation into locale/*/LC_MESSAGES/django.po
	@bin/prepare dev
	@$(PY) manage.py makemessages -l en --no-location --ignore .venv --ignore var

clean: ## Forget everything that was made, the demo's data included
	rm -rf .venv .venv.lock var
