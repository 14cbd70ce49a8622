"""What a person should look at, though no mark depends on it: unusual names in answers; answers alike."""

import io
import keyword
import tokenize
from functools import cache

from helpers.checks import EXERCISES

ODD = {
    "checks", "ctypes", "eval", "exec", "gc", "importlib", "inspect", "os", "subprocess", "sys"
}  # fmt: skip
USUAL = {"__call__", "__init__", "__name__", "__post_init__"}
KEPT = (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING)
LONG_CODE, LONG_TEXT = 60, 200  # tokens, characters; shorter answers are often the same
ALIKE = 0.9  # share of common sequences of `RUN` words
RUN = 4


def odd_names(mark: dict) -> list[str]:
    """List the names in an answer by which it could reach the checks, the interpreter or the system."""
    names = {word for kind, word in _tokens(mark) if kind == tokenize.NAME}
    return sorted(name for name in names if name in ODD or (name.startswith("__") and name not in USUAL))


def alike(results: list[dict]) -> list[dict]:
    """List long answers that several students have, apart from names, comments and layout.

    Args:
        results: of all submissions.

    Returns:
        `exercise`, `students` and the `passage` of the first of them; most students first.
    """
    groups: dict[str, list[tuple[set, dict]]] = {}
    for result in results:
        for mark in result["marks"]:
            runs = _runs(mark)
            own = groups.setdefault(mark["id"], [])
            found = next((group for known, group in own if _similar(runs, known)), None) if runs else None
            if found:
                found["students"].append(result["student"])
            elif runs:
                about = {"exercise": f"{mark['id']} {mark['title']}", "passage": mark["answer"]}
                own.append((runs, about | {"students": [result["student"]]}))
    found = [group for own in groups.values() for _, group in own if len(group["students"]) > 1]
    return sorted(found, key=lambda group: -len(group["students"]))


def _similar(one: set, other: set) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def _runs(mark: dict) -> set:
    """Return all sequences of `RUN` words of a long answer; nothing for a short one."""
    if mark["status"] in ("not attempted", "not found"):
        return set()
    if _is_text(mark):
        body = mark["answer"].partition("\n")[2].strip()
        words = body.casefold().split() if len(body) >= LONG_TEXT else []
    else:
        words = _renamed([word for _, word in _tokens(mark)])
        words = words if len(words) >= LONG_CODE else []
    return {tuple(words[place : place + RUN]) for place in range(len(words) - RUN + 1)}


def _renamed(words: list[str]) -> list[str]:
    """Number the names in the order in which they first appear, except those after a dot."""
    numbers: dict[str, str] = {}
    return [
        numbers.setdefault(word, f"name{len(numbers)}")
        if word.isidentifier() and not keyword.iskeyword(word) and before != "."
        else word
        for before, word in zip(["", *words], words, strict=False)
    ]


def _tokens(mark: dict) -> list[tuple[int, str]]:
    return [] if _is_text(mark) else _tokens_of(mark["answer"])


@cache
def _tokens_of(source: str) -> list[tuple[int, str]]:
    """Return the tokens of a cell up to its first error, without comments, layout and docstrings."""
    found, before = [], tokenize.NEWLINE
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            alone = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT)
            if token.type in KEPT and not alone:
                found.append((token.type, token.string))
            before = token.type if token.type not in (tokenize.COMMENT, tokenize.NL) else before
    except (tokenize.TokenError, SyntaxError):  # the tokenizer does not recurse, whatever the source
        pass
    return found


def _is_text(mark: dict) -> bool:
    return mark["id"] in EXERCISES and EXERCISES[mark["id"]].kind == "open"
