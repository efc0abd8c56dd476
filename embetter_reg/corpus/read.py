"""Read documents from the files that corpora come in."""

import csv
import gzip
import json
import math
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg._optional import optional_import
from embetter_reg.corpus import registers
from embetter_reg.corpus._identity import document_ids, id_string

_KINDS = (".tsv", ".csv", ".jsonl", ".parquet")
_HEADER_WORDS = {"text", "labels", "label", "register", "id", "lang", "language"}
_BIG_FIELD = 2**31 - 1
_LIST_MARKS = str.maketrans(dict.fromkeys("[]'\",", " "))
Row = tuple[str, dict[str, Any]]  # where it stands ("file:line"), its fields


def read_documents(
    paths,
    *,
    text_column: str = "text",
    labels_column: str = "labels",
    lang_column: str = "lang",
    id_column: str = "id",
    language: str | None = None,
    on_error: str = "raise",
) -> pd.DataFrame:
    r"""Read documents into a DataFrame with columns ``id, lang, labels, text``.

    Reads TSV (with a header, or ``labels<TAB>text``, or ``labels<TAB>id<TAB>text``),
    CSV with a header, JSON lines, Parquet, the first three also as ``.gz``, a folder of
    such files, and a Hugging Face dataset saved to disk. TSV fields are taken as they
    stand: a quotation mark is text, and ``NA`` is a register, not a missing value.

    Parameters
    ----------
    paths : path or list of paths
        Files or folders.
    text_column, labels_column, lang_column, id_column : str
        Column names. Without labels the documents have none; without ids they get those
        of `document_ids`, made of language and text. Other columns are kept.
    language : str or None
        Language of documents without a ``lang`` column. None takes it from the file's
        name: the two-letter part of ``fr.tsv``, ``emb_fr.tsv``, ``sv_emb.tsv``,
        ``en.train.jsonl.gz``.
    on_error : {"raise", "skip"}
        What to do about a bad row: an error with file and line, or leave it out and
        warn with a count.

    Returns
    -------
    DataFrame
        ``labels`` holds a list of CORE codes a document, as `registers.parse` gives
        them.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If a file is of an unknown kind, a row is bad, a column or language is missing,
        or two documents share an id.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "fr.tsv"
    >>> _ = path.write_text("NA NE\tLe maire est parti.\n", encoding="utf-8")
    >>> read_documents(path).to_dict("records")
    [{'id': 'fr-cc1bc6aee4135722', 'lang': 'fr', 'labels': ['NA', 'ne'], 'text': 'Le maire est parti.'}]

    """
    if on_error not in ("raise", "skip"):
        raise ValueError(
            f"got on_error={on_error!r}, expected 'raise' or 'skip'; pick one"
        )
    columns = {
        "id": id_column,
        "lang": lang_column,
        "labels": labels_column,
        "text": text_column,
    }
    given = {new for new, old in columns.items() if new != old}
    documents: list[dict[str, Any]] = []
    n_skipped, last_error = 0, ""
    for path in _files([paths] if isinstance(paths, str | Path) else list(paths)):
        n_rows = 0
        for item in _rows(path, columns):
            n_rows += 1
            try:
                documents.append(_document(item, path, columns, given, language))
            except _BadRow as error:
                if on_error == "raise":
                    raise ValueError(str(error)) from None
                n_skipped, last_error = n_skipped + 1, str(error)
        if n_rows == 0:
            raise ValueError(
                f"got no rows in {path}, expected at least one document; check the file"
            )
    if n_skipped:
        warnings.warn(
            f"skipped {n_skipped} bad rows; the last: {last_error}", stacklevel=2
        )
    if not documents:
        raise ValueError(
            "got no document that could be read, expected at least one; check the paths"
        )
    frame = pd.DataFrame(documents)
    return _identified(frame)


def _identified(frame: pd.DataFrame) -> pd.DataFrame:
    """Check the ids that were given, and make the others."""
    automatic = frame["id"].isna()
    ids = frame["id"][~automatic]
    repeated = ids[ids.duplicated()]
    if len(repeated):
        raise ValueError(
            f"got the id {repeated.iloc[0]!r} twice, expected one id a document; "
            "rename it, or read each file once"
        )
    rest = frame[automatic]
    frame.loc[automatic, "id"] = document_ids(
        rest["lang"], rest["text"], taken=set(ids)
    )
    return frame


class _BadRow(ValueError):
    """A row that ``on_error`` decides about."""


