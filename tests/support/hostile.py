"""Hostile submissions. Each is a notebook with one attack.

Code cells run in the re-run; answers also run when they are marked.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

from tests.support import tiny_course as tiny
from tests.support.tiny_course import RIGHT

# Identifies the processes that attacks leave running.
LEFT_RUNNING = f"86399.{os.getpid()}"
TOO_LONG, ENDED = "ran for too long", "Python was ended"
OUT_OF_REACH = "FileNotFoundError|Read-only"

STUBBORN = """
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
FORK_BOMB = """
    import os
    while True:
        try: os.fork()
        except OSError: pass
"""
HOARD = """
    hoard = []
    while True: hoard.append(b'x' * 2**26)
"""
FULL_DISK = """
    with open('/tmp/big', 'wb') as big:
        for _ in range(10**4): big.write(b'x' * 2**20)
"""
CHATTER = """
    for _ in range(10**7): print('x' * 1000)
"""
NETWORK = """
    import socket
    socket.create_connection(('192.0.2.1', 80), 3)
"""
BACKGROUND = f"""
    import subprocess
    subprocess.Popen(['sleep', '{LEFT_RUNNING}'], start_new_session=True)
"""
ORPHAN = f"""
    import os, signal
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.execvp('sleep', ['sleep', '{LEFT_RUNNING}'])
        os._exit(0)
"""
MOUNT = """
    import subprocess
    subprocess.run(['mount', '-o', 'remount,rw', '/usr'], check=True)
"""
HIDDEN_FILE = """
    import os
    hidden = os.memfd_create('hidden')
    while True: os.write(hidden, b'x' * 2**26)
"""
HIDDEN_FOLDER = """
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    def checked(result):
        if result: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    checked(libc.unshare(0x10020000))  # CLONE_NEWUSER | CLONE_NEWNS
    checked(libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'size=64g'))
    with open('/tmp/big', 'wb') as big:
        for _ in range(10**4): big.write(b'x' * 2**20)
"""
LINK = """
    import os
    os.symlink(VICTIM, '/tmp/link')
    open('/tmp/link', 'w').write('changed')
"""
# The report of a successful cell, written into the pipe of the report.
CLEAN_RUN = """
    import json, os
    forged = [{'outputs': [], 'seconds': 1}, {'ending': 'done'}]
    lines = ''.join(json.dumps(line) + '\\n' for line in forged).encode()
    for fd in range(20):
        try: os.write(os.open(f'/proc/1/fd/{fd}', os.O_WRONLY | os.O_NONBLOCK), lines)
        except OSError: pass
    1 / 0
"""
ALWAYS_EQUAL = """
    class Always(str):
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        __hash__ = str.__hash__
"""
PATCH = """
    import helpers.checks as checks, helpers.checks.exercise as inner
    full = inner.Verdict('correct', 'yes', 1.0)
    checks.check = lambda *given: full
    inner.Exercise.judge = lambda *given: full
    checks.run_answer = inner.run_answer = lambda *given: ['right'] * 5
    checks.EXERCISES.clear()
"""
FORGED_RESULTS = """
    import json, os
    forged = json.dumps({'outputs': ['[true, true, true, true]'] * 3})
    for name in ('results.json', 'grades.json', '/tmp/results.json', '/tmp/grades.json'):
        open(name, 'w').write(forged)
    for process in ('self', '1', str(os.getppid())):
        for fd in range(20):
            try: os.write(os.open(f'/proc/{process}/fd/{fd}', os.O_WRONLY | os.O_NONBLOCK), forged.encode())
            except OSError: pass
"""
HALF = """
    print('\\ud800')
    raise ValueError('\\udc80')
"""
RUDE = """
    class Rude(Exception):
        def __str__(self): raise SystemExit(0)
"""
SCRIPTS = """
    from IPython.display import HTML, Javascript, display
    display(HTML('<script>alert(2)</script>'), Javascript('alert(3)'))
    display({'image/png': 'PHNjcmlwdD4=', 'text/plain': ''}, raw=True)
    print('<script>alert(4)</script>')
"""

