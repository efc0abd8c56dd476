"""The older form of embeddings: TSV with quoted fields and lists written as text."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embetter_reg.corpus._paths import BIG_FIELD, open_text

_LIST_MARKS = str.maketrans(dict.fromkeys("[]'\",", " "))


def is_older_tsv(path: Path) -> bool:
    """Return whether a TSV file is the older form: a column is called ``embed_...``."""
    with open_text(path, errors="replace") as file:
        header = file.readline().rstrip("\r\n").split("\t")
    return any(name.startswith("embed_") for name in header)


def rows_of_older_tsv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line and the fields of each row; labels and predictions are lists."""
    csv.field_size_limit(BIG_FIELD)
    with open_text(path) as file:
        reader = csv.DictReader(file, delimiter="\t")
        for row in reader:
            for name in row:
                if name in ("labels", "preds") or str(name).startswith("preds_"):
                    row[name] = listed(row[name])
            yield reader.line_num, row


def listed(cell: str | None) -> list[str]:
    """Return the items of a list written as text.

    Examples
    --------
    >>> from embetter_reg.corpus.older import listed
    >>> listed("['NA', 'ne']"), listed("[0.1 0.2]"), listed("NA ne")
    (['NA', 'ne'], ['0.1', '0.2'], ['NA', 'ne'])

    """
    if cell in (None, "nan", "None"):
        return []
    return str(cell).translate(_LIST_MARKS).split()
