"""Words beside points, none over another."""

import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from numpy.typing import ArrayLike

from embetter_reg._validation import check_same_length, check_sequence, check_space
from embetter_reg.plots.static._axes import (
    GRAY,
    PALE,
    Style,
    axes,
    literal_text,
)

_DOT = 4.0  # pixels around a point that no text covers
_DISTANCES = (6, 14, 26, 42, 62, 86, 114, 146, 182)  # pixels
_ANGLES = np.radians(
    [0, 180, 45, 135, 315, 225, 90, 270, 22, 158, 338, 202, 68, 112, 292, 248]
)
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_LEADER: Style = {
    "arrowstyle": "-",
    "color": GRAY,
    "linewidth": 0.6,
    "shrinkA": 0,
    "shrinkB": 2,
}
_BOX: Style = {
    "boxstyle": "square,pad=0.1",
    "facecolor": "w",
    "edgecolor": "none",
    "alpha": 0.8,
}


@literal_text
def plot_texts(
    points: ArrayLike,
    texts: Sequence[str],
    *,
    width: int = 24,
    path: bool = False,
    font_size: float = 8,
    ax: Axes | None = None,
) -> Axes:
    """Write texts beside their points, without overlap: documents, or tokens.

    Each text takes the nearest place where it covers neither another text nor a point
    that has one; a thin line leads from a text that had to move away. Texts that come
    first choose first. Places are searched for the present size of the figure, so call
    this last.

    Parameters
    ----------
    points : array (n_texts, 2)
    texts : sequence of str (n_texts,)
    width : int
        Letters a line; texts longer than three lines end in an ellipsis.
    path : bool
        Join the points by a line in the order given, as the tokens of a sentence follow
        each other.
    font_size : float
    ax : Axes or None
        A map to write on, such as `plot_map` returns; None makes one with these points
        alone.

    Raises
    ------
    ValueError
        If the points have not two dimensions, or there are not as many texts.

    Warns
    -----
    UserWarning
        If there is no room for some texts; they are omitted.

    Examples
    --------
    >>> from embetter_reg.plots import plot_texts
    >>> ax = plot_texts([[0, 0], [0, 0.01], [1, 1]], ["Mix", "the", "flour"], path=True)
    >>> [text.get_text() for text in ax.texts]
    ['Mix', 'the', 'flour']

    """
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"got points of shape {points.shape}, expected (n_texts, 2); reduce to two "
            "dimensions"
        )
    points = check_space("points", points).astype(np.float64)
    check_sequence("texts", texts)
    check_same_length(points=points, texts=texts)
    if ax is None:
        ax = axes(None, 7.2, 5.4)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(PALE)
        ax.margins(0.12)
    x, y = points.T
    ax.scatter(x, y, s=14, c=GRAY, linewidths=0, zorder=3)
    if path:
        ax.plot(x, y, color=PALE, linewidth=1, zorder=1)
    figure: Any = ax.figure
    figure.draw_without_rendering()  # settles the layout
    frame = ax.get_window_extent()
    dots = ax.transData.transform(points)
    boxes = [(*(dot - _DOT), *(dot + _DOT)) for dot in dots]
    n_omitted = 0
    for number, (point, dot) in enumerate(zip(points, dots, strict=True)):
        annotation = _annotate(ax, texts[number], point, width, font_size)
        half = _half_size(annotation)
        offset = _free_place(dot, half, np.array(boxes), number, frame)
        if offset is None:
            annotation.remove()
            n_omitted += 1
            continue
        boxes.append((*(dot + offset - half), *(dot + offset + half)))
        right, up = offset * 72 / figure.dpi
        annotation.set_position((right, up))
        is_near = (np.abs(offset) - half).max() < _DISTANCES[1]
        if is_near and annotation.arrow_patch is not None:
            annotation.arrow_patch.set_visible(False)
    if n_omitted:
        warnings.warn(
            f"there is no room for {n_omitted} of {len(texts)} texts; make the figure "
            "larger",
            stacklevel=2,
        )
    return ax


def _annotate(ax: Axes, text: str, point, width: int, font_size: float) -> Annotation:
    """Write one text on its point."""
    words = " ".join(str(text).split())
    lines = textwrap.wrap(words, width, max_lines=3, placeholder=" …")
    return ax.annotate(
        "\n".join(lines),
        point,
        (0, 0),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=font_size,
        zorder=4,
        arrowprops=_LEADER,
        bbox=_BOX,
    )


def _half_size(annotation: Annotation) -> np.ndarray:
    """Return half the width and height in pixels, without the leading line."""
    extent = Text.get_window_extent(annotation)
    return np.array(extent.size) / 2 + 1


def _free_place(dot, half, boxes: np.ndarray, number: int, frame) -> np.ndarray | None:
    """Return the nearest offset at which a text covers no box but that of its own dot."""
    others = np.delete(boxes, number, axis=0)
    for distance in _DISTANCES:
        for direction in _DIRECTIONS:
            offset = direction * (distance + half)
            low = dot + offset - half
            high = dot + offset + half
            is_inside = (low >= frame.min).all() and (high <= frame.max).all()
            overlaps = (others[:, :2] < high) & (low < others[:, 2:])
            if is_inside and not overlaps.all(axis=1).any():
                return offset
    return None