# A valid figure of one pixel, whose alt text would end the attribute.
PICTURE = """
    import struct, zlib
    def chunk(kind, body):
        return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
    head, rows = struct.pack('>IIBBBBB', 1, 1, 8, 0, 0, 0, 0), zlib.compress(bytes(2))
    png = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', head) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')
    display({'image/png': png, 'text/plain': 'one pixel" onerror="alert(6)'}, raw=True)
"""


@dataclass(frozen=True)
class Attack:
    """One attack, and its expected result.

    Args:
        cell: an additional code cell.
        reason: pattern of the reason why the notebook does not run; None if it does.
        points: for the two exercises.
        answers: the two answers.
    """

    cell: str = ""
    reason: str | None = None
    points: float = 2
    answers: tuple[str, str] = RIGHT

    @property
    def notebook(self) -> str:
        return tiny.notebook(*self.answers, more=(dedent(self.cell),))


def attacks(victim: Path, solutions: Path, other: Path, out: Path) -> dict[str, Attack]:
    """Return all attacks by name.

    Args:
        victim: a file outside the sandbox that must not change.
        solutions: a notebook with solutions.
        other: another student's submission.
        out: folder of the grades.
    """
    return _on_the_machine() | _on_files(victim, solutions, other, out) | _on_the_marks()


def _on_the_machine() -> dict[str, Attack]:
    return {
        "infinite loop": Attack("while True: pass", TOO_LONG),
        "loop that ignores SIGINT": Attack(STUBBORN, TOO_LONG),
        "fork bomb": Attack(FORK_BOMB, "processes|memory|too long"),
        "50 GB at once": Attack("huge = bytearray(50 * 2**30)", f"MemoryError|{ENDED}"),
        "50 GB bit by bit": Attack(HOARD, f"memory|MemoryError|{ENDED}"),
        "memory in an unnamed file": Attack(HIDDEN_FILE, "PermissionError|too large"),
        "memory in a folder of its own": Attack(HIDDEN_FOLDER, "PermissionError"),
        "10 GB of output": Attack(CHATTER, "it wrote more than"),
        "10 GB on disk": Attack(FULL_DISK, "No space left|too large"),
        "killed kernel": Attack("import os; os.kill(os.getpid(), 9)", ENDED),
        "os._exit": Attack("import os; os._exit(0)", ENDED),
        "killed parent": Attack("import os; os.kill(os.getppid(), 9)"),
        "everything killed": Attack("import os; os.kill(-1, 9)", f"ProcessLookupError|{ENDED}"),
        "network": Attack(NETWORK, "unreachable"),
        "background process": Attack(BACKGROUND),
        "orphan that ignores SIGTERM": Attack(ORPHAN),
        "input()": Attack("input('Your password? ')", "StdinNotImplementedError"),
    }


def _on_files(victim: Path, solutions: Path, other: Path, out: Path) -> dict[str, Attack]:
    return {
        "reads the solutions": Attack(f"open({str(solutions)!r}).read()", "FileNotFoundError"),
        "reads another submission": Attack(f"open({str(other)!r}).read()", "FileNotFoundError"),
        "reads the passwords": Attack("open('/etc/shadow').read()", "FileNotFoundError"),
        "writes outside": Attack(f"open({str(victim)!r}, 'w').write('changed')", OUT_OF_REACH),
        "writes through a link": Attack(LINK.replace("VICTIM", repr(str(victim))), OUT_OF_REACH),
        "writes grades": Attack(f"open({str(out / 'grades.csv')!r}, 'w').write('20')", OUT_OF_REACH),
        "deletes the tests": Attack("import shutil; shutil.rmtree('/course/helpers/checks')", "Read-only"),
        "mounts the disk": Attack(MOUNT, "CalledProcessError"),
        "forges a clean run": Attack(CLEAN_RUN, "ZeroDivisionError"),
    }


