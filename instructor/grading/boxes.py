"""Kinds of sandbox: the command line that runs a program in each.

A program has no network, reads the machine's Python and the course, and writes to its own home and to
folders in memory of limited size.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from instructor.grading.watch import Limits

INSIDE = Path(__file__).resolve().parent / "inside"
COURSE, SHARED, PROGRAMS = "/course", "/shared", "/programs"
FINISHED = ("datasets", "phantoms", "runs")  # nothing else, since the folder may contain submissions
NOTEBOOKS, HOME = f"{COURSE}/notebooks", "/home/student"
EMPTY_IMAGE = "brain-mri-course-empty"
MB = 2**20
# Users without a name or files; one per sandbox, so that the kernel counts the processes of each.
FIRST_USER, USERS = 200_000, 50_000


@dataclass(frozen=True)
class Visible:
    """What a program in the sandbox can read of the machine.

    Args:
        course: folder with `helpers` and an empty `notebooks`, without solutions.
        shared: a COURSE_HOME, of which finished data sets and trainings are visible; None for none.
    """

    course: Path
    shared: Path | None = None

    def binds(self) -> list[tuple[str, str]]:
        """List pairs of a path on the machine and its path in the sandbox."""
        own = [(str(self.course), COURSE), (str(INSIDE), PROGRAMS)]
        folders = [self.shared / name for name in FINISHED] if self.shared else []
        return own + [(str(found), f"{SHARED}/{found.name}") for found in folders if found.is_dir()]


@dataclass(frozen=True)
class Namespaces:
    """Linux namespaces created by `unshare`; `inside/jail.py` builds the root folder.

    Args:
        name: shown to the instructor.
        as_root: create them as root and change to a user without rights; otherwise use a user
            namespace, which not every system allows.
    """

    name: str = "Linux namespaces"
    as_root: bool = field(default_factory=lambda: os.geteuid() == 0)

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Yield the command line that runs `program` in the sandbox."""
        root = Path(tempfile.mkdtemp(prefix="grading-root-"))
        user = FIRST_USER + uuid.uuid4().int % USERS if self.as_root else None
        plan = {
            "root": str(root),
            "links": [[name, str(Path(name).readlink())] for name in _links()],
            "folders": _folders(limits),
            "shown": [*_python(), *visible.binds()],
            "user": user,
            "limits": _resource_limits(limits, user),
            "folder": NOTEBOOKS,
            "command": [sys.executable, *program],
            "environment": environment(COURSE, HOME, cores),
        }
        rights = [] if user else ["--user", "--map-root-user"]
        kinds = ["--net", "--pid", "--ipc", "--uts", "--mount", "--fork", "--kill-child"]
        jail = [sys.executable, "-I", "-S", str(INSIDE / "jail.py"), json.dumps(plan)]
        try:
            yield ["unshare", *rights, *kinds, *jail]
        finally:
            root.rmdir()


@dataclass(frozen=True)
class Container:
    """docker or podman, on an empty image in which the machine's own Python is mounted."""

    tool: str
    name: str

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Yield the command line that runs `program` in the sandbox."""
        name = f"grading-{uuid.uuid4().hex}"
        shown = [f"{source}:{inside}:ro" for source, inside in [*_python(), *visible.binds()]]
        shown += [f"{Path(link).resolve()}:{link}:ro" for link in _links()]
        settings = environment(COURSE, HOME, cores)
        memory = [f"{folder}:size={size},mode=1777,exec" for folder, size in _folders(limits)]
        yield [
            self.tool, "run", "--rm", "--interactive", "--name", name, "--network", "none", "--read-only",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", str(FIRST_USER),
            "--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes),
            "--pids-limit", str(limits.threads), "--cpus", str(cores),
            "--ulimit", "core=0", "--ulimit", f"fsize={limits.disk_bytes}", "--workdir", NOTEBOOKS,
            *_repeated("--volume", shown), *_repeated("--tmpfs", memory),
            *_repeated("--env", [f"{key}={value}" for key, value in settings.items()]),
            EMPTY_IMAGE, sys.executable, *program,
        ]  # fmt: skip
        # The container is a child of the daemon: it continues if the command is killed.
        subprocess.run([self.tool, "rm", "--force", name], capture_output=True, check=False)


@dataclass(frozen=True)
class Bare:
    """No sandbox: the code can do whatever you can. Limits of time and output still apply."""

    name: str = "no sandbox"

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Yield the command line that runs `program` in temporary folders."""
        with tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as folder:
            course, home = Path(folder) / "course", Path(folder) / "home"
            shutil.copytree(visible.course, course)
            home.mkdir()
            settings = environment(str(course), str(home), cores)
            settings["GRADING_SHARED"] = str(visible.shared or "")
            program = [word.replace(PROGRAMS, str(INSIDE)) for word in program]
            words = [f"{key}={value}" for key, value in settings.items()]
            yield ["env", "-i", "-C", str(course / "notebooks"), *words, sys.executable, *program]


def environment(course: str, home: str, cores: int) -> dict[str, str]:
    """Return all environment variables of a program in the sandbox.

    Args:
        course: path of the course in the sandbox.
        home: the temporary home.
        cores: number of threads that libraries may use.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(cores))
    return threads | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": course,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",  # the order of a set is the same each time
        "MPLBACKEND": "agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COURSE_DATA": "phantoms",
        "COURSE_PROFILE": "quick",
        "COURSE_HOME": f"{home}/course",
        "GRADING_SHARED": SHARED,
    }


def _links() -> list[str]:
    """List the top-level folders that are links into /usr on most distributions."""
    return [name for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64") if Path(name).is_symlink()]


def _python() -> list[tuple[str, str]]:
    """List the machine's libraries and the current Python, each under its own path."""
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts"]
    found = [name for name in system if Path(name).exists() and not Path(name).is_symlink()]
    # Packages may also be elsewhere, for example in the user's own folder.
    packages = [name for name in sys.path if Path(name).name in ("site-packages", "dist-packages")]
    outside = []
    for name in [sys.base_prefix, sys.prefix, *packages]:
        if Path(name).exists() and not any(Path(name).is_relative_to(top) for top in [*found, *outside]):
            outside.append(name)
    return [(name, name) for name in [*found, *outside]]


def _folders(limits: Limits) -> list[tuple[str, int]]:
    """List the writable folders in memory, with the size of each."""
    return [
        ("/tmp", limits.disk_bytes),
        (HOME, limits.disk_bytes),
        (NOTEBOOKS, limits.disk_bytes // 4),
        ("/dev/shm", limits.disk_bytes // 4),
    ]


def _resource_limits(limits: Limits, user: int | None) -> dict[str, int]:
    # Without a user per sandbox, older kernels also count the instructor's processes.
    others = 0 if user else _threads_of(os.getuid())
    return {
        "RLIMIT_NPROC": limits.threads + others,
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_FSIZE": limits.disk_bytes,
        "RLIMIT_CORE": 0,
    }


def _threads_of(user: int) -> int:
    counted = 0
    for status in Path("/proc").glob("[0-9]*/task"):
        try:
            counted += len(list(status.iterdir())) if status.stat().st_uid == user else 0
        except OSError:  # it has ended in the meantime
            continue
    return counted


def _repeated(option: str, values: list[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
