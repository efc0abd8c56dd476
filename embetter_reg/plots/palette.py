"""One colour and marker a label, the same in every picture.

Register colours are six of Okabe & Ito's and three of Tol's, chosen for the largest smallest difference to
usual, protan and deutan eyes; markers tell labels apart in grey.
"""

from collections.abc import Iterable

from embetter_reg.corpus.registers import MAIN

REGISTER_COLORS = dict(
    zip(
        MAIN,
        ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#882255", "#000000", "#DDCC77", "#332288"),
        strict=True,
    )
)
_OTHER_COLORS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#555555", "#A56A2A")
_MARKERS = "os^vDPX<>p*"
SPACE_COLORS = ("#8C8C8C", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


def label_styles(labels: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return ``{label: (colour, marker)}``: fixed for main registers, by alphabet for other labels.

    Examples
    --------
    >>> from embetter_reg.plots import label_styles
    >>> label_styles(["NA", "IN"])["NA"]
    ('#0072B2', 'o')

    """
    names = set(labels)
    if names <= set(MAIN):
        return {name: (color, _MARKERS[n]) for n, (name, color) in enumerate(REGISTER_COLORS.items()) if name in names}
    return {
        name: (_OTHER_COLORS[n % len(_OTHER_COLORS)], _MARKERS[(n + n // len(_OTHER_COLORS)) % len(_MARKERS)])
        for n, name in enumerate(sorted(names))
    }
