"""Which section of the method page tells about which figure."""

import re

_SECTIONS = {
    "Silhouettes": ("register silhouette", "language silhouette"),
    "BRAS: do languages mix inside a register?": ("BRAS",),
    "Neighbors": (
        *("cLISI", "iLISI", "CiLISI", "kBET", "graph connectivity"),
        *("purity", "purity null"),
    ),
    "Finding one's register in other languages": (
        "mean average precision",
        "wrong beats right",
    ),
    "Probes": (
        *("register probe, linear", "register probe, mlp"),
        *("language probe, linear", "language probe, mlp"),
        *("left-out language, micro F1", "left-out language, macro F1"),
    ),
}
FIGURE_METHODS = {
    figure: heading for heading, figures in _SECTIONS.items() for figure in figures
}


def anchor(heading: str) -> str:
    """Return a heading's anchor on the documentation site.

    Examples
    --------
    >>> anchor("Finding one's register in other languages")
    'finding-ones-register-in-other-languages'

    """
    letters = re.sub(r"[^\w\s-]", "", heading).strip().lower()
    return re.sub(r"[\s-]+", "-", letters)
