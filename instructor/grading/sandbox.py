"""A place to run a stranger's code: docker or podman, else Linux namespaces, else nothing unless told so.

Each has the same insides: no network, the machine's Python and the course read-only, folders in memory of
a limited size, a home of its own. What comes out is standard output, cut at a cap, and never trusted.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from helpers.errors import CourseError
from instructor.grading.watch import Limits, Outcome, watch

INSIDE = Path(__file__).resolve().parent / "inside"
COURSE, SHARED, PROGRAMS = "/course", "/shared", "/programs"
NOTEBOOKS, HOME = f"{COURSE}/notebooks", "/home/student"
EMPTY_IMAGE = "brain-mri-course-empty"
MB = 2**20
# Users without a name or files; one each, so that the kernel counts the processes of each alone.
FIRST_USER, USERS = 200_000, 50_000


class SandboxError(CourseError):
    """There is no sandbox on this machine, or it does not work."""


@dataclass(frozen=True)
class Visible:
    """What of the machine can be seen inside, read-only.

    Args:
        course: folder with `helpers` and an empty `notebooks`, and no solutions.
        shared: folder with the finished data set and trainings (a COURSE_HOME); None for none.
    """

    course: Path
    shared: Path | None = None

    def binds(self) -> list[tuple[str, str]]:
        """Pairs of a path on the machine and the path inside."""
        own = [(str(self.course), COURSE), (str(INSIDE), PROGRAMS)]
        return own if self.shared is None else [*own, (str(self.shared), SHARED)]


@dataclass(frozen=True)
class Namespaces:
    """Linux namespaces through `unshare`; `inside/jail.py` builds the root folder."""

    name: str = "Linux namespaces"

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Gives the command line that runs `program` inside."""
        root = Path(tempfile.mkdtemp(prefix="grading-root-"))
        user = FIRST_USER + uuid.uuid4().int % USERS if os.geteuid() == 0 else None
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
        # An unprivileged user needs a user namespace to make the others.
        rights = [] if user else ["--user", "--map-root-user"]
        kinds = ["--net", "--pid", "--ipc", "--uts", "--mount", "--fork", "--kill-child"]
        jail = [sys.executable, "-I", "-S", str(INSIDE / "jail.py"), json.dumps(plan)]
        try:
            yield ["unshare", *rights, *kinds, *jail]
        finally:
            root.rmdir()


@dataclass(frozen=True)
class Container:
    """docker or podman, on an image without contents: the machine's own Python is shown in it."""

    tool: str
    name: str = field(default="a container")

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Gives the command line that runs `program` inside."""
        name = f"grading-{uuid.uuid4().hex}"
        shown = [f"{source}:{inside}:ro" for source, inside in [*_python(), *visible.binds()]]
        shown += [f"{Path(link).resolve()}:{link}:ro" for link in _links()]
        settings = environment(COURSE, HOME, cores)
        memory = [f"{folder}:size={size},mode=1777,exec" for folder, size in _folders(limits)]
        yield [
            self.tool, "run", "--rm", "--interactive", "--name", name, "--network", "none", "--read-only",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", str(FIRST_USER),
            "--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes),
            "--pids-limit", str(limits.threads), "--cpus", str(cores), "--init",
            "--ulimit", "core=0", "--ulimit", f"fsize={limits.disk_bytes}", "--workdir", NOTEBOOKS,
            *_repeated("--volume", shown), *_repeated("--tmpfs", memory),
            *_repeated("--env", [f"{key}={value}" for key, value in settings.items()]),
            EMPTY_IMAGE, sys.executable, *program,
        ]  # fmt: skip
        # The container is the daemon's child, not ours: it outlives a killed command.
        subprocess.run([self.tool, "rm", "--force", name], capture_output=True, check=False)


@dataclass(frozen=True)
class Bare:
    """No sandbox: the code can do whatever you can. Limits on time and output still hold."""

    name: str = "no sandbox"

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Gives the command line that runs `program` in temporary folders."""
        with tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as folder:
            course, home = Path(folder) / "course", Path(folder) / "home"
            shutil.copytree(visible.course, course)
            home.mkdir()
            settings = environment(str(course), str(home), cores)
            settings["GRADING_SHARED"] = str(visible.shared or "")
            program = [word.replace(PROGRAMS, str(INSIDE)) for word in program]
            words = [f"{key}={value}" for key, value in settings.items()]
            yield ["env", "-i", "-C", str(course / "notebooks"), *words, sys.executable, *program]


Sandbox = Namespaces | Container | Bare


