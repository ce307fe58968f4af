# Each target does its own set-up: it needs Python 3.11 or newer, make, and nothing else.
#
#   make test PYTHON=python3.12 VENV=.venv-3.12     another interpreter, in a virtual environment of its own

PYTHON ?= python3
VENV ?= .venv
HTML ?= docs/_build/html

export PIP_DISABLE_PIP_VERSION_CHECK := 1

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --quiet --quiet
ON_ALL_CORES := --numprocesses logical --dist loadfile
CODE := $(wildcard src tests examples bench docs conftest.py)

.DEFAULT_GOAL := help
.PHONY: help demo host django-host test test-all coverage torture bench check docs pictures format clean constraints

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## Follow a real trust from its list of schools to working access
	@$(BIN)/python examples/quickstart.py

django-host: $(STAMP) ## Start the example host on Django, with real schools and made-up people (PORT=8000)
	@$(BIN)/python examples/django_host/manage.py start --port $(or $(PORT),8000)

host: $(STAMP) ## Start a small MIS with every page of the product, on the register's real sample (PORT=8000)
	@$(BIN)/python -m examples.flask_host .host

test: $(STAMP) ## Run all tests on all cores, on a PostgreSQL that comes along too, and the examples in the documentation
	@$(BIN)/python -m pytest $(ON_ALL_CORES)

test-all: .exim ## Run all tests, also those that need the machine's MariaDB and Chromium, and Debian's Exim
	@PATH="$$PATH:/usr/sbin" DATASHARE_REQUIRE_MARIADB=1 DATASHARE_REQUIRE_EXIM=1 DATASHARE_REQUIRE_CHROMIUM=1 \
	  $(MAKE) --no-print-directory test

coverage: $(STAMP) ## Run all tests, and fail where a line or a branch of the library was not run
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(ON_ALL_CORES)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

# The first begins processes and kills them; the second searches long for counter-examples of every invariant.
torture: $(STAMP) ## Kill 500 processes (KILLS=…) and check what they leave; then search long for counter-examples
	@$(BIN)/python -m tests.faults.torture
	@HYPOTHESIS_PROFILE=torture $(BIN)/python -m pytest -m hypothesis -x --verbose --no-header

bench: $(STAMP) ## Measure the bars of performance, on SQLite and PostgreSQL, and fail where one is missed
	@$(BIN)/python -m bench

check: $(STAMP) ## Formatting, linting, types, tests, coverage and documentation
	@echo "== Formatting"
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "Not formatted; run: make format"; exit 1; }
	@echo "== Linting"
	@$(BIN)/ruff check --quiet $(CODE)
	@echo "== Types"
	@$(BIN)/mypy --no-error-summary
	@echo "== Types of the public interface"
	@report=$$(PATH="$(abspath $(BIN)):$$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 \
	  $(BIN)/pyright --ignoreexternal --verifytypes datashare) || { echo "$$report"; exit 1; }
	@echo "== Tests and coverage"
	@$(MAKE) --no-print-directory coverage
	@echo "== Documentation"
	@$(MAKE) --no-print-directory docs
	@echo "== All checks passed"

pictures: $(STAMP) ## Take the pictures of the example host anew, after its pages have changed
	@$(BIN)/python -m docs.host_pictures

docs: $(STAMP) ## Build the documentation, warnings being errors
	@$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet -b html docs $(HTML)
	@echo "Built $(HTML)/index.html"

format: $(STAMP) ## Format the code and correct what the linter can
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

clean: ## Remove everything that was made, virtual environments included
	@rm -rf .venv .venv-* $(VENV) .exim build dist docs/_build htmlcov
	@rm -rf examples/django_host/mis.sqlite3* examples/django_host/messages
	@rm -rf .venv .venv-* $(VENV) .exim .host build dist docs/_build htmlcov
	@rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find src tests examples bench docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Exim is a whole mail server, so it is not installed: its package would start a service at port 25, and take the place
# of the machine's own. What it needs and the machine has not is unpacked with it; nothing of this needs root.
.exim: ## Unpack Debian's mail server Exim, for the tests alone
	@set -e; command -v apt-get dpkg-deb >/dev/null || { echo "Exim is unpacked from Debian's packages: a Debian or Ubuntu is needed."; exit 1; }; \
	dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; wanted="exim4-daemon-light libnss-wrapper"; \
	needed=$$(apt-get -qq --simulate --no-install-recommends install $$wanted | awk '/^Inst / { print $$2 }'); \
	chmod 755 "$$dir"; (cd "$$dir" && apt-get -qq -o APT::Sandbox::User=root download $$wanted $$needed); \
	for package in "$$dir"/*.deb; do dpkg-deb --extract "$$package" "$$dir/unpacked"; done; \
	chmod -R u-s,g-s "$$dir/unpacked"; rm -rf $@.new; cp -R "$$dir/unpacked" $@.new; mv $@.new $@

# The build backend comes from the constraints too, so that installing is repeatable from end to end.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys' 2>/dev/null \
	  || { echo "No Python found as '$(PYTHON)'. Install Python 3.11 or newer, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "datashare needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) -V) …"
	@$(PYTHON) -m venv --clear $(VENV) \
	  || { rm -rf $(VENV); echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PIP) install --constraint constraints.txt hatchling editables
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

# To take up new versions: resolve on the oldest Python, then let each newer one add only what it needs besides,
# so that every Python gets the same versions. A pin for a package that some Python does not need does no harm.
constraints: ## Pin today's versions of everything in constraints.txt
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	pythons=$$(.ci/run --list); : > "$$dir/pins"; \
	for python in $$pythons; do \
	  echo "Resolving with $$("$$python" -V) …"; \
	  "$$python" -m venv --clear "$$dir/venv"; \
	  "$$dir/venv/bin/python" -m pip -qq install --constraint "$$dir/pins" '.[dev]'; \
	  "$$dir/venv/bin/python" -m pip -qq freeze --exclude datashare > "$$dir/frozen"; \
	  sort -f -u "$$dir/pins" "$$dir/frozen" > "$$dir/both"; mv "$$dir/both" "$$dir/pins"; \
	done; \
	{ echo "# Exact versions of everything that a development installation holds, for every supported Python."; \
	  echo "# Made by: make constraints"; cat "$$dir/pins"; } > constraints.txt; \
	echo "Wrote constraints.txt: $$(wc -l < "$$dir/pins") pins"
