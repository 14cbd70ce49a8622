"""Make the student edition of a solved notebook, and find the answers in a student's notebook.

The marks are nbgrader's: metadata, and `### BEGIN SOLUTION` / `### BEGIN HIDDEN TESTS` with their
ends. Every answer also names its exercise in its first line, since students may copy and re-create
any cell in Colab.
"""

import ast
import re
import textwrap
import threading
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from helpers._common import CourseError
from helpers.checks.exercise import OPEN_STUB
from helpers.config.language import in_all

CODE_STUB, VALUE_STUB = "return None  # your code here", "None  # your answer here"
OPEN_STUBS = in_all(OPEN_STUB)
SOLUTION = re.compile(r"^[ \t]*### BEGIN SOLUTION\n(.*?)^[ \t]*### END SOLUTION\n?", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(
    r"^[ \t]*### BEGIN HIDDEN TESTS\n.*?^[ \t]*### END HIDDEN TESTS\n?", re.DOTALL | re.MULTILINE
)
OPEN_TITLE = re.compile(r"[#*\s]*(?:Your answer to Think!|Tu respuesta a ¡Piensa!)", re.IGNORECASE)
MARK = re.compile(
    rf"(?:[#*\s]*(?:Exercise|Ejercicio)|{OPEN_TITLE.pattern})\s+((?:\d+|[A-Z])(?:\.\d+)+)", re.IGNORECASE
)
GRADE_ID = re.compile(r"(?:exercise|think)-((?:\d+|[a-z])(?:-\d+)+)")
KEPT = ("image/png", "text/html")  # figures and tables
SHORT = 12  # characters; shorter lines of a solution reveal nothing
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what parsing a text can raise
PYTHON_MAGICS = ("capture", "prun", "time", "timeit")  # of cells that contain Python
# Spaces of one line, since over several lines the search would take quadratic time.
TIMED = re.compile(r"^([^\S\n]*)%time\s+(?=\S)", re.MULTILINE)
MAGIC = re.compile(r"^[^\S\n]*[!%?,;/]+|=[^\S\n]*[!%]|\?[^\S\n]*$|^[^\S\n]*(?:>>>|In \[)|\A\s", re.MULTILINE)
MOST_WORK = 200_000  # characters times magics: IPython reads the whole cell again for each magic
CALL = 30  # characters that a magic becomes
# Python before 3.11.8 counts the depth of all threads' parsing together, and then raises a SystemError
# in valid programs (python/cpython#106905).
_parsing = threading.Lock()


class EditionError(CourseError):
    """A notebook from which no student edition can be made."""


def make_student_edition(notebook: NotebookNode, name: str) -> NotebookNode:
    """Remove the solutions.

    Of the outputs, only figures and tables stay, as targets; those of answers, of checks, and of cells
    tagged `remove-output`, which would answer a question before it is asked, do not.

    Args:
        notebook: the solved one; not changed.
        name: its path in `notebooks/`, for the badge.

    Returns:
        The student edition.

    Raises:
        EditionError: an answer cell has no solution, or only one of a pair of marks.
    """
    student = deepcopy(notebook)
    for cell in student.cells:
        if "solution" in _role(cell):
            cell.source = stub(cell)
        elif cell.cell_type == "code":
            cell.source = HIDDEN.sub("", cell.source)
        _require_no_marks(cell)
        if cell.cell_type == "code":
            cell.outputs = _kept_outputs(cell)
            cell.execution_count = cell.execution_count if cell.outputs else None
        else:
            badge = rf"(/blob/[^)\s]+/notebooks/)(?={re.escape(name)})"
            cell.source = re.sub(badge, r"\1student/", cell.source)
    return student


def stub(cell: NotebookNode) -> str:
    """Return the source of a solved answer cell without its solution: valid Python.

    Raises:
        EditionError: the cell has no solution.
    """
    if cell.cell_type == "markdown":
        return f"{cell.source.splitlines()[0]}\n\n{OPEN_STUB}"
    if not SOLUTION.search(cell.source):
        raise EditionError(f"cell '{cell.id}': no ### BEGIN SOLUTION ... ### END SOLUTION in an answer cell.")
    return SOLUTION.sub(_stub_of, cell.source).rstrip("\n")


def answer_cells(notebook: NotebookNode) -> dict[str, str]:
    """Find the answers in a notebook, even if its cells were copied, moved or re-created.

    A cell is an answer because of its first line ("# Exercise 1.5"), or else because of nbgrader's
    metadata. If an exercise has several, the last one that is more than a stub counts.

    Args:
        notebook: any notebook.

    Returns:
        The source of each answer by the number of its exercise ("1.5"), in the notebook's order.
    """
    answers: dict[str, str] = {}
    for cell in notebook.cells:
        number = exercise_number(cell)
        if number and (number not in answers or not is_stub(cell.source)):
            answers[number] = cell.source
    return answers


def exercise_number(cell: NotebookNode) -> str | None:
    """Return the number of the exercise that a cell answers ("1.5" or "G.2.1"), or None.

    The first line takes precedence over the metadata, since the student saw it.
    """
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if cell.cell_type == "code":  # %%time and the like are above the students' first line
        lines = [line for line in lines if not line.lstrip().startswith(("%", "!"))]
    first = lines[0] if lines else ""
    if mark := MARK.match(first) if _may_answer(cell, first) else None:
        return mark[1].upper()
    metadata = _nbgrader(cell)
    name = GRADE_ID.fullmatch(str(metadata.get("grade_id")))
    return name[1].replace("-", ".").upper() if name else None


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell shows the verdict on an answer."""
    return cell.cell_type == "code" and _role(cell) == {"grade"}


def is_stub(source: str) -> bool:
    """Whether an answer is unchanged.

    Args:
        source: of an answer cell.

    Returns:
        True if only None is returned and assigned, or if a free-text answer has no text after its
        first line. An import can be an answer: of another function, under the expected name.
    """
    if any(stub in source for stub in OPEN_STUBS) or OPEN_TITLE.match(source):
        return not free_text(source).strip("*")
    try:
        nodes = parse(source).body
    except NOT_PYTHON:
        return False
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in nodes if node not in imports]
    imported = {one.asname or one.name for node in imports for one in node.names}
    return bool(rest) and all(map(_does_nothing, rest)) and not imported & _defined(rest)


def free_text(source: str) -> str:
    """Return what a student wrote in a free-text answer: without its title and the stub."""
    for stub in OPEN_STUBS:
        source = source.replace(stub, "")
    return re.sub(rf"\A{MARK.pattern}[*:]*", "", source, flags=MARK.flags).strip()


def differences(solved: NotebookNode, student: NotebookNode) -> list[str]:
    """List the stubs that don't match their solution, and the solutions that are still visible.

    Args:
        solved: the notebook that the student edition was made from.
        student: the student edition.

    Returns:
        One sentence per finding.
    """
    found = []
    stubs = {cell.id: cell for cell in student.cells}
    for cell in solved.cells:
        if "solution" not in _role(cell):
            continue
        if cell.id not in stubs:
            found.append(f"cell '{cell.id}' is missing from the student edition.")
        elif cell.cell_type == "code" and _signature(cell.source) != _signature(stubs[cell.id].source):
            found.append(f"cell '{cell.id}': the stub has other names or arguments than the solution.")
        found += _survivors(cell, student)
    return found


def parse(source: str) -> ast.Module:
    """Parse a code cell, in one thread at a time.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not valid Python, nor IPython.
    """
    text = to_python(source)
    with _parsing:
        return ast.parse(text)


@lru_cache(maxsize=4096)
def to_python(source: str) -> str:
    """Turn a code cell, which may use IPython's syntax, into Python with the same line numbers.

    Args:
        source: of the cell.

    Returns:
        Python, in which magics and shell commands are calls of `get_ipython()`. %time, %%time and other
        magics of cells that contain Python are left out; of a cell in another language, such as %%bash,
        only empty lines remain. The source itself if it cannot be transformed.
    """
    lines = source.split("\n")
    for place, line in enumerate(lines):
        if line.startswith("%%"):
            if re.match(r"%%(\w*)", line)[1] not in PYTHON_MAGICS:
                return "\n" * (len(lines) - 1)
            lines[place] = ""
        elif line.strip():
            break
    text = TIMED.sub(r"\1", "\n".join(lines))
    magics = sum(len(found.strip() or " ") for found in MAGIC.findall(text))
    if not magics or magics * (len(text) + CALL * magics) > MOST_WORK or _is_python(text):
        return text
    try:
        made = TransformerManager().transform_cell(text)
    except Exception:  # IPython has no common base for what it raises here
        return text
    return "\n" * (len(text) - len(text.lstrip("\n"))) + made.lstrip("\n")


def _is_python(text: str) -> bool:
    try:
        with _parsing:
            ast.parse(text)
    except NOT_PYTHON:
        return False
    return True


def _solution_lines(cell: NotebookNode) -> list[str]:
    """Return the lines of a solved answer cell that students must not see."""
    if cell.cell_type == "markdown":
        text = "\n".join(cell.source.splitlines()[1:])
    else:
        text = "\n".join(SOLUTION.findall(cell.source))
    return [line.strip() for line in text.splitlines() if len(line.strip()) >= SHORT]


def _nbgrader(cell: NotebookNode) -> Mapping:
    metadata = cell.metadata.get("nbgrader")
    return metadata if isinstance(metadata, Mapping) else {}


def _role(cell: NotebookNode) -> set[str]:
    """Return which of "solution" and "grade" nbgrader's metadata sets."""
    return {role for role in ("solution", "grade") if _nbgrader(cell).get(role) is True}


def _may_answer(cell: NotebookNode, first_line: str) -> bool:
    """Whether a cell can be an answer: "### Exercise 1.5" in a text cell is the question."""
    return cell.cell_type == "code" or bool(re.search("your answer|tu respuesta", first_line.lower()))


def _stub_of(solution: re.Match) -> str:
    body = solution[1]
    indent = body[: len(body) - len(body.lstrip())]
    if indent:
        return f"{indent}{CODE_STUB}\n"
    return "".join(f"{name} = {VALUE_STUB}\n" for name in _assigned(parse(textwrap.dedent(body))))


def _kept_outputs(cell: NotebookNode) -> list[NotebookNode]:
    if _role(cell) or "remove-output" in cell.metadata.get("tags", []):
        return []
    return [output for output in cell.outputs if any(kind in output.get("data", {}) for kind in KEPT)]


def _require_no_marks(cell: NotebookNode) -> None:
    if cell.cell_type == "code" and re.search(r"### (BEGIN|END) (SOLUTION|HIDDEN)", cell.source):
        raise EditionError(f"cell '{cell.id}': a mark without its counterpart, or outside an answer cell.")


def _survivors(answer: NotebookNode, student: NotebookNode) -> Iterator[str]:
    for line in _solution_lines(answer):
        for cell in student.cells:
            if line in cell.source or any(line in text for text in _texts(cell)):
                yield f"cell '{cell.id}' of the student edition shows the solution of '{answer.id}': {line}"


def _texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


def _signature(source: str) -> list[str]:
    """Return the functions of a cell, with arguments and docstring, and the names that it assigns."""
    tree = parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [
        *(f"{one.name}({ast.unparse(one.args)}) {ast.get_docstring(one)}" for one in functions),
        *_assigned(tree),
    ]


def _assigned(tree: ast.Module) -> list[str]:
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _defined(nodes: list[ast.stmt]) -> set[str]:
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return functions | set(_assigned(ast.Module(nodes, [])))


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        return all(_does_nothing(inner) for inner in body)
    if isinstance(node, ast.Return | ast.Assign):
        return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    return isinstance(node, ast.Pass | ast.Import | ast.ImportFrom)
