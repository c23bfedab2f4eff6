# Everything happens in .venv; needed beforehand are only make and Python 3.11 or newer.

PYTHON ?= python3
PYTEST_ARGS ?= -n auto --dist loadfile --no-loadscope-reorder
EXAMPLES := manifests/examples
CODE := $(wildcard lint webhook tests benchmarks demo tools)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# A copied .venv would run the code at the old place, and one whose Python is gone runs nothing: make it again.
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && cat .venv/place),$(CURDIR))
.venv/place: again
endif

.PHONY: help
help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: demo
demo: .venv/$(if $(KUBEBUILDER_ASSETS),test,installed)  ## Lint the examples, fix one, and show what the webhook does.
	@echo '$$ jobwarden lint $(EXAMPLES)'
	@$(BIN)/jobwarden lint $(EXAMPLES) || test $$? -eq 1
	@set -- $(EXAMPLES)/*.yaml; echo "\$$ jobwarden lint --fix --diff $$1"; \
	$(BIN)/jobwarden lint --fix --diff "$$1" || test $$? -eq 1
	@$(BIN)/python demo/admission.py

.PHONY: test
test: check  ## Check, then run all tests, each file on one processor (PYTEST_ARGS='-k walk' runs some).
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: check
check: .venv/test  ## Lint, formatting, types and layers; changes nothing.
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --quiet --diff $(CODE)
	@$(BIN)/mypy --no-error-summary $(CODE)
	@$(BIN)/lint-imports --no-logo > .venv/layers 2>&1 || { cat .venv/layers; exit 1; }
	@echo 'ruff, mypy and import-linter are content.'

.PHONY: fix
fix: .venv/test  ## Mend what ruff can mend, and format.
	@$(BIN)/ruff check --quiet --fix $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

.PHONY: reference
reference: .venv/installed  ## Write lint/rules/README.md and rule_index.py again, from the rules.
	@$(BIN)/python -c 'from lint.reference import index; print(index(), end="")' > .venv/reference
	@mv .venv/reference lint/rule_index.py
	@$(BIN)/python -c 'from lint.reference import page; print(page(), end="")' > .venv/reference
	@mv .venv/reference lint/rules/README.md

.PHONY: docs
docs: .venv/test  ## Build the site of docs/ and the rules, in .venv/site.
	@rm -rf .venv/pages
	@$(BIN)/python tools/pages.py .venv/pages
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict > .venv/mkdocs 2>&1 || { cat .venv/mkdocs; exit 1; }
	@echo 'Open .venv/site/index.html'

.PHONY: bench
bench: .venv/$(if $(KUBEBUILDER_ASSETS),test,installed)  ## Print how fast linter and webhook are, as ratios.
	@$(BIN)/python benchmarks/speed.py
	@$(BIN)/python benchmarks/latency.py

N ?= 10000
SEED ?= 0

.PHONY: truth
truth: .venv/test  ## Compare N random objects with real API servers (SEED=1 for others, MINORS='1.34 1.37').
	@PYTHONPATH=tests $(BIN)/python tests/truth/run.py $(N) $(SEED) $(MINORS)

.PHONY: clean
clean:  ## Remove what these commands made.
	@rm -rf .venv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The first Python that is new enough and able to make a virtual environment.
.venv/place:
	@old=; bare=; found=; \
	for python in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11; do \
	    "$$python" -c '' 2>/dev/null || continue; \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { old=$$python; continue; }; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || { bare=$${bare:-$$python}; continue; }; \
	    found=$$python; break; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	    echo "$$bare cannot make virtual environments: install python3-venv (apt install python3-venv)."; \
	    exit 1; \
	elif [ -z "$$found" ]; then \
	    echo "Python 3.11 or newer is needed$${old:+ ($$old is older)}: install it, or name it: make PYTHON=..."; \
	    exit 1; \
	fi; \
	echo "Making .venv with $$("$$found" --version) ..."; \
	"$$found" -m venv --clear .venv
	@$(PIP) install --upgrade 'pip>=25.1'  # the first that knows dependency groups
	@echo '$(CURDIR)' > $@

.venv/installed: .venv/place pyproject.toml
	@echo 'Installing jobwarden into .venv ...'
	@$(PIP) install --editable '.[webhook]'
	@touch $@

.venv/test: .venv/installed
	@echo 'Installing the tools for checks and tests into .venv ...'
	@$(PIP) install --group test
	@touch $@

.PHONY: again
again:
