"""What a notebook calls correct, the grader calls correct: IPython, own cells, programs of any shape."""

import pytest

from instructor.grading import marks
from instructor.grading.course import Course, visible_course
from instructor.grading.papers import Cell, Paper, read_paper
from tests.support import tiny_course as tiny

DECODE, RIGHT = tiny.DECODE, tiny.RIGHT[0]
JOIN = "''.join(chr(code) for code in codes[:, 0])"
SOUND = {
    "display": f"{RIGHT}\ndisplay('done', display_id=True)",
    "display in the function": f"{DECODE}display(codes)\n    return {JOIN}",
    "imported display": f"from IPython.display import display\n{RIGHT}\ndisplay(1)",
    "get_ipython": f"{RIGHT}\nget_ipython().run_line_magic('matplotlib', 'inline')",
    "unknown magic": f"{RIGHT}\n%tensorflow_version 2.x",
    "magics": f"%load_ext autoreload\n%autoreload 2\n{RIGHT}\n%timeit -n1 decode_pid(0)\ndecode_pid??",
    "shell": f"{RIGHT}\nfiles = !ls\nfor name in files:\n    print(name)",
    "shell in the function": f"{DECODE}!echo hello\n    return {JOIN}",
    "two cell magics": f"\n%%time\n%%capture said\n{RIGHT}",
    "timed line": f"# Exercise 1.2.1\n%time decode_pid = lambda codes: {JOIN}",
    "indented": "\n".join(f"    {line}" for line in RIGHT.splitlines()),
    "an error below": f"{RIGHT}\n1 / 0",
    "a question below": f"{RIGHT}\ninput('An id: ')",
    "await": f"import asyncio\nawait asyncio.sleep(0)\n{RIGHT}",
    "prompts": "# Exercise 1.2.1\n>>> def decode_pid(codes):\n...     return " + JOIN,
    "400 terms": f"{DECODE}return {JOIN} + {' + '.join(['str()'] * 400)}",
    "200 calls": f"{DECODE}return {JOIN}{'.strip()' * 200}",
    "600 elif": f"{DECODE}if codes is None:\n        pass\n"
    + "".join(f"    elif codes is {n} or 1 > 2:\n        pass\n" for n in [None] * 600)
    + f"    return {JOIN}",
    "digits": f"{RIGHT}\nTABLE = 0x{'f' * 3600}",
    "conditions": f"{DECODE}return {'None if codes is None else ' * 90}{JOIN}",
}
OWN = {
    "function": ("def join(column):\n    return ''.join(map(chr, column))", "join(codes[:, 0])"),
    "constant": ("EMPTY: str = ''", "EMPTY.join(map(chr, codes[:, 0]))"),
    "class": ("class Text:\n    def of(self, column):\n        return ''.join(map(chr, column))",
              "Text().of(codes[:, 0])"),
    "timed": ("%%time\n%time import itertools", "''.join(map(chr, itertools.chain(codes[:, 0])))"),
    "beside pip": ("!pip install x\n%pip install y\nimport itertools as it\n!ls",
                   "''.join(map(chr, it.chain(codes[:, 0])))"),
    "table": ("t = {}\nfor n in range(256):\n    t[n] = chr(n)", "''.join(t[n] for n in codes[:, 0])"),
    "await": ("async def empty():\n    return ''\nE = await empty()", "E.join(map(chr, codes[:, 0]))"),
    "star": ("from functools import *", "reduce(lambda a, b: a + b, map(chr, codes[:, 0]))"),
    "uses the course": ("def flat(codes):\n    return np.ravel(codes)[: len(codes)]",
                        "''.join(map(chr, flat(codes[:, :1])))"),
    "deep": (f"n = {'+'.join(['1'] * 900)}\nm = 0x{'f' * 3600}\nE = ''", "E.join(map(chr, codes[:, 0]))"),
}  # fmt: skip
MISSING = {
    "at the top": f"import torchvision_of_colab\n{RIGHT}",
    "in the function": f"{DECODE}import torchvision_of_colab.transforms\n    return {JOIN}",
    "in an own cell": f"{DECODE}return torchvision_of_colab.decode(codes)",
}


@pytest.fixture(scope="module")
def marked(tmp_path_factory, sandbox_here):
    """A function: answer, own cells before and after it -> its mark."""
    folder = tmp_path_factory.mktemp("course")
    folder.chmod(0o755)
    course = visible_course(folder)
    (pristine,) = Course.load(tiny.student_edition(folder / "edition")).notebooks

    def mark(answer, own=(), after=()):
        paper = read_paper(tiny.notebook(answer, more=after).encode())
        paper = Paper([*(Cell("code", source) for source in own), *paper.cells])
        return marks.mark(paper, pristine, sandbox_here, course, None, tiny.LIMITS)[0]

    return mark


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_answer_is_correct(marked, name):
    mark = marked(SOUND[name])
    assert mark.status == "correct", mark.message


