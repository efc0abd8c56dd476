"""Axes that are given or made, without pyplot, so that nothing global is touched."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

GRAY, PALE = "#555555", "#CCCCCC"


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    """Return ``ax``, or the only Axes of a new Figure of this size in inches."""
    return (
        Figure(figsize=(width, height), layout="constrained").subplots()
        if ax is None
        else ax
    )


def legend_beside(ax: Axes, title: str = "", **options) -> None:
    """Put a legend to the right of the Axes, in columns of at most 22, its labels
    wrapped.
    """
    handles, labels = ax.get_legend_handles_labels()
    where = {
        "loc": "center left",
        "bbox_to_anchor": (1.01, 0.5),
        "ncols": -(-len(labels) // 22),
    }
    wrapped = [textwrap.fill(label, 26) for label in labels]
    ax.legend(
        handles,
        wrapped,
        **{**where, "title": title or None, "frameon": False, **options},
    )
