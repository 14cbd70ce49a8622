"""Each kind of sandbox that works on this machine: what it allows, and what it stops."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import sandbox
from instructor.grading.sandbox import (
    INSIDE,
    Bare,
    Bubblewrap,
    Container,
    SandboxError,
    Visible,
    choose,
    empty_course,
    run,
    why_not,
)
from instructor.grading.watch import KEYCTL, Limits, MachineError, watch

LIMITS = Limits(seconds=20, memory_bytes=1 << 30, processes=20, output_bytes=1 << 20, disk_bytes=16 << 20)
BOXES = {
    **{tool: Container(tool, tool) for tool in ("docker", "podman") if shutil.which(tool)},
    "bubblewrap": Bubblewrap(),
}
CALL = """
import ctypes, errno, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
CLONE_NEWUSER, CLONE_NEWNS, SIGCHLD = 0x10000000, 0x20000, 17
def call(code, result):
    if result == -1 and ctypes.get_errno() == code: print("refused")
def family(number):
    try: socket.socket(number, socket.SOCK_STREAM)
    except OSError as error: error.errno == errno.EAFNOSUPPORT and print("refused")
"""
REFUSED = {
    "a file without a name": "call(errno.EPERM, libc.memfd_create(b'x', 0))",
    "System V memory": "call(errno.EPERM, libc.shmget(0, 2**20, 0o1600))",
    "System V messages": "call(errno.EPERM, libc.msgget(0, 0o1600))",
    "a message queue": "call(errno.EPERM, libc.mq_open(b'/x', 0o102, 0o600, None))",
    "a user namespace": "call(errno.EPERM, libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))",
    "a process in one": "call(errno.EPERM, libc.syscall(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0))",
    "a process in one, the other way": "call(errno.ENOSYS, libc.syscall(435, bytes(88), 88))",
    "a folder": "call(errno.EPERM, libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'size=64g'))",
    "keys": "call(errno.EPERM, libc.syscall({'x86_64': 250, 'aarch64': 219}[platform.machine()], 0, -3, 0))",
    "io_uring": "call(errno.EPERM, libc.syscall(425, 8, bytes(120)))",
    "limits of another process": "call(errno.EPERM, libc.prlimit(1, 7, None, bytes(16)))",
    "the virtual machine's host": "family(40)",
    "the kernel's ciphers": "family(38)",
}
# Writes to whatever the first process, which reports the results, has open.
INTO_THE_REPORT = """
import subprocess, sys
sys.path.insert(0, "/programs")
from report import main

def run(job, write):
    subprocess.run([sys.executable, "-c", '''
import os
for fd in range(20):
    try: os.write(os.open(f"/proc/1/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK), b"forged")
    except OSError: pass
'''])
    return {"whole": True}

main(run)
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


def test_a_python_in_a_folder_that_is_in_memory_inside_can_be_used(box, tmp_path, monkeypatch):
    packages = tmp_path / "venv" / "site-packages"  # such as an environment under /tmp
    packages.mkdir(parents=True)
    (packages / "made.py").write_text("print('found')")
    for folder in (packages, *packages.parents[:4]):
        folder.chmod(0o755)
    monkeypatch.syspath_prepend(str(packages))
    source = f"import sys; sys.path.append({str(packages)!r}); import made"
    outcome = run(box, ["-c", source], {}, Visible(empty_course(tmp_path)), LIMITS)
    assert outcome.stdout == b"found\n", outcome.stderr


