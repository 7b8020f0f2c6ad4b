# What people type. `make` alone says what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
TEST_STATE := .run/test
BENCH_STATE := .run/bench

# A stamp carries a checksum of what was installed, so that nothing is installed twice and a change is never missed.
RUN_STAMP = $(VENV)/.installed-$(shell { cat requirements.txt; $(PYTHON) -V; } 2>/dev/null | cksum | tr ' ' '-')
DEV_STAMP = $(VENV)/.installed-dev-$(shell { cat requirements.txt requirements-dev.txt bench/requirements.txt; $(PYTHON) -V; } 2>/dev/null | cksum | tr ' ' '-')
PIP_INSTALL = install --quiet --disable-pip-version-check --no-input

.PHONY: help run demo overload bench bench-quick bench-growth bench-soak bench-live bench-steps bench-programs test test-all test-programs faults breaks audit lint openapi format lock clean clean-data venv dev python

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

run: venv ## the whole system in the foreground; Ctrl-C stops it
	@exec $(PY) -m core.embedded run

demo: venv ## a real election, vote by vote over HTTP, beside the official count
	@exec $(PY) manage.py demo_election

overload: venv ## the server's peak, twice its peak, and what became of every vote
	@exec $(PY) -m bench.overload

test: dev test-programs ## everything the tests need, then the tests
	@STATE_DIR=$(TEST_STATE) exec $(PY) -m core.embedded services -- $(PY) -m pytest $(ARGS)

test-all: dev test-programs ## the slow tests too
	@STATE_DIR=$(TEST_STATE) exec $(PY) -m core.embedded services -- $(PY) -m pytest -m "slow or not slow" $(ARGS)

# What a bench measures are servers of its own, whatever the environment names.
BENCH = @exec env -u DATABASE_URL -u DATABASE_DIRECT_URL -u REDIS_URL -u BROKER_URL STATE_DIR=$(BENCH_STATE) $(PY) -m core.embedded services -- $(PY) -m bench

bench: dev bench-programs ## Nexus beside its peers, about a quarter of an hour; prints what must be reached and what was
	$(BENCH) bench $(ARGS)

bench-quick: dev bench-programs ## a part of it in two minutes
	$(BENCH) quick $(ARGS)

bench-growth: dev bench-programs ## the same vote and read with up to ten million votes in the log
	$(BENCH) growth $(ARGS)

bench-soak: dev bench-programs ## ten minutes of steady load: lag, memory, growth of the database
	$(BENCH) soak $(ARGS)

bench-live: dev bench-programs ## thousands of clients that follow a poll while it is voted in
	$(BENCH) live $(ARGS)

bench-steps: dev bench-programs ## the web processes of former revisions in turn: what each step of the tuning did
	$(BENCH) steps $(ARGS)

faults: dev test-programs ## every part broken while votes arrive, and a table of what came of each vote; about an hour, ARGS=--help says more
	@exec $(PY) -m tests.faults $(ARGS)

breaks: dev test-programs ## each promise broken once on purpose in a copy, and the tests that notice; ARGS=--help says more
	@STATE_DIR=$(TEST_STATE) exec $(PY) -m core.embedded services -- $(PY) -m tests.breaks $(ARGS)

audit: dev ## known weaknesses in what requirements.txt pins; asks the network, and says so where there is none
	@out=$$($(VENV)/bin/pip-audit --requirement requirements.txt --no-deps --disable-pip --progress-spinner off 2>&1) && { echo "$$out"; \
		case "$$out" in *"could not be audited"*) echo "audit incomplete: the database knows nothing of the packages above" ;; esac; exit 0; }; \
	case "$$out" in \
	*ConnectionError*|*ConnectTimeout*|*ReadTimeout*|*"Failed to connect"*|*"Max retries exceeded"*|*"Could not connect"*) \
		echo "audit skipped: the database of known weaknesses cannot be reached from here" ;; \
	*) echo "$$out"; exit 1 ;; esac

lint: dev ## ruff, mypy, who imports whom
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

openapi: venv ## docs/openapi.yaml anew
	@$(PY) manage.py spectacular --file docs/openapi.yaml

