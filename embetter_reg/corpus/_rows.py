"""Rows of text files: their places, their lines, and characters that are not there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from embetter_reg.corpus._paths import open_text

_N_CHARACTERS_THAT_DECIDE = 2**20


class Row(NamedTuple):
    """A row's place (``file:line``), and its fields or what is wrong with it."""

    place: str
    fields: dict[str, Any]
    problem: str = ""


def is_unicode(text: str) -> bool:
    """Return whether a text can be written: it has no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield places and lines; bytes that are not UTF-8 are lone surrogates in them."""
    newline = _line_end(path)
    with open_text(path, newline=newline, errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            yield f"{path}:{number}", line.rstrip("\r\n")


def _line_end(path: Path) -> str:
    """Return what ends a line: a line feed, or a carriage return where there is none.

    Where there are line feeds, a carriage return inside a line is part of its text.
    """
    with open_text(path, newline="", errors="replace") as file:
        head = file.read(_N_CHARACTERS_THAT_DECIDE)
    if "\r" in head and "\n" not in head:
        return "\r"
    return "\n"


def not_utf8(place: str) -> Row:
    """Return the row of a line whose bytes are no text."""
    problem = "got bytes that are not UTF-8, expected UTF-8 text; convert the file"
    return Row(place, {}, problem)


def check_header(path: Path, header: Sequence[str]) -> None:
    """Check that a header has each column once, in UTF-8.

    Raises
    ------
    ValueError
        If it does not.

    """
    counts = Counter(name for name in header if name)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(
                f"got {path} with the column {name!r} twice, expected each once; "
                "rename one"
            )
    if not all(map(is_unicode, header)):
        raise ValueError(
            f"got {path} with a header that is not UTF-8, expected UTF-8 text; convert "
            "the file"
        )
