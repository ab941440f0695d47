# Everything starts here: `make run` on a fresh machine needs Python 3.11 or newer and nothing else.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install

# Every package with the hashes of all its files, for Linux and macOS, Python 3.11 and newer.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--annotation-style line --custom-compile-command 'make lock' --output-file
PINNED = $$(grep -oE '^[a-z0-9-]+' requirements.txt)

.PHONY: help run install demo dev test drill check bench format lock sbom holes clean
.DEFAULT_GOAL := help

help: ## Show what there is to type
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run ## Set up what is missing and serve the site (HOST=, PORT= change where)
	@$(BIN)/flask serve

install: .venv/run ## Set up what is missing, for a service that serves it

demo: .venv/run ## The same with made-up submissions, on a database that is thrown away
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT INT TERM && \
	export INSTANCE_PATH="$$folder" DATABASE_URL=sqlite:///demo.db DEMO=true && \
	$(BIN)/flask demo data 500 && $(BIN)/flask demo account && $(BIN)/flask serve

dev: .venv/dev ## Serve on this machine only, reload on every change, show errors in full
	@$(BIN)/flask db upgrade && \
	FLASK_RUN_EXTRA_FILES="$$(find content templates -type f | tr '\n' ':')" \
	$(BIN)/flask run --debug --host 127.0.0.1 --port $${PORT:-8000}

# One process more than there are cores, since tests wait for servers and browsers part of the time.
test: .venv/dev ## Run every test, in several processes
	@$(BIN)/python -m pytest --dist=loadfile --no-loadscope-reorder \
		--numprocesses=$$(($$(getconf _NPROCESSORS_ONLN) + 1))

drill: .venv/dev ## Run what takes longer than tests may: power cuts, many people at once
	@$(BIN)/python -m pytest -m drill -s

check: .venv/dev ## Check style, templates, content, and that the migrations match the models
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/djlint --quiet --lint templates
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	export INSTANCE_PATH="$$folder" DATABASE_URL=sqlite:///check.db && \
	$(BIN)/flask content check && $(BIN)/flask db upgrade && $(BIN)/flask db check

bench: .venv/dev ## Measure how fast pages are, beside nginx (needs nginx and wrk), the lists and the forms
	@$(BIN)/python -m bench.pages
	@$(BIN)/python -m bench.overview
	@$(BIN)/python -m bench.export
	@$(BIN)/python -m bench.queue
	@$(BIN)/python -m bench.journeys

format: .venv/dev ## Put the code in the form that `make check` wants
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

lock: .venv/dev ## Pin what the two requirements.in files ask for, and list the licenses
	@$(LOCK) requirements.txt requirements.in >/dev/null
	@$(LOCK) requirements-dev.txt requirements-dev.in >/dev/null
	@$(MAKE) --no-print-directory .venv/dev
	@{ printf '# Licenses of what the site runs on\n\nWritten by `make lock` from what is installed.\n\n' && \
	$(BIN)/pip-licenses --from=mixed --order=name --format=markdown --packages $(PINNED); \
	} > docs/licenses.md

sbom: .venv/dev ## Write the software bill of materials to sbom.json (CycloneDX)
	@$(BIN)/uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.txt \
	--output-reproducible --output-format JSON --output-file sbom.json && echo "It is in sbom.json."

holes: .venv/dev ## Ask PyPI whether a package has a known hole; no answer is an error too
	@$(BIN)/uvx --quiet --from pip-audit==2.10.1 pip-audit --strict --require-hashes --disable-pip \
	--requirement requirements.txt

clean: ## Remove the installed packages; the data in instance/ stays
	@rm -rf .venv

.venv/python:
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || \
	{ echo "This needs Python 3.11 or newer. Install it, or name it: make run PYTHON=/path/to/python3.12"; exit 1; }
	@test -w . || { echo "This folder cannot be written to: $(CURDIR). Change its owner, or clone the site elsewhere."; exit 1; }
	@"$(PYTHON)" -m venv .venv 2>/dev/null || \
	{ rm -rf .venv; echo "Python cannot make a virtual environment here. On Debian and Ubuntu, type: sudo apt install python3-venv"; exit 1; }
	@touch $@

.venv/run: .venv/python requirements.txt
	@test -f $@ || echo "Installing what the site needs. This takes a minute, once."
	@$(PIP) --require-hashes -r requirements.txt && touch $@

.venv/dev: .venv/run requirements-dev.txt
	@$(PIP) --require-hashes -r requirements-dev.txt && touch $@
