# Two commands for everybody; each sets up what it needs, from a fresh clone on.
#   make run    the whole course on the embedded data: executed notebooks as pages in build/
#   make test   every test; both notebooks through nbval, their student editions, wrong submissions
#               graded, and a browser that does the course
#   make colab  the course in twins of Colab's runtimes, where their Pythons are
# COURSE_DATA, COURSE_PROFILE and COURSE_HOME are passed on: see README.md.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Quiet, and the same numbers on every CPU run.
export TF_CPP_MIN_LOG_LEVEL = 3
# The tests' runs go to a folder of their own, emptied first: nothing is taken from an earlier run.
# The student editions, the wrong submissions and the browser run in it after nbval: what nbval has
# trained is opened, not trained again.
TEST_HOME := build/test-home
TEST_ENVIRONMENT := env -u COURSE_DATA -u COURSE_PROFILE COURSE_HOME="$(CURDIR)/$(TEST_HOME)"
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout 900 -p no:cacheprovider

.PHONY: run test colab notebooks lint clean

run: $(VENV)/run.done
	$(BIN)/python -m instructor run --out build

test: $(VENV)/test.done lint
	$(BIN)/python -m pytest tests --ignore=tests/browser
	rm -rf $(TEST_HOME)
	$(TEST_ENVIRONMENT) $(BIN)/python -m pytest $(NBVAL) notebooks/[0-9]*.ipynb
	$(TEST_ENVIRONMENT) $(BIN)/python -m instructor build --check --execute build/student
	$(TEST_ENVIRONMENT) $(BIN)/python -m pytest tests/wrong_submissions.py
	$(TEST_ENVIRONMENT) $(BIN)/python -m pytest tests/browser

# The twins' environments stay in build/colab for the next time.
colab: $(VENV)/run.done
	$(BIN)/python -m instructor colab

lint: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m instructor lint

# Re-executes the notebooks on the phantoms, stores the outputs in them, and builds the student
# editions: after each change of one.
notebooks: $(VENV)/test.done
	rm -rf $(TEST_HOME)
	$(TEST_ENVIRONMENT) $(BIN)/python -m instructor run --store --out build
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
