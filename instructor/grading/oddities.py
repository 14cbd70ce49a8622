"""What a person should look at, though no mark depends on it: unusual names in answers; answers alike."""

import io
import keyword
import tokenize
from functools import cache

from helpers.checks import EXERCISES

ODD = {"_exit", "_getframe", "checks", "ctypes", "eval", "exec", "gc", "getattr", "globals", "importlib",
       "inspect", "os", "posix", "subprocess", "sys", "vars"}  # fmt: skip
USUAL = {"__call__", "__init__", "__name__", "__post_init__"}
WORDS = (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING)
LONG_CODE, LONG_TEXT = 60, 200  # tokens, characters; shorter answers are often the same
ALIKE, RUN = 0.9, 4  # share of common sequences of so many words


def odd_names(mark: dict) -> list[str]:
    """List the names in an answer by which it could reach the checks, the interpreter or the system."""
    return [] if _is_text(mark) else odd_in(mark["answer"])


def odd_in(source: str) -> list[str]:
    """List such names in any code."""
    names = {word for word in _words(source) if word.isidentifier()}
    return sorted(name for name in names if name in ODD or (name.startswith("__") and name not in USUAL))


def alike(results: list[dict]) -> list[dict]:
    """List long answers that several students have, apart from names, comments and layout.

    Args:
        results: of all submissions.

    Returns:
        `exercise`, `students` and the `passage` of the first of them; most students first.
    """
    groups: dict[str, list[dict]] = {}
    for result in results:
        for mark in result["marks"]:
            runs, exercise = _runs(mark), f"{mark['id']} {mark['title']}"
            own = groups.setdefault(exercise, [])
            if runs and (group := next((one for one in own if _similar(one["runs"], runs)), None)):
                group["students"].append(result["student"])
            elif runs:
                about = {"students": [result["student"]], "passage": mark["answer"], "runs": runs}
                own.append({"exercise": exercise, **about})
    found = [one for own in groups.values() for one in own if one["students"][1:]]
    return sorted(found, key=lambda one: -len(one["students"]))


def _similar(one: set, other: set) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def _runs(mark: dict) -> set:
    """Return all sequences of `RUN` words of a long answer; nothing for a short one."""
    if _is_text(mark):
        body = mark["answer"].partition("\n")[2].strip()
        words = body.casefold().split() if len(body) >= LONG_TEXT else []
    else:
        words = _renamed(_words(mark["answer"]))
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


@cache
def _words(source: str) -> list[str]:
    """Return the tokens of a cell up to its first error, without comments, layout and docstrings."""
    found, start = [], True
    try:  # the tokenizer does not recurse, whatever the source
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in WORDS and not (start and token.type == tokenize.STRING):
                found.append(token.string)
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                start = token.type in (tokenize.NEWLINE, tokenize.INDENT)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _is_text(mark: dict) -> bool:
    return mark["id"] in EXERCISES and EXERCISES[mark["id"]].kind == "open"
