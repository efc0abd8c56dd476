"""Fonts for text in any script."""

import os
from pathlib import Path

from matplotlib import font_manager, rcParams

# Of the usual systems; matplotlib takes a letter from the first that has it.
_FALLBACKS = (
    *("Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR"),
    *("Noto Sans Arabic", "Noto Naskh Arabic", "Noto Sans Hebrew", "Noto Sans Thai"),
    *("Noto Sans Devanagari", "Lohit Devanagari", "Noto Sans Bengali"),
    *("Noto Sans Tamil", "Noto Sans Telugu", "Noto Sans Georgian"),
    *("Noto Sans Armenian", "Noto Sans Ethiopic", "Source Han Sans SC"),
    *("WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Geeza Pro", "Kohinoor Devanagari", "Thonburi", "Microsoft YaHei"),
    *("Yu Gothic", "Malgun Gothic", "Nirmala UI", "Mangal", "Leelawadee UI"),
    *("Arial Unicode MS", "FreeSans", "Unifont"),
)


def font_family(font: str | os.PathLike | None = None) -> list[str]:
    """Return the fonts to take letters from, in this order: ``font``, those that
    matplotlib is set to, and what this machine has for other scripts.

    Parameters
    ----------
    font : str, path or None
        The name of an installed font, or a font file.

    Raises
    ------
    ValueError
        If there is no such font.

    """
    usual = rcParams["font.family"]
    installed = set(font_manager.get_font_names())
    others = [name for name in _FALLBACKS if name in installed and name not in usual]
    if font is None:
        return [*usual, *others]
    return [_find(font, installed), *usual, *others]


def _find(font: str | os.PathLike, installed: set[str]) -> str:
    """Return the name of a font that is installed or lies in a file."""
    if str(font) in installed:
        return str(font)
    path = Path(font)
    if path.is_file():
        try:
            font_manager.fontManager.addfont(path)
            return font_manager.FontProperties(fname=path).get_name()
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"got the font {str(font)!r}, a file that is no font ({error}), "
                "expected a .ttf, .otf or .ttc file; pass one"
            ) from error
    similar = sorted(
        name for name in installed if str(font).lower().split()[0] in name.lower()
    )
    advice = f"; such as {similar[0]!r}" if similar else ""
    raise ValueError(
        f"got the font {str(font)!r}, expected the name of an installed font or a font "
        f"file{advice}"
    )
