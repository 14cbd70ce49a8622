"""The search of notebooks/beyond/hyperparameters.ipynb: killed, resumed, shared, and how it judges itself."""

import multiprocessing
import os
import signal
import sqlite3
import time
import warnings
import zlib
from contextlib import closing
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from helpers import training
from helpers.config.environment import COURSE_FOLDER

optuna = pytest.importorskip("optuna")
pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs processes that can be killed"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]
NOTEBOOK = COURSE_FOLDER / "notebooks" / "beyond" / "hyperparameters.ipynb"
BUDGET, GRACE = 12, 2
GRID = {"x": [0.1, 0.4, 0.7, 1.0], "rate": [1e-4, 1e-3, 1e-2]}


def names_of(folder, *cells):
    """What these cells of the notebook define, with a study in this folder."""
    source = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    course = SimpleNamespace(seed=2023, profile=SimpleNamespace(name="quick"))
    names = {
        "course": course, "np": np, "optuna": optuna, "training": training, "warnings": warnings,
        "zlib": zlib, "TrialState": optuna.trial.TrialState, "budget": BUDGET, "copies": folder / "copies",
        "database": folder / "study.db",
    }  # fmt: skip
    for cell in cells:
        exec(source[cell], names)
    return names


def study_of(folder):
    names = names_of(folder, "open-study", "progress", "search")
    names["GRACE"] = GRACE
    return names


def score(trial):
    """A trial of some tenths of a second."""
    x, rate = trial.suggest_float("x", 0, 1), trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    time.sleep(0.1)
    return x - rate


def random_sampler(seed):
    return optuna.samplers.RandomSampler(seed=seed)


def grid_sampler(seed):
    return optuna.samplers.GridSampler(GRID, seed=1)


def session(folder, make_sampler=random_sampler, worker=0):
    """What the cells do in one process. A line of the log says that a trial has been finished."""
    names, shown = study_of(folder), names_of(folder, "progress")["progress"]

    def logged(study, trial):
        shown(study, trial)
        with (folder / "finished.log").open("a") as log:
            log.write(f"{trial.number} {trial.value!r}\n")
            log.flush()
            os.fsync(log.fileno())

    names["progress"] = logged
    names["search"]("a study", make_sampler, score, worker=worker)


@pytest.fixture
def start(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.notebooks.test_search"])

    def begin(*arguments):
        process = context.Process(target=session, args=(tmp_path, *arguments))
        process.start()
        return process

    return begin


def lines(folder):
    path = folder / "finished.log"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def kill_after(process, folder, trials, delay):
    """Kill a session, some time after it has finished so many trials."""
    before, end = len(lines(folder)), time.monotonic() + 300
    while process.is_alive() and time.monotonic() < end and len(lines(folder)) < before + trials:
        time.sleep(0.02)
    time.sleep(delay)
    process.kill()
    process.join(60)


def trials_of(folder):
    return study_of(folder)["open_study"]("a study").trials


def with_a_heartbeat(folder):
    """Numbers of the trials that have begun: Optuna records a heartbeat just after it has made a trial."""
    query = "SELECT number FROM trials JOIN trial_heartbeats USING (trial_id)"
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        return {number for (number,) in connection.execute(query)}


def is_open(trial, begun):
    return trial.state.name == "WAITING" or (trial.state.name == "RUNNING" and trial.number in begun)


def test_a_killed_search_loses_no_finished_trial_and_counts_none_twice(start, tmp_path):
    rng = np.random.default_rng(0)
    for trials in (2, 3):
        kill_after(start(), tmp_path, trials, rng.uniform(0, 0.2))
    before = {trial.number: trial for trial in trials_of(tmp_path)}
    assert len(lines(tmp_path)) >= 5
    time.sleep(GRACE + 1)
    last = start()
    last.join(120)
    assert last.exitcode == 0

    trials, begun = trials_of(tmp_path), with_a_heartbeat(tmp_path)
    ended = {trial.number: trial for trial in trials if trial.state.name == "COMPLETE"}
    assert len(ended) == len({str(trial.params) for trial in ended.values()}) == BUDGET
    for number, value in lines(tmp_path):
        assert ended[int(number)].value == float(value)
    # Each trial that was killed was repeated once, to its end; but one that had not begun stays as it is.
    assert not [trial for trial in trials if is_open(trial, begun)]
    for trial in before.values():
        if trial.state.name != "COMPLETE" and trial.params and trial.number in begun:
            repeated = [one for one in ended.values() if trial.params.items() <= one.params.items()]
            assert len(repeated) == 1  # `trial` may have asked for one of its two values only


def test_a_complete_search_is_only_opened(start, tmp_path):
    for _ in range(2):
        process = start()
        process.join(120)
        assert process.exitcode == 0
    assert len(lines(tmp_path)) == len(trials_of(tmp_path)) == BUDGET


@pytest.mark.parametrize("make_sampler", [random_sampler, grid_sampler])
def test_two_processes_share_a_search(start, tmp_path, make_sampler):
    study_of(tmp_path)["open_study"]("a study")  # the tables of a new file are made by one process
    processes = [start(make_sampler, worker) for worker in range(2)]
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    trials = trials_of(tmp_path)
    assert BUDGET <= len(trials) <= BUDGET + 1
    assert len(trials) == len(lines(tmp_path))
    # The whole grid, each combination once, whichever process was faster.
    first = trials[:BUDGET] if make_sampler is grid_sampler else trials
    assert len({str(trial.params) for trial in first}) == len(first)


def test_the_copy_on_drive_continues_the_search(start, tmp_path):
    kill_after(start(), tmp_path, 4, 0)
    (tmp_path / "study.db").unlink()
    training.restore_study(tmp_path / "study.db", tmp_path / "copies")
    kept = [trial for trial in trials_of(tmp_path) if trial.state.name == "COMPLETE"]
    assert len(kept) >= 3  # the last one may not have been copied yet


def test_the_optimism_is_between_its_two_estimates(tmp_path):
    """Trials of equal skill on new families: whatever the best one seems to gain is luck."""
    rng, families, trials = np.random.default_rng(0), 19, 32
    true, low, high = [], [], []
    for _ in range(12):
        names = names_of(tmp_path, "optimism")
        sizes = rng.integers(2, 7, families)
        chance = 1 / (1 + np.exp(-rng.normal(0.6, 1, families) - rng.normal(0, 1, (trials, families))))
        names |= {"right_per_family": rng.binomial(sizes, chance), "slices_per_family": sizes}
        expected = np.mean(1 / (1 + np.exp(-rng.normal(0.6, np.sqrt(2), 100_000))))
        most, on_all, unseen = names["best_of"](trials, draws=150)
        true.append(names["right_per_family"].sum(axis=1).max() / sizes.sum() - expected)
        low.append(most - on_all)
        high.append(most - unseen)
    assert 0.03 < np.mean(low) < np.mean(true) < np.mean(high)
    assert abs(names["best_of"](1, draws=2000) @ [1, 0, -1]) < 0.03  # without a choice, no optimism
