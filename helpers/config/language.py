"""The language of what the course says: English, or a translation in `locales/`.

English is the source: a text without a translation is shown in English. A text is marked where it is
written, `_("{count} slices").format(count=3)`, or `N_(...)` if it is only stored there and `_` is
applied when it is shown. Python's own gettext reads the compiled catalogue, so nothing is installed.
"""

import gettext
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

LANGUAGES = ("en", "es")
LOCALES = Path(__file__).resolve().parents[2] / "locales"
DOMAIN = "course"  # the name of the catalogue
LINE = re.compile(r"""^(LANGUAGE[ \t]*=[ \t]*)["'](\w+)["']""", re.MULTILINE)  # of a setup cell


def catalogue(language: str) -> gettext.NullTranslations:
    """Return the messages of a language; those of English are empty."""
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=True)


# Before a notebook has called `config.start`, the environment decides.
_chosen = catalogue(os.environ.get("COURSE_LANGUAGE", "en").strip().lower())
_for_now: ContextVar[gettext.NullTranslations | None] = ContextVar("language", default=None)


def choose(language: str) -> None:
    """Show texts in a language, one of `LANGUAGES`, from now on."""
    global _chosen
    _chosen = catalogue(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Show texts in a language in a `with` block, in this thread only."""
    before = _for_now.set(catalogue(language))
    try:
        yield
    finally:
        _for_now.reset(before)


def current() -> str:
    """Return the language of the texts, one of `LANGUAGES`."""
    return _current().info().get("language", "en")


def of_sources(sources: Iterable[str]) -> str:
    """Return the language that a notebook's setup cell chooses, from the sources of its cells."""
    found = (LINE.search(source) for source in sources)
    chosen = next((line[2].lower() for line in found if line), "en")
    return chosen if chosen in LANGUAGES else "en"


def in_all(message: str) -> set[str]:
    """Return a text in each language: what a notebook may contain."""
    return {catalogue(language).gettext(message) for language in LANGUAGES}


def _(message: str) -> str:
    """Translate a text; one without a translation stays English."""
    return _current().gettext(message) if message else ""  # "" would be the catalogue's header


def ngettext(singular: str, plural: str, count: int) -> str:
    """Translate a text in the form that goes with a count."""
    return _current().ngettext(singular, plural, count)


def pgettext(context: str, message: str) -> str:
    """Translate a text that alone could mean several things; the context tells translators which."""
    return _current().pgettext(context, message)


def N_(message: str) -> str:  # noqa: N802 (gettext's own name for it)
    """Mark a text for translation, and return it as it is."""
    return message


def grouped(value: float, form: str = "") -> str:
    """Format a number with the language's separator of thousands: "12,728" in English.

    A separator that is a space begins at five digits, as Spanish has it: 2832, 12 728.

    Args:
        value: the number.
        form: the rest of the format, such as ".0f".
    """
    separator = pgettext("separator of thousands", ",")
    if separator.isspace() and abs(value) < 10_000:
        return f"{value:{form}}"
    return f"{value:,{form}}".replace(",", separator)


def _current() -> gettext.NullTranslations:
    return _for_now.get() or _chosen
