"""Parsing Python where several threads may do so at once, as in grading."""

import ast
import threading

# Python before 3.11.8 counts the depth of all parsing in one place, and then raises a SystemError in the
# middle of sound programs (python/cpython#106905).
_lock = threading.Lock()


def parse(source: str) -> ast.Module:
    """Parses a program, as `ast.parse` does, one at a time.

    Args:
        source: Python.

    Returns:
        Its tree.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python.
    """
    with _lock:
        return ast.parse(source)
