# Ringside. `make demo` runs the main job, `make test` the tests; each sets up whatever it needs first.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 2
N ?= 200
SEED ?= 1

VENV := .venv/bin
ANVIL = $(firstword $(wildcard node_modules/@foundry-rs/anvil-*/bin))
FORGE = $(firstword $(wildcard node_modules/@foundry-rs/forge-*/bin/forge))
SOURCES := $(shell find contracts interfaces -name '*.sol' -not -path '*/.cache/*' 2>/dev/null)

export PATH := $(CURDIR)/$(VENV):$(PATH)
export PYTHONPATH := $(CURDIR)
export SOLCX_BINARY_PATH := $(CURDIR)/build/solc
# The npm launchers of anvil exit 0 when it fails, so the binary itself goes on the path.
RUN = PATH="$(CURDIR)/$(ANVIL):$$PATH"

.PHONY: help demo test fork forge coverage slither proofs mutants invariants devnet up lint bench engines hostile soak clean setup
.DELETE_ON_ERROR:

help:
	@echo "make demo    one deposit, signed orders, three real perp DEXs   (ARGS=\"--market BTC-USD --size -3 --deposit 250000\")"
	@echo "make test    every test                                        (ARGS=\"-k leverage\")"
	@echo "make fork    the seats on forks of RINGSIDE_FORK_OPTIMISM and RINGSIDE_FORK_ARBITRUM, or of a chain that plays them"
	@echo "make invariants  N calls in any order, eight invariants after each   (N=20000, SEED=1)"
	@echo "make forge   the contracts' own rules on stand-in and on real venues, and invariants by volume   (ARGS=\"--mc Invariants\")"
	@echo "make coverage  lines and branches of the contracts that those reach, and which not"
	@echo "make slither, make proofs   static analysis held to its triage; what halmos proves"
	@echo "make mutants N contracts broken in one place each, and whether forge's tests notice   (N=340, SEED=1)"
	@echo "make devnet  the local chain on 127.0.0.1:8545, until Ctrl-C"
	@echo "make up      the local chain, a keeper with its API, and a client with money, until Ctrl-C"
	@echo "make lint    format, lint and types"
	@echo "make bench   gas, times, curve error, routes, funding and the keeper, as tables and build/bench/*.json"
	@echo "make hostile  the API held against its own description, and ten thousand hostile requests"
	@echo "make engines  the outbox's durable steps beside DBOS's"
	@echo "make soak    keepers killed N times at random over either database (N=200, ARGS=sqlite)"
	@echo "make clean   removes everything the others made"
	@echo ".venv/bin/ringside quotes an order, repeats a receipt, audits a fill: --help, docs/receipts.md."
	@echo "An owner leaves, with no keeper, by ape run exit: see docs/exit.md."

demo: setup
	@$(RUN) ape run demo $(ARGS)

test: setup
	@$(RUN) ape test -n $(WORKERS) $(ARGS)

fork: setup
	@$(RUN) python -m pytest -q -p no:ape_test tests/fork $(ARGS)

forge: setup
	@$(RUN) python -m devnet.allocs
	@$(FORGE) test $(ARGS)

coverage: setup
	@$(RUN) python -m bench.assurance_coverage

slither: setup .venv-audit/.done
	@$(RUN) python -m bench.assurance_slither

proofs: setup .venv-audit/.done
	@$(RUN) python -m bench.assurance_proofs

mutants: setup
	@$(RUN) python -m bench.assurance_mutants $(if $(filter file,$(origin N)),340,$(N)) $(SEED)

invariants: setup
	@$(RUN) python -m bench.assurance_stateful $(if $(filter file,$(origin N)),20000,$(N)) $(SEED)

devnet: setup
	@$(RUN) python -m devnet up

up: setup
	@$(RUN) python -m devnet house

lint: .venv/.done
	@ruff format --check .
	@ruff check .
	@mypy

bench: setup
	@$(RUN) python -m bench $(ARGS)

engines: setup .venv-engines/.done
	@python -m bench.engines

hostile: setup
	@$(RUN) python -m pytest -q -p no:ape_test tests/api/test_hostile.py
	@$(RUN) python -m bench.keeper hostile

soak: setup
	@$(RUN) python -m bench.keeper_soak $(N) $(ARGS)

clean:
	rm -rf .venv .venv-audit .venv-engines node_modules build .build contracts/.cache .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# The two installs take most of a first run, so they go side by side.
setup:
	@$(MAKE) --no-print-directory -s -j2 .venv/.done node_modules/.done
	@$(MAKE) --no-print-directory -s -j2 .build/.done build/.solver

.venv/.done: requirements.txt constraints.txt pyproject.toml
	@tools/require.sh python $(PYTHON)
	@echo "setting up Python packages in .venv"
	@$(PYTHON) -m venv .venv
	@$(VENV)/pip install -q --disable-pip-version-check --no-compile -r requirements.txt -c constraints.txt
	@# The package itself, for its command: from here, by the tools just installed.
	@$(VENV)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Slither and halmos want other versions of what Ape wants, so they have a place of their own.
.venv-audit/.done: requirements-audit.txt constraints-audit.txt
	@tools/require.sh python $(PYTHON)
	@echo "setting up slither and halmos in .venv-audit"
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install -q --disable-pip-version-check --no-compile -r requirements-audit.txt -c constraints-audit.txt
	@touch $@

# DBOS is measured beside what we use, and wants other versions.
.venv-engines/.done: requirements-engines.txt constraints-engines.txt
	@tools/require.sh python $(PYTHON)
	@echo "setting up DBOS in .venv-engines"
	@$(PYTHON) -m venv .venv-engines
	@.venv-engines/bin/pip install -q --disable-pip-version-check --no-compile -r requirements-engines.txt -c constraints-engines.txt
	@touch $@

node_modules/.done: package.json package-lock.json .npmrc
	@tools/require.sh node
	@echo "setting up npm packages in node_modules"
	@npm ci --ignore-scripts --loglevel=error --no-progress > /dev/null
	@touch $@

build/.solver: .venv/.done $(wildcard ringside/routing/*.py) tools/warm.py
	@echo "compiling the solver"
	@python tools/warm.py
	@mkdir -p build && touch $@

build/solc/.done: node_modules/.done tools/solc.mjs tools/solc.sh
	@tools/solc.sh build/solc
	@touch $@

.build/.done: .venv/.done build/solc/.done ape-config.yaml $(SOURCES)
	@echo "compiling the contracts"
	@# Forced, since Ape misses that a changed interface changes who imports it.
	@mkdir -p build && ape compile --force > build/compile.log 2>&1 || { cat build/compile.log; exit 1; }
	@# Ape looks at 500 files below contracts/ at most: OpenZeppelin's artifacts would crowd ours out.
	@rm -rf contracts/.cache/openzeppelin/*/build
	@python tools/abi.py
	@mkdir -p .build && touch $@
