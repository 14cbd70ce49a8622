"""Run student code in docker, podman or bubblewrap, or not at all unless told so.

The result is standard output, limited in size and never trusted.
"""

import json
import platform
import tempfile
from functools import cache
from pathlib import Path

from helpers._common import CourseError
from instructor.grading.boxes import PROGRAMS, Bare, Bubblewrap, Container, Visible, folders
from instructor.grading.watch import Limits, Outcome, watch

__all__ = ["PROGRAMS", "Sandbox", "SandboxError", "Visible", "choose", "empty_course", "run", "why_not"]

GRACE_SECONDS = 5  # after which a program that nobody stopped ends itself
Sandbox = Bubblewrap | Container | Bare


class SandboxError(CourseError):
    """No sandbox works on this machine."""


def run(
    sandbox: Sandbox, program: list[str], job: dict, visible: Visible, limits: Limits, cores: int = 1
) -> Outcome:
    """Run a Python program in a sandbox, and end every process that it started.

    Args:
        sandbox: where to run it.
        program: arguments of Python; `inside/` is `/programs` in the sandbox.
        job: sent to its standard input as JSON.
        visible: what it can read.
        limits: of time, memory and output.
        cores: number of threads that libraries may use.

    Raises:
        MachineError: the machine's memory ran out.
    """
    with sandbox.command(program, visible, limits, cores) as command:
        whole = job | {"whole_seconds": limits.seconds + GRACE_SECONDS}
        return watch(command, json.dumps(whole).encode(), limits, list(folders(limits)))


def choose(*, none: bool = False) -> Sandbox:
    """Return the first kind of sandbox that works on this machine.

    Args:
        none: use no sandbox.

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
