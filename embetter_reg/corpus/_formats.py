"""Rows of the formats that documents come in: TSV, CSV, JSON lines, Parquet, datasets."""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg._optional import optional_import
from embetter_reg.corpus._paths import KINDS, kind_of
from embetter_reg.corpus._rows import Row, check_header, is_unicode, lines_of, not_utf8
from embetter_reg.corpus._tables import csv_rows, tsv_rows


def rows_of(path: Path, names: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a file; ``names`` are the columns that a TSV header may have.

    Raises
    ------
    ValueError
        If the file is damaged or of an unknown kind, or a column stands in it twice.

    """
    try:
        yield from _rows_of_kind(path, names)
    except (gzip.BadGzipFile, EOFError, zlib.error, pa.ArrowInvalid) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is not None:  # the system's, not the decompressor's
            raise
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"got {path}, which is damaged ({error}), expected a whole file of the kind "
        "that its name says; fetch or write it again"
    )


def _rows_of_kind(path: Path, names: Sequence[str]) -> Iterator[Row]:
    kind = kind_of(path)
    if path.is_dir():
        yield from _saved_dataset(path)
    elif kind == ".parquet":
        yield from _parquet(path)
    elif kind == ".tsv":
        yield from tsv_rows(path, names)
    elif kind == ".csv":
        yield from csv_rows(path)
    elif kind == ".jsonl":
        yield from _json_lines(path)
    else:
        raise ValueError(
            f"got {path} of an unknown kind, expected {', '.join(KINDS)} (also .gz and "
            ".zst) or a folder; convert it"
        )


def _json_lines(path: Path) -> Iterator[Row]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    for place, line in lines_of(path):
        if not is_unicode(line):
            yield not_utf8(place)
        elif line and not line.isspace():
            yield _json_row(place, line, decoder)


def _json_row(place: str, line: str, decoder: json.JSONDecoder) -> Row:
    problem = ""
    try:
        fields = decoder.decode(line)
    except json.JSONDecodeError as error:
        problem = f"got invalid JSON ({error.msg})"
    except RecursionError:
        problem = "got JSON nested too deeply"
    except ValueError as error:
        problem = f"got invalid JSON ({error})"
    else:
        if isinstance(fields, dict):
            return Row(place, fields)
        problem = f"got {type(fields).__name__}"
    return Row(place, {}, f"{problem}, expected one JSON object a line; mend the row")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {name!r} twice")
    return fields


def _parquet(path: Path) -> Iterator[Row]:
    number = 0
    with path.open("rb") as opened, pq.ParquetFile(opened) as file:
        names = file.schema_arrow.names
        check_header(path, names)
        names = [name for name in names if not name.startswith("__index_level_")]
        for batch in file.iter_batches(batch_size=1024, columns=names):
            for fields in batch.to_pylist():
                number += 1
                yield Row(f"{path}:{number}", fields)


def _saved_dataset(path: Path) -> Iterator[Row]:
    datasets = optional_import(
        "datasets", package="datasets", purpose="reading a saved Hugging Face dataset"
    )
    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # each damaged file raises its own
        raise ValueError(
            f"got {path}, a saved dataset that cannot be read "
            f"({type(error).__name__}: {error}), expected what save_to_disk wrote; "
            "save it again"
        ) from error
    parts = {path.name: loaded}
    if hasattr(loaded, "items"):
        parts = dict(loaded)
    for name, part in parts.items():
        for number, fields in enumerate(part, start=1):
            yield Row(f"{path}/{name}:{number}", dict(fields))
