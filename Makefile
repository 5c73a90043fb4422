# Freehold's commands. `make` alone lists them. All they need is Python >= 3.11; they make .venv themselves (see .ci/environment).
# PYTHON=python3.12 chooses the interpreter, VENV=dir the environment, ARGS="..." goes to the command, QUICK=1 shortens the bench.

VENV ?= .venv
export VENV PYTHON
bin := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check serve bench fidelity

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: ## a sample SaaS, Freehold in front of it, and two customers' agents at work (ONCE=1: exit after the table)
	@.ci/environment demo
	@once=--once; [ -t 1 ] && [ -z "$(ONCE)" ] && once=; $(bin)/freehold demo $$once $(ARGS) # a pipe has nobody to stop it

test: ## every test, on SQLite and on PostgreSQL and Redis that it starts itself (ARGS=tests/unit narrows it)
	@.ci/environment dev
	@$(bin)/python -m pytest -n 2 --dist loadfile -q $(ARGS)

check: ## style, types, floors and house rules
	@.ci/environment dev
	@$(bin)/ruff check --quiet --output-format concise && echo "ruff: clean"
	@$(bin)/ruff format --check --quiet && echo "format: clean"
	@$(bin)/lint-imports --no-logo --no-cache
	@$(bin)/python -m tests.house.rules
	@$(bin)/basedpyright

serve: ## Freehold with ./freehold.toml (ARGS="--port 8080"); `freehold init` writes one
	@.ci/environment demo
	@$(bin)/freehold serve $(ARGS)

bench: ## Freehold beside a raw echo, the official SDK and FastMCP, interleaved (QUICK=1: about a minute)
	@.ci/environment dev
	@$(bin)/python -m bench $(if $(QUICK),--quick) $(ARGS)

fidelity: ## do calls arrive as OpenAPI documents ask? (ARGS="FILE|FOLDER... --documents N --calls N --seed S"; alone: our own hard documents)
	@.ci/environment dev
	@$(bin)/python -m bench.documents $(ARGS)
