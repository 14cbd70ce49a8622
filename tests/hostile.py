"""Hand-ins that no instructor should have to fear. Each is a notebook that tries one thing.

`attacks` gives them by name. Code cells run in the re-run; answers run when they are marked.
"""

from dataclasses import dataclass, field
from pathlib import Path

import tiny_course as tiny
from tiny_course import RIGHT

# A word in the command line of what is left running, to be looked for afterwards.
LEFT_RUNNING = "86399.417"
SLEEP = f"['sleep', '{LEFT_RUNNING}']"


@dataclass(frozen=True)
class Attack:
    """One of them, and what must come of it.

    Args:
        runs: the verdict of the re-run.
        reason: words of the reason, where it does not run.
        points: for the two exercises.
        cells: further code cells.
        answers: the two answers.
    """

    runs: str = "yes"
    reason: str = ""
    points: float = 2
    cells: tuple[str, ...] = ()
    answers: tuple[str, str] = field(default=RIGHT)

    @property
    def notebook(self) -> str:
        return tiny.notebook(*self.answers, more=self.cells)


def attacks(victim: Path, solutions: Path, other: Path, out: Path) -> dict[str, Attack]:
    """All of them.

    Args:
        victim: a file outside that must stay as it is.
        solutions: a notebook with solutions.
        other: another student's hand-in.
        out: where the grades go.

    Returns:
        Attacks, by name.
    """
    return _on_the_machine() | _on_files(victim, solutions, other, out) | _on_the_marks()


def _on_the_machine() -> dict[str, Attack]:
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    hoard = "hoard = []\nwhile True: hoard.append(bytearray(b'x' * 2**26))"
    orphan = (
        "import os, signal, subprocess\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        os.execvp('sleep', {SLEEP})\n"
        "    os._exit(0)"
    )
    return {
        "infinite loop": Attack("no", "ran for too long", cells=("while True: pass",)),
        "loop that ignores SIGINT": Attack("no", "ran for too long", cells=(stubborn,)),
        "fork bomb": Attack("no", "", cells=(bomb,)),
        "50 GB at once": Attack("no", "MemoryError", cells=("huge = bytearray(50 * 2**30)",)),
        "50 GB bit by bit": Attack("no", "", cells=(hoard,)),
        "10 GB of output": Attack("no", "it wrote more than", cells=("for _ in range(10**7): print('x' * 1000)",)),
        "10 GB on disk": Attack(
            "no", "No space left|too large",
            cells=("with open('/tmp/big', 'wb') as big:\n    for _ in range(10**4): big.write(b'x' * 2**20)",),
        ),
        "killed kernel": Attack("no", "Python was ended", cells=("import os; os.kill(os.getpid(), 9)",)),
        "os._exit": Attack("no", "Python was ended", cells=("import os; os._exit(0)",)),
        "killed parent": Attack(cells=("import os; os.kill(os.getppid(), 9)",)),
        "everything killed": Attack("no", "", cells=("import os; os.kill(-1, 9)",)),
        "network": Attack(
            "no", "unreachable", cells=("import socket; socket.create_connection(('192.0.2.1', 80), 3)",)
        ),
        "background process": Attack(
            cells=(f"import subprocess; subprocess.Popen({SLEEP}, start_new_session=True)",)
        ),
        "orphan that ignores SIGTERM": Attack(cells=(orphan,)),
        "input()": Attack("no", "StdinNotImplementedError", cells=("input('Your password? ')",)),
    }  # fmt: skip