def _on_the_marks() -> dict[str, Attack]:
    return {
        "__eq__ is always True": Attack(points=0, answers=_both(ALWAYS_EQUAL, "return Always()")),
        "patches the checks": Attack(points=0, answers=_both(PATCH, "return 'right'")),
        "forges results": Attack(points=0, answers=_both(FORGED_RESULTS, "return 'right'")),
        "ends Python": Attack(reason=ENDED, points=0, answers=_both("import os", "os._exit(0)")),
        "rude errors": Attack(reason="SystemExit", points=0, answers=_both(RUDE, "raise Rude()")),
        "one answer loops": Attack(
            reason=TOO_LONG, points=1, answers=("# Exercise 1.2.1\nwhile True: pass", RIGHT[1])
        ),
        "lone surrogates in errors": Attack(
            HALF,
            reason="ValueError",
            points=1,
            answers=("# Exercise 1.2.1\nraise ValueError('\\ud800')", RIGHT[1]),
        ),
        "figure with a script": Attack(PICTURE),
        "scripts everywhere": Attack(
            SCRIPTS, points=1, answers=(f"{tiny.DECODE}return '<script>alert(1)</script>'", RIGHT[1])
        ),
    }


def _both(before: str, body: str) -> tuple[str, str]:
    """Return two answer cells: `before`, then the functions with `body`."""
    functions = (("1.2.1", "decode_pid(codes)"), ("1.2.2", "upright(stored)"))
    return tuple(
        f"# Exercise {number}\n{dedent(before)}\ndef {name}:\n    {body}\n" for number, name in functions
    )


RIGHT_BODY = "return ''.join(chr(code) for code in codes[:, 0])"
FORGE_ALL = """
    forged = json.dumps({'answers': {n: {'outputs': ['[]'] * 3} for n in ('1.2.1', '1.2.2')}}) + '\\n'
    for fd in range(64):
        for path in (f'/proc/1/fd/{fd}', f'/proc/self/fd/{fd}', f'/proc/{os.getppid()}/fd/{fd}'):
            try: os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), forged.encode())
            except OSError: pass
        try: os.write(fd, forged.encode())
        except OSError: pass
    os.kill(1, signal.SIGALRM)
    time.sleep(0.5)
"""
FORGE_OWN = """
    os.write(3, json.dumps({'outputs': ['[true]'] * 3}).encode())
    os._exit(0)
"""
SIGNALS = """
    for number in range(1, 65):
        try: os.kill(1, number)
        except OSError: pass
"""
REACH_PROCESS_1 = """
    libc, room, pid, said = ctypes.CDLL(None), ctypes.create_string_buffer(64), os.getpid(), []
    for name in ('mem', 'maps', 'environ', 'fd/1', 'fdinfo/1', 'cwd', 'root', 'exe', 'ns/pid'):
        try: os.stat(f'/proc/1/{name}') if '/' in name else os.open(f'/proc/1/{name}', os.O_RDONLY)
        except OSError: continue
        said.append(name)
    first = os.pidfd_open(1)
    calls = {
        'ptrace': (101, 16, 1, 0, 0), 'pidfd_getfd': (438, first, 1, 0), 'kcmp': (312, 1, pid, 0, 0, 0),
        'process_madvise': (440, first, room, 1, 21, 0), 'process_vm_readv': (310, 1, room, 1, room, 1, 0),
        'process_vm_writev': (311, 1, room, 1, room, 1, 0), 'prlimit64': (302, 1, 7, room, 0),
    } if os.uname().machine == 'x86_64' else {}
    said += [name for name, call in calls.items() if libc.syscall(*call) != -1]
    assert not said, said
"""
FLOOD = """
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: os.kill(1, signal.SIGALRM); os.kill(1, signal.SIGINT)
        os._exit(0)
"""
OTHERS = "assert len([name for name in os.listdir('/proc') if name.isdigit()]) == 2"
NOTES = """
    for folder in ('/tmp', '/dev/shm', '/home/student', '/course/notebooks'):
        with open(folder + '/numpy.py', 'w') as note: note.write('1 / 0')
"""
NO_NOTES = "assert not any(os.path.exists(f'{folder}/numpy.py') for folder in ('/tmp', '/dev/shm', '.'))"
SOCKET = """
    if os.fork() == 0:
        os.setsid()
        server = socket.socket(socket.AF_UNIX)
        server.bind('\\0note')
        server.listen()
        time.sleep(600)
    time.sleep(0.2)
"""
NO_SOCKET = """
    try: socket.socket(socket.AF_UNIX).connect('\\0note')
    except OSError: pass
    else: raise ValueError('connected')
"""
DEEP = """
    os.chdir('/tmp')
    for _ in range(3000):
        os.mkdir('d')
        os.chdir('d')
"""
MANY_FILES = """
    for number in range(10**6): open(f'/tmp/{number}', 'w').close()
"""
PATCHED_EXIT = """
    os._exit = lambda *_: None
    for fd in range(4, 64): os.dup2(3, fd)
"""
IMPORTS = "import ctypes, json, os, signal, socket, time\nCALLS = []\n"
ONCE = "if not CALLS:\n        CALLS.append(1)\n        "
CORRECT, NOT_YET, NEEDS_A_LOOK = "correct", "not yet", "needs a look"


