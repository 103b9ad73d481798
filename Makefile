# Two commands for a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Matrices here are small: threads of the linear algebra would only wait for each other.
export OPENBLAS_NUM_THREADS ?= 1
# Files of tests go to up to four processes, as many as there are processors.
WORKERS := -n auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test check bench nightly lock tables clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.run ## Set everything up, run the main job in silico, and say what to open
	$(BIN)/haemony demo demo

test: $(VENV)/.dev ## Set everything up and run the tests
	$(BIN)/pytest -m "not nightly" $(WORKERS)

check: $(VENV)/.dev ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

nightly: $(VENV)/.dev ## The long tests: 200 kills, and new examples for every generative test
	$(BIN)/pytest -m nightly
	HYPOTHESIS_PROFILE=searching $(BIN)/pytest tests/generative

bench: $(VENV)/.dev ## Measure everything beside its peers (PEER, SURVIVAL_PEERS: pythons of environments with pyCANON; with lifelines, scikit-survival, statsmodels)
	$(BIN)/python benchmarks/admission.py --large
	$(BIN)/python benchmarks/anonymity.py $(if $(PEER),--peer $(PEER))
	$(BIN)/python benchmarks/linkage.py
	$(BIN)/python benchmarks/courses.py
	$(BIN)/python benchmarks/blurred_numbers.py
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/survival_speed.py --write $(if $(SURVIVAL_PEERS),--peers $(SURVIVAL_PEERS))
	$(BIN)/python benchmarks/gene_pairs.py
	$(BIN)/python benchmarks/transplant_simulation.py

tables: $(VENV)/.dev ## Regenerate the tables in docs/reference that come from real data
	$(BIN)/python benchmarks/karyotype_agreement.py
	$(BIN)/python benchmarks/drafting.py --write
	$(BIN)/python benchmarks/score_inputs.py --write
	$(BIN)/python benchmarks/against_r.py --write
	$(BIN)/python benchmarks/amlsg_prediction.py --write

lock: ## Pin requirements anew by hash (on Python 3.11, with pip-tools installed)
	$(PYTHON) -m piptools compile -q --generate-hashes --strip-extras --no-header --no-emit-index-url \
	  --no-emit-find-links --extra build -o requirements/run.txt pyproject.toml
	$(PYTHON) -m piptools compile -q --generate-hashes --strip-extras --no-header --no-emit-index-url \
	  --no-emit-find-links --extra build --extra dev -o requirements/dev.txt pyproject.toml

clean: ## Remove what make made
	rm -rf $(VENV) demo

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON) here; install Python 3.11 or newer, or say which one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 4; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "haemony needs Python 3.11 or newer; say which one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 4; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "this Python lacks venv; install it (Debian, Ubuntu: apt-get install python3-venv) and try again"; exit 4; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/run.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run
