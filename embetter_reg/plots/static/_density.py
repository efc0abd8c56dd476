"""Maps of so many documents that points would cover each other: the density of each
label, mixed by color, and the names of labels where they are densest.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from scipy.ndimage import gaussian_filter

from embetter_reg.corpus.registers import full_name
from embetter_reg.plots.palette import HYBRID, UNKNOWN, label_styles

_CELLS = 250  # along each side
_FAINTEST = 0.35  # opacity of a cell with a single document
_SMOOTH = 4.0  # cells, of the peaks where names stand
_APART = 0.06  # of the map's side, between two names
_OUTLINE = withStroke(linewidth=2.5, foreground="white")


def draw_density(ax: Axes, points: np.ndarray, names: np.ndarray) -> None:
    """Color each cell of a grid by the labels of its documents, as shares of them have
    it, stronger where there are more documents; write each label on its densest place.
    """
    styles = label_styles(names)
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    cells = ((points - low) / span * (_CELLS - 1e-6)).astype(int).clip(0, _CELLS - 1)
    places = cells[:, 1] * _CELLS + cells[:, 0]
    total = np.zeros((_CELLS, _CELLS))
    mixed = np.zeros((_CELLS, _CELLS, 3))
    peaks: list[tuple[str, np.ndarray]] = []
    for label, (color, _) in styles.items():
        inside = places[names == label]
        counts = np.bincount(inside, minlength=_CELLS**2).reshape(_CELLS, _CELLS)
        total += counts
        mixed += counts[:, :, None] * np.array(to_rgb(color))
        # Data of none, for the legend.
        ax.scatter([], [], c=color, marker="s", label=full_name(label))
        if label not in (UNKNOWN, HYBRID):
            smooth = gaussian_filter(counts.astype(float), _SMOOTH)
            row, column = np.unravel_index(smooth.argmax(), smooth.shape)
            peaks.append((label, np.array([column + 0.5, row + 0.5]) / _CELLS))
    filled = total > 0
    mixed[filled] /= total[filled][:, None]
    strength = np.zeros_like(total)
    strength[filled] = np.log1p(total[filled]) / np.log1p(total.max())
    opacity = np.where(filled, _FAINTEST + (1 - _FAINTEST) * strength, 0)
    extent = (low[0], low[0] + span[0], low[1], low[1] + span[1])
    picture = np.concatenate([mixed, opacity[:, :, None]], axis=2)
    ax.imshow(picture, origin="lower", extent=extent, aspect="auto")
    for label, place in _kept_apart(peaks):
        x, y = low + place * span
        text = ax.text(x, y, label, ha="center", va="center", fontsize=9, weight="bold")
        text.set_path_effects([_OUTLINE])


def _kept_apart(
    peaks: list[tuple[str, np.ndarray]],
) -> list[tuple[str, np.ndarray]]:
    """Return names with their places, moved down where another stands already."""
    placed: list[tuple[str, np.ndarray]] = []
    for label, place in sorted(peaks, key=lambda peak: -peak[1][1]):
        while any(np.abs(place - other).max() < _APART for _, other in placed):
            place = place - [0, _APART / 2]
        placed.append((label, place))
    return placed
