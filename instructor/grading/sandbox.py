"""A place to run a stranger's code: docker or podman, else Linux namespaces, else nothing unless told so.

What comes out is standard output, cut at a cap, and never trusted.
"""

import json
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from helpers._common import CourseError
from instructor.grading.boxes import EMPTY_IMAGE, PROGRAMS, Bare, Container, Namespaces, Visible
from instructor.grading.watch import Limits, Outcome, watch

__all__ = ["PROGRAMS", "Sandbox", "SandboxError", "Visible", "choose", "empty_course", "run", "why_not"]

GRACE_SECONDS = 5  # after which a program that nobody stopped ends itself
Sandbox = Namespaces | Container | Bare


class SandboxError(CourseError):
    """There is no sandbox on this machine, or it does not work."""


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

    Raises:
        MachineError: the machine's memory ran out.
    """
    with sandbox.command(program, visible, limits, cores) as command:
        whole = job | {"whole_seconds": limits.seconds + GRACE_SECONDS}
        return watch(command, json.dumps(whole).encode(), limits)


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


def _prepare(tool: str) -> str | None:
    """Makes the image without contents, which needs no network. Returns why that failed."""
    if shutil.which(tool) is None:
        return "not installed"
    nothing = b"\0" * 10240  # an empty tar archive
    done = subprocess.run([tool, "import", "-", EMPTY_IMAGE], input=nothing, capture_output=True, check=False)
    return (done.stderr.decode(errors="replace").strip() or "it failed") if done.returncode else None
