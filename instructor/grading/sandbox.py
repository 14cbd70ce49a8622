"""Run student code in docker, podman or bubblewrap, or not at all unless told so.

A program has no network, reads the machine's Python and the course, and writes to its own home and to folders
in memory of limited size. Its result is standard output, limited in size and never trusted.
"""

import errno
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from helpers._common import CourseError
from instructor.grading.watch import Limits, Outcome, watch

INSIDE = Path(__file__).resolve().parent / "inside"
COURSE, SHARED, PROGRAMS = "/course", "/shared", "/programs"
FINISHED = ("datasets", "phantoms", "runs")  # nothing else, since the folder may contain submissions
NOTEBOOKS, HOME = f"{COURSE}/notebooks", "/home/student"
GRACE_SECONDS = 5  # after which a program that nobody stopped ends itself
EMPTY_IMAGE = "brain-mri-course-empty"
# Users without a name or files; one per sandbox, so that the kernel counts the processes of each.
FIRST_USER, USERS = 200_000, 50_000
AS_USER = ("--unshare-user", "--disable-userns")
# Without a user namespace, only another user has no rights: setpriv changes to one, and needs these for it.
AS_ROOT = tuple("--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP".split())  # noqa: SIM905
# A change of user cancels --die-with-parent, and bubblewrap's own process may send no signal to another user:
# a program finds out by itself that the grader is gone (inside/report.py).
WITHOUT_RIGHTS = ("--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--")
# What Docker refuses: calls that no namespace separates (keys, clocks, modules) or that serve attacks on the
# kernel; also memory that no process owns, and what outlasts the process that made it.
REFUSED = """
    acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init finit_module
    fsconfig fsmount fsopen fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup
    ioperm iopl kcmp kexec_file_load kexec_load keyctl mbind memfd_create memfd_secret migrate_pages
    modify_ldt mount mount_setattr move_mount move_pages mq_open msgget name_to_handle_at open_by_handle_at
    open_tree perf_event_open personality pidfd_getfd pivot_root process_madvise process_vm_readv
    process_vm_writev ptrace quotactl quotactl_fd reboot request_key semget set_mempolicy setdomainname
    sethostname setns settimeofday shmget swapoff swapon syslog umount2 unshare userfaultfd vhangup vmsplice
"""
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)  # and AF_NETLINK, which lists the interfaces
CLONE_NEWUSER = 0x10000000
# Of /proc: names of the machine's keys, its boot parameters, addresses in its kernel.
HIDDEN = ("keys", "key-users", "cmdline", "kallsyms", "kcore", "sched_debug", "timer_list", "sysrq-trigger")


class SandboxError(CourseError):
    """No sandbox works on this machine."""


@dataclass(frozen=True)
class Visible:
    """What a program in the sandbox can read of the machine."""

    course: Path  # folder with `helpers` and an empty `notebooks`, without solutions
    shared: Path | None = None  # a COURSE_HOME, of which finished data sets and trainings are visible

    def binds(self) -> list[tuple[str, str]]:
        """List pairs of a path on the machine and its path in the sandbox."""
        own = [(str(self.course), COURSE), (str(INSIDE), PROGRAMS)]
        folders = [self.shared / name for name in FINISHED] if self.shared else []
        return own + [(str(found), f"{SHARED}/{found.name}") for found in folders if found.is_dir()]


