# `make` is `make html`; `make help` lists the rest, from the lines with ## below.
# Each works on a fresh clone: the first call makes the environment in .venv.
#
#   make html PYTHON=python3.12    another Python, 3.11 or later
#   make html TORCH_INDEX=URL      another place for PyTorch: a CPU-only build, say
#   make serve PORT=8001

PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8000
JOBS   ?= 2

BIN    := $(VENV)/bin
BUILD   = $(BIN)/jupyter-book build . -W -n --keep-going
PRINT   = $(BIN)/python -m genbook.publishing.print.pdf \
_build/latex/genbook.tex _build/genbook.pdf
# PyTorch alone is asked for there, so that no other package can come from there.
TORCH   = $(if $(TORCH_INDEX),$$install --no-deps --index-url $(TORCH_INDEX) torch;)
TEX     = The PDF needs TeX: apt-get install --no-install-recommends \
texlive-xetex texlive-latex-extra texlive-fonts-recommended latexmk \
fonts-texgyre fonts-texgyre-math fonts-dejavu-core

# What the tests may not do without: what is built just before them. `.ci/run` adds
# `browser` and `tex`; elsewhere tests that need what is missing are skipped.
HAS_TEX = $(shell command -v xelatex && command -v latexmk)
BUILT   = site,epub,notebooks$(if $(HAS_TEX),$(comma)pdf)
comma  := ,

# The builders share what they have read, so they run one after another.
.NOTPARALLEL:
.PHONY: html pdf epub notebooks site serve lint test clean distclean help

html: $(VENV)/.book ## the website, in _build/html/: run what changed, and build
	$(BUILD)

notebooks: html ## a notebook a chapter, and the wheel: made with the website
	@echo "The notebooks are in _build/html/notebooks/"

epub: $(VENV)/.book ## _build/genbook.epub
	rm -rf _build/epub
	$(BUILD) --builder custom --custom-builder epub
	cp _build/epub/*.epub _build/

pdf: ## _build/genbook.pdf; needs TeX, and says how to get it
	$(if $(HAS_TEX),,$(error $(TEX)))
	@$(MAKE) --no-print-directory $(VENV)/.book
	$(BUILD) --builder latex
	$(PRINT)

site: ## what a host serves: the website, with PDF and EPUB beside it
	@$(MAKE) --no-print-directory pdf epub
	mkdir -p _build/html
	cp _build/genbook.pdf _build/genbook.epub _build/html/
	$(BUILD)

serve: html ## the website at http://127.0.0.1:8000
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lint: $(VENV)/.test ## style, types, and the rules of the text
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m genbook.publishing.rules

test: lint ## build everything and check all of it
	$(BUILD)
	$(if $(HAS_TEX),$(BUILD) --builder latex)
	@$(if $(HAS_TEX),$(PRINT) & printing=$$!;) $(MAKE) --no-print-directory epub \
	    $(if $(HAS_TEX),&& wait $$printing || { wait; exit 1; }) # TeX takes one core
	GENBOOK_REQUIRE="$(BUILT),$(GENBOOK_REQUIRE)" OMP_NUM_THREADS=1 \
	    $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --timeout 600

clean: ## remove what was built; the environment stays
	rm -rf _build out .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean ## remove the environment as well
	rm -rf $(VENV) node_modules

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' \
	    $(firstword $(MAKEFILE_LIST))

# The environment. `.test` holds all that `.book` does.
$(VENV)/.book: EXTRA = book
$(VENV)/.test: EXTRA = test
$(VENV)/.book $(VENV)/.test: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "genbook needs Python 3.11 or later: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Installing into $(VENV): about two minutes and 1.3 GB, once."
	@set -e; if command -v uv >/dev/null; then \
	    test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV); \
	    install="uv pip install --quiet --python $(BIN)/python -c constraints.txt"; \
	else \
	    test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV); \
	    install="$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	        -c constraints.txt"; \
	fi; \
	$(TORCH) $$install -e '.[$(EXTRA)]'
	@touch $@ $(if $(filter test,$(EXTRA)),$(VENV)/.book)
