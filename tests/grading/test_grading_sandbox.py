"""Each kind of sandbox that works on this machine: what it allows, and what it stops."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time

import psutil
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import sandbox
from instructor.grading.boxes import INSIDE, Bare, Bubblewrap, Container
from instructor.grading.sandbox import SandboxError, Visible, choose, empty_course, run, why_not
from instructor.grading.watch import Limits, MachineError, watch

LIMITS = Limits(seconds=20, memory_bytes=1 << 30, processes=20, output_bytes=1 << 20, disk_bytes=16 << 20)
BOXES = {
    **{tool: Container(tool, tool) for tool in ("docker", "podman") if shutil.which(tool)},
    "bubblewrap": Bubblewrap(),
}
CALL = """
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
CLONE_NEWUSER, CLONE_NEWNS, SIGCHLD = 0x10000000, 0x20000, 17
def call(code, result):
    if result == -1 and ctypes.get_errno() == code: print("refused")
"""
HIDDEN_MEMORY = {
    "a file without a name": "call(errno.EPERM, libc.memfd_create(b'x', 0))",
    "System V": "call(errno.EPERM, libc.shmget(0, 2**20, 0o1600))",
    "a user namespace": "call(errno.EPERM, libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))",
    "a process in one": "call(errno.EPERM, libc.syscall(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0))",
    "a process in one, the other way": "call(errno.ENOSYS, libc.syscall(435, bytes(88), 88))",
    "a folder": "call(errno.EPERM, libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'size=64g'))",
}
# Writes to whatever the first process, which reports the results, has open.
INTO_THE_REPORT = """
import os, subprocess, sys
sys.path.insert(0, "/programs")
from report import Report
report = Report()
subprocess.run([sys.executable, "-c", '''
import os
for fd in range(20):
    try: os.write(os.open(f"/proc/1/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK), b"forged")
    except OSError: pass
'''])
report.end({"whole": True})
"""


@pytest.fixture(params=BOXES)
def box(request):
    made = BOXES[request.param]
    reason = why_not(made)
    if reason:
        pytest.skip(f"{request.param}: {reason}")
    return made


@pytest.fixture
def inside(box, tmp_path):
    """Runs a program inside."""
    course = empty_course(tmp_path)

    def go(source: str, job: dict | None = None, limits: Limits = LIMITS):
        return run(box, ["-c", source], job or {}, Visible(course), limits)

    return go


def test_a_program_gets_its_job_and_returns_its_output(inside):
    outcome = inside("import json, sys; print(json.load(sys.stdin)['x'] * 2)", {"x": 21})
    assert outcome.stdout == b"42\n", outcome.stderr
    assert outcome.ending == "done"


@pytest.mark.parametrize(
    "source",
    [
        "open('/usr/x', 'w')",
        "open('/course/x', 'w')",
        "open('/programs/rerun.py', 'a')",
        "open('/etc/shadow')",
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "import os; os.setuid(0); open('/proc/sys/kernel/hostname', 'w')",
        "import os; os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0)); open('/tmp/disk')",
        "import os; os.chroot('/tmp')",
        "import socket; socket.create_connection(('192.0.2.1', 80), 2)",
        "import pathlib; [path.write_text('x') for path in pathlib.Path('/sys').rglob('*')]; raise OSError",
        "import subprocess; subprocess.run(['mount', '-t', 'tmpfs', 'x', '/mnt'], check=True)",
    ],
)
def test_a_program_cannot(inside, source):
    outcome = inside(source)
    assert outcome.status != 0
    assert "Error" in outcome.stderr


@pytest.mark.parametrize("number", HIDDEN_MEMORY)
def test_memory_outside_of_processes_is_refused(inside, box, number):
    if isinstance(box, Container):
        pytest.skip("the kernel counts a container's memory, whatever it is")
    outcome = inside(f"{CALL}\n{HIDDEN_MEMORY[number]}")
    assert outcome.stdout == b"refused\n", outcome


def test_a_server_on_this_machine_cannot_be_reached(inside):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 2).close()  # from here it can
        outcome = inside(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
    assert "Error" in outcome.stderr


def test_a_program_can_write_to_its_folders(inside):
    places = ["/tmp", "/home/student", "/course/notebooks", "/dev/shm"]
    outcome = inside(f"for place in {places}: open(place + '/x', 'w').write('x')\nprint('written')")
    assert outcome.stdout == b"written\n", outcome.stderr


def test_a_program_leaves_nothing_for_the_next(inside):
    inside("open('/tmp/note', 'w').write('secret'); open('/dev/shm/note', 'w').write('secret')")
    outcome = inside("import os; print(os.path.exists('/tmp/note') or os.path.exists('/dev/shm/note'))")
    assert outcome.stdout == b"False\n", outcome.stderr


def test_other_processes_are_invisible(inside):
    outcome = inside("import os; print(len([name for name in os.listdir('/proc') if name.isdigit()]))")
    assert int(outcome.stdout) <= 2


def test_no_other_process_can_write_into_the_report(inside):
    outcome = inside(INTO_THE_REPORT)
    assert json.loads(outcome.stdout) == {"whole": True}, outcome


def test_the_environment_is_not_inherited(inside, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    outcome = inside("import os; print(sorted(os.environ.items()))")
    assert b"secret" not in outcome.stdout
    assert b"COURSE_HOME" in outcome.stdout


def test_without_a_sandbox_nothing_is_graded_unless_requested(monkeypatch):
    monkeypatch.setattr(sandbox, "why_not", lambda box: "broken")
    with pytest.raises(SandboxError, match=r"bubblewrap: broken.*--no-sandbox"):
        choose()
    assert choose(none=True) == Bare()


@pytest.mark.skipif(os.name != "posix" or shutil.which("env") is None, reason="needs the program env")
def test_no_sandbox_still_stops_what_it_started(tmp_path):
    source = (
        "import subprocess, sys, time\n"
        "subprocess.Popen(['sleep', '86399.111'], start_new_session=True)\ntime.sleep(1)\nprint('left')"
    )
    outcome = run(Bare(), ["-c", source], {}, Visible(empty_course(tmp_path)), LIMITS)
    assert outcome.stdout == b"left\n", outcome.stderr
    assert not any("86399.111" in (one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))


def test_a_container_gets_every_limit():
    tool = sys.executable  # any program that is there: it is only asked to remove what does not exist
    with Container(tool, "docker").command(["x.py"], Visible(sandbox.Path("/c")), LIMITS, 2) as command:
        words = " ".join(command)
    expected = ["--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--pids-limit 1024"]
    for option in [*expected, "--memory 1073741824", "--cpus 2", "/c:/course:ro"]:
        assert option in words


def test_only_finished_work_of_the_instructors_folder_is_visible(box, tmp_path):
    home = tmp_path / "home"
    for folder in ("runs", "phantoms", "submissions"):
        (home / folder).mkdir(parents=True)
        (home / folder / "x").write_text(folder)
    source = "from pathlib import Path; print(*sorted(Path('/shared').glob('*/*')))"
    outcome = run(box, ["-c", source], {}, Visible(empty_course(tmp_path), home), LIMITS)
    assert outcome.stdout == b"/shared/phantoms/x /shared/runs/x\n", outcome


def test_a_machine_without_memory_is_reported_as_such(monkeypatch):
    nothing = psutil.virtual_memory()._replace(available=2**20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: nothing)
    begin = time.monotonic()
    with pytest.raises(MachineError, match="memory"):
        watch(["sleep", "86399.222"], b"", LIMITS)
    assert time.monotonic() - begin < 15
    assert not left("86399.222")


GRADER = """
import sys
from pathlib import Path
from instructor.grading import boxes, sandbox
from instructor.grading.watch import Limits
box = boxes.Bare() if sys.argv[2] == "bare" else boxes.Bubblewrap()
source = "import sys, time; sys.path[:0] = ['/programs']; import report; report.read_job(); time.sleep(86399)"
program = ["-c", source, sys.argv[3]]
sandbox.run(box, program, {}, sandbox.Visible(Path(sys.argv[1])), Limits(seconds=60))
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux ends children with their parent")
@pytest.mark.parametrize("kind", ["bubblewrap", "bare"])
def test_programs_end_with_the_grader(tmp_path, kind):
    if kind != "bare" and (reason := why_not(Bubblewrap())):
        pytest.skip(reason)
    course, word = str(empty_course(tmp_path)), f"86399.{os.getpid()}.{kind}"
    command = [sys.executable, "-c", GRADER, course, kind, word]
    here = os.environ | {"TMPDIR": str(tmp_path)}  # for what a killed grader leaves
    with subprocess.Popen(command, cwd=COURSE_FOLDER, env=here) as grader:
        until(lambda: len(left(word)) > 1)
        grader.kill()
    until(lambda: not left(word))


