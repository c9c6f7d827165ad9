# Everything starts from Python 3.11 or newer, pip and make. `make help` lists the targets.

# Another Python has a folder of its own: make test VENV=.venv3.13 PYTHON=python3.13.
VENV   = .venv
BIN    = $(VENV)/bin
STAMPS = $(VENV)/.stamps

ORDERS   ?= 200000
ACCOUNTS ?= 10000
SEED     ?= 1
SEEDS    ?= 1-20
FUZZ     ?= 100000
CALLS    ?= 100000
PAIRS    ?= 160000
SECONDS  ?= 10
MOMENTS  ?= all
TRADES   ?= 200000
KILLS    ?= 200
CHAOS_SECONDS ?= 36000
FRAMES   ?= 10000
FLOWS    ?= 2500
SHARDS   ?= 0
REQUESTS ?= 5000
FLOW      = build/flow.jsonl

# Another sequence of calls with each run, unless one is asked for: make differential SEED=7.
DIFFERENTIAL_SEED = $(if $(filter command environment,$(firstword $(origin SEED))),--seed $(SEED))

# The reference is another distribution with the same import name, so it gets a folder of its own.
REFERENCE = build/reference
REFERENCE_VERSION = 0.10.0
export OPENPIT_REFERENCE ?= $(CURDIR)/$(REFERENCE)

# A name on the path is not yet an interpreter that runs (version managers leave stubs), so try it.
NEW_ENOUGH = import sys; assert sys.version_info >= (3, 11)
FIND_PYTHON = for p in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if "$$p" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then echo "$$p"; break; fi; done

.DELETE_ON_ERROR:
.PHONY: help run serve-demo test lint format generated bench loadtest docs differential connected acting arithmetic simulate hostile flows trading console-fuzz kills counted points router-kills chaos interrupts reference install dev clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

run: $(STAMPS)/run ## generate an order flow, replay it on this machine's cores, and tell what they give
	@mkdir -p build
	$(BIN)/openpit generate --orders $(ORDERS) --accounts $(ACCOUNTS) --seed $(SEED) --out $(FLOW)
	$(BIN)/openpit replay $(FLOW)
	@$(BIN)/python bench/first_orders.py $(FLOW)

serve-demo: $(STAMPS)/run ## a server with the default limits, and two programs on it for SECONDS
	$(BIN)/python examples/serve_demo.py $(SECONDS)

test: $(STAMPS)/dev reference ## run the whole test suite, or of it what PYTEST says
	$(BIN)/pytest -n auto --maxschedchunk=8 --durations=15 $(PYTEST)

lint: $(STAMPS)/dev ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMPS)/dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMPS)/docs ## the docs as a site in build/site: guides, and each public name
	$(BIN)/python scripts/site_source.py build/site-source
	$(BIN)/sphinx-build -W --keep-going -q -j auto -b html -c docs build/site-source build/site

generated: $(STAMPS)/dev ## write the blocking public classes from the asyncio ones
	$(BIN)/python scripts/blocking_faces.py

bench: $(STAMPS)/dev reference ## ratios against the reference and, with BASELINE=REV, a commit of before
	$(BIN)/python -m bench $(if $(BASELINE),--baseline "$(BASELINE)") $(BENCH)

loadtest: $(STAMPS)/dev ## drive the sharded engine at volume; the page is build/loadtest.html
	@mkdir -p build
	$(BIN)/openpit loadtest --ladder --html build/loadtest.html --json build/loadtest.json

differential: $(STAMPS)/dev reference ## CALLS random calls on the reference and on ours: same answers
	$(BIN)/python tests/differential/full.py --calls $(CALLS) $(DIFFERENTIAL_SEED)

connected: $(STAMPS)/dev ## CALLS random calls on one engine and on clients of servers, over sockets: same answers
	$(BIN)/python tests/equivalence/full.py --connected --calls $(CALLS) $(DIFFERENTIAL_SEED)

acting: $(STAMPS)/dev ## CALLS random calls, half of them through an actor, on one engine and on shards: same answers
	$(BIN)/python tests/equivalence/full.py --acting --calls $(CALLS) $(DIFFERENTIAL_SEED)

arithmetic: $(STAMPS)/dev reference ## PAIRS of wide decimals on the reference and on ours: same results
	$(BIN)/python tests/differential/arithmetic.py --pairs $(PAIRS) $(DIFFERENTIAL_SEED)

simulate: $(STAMPS)/dev ## the simulation rung over SEEDS (SEEDS=1-500), FUZZ bad inputs per core
	OPENPIT_SEEDS="$(SEEDS)" OPENPIT_FUZZ="$(FUZZ)" $(BIN)/pytest -n auto tests/simulation

