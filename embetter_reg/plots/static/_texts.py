"""Words beside points, none over another."""

import textwrap
import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from embetter_reg._validation import check_same_length
from embetter_reg.plots.static._axes import GRAY, PALE, axes

_DOT = 4.0  # pixels around a point that no text covers
_DISTANCES = (6, 14, 26, 42, 62, 86, 114, 146, 182)  # pixels
_ANGLES = np.radians(
    [0, 180, 45, 135, 315, 225, 90, 270, 22, 158, 338, 202, 68, 112, 292, 248]
)


def plot_texts(
    points,
    texts: Sequence[str],
    *,
    width: int = 24,
    path: bool = False,
    fontsize=8,
    ax=None,
) -> Axes:
    """Write texts beside their points, wrapped and without overlap: a few documents, or
    one sentence's tokens.

    Each text takes the nearest place where it covers neither another text nor a point
    that has one; a thin line leads from a text that had to move away. Texts that come
    first choose first. Places are found for the size that the figure has now, so call
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
    fontsize : float
    ax : Axes or None
        A map to write on, such as `plot_map` returns; None makes one with these points
        alone.

    Warns
    -----
    UserWarning
        If there is no room for some texts; they are left out.

    Examples
    --------
    >>> from embetter_reg.plots import plot_texts
    >>> ax = plot_texts([[0, 0], [0, 0.01], [1, 1]], ["Mix", "the", "flour"], path=True)
    >>> [text.get_text() for text in ax.texts]
    ['Mix', 'the', 'flour']

    """
    points = np.asarray(points, dtype=np.float64)
    check_same_length(points=points, texts=texts)
    if ax is None:
        ax = axes(None, 7.2, 5.4)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(PALE)
        ax.margins(0.12)
    ax.scatter(*points.T, s=14, c=GRAY, linewidths=0, zorder=3)
    if path:
        ax.plot(*points.T, color=PALE, linewidth=1, zorder=1)
    ax.figure.draw_without_rendering()  # settles the layout
    frame, at = ax.get_window_extent(), ax.transData.transform(points)
    taken = [(*(dot - _DOT), *(dot + _DOT)) for dot in at]
    to_points, left_out = 72 / ax.figure.dpi, 0
    for number, (point, dot) in enumerate(zip(points, at, strict=True)):
        lines = textwrap.wrap(
            " ".join(str(texts[number]).split()), width, max_lines=3, placeholder=" …"
        )
        text = ax.annotate(
            "\n".join(lines),
            point,
            (0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=fontsize,
            zorder=4,
            arrowprops={
                "arrowstyle": "-",
                "color": GRAY,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 2,
            },
            bbox={
                "boxstyle": "square,pad=0.1",
                "facecolor": "w",
                "edgecolor": "none",
                "alpha": 0.8,
            },
        )
        # The extent of an annotation would include its line.
        half = np.array(super(type(text), text).get_window_extent().size) / 2 + 1
        offset = _free_place(dot, half, np.array(taken), number, frame)
        if offset is None:
            text.remove()
            left_out += 1
            continue
        taken.append((*(dot + offset - half), *(dot + offset + half)))
        text.set_position(offset * to_points)
        if (np.abs(offset) - half).max() < _DISTANCES[1]:
            text.arrow_patch.set_visible(False)
    if left_out:
        warnings.warn(
            f"there is no room for {left_out} of {len(texts)} texts; make the figure "
            "larger",
            stacklevel=2,
        )
    return ax


def _free_place(dot, half, taken: np.ndarray, own: int, frame) -> np.ndarray | None:
    """Return the nearest offset of a box of this half size that overlaps nothing but
    its own point's surroundings.
    """
    others = np.delete(taken, own, axis=0)
    for distance in _DISTANCES:
        for direction in np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1):
            offset = direction * (distance + half)
            low, high = dot + offset - half, dot + offset + half
            inside = (
                frame.x0 <= low[0]
                and frame.y0 <= low[1]
                and high[0] <= frame.x1
                and high[1] <= frame.y1
            )
            if (
                inside
                and not ((others[:, :2] < high) & (low < others[:, 2:]))
                .all(axis=1)
                .any()
            ):
                return offset
    return None