def run(
    sandbox: Sandbox, program: list[str], job: dict, visible: Visible, limits: Limits, cores: int = 1
) -> Outcome:
    """Runs a Python program inside, and leaves nothing of it running.

    Args:
        sandbox: where.
        program: arguments for Python; its file lies in `inside/`, which is `/programs` there.
        job: sent to its standard input as JSON.
        visible: what it can see.
        limits: when it is stopped.
        cores: for how many threads libraries should plan.

    Returns:
        Outcome.
    """
    with sandbox.command(program, visible, limits, cores) as command:
        return watch(command, json.dumps(job).encode(), limits)


def choose(*, none: bool = False) -> Sandbox:
    """The first kind of sandbox that works here.

    Args:
        none: take no sandbox at all.

    Returns:
        Container, Namespaces or Bare.

    Raises:
        SandboxError: none works, and `none` is False.
    """
    if none:
        return Bare()
    reasons = []
    for sandbox in (Container("docker", "docker"), Container("podman", "podman"), Namespaces()):
        reason = why_not(sandbox)
        if reason is None:
            return sandbox
        reasons.append(f"{sandbox.name}: {reason}")
    raise SandboxError(
        f"no sandbox works on this machine ({'; '.join(reasons)}), and hand-ins are strangers' programs. "
        "Grade on Linux, or install docker or podman; or give --no-sandbox if you trust every student."
    )


@cache
def why_not(sandbox: Sandbox) -> str | None:
    """Tries a sandbox.

    Args:
        sandbox: to be tried.

    Returns:
        Why it cannot be used; None if it works.
    """
    if platform.system() != "Linux" and not isinstance(sandbox, Bare):
        return "only on Linux"
    if isinstance(sandbox, Container):
        reason = _prepare(sandbox.tool)
        if reason is not None:
            return reason
    elif isinstance(sandbox, Namespaces) and shutil.which("unshare") is None:
        return "the program unshare is missing"
    with tempfile.TemporaryDirectory() as folder:
        course = empty_course(Path(folder))
        outcome = run(sandbox, ["-c", "print('inside')"], {}, Visible(course), Limits(seconds=60))
    if outcome.stdout.strip() == b"inside":
        return None
    return (outcome.stderr.strip().splitlines() or [f"it ended with {outcome.ending}"])[-1]


def empty_course(folder: Path) -> Path:
    """A folder that Visible can show.

    Args:
        folder: exists; closed to others, perhaps, as temporary folders are.

    Returns:
        A folder in it that users inside may read.
    """
    course = folder / "course"
    (course / "notebooks").mkdir(parents=True)
    course.chmod(0o755)
    return course


def environment(course: str, home: str, cores: int) -> dict[str, str]:
    """The whole environment of a program inside.

    Args:
        course: where the course lies inside.
        home: the temporary home.
        cores: for how many threads libraries should plan.

    Returns:
        Variables by name.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(cores))
    return threads | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": course,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COURSE_DATA": "phantoms",
        "COURSE_PROFILE": "quick",
        "COURSE_HOME": f"{home}/course",
        "GRADING_SHARED": SHARED,
    }


def _links() -> list[str]:
    """The top folders that are links into /usr on most distributions."""
    return [name for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64") if Path(name).is_symlink()]


def _python() -> list[tuple[str, str]]:
    """The machine's libraries and the Python that runs this, each at its own place."""
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts"]
    found = [name for name in system if Path(name).exists() and not Path(name).is_symlink()]
    prefixes = {str(Path(prefix)) for prefix in (sys.base_prefix, sys.prefix)}
    outside = sorted(name for name in prefixes if not any(Path(name).is_relative_to(top) for top in found))
    return [(name, name) for name in [*found, *outside]]


def _folders(limits: Limits) -> list[tuple[str, int]]:
    """Writable folders in memory, and the size of each."""
    return [
        ("/tmp", limits.disk_bytes),
        (HOME, limits.disk_bytes),
        (NOTEBOOKS, limits.disk_bytes // 4),
        ("/dev/shm", limits.disk_bytes // 4),
    ]


def _resource_limits(limits: Limits, user: int | None) -> dict[str, int]:
    # Without a user of its own, older kernels count everything that the instructor runs, too.
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
        except OSError:  # it has ended meanwhile
            continue
    return counted


def _prepare(tool: str) -> str | None:
    """Makes the image without contents, which needs no network. Returns why that failed."""
    if shutil.which(tool) is None:
        return "not installed"
    nothing = b"\0" * 10240  # an empty tar archive
    done = subprocess.run([tool, "import", "-", EMPTY_IMAGE], input=nothing, capture_output=True, check=False)
    return (done.stderr.decode(errors="replace").strip() or "it failed") if done.returncode else None


def _repeated(option: str, values: list[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
