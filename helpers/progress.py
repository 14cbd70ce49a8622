"""One look for every progress bar: on standard output, gone when the work is done."""

import sys
from collections.abc import Iterable

from tqdm import tqdm


def bar(
    iterable: Iterable | None = None,
    *,
    total: int | None,
    unit: str,
    title: str,
    show: bool = True,
    initial: int = 0,
    scale: bool = False,
):
    """Wraps an iterable in a progress bar with rate and time left.

    Plain text rather than a widget: it looks the same in Colab, Jupyter and a terminal, and
    leaves nothing behind in a notebook. It is redrawn seldom there: one that is saved while
    the bar runs may keep every redraw.

    Args:
        iterable: what to go through; None to call `update` by hand.
        total: how many items there are, None if unknown.
        unit: one item's name, such as "slice".
        title: what is being done.
        show: False for no bar at all.
        initial: how many were done before; they do not count for the rate.
        scale: write large numbers short, such as 214M: for bytes.

    Returns:
        tqdm, to iterate over.
    """
    return tqdm(
        iterable,
        total=total,
        unit=f" {unit}",
        desc=title,
        disable=not show,
        initial=initial,
        unit_scale=scale,
        leave=False,
        file=sys.stdout,
        mininterval=0.5 if sys.stdout.isatty() else 2,
        dynamic_ncols=False,
        ncols=90,
    )
