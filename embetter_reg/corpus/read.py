"""Read documents from the files that corpora come in."""

from collections.abc import Iterable
from os import PathLike
from typing import Any

import pandas as pd

from embetter_reg.corpus._documents import DocumentReader
from embetter_reg.corpus._identity import document_ids
from embetter_reg.corpus._paths import find_files


def read_documents(
    paths: str | PathLike | Iterable[str | PathLike],
    *,
    text_column: str = "text",
    labels_column: str | None = "labels",
    lang_column: str = "lang",
    id_column: str = "id",
    language: str | None = None,
    on_error: str = "raise",
) -> pd.DataFrame:
    r"""Read documents into a DataFrame with columns ``id, lang, labels, text``.

    Reads TSV (with a header, or ``labels<TAB>text``, or ``labels<TAB>id<TAB>text``),
    CSV with a header, JSON lines, Parquet, the first three also as ``.gz`` and
    ``.zst``, a folder of such files, and a Hugging Face dataset saved to disk. What the
    labeling page exports is read, too. TSV fields are taken as they stand: a quotation
    mark is text, and ``NA`` is a register, not a missing value. `iter_documents` reads
    the same in batches.

    Parameters
    ----------
    paths : path or list of paths
        Files or folders, or URLs of them that fsspec reads, such as
        ``s3://bucket/crawl`` (the extra ``remote``). The files of a folder are read, not
        those of its subfolders.
    text_column, lang_column, id_column : str
        Column names; a field inside another is named by its path such as ``page.lang``,
        an item of a list by its number, ``langs.0``. Other columns are kept, and those
        inside ``meta`` are columns. By default ``language`` is read where there is no
        ``lang``. Documents without an id get that of `document_ids`, made of language
        and text.
    labels_column : str or None
        The column of labels, by default also ``label`` or ``register``. Without one, or
        with None, the documents have no labels.
    language : str or None
        Language of documents where neither a column nor the file's name gives one. The
        name gives one as ``fr.tsv``, or beside parts of a corpus (train, dev, val, test,
        more, unseen, emb, embeds, a number) as in ``fr_train.tsv`` or
        ``en.test.jsonl.gz``, by a code of ISO 639-1.
    on_error : {"raise", "skip"}
        What to do about a bad row: raise an error with file and line, or leave it out
        and warn with a count; so also about a file without rows.

    Returns
    -------
    DataFrame
        ``labels`` holds a list of codes a document, as `registers.parse` returns them in
        the scheme in use; ``id`` is a str.

    Warns
    -----
    UserWarning
        If rows or other files of a folder were left out, or languages come from names
        that are more than a language.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If a file is of an unknown kind or damaged, a row is bad, a quotation mark is
        never closed, a column or language is missing, or two documents share an id.
    TypeError
        If ``paths`` is neither a path nor a list of paths.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "fr.tsv"
    >>> _ = path.write_text("NA NE\tLe maire est parti.\n", encoding="utf-8")
    >>> read_documents(path).loc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'id': 'fr-cc1bc6aee4135722', 'lang': 'fr', 'labels': ['NA', 'ne'],
     'text': 'Le maire est parti.'}

    """
    reader = DocumentReader(
        text_column=text_column,
        labels_column=labels_column,
        lang_column=lang_column,
        id_column=id_column,
        language=language,
        on_error=on_error,
    )
    documents: list[dict[str, Any]] = []
    for path in find_files(paths):
        documents.extend(reader.documents(path))
    reader.finish()
    return _identified(pd.DataFrame(documents))


def _identified(table: pd.DataFrame) -> pd.DataFrame:
    """Check the ids that were given, and make the others."""
    is_automatic = table["id"].isna()
    ids = table["id"][~is_automatic]
    repeated = ids[ids.duplicated()]
    if len(repeated):
        raise ValueError(
            f"got the id {repeated.iloc[0]!r} twice, expected one id a document; "
            "rename it, or read each file once"
        )
    rest = table[is_automatic]
    made = document_ids(rest["lang"], rest["text"], taken=set(ids))
    table.loc[is_automatic, "id"] = made
    return table
