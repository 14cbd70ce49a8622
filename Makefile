# Each target installs what it needs, starting from a fresh clone.
#   make run    run the whole course on the embedded data; executed notebooks as pages in build/
#   make test   lint; every test; all notebooks through nbval, the Spanish ones too; then their student editions, the grading of
#               wrong submissions, and a browser that runs the course
#   make colab  run the course in replicas of Colab's runtimes, if their Python versions are installed
# COURSE_DATA, COURSE_PROFILE and COURSE_HOME are passed on: see docs/elsewhere.md.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# No TensorFlow messages in the terminal.
export TF_CPP_MIN_LOG_LEVEL = 3
# The tests use a COURSE_HOME of their own, which starts empty. nbval trains in it; the student editions,
# the wrong submissions, the browser and the replicas load these trainings.
TEST_HOME := build/test-home
TEST_ENVIRONMENT := env -u COURSE_DATA -u COURSE_PROFILE -u COURSE_LANGUAGE COURSE_HOME="$(CURDIR)/$(TEST_HOME)"
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout 900 -p no:cacheprovider
# One process per core; each runs whole files, since their tests share fixtures, the slowest ones first.
PARALLEL := --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

.PHONY: run test colab notebooks lint clean

run: $(VENV)/run.done
	$(BIN)/python -m instructor run --out build

test: $(VENV)/test.done lint
	$(BIN)/python -m pytest $(PARALLEL) tests --ignore=tests/browser
	rm -rf $(TEST_HOME)
	$(TEST_ENVIRONMENT) $(BIN)/python -m pytest $(NBVAL) notebooks/[0-9]*.ipynb notebooks/report.ipynb notebooks/beyond/*.ipynb
	$(TEST_ENVIRONMENT) $(BIN)/python -m pytest $(NBVAL) notebooks/es/*.ipynb notebooks/es/beyond/*.ipynb
	$(TEST_ENVIRONMENT) $(BIN)/python -m pytest $(PARALLEL) \
		tests/notebooks/student_editions.py tests/grading/wrong_submissions.py tests/browser

# The environments stay in build/colab for the next run.
colab: $(VENV)/run.done
	$(BIN)/python -m instructor colab --trained $(TEST_HOME)

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m instructor lint

# After each change of a notebook: execute the notebooks on the phantoms, store their outputs, and build the
# student editions; the same in Spanish, once the catalogues are complete (python -m instructor translate).
notebooks: $(VENV)/test.done
	rm -rf $(TEST_HOME)
	$(TEST_ENVIRONMENT) $(BIN)/python -m instructor run --store --out build
	$(BIN)/python -m instructor build
	$(TEST_ENVIRONMENT) $(BIN)/python -m instructor run --store --out build/es notebooks/es/*.ipynb notebooks/es/beyond/*.ipynb
	$(BIN)/python -m instructor build

clean:
	rm -rf build $(VENV)

$(VENV)/run.done: requirements.txt
	$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else 'The course needs Python 3.11 to 3.13: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/test.done: requirements.txt requirements-test.txt $(VENV)/run.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@
