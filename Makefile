# `make run` is the main job, `make test` is every check, `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The reference oracle tflite-runtime has no wheel after Python 3.11, so older ones come first.
PYTHON ?= $(shell for name in python3.11 python3.10 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
EXTRAS := dev
# Installing compiles the engine; later a changed C file compiles it again, without an install.
ENGINE := sdk/tflm_wasm/engine.wasm
ENGINE_SOURCES := $(shell find abi/tflm_wasm_abi.h firmware_models/engine -type f -not -name '*.pyc')
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
WORKERS ?= 2
RUNS ?= 1000000
# What `make bench` measures; the figures in docs/benchmarks.md are of the models that it names.
MODELS ?= $(wildcard firmware_models/zoo/*/*.tflite)
BENCH := build/bench

.PHONY: help run test lint format types unit hil hil-full conformance bench figures fuzz fuzz-engine compiler clang qemu venv picture ci clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: $(STAMP) $(ENGINE) qemu ## hear a wake word in a WebAssembly module and on an emulated board
	@$(BIN)/python -m tflm_wasm.wakeword

test: lint types unit hil ## every check: ruff, mypy, pytest, then pytest on emulated boards

lint: $(STAMP) ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

unit: $(STAMP) $(ENGINE) compiler qemu ## pytest, WORKERS=2 at a time
	$(BIN)/pytest -n $(WORKERS)

hil: $(STAMP) $(ENGINE) qemu ## models on nine emulated boards, a slice; build/hil.html is the report
	@mkdir -p build
	$(BIN)/pytest hil_tests -n $(WORKERS) --hil-report build/hil.html

hil-full: $(STAMP) $(ENGINE) qemu ## every model on each of them, 50 inputs a model (an hour)
	@mkdir -p build
	TFLM_WASM_HIL_INPUTS=50 $(BIN)/pytest hil_tests -n $(WORKERS) --hil-report build/hil.html

conformance: $(STAMP) $(ENGINE) ## 78,200 models, 200 of each op and type, against TFLM; build/conformance is the report
	$(BIN)/tflm-wasm conformance --count 78200 --jobs $(WORKERS) --report build/conformance \
		--summary build/conformance.json

bench: $(STAMP) $(ENGINE) qemu ## speed of MODELS beside the other engines; build/bench has results and pages
	@mkdir -p $(BENCH)
	for config in host cold endurance board; do $(BIN)/tflm-wasm bench run $(MODELS) --config $$config \
		--output $(BENCH)/$$config.jsonl --html $(BENCH)/$$config.html; done

figures: $(STAMP) ## write what `make bench` measured into docs/benchmarks.md, and draw its charts
	$(BIN)/python docs/generate_benchmarks.py $(BENCH)

fuzz: $(STAMP) $(ENGINE) compiler qemu ## the long suites: 100,000 mutated models; 10,000 bad lines; resets; minimal engines
	TFLM_WASM_FUZZ=100000 $(BIN)/pytest -n $(WORKERS) tests/test_fuzz.py
	TFLM_WASM_LINK_RUNS=10000 $(BIN)/pytest -n $(WORKERS) tests/link/test_faults.py
	TFLM_WASM_RESETS=digits_int8 $(BIN)/pytest -n $(WORKERS) tests/emulator/test_resets.py
	TFLM_WASM_MINIMAL=all $(BIN)/pytest -n $(WORKERS) tests/test_minimal.py

fuzz-engine: $(STAMP) $(ENGINE) clang ## RUNS=1000000 models, found by their coverage, under sanitizers (half an hour)
	$(BIN)/python firmware_models/engine/fuzz.py build/fuzz --runs $(RUNS)

format: $(STAMP) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compiler: # the sanitised native build of the engine needs a C compiler; without one its tests skip
	@command -v gcc >/dev/null || command -v clang >/dev/null || \
		{ $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q gcc libc6-dev; } || \
		echo "no C compiler: the sanitiser tests will skip; to run them: apt-get install gcc" >&2

clang: # the coverage-guided fuzzer is a part of clang; without it `make fuzz-engine` fails and says so
	@command -v clang >/dev/null || \
		{ $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q clang; } || \
		echo "no clang, whose libFuzzer runs the engine: apt-get install clang" >&2

qemu: # emulated boards; without it `make run` says so, and the tests on them skip
	@command -v qemu-system-arm >/dev/null && command -v qemu-system-riscv32 >/dev/null || \
		{ $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q qemu-system-arm qemu-system-misc; } || \
		echo "no QEMU: nothing will run on a board; to have it: apt-get install qemu-system-arm qemu-system-misc" >&2

venv: $(STAMP) $(ENGINE) ## make .venv and install the package into it, editable

$(STAMP): pyproject.toml hatch_build.py
	@test -n "$(PYTHON)" || { echo "Python 3.10 or newer is needed: apt-get install python3 python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)" && $(PYTHON) -m venv $(VENV); }
	@echo "installing the package with $(EXTRAS) (some minutes the first time)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[$(EXTRAS)]'
	@touch $@

$(ENGINE): $(ENGINE_SOURCES) | $(STAMP)
	$(BIN)/python firmware_models/engine/build.py $@

picture: $(STAMP) $(ENGINE) ## make docs/images/wakeword.svg from a real run
	$(BIN)/python -m tflm_wasm.wakeword --svg docs/images/wakeword.svg

ci: ## what CI runs
	.ci/run

clean: ## remove .venv, the compiled engine and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find sdk -name engine.wasm -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
