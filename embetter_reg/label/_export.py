"""Labels out and in: JSON lines, CSV, and the columns that bulk and Prodigy use."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from embetter_reg._files import escape_formula, unescape_formula
from embetter_reg.label._labels import Labels, count_ids, parse_label
from embetter_reg.label._workspace import Workspace

KINDS = ("jsonl", "csv", "bulk")
_OWN_COLUMNS = ("id", "lang", "labels", "label", "text", "x", "y")
_TEXT = ("text",)
_LABEL = ("label", "labels", "accept")
_ID = ("id", "_id")


def export_labels(
    work: Workspace, kind: str = "jsonl", *, round: int | None = None
) -> str:
    """Return the labeled documents as text, which `import_labels` reads, and
    `read_documents` where labels are those of the CORE scheme.

    Missing values are left out of JSON and empty in CSV. In CSV, text that a
    spreadsheet would take for a formula (``=``, ``+``, ``-``, ``@``, a tab or a
    carriage return first) has an apostrophe before it, which reading takes off.

    Parameters
    ----------
    work : Workspace
    kind : {"jsonl", "csv", "bulk"}
        ``"jsonl"``: ``{"text", "label": […], "meta": {"id", "lang", …}}``, which
        Prodigy reads. ``"csv"``: columns ``id, lang, label, text`` and the documents'
        others. ``"bulk"``: columns ``text, x, y, label`` of every document, labeled or
        not, which bulk reads, and ``id, lang``. In both of these, labels of a hybrid
        are joined by a comma.
    round : int or None
        The map whose ``x, y`` are written; None takes the newest.

    Raises
    ------
    ValueError
        If there is no such kind or round.

    """
    if kind not in KINDS:
        raise ValueError(
            f"got the kind {kind!r}, expected one of {list(KINDS)}; pick one"
        )
    if round is not None and round not in work.rounds:
        raise ValueError(
            f"got round {round!r}, expected one of {sorted(work.rounds)}; pick one"
        )
    if kind == "jsonl":
        return _json_lines(work)
    if kind == "csv":
        return _labeled_csv(work)
    return _bulk_csv(work, round)


def _json_lines(work: Workspace) -> str:
    others = _other_columns(work)
    lines = []
    for row, label in enumerate(work.labels):
        if not label:
            continue
        meta = {
            "id": work.ids[row],
            "lang": str(work.language[row]),
            **others[row],
        }
        last = work.log.state.last(work.ids[row])
        if last is not None:
            meta["by"] = last.by
        fields = {
            "text": work.text[row],
            "label": list(label),
            "meta": {name: x for name, x in meta.items() if x is not None},
        }
        lines.append(json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n")
    return "".join(lines)


def _labeled_csv(work: Workspace) -> str:
    others = _other_columns(work)
    header = ["id", "lang", "label", "text", *others[0]]
    rows = [
        [
            work.ids[row],
            str(work.language[row]),
            ", ".join(label),
            work.text[row],
            *others[row].values(),
        ]
        for row, label in enumerate(work.labels)
        if label
    ]
    return _csv(header, rows)


def _bulk_csv(work: Workspace, number: int | None) -> str:
    one = work.last_round
    if number is not None:
        one = work.rounds[number]
    rows = []
    for row, label in enumerate(work.labels):
        x, y = (float(f"{value:.6g}") for value in one.places[row])
        language = str(work.language[row])
        text = work.text[row]
        rows.append([text, x, y, ", ".join(label), work.ids[row], language])
    return _csv(["text", "x", "y", "label", "id", "lang"], rows)


def _csv(header: list[str], rows: list[list[Any]]) -> str:
    out = io.StringIO(newline="")
    # With "\n" alone, csv would leave a carriage return in a text unquoted.
    table = csv.writer(out, lineterminator="\r\n")
    for row in [header, *rows]:
        table.writerow([escape_formula(value) for value in row])
    return out.getvalue()


def _other_columns(work: Workspace) -> list[dict[str, Any]]:
    """Return what documents have beside their own columns, as plain values."""
    names = [name for name in work.documents if name not in _OWN_COLUMNS]
    records = work.documents[names].to_dict("records")
    return [
        {str(name): _plain(value) for name, value in record.items()}
        for record in records
    ]


def _plain(value: Any) -> Any:
    """Return a value that JSON has: numpy's become Python's, missing ones None,
    infinities and other objects text.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(each) for each in value]
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if isinstance(value, str | int | float | bool):
        return value
    return str(value)


class Imported(NamedTuple):
    """How many documents got a label by an import, and what became of the other rows.

    Attributes
    ----------
    n_labeled : int
    n_unknown : int
        Rows of unknown documents.
    n_without : int
        Rows without a label.
    other_texts : list of str
        Ids that are known here with another text; their rows were left out.
    conflicts : list of str
        Ids with several rows whose labels differ; they were left as they are.
    n_changed : int
        How many of the labeled documents had another label before.

    """

    n_labeled: int
    n_unknown: int
    n_without: int
    other_texts: list[str]
    conflicts: list[str]
    n_changed: int

    def sentence(self) -> str:
        """Return it in words."""
        parts = [f"{self.n_labeled:,} documents labeled by the import"]
        if self.n_changed:
            parts.append(f"{self.n_changed:,} of them had another label before")
        if self.n_unknown or self.n_without:
            parts.append(
                f"{self.n_unknown:,} rows are of other documents, "
                f"{self.n_without:,} carry no label"
            )
        if self.other_texts:
            parts.append(
                f"{count_ids(self.other_texts)} with the text of another document, left out"
            )
        if self.conflicts:
            parts.append(
                f"{count_ids(self.conflicts)} with several labels in the file, left as "
                "they are"
            )
        return "; ".join(parts) + "."


