# Two commands do everything: `make demo` and `make test`. Both first install what this machine lacks.
.NOTPARALLEL:
.PHONY: help setup demo build test lint test-native test-chrome test-firefox test-page train-test bench setup-build free-port fresh-log convergence clean

STEP := scripts/step.sh

help:
	@echo 'make demo          build the page and serve it on http://localhost:$$PORT (8080)'
	@echo 'make test          everything below'
	@echo 'make lint          formatting and lints'
	@echo 'make test-native   the native tests'
	@echo 'make test-chrome   the wasm tests in Chromium or Chrome'
	@echo 'make test-firefox  the wasm tests in Firefox'
	@echo 'make test-page     the page: lints, unit tests, end to end; the size of the wasm'
	@echo 'make build         the page into www/dist'
	@echo 'make setup         only install what is missing'
	@echo 'make train-test    the tests of train/, in the Python that is active'
	@echo 'make bench         the figures of docs/benchmark.md, beside onnxruntime-web and TensorFlow.js'
	@echo 'make convergence   the figures and plots of docs/convergence.md, about half an hour on two cores'

demo: free-port build
	@scripts/demo.sh serve

free-port:
	@scripts/demo.sh check

test: fresh-log lint test-native test-chrome test-firefox test-page
	@scripts/summary.sh

fresh-log:
	@rm -rf target/steps

setup:
	@$(STEP) setup 'Set-up: what building and testing need and this machine lacks' scripts/setup.sh test

setup-build:
	@$(STEP) setup-build 'Set-up: what building needs and this machine lacks' scripts/setup.sh build

build: setup-build
	@$(STEP) build 'The engine as wasm, and the page' scripts/build-page.sh

lint: setup
	@$(STEP) lint 'Formatting and lints' scripts/lint.sh

test-native: setup
	@$(STEP) test-native 'Native tests' scripts/test-native.sh

test-chrome: setup
	@$(STEP) test-chrome 'Tests in Chromium' scripts/test-browser.sh chrome

test-firefox: setup
	@$(STEP) test-firefox 'Tests in Firefox' scripts/test-browser.sh firefox

test-page: setup
	@$(STEP) test-page 'The page: size, lints, unit tests, end to end' scripts/test-page.sh

# With the engine and the page, which some of these tests run: without them they would be skipped.
train-test: setup
	cargo build --release --locked
	scripts/page-deps.sh
	cd train && python3 -m pytest

bench: setup
	@scripts/bench.sh

convergence: setup
	for model in digits portraits; do \
		cargo run --release -- converge --model $$model --batch 1 --output docs/convergence/$$model.json || exit; \
	done

clean:
	rm -rf target www/dist www/pkg
