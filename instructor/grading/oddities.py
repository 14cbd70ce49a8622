"""What a person should look at, though no mark depends on it: unusual names in code, texts of another length
than expected or with the course's own words, and long answers or passages that students share."""

import builtins
import io
import keyword
import re
import tokenize
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, chain, pairwise

from helpers.checks import EXERCISES
from helpers.config.language import in_all
from helpers.config.settings import COURSE_FOLDER
from instructor.grading.papers import read_paper
from instructor.notebooks.student_edition import answer_cells, free_text

ODD = {"_exit", "_getframe", "checks", "ctypes", "eval", "exec", "gc", "getattr", "globals", "importlib",
       "inspect", "os", "posix", "subprocess", "sys", "vars"}  # fmt: skip
USUAL = {"__call__", "__init__", "__name__", "__post_init__"}
KEPT = {*keyword.kwlist, *dir(builtins)}
KINDS = (tokenize.NAME, tokenize.NUMBER, tokenize.OP, tokenize.STRING)
RUN, GAP = 5, 2  # words in sequence that are compared; between two of them, so many may differ
LONG_CODE, LONG_TEXT = 50, 30  # words that are the student's own; shorter ones are often the same
PASSAGE = 12  # words of a passage in a text
ALIKE = 0.8  # share of common runs in code; share of a text that is the course's
REFERENCE = re.compile(r"10\.\d{4,}/|https?://")
LONGEST_REFERENCE = 400  # characters of a line
NOTEBOOKS = COURSE_FOLDER / "notebooks"


@dataclass(frozen=True)
class Answer:
    """An answer as it is compared: its text, its words, and the place of each word in the text."""

    student: str
    text: str
    words: list[str]
    places: list[tuple[int, int]]

    @cached_property
    def sequence(self) -> list[tuple[str, ...]]:
        """The runs, in order: sequences of words that overlap."""
        return [tuple(self.words[place : place + RUN]) for place in range(len(self.words) - RUN + 1)]


@cache
def _cells(kind: str) -> list[str]:
    """Return the sources of the student editions' cells of a kind, in every language."""
    papers = [read_paper(path.read_bytes()) for path in sorted(NOTEBOOKS.glob("**/student/*.ipynb"))]
    return [cell.source for paper in papers for cell in paper.cells if cell.cell_type == kind]


@cache
def _stub_lines() -> set[str]:
    return {line.strip() for source in _cells("code") for line in source.splitlines()}


@cache
def _course_runs() -> set[tuple[str, ...]]:
    """Return the runs of the course's texts and rubrics, which anybody may quote."""
    criteria = [criterion for one in EXERCISES.values() for criterion, _ in one.rubric]
    texts = [*_cells("markdown"), *chain.from_iterable(map(in_all, criteria))]
    return {run for text in texts for run in _read_text("", text).sequence}


@cache
def _models() -> dict[str, Answer]:
    """Return the answers of the solved edition; a text is followed by its translations."""
    texts: dict[str, str] = {}
    for path in [*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("es/*.ipynb")]:
        for number, text in answer_cells(read_paper(path.read_bytes())).items():
            if number not in texts or _is_text(number):
                texts[number] = f"{texts.get(number, '')}\n\n{text}".strip()
    return {number: _read("", number, text) for number, text in texts.items()}


def odd_names(mark: dict) -> list[str]:
    """List the names in an answer by which it could reach the checks, the interpreter or the system."""
    return [] if _is_text(mark["id"]) else odd_in(mark["answer"])


def odd_in(source: str) -> list[str]:
    """List such names in any code."""
    names = {word for word, *_ in _tokens(source) if word.isidentifier()}
    return sorted(name for name in names if name in ODD or (name.startswith("__") and name not in USUAL))


def length(mark: dict) -> tuple[str, bool]:
    """Return the length of a free-text answer in words, and whether it is as expected; "" for code."""
    if not _is_text(mark["id"]):
        return "", True
    count, expected = len(free_text(mark["answer"]).split()), EXERCISES[mark["id"]].words
    said = f"{count} word{'s' * (count != 1)}"
    if not expected:
        return said, True
    fewest, most = expected
    return f"{said}, {fewest} to {most} expected", fewest <= count <= most


def from_the_course(mark: dict) -> str:
    """Say which text of the course a free-text answer repeats at length; "" if none."""
    if not _is_text(mark["id"]) or not mark["answer"]:
        return ""
    answer, model = _read("", mark["id"], mark["answer"]), _models().get(mark["id"])
    copied = _count(_passages(answer, set(model.sequence) - _course_runs(), PASSAGE)) if model else 0
    if copied >= LONG_TEXT:
        return f"has {copied} words of the course's own answer"
    asked = _count(_passages(answer, _course_runs()))
    if asked and asked >= ALIKE * len(answer.words):
        return "has hardly a word that is not the question's or the rubric's"
    return ""


