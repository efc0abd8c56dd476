"""Labels as people write them, and the groups that they are drawn in."""

import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from embetter_reg.corpus.registers import current_scheme, mains, parse

Labels = tuple[str, ...]
NOT_LABELED = "not labeled"
HYBRID = "hybrid"
_CODE = re.compile(r"[A-Za-z]{2,3}")


def parse_label(typed: str | Iterable[str]) -> list[str]:
    """Return typed labels: CORE codes in the scheme's order, with the main registers of
    sub-registers; others as typed.

    Labels are a list, or separated by commas or, where all are CORE codes, by spaces.

    Raises
    ------
    ValueError
        If a label is not text, or a list of CORE codes has an unknown one.

    Examples
    --------
    >>> from embetter_reg.label._labels import parse_label
    >>> parse_label("rv, na"), parse_label("na OP"), parse_label("love letter, spam")
    (['NA', 'OP', 'rv'], ['NA', 'OP'], ['love letter', 'spam'])

    """
    if isinstance(typed, str):
        typed = typed.split(",")
    stripped = [part.strip() for part in _texts(typed) if part.strip()]
    codes = [code for part in stripped for code in _codes(part)]
    try:
        return parse(codes)
    except ValueError:
        return list(dict.fromkeys(codes))


def document_label(value: Any) -> Labels:
    """Return the label that a document came with: a list of labels as it stands, one
    string as `parse_label` reads it, a missing value as no label.
    """
    if value is None or (isinstance(value, float) and value != value):
        return ()
    return read_label(value)


def read_label(value: Any) -> Labels:
    """Return a label from a file: a list as it stands, one string as `parse_label`
    reads it; ValueError for anything else.
    """
    if isinstance(value, str):
        return tuple(parse_label(value))
    return tuple(_texts(value))


def _texts(value: Any) -> list[str]:
    """Return a list of labels, each of which must be text."""
    parts: list[Any] = [None]
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        parts = list(value)
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(
            f"got the label {reprlib.repr(value)}, expected text or a list of texts; "
            "write for example 'NA' or ['NA', 'OP']"
        )
    return parts


def _codes(part: str) -> list[str]:
    """Return CORE codes with their main registers, however they are written; anything
    else as it is.
    """
    for fold in (str, str.upper, str.lower):
        try:
            return parse(fold(part))
        except ValueError:
            continue
    # A main register in capitals begins a list of codes, not a label of somebody's own.
    first, *others = part.split()
    if first in current_scheme().main and all(
        _CODE.fullmatch(other) for other in others
    ):
        unknown = next(other for other in others if not _is_code(other))
        raise ValueError(
            f"got the label {part!r} with the unknown code {unknown!r}, expected CORE "
            "codes; correct it, or put a comma between labels"
        )
    return [part]


def _is_code(part: str) -> bool:
    try:
        parse(part)
    except ValueError:
        return False
    return True


def count_ids(ids: list[str]) -> str:
    """Return how many ids there are, and the first three.

    Examples
    --------
    >>> from embetter_reg.label._labels import count_ids
    >>> count_ids(["a"]), count_ids(list("abcd"))
    ("1 id ('a')", "4 ids ('a', 'b', 'c', …)")

    """
    names = ", ".join(map(repr, ids[:3]))
    if len(ids) > 3:
        names += ", …"
    if len(ids) == 1:
        return f"1 id ({names})"
    return f"{len(ids):,} ids ({names})"


def short(labels: Iterable[str]) -> Labels:
    """Return the main registers of a label; a label outside the scheme is kept as it
    is.

    Examples
    --------
    >>> from embetter_reg.label._labels import short
    >>> short(["NA", "ne", "OP"]), short(["spam"])
    (('NA', 'OP'), ('spam',))

    """
    labels = list(labels)
    parents = current_scheme().parents
    return tuple(label for label in labels if label not in parents or not mains(labels))


def group_of(label: Iterable[str]) -> str:
    """Return the one name that a label is drawn under: hybrids share one."""
    parts = short(label)
    if not parts:
        return NOT_LABELED
    if len(parts) > 1:
        return HYBRID
    return parts[0]


def in_group(label: Iterable[str], group: str) -> bool:
    """Whether a label belongs to a group: a hybrid to those of its parts, too."""
    return group == group_of(label) or group in short(label)
