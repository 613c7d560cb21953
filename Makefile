# `make` alone lists the targets. The first one that needs it creates .venv and installs the pinned set; later runs reuse it.

BIN := .venv/bin
SEEDS := 0 1 2
DATA := full
BENCH :=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export NO_MKDOCS_2_WARNING := 1
# Threads that wait give their core away: by spinning, their default, they are ten times slower beside any other program.
export GOMP_SPINCOUNT ?= 1000
export PYTHON_TOO_OLD := eigrad needs Python 3.11 or newer: none was found as python3.11 or python3 (set PYTHON=/path/to/python)

is_new_enough = $(shell $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(1))
PYTHON ?= $(firstword $(foreach name,python3.11 python3 python3.12 python3.13,$(call is_new_enough,$(name))))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo splicing test check bench study docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.runtime  ## explain fives against threes, end to end, into runs/digits
	@$(BIN)/eigrad digits --out runs/digits

splicing: .venv/.splicing  ## explain the exons of a simulated tissue, end to end, into runs/splicing
	@$(BIN)/eigrad splicing --out runs/splicing

# Two processes of one thread each: files are shared out whole, so that what a file trains is trained once.
test: .venv/.dev  ## run the tests
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

check: .venv/.dev  ## lint, format, types, documentation
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mkdocs build --strict --quiet
	@echo "lint, format, types and documentation are in order"

docs: .venv/.dev  ## build the documentation into site/
	@$(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

bench: .venv/.dev  ## time, error and memory beside Captum and SHAP (options in BENCH and GRAPHS); writes runs/bench and docs/benchmarks.md
	@$(BIN)/python -m benchmarks.engine --out runs/bench $(BENCH)
	@$(BIN)/python -m benchmarks.growth --out runs/bench
	@$(BIN)/python -m benchmarks.neighbors --out runs/bench $(GRAPHS)
	@$(BIN)/python -m benchmarks.wide --out runs/bench/wide
	@$(BIN)/python -m benchmarks.page --out runs/bench --docs docs

study: .venv/.dev  ## hours: digits over SEEDS on all of MNIST (DATA=full, or a folder of IDX files), family-wise errors, known truth; writes runs/
	@$(BIN)/python -m benchmarks.study --data $(DATA) --seeds $(SEEDS) --out runs/study
	@$(BIN)/python -m benchmarks.familywise --out runs/familywise
	@$(BIN)/python -m benchmarks.traps --docs docs/images
	@$(BIN)/eigrad compare --variants plain,proxies,interactions,xor,offset,dense --seeds 3-8 --out runs/known-truth

clean:  ## remove the environment, the built documentation and the caches, but no run
	@rm -rf .venv site dist .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "$$PYTHON_TOO_OLD" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing eigrad into .venv (this once)"
	@$(BIN)/pip install -qq --constraint constraints.txt --editable .
	@touch $@

.venv/.splicing: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing eigrad and its extras splicing and compare into .venv (this once)"
	@$(BIN)/pip install -qq --constraint constraints.txt --editable '.[splicing,compare]'
	@touch .venv/.runtime $@

.venv/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing eigrad and its development tools into .venv (this once)"
	@$(BIN)/pip install -qq --constraint constraints.txt --editable '.[dev]'
	@touch .venv/.runtime .venv/.splicing $@
