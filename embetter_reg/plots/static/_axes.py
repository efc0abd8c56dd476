"""What the pictures share: Axes without pyplot, text as it stands, legends."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embetter_reg.plots.static._fonts import font_family

Style = dict[str, Any]  # keyword arguments of a matplotlib function
GRAY = "#555555"
PALE = "#CCCCCC"
_LEGEND_ROWS = 22
_WIDE = 30  # letters of a label beside a picture
_NARROW = 18  # and of one of two below a narrow one


@contextmanager
def _literal_text() -> Iterator[None]:
    with rc_context({"text.parse_math": False, "font.family": font_family()}):
        yield


# A decorator of plot functions: a label such as "$5 to $6" is no formula, and letters
# that the font lacks are taken from another.
literal_text = _literal_text()


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    """Return ``ax``, or the only Axes of a new Figure of this size in inches."""
    if ax is not None:
        return ax
    return Figure(figsize=(width, height), layout="constrained").subplots()


def n_legend_columns(n_labels: int) -> int:
    """Return the columns of a legend, each of at most 22 labels."""
    return -(-n_labels // _LEGEND_ROWS)


def legend_below(ax: Axes, title: str = "", **options) -> None:
    """Put a legend below the Axes, which a narrow page shows whole."""
    place: Style = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.02), "ncols": 2}
    spacing: Style = {"columnspacing": 0.8, "handletextpad": 0.2, "fontsize": 9}
    legend_beside(ax, title, width=_NARROW, **place, **spacing, **options)


def legend_beside(ax: Axes, title: str = "", *, width: int = _WIDE, **options) -> None:
    """Put a legend to the right of the Axes, its labels wrapped at ``width`` letters."""
    handles, labels = ax.get_legend_handles_labels()
    settings: Style = {
        "title": title or None,
        "frameon": False,
        "loc": "center left",
        "bbox_to_anchor": (1.01, 0.5),
        "ncols": n_legend_columns(len(labels)),
    }
    wrapped = [textwrap.fill(label, width) for label in labels]
    ax.legend(handles, wrapped, **{**settings, **options})
