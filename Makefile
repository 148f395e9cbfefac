# Larets. `make help` lists what can be done here.
PYTHON ?= python3
BIN := .venv/bin
CONTOUR ?= both
T ?= tests
NAMES ?=
RUN := $(PYTHON) scripts/bootstrap.py run
DEV := $(PYTHON) scripts/bootstrap.py dev

.DEFAULT_GOAL := help
.PHONY: help up down reset logs status test unit test-keys faults tools images rehearse rehearse-deep bench bench-rivals fmt lint types lock leakcheck manifests-check

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

up: ## set up what is missing, start both contours, bring one order through (CONTOUR=private: the vault alone)
	@$(RUN)
	@$(BIN)/larets up --contour $(CONTOUR)

down: ## stop the processes that `make up` started; data stay
	@test ! -x $(BIN)/larets || $(BIN)/larets down

reset: ## delete the local data and secrets, after asking
	@test ! -x $(BIN)/larets || $(BIN)/larets reset

status: ## what runs where
	@$(RUN)
	@$(BIN)/larets status

logs: ## follow the logs of all processes
	@$(BIN)/larets logs --follow

test: ## all tests except the named longer tiers (T=path for some)
	@$(DEV)
	@$(BIN)/pytest -n 2 --dist loadgroup $(T)

unit: ## the unit tests alone: seconds
	@$(DEV)
	@$(BIN)/pytest -q tests/unit

leakcheck: ## plant canary persons, drive every channel, scan all that is public
	@$(DEV)
	@$(BIN)/larets leakcheck

test-keys: ## key services for real: Vault and SoftHSM2, made first if they are not there
	@$(DEV)
	@$(BIN)/larets tools vault softhsm2 pulumi
	@$(BIN)/pytest -q -p no:xdist tests/keys

faults: ## kills, full disks, 10,000 made-up requests: docs/faults.md (FAULT_SHARE=10 a tenth, FAULT_SEED=… the same again)
	@$(DEV)
	@$(BIN)/larets tools libfaketime
	@$(BIN)/pytest -q -p no:xdist tests/faults

tools: ## make every third-party program that tests and rehearsals use, into .tools; half an hour, once (NAMES=… for some)
	@$(DEV)
	@$(BIN)/larets tools $(or $(NAMES),--all) --line

images: ## container images of both contours into .tools/images, by docker, podman or buildah (NAMES=…, ENGINE=…, BASE=…)
	@$(DEV)
	@$(BIN)/larets images $(NAMES)

rehearse: ## the deployment on two real control planes of this machine: plan, apply, drift, upgrade, rollback, removal
	@$(DEV)
	@$(BIN)/larets rehearse

rehearse-deep: ## the same stacks on two real nodes of this machine: pods, network policies, failures (root, Linux; KEEP=1 leaves logs, CACHED=1 builds nothing, ONLY=…)
	@$(DEV)
	@$(BIN)/larets rehearse-deep $(if $(KEEP),--keep) $(if $(CACHED),--when-cached) $(if $(ONLY),--only "$(ONLY)")

bench: ## speed as ratios to the bare database and cipher, in one run
	@$(DEV)
	@$(BIN)/larets bench

bench-rivals: ## the same beside the hand-rolled alternative: a transit engine and a table (needs `make tools`)
	@$(DEV)
	@$(BIN)/larets bench --rivals

fmt: ## format the code
	@$(DEV)
	@$(BIN)/ruff check --select I --fix -q . && $(BIN)/ruff format .

lint: ## style, layering, and the project's own checks
	@$(DEV)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check -q . && $(BIN)/lint-imports --no-logo

manifests-check: ## checkov over everything the stacks render (sets up checkov once, into .tools)
	@$(DEV)
	@$(BIN)/python -m scripts.manifests

types: ## strict types
	@$(DEV)
	@$(BIN)/mypy

lock: ## pin all packages with hashes and without addresses
	@$(DEV)
	@$(BIN)/python scripts/lock.py
