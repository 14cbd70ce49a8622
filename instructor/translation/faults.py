"""What is wrong with a translation: texts that are missing or outdated, and parts that were lost."""

import functools
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from babel.messages import mofile
from babel.messages.catalog import Catalog, Message

from helpers.config.language import DOMAIN, LOCALES
from instructor.notebooks import markdown
from instructor.translation import catalogues
from instructor.translation.catalogues import LANGUAGE

GLOSSARY = LOCALES / LANGUAGE / "glossary.md"
CODE = re.compile(r"```.*?```|``[^`]+``|`[^`]+`", re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\s](?:[^$]*[^$\s])?\$", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])\d+(?:[,\u202f]\d{3})*(?:\.\d+)?")
CALL = re.compile(r"[\w.]+(?:\([^()]*\)|\[[^\]]*\])+")  # code in a text without backquotes
ARGUMENT = re.compile(r"^ {4}[\w, ]+:", re.MULTILINE)  # a name in a docstring
TARGET = re.compile(r"\]\([^)]*\)")
TITLE = re.compile(r"\*[^*]+\*")  # italics, once bold is gone
HEADING = re.compile(r"^#+ ", re.MULTILINE)
UPDATE = "Run python -m instructor translate."


def complaints(name: str) -> list[str]:
    """List what is wrong with a catalogue, a sentence per finding that names the text or its cell."""
    catalogue, template = catalogues.read(name), catalogues.template(name)
    found = [*_outdated(catalogue, template)]
    for message in catalogue:
        if message.id:
            found += [f"{_place(message)}: {said}" for said in _wrong(message)]
    if name == DOMAIN and not _is_compiled(catalogue):
        found.append(f"{DOMAIN}.mo differs from {DOMAIN}.po. {UPDATE}")
    return [f"{name}: {said}" for said in found]


def _outdated(catalogue: Catalog, template: Catalog) -> Iterator[str]:
    for message in template:
        if message.id and not catalogue.get(message.id, message.context):
            yield f"{_place(message)}: the English text is not in the catalogue. {UPDATE}"
    for message in catalogue:
        if message.id and not template.get(message.id, message.context):
            yield f"{_place(message)}: no longer in the course. {UPDATE}"


def _wrong(message: Message) -> Iterator[str]:
    """Say what is wrong with a message; of one with plural forms, each form is compared with the plural."""
    forms = message.string if message.pluralizable else (message.string,)
    if not all(forms):
        yield "is not translated."
        return
    if message.fuzzy:
        yield "the English text has changed: correct the translation, then remove the mark 'fuzzy'."
    source = message.id[1] if message.pluralizable else message.id
    for form in forms:
        for what, parts in PARTS.items():
            yield from _difference(what, parts(source), parts(form))
        if message.context or "{" not in source:  # in a short text, a part of a sentence may lack the term
            yield from broken_terms(source, form)


def _difference(what: str, source: Counter, form: Counter) -> Iterator[str]:
    if lost := source - form:
        yield f"{what} lost: {', '.join(lost)}."
    if more := form - source:
        yield f"{what} that the English text does not have: {', '.join(more)}."


def placeholders(text: str) -> Counter:
    """Count the fields of a format such as "{count} slices"; a translation may format them differently."""
    try:
        return Counter({field for _text, field, _form, _how in string.Formatter().parse(text) if field})
    except ValueError:  # braces that are no format
        return Counter()


def links(text: str) -> Counter:
    """Count the addresses of links and images."""
    return Counter(markdown.links(text))


def code_spans(text: str) -> Counter:
    """Count the pieces of code."""
    return Counter(CODE.findall(text))


def formulas(text: str) -> Counter:
    """Count the formulas."""
    return Counter(FORMULA.findall(CODE.sub(" ", text)))


def numbers(text: str) -> Counter:
    """Count the numbers in a text, whatever separates their thousands; not those in links and code."""
    words = TARGET.sub("]", CODE.sub(" ", text))
    return Counter(re.sub("[,\u202f]", "", number) for number in NUMBER.findall(words))


def headings(text: str) -> Counter:
    """Count the headings of each level."""
    return Counter(HEADING.findall(text))


PARTS: dict[str, Callable[[str], Counter]] = {
    "placeholder": placeholders,
    "link": links,
    "number": numbers,
    "formula": formulas,
    "code": code_spans,
    "heading": headings,
}


# ---- the glossary ----


@functools.cache
def glossary() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Read the glossary: English term -> its translations, and translations that are not used."""
    terms = {}
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| ") and len(cells) >= 3 and cells[0] not in ("English", ":--"):
            terms[cells[0]] = _alternatives(cells[1]), _alternatives(cells[2])
    return terms


def broken_terms(source: str, translation: str) -> Iterator[str]:
    """Say where a translation does not use the glossary's words."""
    source, translation = (
        TARGET.sub("]", ARGUMENT.sub(" ", CALL.sub(" ", CODE.sub(" ", text))))
        for text in (source, translation)
    )
    terms = glossary()
    named = [term for term in terms if re.search(_pattern(term), source, re.IGNORECASE)]
    right = {
        word for term in named for word in terms[term][0]
    }  # "base de datos" is a database, not a data set
    for term, (used, avoided) in terms.items():
        if term in named and not any(re.search(_pattern(word), translation, re.IGNORECASE) for word in used):
            yield f"glossary: '{term}' is '{' / '.join(used)}'."
        for word in set(avoided) - right:
            if re.search(_pattern(word), TITLE.sub(" ", translation.replace("**", "")), re.IGNORECASE):
                yield f"glossary: '{word}' is not used for '{term}', but '{' / '.join(used)}'."


def _alternatives(cell: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in cell.split("/") if word.strip())


def _pattern(term: str) -> str:
    """Match a term in singular and plural, across line breaks: máscara, máscaras; región, regiones."""
    words = []
    for word in term.split():
        stem = re.escape(word.removesuffix("ón"))
        words.append(f"{stem}(?:ón|ones)" if word.endswith("ón") else f"{stem}(?:e?s)?")
    return r"\b" + r"\s+".join(words) + r"\b"


# ---- the rest ----


def _place(message: Message) -> str:
    if message.context:
        return f"'{message.context}'"
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"{text[:60]!r}"


def _is_compiled(catalogue: Catalog) -> bool:
    """Whether the compiled catalogue has the same translations."""
    path = catalogues.path_of(DOMAIN).with_suffix(".mo")
    if not path.is_file():
        return False
    with path.open("rb") as file:
        compiled = mofile.read_mo(file)
    complete = [one for one in catalogue if one.id and not one.fuzzy and all(one.string)]
    return _contents(complete) == _contents(compiled)


def _contents(messages: Iterable[Message]) -> list[str]:
    texts = ((_forms(one.id), _text(one.context), _forms(one.string)) for one in messages if one.id)
    return sorted(map(repr, texts))


def _text(context: str | bytes | None) -> str | None:
    return context.decode() if isinstance(context, bytes) else context  # as Babel reads it from .mo files


def _forms(text: str | Sequence[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)
