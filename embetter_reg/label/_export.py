"""Labels out and in: JSON lines, CSV, and the columns that bulk and Prodigy use."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from embetter_reg.label._workspace import Workspace, parse_label

KINDS = ("jsonl", "csv", "bulk")
_TEXT, _LABEL, _ID = ("text",), ("label", "labels", "accept"), ("id", "_id")


def export_labels(
    work: Workspace, kind: str = "jsonl", *, round: int | None = None
) -> str:
    """Return the labeled documents as text.

    Parameters
    ----------
    work : Workspace
    kind : {"jsonl", "csv", "bulk"}
        ``"jsonl"``: ``{"text", "label": […], "meta": {"id", "lang", …}}``, which
        Prodigy reads. ``"csv"``: columns ``id, lang, label, text`` and the documents'
        others. ``"bulk"``: columns ``text, x, y, label`` of every document, labeled or
        not, which bulk reads. In both of these, labels of a hybrid are joined by a
        comma.
    round : int or None
        The map whose ``x, y`` are written; None takes the newest.

    Raises
    ------
    ValueError
        If the kind has another name.

    """
    if kind not in KINDS:
        raise ValueError(
            f"got the kind {kind!r}, expected one of {list(KINDS)}; pick one"
        )
    out = io.StringIO(newline="")
    places = (work.last_round if round is None else work.rounds[round]).places
    others = [
        name
        for name in work.documents
        if name not in ("id", "lang", "labels", "label", "text", "x", "y")
    ]
    header = (
        ["text", "x", "y", "label"]
        if kind == "bulk"
        else ["id", "lang", "label", "text", *others]
    )
    table = csv.writer(out, lineterminator="\n")
    if kind != "jsonl":
        table.writerow(header)
    rest = work.documents[others].to_dict("records")
    for row, label in enumerate(work.labels):
        name, lang, text = work.ids[row], str(work.language[row]), work.text[row]
        if kind == "bulk":
            table.writerow(
                [text, *(f"{value:.6g}" for value in places[row]), ", ".join(label)]
            )
        elif label and kind == "csv":
            table.writerow([name, lang, ", ".join(label), text, *rest[row].values()])
        elif label:
            given = work.log.state.last(name)
            meta = {
                "id": name,
                "lang": lang,
                **rest[row],
                "by": given.by if given else None,
            }
            line = {
                "text": text,
                "label": list(label),
                "meta": {k: v for k, v in meta.items() if v is not None},
            }
            out.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    return out.getvalue()


class Imported(NamedTuple):
    """How many documents got a label by an import, and how many rows were of unknown
    documents or without a label.
    """

    n_labeled: int
    n_unknown: int
    n_without: int

    def sentence(self) -> str:
        """Return it in words."""
        left = ""
        if self.n_unknown or self.n_without:
            left = f"; {self.n_unknown:,} rows are of other documents, {self.n_without:,} carry no label"
        return f"{self.n_labeled:,} documents labeled by the import{left}."


def import_labels(
    work: Workspace, content: str | bytes, name: str, *, by: str = "", round: int = 0
) -> Imported:
    """Label documents as a file says: one of `export_labels`, bulk's or Prodigy's.

    Rows find their document by ``id`` (``meta.id``), or else by their text, where no
    other document has the same. Labels stand in ``label``, ``labels`` or Prodigy's
    ``accept``; rows that were rejected or ignored there, count as without a label. All
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
        If the file cannot be read, or no row is of these documents.

    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError:
        raise ValueError(
            f"got {name}, which is not UTF-8, expected UTF-8 text; convert the file"
        ) from None
    n_texts = Counter(work.text)
    row_of_text = {
        text: row for row, text in enumerate(work.text) if n_texts[text] == 1
    }
    found: dict[str, list[str]] = {}
    n_unknown = n_without = 0
    for fields in _rows(text, name):
        meta = fields.get("meta")
        everything = {**(meta if isinstance(meta, dict) else {}), **fields}
        label = _label(everything)
        row = work.row_of.get(
            str(_first(everything, _ID)),
            row_of_text.get(str(_first(everything, _TEXT))),
        )
        if not label:
            n_without += 1
        elif row is None:
            n_unknown += 1
        else:
            found[work.ids[row]] = label
    if not found:
        raise ValueError(
            f"got {name} with {n_unknown} labeled rows of unknown documents and "
            f"{n_without} without a label, expected "
            "labels of these documents; check its columns id or text, and label"
        )
    work.log.import_labels(found, by=by, round=round, source=Path(name).name)
    return Imported(len(found), n_unknown, n_without)


def _rows(text: str, name: str) -> Iterator[dict[str, Any]]:
    if name.lower().endswith((".csv", ".tsv")):
        delimiter = "\t" if name.lower().endswith(".tsv") else ","
        csv.field_size_limit(2**31 - 1)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        if not set(reader.fieldnames or []) & set(_LABEL):
            raise ValueError(
                f"got {name} with the columns {reader.fieldnames}, expected one "
                "called label; rename it"
            )
        yield from reader
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                fields = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{name}:{number}: got invalid JSON ({error.msg}), expected one "
                    "object a line"
                ) from None
            if not isinstance(fields, dict):
                raise ValueError(
                    f"{name}:{number}: got {type(fields).__name__}, expected a JSON "
                    "object; mend the row"
                )
            yield fields


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _label(fields: dict[str, Any]) -> list[str]:
    if fields.get("answer", "accept") != "accept":
        return []
    label = _first(fields, _LABEL)
    if label is None:
        return []
    return parse_label(label)
