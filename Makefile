# Every command of the project; `make help` lists them.
.DEFAULT_GOAL := help
# The first Python for which every package has a wheel: 3.10 to 3.14.
KNOWN := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	$$one -c '$(KNOWN)' 2>/dev/null && echo $$one && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
KILLS ?= 500
DATABASE ?= postgresql
# Two more than there are processors: many tests wait for the processes they start.
TEST_PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)

# Keep compiled modules whatever the shell says: hundreds of processes would recompile them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo run example test corpus thorough crash lint format check bench doctor clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Build the environment in .venv

$(READY): requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.10 to 3.14 is needed: make PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(READY)

demo: $(READY) ## Publish real videos to the sandbox's three platforms, with live progress
	@$(BIN)/python -m sandbox.development.demo

run: $(READY) ## Start the whole stack and keep it up; Ctrl-C stops it
	@$(BIN)/python -m sandbox.development.run

example: $(READY) ## Build the Next.js example and drive it in a browser against a stack of its own
	@$(BIN)/python -m tests.example

test: $(READY) ## Run the tests, on SQLite and PostgreSQL
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist worksteal

corpus: $(READY) ## Transcode 70 kinds of video for every platform, and check the results
	THOROUGH=1 $(BIN)/python -m pytest -q -n auto tests/media/full_corpus.py tests/media/test_transcoding.py

thorough: $(READY) ## Run the long tests at full size: random event orders, a day near the limits
	THOROUGH=1 $(BIN)/python -m pytest -q -n auto \
		tests/publishing/test_state_machine.py tests/limits/test_day.py \
		tests/app/test_openapi_fuzz.py tests/bench/test_bench.py

crash: $(READY) ## Kill processes at work 500 times, and count lost or duplicated posts
	@$(BIN)/python -m tests.crash --kills $(KILLS) --database $(DATABASE)

lint: $(READY) ## Check style, types and import rules
	$(BIN)/black --check --quiet --line-length 100 app workers sandbox tests bench migrations/env.py
	$(BIN)/isort --check --quiet app workers sandbox tests bench
	$(BIN)/flake8 app workers sandbox tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Format the code
	$(BIN)/isort --quiet app workers sandbox tests bench
	$(BIN)/black --quiet --line-length 100 app workers sandbox tests bench migrations/env.py

check: lint test ## Lint and test

bench: $(READY) ## Run the benchmarks and print the table
	@$(BIN)/python -m bench

doctor: $(READY) ## Check the settings against the real services they name
	@$(BIN)/python -m workers.doctor

clean: ## Remove .venv, var/ and what Node.js installed
	rm -rf $(VENV) var bench/bullmq/node_modules
	rm -rf examples/nextjs/node_modules examples/nextjs/.next examples/nextjs/.data