format: dev ## ruff rewrites what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: dev ## requirements*.txt anew from requirements*.in, exact versions
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --upgrade requirements.in -o requirements.txt
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --upgrade requirements-dev.in -o requirements-dev.txt
	$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --upgrade bench/requirements.in -o bench/requirements.txt

clean: ## what can be made again: caches, data of tests and bench, the virtual environment
	@for state in $(TEST_STATE) $(BENCH_STATE); do if [ -x $(PY) ] && [ -e $$state/stack-id ]; then STATE_DIR=$$state $(PY) -m core.embedded clean; fi; done
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

clean-data: venv ## every vote, secret and database of STATE_DIR
	@$(PY) -m core.embedded clean

venv: $(RUN_STAMP)

dev: $(DEV_STAMP)

$(RUN_STAMP): | python
	@echo "installing requirements.txt into $(VENV) …"
	@$(call install,-r requirements.txt)
	@rm -f $(VENV)/.installed-[0-9]*; touch "$@"

$(DEV_STAMP): | python
	@echo "installing requirements.txt, requirements-dev.txt and bench/requirements.txt into $(VENV) …"
	@$(call install,-r requirements.txt -r requirements-dev.txt -r bench/requirements.txt)
	@rm -f $(VENV)/.installed-*; touch "$@" "$(RUN_STAMP)"

# Debian's python3 may come without ensurepip; then the pip beside it installs into a virtual environment without one.
define install
set -e; \
if ! $(PY) -c 'import sys' 2>/dev/null; then \
	rm -rf $(VENV); \
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) >/dev/null 2>&1; } || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
fi; \
if $(PY) -m pip --version >/dev/null 2>&1; then pip="$(PY) -m pip"; \
elif $(PYTHON) -m pip --version >/dev/null 2>&1; then pip="$(PYTHON) -m pip --python $(PY)"; \
else echo "there is no pip for $(PYTHON); on Debian and Ubuntu: apt-get install python3-venv python3-pip" >&2; exit 1; fi; \
$$pip $(PIP_INSTALL) $(1)
endef

python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed and none is on the PATH; name one with PYTHON=…" >&2; exit 1; }

# The tests want a real RabbitMQ and a browser. Root on Debian or Ubuntu gets them from apt; everybody else is told.
test-programs:
	@missing=; \
	command -v rabbitmq-server >/dev/null 2>&1 || [ -x /usr/sbin/rabbitmq-server ] || missing="$$missing rabbitmq-server"; \
	command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing="$$missing chromium"; \
	command -v chromedriver >/dev/null 2>&1 || missing="$$missing chromium-driver"; \
	$(call apt_install,the tests)

# wrk loads, nginx is a ceiling, RabbitMQ is what production has. Node, which one peer needs, is not installed by itself.
bench-programs:
	@missing=; \
	command -v wrk >/dev/null 2>&1 || missing="$$missing wrk"; \
	command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing="$$missing nginx"; \
	command -v rabbitmq-server >/dev/null 2>&1 || [ -x /usr/sbin/rabbitmq-server ] || missing="$$missing rabbitmq-server"; \
	$(call apt_install,the bench)

define apt_install
[ -n "$$missing" ] || exit 0; \
if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then \
	echo "note: not installed:$$missing (only root on Debian or Ubuntu installs them by itself); what needs them is skipped"; exit 0; \
fi; \
echo "installing for $(1):$$missing (apt-get; services are not started)"; \
log=$$(mktemp); policy=; \
if [ ! -e /usr/sbin/policy-rc.d ]; then policy=/usr/sbin/policy-rc.d; printf '#!/bin/sh\nexit 101\n' > $$policy; chmod +x $$policy; fi; \
trap '[ -z "$$policy" ] || rm -f "$$policy"; rm -f "$$log"' EXIT; \
export DEBIAN_FRONTEND=noninteractive; \
{ apt-get install -y --no-install-recommends $$missing || { apt-get update && apt-get install -y --no-install-recommends $$missing; }; } >"$$log" 2>&1 </dev/null || \
{ apt-get update -q && for one in $$missing; do apt-get install -y --no-install-recommends $$one; done; } >>"$$log" 2>&1 </dev/null || \
	echo "note: apt-get did not install all of:$$missing ($$(grep -m1 -E '^(E|Err)' "$$log" || tail -n 1 "$$log")); what needs them is skipped"
endef
