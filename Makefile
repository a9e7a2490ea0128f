# Noema. `make help` lists the targets; each is a short command or a script that also runs alone.
# Program and tests are built with the same flags, so nothing is compiled twice; `swift test` builds with others.
python = .build/bench-venv/bin/python
swift-flags = -c release -Xswiftc -enable-testing
minutes = 10
cases = .build/onnx-1.17.0/onnx/backend/test/data
fuzz-corpus = models Tests/NoemaAttributionTests/Fixtures \
  $(wildcard $(addprefix $(cases)/,node simple pytorch-operator pytorch-converted))

.DEFAULT_GOAL := help
.PHONY: help setup build demo test check conformance fuzz sanitize format bench twins golden notebooks photographs clean

help: ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1@\2/p' $(MAKEFILE_LIST) | column -t -s @

setup: ## Install the Debian packages that are missing (no network when none is)
	@scripts/setup

build: setup ## Build the command: .build/release/noema
	swift build $(swift-flags)

demo: build ## Run the demonstrations into demo-out (concepts), demo-ace, demo-spray (strategies) and demo-rules
	.build/release/noema demo tcav -o demo-out
	.build/release/noema demo ace -o demo-ace
	.build/release/noema demo spray -o demo-spray
	.build/release/noema demo rules -o demo-rules

test: setup check ## Style checks and all tests
	swift build --build-tests $(swift-flags)
	swift test --skip-build $(swift-flags)

check: ## Cheap checks of style and licence
	@scripts/check

conformance: build ## Run the ONNX backend test cases (downloads them into .build); writes docs/conformance.md
	@scripts/conformance

fuzz: build ## Read damaged and invented networks for ten minutes, or minutes=N
	.build/release/noema-fuzz --minutes $(minutes) $(fuzz-corpus)

sanitize: setup ## Run the tests under the address and the thread sanitizer (builds twice more, into .build)
	@scripts/sanitize

format: ## Lay out the Swift files as .swift-format says
	git ls-files '*.swift' ':!*.pb.swift' ':!*Goldens.swift' | xargs swift format --in-place --parallel

bench: build ## Time Noema and its peers (installed into .build); some by parts="attribution --only lrp,rise"
	@scripts/bench/run $(parts)

twins: setup ## Train models/fmnist-*.onnx again and verify them (minutes; installs PyTorch into .build)
	@scripts/bench/setup
	$(python) scripts/train-twins.py

golden: ## Write the reference values of the tests again (installs PyTorch and scikit-learn into .build)
	@scripts/bench/setup
	$(python) scripts/golden/probes.py
	$(python) scripts/golden/fixtures.py
	$(python) scripts/golden/classical.py
	$(python) scripts/golden/clustering.py
	$(python) scripts/golden/trees.py
	$(python) scripts/golden/rules_demo.py
	$(python) scripts/golden/concepts.py

notebooks: build ## Write notebooks-export/ again from the README's examples
	@command -v pngquant >/dev/null || scripts/setup pngquant
	@scripts/notebooks

photographs: build ## Fetch a network and photographs for `noema demo ace --photographs` (180 MB; installs PyTorch)
	@scripts/photographs/fetch

clean: ## Remove what was built
	rm -rf .build demo-out demo-ace demo-spray demo-rules demo-photographs photographs photographs.part
