"""The re-run of a notebook: what Colab has is there, settings stay, and errors cannot be hidden."""

import pytest

from instructor.grading import reproduction, stored
from instructor.grading.course import visible_course
from instructor.grading.papers import Cell, Paper
from tests.support import tiny_course as tiny

SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; shell = get_ipython()\n"
HIDING = {
    "nothing": "",
    "set_custom_exc": "shell.set_custom_exc((Exception,), lambda *a, **k: None)",
    "showtraceback": "shell.showtraceback = lambda *a, **k: None",
    "of the class": "S._showtraceback = S.showtraceback = type(shell)._showtraceback = lambda *a, **k: None",
    "excepthook": "import sys; sys.excepthook = lambda *a: None; shell.run_code = shell.run_code",
    "display": "shell.display_pub.publish = shell.kernel.iopub_socket.send = lambda *a, **k: None",
}
EXITS = {
    "exit()": "exit() or quit()",
    "print(1)\nquit()": "exit() or quit()",
    "exit": "exit() or quit()",
    "get_ipython().ask_exit()": "exit() or quit()",
    "raise SystemExit(0)": "SystemExit: 0",
    "import sys; sys.exit()": "SystemExit",
    "import os; os._exit(0)": "Python was ended",
}
CHANGES = [
    "import os; os.environ['COURSE_DATA'] = '/content/drive/MyDrive/brain_tumor'",
    "os.environ.update(COURSE_PROFILE='full', COURSE_HOME='/kaggle/working', OTHER='1')",
    "%env COURSE_DATA=figshare",
    "os.environ |= {'COURSE_COPIES': '/nowhere'}",
    "del os.environ['COURSE_HOME']; os.environ.pop('COURSE_PROFILE')",
    "from helpers import config\ncourse = config.start(data='figshare', profile='full')",
    "print(course.data, course.profile.name, os.environ['OTHER'], 'COURSE_COPIES' in os.environ)",
]
COLAB = [
    "from google.colab import drive, files, userdata, output\ndrive.mount('/content/drive')",
    "for name, content in files.upload().items():\n    print(name)",
    "files.download('result.csv')\nkey = userdata.get('KEY')\nassert not key",
    "import google.colab.patches\nfrom google.colab.patches import cv2_imshow\ncv2_imshow(None)",
    "%load_ext google.colab.data_table\nfrom google.colab import data_table, runtime",
    "try:\n    import google.colab\nexcept ImportError:\n    1 / 0",
    "import google.protobuf",
]
COMMANDS = [
    "!ls", "!nvidia-smi", "!no_such_program", "%pip --version", "names = !ls\nlen(names)",
    "%%bash\necho hello",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, sandbox_here):
    """A function: sources of cells -> the result of their run."""
    folder = tmp_path_factory.mktemp("course")
    folder.chmod(0o755)
    course = visible_course(folder)

    def run(sources):
        paper = Paper([Cell("code", source) for source in sources])
        return reproduction.rerun(paper, sandbox_here, course, None, tiny.LIMITS, 1)

    return run


def failed(result):
    return [(failure.place, failure.reason) for failure in result.failures]


@pytest.mark.parametrize("name", HIDING)
def test_errors_cannot_be_hidden(run, name):
    result = run([SHELL + HIDING[name], "1 / 0", "import no_such", "print('end')"])
    assert result.verdict == "no"
    assert failed(result)[0] == (1, "ZeroDivisionError: division by zero")
    assert failed(result)[1] == (2, "ModuleNotFoundError: No module named 'no_such'")


def test_errors_that_are_handled_are_no_failures(run):
    shown = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()"
    assert run([shown, "print('end')"]).verdict == "yes"


@pytest.mark.parametrize("source", EXITS)
def test_the_end_of_python_is_named_at_its_cell(run, source):
    result = run(["print(1)", source, "print(2)"])
    assert result.verdict == "no"
    assert failed(result)[0][0] == 1
    assert failed(result)[0][1].startswith(EXITS[source])


def test_the_graders_settings_stay(run):
    result = run(CHANGES)
    assert failed(result) == []
    assert result.texts[6] == "phantoms quick 1 False\n"


def test_colabs_own_package_does_nothing(run):
    result = run(COLAB)
    assert failed(result) == []
    assert result.texts[0] == "Mounted at /content/drive\n"


def test_commands_run(run):
    result = run(COMMANDS)
    assert failed(result) == []
    assert "hello" in result.texts[5]


def test_results_are_not_compared_if_the_setup_cell_fails(run):
    banner = "print('Data     phantoms\\nProfile  quick')"
    tagged = Cell("code", "print(1)", metadata={"tags": [stored.TAG]}, stored="2\n")
    setup = Cell(
        "code", f"{banner}\n1 / 0", stored="Data     phantoms\nProfile  quick\n", metadata={"tags": []}
    )
    result = run([setup.source, tagged.source])
    assert stored.compare(Paper([setup, tagged]), result.texts).verdict == "not compared"
    result = run([banner, tagged.source])
    assert stored.compare(Paper([setup, tagged]), result.texts).verdict == "differ"
