# The one task runner: what CI runs is what a person runs.  `make` alone lists the targets.
PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
READY := .venv/.ready
RELEASED := exercises/release/.built
# Test files that `make test` runs at once.
JOBS ?= 2
# The environment's programs call each other by name (nbgrader calls alembic, for one).
export PATH := $(BIN):$(PATH)
# The products of the experiments are small: a second thread costs more than it brings.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help book pdf test fast lab exercises wheel lite picture bench doctor lint clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Everything that the other targets need, in .venv, at the versions of constraints.txt.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,plot,data,ledger]' --group dev
	@touch $@

book: $(RELEASED)  ## build the book into _build/html, running every chapter
	$(BIN)/jupyter-book build . -n -W --keep-going

pdf: book  ## print the built book as one PDF into _build/html, and link it from the front page (needs Chromium)
	$(BIN)/python chapters/_ext/pdf.py
	$(BIN)/jupyter-book build . -n -W --keep-going --quiet

test: $(READY)  ## every test: slow ones too, every chapter and every assignment from its text
	$(BIN)/pytest -rs -m 'not gpu' -n $(JOBS) --dist loadfile --max-worker-restart 0 --nbval-lax tests chapters exercises/assignments

fast: $(READY)  ## the tests that take seconds
	$(BIN)/pytest

lab: $(READY)  ## open chapters and exercises as notebooks; what is saved lands in the text files
	JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(BIN)/jupyter lab

exercises: $(READY)  ## build the course: exercises/source and exercises/release
	$(BIN)/python -m exercises.build
	@touch $(RELEASED)

# The book publishes the assignments too; they are released anew when their texts have changed.
$(RELEASED): $(READY) $(wildcard exercises/*.py exercises/assignments/*.py lstmkit/grading/*.py)
	@$(MAKE) --no-print-directory exercises

wheel: $(READY)  ## build the package, as a wheel and as sources, into _build/dist
	$(BIN)/hatchling build -d _build/dist

# In an environment of its own: nothing may depend on it.
lite: wheel  ## an online extra, after make book: JupyterLite with the notebooks that need no torch, into _build/lite
	$(PYTHON) -m venv _build/lite-env
	_build/lite-env/bin/python -m pip install --quiet 'pip>=25.1'
	_build/lite-env/bin/python -m pip install --quiet --group lite
	$(BIN)/python chapters/_ext/lite.py $(CURDIR)/_build/lite-env/bin/jupyter

picture: $(READY)  ## draw the README's picture anew, from a network trained on the spot
	$(BIN)/python -c "from lstmkit import plotting; from lstmkit.experiments import gates_on_adding; plotting.use_style(); \
	  plotting.gate_reading(gates_on_adding.run()['example']).savefig('chapters/_static/gates_on_adding.svg', metadata={'Date': None})"

bench: $(READY)  ## time the LSTM beside its peers; lstmkit bench --help names the other questions
	$(BIN)/lstmkit bench lstm

doctor: $(READY)  ## what this machine has, and what each missing thing costs
	$(BIN)/lstmkit doctor

lint: $(READY)  ## what the pre-commit hooks check
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:  ## remove what the other targets made, but for the environment
	rm -rf _build exercises/source exercises/release