@dataclass(frozen=True)
class Bubblewrap:
    """bubblewrap: Linux namespaces, and a filter of system calls.

    Run by root, it changes to a user without rights; otherwise it needs a user namespace, which not every
    system allows.
    """

    name: str = "bubblewrap"

    def missing(self) -> str | None:
        """Say what must be installed."""
        try:
            system_call_filter()
        except (ImportError, RuntimeError) as error:
            return f"needs pyseccomp and libseccomp2 ({error})"
        return None if shutil.which("bwrap") else "not installed"

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Yield the command line that runs `program` in the sandbox."""
        user, root = str(FIRST_USER + uuid.uuid4().int % USERS), os.geteuid() == 0
        become = ["setpriv", "--reuid", user, "--regid", user, *WITHOUT_RIGHTS] if root else []
        settings = environment(COURSE, HOME, cores)
        rules = f"/proc/{os.getpid()}/fd/{system_call_filter().fileno()}"
        yield [
            *_limited(limits), "sh", "-c", 'exec "$@" 9<"$0"', rules,
            "bwrap", "--seccomp", "9", "--as-pid-1", "--die-with-parent", "--new-session",
            *(AS_ROOT if root else AS_USER), "--unshare-ipc", "--unshare-pid", "--unshare-net",
            "--unshare-uts", "--hostname", "grading", "--clearenv", *_repeated("--setenv", settings.items()),
            *_tree(visible, limits), "--chdir", NOTEBOOKS, "--", *become, sys.executable, *program,
        ]  # fmt: skip


@dataclass(frozen=True)
class Container:
    """docker or podman, on an empty image in which the machine's own Python is mounted."""

    tool: str
    name: str

    def missing(self) -> str | None:
        """Create the empty image, which needs no network; say why if that failed."""
        if shutil.which(self.tool) is None:
            return "not installed"
        command, nothing = [self.tool, "import", "-", EMPTY_IMAGE], b"\0" * 10240  # an empty tar archive
        done = subprocess.run(command, input=nothing, capture_output=True, check=False)
        return (done.stderr.decode(errors="replace").strip() or "it failed") if done.returncode else None

    @contextmanager
    def command(self, program: list[str], visible: Visible, limits: Limits, cores: int):
        """Yield the command line that runs `program` in the sandbox."""
        name = f"grading-{uuid.uuid4().hex}"
        shown = [f"{source}:{inside}:ro" for source, inside in [*_python(), *visible.binds()]]
        shown += [f"{Path(link).resolve()}:{link}:ro" for link in _links()]
        settings = environment(COURSE, HOME, cores)
        # One file needs about a kilobyte of the kernel's memory, even if it is empty.
        memory = [f"{folder}:size={size},nr_inodes={limits.files},mode=1777,exec"
                  for folder, size in folders(limits).items()]  # fmt: skip
        yield [
            self.tool, "run", "--rm", "--interactive", "--name", name, "--network", "none", "--read-only",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", str(FIRST_USER),
            "--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes),
            "--pids-limit", str(limits.threads), "--cpus", str(cores), "--log-driver", "none",
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


Sandbox = Bubblewrap | Container | Bare


def run(
    sandbox: Sandbox, program: list[str], job: dict, visible: Visible, limits: Limits, cores: int = 1
) -> Outcome:
    """Run a Python program in a sandbox, and end every process that it started.

    Args:
        program: arguments of Python; `inside/` is `/programs` in the sandbox.
        job: sent to its standard input as JSON.
        cores: number of threads that libraries may use.

    Raises:
        MachineError: the machine's memory ran out.
    """
    with sandbox.command(program, visible, limits, cores) as command:
        whole = job | {"whole_seconds": limits.seconds + GRACE_SECONDS}
        return watch(command, json.dumps(whole).encode(), limits, list(folders(limits)))


def choose(*, none: bool = False) -> Sandbox:
    """Return the first kind of sandbox that works on this machine, or none if `none`.

    Raises:
        SandboxError: none works, and `none` is False.
    """
    if none:
        return Bare()
    reasons = []
    for sandbox in (Container("docker", "docker"), Container("podman", "podman"), Bubblewrap()):
        reason = why_not(sandbox)
        if reason is None:
            return sandbox
        reasons.append(f"{sandbox.name}: {reason}")
    raise SandboxError(
        f"no sandbox works on this machine ({'; '.join(reasons)}), and submissions are untrusted programs. "
        "See 'Sandbox' in docs/instructors.md; or give --no-sandbox if you trust every student."
    )


@cache
def why_not(sandbox: Sandbox) -> str | None:
    """Try a sandbox; return the reason why it cannot be used, or None."""
    if platform.system() != "Linux" and not isinstance(sandbox, Bare):
        return "only on Linux"
    if not isinstance(sandbox, Bare) and (reason := sandbox.missing()):
        return reason
    with tempfile.TemporaryDirectory() as folder:
        course = empty_course(Path(folder))
        outcome = run(sandbox, ["-c", "print('inside')"], {}, Visible(course), Limits(seconds=60))
    if outcome.stdout.strip() == b"inside":
        return None
    return (outcome.stderr.strip().splitlines() or [f"it ended with {outcome.ending}"])[-1]


def empty_course(folder: Path) -> Path:
    """Create `course/notebooks` in a folder, readable by the users in the sandbox."""
    course = folder / "course"
    (course / "notebooks").mkdir(parents=True)
    course.chmod(0o755)
    return course


def environment(course: str, home: str, cores: int) -> dict[str, str]:
    """Return all environment variables of a program, from paths in the sandbox and a number of threads."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(cores))
    return threads | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
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


@cache
def system_call_filter() -> IO[bytes]:
    """Return a file in memory that contains the filter for bubblewrap.

    Raises:
        ImportError, RuntimeError: pyseccomp or libseccomp is missing.
    """
    from pyseccomp import ALLOW, EQ, ERRNO, GT, MASKED_EQ, NE, Arg, SyscallFilter

    rules, highest = SyscallFilter(ALLOW), max(FAMILIES)
    for name in REFUSED.split():
        with suppress(ValueError, OSError):  # unknown on this machine
            rules.add_rule(ERRNO(errno.EPERM), name)
    rules.add_rule(ERRNO(errno.EPERM), "prlimit64", Arg(0, NE, 0))  # of another process
    rules.add_rule(ERRNO(errno.EPERM), "clone", Arg(0, MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER))
    # The flags of clone3 are in memory, which a filter cannot read; the C library then uses clone.
    rules.add_rule(ERRNO(errno.ENOSYS), "clone3")
    others = [Arg(0, EQ, number) for number in range(highest) if number not in FAMILIES]
    for family in [*others, Arg(0, GT, highest)]:
        rules.add_rule(ERRNO(errno.EAFNOSUPPORT), "socket", family)
    file = os.fdopen(os.memfd_create("grading-filter"), "wb")
    rules.export_bpf(file)
    return file


@cache
def scope() -> tuple[str, ...]:
    """Return the start of a command of which systemd also limits the kernel's memory; () without systemd."""
    words = ("systemd-run", "--scope", "--quiet", "--collect", *(() if os.geteuid() == 0 else ("--user",)))
    works = shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if works else ()


def _limited(limits: Limits) -> list[str]:
    """Return the start of a command to which limits apply."""
    systemd = {"MemoryMax": limits.memory_bytes, "MemorySwapMax": 0, "TasksMax": limits.threads}
    options = _repeated("--property", [f"{name}={value}" for name, value in systemd.items()])
    resources = {"nproc": limits.threads, "data": limits.memory_bytes, "fsize": limits.disk_bytes}
    own = [f"--{name}={value}" for name, value in (resources | {"nofile": 1024, "core": 0}).items()]
    return [*scope(), *(options if scope() else []), "prlimit", *own]


def _tree(visible: Visible, limits: Limits) -> list[str]:
    """Return bubblewrap's options for the files: everything is read-only but the folders in memory."""
    mounts = {inside: ["--ro-bind", source, inside] for source, inside in [*_python(), *visible.binds()]}
    mounts |= {folder: ["--perms", "1777", "--size", str(size), "--tmpfs", folder]
               for folder, size in folders(limits).items()}  # fmt: skip
    devices = ["--dev", "/dev", *mounts.pop("/dev/shm"), "--proc", "/proc"]
    words = _repeated("--symlink", [(str(Path(link).readlink()), link) for link in _links()])
    for inside in sorted(mounts, key=lambda name: Path(name).parts):  # what is around another one comes first
        for parent in [*Path(inside).parents][-2::-1]:  # bubblewrap's own could be entered by root alone
            words += [] if str(parent) in mounts else ["--perms", "0755", "--dir", str(parent)]
        words += mounts[inside]
    hidden = [f"/proc/{name}" for name in HIDDEN if Path("/proc", name).exists()]
    devices += _repeated("--ro-bind", [("/dev/null", name) for name in hidden])
    return [*words, *devices, *_repeated("--remount-ro", ["/dev", "/proc", "/"])]


def _links() -> list[str]:
    """List the top-level folders that are links into /usr on most distributions."""
    return [name for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64") if Path(name).is_symlink()]


def _python() -> list[tuple[str, str]]:
    """List the machine's libraries and the current Python, each under its own path."""
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts",
              "/etc/alternatives"]  # fmt: skip
    found = [name for name in system if Path(name).exists() and not Path(name).is_symlink()]
    # Packages may also be elsewhere, for example in the user's own folder.
    packages = [name for name in sys.path if Path(name).name in ("site-packages", "dist-packages")]
    outside = []
    for name in [sys.base_prefix, sys.prefix, *packages]:
        if Path(name).exists() and not any(Path(name).is_relative_to(top) for top in [*found, *outside]):
            outside.append(name)
    return [(name, name) for name in [*found, *outside]]


def folders(limits: Limits) -> dict[str, int]:
    """Return the writable folders in memory, with the size of each in bytes."""
    size = limits.disk_bytes
    return {"/tmp": size, HOME: size, NOTEBOOKS: size // 4, "/dev/shm": size // 4}


def _repeated(option: str, values: Iterable[str | tuple[str, ...]]) -> list[str]:
    several = ((value,) if isinstance(value, str) else value for value in values)
    return [word for value in several for word in (option, *value)]
