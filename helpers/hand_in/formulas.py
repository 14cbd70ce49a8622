"""Formulas as MathML, which browsers render without a script or a network."""

import html
import re

from docutils.utils.math.latex2mathml import tex2mathml

# Of every page with formulas: the lines of an equation meet at their signs.
STYLE = """
.ams-align { math-style: normal; }
.ams-align mtd:nth-child(odd) { padding-right: 0; text-align: right; }
.ams-align mtd:nth-child(even) { padding-left: 0.2em; text-align: left; }
"""
ARGUMENT = r"\s*(?:\{(?:[^{}]|\{[^{}]*\})*\}|\\[A-Za-z]+|[A-Za-z])"
CLOSING = r"\s*(?:[\])]|\\\}|\\r[a-z]+)"
# What docutils 0.21 to 0.23 lacks, in terms that it has.
REWRITTEN = (
    (r"\\dots(?![A-Za-z])", r"\\ldots"),
    (rf"\\(big|Big|bigg|Bigg)(?={CLOSING})", r"\\\1r"),
    (r"\\(big|Big|bigg|Bigg)(?![A-Za-z])", r"\\\1l"),
    (r"\\(begin|end)\{(?:align|equation|gather|split)\*?\}", r"\\\1{aligned}"),
    # It sets the index of an accented letter below the letter.
    (rf"(\\(?:hat|widehat|bar|overline|tilde|widetilde|vec|dot|ddot){ARGUMENT})(?=\s*[_^])", r"{\1{}}"),
)


def mathml(formula: str, *, block: bool = False) -> str:
    """Convert a formula.

    Args:
        formula: LaTeX without its dollars.
        block: on a line of its own.

    Returns:
        A `math` element, safe to put into a page; if the formula cannot be read, its source in a `code`
        element.
    """
    rewritten = formula
    for old, new in REWRITTEN:
        rewritten = re.sub(old, new, rewritten)
    try:
        return tex2mathml(rewritten, as_block=block)
    except Exception:  # beside its MathError, docutils raises whatever a wrong formula leads to
        return f"<code>{html.escape(formula)}</code>"
