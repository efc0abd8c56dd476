"""Axes that are given or made, without pyplot, so that nothing global is touched."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

GREY, PALE = "#555555", "#CCCCCC"


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    """Return ``ax``, or the only Axes of a new Figure of this size in inches."""
    return Figure(figsize=(width, height), layout="constrained").subplots() if ax is None else ax


def legend_beside(ax: Axes, title: str = "", **options) -> None:
    """Put a legend to the right of the Axes, in columns of at most 22."""
    n_labels = len(ax.get_legend_handles_labels()[1])
    where = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "ncols": -(-n_labels // 22)}
    ax.legend(**{**where, "title": title or None, "frameon": False, **options})