@pytest.mark.parametrize("name", OWN)
def test_an_answer_may_use_own_cells(marked, name):
    own, answer = OWN[name]
    mark = marked(f"{DECODE}return {answer}", [own])
    assert mark.status == "correct", mark.message


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        (["letters = []", "for n in range(256):\n    letters.append(chr(n))"],
         "''.join(letters[n] for n in codes[:, 0])"),
        (["table = {'join': None}", "table['join'] = ''.join"], "table['join'](map(chr, codes[:, 0]))"),
        (["class Text: pass", "Text.of = chr"], "''.join(map(Text.of, codes[:, 0]))"),
    ],
)  # fmt: skip
def test_what_one_own_cell_makes_another_may_fill(marked, cells, answer):
    mark = marked(f"{DECODE}return {answer}", cells)
    assert mark.status == "correct", mark.message


def test_an_answer_that_waits_is_not_marked(marked):
    mark = marked(f"{DECODE}import time\n    time.sleep(3600)")
    assert (mark.status, mark.got) == ("needs a look", None)
    assert "it waits, or the machine was busy" in mark.message
    assert "does a loop never end?" in marked(f"{DECODE}while True: pass").message


def test_own_cells_after_the_answer_do_not_count(marked):
    mark = marked(f"{DECODE}return join(codes[:, 0])", after=[OWN["function"][0]])
    assert "'join' is not defined" in mark.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            f"{DECODE}return np.zeros(2)",
            "Devolvió un arreglo de (2,) float64; une sus caracteres en un solo texto",
        ),
        (f"{DECODE}return codes[99]", "se detuvo con IndexError"),
        (f"{DECODE}return (", "no es Python válido"),
        (f"{DECODE}while True: pass", "¿hay un bucle que no termina nunca?"),
        (RIGHT, "Están todas las letras, los dígitos y los ceros iniciales."),
        (tiny.STUBS[0], "La celda está como la encontraste."),
    ],
)
def test_a_spanish_notebook_gets_spanish_messages_in_a_mixed_class(marked, answer, said):
    spanish = marked(answer, ['LANGUAGE = "es"  # @param ["en", "es"]'])
    assert said in spanish.message
    english = marked(answer)
    assert said not in english.message
    assert (english.status, english.got) == (spanish.status, spanish.got)


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_module_waits_for_a_person(marked, name):
    mark = marked(MISSING[name], ["import torchvision_of_colab"])
    assert (mark.status, mark.got) == ("needs a look", None)
    assert mark.message.startswith("The module torchvision_of_colab is missing where it was graded")


@pytest.mark.parametrize(
    "answer", [f"import numpy.nothing_such\n{RIGHT}", f"{DECODE}raise ImportError(\"No module named 'sys'\")"]
)
def test_other_failed_imports_are_mistakes(marked, answer):
    assert (marked(answer).status, marked(answer).got) == ("not yet", 0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (f"%%time\n\n{DECODE}return (", "Line 5 of the cell is not valid Python"),
        (f"!ls\nunknown\n1 / 0\n{RIGHT}", "Line 2 of the cell stopped with NameError"),
        (f"%%bash\n{RIGHT}", "The cell stopped with NameError: name 'decode_pid'"),
        ("# Exercise 1.2.1\nfrom helpers.datasets.matfile import read_slice as decode_pid", "course's own"),
        (f"{RIGHT}\nexit()", "stopped with SystemExit"),
    ],
)
def test_other_answers_are_explained(marked, answer, words):
    mark = marked(answer)
    assert (mark.status, mark.got) == ("not yet", 0)
    assert words in mark.message


def test_an_answer_is_judged_the_same_every_time(marked):
    """Also if it depends on the order of a set, or on random numbers without a seed."""
    lucky = (
        f"import random\nimport numpy as np\n{DECODE}odd = random.random() + np.random.rand() < 1\n"
        f"    return {JOIN} if odd ^ (next(iter({{'a', 'b'}})) == 'a') else ''"
    )
    assert len({(one.status, one.message) for one in [marked(lucky) for _ in range(4)]}) == 1
    other = marked(lucky, ["print('another cell')"])
    assert other.message == marked(lucky).message


def test_answers_that_could_not_be_run_wait_for_a_person(marked, monkeypatch):
    monkeypatch.setattr(marks, "_results", lambda *_: {"1.2.1": "The program ended."})
    mark = marked(RIGHT)
    assert (mark.status, mark.got) == ("needs a look", None)
    assert mark.message == "It was not graded. The program ended."