def _files(paths: Iterable[str | Path]) -> Iterator[Path]:
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(
                f"got {path}, which does not exist, expected a file or folder; check "
                "the path"
            )
        if path.is_file() or _is_saved_dataset(path):
            yield path
            continue
        inside = sorted(
            file for file in path.iterdir() if file.is_file() and _kind(file) in _KINDS
        )
        if not inside:
            raise ValueError(
                f"got the folder {path} with no {', '.join(_KINDS)} file; put one "
                "file a language in it"
            )
        yield from inside


def _kind(path: Path) -> str:
    suffixes = path.suffixes
    if suffixes and suffixes[-1] == ".gz":
        suffixes = suffixes[:-1]
    kind = suffixes[-1] if suffixes else ""
    return ".jsonl" if kind in (".json", ".ndjson") else kind


def _is_saved_dataset(path: Path) -> bool:
    return (path / "state.json").exists() or (path / "dataset_dict.json").exists()


def _rows(path: Path, columns: dict[str, str]) -> Iterator[Row | _BadRow]:
    """Yield each row's place and fields, or what is wrong with it."""
    try:
        yield from _rows_of_kind(path, columns)
    except (gzip.BadGzipFile, EOFError, zlib.error, pa.ArrowInvalid) as error:
        raise ValueError(
            f"got {path}, which is damaged ({error}), expected a whole file of the "
            "kind that its name says; "
            "fetch or write it again"
        ) from error


def _rows_of_kind(path: Path, columns: dict[str, str]) -> Iterator[Row | _BadRow]:
    if path.is_dir():
        yield from _saved_dataset(path)
    elif _kind(path) == ".parquet":
        yield from _parquet(path)
    elif _kind(path) == ".tsv":
        yield from _tsv(path, columns)
    elif _kind(path) == ".csv":
        yield from _csv(path)
    elif _kind(path) == ".jsonl":
        yield from _json_lines(path)
    else:
        raise ValueError(
            f"got {path} of an unknown kind, expected {', '.join(_KINDS)} (also .gz) "
            "or a folder; convert it"
        )


def _lines(path: Path) -> Iterator[tuple[str, str | _BadRow]]:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        for number, raw in enumerate(file, start=1):
            place = f"{path}:{number}"
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                yield place, _not_utf8(place)
            else:
                yield place, line


def _not_utf8(place: str) -> _BadRow:
    return _BadRow(
        f"{place}: got bytes that are not UTF-8, expected UTF-8 text; convert the file"
    )


def _parquet(path: Path) -> Iterator[Row]:
    number = 0
    with pq.ParquetFile(path) as file:
        names = [
            name
            for name in file.schema_arrow.names
            if not name.startswith("__index_level_")
        ]
        for batch in file.iter_batches(batch_size=1024, columns=names):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}:{number}", row


def _csv(path: Path) -> Iterator[Row | _BadRow]:
    csv.field_size_limit(_BIG_FIELD)
    opened = gzip.open if path.suffix == ".gz" else open
    # Bytes that are not UTF-8 come through as lone surrogates, so that only their own row is bad.
    with opened(
        path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=""
    ) as file:
        reader = csv.DictReader(file)
        for row in reader:
            place = f"{path}:{reader.line_num}"
            if None in row or None in row.values():
                yield _BadRow(
                    f"{place}: got a row of another width than the header, expected "
                    "the same; mend it"
                )
            elif re.search(r"[\udc80-\udcff]", "".join([*row, *row.values()])):
                yield _not_utf8(place)
            else:
                yield place, row


def is_older_tsv(path: Path) -> bool:
    """Say whether a TSV file is the older form of embeddings: its header has a column
    ``embed_...``.
    """
    with (gzip.open if path.suffix == ".gz" else open)(
        path, "rt", encoding="utf-8-sig", errors="replace"
    ) as file:
        return any(
            name.startswith("embed_")
            for name in file.readline().rstrip("\r\n").split("\t")
        )