def import_labels(
    work: Workspace,
    content: str | bytes,
    name: str,
    *,
    by: str = "",
    round: int = 0,
) -> Imported:
    """Label documents from a file: one of `export_labels`, bulk's or Prodigy's.

    Rows find their document by ``id`` (``meta.id``), and where they have a text, it
    must be that document's; rows without an id find it by their text, where no other
    document has the same. Labels stand in ``label``, ``labels`` or Prodigy's
    ``accept``; rows that were rejected or ignored there count as without a label. All
    of it is one action, which one undo takes back.

    Parameters
    ----------
    work : Workspace
    content : str or bytes
        UTF-8.
    name : str
        The file's name; ``.csv`` and ``.tsv`` are tables, all others JSON lines.
    by : str
    round : int

    Raises
    ------
    ValueError
        If the file cannot be read, a label is not text, or no row is of these
        documents.

    """
    try:
        if isinstance(content, bytes):
            content = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(
            f"got {name}, which is not UTF-8, expected UTF-8 text; convert the file"
        ) from None
    finder = _Finder(work)
    rows: dict[int, set[Labels]] = {}
    other_texts: dict[str, None] = {}
    n_unknown = n_without = 0
    for place, fields in _rows(content, name):
        label = _label(place, fields)
        row = finder.row(fields)
        if not label:
            n_without += 1
        elif row is None:
            n_unknown += 1
        elif not finder.has_text(row, fields):
            other_texts[work.ids[row]] = None
        else:
            rows.setdefault(row, set()).add(label)
    conflicts = [work.ids[row] for row, labels in rows.items() if len(labels) > 1]
    agreed = {row: labels.pop() for row, labels in rows.items() if len(labels) == 1}
    if not agreed:
        raise ValueError(
            f"got {name} with {n_unknown} labeled rows of unknown documents, "
            f"{len(other_texts)} with the text of another document, {len(conflicts)} "
            f"documents with several labels and {n_without} rows without a label, "
            "expected labels of these documents; check its columns id or text, and "
            "label"
        )
    n_changed = sum(
        work.labels[row] not in ((), label) for row, label in agreed.items()
    )
    labels = {work.ids[row]: list(label) for row, label in agreed.items()}
    work.log.import_labels(labels, by=by, round=round, source=Path(name).name)
    return Imported(
        len(agreed), n_unknown, n_without, list(other_texts), conflicts, n_changed
    )


class _Finder:
    """Finds the document that a row is of."""

    def __init__(self, work: Workspace):
        self._work = work
        texts = [_folded(text) for text in work.text]
        n_texts = Counter(texts)
        self._row_of_text = {
            text: row for row, text in enumerate(texts) if n_texts[text] == 1
        }

    def row(self, fields: Mapping[str, Any]) -> int | None:
        """Return the row of the document with this id, or else with this text."""
        row = self._work.row_of.get(str(_first(fields, _ID)))
        text = _first(fields, _TEXT)
        if row is not None or not isinstance(text, str):
            return row
        for candidate in (text, unescape_formula(text)):
            row = self._row_of_text.get(_folded(candidate))
            if row is not None:
                return row
        return None

    def has_text(self, row: int, fields: Mapping[str, Any]) -> bool:
        """Whether a row's text, if it has one, is that of the document."""
        text = _first(fields, _TEXT)
        if text is None:
            return True
        if not isinstance(text, str):
            return False
        texts = {_folded(text), _folded(unescape_formula(text))}
        return _folded(self._work.text[row]) in texts


def _folded(text: str) -> str:
    """Return a text by which it is told from others: editors of tables change spaces
    and the ends of lines.
    """
    return " ".join(text.split())


def _rows(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row's place and fields, those of ``meta`` among them."""
    if name.lower().endswith((".csv", ".tsv")):
        yield from _table_rows(text, name)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{place}: got invalid JSON ({error.msg}), expected one object a line; "
                "mend the row"
            ) from None
        except RecursionError:
            raise ValueError(
                f"{place}: got deeply nested JSON, expected one object a line; mend "
                "the row"
            ) from None
        if not isinstance(fields, dict):
            raise ValueError(
                f"{place}: got {type(fields).__name__}, expected a JSON object; mend "
                "the row"
            )
        meta = fields.get("meta")
        if isinstance(meta, dict):
            fields = {**meta, **fields}
        yield place, fields


def _table_rows(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    delimiter = ","
    if name.lower().endswith(".tsv"):
        delimiter = "\t"
    csv.field_size_limit(2**31 - 1)
    stream = io.StringIO(text, newline="")
    reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
    try:
        header = reader.fieldnames or []
        if not set(header) & set(_LABEL):
            raise ValueError(
                f"got {name} with the columns {header}, expected one called label; "
                "rename it"
            )
        for fields in reader:
            place = f"{name}:{reader.line_num}"
            if None in fields or None in fields.values():
                raise ValueError(
                    f"{place}: got a row of another width than the header, expected "
                    "the same; mend it"
                )
            yield place, dict(fields)
    except csv.Error as error:
        raise ValueError(
            f"{name}:{reader.line_num}: got a row that cannot be read ({error}), "
            "expected quotes in pairs; mend it"
        ) from None


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _label(place: str, fields: Mapping[str, Any]) -> Labels:
    """Return the label of a row; none where there is none or it was not accepted."""
    value = _first(fields, _LABEL)
    if value is None or fields.get("answer", "accept") != "accept":
        return ()
    try:
        return tuple(parse_label(unescape_formula(value)))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
