"""What the pictures share: Axes without pyplot, text as it stands, legends."""

import textwrap
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Style = dict[str, Any]  # keyword arguments of a matplotlib function
GRAY = "#555555"
PALE = "#CCCCCC"
_LEGEND_ROWS = 22

# A decorator of plot functions: a label such as "$5 to $6" is no formula.
literal_text = rc_context({"text.parse_math": False})


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    """Return ``ax``, or the only Axes of a new Figure of this size in inches."""
    if ax is not None:
        return ax
    return Figure(figsize=(width, height), layout="constrained").subplots()


def n_legend_columns(n_labels: int) -> int:
    """Return the columns of a legend, each of at most 22 labels."""
    return -(-n_labels // _LEGEND_ROWS)


def legend_beside(ax: Axes, title: str = "", **options) -> None:
    """Put a legend to the right of the Axes, its labels wrapped."""
    handles, labels = ax.get_legend_handles_labels()
    settings: Style = {
        "title": title or None,
        "frameon": False,
        "loc": "center left",
        "bbox_to_anchor": (1.01, 0.5),
        "ncols": n_legend_columns(len(labels)),
    }
    wrapped = [textwrap.fill(label, 26) for label in labels]
    ax.legend(handles, wrapped, **{**settings, **options})
