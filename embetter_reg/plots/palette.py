"""One color and marker a label, the same in every picture.

A scheme has colors of its own; colors of other labels are generated for the largest
smallest CIEDE2000 difference to usual, protan and deutan eyes. Markers distinguish
labels in gray.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from embetter_reg._validation import check_sequence
from embetter_reg.corpus.registers import current_scheme
from embetter_reg.plots._vision import EYES, cielab, color_difference

SPACE_COLORS = ("#8C8C8C", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
LINE_STYLES = ("-", "--", ":")
MARKERS = "os^vDPX<>p*"
UNKNOWN = "unknown"
HYBRID = "hybrid"
_HYBRID_COLOR = "#8C8C8C"
_OUTSIDE = {UNKNOWN: ("#CCCCCC", "."), HYBRID: (_HYBRID_COLOR, "h")}
# These languages keep their colors whichever of them are there.
_LANGUAGES = (
    *("en", "fi", "fr", "sv", "es", "tr", "ar", "zh"),
    *("pt", "ur", "fa", "hi", "id", "no", "ca", "ja"),
)
_SIZES = (32, 128, 512)  # palettes are made in these sizes, so that fewer colors agree


def label_styles(labels: Iterable[str | None]) -> dict[str, tuple[str, str]]:
    """Return ``{label: (color, marker)}`` in the order of a legend.

    Main registers and common languages always look the same, hybrids are gray; other
    labels have what is free, by alphabet. A missing label (None or NaN) is
    ``"unknown"``.

    Examples
    --------
    >>> from embetter_reg.plots import label_styles
    >>> label_styles(["HI", None, "NA"])
    {'NA': ('#338CF4', 'o'), 'HI': ('#41D7E9', 'D'), 'unknown': ('#CCCCCC', '.')}

    """
    check_sequence("labels", labels)
    names = set(label_names(labels))
    last = {name: style for name, style in _OUTSIDE.items() if name in names}
    names -= set(last)
    main = current_scheme().main
    if all(part in main for name in names for part in name.split()):
        places = {name: place for place, name in enumerate(main) if name in names}
        colors = register_colors()
        several = sorted(names - set(places))
        for place, name in enumerate(several):
            last[name] = (_HYBRID_COLOR, MARKERS[place % len(MARKERS)])
    else:
        places = _places_of_languages(names)
        colors = distinct_colors(max(places.values()) + 1)
    styles = {}
    for name, place in places.items():
        styles[name] = (colors[place], MARKERS[place % len(MARKERS)])
    return styles | last


def register_colors() -> list[str]:
    """Return a color for each main register of the scheme in use: its own, or else one
    that is free.
    """
    scheme = current_scheme()
    colors = dict(scheme.colors)
    candidates = distinct_colors(2 * len(scheme.main))
    for name in scheme.main:
        if name not in colors:
            colors[name] = _farthest(candidates, list(colors.values()))
    return [colors[name] for name in scheme.main]


def _farthest(candidates: list[str], taken: list[str]) -> str:
    """Return the candidate that is least like any taken color; the first of equals."""
    if not taken:
        return candidates[0]
    differences = color_difference(
        cielab(_rgb(candidates))[:, None], cielab(_rgb(taken))[None]
    )
    return candidates[int(differences.min(axis=1).argmax())]


def _rgb(colors: Iterable[str]) -> np.ndarray:
    """Return hex colors as an array ``(n_colors, 3)`` in [0, 1]."""
    values = [[int(color[n : n + 2], 16) for n in (1, 3, 5)] for color in colors]
    return np.array(values) / 255


def drawing_order(labels: Iterable[str]) -> list[str]:
    """Return labels in the order to draw them: unknown ones first, below the others."""
    return sorted(labels, key=lambda label: label != UNKNOWN)


def _places_of_languages(names: set[str]) -> dict[str, int]:
    """Return each label's place in the palette: fixed for a common language."""
    fixed = {name: place for place, name in enumerate(_LANGUAGES) if name in names}
    n_places = len(names) + len(_LANGUAGES)
    free = (place for place in range(n_places) if place not in fixed.values())
    others = dict(zip(sorted(names - set(fixed)), free, strict=False))
    return dict(sorted((fixed | others).items()))


def space_styles(names: Iterable[str], first: int = 0) -> dict[str, dict[str, str]]:
    """Return the color, marker and line style of each curve, no two alike among 66.

    ``first`` skips colors.
    """
    styles = {}
    for place, name in enumerate(names, first):
        styles[name] = {
            "color": SPACE_COLORS[place % len(SPACE_COLORS)],
            "marker": MARKERS[place % len(MARKERS)],
            "linestyle": LINE_STYLES[place // len(SPACE_COLORS) % len(LINE_STYLES)],
        }
    return styles


def label_names(labels: Iterable) -> np.ndarray:
    """Return labels as an array of str, ``"unknown"`` where one is missing."""
    names = []
    for label in labels:
        is_missing = label is None or label != label
        names.append(UNKNOWN if is_missing else str(label))
    return np.array(names, dtype=object)


def distinct_colors(n: int) -> list[str]:
    """Return ``n`` hex colors that usual, protan and deutan eyes tell apart.

    Each is the candidate whose smallest CIEDE2000 difference to those before it, over
    the three kinds of eyes, is largest; fewer colors are the first of more. The
    smallest difference is 13 among 12 colors, nearly 8 among 24 and falls from there,
    so past a few dozen let markers or numbers distinguish labels; after 512 colors
    they come round again.

    Parameters
    ----------
    n : int

    Raises
    ------
    ValueError
        If ``n`` is no whole number of at least 0.

    Examples
    --------
    >>> from embetter_reg.plots import distinct_colors
    >>> distinct_colors(3)
    ['#0074B9', '#D1D12E', '#464600']

    """
    if not isinstance(n, int | np.integer) or n < 0:
        raise ValueError(
            f"got n={n!r}, expected a whole number of at least 0; pass how many colors"
        )
    size = next((size for size in _SIZES if n <= size), _SIZES[-1])
    colors = _palette(size)
    return [colors[place % size] for place in range(n)]


@lru_cache
def _palette(n: int) -> tuple[str, ...]:
    """Return ``n`` colors, each as far as can be from those before it."""
    steps = np.linspace(0, 1, 12)
    rgb = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    lab = cielab(rgb)
    lightness = lab[:, 0]
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    # Neither too pale for white paper, nor too dark or dull to have a hue, nor too
    # bright for ink.
    usable = (lightness > 28) & (lightness < 82) & (chroma > 25) & (chroma < 80)
    rgb = rgb[usable]
    appearance = np.stack([cielab(rgb, eye) for eye in EYES])
    first_color = (0.0, 0.45, 0.7)
    chosen = [int(np.linalg.norm(rgb - first_color, axis=1).argmin())]
    gaps = np.full(len(rgb), np.inf)
    while len(chosen) < n:
        newest = appearance[:, None, chosen[-1]]
        gaps = np.minimum(gaps, color_difference(appearance, newest).min(axis=0))
        chosen.append(int(gaps.argmax()))
    levels = (rgb[chosen] * 255).round().astype(int)
    return tuple("#{:02X}{:02X}{:02X}".format(*row) for row in levels)
