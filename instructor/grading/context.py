"""The statements of a notebook that an answer needs; only these are run to mark it.

Python's symbol tables give the names that a statement defines and uses. A statement that defines a name the
answer uses is needed, and so are the statements that it needs in turn. A training, which changes a network in
place, is not among them; no exercise needs one.
"""

import ast
import symtable
from collections.abc import Iterable

from instructor.notebooks.student_edition import parse


def needed(sources: Iterable[str], answer: str) -> list[str]:
    """List the statements before an answer that define the names it uses.

    Args:
        sources: of the cells before it, in order; cells that aren't valid Python are skipped.
        answer: the answer's source and what is evaluated after it.

    Returns:
        Statements, in order; none if the answer isn't valid Python.
    """
    statements = [ast.unparse(one) for source in sources for one in _parsed(source).body]
    missing, chosen = _names(answer)[1], []
    for statement in reversed(statements):
        defined, used = _names(statement)
        if missing & defined:
            chosen.append(statement)
            missing = (missing - defined) | used
    return chosen[::-1]


def imports(sources: Iterable[str]) -> list[str]:
    """List the top-level imports of cells, each once; students may import in cells of their own."""
    statements = (one for source in sources for one in _parsed(source).body)
    found = (one for one in statements if isinstance(one, ast.Import | ast.ImportFrom))
    return list(dict.fromkeys(ast.unparse(one) for one in found))


def checked_expression(source: str, exercise: str) -> str | None:
    """Return the second argument of `checks.check("1.2", ...)` as source; None if there is no such call.

    Args:
        source: of a code cell in the course's notebook.
        exercise: its number.
    """
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            number, answer = node.args
            if isinstance(number, ast.Constant) and number.value == exercise:
                return ast.unparse(answer)
    return None


def _names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a source defines at its top level, and those that it uses from earlier cells."""
    defined, used = set(), set()
    for statement in _parsed(source).body:
        table = symtable.symtable(ast.unparse(_AsGenerators().visit(statement)), "cell", "exec")
        symbols = table.get_symbols()
        used |= {symbol.get_name() for symbol in symbols if symbol.is_referenced()} - defined
        used |= _globals_inside(table) - defined
        defined |= {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return defined, used


class _AsGenerators(ast.NodeTransformer):
    """Replace comprehensions, whose inner names Python 3.12 counts as the cell's own (PEP 709)."""

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def _globals_inside(table: symtable.SymbolTable) -> set[str]:
    found = set()
    for inner in table.get_children():
        found |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
        found |= _globals_inside(inner)
    return found


def _parsed(source: str) -> ast.Module:
    try:
        return parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])
