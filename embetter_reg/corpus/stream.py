"""Documents of files in batches, for corpora that no memory holds."""

from collections.abc import Iterable, Iterator
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from embetter_reg._validation import check_whole_number
from embetter_reg.corpus._documents import DocumentReader
from embetter_reg.corpus._identity import document_id
from embetter_reg.corpus._paths import find_files
from embetter_reg.corpus._seen import StreamIds


def iter_documents(
    paths: str | PathLike | Iterable[str | PathLike],
    batch_size: int = 1000,
    *,
    text_column: str = "text",
    labels_column: str | None = "labels",
    lang_column: str = "lang",
    id_column: str = "id",
    language: str | None = None,
    on_error: str = "raise",
) -> Iterator[pd.DataFrame]:
    r"""Yield the documents of `read_documents` in batches.

    A batch is held in memory, and of the documents before it 8 bytes each, by which ids
    that come twice are noticed. Parquet is read by row group.

    Parameters
    ----------
    paths : path or list of paths
        Files or folders, as in `read_documents`.
    batch_size : int
        Documents in a batch; the last one of each file may have fewer.
    text_column, labels_column, lang_column, id_column, language, on_error
        As in `read_documents`.

    Yields
    ------
    DataFrame
        As `read_documents` returns it; a batch has the columns of its own documents.
        Ids are the same, but that an automatic one is numbered only for documents
        before it: a later id of the same spelling is an error.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        As `read_documents` raises it, once the bad row is reached.
    TypeError
        If ``paths`` is neither a path nor a list of paths, or ``batch_size`` no whole
        number.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.corpus import iter_documents
    >>> path = Path(mkdtemp()) / "en.tsv"
    >>> _ = path.write_text("NA\tOne.\nHI\tTwo.\nOP\tThree.\n", encoding="utf-8")
    >>> [batch["text"].tolist() for batch in iter_documents(path, 2)]
    [['One.', 'Two.'], ['Three.']]

    """
    check_whole_number("batch_size", batch_size)
    reader = DocumentReader(
        text_column=text_column,
        labels_column=labels_column,
        lang_column=lang_column,
        id_column=id_column,
        language=language,
        on_error=on_error,
    )
    return _batches(reader, find_files(paths), batch_size)


def iter_input(file: Path, batch_size: int, **reading: Any) -> Iterator[pd.DataFrame]:
    """Yield the documents of one file of many, as `iter_documents` does; where bad rows
    are skipped, there may be none.

    Raises
    ------
    ValueError
        As `iter_documents` raises it, or if the system cannot read the file.

    """
    may_be_empty = reading.get("on_error") == "skip"
    try:
        yield from _batches(DocumentReader(**reading), [file], batch_size, may_be_empty)
    except OSError as error:  # not to be taken for one of writing
        raise unreadable(file, error) from error


def unreadable(file: Path, error: OSError) -> ValueError:
    """Return the error of a file that the system cannot read."""
    return ValueError(
        f"got {file}, which cannot be read ({error.strerror or error}), expected the "
        "file that was there at first; put it back, and run the task again"
    )


def _batches(
    reader: DocumentReader,
    files: list[Path],
    batch_size: int,
    may_be_empty: bool = False,
) -> Iterator[pd.DataFrame]:
    ids = StreamIds()
    for file in files:
        documents = reader.documents(file)
        while batch := list(islice(documents, batch_size)):
            given = [document["id"] for document in batch]
            automatic = given  # of which none is needed, mostly
            if None in given:
                automatic = [document_id(row["lang"], row["text"]) for row in batch]
            yield pd.DataFrame(batch).assign(id=ids.identify(given, automatic))
    reader.finish(may_be_empty=may_be_empty)