def alike(results: list[dict]) -> list[dict]:
    """List long code answers that are nearly the same apart from names, comments and layout, and texts with
    the same passages. What the course says itself does not count.

    Args:
        results: of all submissions.

    Returns:
        The groups of students with such answers, texts first, and the longest passages first: `exercise`,
        whether it is `code`, `students`, and `pairs`: enough of them to show everything that is shared. A
        pair has the two `students`, the `passages` that they share, and how many `words` these have.
    """
    answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for result in results:
        for mark in result["marks"]:
            if mark["answer"] and mark["status"] not in ("not attempted", "not found"):
                own = _read(result["student"], mark["id"], mark["answer"])
                answers[mark["id"], mark["title"]].append(own)
    groups = [
        {"exercise": f"{number} {title}", "code": not _is_text(number), **group}
        for (number, title), own in answers.items()
        for group in _groups(_pairs(own, number))
    ]
    return sorted(groups, key=lambda group: (group["code"], -max(pair["words"] for pair in group["pairs"])))


def _pairs(answers: list[Answer], number: str) -> list[dict]:
    """Compare each answer with the earlier ones, until what it shares with any of them is explained."""
    text, pairs = _is_text(number), []
    known = set(_models()[number].sequence) if number in _models() else set()
    index: dict[tuple, list[int]] = defaultdict(list)  # the earlier answers that have a run
    for place, answer in enumerate(answers):
        own = set(answer.sequence)
        if text:
            own -= known | _course_runs()
        elif len(answer.words) < LONG_CODE or _similar(own, known):
            own = set()
        left, shared = set(own), Counter(chain.from_iterable(index[run] for run in own))
        for earlier, count in shared.most_common():
            if min(count, len(left)) < (PASSAGE - RUN + 1 if text else ALIKE * len(own)):
                break
            one, other = answers[earlier], set(answers[earlier].sequence)
            if (
                _count(_passages(answer, left & other, PASSAGE)) >= LONG_TEXT
                if text
                else _similar(own, other)
            ):
                passages = _passages(answer, own & other, PASSAGE if text else 0)
                texts = [answer.text[answer.places[a][0] : answer.places[b - 1][1]] for a, b in passages]
                students = [one.student, answer.student]
                pairs.append({"students": students, "words": _count(passages), "passages": texts})
                left -= other
        for run in own:
            index[run].append(place)
    return pairs


def _similar(one: set, other: set) -> bool:
    return len(one & other) >= ALIKE * len(one | other) > 0


def _groups(pairs: list[dict]) -> list[dict]:
    """Join the pairs that have a student in common."""
    groups: list[dict] = []
    for pair in pairs:
        joined = [group for group in groups if {*group["students"]} & {*pair["students"]}]
        students = dict.fromkeys(chain(*(group["students"] for group in joined), pair["students"]))
        own = [*chain(*(group["pairs"] for group in joined)), pair]
        groups = [
            *(group for group in groups if group not in joined),
            {"students": [*students], "pairs": own},
        ]
    return groups


def _passages(answer: Answer, known: set, least: int = 0) -> list[tuple[int, int]]:
    """Return the passages, as positions of words, whose runs are known; small gaps are part of them."""
    found: list[tuple[int, int]] = []
    for place, run in enumerate(answer.sequence if known else []):
        if run in known:
            start = found.pop()[0] if found and place <= found[-1][1] + GAP else place
            found.append((start, place + RUN))
    return [(start, end) for start, end in found if end - start >= least]


def _count(passages: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in passages)


def _read(student: str, number: str, source: str) -> Answer:
    return _read_text(student, free_text(source)) if _is_text(number) else _read_code(student, source)


def _read_text(student: str, text: str) -> Answer:
    """Read the words of a text; a reference to a source, in a line of its own, is the same for everybody."""
    lines = [line for line in re.finditer(r".+", text)
             if len(line[0]) > LONGEST_REFERENCE or not REFERENCE.search(line[0])]  # fmt: skip
    found = [word for line in lines for word in re.compile(r"\w+").finditer(text, *line.span())]
    return Answer(student, text, [word[0].casefold() for word in found], [word.span() for word in found])


def _read_code(student: str, source: str) -> Answer:
    """Read the tokens of code that the student edition does not have. The names that a student may choose are
    all the same: not built-in ones, keywords and what is after a dot.
    """
    lines = source.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    tokens = [one for one in _tokens(source) if one[1] < len(lines)]
    own = [one for one in tokens if lines[one[1]].strip() not in _stub_lines()]
    words = [
        "name" if word.isidentifier() and word not in KEPT and before != "." else word
        for (before, *_), (word, *_) in pairwise([("", 0), *own])
    ]
    return Answer(student, source, words, [(starts[row] + a, starts[row] + b) for _, row, a, b in own])


@cache
def _tokens(source: str) -> list[tuple[str, int, int, int]]:
    """Return the tokens of a cell up to its first error, without comments, layout and docstrings: each with
    its line and its columns in it.
    """
    found, start = [], True
    try:  # the tokenizer does not recurse, whatever the source
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in KINDS and not (start and token.type == tokenize.STRING):
                (row, left), (last, right) = token.start, token.end
                found.append((token.string, row - 1, left, right if last == row else left + 1))
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                start = token.type in (tokenize.NEWLINE, tokenize.INDENT)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _is_text(number: str) -> bool:
    return number in EXERCISES and EXERCISES[number].kind == "open"