def rows_of_older_tsv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line and fields of the older form of embeddings, whose fields are quoted
    and whose lists are text.
    """
    csv.field_size_limit(_BIG_FIELD)
    with (gzip.open if path.suffix == ".gz" else open)(
        path, "rt", encoding="utf-8-sig", newline=""
    ) as file:
        reader = csv.DictReader(file, delimiter="\t")
        for row in reader:
            for name in row:
                if name in ("labels", "preds") or str(name).startswith("preds_"):
                    row[name] = listed(row[name])
            yield reader.line_num, row


def listed(cell: str | None) -> list[str]:
    """Return the items of a list written as text, such as ``"['NA', 'ne']"``, ``"[0.1
    0.2]"`` or ``"NA ne"``.
    """
    return (
        []
        if cell in (None, "nan", "None")
        else str(cell).translate(_LIST_MARKS).split()
    )


def _tsv(path: Path, columns: dict[str, str]) -> Iterator[Row | _BadRow]:
    if is_older_tsv(path):
        for line_number, row in rows_of_older_tsv(path):
            kept = {
                name: value
                for name, value in row.items()
                if name and not name.startswith(("embed_", "pred", "vec_"))
            }
            yield f"{path}:{line_number}", kept
        return
    header: list[str] | None = None
    for number, (place, line) in enumerate(_lines(path), start=1):
        if isinstance(line, _BadRow):
            yield line
            continue
        fields = line.rstrip("\r\n").split("\t")
        if number == 1 and _is_header(fields, columns):
            header = fields
            continue
        names = header or {2: ["labels", "text"], 3: ["labels", "id", "text"]}.get(
            len(fields)
        )
        if fields == [""]:
            continue
        if names is None or len(names) != len(fields):
            expected = (
                f"{len(header)}, as in the header"
                if header
                else "labels<TAB>text or labels<TAB>id<TAB>text"
            )
            yield _BadRow(
                f"{place}: got {len(fields)} fields, expected {expected}; mend the row"
            )
        else:
            yield place, dict(zip(names, fields, strict=True))


def _is_header(fields: list[str], columns: dict[str, str]) -> bool:
    """Say whether a first line names columns; the register ``ID`` is not the column
    ``id``.
    """
    given = set(columns.values())
    return any(
        field in given
        or (field not in registers.MAIN and field.lower() in _HEADER_WORDS)
        for field in fields
    )


def _json_lines(path: Path) -> Iterator[Row | _BadRow]:
    for place, line in _lines(path):
        if isinstance(line, _BadRow):
            yield line
        elif line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                yield _BadRow(
                    f"{place}: got invalid JSON ({error.msg}), expected one object a "
                    "line; mend the row"
                )
                continue
            yield (
                (place, row)
                if isinstance(row, dict)
                else _BadRow(
                    f"{place}: got {type(row).__name__}, expected a JSON object; mend "
                    "the row"
                )
            )


def _saved_dataset(path: Path) -> Iterator[Row]:
    datasets = optional_import(
        "datasets", package="datasets", purpose="reading a saved Hugging Face dataset"
    )
    loaded = datasets.load_from_disk(str(path))
    parts = loaded.items() if hasattr(loaded, "items") else [(path.name, loaded)]
    for name, part in parts:
        yield from (
            (f"{path}/{name}:{n}", dict(row)) for n, row in enumerate(part, start=1)
        )


def _document(
    item, path: Path, columns: dict[str, str], given: set[str], language
) -> dict[str, Any]:
    """Return one document's fields under our names, or raise `_BadRow`."""
    if isinstance(item, _BadRow):
        raise item
    place, row = item
    needed = given | {"text"}
    absent = [old for new, old in columns.items() if new in needed and old not in row]
    if absent:
        raise _BadRow(
            f"{place}: got no column {absent[0]!r} among {list(row)}, expected it; "
            "name the column that holds it"
        )
    text, codes = row[columns["text"]], _value(row, columns["labels"])
    if not isinstance(text, str):
        raise _BadRow(
            f"{place}: got no text, expected a str (it may be empty); mend or drop "
            "the row"
        )
    try:
        labels = [] if codes is None else registers.parse(codes)
    except (TypeError, ValueError) as error:
        raise _BadRow(f"{place}: {error}") from None
    ours = {
        "id": _identifier(row, columns["id"], place),
        "lang": _value(row, columns["lang"]) or language or _language_of(path, place),
        "labels": labels,
        "text": text,
    }
    return ours | {
        key: value
        for key, value in row.items()
        if key not in columns.values() and key not in ours
    }


def _value(row: dict[str, Any], column: str) -> Any:
    """Return a field; None where it is absent or NaN."""
    value = row.get(column)
    return None if isinstance(value, float) and math.isnan(value) else value


def _identifier(row: dict[str, Any], column: str, place: str) -> str | None:
    """Return the id that a row gives; None where it gives none."""
    value = _value(row, column)
    if value is None or value == "":
        return None
    try:
        return id_string(value)
    except TypeError as error:
        raise _BadRow(f"{place}: {error}") from None


def _language_of(path: Path, place: str) -> str:
    parts = [
        part
        for part in re.split(r"[._-]", path.name)
        if re.fullmatch("[a-z]{2}", part) and part != "gz"
    ]
    if len(parts) != 1:
        raise ValueError(
            f"{place}: got no language, expected a 'lang' column or a file name such "
            "as fr.tsv; pass language="
        )
    return parts[0]
