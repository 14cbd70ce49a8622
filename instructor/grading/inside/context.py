"""The statements of a notebook that an answer needs; only these are run to mark it.

The compiled code of a statement says which names it defines and uses. A statement that defines a name the
answer uses is needed, and so are the statements that it needs in turn. A training of the course, which
changes a network in place, is not among them; no exercise needs one.
"""

import ast
import dis
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import CodeType
from typing import NamedTuple

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)  # what compiling a text can raise
STORES, LOADS = ("STORE_NAME", "STORE_GLOBAL"), ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
ANYTHING = "*"


class Statement(NamedTuple):
    """A statement at the top level of a cell."""

    text: str  # as `ast.unparse` writes it; "" if it is nested too deeply for that
    defined: list[str]  # names that it defines or changes; "*" for any
    used: list[str]  # names from earlier statements
    code: CodeType | None = None  # None to compile the text when it is needed


def statements(source: str, assigned: set[str] | None = None) -> list[Statement]:
    """List the statements of a cell that are valid Python.

    Args:
        source: of the cell, in Python.
        assigned: names that `table["a"] = 1` and `words.append("b")` define again; those that the cell
            assigns are added. None if there are none, whatever the cell assigns.
    """
    try:
        tree = ast.parse(source)
    except NOT_PYTHON:
        return []
    found: list[Statement] = []
    for node in tree.body:
        text = ""
        try:
            code = compiled(ast.Module([node], []))
        except NOT_PYTHON:
            continue
        defined, used = names(code)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == ANYTHING:
            defined |= {ANYTHING}
        elif assigned is not None and not isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef):
            assigned |= defined
            defined |= assigned.intersection(_changed(node))
        with suppress(RecursionError, ValueError):  # such as a number of more digits than Python writes
            text = ast.unparse(node)
        found.append(Statement(text, [*defined], [*used], code))
    return found


def compiled(source: str | ast.Module, where: str = "<the notebook>") -> CodeType:
    """Compile code of a notebook, which may `await` at its top level."""
    return compile(source, where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def names(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the names that a code defines at its top level, and those that it uses from earlier ones."""
    defined: set[str] = set()
    used: set[str] = set()
    todo = [code]
    for one in todo:
        own = defined if one is code else {*defined}
        # Without its constants, since dis would write out each, such as a number of thousands of digits.
        for step in dis.get_instructions(one.replace(co_consts=(None,) * len(one.co_consts))):
            if step.opname in STORES:
                own.add(step.argval)
            elif step.opname in LOADS and step.argval not in own:
                used.add(step.argval)
        todo += [constant for constant in one.co_consts if isinstance(constant, CodeType)]
    return defined, used


def needed(
    course: Iterable[Statement], own: Iterable[Statement], answer: Iterable[CodeType]
) -> list[Statement]:
    """List the statements before an answer that define the names it uses.

    Args:
        course: statements of the course's notebook before the answer, in order.
        own: of the student's own cells before it, in order. They are run after the course's, and none of them
            makes an earlier definition superfluous: the student's own may fail here.
        answer: compiled, with what is evaluated after it.
    """
    missing = {ANYTHING}.union(*(names(code)[1] for code in answer))
    chosen = []
    for one in reversed([*own]):
        if not missing.isdisjoint(one.defined):
            chosen.append(one)
            missing.update(one.used)
    for one in reversed([*course]):
        if not missing.isdisjoint(one.defined):
            chosen.append(one)
            missing = (missing - {*one.defined}).union(one.used)
    return chosen[::-1]


def _changed(node: ast.AST) -> Iterator[str]:
    """Yield the names of objects with an assigned item or attribute, or a method called for its effect."""
    for part in ast.walk(node):
        called = isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)
        target = part.value.func if called else part
        changed = called or isinstance(getattr(part, "ctx", None), ast.Store | ast.Del)
        if (
            changed
            and isinstance(target, ast.Attribute | ast.Subscript)
            and isinstance(target.value, ast.Name)
        ):
            yield target.value.id