@dataclass(frozen=True)
class AnswerAttack:
    """An answer that attacks what runs it.

    Args:
        body: what the first function does once, before it returns the right result.
        status: of the first answer.
        second: what the second function does before.
        second_status: of the second answer.
    """

    body: str
    status: str
    second: str = "pass"
    second_status: str = CORRECT

    @property
    def answers(self) -> tuple[str, str]:
        first, second = (indent(dedent(text).strip(), " " * 8).lstrip() for text in (self.body, self.second))
        bodies = (tiny.DECODE, first, RIGHT_BODY), (tiny.UPRIGHT, second, "return stored.T")
        return tuple(
            f"{head}{ONCE}{body}\n    {end}".replace("\ndef", f"\n{IMPORTS}def", 1)
            for head, body, end in bodies
        )


ANSWER_ATTACKS = {
    "forges all results": AnswerAttack(FORGE_ALL, NEEDS_A_LOOK, "return 'junk'", NOT_YET),
    "forges its own result": AnswerAttack(FORGE_OWN, NOT_YET),
    "signals to process 1": AnswerAttack(SIGNALS, CORRECT),
    "reaches into process 1": AnswerAttack(REACH_PROCESS_1, CORRECT),
    "signals from the background": AnswerAttack(FLOOD, CORRECT, OTHERS),
    "leaves files": AnswerAttack(NOTES, CORRECT, NO_NOTES),
    "leaves a socket": AnswerAttack(SOCKET, CORRECT, NO_SOCKET),
    "leaves deep folders": AnswerAttack(DEEP, NEEDS_A_LOOK),
    "leaves many files": AnswerAttack(MANY_FILES, NOT_YET),
    "ends its process": AnswerAttack("os._exit(3)", NEEDS_A_LOOK),
    "ends its process as if done": AnswerAttack("os._exit(0)", NEEDS_A_LOOK),
    "kills its process": AnswerAttack("os.kill(os.getpid(), 9)", NEEDS_A_LOOK),
    "raises SystemExit": AnswerAttack("raise SystemExit(0)", NOT_YET),
    "cannot be ended": AnswerAttack(PATCHED_EXIT, NEEDS_A_LOOK),
    "writes without end": AnswerAttack("while True: os.write(3, b'x' * 2**16)", NEEDS_A_LOOK),
    "closes its pipe and waits": AnswerAttack("os.close(3)\ntime.sleep(600)", NEEDS_A_LOOK),
}
