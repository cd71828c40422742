# The only place for the five commands of a checkout, and a few more. `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m
DEMO := $(if $(DATA),--data "$(DATA)") $(if $(CALLS),--calls $(CALLS)) $(if $(SEED),--seed $(SEED)) $(if $(filter-out 0,$(KEEP)),--keep)

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-providers test canaries chaos chaos-long bench fuzz check fmt schemas docs lock up down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv from requirements.lock (every other target does it by itself)
	@$(PYTHON) tools/bootstrap.py

demo: setup ## replay calls through a real Kafka and S3 [DATA=dir] [CALLS=400] [SEED=7] [KEEP=1]
	@$(BIN)/stream-app demo $(DEMO)

demo-providers: setup ## calls as several providers see them, over HTTP into one packet each [DATA=dir]
	@$(BIN)/stream-app demo-providers $(if $(DATA),--data $(DATA)) $(if $(KEEP),--keep)

test: setup ## run all tests [ARGS="-k name"]
	@$(RUN) tools.side_by_side $(ARGS)

chaos: setup ## five minutes of kills, zombies and outages, and the control that must fail [SEED=7]
	@$(RUN) tests.chaos --profile standard $(if $(SEED),--seed $(SEED))
	@$(RUN) tests.chaos --profile control --control $(if $(SEED),--seed $(SEED))

canaries: setup ## a thousand planted personal values and forty secrets, and a look at everything for them [SEED=7]
	@$(RUN) tests.canaries $(if $(SEED),--seed $(SEED))
	@$(RUN) tests.canaries --values 160 --leaking $(if $(SEED),--seed $(SEED))

chaos-long: setup ## 10,000 calls under 60 kills, 60 zombies, 20 rebalances, and a lost broker of three [SEED=7]
	@$(RUN) tests.chaos --profile long $(if $(SEED),--seed $(SEED))
	@$(RUN) tests.chaos --profile slice --brokers 3 $(if $(SEED),--seed $(SEED))
	@$(RUN) tests.chaos --profile control --control $(if $(SEED),--seed $(SEED))

bench: setup ## measure speed, ours and others' [ARGS="--only join --runs 3"]
	@$(RUN) bench $(ARGS)

fuzz: setup ## bend payloads of every provider, guided by coverage, and find a planted bug [MINUTES=10] [PROVIDER=name]
	@$(RUN) pip install --quiet --upgrade --no-deps --target .dev/fuzz atheris==3.0.0
	@PYTHONPATH=.dev/fuzz $(RUN) tests.fuzz --control --minutes 1 $(if $(SEED),--seed $(SEED))
	@PYTHONPATH=.dev/fuzz $(RUN) tests.fuzz --minutes $(or $(MINUTES),10) $(if $(PROVIDER),--provider $(PROVIDER)) $(if $(SEED),--seed $(SEED))

check: setup ## lint, types, import rules, fresh documents and schemas
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(BIN)/lint-imports
	@$(RUN) tools.docs --check
	@$(RUN) tools.schemas --check

fmt: setup ## format, and mend what the linter can
	@$(RUN) ruff check --fix --exit-zero .
	@$(RUN) ruff format .

schemas: setup ## write schemas/ anew from the models
	@$(RUN) tools.schemas

docs: setup ## write the generated pages of docs/ anew
	@$(RUN) tools.docs

lock: setup ## resolve pyproject.toml anew into requirements.lock and deploy/docker/requirements.lock
	@$(RUN) pip install --quiet --upgrade --target .dev/uv uv
	@.dev/uv/bin/uv pip compile --quiet --universal --generate-hashes --extra embedded --extra ner --extra dev --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements.lock pyproject.toml
	@.dev/uv/bin/uv pip compile --quiet --universal --generate-hashes --extra ner --python-version 3.11 -c requirements.lock \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o deploy/docker/requirements.lock \
		pyproject.toml deploy/docker/build.in

up: setup ## start the embedded Kafka and S3
	@$(BIN)/stream-app dev up

down: setup ## stop them
	@$(BIN)/stream-app dev down

clean: ## stop the stack, remove what runs and tools have left (.venv stays)
	@if [ -x $(BIN)/stream-app ]; then $(BIN)/stream-app dev down; fi
	@rm -rf .dev .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
