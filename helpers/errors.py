"""The base of every error that a student can cause and mend.

A traceback through ten library files hides the one line that helps. Errors of this family
show in a notebook as that one line: what is wrong, and what to do.
"""

import textwrap

LINE_WIDTH = 96  # characters; about what a notebook shows without scrolling sideways


class CourseError(ValueError):
    """Something that a student can put right: a file, a path, a setting, an answer.

    In IPython and Jupyter it is shown as `ClassName: message`, without the traceback. The
    traceback is still there for `%debug` and for `raise ... from`; a plain Python script
    prints it as always.
    """

    def _render_traceback_(self) -> list[str]:
        """Returns the lines that IPython shows in place of a traceback.

        `_render_traceback_` is IPython's public hook for exceptions that know better.
        """
        paragraphs = f"{type(self).__name__}: {self}".splitlines()
        return [line for paragraph in paragraphs for line in _wrap(paragraph)]


def _wrap(paragraph: str) -> list[str]:
    # Paths stay whole, so that they can be copied; an empty paragraph stays an empty line.
    return textwrap.wrap(paragraph, LINE_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
