# Everything a person needs: `make demo` and `make test`. Everything lands in .venv.
PYTHON ?= python3.11
BIN := .venv/bin
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PYRIGHT_PYTHON_GLOBAL_NODE := 0

.PHONY: install demo figures test check format clean bench bench-gpu bench-quality soak

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/python demo.py

figures: install
	PYTHONPATH=. $(BIN)/python docs/figures.py

test: install
	$(BIN)/pytest -n 2 --dist worksteal

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

soak: install
	VAEFIT_SOAK_KILLS=50 $(BIN)/pytest tests/test_resume.py -k "killed or cold"
	VAEFIT_FUZZ_CASES=10000 $(BIN)/pytest tests/test_fuzz.py
	VAEFIT_FUZZ_TABLES=200 $(BIN)/pytest tests/test_fuzz_tables.py

bench: install benchmarks/.venv/installed
	$(BIN)/python benchmarks/speed.py $(if $(ONLY),--only "$(ONLY)") $(if $(ROUNDS),--rounds $(ROUNDS))

bench-quality: install benchmarks/.venv/installed
	$(BIN)/python benchmarks/quality.py $(if $(ONLY),--only "$(ONLY)") $(if $(MINUTES),--minutes $(MINUTES))

bench-gpu: install benchmarks/.venv/installed
	$(BIN)/python benchmarks/gpu.py $(if $(ONLY),--only "$(ONLY)")

benchmarks/.venv/installed: benchmarks/requirements.txt
	test -x benchmarks/.venv/bin/python || $(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .cache demo build dist