@pytest.mark.parametrize(
    "source",
    [
        "open('/usr/x', 'w')",
        "open('/course/x', 'w')",
        "open('/programs/rerun.py', 'a')",
        "open('/etc/shadow')",
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/proc/keys').read(1)",
        "open('/dev/x', 'w')",
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


@pytest.mark.parametrize("name", REFUSED)
def test_system_calls_are_refused(inside, box, name):
    if isinstance(box, Container):
        pytest.skip("Docker has a filter of its own, and counts all memory")
    outcome = inside(f"{CALL}\n{REFUSED[name]}")
    assert outcome.stdout == b"refused\n", outcome


def test_a_program_has_a_terminal_for_shell_commands(inside):
    outcome = inside("import pty; pty.spawn(['sh', '-c', 'tty; awk 1 /dev/null'])")
    assert b"/dev/pts/" in outcome.stdout, outcome


def test_a_notebook_can_be_run(box, tmp_path):
    job = {
        "cells": ["!echo from the shell", "%%bash\necho from bash"],
        "cell_seconds": 15,
        "output_bytes": 9999,
    }
    outcome = run(
        box, ["/programs/rerun.py"], job, Visible(empty_course(tmp_path)), replace(LIMITS, seconds=60)
    )
    assert b"from the shell" in outcome.stdout and b"from bash" in outcome.stdout, outcome
    assert outcome.stdout.endswith(b'{"ending": "done"}\n'), outcome


def test_a_program_has_no_other_open_files(inside):
    outcome = inside("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")
    assert outcome.stdout == b"[0, 1, 2, 3]\n", outcome  # 3: the folder itself


@pytest.mark.parametrize("folder", ["/tmp", "/home/student", "/dev/shm"])
def test_files_are_limited_even_if_they_are_empty(inside, box, folder):
    if isinstance(box, Container):
        pytest.skip("a container gets an error from its file system")
    source = f"import time\nfor n in range(5000): open(f'{folder}/{{n}}', 'w')\ntime.sleep(9)"
    assert inside(source, limits=replace(LIMITS, files=1000)).ending == "files"


def test_files_in_memory_count_as_memory(inside, box):
    if isinstance(box, Container):
        pytest.skip("the kernel counts them")
    source = "import time\nfor n in range(90): open(f'/tmp/{n}', 'wb').write(bytes(2**20))\ntime.sleep(9)"
    assert (
        inside(source, limits=replace(LIMITS, memory_bytes=90 << 20, disk_bytes=1 << 27)).ending == "memory"
    )


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


def test_a_machine_without_memory_stops_only_the_largest(monkeypatch):
    nothing = psutil.virtual_memory()._replace(available=2**20)
    source = "import sys, time; hoard = bytearray(int(sys.argv[1]) << 20); time.sleep(4); print('whole')"
    commands = [[sys.executable, "-c", source, size] for size in ("1", "300")]
    with ThreadPoolExecutor() as pool:
        small, large = (pool.submit(watch, command, b"", LIMITS) for command in commands)
        time.sleep(2)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: nothing)
        with pytest.raises(MachineError):
            large.result()
        monkeypatch.undo()
        assert small.result().stdout == b"whole\n"


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() not in KEYCTL, reason="only Linux")
def test_a_command_has_keys_of_its_own_and_ends_first_without_memory():
    call = f"import ctypes; print(ctypes.CDLL(None).syscall({KEYCTL[platform.machine()]}, 0, -3, 1))"
    own, others = (
        subprocess.run([sys.executable, "-c", call], capture_output=True, check=True).stdout,
        watch([sys.executable, "-c", call], b"", LIMITS).stdout,
    )
    assert int(own) != int(others)
    assert watch(["cat", "/proc/self/oom_score_adj"], b"", LIMITS).stdout == b"1000\n"


def test_systemd_limits_the_kernels_memory_too(monkeypatch):
    monkeypatch.setattr(sandbox, "scope", lambda: ("systemd-run", "--scope"))
    monkeypatch.setattr(sandbox, "system_call_filter", lambda: SimpleNamespace(fileno=lambda: 3))
    with Bubblewrap().command(["x.py"], Visible(sandbox.Path("/c")), LIMITS, 2) as command:
        words = " ".join(command)
    assert words.startswith("systemd-run --scope --property MemoryMax=1073741824 --property MemorySwapMax=0")
    assert "--property TasksMax=1024 prlimit" in words


GRADER = """
import sys
from pathlib import Path
from instructor.grading import sandbox
from instructor.grading.watch import Limits
box = sandbox.Bare() if sys.argv[2] == "bare" else sandbox.Bubblewrap()
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
    end = time.monotonic() + 60  # a busy machine takes long to start a grader
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


# Makes the folder of root's Python, $0, readable by others, in this mount namespace alone.
AS_USER = """
if [ "${0#/root/}" != "$0" ]; then
    mkdir kept && mount --bind "$0" kept && mount -t tmpfs -o mode=755 none /root &&
    mkdir -p "$0" && mount --bind kept "$0" || exit 99
fi
chown 12345:12345 . && exec setpriv --reuid=12345 --regid=12345 --clear-groups "$@"
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="this is an ordinary user")
def test_all_this_as_an_ordinary_user(tmp_path):
    if reason := why_not(Bubblewrap()):
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as folder:  # unlike tmp_path, within reach
        tests = [
            str(COURSE_FOLDER / "tests" / "grading" / f"test_grading_{name}.py")
            for name in ("sandbox", "hostile")
        ]
        chosen = ["-n0", "-q", "-p", "no:cacheprovider", "--basetemp", f"{folder}/base", "-k"]
        chosen += ["not other_marks and (test_grading_sandbox or test_an_answer_cannot)"]
        command = ["unshare", "--mount", "sh", "-c", AS_USER, sys.base_prefix, sys.executable, "-m", "pytest"]
        here = os.environ | {"TMPDIR": folder, "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*command, *chosen, *tests], cwd=folder, env=here, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "passed" in done.stdout
