# Everything here sets up what it needs: Python 3 and make are enough.
#   make test AIRFLOW=2.11.2 PYTHON=python3.12    runs the core tests on that Airflow and Python

PYTHON  ?= python3
AIRFLOW ?= 3.3.2
VENVS   ?= .venv
DIST    ?= dist
BENCH   ?= bulk_send tables

PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
SITE           := $(VENVS)/site-python-$(PYTHON_VERSION)
VENV           := $(VENVS)/airflow-$(AIRFLOW)-python-$(PYTHON_VERSION)
# Of an untested Airflow or Python the newest versions are taken.
CONSTRAINTS    := $(wildcard constraints/airflow-$(AIRFLOW)-python-$(PYTHON_VERSION).txt)
PIP            := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
CONSTRAINED    := $(PIP) $(CONSTRAINTS:%=--constraint %)
# The driver for MySQL is compiled: where there is nothing to compile it with, its tests are skipped.
MYSQL          := $(if $(shell command -v mariadb_config || command -v mysql_config),$(VENV)/.mysql)
AIRFLOW_2      := $(filter 2.%,$(AIRFLOW))
SELECTED       := $(if $(AIRFLOW_2),-m core,-m 'not demo')
EXTRAS         := avro,gzip,parquet,redis,sandbox,sql,tracking-plan,zstd$(if $(AIRFLOW_2),,,common-ai)

.DEFAULT_GOAL := help
.PHONY: help demo demo-ui demo-celery spark test test-cluster test-demo test-browser fuzz lint format bench drift facts docs pictures site release constraints clean

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.base ## A nightly backfill by a real Airflow into the sandbox: no account needed
	@$(VENV)/bin/python -m example_dags.demo

demo-ui: $(VENV)/.base $(VENV)/.demo ## The same, and all example DAGs to click on, until Ctrl-C; PostgreSQL for those that use it
	@$(VENV)/bin/python -m example_dags.demo --ui

demo-celery: $(VENV)/.base $(VENV)/.cluster ## Millions of events over two Celery workers, through their faults; ARGS='500000 --rate 2500'
	@$(VENV)/bin/python -m example_dags.demo.celery_night $(ARGS)

# Its only test may take longer than others: see faulthandler_timeout in pyproject.toml. So do those of `fuzz`.
test-cluster: $(VENV)/.test $(VENV)/.cluster ## The same with fewer events, as a test: some 5 minutes
	$(VENV)/bin/python -m pytest -m cluster -o faulthandler_timeout=3600 $(ARGS)

test-demo: $(VENV)/.test ## All example DAGs, triggered in the demo: some 5 minutes; needs PostgreSQL
	$(VENV)/bin/python -m pytest -m demo $(ARGS)

spark: $(VENV)/.test $(VENV)/.spark ## The tests of the PySpark data source; needs Java 17
	$(VENV)/bin/python -m pytest -m spark $(ARGS)

# Cores are counted by `logical`: `auto` leaves out hyperthreads, and a small machine for CI may be one core of two.
test: $(VENV)/.test $(MYSQL) ## All tests, on all cores; ARGS='-k name' passes arguments on to pytest
	$(VENV)/bin/python -m pytest -n logical $(SELECTED) $(ARGS)

test-browser: $(VENV)/.test $(VENV)/.browser ## The sandbox's page in a real browser; skipped where there is no Chromium
	$(VENV)/bin/python -m pytest -m browser $(ARGS)

fuzz: $(VENV)/.test ## The tests with generated input, with a hundred times as much of it: hours
	$(VENV)/bin/python -m pytest -n logical -m hypothesis --hypothesis-profile=fuzz -o faulthandler_timeout=0 $(ARGS)

lint: $(VENV)/.test $(VENV)/.lint ## Format, lint and types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

format: $(VENV)/.lint ## Format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(VENV)/.bench ## Measure against the official library, naive loops and the limit
	$(VENV)/bin/python -m benchmarks.import_time
	for one in $(BENCH); do $(VENV)/bin/python -m benchmarks.$$one $(ARGS) || exit 1; done

drift: $(VENV)/.base ## Compare the facts of the Public API with an OpenAPI document: make drift SPEC=file
	$(VENV)/bin/python -m tests.public_api.make_facts $(SPEC)

facts: $(VENV)/.base ## Write the facts of an OpenAPI document, from which the tests judge: make facts SPEC=file
	$(VENV)/bin/python -m tests.public_api.make_facts $(SPEC) --write

docs: $(VENV)/.base ## Regenerate the pages of operators and errors, the table of values, and llms.txt
	$(VENV)/bin/python -m docs.make_operator_pages
	$(VENV)/bin/python -m docs.make_error_page
	$(VENV)/bin/python -m docs.make_value_table
	$(VENV)/bin/python -m docs.make_llms_txt

pictures: $(VENV)/.test $(VENV)/.browser ## Take the pictures of the guides, in the demo; needs Chromium and PostgreSQL
	$(VENV)/bin/python -m docs.make_pictures

# The notice is about the future of mkdocs.
site: $(SITE)/.site ## The documentation site, in build/site: a warning or a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict --quiet

release: ## Build sdist and wheel into dist/, check them, and install the wheel; nothing is published
	.ci/release $(DIST) $(PYTHON) $(CONSTRAINTS)

constraints: $(VENV)/.base ## Pin the tested versions to the newest ones
	$(PIP) uv
	for python in 3.10 3.11 3.12 3.13; do \
	  echo 'apache-airflow==3.3.2' | $(VENV)/bin/uv pip compile --quiet --upgrade --no-annotate --no-header \
	    --python-version $$python --all-extras --group test --group mysql --group cluster --group lint --group bench pyproject.toml - \
	    --output-file constraints/airflow-3.3.2-python-$$python.txt || exit 1; \
	done
	for python in 3.10 3.11 3.12; do \
	  echo 'apache-airflow==2.11.2' | $(VENV)/bin/uv pip compile --quiet --upgrade --no-annotate --no-header \
	    --python-version $$python --all-extras --group test --group mysql pyproject.toml - \
	    --output-file constraints/airflow-2.11.2-python-$$python.txt || exit 1; \
	done

clean: ## Remove what the other targets made
	rm -rf $(VENVS) build .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache dist

$(VENV)/.base: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(CONSTRAINED) apache-airflow==$(AIRFLOW) --editable '.[$(EXTRAS)]'
	touch $@

$(SITE)/.site: pyproject.toml
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --group site
	touch $@

$(VENV)/.spark: $(VENV)/.base
	$(CONSTRAINED) --editable '.[spark]'
	touch $@

$(VENV)/.%: $(VENV)/.base
	$(CONSTRAINED) --group $*
	touch $@
