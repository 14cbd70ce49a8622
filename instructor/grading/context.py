"""Which cells of the course's notebook does an answer need? Only those are run to mark it.

Names are looked up in Python's symbol tables: a cell that defines a name the answer uses, the cells that this one
needs, and so on. A training that changes a network in place is not among them, and no exercise needs one.
"""

import ast
import symtable
from collections.abc import Iterable


def needed(sources: list[str], answer: str) -> list[str]:
    """The cells before an answer that define what it uses.

    Args:
        sources: of the code cells before it, in order.
        answer: the answer's source, and whatever is evaluated after it.

    Returns:
        Some of the sources, in order. None for an answer that is no Python.
    """
    cells = [_names(source) for source in sources]
    wanted, chosen = set(_names(answer)[1]), []
    for place in reversed(range(len(cells))):
        defined, used = cells[place]
        if wanted & defined:
            chosen.append(sources[place])
            wanted = (wanted - defined) | used
    return chosen[::-1]


def imports(sources: Iterable[str]) -> list[str]:
    """The import lines at the top level of cells, one statement each.

    Args:
        sources: of cells, perhaps no Python.

    Returns:
        Statements, each once. A student may have put an import into a cell of their own.
    """
    found: dict[str, None] = {}
    for source in sources:
        for node in _parsed(source).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                found[ast.unparse(node)] = None
    return list(found)


def used_imports(sources: Iterable[str], answer: str) -> list[str]:
    """Those of `imports` that an answer uses."""
    used = _names(answer)[1]
    return [line for line in imports(sources) if _names(line)[0] & used]


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
    """Names that a source defines, and names that it takes from before; those of its functions' insides not."""
    defined, used = set(), set()
    for statement in _parsed(source).body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        symbols = table.get_symbols()
        used |= {symbol.get_name() for symbol in symbols if symbol.is_referenced()} - defined
        used |= _globals_inside(table) - defined
        defined |= {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return defined, used


def _globals_inside(table: symtable.SymbolTable) -> set[str]:
    found = set()
    for inner in table.get_children():
        found |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
        found |= _globals_inside(inner)
    return found


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])
