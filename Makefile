# The targets that a developer needs. Everything runs from .venv; `make setup` makes it.
.DEFAULT_GOAL := help
.PHONY: help setup jars lock demo up down test coverage mutation check bench chaos sbom

PY := .venv/bin/python
UV := .venv/bin/uv
UV_VERSION := 0.13.9
STAMP := .venv/.setup-done
COVERED := --cov --cov-report=term --cov-report=json
# `make test SIDE_BY_SIDE='--numprocesses=2 --dist=loadfile'` shares the files between two processes (docs/open-points.md).
SIDE_BY_SIDE ?=
SERVERLESS := -m "not kafka and not clickhouse and not browser"
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))

help:           ## this list
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(STAMP) ## .venv with meterstream in it, and the jars of the broker

$(STAMP): requirements.lock pyproject.toml infra/kafka/pom.xml infra/prerequisites.sh
	@bash infra/prerequisites.sh
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@test -x $(UV) || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install --quiet --python $(PY) --requirement requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --editable .
	@$(PY) -m infra.kafka.jars >/dev/null
	@touch $(STAMP)

jars: setup     ## only the jars of the broker
	@$(PY) -m infra.kafka.jars

lock:           ## write requirements.lock anew
	$(UV) pip compile pyproject.toml --extra dev --universal --no-emit-index-url --no-header --quiet --output-file requirements.lock

demo: setup     ## a month of five providers through the real pipeline
	@.venv/bin/meterstream demo

up: setup       ## start everything on this machine
	@.venv/bin/meterstream up

down: setup     ## stop it
	@.venv/bin/meterstream down

test: setup     ## every test, and every branch of schemas and streams/core; writes build/junit.xml
	@bash infra/prerequisites.sh test
	@mkdir -p build/coverage
	@$(PY) -m pytest $(SIDE_BY_SIDE) --junitxml=build/junit.xml $(COVERED)

coverage: setup ## only the branches of schemas and streams/core, by the tests without servers; writes build/coverage/
	@mkdir -p build/coverage
	@$(PY) -m pytest -q $(SIDE_BY_SIDE) $(COVERED) --cov-report=html:build/coverage/html $(SERVERLESS) --ignore=tests/integration --ignore=tests/chaos tests

check: setup    ## format, lint, types, imports, core tests; under 30 s
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m pytest -q --durations=0 tests/core tests/schemas

bench: setup    ## measure; writes build/bench.json
	@bash infra/prerequisites.sh bench
	@mkdir -p build
	@$(PY) -m bench

mutation: setup ## break a sample of the lines of streams/core and see tests fail; hours; writes build/mutation.json
	@mkdir -p build
	@$(PY) -m bench.mutation

chaos: setup    ## kill everything under load and count; writes build/chaos.json
	@mkdir -p build
	@$(PY) -m tests.chaos

sbom: setup     ## write build/sbom.json (CycloneDX)
	@mkdir -p build
	@$(UV) tool run --quiet --from cyclonedx-bom cyclonedx-py environment --pyproject pyproject.toml --output-file build/sbom.json $(PY)
	@echo build/sbom.json
