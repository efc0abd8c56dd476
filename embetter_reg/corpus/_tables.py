"""Rows of tables: TSV with a header, without one or of the older form, and CSV."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from embetter_reg._files import unescape_formula
from embetter_reg.corpus import registers
from embetter_reg.corpus._paths import BIG_FIELD, open_text
from embetter_reg.corpus._rows import Row, check_header, is_unicode, lines_of, not_utf8
from embetter_reg.corpus.older import is_older_tsv, rows_of_older_tsv

_HEADER_WORDS = {"text", "labels", "label", "register", "id", "lang", "language"}
_WITHOUT_HEADER = {2: ["labels", "text"], 3: ["labels", "id", "text"]}
_N_LINES_THAT_DECIDE = 1000


def tsv_rows(path: Path, names: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a TSV file, of one width; ``names`` may stand in its header."""
    if is_older_tsv(path):
        yield from _documents_of_older_tsv(path)
        return
    lines = lines_of(path)
    first = list(islice(lines, _N_LINES_THAT_DECIDE))
    has_header = bool(first) and _is_header(first[0][1].split("\t"), names)
    if has_header:
        header = first.pop(0)[1].split("\t")
        check_header(path, header)
    else:
        header = _columns_without_header(first)
    for place, line in chain(first, lines):
        cells = line.split("\t")
        if not line:
            continue
        if not is_unicode(line):
            yield not_utf8(place)
        elif len(cells) != len(header):
            yield Row(place, {}, _other_width(len(cells), header, has_header))
        elif any("\r" in cell for cell in cells[:-1]):
            problem = "got a carriage return in a row, expected one row a line; mend it"
            yield Row(place, {}, problem)
        else:
            yield Row(place, _fields(header, cells))


def _documents_of_older_tsv(path: Path) -> Iterator[Row]:
    others = ("embed_", "pred", "vec_")
    for line_number, row in rows_of_older_tsv(path):
        fields = {
            name: value
            for name, value in row.items()
            if name and not name.startswith(others)
        }
        yield Row(f"{path}:{line_number}", fields)


def _is_header(cells: list[str], names: Sequence[str]) -> bool:
    """Return whether a first line names columns.

    A line that begins with register codes is a document, even if its text is "text".
    """
    is_name = [cell in names or cell.lower() in _HEADER_WORDS for cell in cells]
    # A column may be called ID, and the index that pandas writes has no name.
    scheme = registers.current_scheme()
    codes = {*scheme.codes, *scheme.older}
    if set(cells[0].replace(",", " ").split()) <= codes:
        return sum(is_name[1:]) > 1
    return any(is_name)


def _columns_without_header(lines: list[tuple[str, str]]) -> list[str]:
    """Return the columns of the width that most lines have."""
    widths = Counter(line.count("\t") + 1 for _, line in lines if line)
    possible = [width for width, _ in widths.most_common() if width in _WITHOUT_HEADER]
    return _WITHOUT_HEADER[next(iter(possible), 2)]


def _other_width(n_cells: int, header: list[str], has_header: bool) -> str:
    expected = "as in the header"
    if not has_header:
        expected = f"{'<TAB>'.join(header)} as in the other rows"
    return (
        f"got {n_cells} fields, expected {len(header)}, {expected}; mend the row, or "
        "give the file a header"
    )


def csv_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file.

    Raises
    ------
    ValueError
        If a quotation mark is never closed, or the header is wrong.

    """
    csv.field_size_limit(BIG_FIELD)
    header: list[str] = []
    # Bytes that are not UTF-8 become lone surrogates, so that only their row is bad.
    with open_text(path, errors="surrogateescape") as file:
        reader = csv.reader(file, strict=True)
        while True:
            place = f"{path}:{reader.line_num + 1}"
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                _check_closed(place, str(error), header)
                problem = f"got a malformed row ({error}), expected quotation marks"
                yield Row(place, {}, f"{problem} in pairs; mend it")
                continue
            if not header:
                header = cells
                check_header(path, header)
            elif cells:
                yield _csv_row(place, header, cells)


def _csv_row(place: str, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        problem = (
            f"got a row of another width than the header ({len(cells)} fields), "
            f"expected {len(header)}; mend it"
        )
        return Row(place, {}, problem)
    if not all(map(is_unicode, cells)):
        return not_utf8(place)
    return Row(place, _fields(header, [unescape_formula(cell) for cell in cells]))


def _check_closed(place: str, error: str, header: list[str]) -> None:
    """Raise where what follows a wrong quotation mark cannot be read.

    One that is never closed takes in all rows up to the end of the file, and one in the
    header leaves the rows without names.
    """
    if "unexpected end" in error or not header:
        raise ValueError(
            f"{place}: got a quotation mark that is not closed ({error}), expected "
            "them in pairs; close it"
        )


def _fields(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """Return cells by column; the index that pandas wrote has no name and is left out."""
    return {name: cell for name, cell in zip(header, cells, strict=True) if name}
