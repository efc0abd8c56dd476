"""One color and marker a label, the same in every picture.

The nine register colors were searched for the largest smallest CIEDE2000 difference
(20) to usual, protan and deutan eyes; colors of other labels are generated in the same
way. Markers tell labels apart in gray.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from embetter_reg.corpus.registers import MAIN
from embetter_reg.plots._vision import EYES, cielab, color_difference

REGISTER_COLORS = dict(
    zip(
        MAIN,
        (
            "#338CF4",
            "#BB7000",
            "#079C8B",
            "#912600",
            "#41D7E9",
            "#7D2C52",
            "#000000",
            "#F6BB7D",
            "#013DD0",
        ),
        strict=True,
    )
)
SPACE_COLORS = ("#8C8C8C", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
MARKERS = "os^vDPX<>p*"
UNKNOWN, HYBRID = "unknown", "hybrid"
_MOST_COLORS = 512
_APART = {UNKNOWN: ("#CCCCCC", "."), HYBRID: ("#8C8C8C", "h")}
# These languages keep their colors whichever of them are there.
_LANGUAGES = (
    "en",
    "fi",
    "fr",
    "sv",
    "es",
    "tr",
    "ar",
    "zh",
    "pt",
    "ur",
    "fa",
    "hi",
    "id",
    "no",
    "ca",
    "ja",
)


def label_styles(labels: Iterable[str]) -> dict[str, tuple[str, str]]:
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
    names = set(label_names(labels))
    apart = {name: style for name, style in _APART.items() if name in names}
    names -= set(apart)
    if all(main in MAIN for name in names for main in name.split()):
        several = sorted(name for name in names if name not in MAIN)
        apart |= {
            name: (_APART[HYBRID][0], MARKERS[place % len(MARKERS)])
            for place, name in enumerate(several)
        }
        places = {name: place for place, name in enumerate(MAIN) if name in names}
        colors = list(REGISTER_COLORS.values())
    else:
        places = {name: place for place, name in enumerate(_LANGUAGES) if name in names}
        free = (
            place
            for place in range(len(names) + len(_LANGUAGES))
            if place not in places.values()
        )
        places |= dict(zip(sorted(names - set(places)), free, strict=False))
        places = {name: places[name] for name in sorted(names)}
        colors = distinct_colors(max(places.values()) + 1)
    styles = {
        name: (colors[place], MARKERS[place % len(MARKERS)])
        for name, place in places.items()
    }
    return styles | apart


def space_styles(names: Iterable[str], first: int = 0) -> dict[str, dict[str, str]]:
    """Return the color, marker and kind of line of each curve, no two alike among 66;
    ``first`` skips colors.
    """
    found = {}
    for place, name in enumerate(names, first):
        color, marker = (
            SPACE_COLORS[place % len(SPACE_COLORS)],
            MARKERS[place % len(MARKERS)],
        )
        found[name] = {
            "color": color,
            "marker": marker,
            "linestyle": ("-", "--", ":")[place // len(SPACE_COLORS) % 3],
        }
    return found


def label_names(labels) -> np.ndarray:
    """Return labels as an array of str, ``"unknown"`` where one is missing."""
    return np.array(
        [UNKNOWN if name is None or name != name else str(name) for name in labels],
        dtype=object,
    )


def distinct_colors(n: int) -> list[str]:
    """Return ``n`` hex colors as different as can be to usual, protan and deutan eyes;
    fewer are the first of more.

    Each is the candidate whose smallest CIEDE2000 difference to those before it, over
    the three kinds of eyes, is largest. The smallest difference is 13 among 12 colors,
    nearly 8 among 24 and falls from there, so past a few dozen let markers or numbers
    tell labels apart; after 512 colors they come round again.

    Examples
    --------
    >>> from embetter_reg.plots import distinct_colors
    >>> distinct_colors(3)
    ['#0074B9', '#D1D12E', '#464600']

    """
    colors = _distinct_colors(
        next(
            size
            for size in (32, 128, _MOST_COLORS)
            if n <= size or size == _MOST_COLORS
        )
    )
    return [colors[place % len(colors)] for place in range(n)]


@lru_cache
def _distinct_colors(n: int, first=(0.0, 0.45, 0.7)) -> tuple[str, ...]:
    steps = np.linspace(0, 1, 12)
    rgb = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    lab = cielab(rgb)
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    # Neither too pale for white paper nor too dark or dull to have a hue, nor too bright for ink.
    rgb = rgb[(light > 28) & (light < 82) & (chroma > 25) & (chroma < 80)]
    seen = np.stack([cielab(rgb, eye) for eye in EYES])
    chosen, gap = (
        [int(np.linalg.norm(rgb - first, axis=1).argmin())],
        np.full(len(rgb), np.inf),
    )
    while len(chosen) < n:
        gap = np.minimum(
            gap, color_difference(seen, seen[:, None, chosen[-1]]).min(axis=0)
        )
        chosen.append(int(gap.argmax()))
    return tuple(
        "#{:02X}{:02X}{:02X}".format(*row)
        for row in (rgb[chosen] * 255).round().astype(int)
    )
