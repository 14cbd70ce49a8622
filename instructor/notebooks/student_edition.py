"""The solved notebook -> the student edition; a student's notebook -> the answers in it.

Pure functions from notebook to notebook. The marks are nbgrader's: metadata, and
`### BEGIN SOLUTION` / `### BEGIN HIDDEN TESTS` with their ends. Beside them every answer names
its exercise in its first line, for Colab lets a student copy and re-create any cell.
"""

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping
from copy import deepcopy

from nbformat import NotebookNode

from helpers._common import CourseError
from instructor.notebooks.parsing import parse

CODE_STUB, VALUE_STUB = "return None  # your code here", "None  # your answer here"
OPEN_STUB = "*Write your answer here: a double click opens this cell.*"
SOLUTION = re.compile(r"^[ \t]*### BEGIN SOLUTION\n(.*?)^[ \t]*### END SOLUTION\n?", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(
    r"^[ \t]*### BEGIN HIDDEN TESTS\n.*?^[ \t]*### END HIDDEN TESTS\n?", re.DOTALL | re.MULTILINE
)
MARK = re.compile(r"[#*\s]*(?:Exercise|Your answer to Think!)\s+(\d+(?:\.\d+)+)", re.IGNORECASE)
GRADE_ID = re.compile(r"(?:exercise|think)-(\d+(?:-\d+)+)")
KEPT = ("image/png", "text/html")  # figures and tables
SHORT = 12  # characters; shorter lines of a solution say nothing by themselves


class EditionError(CourseError):
    """A notebook of the course from which no student edition can be made."""


def make_student_edition(notebook: NotebookNode, name: str) -> NotebookNode:
    """Cuts the solutions out.

    Outputs: those of answers and checks go. Of the others, figures and tables stay, as
    targets, and so does all of a cell tagged `nbval-check-output`, whose output is the same
    in every run; what is left, prints of this one run, goes.

    Args:
        notebook: the solved one, unchanged.
        name: its file name, for the badge.

    Returns:
        The student edition.

    Raises:
        EditionError: an answer cell without a solution, or with half a mark.
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
    """What a student finds in place of a solved answer cell.

    Args:
        cell: an answer cell of the solved notebook.

    Returns:
        Its source without the solution; valid Python.

    Raises:
        EditionError: there is no solution in it.
    """
    if cell.cell_type == "markdown":
        return f"{cell.source.splitlines()[0]}\n\n{OPEN_STUB}"
    if not SOLUTION.search(cell.source):
        raise EditionError(f"cell '{cell.id}': no ### BEGIN SOLUTION ... ### END SOLUTION in an answer cell.")
    return SOLUTION.sub(_stub_of, cell.source).rstrip("\n")


def answer_cells(notebook: NotebookNode) -> dict[str, str]:
    """Finds the answers in a notebook, whatever has been done to its cells.

    A cell is an answer by its first line ("# Exercise 1.5"), or else by nbgrader's metadata.
    Of several for one exercise the last counts that is more than a stub.

    Args:
        notebook: any notebook.

    Returns:
        The source of each exercise that is there, by its number ("1.5"), in their order.
    """
    answers: dict[str, str] = {}
    for cell in notebook.cells:
        number = exercise_number(cell)
        if number and (number not in answers or not is_stub(cell.source)):
            answers[number] = cell.source
    return answers


def insert_answers(pristine: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Puts a student's answers into a notebook that no student has touched.

    Args:
        pristine: a student edition.
        answers: what `answer_cells` found; numbers that the notebook does not have are ignored.

    Returns:
        A new notebook; where an answer is missing, the stub is left.
    """
    filled = deepcopy(pristine)
    for cell in filled.cells:
        if "solution" in _role(cell) and exercise_number(cell) in answers:
            cell.source = answers[exercise_number(cell)]
    return filled


def exercise_number(cell: NotebookNode) -> str | None:
    """The exercise that a cell answers.

    Args:
        cell: any cell.

    Returns:
        Its number, "1.5", or None. The visible line wins: it is what the student saw.
    """
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    if mark := MARK.match(first) if _may_answer(cell, first) else None:
        return mark[1]
    metadata = _nbgrader(cell)
    name = GRADE_ID.fullmatch(str(metadata.get("grade_id")))
    return name[1].replace("-", ".") if name else None


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell shows the verdict on an answer.

    Args:
        cell: any cell.

    Returns:
        bool.
    """
    return cell.cell_type == "code" and _role(cell) == {"grade"}


def is_stub(source: str) -> bool:
    """Whether an answer is as the student found it.

    Args:
        source: of an answer cell.

    Returns:
        True where nothing but None is returned and assigned, or the place of an open answer
        has nothing beside its first line.
    """
    if OPEN_STUB in source:
        rest = MARK.sub("", source.replace(OPEN_STUB, ""), count=1)
        return not rest.strip("* \t\n\r")
    try:
        nodes = parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(nodes) and all(_does_nothing(node) for node in nodes)


def differences(solved: NotebookNode, student: NotebookNode) -> list[str]:
    """What is wrong with a student edition: stubs that do not fit, solutions that survive.

    Args:
        solved: the notebook that it was made from.
        student: the student edition.

    Returns:
        A sentence each; none if all is well.
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


def solution_lines(cell: NotebookNode) -> list[str]:
    """The lines of an answer cell that no student may find.

    Args:
        cell: an answer cell of the solved notebook.

    Returns:
        The lines, stripped, without those too short to say anything.
    """
    if cell.cell_type == "markdown":
        text = "\n".join(cell.source.splitlines()[1:])
    else:
        text = "\n".join(SOLUTION.findall(cell.source))
    return [line.strip() for line in text.splitlines() if len(line.strip()) >= SHORT]


def _nbgrader(cell: NotebookNode) -> Mapping:
    metadata = cell.metadata.get("nbgrader")
    return metadata if isinstance(metadata, Mapping) else {}


def _role(cell: NotebookNode) -> set[str]:
    """The words solution and grade, as far as nbgrader's metadata says so."""
    return {role for role in ("solution", "grade") if _nbgrader(cell).get(role) is True}


def _may_answer(cell: NotebookNode, first_line: str) -> bool:
    """A heading "### Exercise 1.5" is the question, "# Exercise 1.5" in a code cell an answer."""
    return cell.cell_type == "code" or "your answer" in first_line.lower()


def _stub_of(solution: re.Match) -> str:
    body = solution[1]
    indent = body[: len(body) - len(body.lstrip())]
    if indent:
        return f"{indent}{CODE_STUB}\n"
    return "".join(f"{name} = {VALUE_STUB}\n" for name in _assigned(parse(textwrap.dedent(body))))


def _kept_outputs(cell: NotebookNode) -> list[NotebookNode]:
    if _role(cell):
        return []
    if "nbval-check-output" in cell.metadata.get("tags", []):
        return cell.outputs
    return [output for output in cell.outputs if any(kind in output.get("data", {}) for kind in KEPT)]


def _require_no_marks(cell: NotebookNode) -> None:
    if cell.cell_type == "code" and re.search(r"### (BEGIN|END) (SOLUTION|HIDDEN)", cell.source):
        raise EditionError(f"cell '{cell.id}': a mark without its other half, or outside an answer cell.")


def _survivors(answer: NotebookNode, student: NotebookNode) -> Iterator[str]:
    for line in solution_lines(answer):
        for cell in student.cells:
            if line in cell.source or any(line in text for text in _texts(cell)):
                yield f"cell '{cell.id}' of the student edition shows the solution of '{answer.id}': {line}"


def _texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if kind.startswith("text/"))


def _signature(source: str) -> list[str]:
    """Functions with arguments and docstring, and assigned names, at the top of a cell."""
    tree = parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [
        *(f"{one.name}({ast.unparse(one.args)}) {ast.get_docstring(one)}" for one in functions),
        *_assigned(tree),
    ]


def _assigned(tree: ast.Module) -> list[str]:
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        return all(_does_nothing(inner) for inner in body)
    if isinstance(node, ast.Return | ast.Assign):
        return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    return isinstance(node, ast.Pass | ast.Import | ast.ImportFrom)