hostile: $(STAMPS)/dev ## FRAMES hostile frames to a server's cores, a tenth to a real one, and FIX messages (SEED=..)
	OPENPIT_HOSTILE="$(FRAMES)" OPENPIT_SEED="$(SEED)" $(BIN)/pytest -n auto -rP --timeout 3600 \
		tests/unit/server/test_hostile.py tests/server/test_hostile.py tests/examples/test_fix_hostile.py

flows: $(STAMPS)/dev ## FLOWS hostile order flows by the code of BASELINE=REV and by this on SHARDS: same bytes
	$(BIN)/python tests/support/replays.py --baseline "$(or $(BASELINE),HEAD^)" --flows $(FLOWS) --seed $(SEED) --shards $(SHARDS)

trading: $(STAMPS)/dev ## TRADES orders of programs on one server, KILLS of them killed: one engine explains all
	$(BIN)/python tests/server/trading_day.py --orders $(TRADES) --kills $(KILLS) --seed $(SEED)

console-fuzz: $(STAMPS)/dev ## REQUESTS to a console, by its OpenAPI document and beside it (SEED=..): no error of the server's
	OPENPIT_REQUESTS="$(REQUESTS)" OPENPIT_SEED="$(SEED)" $(BIN)/pytest -n 0 -rP tests/console/test_fuzz.py

kills: $(STAMPS)/dev ## KILLS of workers whose engine has a journal (SEED=..): every answer is one engine's
	$(BIN)/python tests/recovery/killing.py --kills $(KILLS) --seed $(SEED)

counted: $(STAMPS)/dev ## ORDERS with KILLS of workers (SEED=..): what the shards have counted is what was answered
	$(BIN)/python tests/recovery/counted_day.py --orders $(ORDERS) --kills $(KILLS) --seed $(SEED)

points: $(STAMPS)/dev ## KILLS at each named point of workers and routers with a journal (SEED=..): nobody sees any
	$(BIN)/python tests/recovery/trapped_days.py --kills $(KILLS) --seed $(SEED)

router-kills: $(STAMPS)/dev ## KILLS of programs and servers whose engine has a journal (SEED=..): what was answered stands
	$(BIN)/python tests/recovery/router_kills.py --kills $(KILLS) --seed $(SEED)

chaos: $(STAMPS)/dev ## KILLS of workers, a tenth of routers, a twentieth at each named point; goes on where it was (SEED=..)
	$(BIN)/python tests/recovery/chaos.py --kills $(KILLS) --seed $(SEED) --seconds $(CHAOS_SECONDS) --out build/chaos-$(SEED).jsonl

interrupts: $(STAMPS)/dev ## an exception at every moment of every call on shards, not at a sample
	OPENPIT_MOMENTS="$(MOMENTS)" OPENPIT_SEED="$(SEED)" \
		$(BIN)/pytest -n auto --timeout 1800 \
		tests/unit/faces/test_interrupts.py tests/unit/faces/test_cancellation.py \
		tests/unit/router/test_deaths.py

# Failing to fetch it is no failure: the tests that need it are skipped, and say why.
reference: $(STAMPS)/venv ## install the reference wheel into build/reference
	@if [ -f $(REFERENCE)/.version-$(REFERENCE_VERSION) ]; then exit 0; fi; \
	rm -rf $(REFERENCE); \
	if $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(REFERENCE) "openpit==$(REFERENCE_VERSION)"; then \
		touch $(REFERENCE)/.version-$(REFERENCE_VERSION); \
		echo "reference: openpit $(REFERENCE_VERSION) is in $(REFERENCE)"; \
	else \
		rm -rf $(REFERENCE); \
		echo "reference: openpit $(REFERENCE_VERSION) could not be installed;" \
			"what compares with it will be skipped" >&2; \
	fi

install: $(STAMPS)/run ## install with the run-time dependencies
dev: $(STAMPS)/dev ## install with the development dependencies

clean: ## remove build/ and the caches (not .venv)
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A .venv that is too old, or was left half made, is made again.
$(STAMPS)/venv:
	@if ! $(BIN)/python -c '$(NEW_ENOUGH); import pip' >/dev/null 2>&1; then \
		python=$$($(FIND_PYTHON)); \
		if [ -z "$$python" ]; then \
			echo "No Python 3.11 or newer was found on the path." >&2; \
			echo "Install one, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
			exit 1; \
		fi; \
		echo "creating $(VENV) with $$python"; \
		"$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/run: pyproject.toml $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(STAMPS)/dev: pyproject.toml $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(STAMPS)/run

$(STAMPS)/docs: pyproject.toml $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(STAMPS)/run