def test_a_program_ends_by_itself_after_its_time():
    """In particular one in a container, which continues if the grader is killed."""
    source = "import report, time; report.read_job(); time.sleep(86399)"
    job = json.dumps({"whole_seconds": 1}).encode()
    path = {"PYTHONPATH": str(INSIDE)}
    done = subprocess.run([sys.executable, "-c", source], input=job, env=path, timeout=30, check=False)
    assert done.returncode == 1


def left(word: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if word in (one.info["cmdline"] or [])]


def until(holds) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        ("while True: pass", "time"),
        ("hoard = [b'x' * 2**26 for _ in range(8)]; hoard = [bytearray(one) for one in hoard * 9]", "memory"),
        ("import os, time\nfor _ in range(30): os.fork() or time.sleep(99)\ntime.sleep(99)", "processes"),
        ("while True: print('x' * 10**4)", "output"),
    ],
)
def test_an_exceeded_limit_stops_the_program_and_is_named(source, ending):
    limits = Limits(seconds=4, memory_bytes=400 << 20, processes=10, output_bytes=1 << 20)
    begin = time.monotonic()
    outcome = watch([sys.executable, "-c", source], b"", limits)
    assert outcome.ending == ending, outcome
    assert time.monotonic() - begin < 15
    assert len(outcome.stdout) <= limits.output_bytes
