import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from helpers.config import settings
from helpers.datasets import crew, workshop
from helpers.datasets.assembly import AssemblyError, assemble
from helpers.datasets.crew import Crew, CrewError
from helpers.datasets.sources import list_slices
from helpers.datasets.workbench import Workbench
from helpers.datasets.workshop import Workshop
from tests.datasets.test_assembly import contents

# A script that a student might write: no `if __name__ == "__main__"`.
SCRIPT = """
import os, sys
from helpers.datasets import workshop
from helpers.datasets.assembly import assemble
workshop.WORTH_A_CREW = 1
print("started", flush=True)
assemble(*sys.argv[1:], workers=2, progress=False)
"""


@pytest.fixture(autouse=True)
def always_processes(monkeypatch):
    monkeypatch.setattr(workshop, "WORTH_A_CREW", 1)


@pytest.fixture
def started(monkeypatch):
    """The workers that were started."""
    found = []

    def start():
        found.append(real_start())
        return found[-1]

    real_start = crew._start
    monkeypatch.setattr(crew, "_start", start)
    return found


@pytest.fixture
def repeated(phantom_folder, tmp_path):
    """A slice many times, in an archive in an archive: enough work to be interrupted."""
    content = (phantom_folder / "10.mat").read_bytes()
    source = tmp_path / "source"
    source.mkdir()
    with zipfile.ZipFile(source / "inner.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(1, 81):
            archive.writestr(f"{number}.mat", content)
    with zipfile.ZipFile(source / "outer.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.write(source / "inner.zip", "inner.zip")
    (source / "inner.zip").unlink()
    return source


def assert_ended(workers):
    assert [worker.poll() is None for worker in workers] == [False] * len(workers)


def assembling(source, destination, **options):
    """A script that assembles in another Python."""
    path = destination.parent / "script.py"
    path.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(settings.COURSE_FOLDER)}
    command = [sys.executable, str(path), str(source), str(destination)]
    return subprocess.Popen(command, env=environment, cwd=destination.parent, **options)


def workers_midway(process, destination):
    """Waits until ten slices more are in the journal; the workers at that moment."""
    journal = destination.with_name(destination.name + ".partial") / "journal.jsonl"

    def lines():
        return journal.read_bytes().count(b"\n") if journal.is_file() else 0

    before = lines()
    while lines() < before + 10:
        assert process.poll() is None
        time.sleep(0.005)
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_write_the_same_bytes(dataset, phantom_folder, tmp_path, started, workers):
    made = assemble(phantom_folder, tmp_path / "set", workers=workers, progress=False)
    assert len(started) == workers
    assert_ended(started)
    assert contents(made.folder) == contents(dataset.folder)


def test_archives_are_opened_anew_in_each_process(repeated, tmp_path, started, monkeypatch):
    made = assemble(repeated, tmp_path / "set", workers=2, progress=False)
    assert len(started) == 2
    monkeypatch.setattr(workshop, "WORTH_A_CREW", 81)
    in_threads = assemble(repeated, tmp_path / "threads", workers=2, progress=False)
    assert len(started) == 2
    assert contents(made.folder) == contents(in_threads.folder)


def test_relative_paths(dataset, phantom_folder, tmp_path, started, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = assemble(os.path.relpath(phantom_folder), "set", workers=2, progress=False)
    assert len(started) == 2
    assert contents(made.folder) == contents(dataset.folder)


def test_few_slices_or_one_worker_start_no_process(phantom_folder, tmp_path, started, monkeypatch):
    assemble(phantom_folder, tmp_path / "one", workers=1, progress=False)
    monkeypatch.setattr(workshop, "WORTH_A_CREW", 31)
    assemble(phantom_folder, tmp_path / "few", workers=2, progress=False)
    assert started == []


def test_bad_files_are_listed(phantom_folder, tmp_path, started):
    shutil.copytree(phantom_folder, tmp_path / "source")
    (tmp_path / "source" / "17.mat").write_text("<html>Human?</html>")
    with pytest.raises(AssemblyError, match=r"1 of 30 files are bad: 17\.mat: file is a web page"):
        assemble(tmp_path / "source", tmp_path / "set", workers=2, progress=False)
    assert_ended(started)


@pytest.mark.parametrize("executable", [None, "", "/no/such/python", shutil.which("false")])
def test_threads_do_it_where_no_process_starts(dataset, phantom_folder, tmp_path, monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    made = assemble(phantom_folder, tmp_path / "set", workers=2, progress=False)
    assert contents(made.folder) == contents(dataset.folder)


def test_an_exception_in_a_worker_is_raised(phantom_folder, tmp_path, started):
    work = Workshop(tmp_path / "work", list_slices(phantom_folder))
    shutil.rmtree(tmp_path / "work" / "masks")
    with pytest.raises(FileNotFoundError, match=r"masks.*\.png"):
        work.process_all(2, progress=False)
    assert len(started) == 2
    assert_ended(started)


def test_a_worker_that_is_ended_from_outside(dataset, phantom_folder, tmp_path, started):
    files = list_slices(phantom_folder)
    work = Workshop(tmp_path / "set.partial", files)
    with Crew(work.bench, 2) as workers:
        assert workers.process(0)["number"] == 1
        for worker in started:
            worker.kill()
        with pytest.raises(CrewError, match=r"ended from outside.*Run again: what is done is kept"):
            workers.process(1)
    made = assemble(phantom_folder, tmp_path / "set", workers=2, progress=False)
    assert contents(made.folder) == contents(dataset.folder)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("group", [False, True])
def test_after_ctrl_c_no_worker_is_left(repeated, tmp_path, group):
    process = assembling(
        repeated, tmp_path / "set", stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    workers = workers_midway(process, tmp_path / "set")
    assert len(workers) == 2
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)  # a terminal tells the whole group
    _, errors = process.communicate(timeout=60)
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert process.returncode != 0
    assert errors.count(b"KeyboardInterrupt") == 1, errors.decode()


def test_killed_it_leaves_no_worker_and_ends_with_the_same_bytes(repeated, tmp_path):
    undisturbed = assemble(repeated, tmp_path / "undisturbed", workers=1, progress=False)
    for _ in range(2):
        process = assembling(repeated, tmp_path / "set", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        workers = workers_midway(process, tmp_path / "set")
        assert len(workers) == 2
        process.kill()
        printed, errors = process.communicate(timeout=60)
        assert psutil.wait_procs(workers, timeout=10)[1] == []
        assert printed.split() == [b"started"]  # no worker has run the script
        assert errors == b""
    finished = assemble(repeated, tmp_path / "set", workers=2, progress=False)
    assert contents(finished.folder) == contents(undisturbed.folder)


def test_killed_while_its_workers_start(repeated, tmp_path):
    process = assembling(repeated, tmp_path / "set", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (workers := psutil.Process(process.pid).children()):
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def test_a_worker_imports_no_more_than_it_needs(phantom_folder, tmp_path):
    code = (
        "import json, sys; import helpers.datasets.crew, helpers.datasets.slice_files; "
        "print(json.dumps([name for name in ('pandas', 'tensorflow', 'sklearn', 'matplotlib', 'requests') "
        "if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.COURSE_FOLDER, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_a_bench_at_work_stays_here(phantom_folder, tmp_path):
    work = Workshop(Path(tmp_path / "work"), list_slices(phantom_folder))
    with Workbench(work.folder, work.files) as bench:
        assert bench.process(3)["number"] == 4
    assert bench._arrays == {}
