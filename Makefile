# Every target works from a fresh clone: .venv is made, and remade when the lock file changes. Modules are compiled when they are first
# imported, which most of what is installed never is.
PYTHON   ?= python3
PROFILE  ?= default
PORT     ?= 12345
STEP     ?= hello
APP      ?= flask
REQUESTS ?= 20000
MINUTES  ?= 10
RUN      ?= results/latest

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/ready
# What tests and lint need is installed when they are asked for.
TOOLS := $(VENV)/ready-dev
PIP   := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
CARD  := shared_model/artefacts/current/model_card.json

.DEFAULT_GOAL := help
.PHONY: help bench verify test test-all fuzz soak lint train flask fastapi step report readme clean setup

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-8s %s\n' "$$name" "$$text"; done
	@echo
	@echo '  settings: PROFILE=smoke|quick|default|thorough  PORT=$(PORT)  RUN=$(RUN)  PYTHON=$(PYTHON)'

bench: $(CARD) ## measure, compare and write a report   [PROFILE=default]
	@$(BIN)/python -m bench run --profile $(PROFILE)

verify: $(READY) ## let the bench prove itself against servers with a known truth
	@$(BIN)/python -m bench verify

test: $(CARD) $(TOOLS) ## run the tests, but for those that are slow by nature
	@$(BIN)/python -m pytest -m "not slow"

test-all: $(CARD) $(TOOLS) ## run all tests, those in a browser among them, then verify
	@$(BIN)/python -m pytest
	@$(BIN)/python -m bench verify

fuzz: $(CARD) $(TOOLS) ## send broken requests to both servers, other ones each time   [REQUESTS=20000]
	@FUZZ_REQUESTS=$(REQUESTS) $(BIN)/python -m pytest -n 0 -s tests/servers/test_differential_fuzz.py tests/servers/test_schema_fuzz.py

soak: $(CARD) $(TOOLS) ## keep each server busy and look at errors, memory, descriptors   [MINUTES=10]
	@PYTHONPATH=tests $(BIN)/python docs/studies/soak.py --minutes $(MINUTES)

lint: $(TOOLS) ## check style, types, the layering of imports, and deploy/
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml

train: $(READY) ## train the model anew   [DATA=titanic.csv] [OUT=folder]
	@$(BIN)/python -m shared_model.train $(if $(DATA),--data $(DATA)) $(if $(OUT),--out $(OUT))

flask: $(CARD) ## serve the model with Flask   [PORT=12345]
	@exec $(BIN)/python -m flask_app $(PORT)

fastapi: $(CARD) ## serve the model with FastAPI   [PORT=12345]
	@exec $(BIN)/python -m fastapi_app $(PORT)

step: $(CARD) $(if $(filter tested,$(STEP)),$(TOOLS)) ## serve a step of the API   [STEP=hello] [APP=flask|fastapi] [PORT=12345]
	@exec $(BIN)/python -m $(APP)_app.steps.$(STEP) $(PORT)

report: $(READY) ## draw the report of a finished run again   [RUN=results/latest]
	@$(BIN)/python -m bench report $(RUN)

readme: $(READY) ## write the README's part on the reference run and the code in the articles anew
	@$(BIN)/python -m bench readme

clean: ## remove what make made; results stay
	rm -rf $(VENV) shared_model/artefacts .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(TOOLS)

# The stamp carries the Python asked for, so that `make test PYTHON=python3.12` rebuilds the environment.
$(READY): requirements.lock pyproject.toml $(if $(shell test "$$(cat $(READY) 2>/dev/null)" = "$(PYTHON)" || echo changed),FORCE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "'$(PYTHON)' is no Python 3.11 or newer that runs here: name one, for example 'make $(MAKECMDGOALS) PYTHON=python3.12'." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: install it (on Debian or Ubuntu: apt-get install python3-venv), then run make again." >&2; exit 2; }
	@echo "Setting up $(VENV) ..." >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --no-compile --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation -e .
	@echo "$(PYTHON)" > $(READY)

$(TOOLS): $(READY) requirements-dev.lock
	@$(PIP) --no-compile --require-hashes -r requirements-dev.lock
	@touch $(TOOLS)

FORCE:

$(CARD): $(READY) $(wildcard shared_model/*.py) shared_model/data/titanic.csv
	@$(BIN)/python -m shared_model.train --quiet
