"""Which statements of the course's notebook does an answer need? Only those are run to mark it.

Names are looked up in Python's symbol tables: a statement that defines a name the answer uses, the statements
that this one needs, and so on. A training that changes a network in place is not among them, and no exercise
needs one.
"""

import ast
import symtable
from collections.abc import Iterable

from instructor.notebooks.student_edition import parse


def needed(sources: Iterable[str], answer: str) -> list[str]:
    """The statements before an answer that define what it uses.

    Args:
        sources: of the cells before it, in order; those that are no Python are passed over.
        answer: the answer's source, and whatever is evaluated after it.

    Returns:
        Statements, in order; an empty list for an answer that is no Python.
    """
    statements = [ast.unparse(one) for source in sources for one in _parsed(source).body]
    wanted, chosen = _names(answer)[1], []
    for statement in reversed(statements):
        defined, used = _names(statement)
        if wanted & defined:
            chosen.append(statement)
            wanted = (wanted - defined) | used
    return chosen[::-1]


def imports(sources: Iterable[str]) -> list[str]:
    """The imports at the top level of cells, each once: a student may have put one into a cell of their own.

    Args:
        sources: of cells, perhaps no Python.

    Returns:
        Statements.
    """
    statements = (one for source in sources for one in _parsed(source).body)
    found = (one for one in statements if isinstance(one, ast.Import | ast.ImportFrom))
    return list(dict.fromkeys(ast.unparse(one) for one in found))


def checked_expression(source: str, exercise: str) -> str | None:
    """What a check cell hands to `checks.check("1.2", ...)`.

    Args:
        source: of the check cell in the course's own notebook.
        exercise: its number.

    Returns:
        The second argument, as source; None if there is no such call.
    """
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            number, answer = node.args
            if isinstance(number, ast.Constant) and number.value == exercise:
                return ast.unparse(answer)
    return None


def _names(source: str) -> tuple[set[str], set[str]]:
    """Names that a source defines at its top level, and names that it takes from before."""
    defined, used = set(), set()
    for statement in _parsed(source).body:
        table = symtable.symtable(ast.unparse(_AsGenerators().visit(statement)), "cell", "exec")
        symbols = table.get_symbols()
        used |= {symbol.get_name() for symbol in symbols if symbol.is_referenced()} - defined
        used |= _globals_inside(table) - defined
        defined |= {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return defined, used


class _AsGenerators(ast.NodeTransformer):
    """From Python 3.12 on, the names inside other comprehensions count as the cell's own. See PEP 709."""

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
