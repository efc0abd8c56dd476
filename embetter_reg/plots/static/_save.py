"""A figure as a file for screen or print."""

import logging
import os
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from embetter_reg._files import write_atomically
from embetter_reg._validation import check_whole_number
from embetter_reg.plots.static._fonts import font_family

_KINDS = (".png", ".svg", ".pdf")
_USUAL_SIZE = 10.0  # of text, in points
# Letters stay letters: TrueType in PDF, as journals ask, and text elements in SVG.
_TEXT_AS_TEXT: dict[Any, Any] = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "text.parse_math": False,
}
_MISSING = re.compile(r"Glyph (\d+) .*missing from")


def save_figure(
    figure: Figure,
    out: str | os.PathLike,
    *,
    dpi: int = 130,
    width: float | None = None,
    font_size: float | None = None,
    font: str | os.PathLike | None = None,
) -> Path:
    """Write a figure as a PNG, SVG or PDF file, for screen or print.

    Text stays text: fonts are embedded as TrueType in PDF, and SVG holds words.
    Letters that the font lacks are taken from others on this machine. The figure is
    left as it was.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    out : path
        Ends in ``.png``, ``.svg`` or ``.pdf``.
    dpi : int
        Pixels an inch of a PNG.
    width : float or None
        Inches, such as 3.5 for a column of a journal; the height and the points of maps
        follow. None leaves the figure's own.
    font_size : float or None
        Points of usual text; smaller and larger text follows. None is 10.
    font : str, path or None
        The name of an installed font, or a font file.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the file's name ends in something else, a size is not above 0, or there is no
        such font.

    Warns
    -----
    UserWarning
        If no font here has a letter of the figure; it names the script.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.plots import plot_map, save_figure
    >>> figure = plot_map([[0, 0], [1, 1]], ["NA", "HI"]).figure
    >>> save_figure(figure, f"{mkdtemp()}/map.pdf", width=3.5, font_size=8).name
    'map.pdf'

    """
    out = Path(out)
    if out.suffix not in _KINDS:
        raise ValueError(
            f"got {out}, expected a name that ends in one of {', '.join(_KINDS)}; "
            "rename it"
        )
    check_whole_number("dpi", dpi)
    for name, value in (("width", width), ("font_size", font_size)):
        if value is not None and not value > 0:
            raise ValueError(
                f"got {name}={value}, expected a number above 0; pass that"
            )
    size = figure.get_figwidth(), figure.get_figheight()
    texts = figure.findobj(Text)
    before = [(text.get_fontsize(), text.get_fontfamily()) for text in texts]
    points = [
        drawn
        for ax in figure.axes
        for drawn in ax.collections
        if isinstance(drawn, PathCollection)
    ]
    areas = [np.asarray(drawn.get_sizes()) for drawn in points]
    family = font_family(font)
    try:
        if width is not None:
            figure.set_size_inches(width, width * size[1] / size[0])
            for drawn, area in zip(points, areas, strict=True):
                drawn.set_sizes(area * min(1, width / size[0]) ** 2)
        for text in texts:
            text.set_fontfamily(family)
            if font_size is not None:
                usual = float(text.get_fontsize())
                text.set_fontsize(usual * font_size / _USUAL_SIZE)
        _write(figure, out, dpi)
    finally:
        figure.set_size_inches(size)
        for drawn, area in zip(points, areas, strict=True):
            drawn.set_sizes(area)
        for text, (fontsize, fontfamily) in zip(texts, before, strict=True):
            text.set_fontsize(fontsize)
            text.set_fontfamily(fontfamily)
    return out


@contextmanager
def _other_weights() -> Iterator[None]:
    """Take a font for another script in the weight that there is, without a word."""
    log = logging.getLogger("matplotlib.font_manager")

    def tell(record: logging.LogRecord) -> bool:
        return "font weight" not in record.getMessage()

    log.addFilter(tell)
    try:
        yield
    finally:
        log.removeFilter(tell)


def _write(figure: Figure, out: Path, dpi: int) -> None:
    """Write the file, and say once which letters no font has."""
    kind = out.suffix.removeprefix(".")
    with (
        rc_context(_TEXT_AS_TEXT),
        warnings.catch_warnings(record=True) as caught,
        _other_weights(),
    ):
        warnings.simplefilter("always")
        write_atomically(out, lambda draft: figure.savefig(draft, dpi=dpi, format=kind))
    missing = set()
    for warning in caught:
        glyph = _MISSING.match(str(warning.message))
        if glyph:
            missing.add(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if missing:
        scripts = sorted({unicodedata.name(sign, "?").split()[0] for sign in missing})
        warnings.warn(
            f"got {len(missing)} letters that no font here has, such as "
            f"{min(missing)!r} ({', '.join(scripts).lower()}), expected a font for "
            "them; install one, such as Noto Sans, or pass font (--font)",
            stacklevel=3,
        )
