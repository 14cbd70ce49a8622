"""The layout of `helpers`: few entries, doors whose names resolve, imports in one direction."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from helpers.config.environment import COURSE_FOLDER

HELPERS = COURSE_FOLDER / "helpers"
ENTRIES = sorted(path for path in HELPERS.iterdir() if path.name != "__pycache__")
PACKAGES = [path.name for path in ENTRIES if path.is_dir()]
# Each imports only from lower levels.
LEVELS = {
    "reference": 0, "_common": 0, "config": 1, "splits": 2, "phantoms": 3, "datasets": 4, "models": 5,
    "evaluation": 6, "training": 7, "plots": 7, "checks": 7, "tables": 8, "hand_in": 9,
}  # fmt: skip
IN_NOTEBOOK_01 = ("checks", "config", "datasets", "plots", "reference", "splits")


def imported(node: ast.AST) -> Iterator[str]:
    """Names of the entries of `helpers` that code imports when it runs, inside functions too."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module == "helpers":
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
        yield node.module.split(".")[1]
    elif isinstance(node, ast.Import):
        yield from (name.name.split(".")[1] for name in node.names if name.name.startswith("helpers."))
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def test_helpers_has_at_most_14_entries():
    assert len(ENTRIES) <= 14
    assert {path.stem for path in ENTRIES} == {*LEVELS, "__init__"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_of_a_door_resolves(package):
    door = importlib.import_module(f"helpers.{package}")
    assert door.__all__
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_of_a_door_is_a_file_of_its_package(package):
    door = importlib.import_module(f"helpers.{package}")
    assert {path.stem for path in (HELPERS / package).iterdir()} & set(door.__all__) == set()


def test_imports_of_helpers_point_one_way():
    wrong = []
    for path in HELPERS.rglob("*.py"):
        inside = path.relative_to(HELPERS)
        own = inside.parts[0].removesuffix(".py")
        for other in set(imported(ast.parse(path.read_text(encoding="utf-8")))) - {own}:
            if own == "__init__" or LEVELS[other] >= LEVELS[own]:
                wrong.append(f"{inside} imports {other}")
    assert sorted(wrong) == []


def test_what_notebook_01_uses_loads_neither_keras_nor_tensorflow():
    program = (
        f"import sys\nfrom helpers import {', '.join(IN_NOTEBOOK_01)}\n"
        f"for module in ({', '.join(IN_NOTEBOOK_01)}):\n"
        "    for name in getattr(module, '__all__', []):\n"
        "        getattr(module, name)\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=COURSE_FOLDER, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