def _on_files(victim: Path, solutions: Path, other: Path, out: Path) -> dict[str, Attack]:
    link = f"import os\nos.symlink({str(victim)!r}, '/tmp/link')\nopen('/tmp/link', 'w').write('changed')"
    rights = "import os\nfor path in ('/course/helpers/checks', '/course/helpers/mat.py'):\n    os.rename(path, '/tmp/x')"
    return {
        "reads the solutions": Attack("no", "FileNotFoundError", cells=(f"open({str(solutions)!r}).read()",)),
        "reads another hand-in": Attack("no", "FileNotFoundError", cells=(f"open({str(other)!r}).read()",)),
        "reads the passwords": Attack("no", "FileNotFoundError", cells=("open('/etc/shadow').read()",)),
        "writes outside": Attack(
            "no", "FileNotFoundError|Read-only", cells=(f"open({str(victim)!r}, 'w').write('changed')",)
        ),
        "writes outside through a link": Attack("no", "FileNotFoundError|Read-only", cells=(link,)),
        "writes grades": Attack(
            "no", "FileNotFoundError|Read-only", cells=(f"open({str(out / 'grades.csv')!r}, 'w').write('20')",)
        ),
        "deletes the tests": Attack("no", "Read-only|Permission", cells=(rights,)),
        "mounts the disk": Attack(
            "no", "CalledProcessError",
            cells=("import subprocess; subprocess.run(['mount', '-o', 'remount,rw', '/usr'], check=True)",),
        ),
    }  # fmt: skip


def _on_the_marks() -> dict[str, Attack]:
    always = (
        "class Always(str):\n    __array_priority__ = 1e9\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    __hash__ = str.__hash__\n"
    )
    patch = (
        "import helpers.checks as checks, helpers.checks.exercise as inner\n"
        "full = inner.Verdict('correct', 'yes', 1.0)\n"
        "checks.check = lambda *given: full\ninner.Exercise.judge = lambda *given: full\n"
        "checks.answer_of = inner.answer_of = lambda *given: ['right'] * 5\n"
        "checks.EXERCISES.clear()\n"
    )
    # A frame of the marking program knows the cases; there are inputs in it, and no results.
    forge = (
        "import json, os, sys\nforged = json.dumps({'outputs': ['[true, true, true, true]'] * 3})\n"
        "for name in ('results.json', 'grades.json', '/tmp/results.json', '/tmp/grades.json'):\n"
        "    open(name, 'w').write(forged)\n"
        "for process in ('self', '1', str(os.getppid())):\n    for fd in range(12):\n"
        "        try: os.write(os.open(f'/proc/{process}/fd/{fd}', os.O_WRONLY | os.O_NONBLOCK), forged.encode())\n"
        "        except OSError: pass\n"
    )
    raising = "class Rude(Exception):\n    def __str__(self): raise SystemExit(0)\n"
    return {
        "__eq__ is always True": Attack(
            points=0,
            answers=(
                f"# Exercise 1.2.1\n{always}def decode_pid(codes):\n    return Always()",
                f"# Exercise 1.2.2\n{always}def upright(stored):\n    return Always()",
            ),
        ),
        "patches the checks": Attack(
            points=0,
            answers=(
                f"# Exercise 1.2.1\n{patch}def decode_pid(codes):\n    return 'right'",
                f"# Exercise 1.2.2\n{patch}def upright(stored):\n    return 'right'",
            ),
        ),
        "forges results": Attack(
            points=0,
            answers=(
                f"# Exercise 1.2.1\n{forge}def decode_pid(codes):\n    return 'right'",
                f"# Exercise 1.2.2\n{forge}os._exit(0)",
            ),
        ),
        "rude errors": Attack(
            "no", "", points=0,
            answers=(
                f"# Exercise 1.2.1\n{raising}def decode_pid(codes):\n    raise Rude()",
                f"# Exercise 1.2.2\n{raising}raise Rude()",
            ),
        ),
        "one answer loops": Attack(
            "no", "ran for too long", points=1,
            answers=("# Exercise 1.2.1\nwhile True: pass", RIGHT[1]),
        ),
        "scripts everywhere": Attack(
            points=1,
            answers=(
                "# Exercise 1.2.1\n# <script>alert('answer')</script>\n"
                "def decode_pid(codes):\n    return '<script>alert(1)</script>'",
                RIGHT[1],
            ),
            cells=(
                "from IPython.display import HTML, Javascript, SVG, display\n"
                "display(HTML('<script>alert(2)</script>'), Javascript('alert(3)'))\n"
                "display({'image/png': 'PHNjcmlwdD4=', 'text/plain': ''}, raw=True)\n"
                "print('<script>alert(4)</script>')",
            ),
        ),
    }  # fmt: skip
