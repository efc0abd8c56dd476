"""Read documents from the files that corpora come in."""

import math
import warnings
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from embetter_reg._validation import check_choice
from embetter_reg.corpus import registers
from embetter_reg.corpus._formats import rows_of
from embetter_reg.corpus._identity import document_ids, id_string
from embetter_reg.corpus._paths import (
    find_files,
    is_language_alone,
    language_of_name,
    shortened,
)
from embetter_reg.corpus._rows import Row, is_unicode

# Other names of our columns, in the order in which they are looked for.
_ALIASES = {"labels": ("label", "register"), "lang": ("language",)}


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
    CSV with a header, JSON lines, Parquet, the first three also as ``.gz``, a folder of
    such files, and a Hugging Face dataset saved to disk. What the labeling page exports
    is read, too. TSV fields are taken as they stand: a quotation mark is text, and
    ``NA`` is a register, not a missing value.

    Parameters
    ----------
    paths : path or list of paths
        Files or folders. The files of a folder are read, not those of its subfolders.
    text_column, lang_column, id_column : str
        Column names. Other columns are kept, and those inside ``meta`` are columns. By
        default ``language`` is read where there is no ``lang``. Documents without an id
        get that of `document_ids`, made of language and text.
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
        and warn with a count.

    Returns
    -------
    DataFrame
        ``labels`` holds a list of CORE codes a document, as `registers.parse` returns
        them; ``id`` is a str.

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
    check_choice("on_error", on_error, ("raise", "skip"))
    columns = _check_columns(
        id=id_column, lang=lang_column, labels=labels_column, text=text_column
    )
    if language is not None and not (isinstance(language, str) and language):
        raise ValueError(
            f"got language={language!r}, expected a code such as 'fi' or None; pass one"
        )
    documents: list[dict[str, Any]] = []
    problems: list[str] = []
    named = _NamedLanguages(language)
    for path in find_files(paths):
        n_rows = 0
        for row in rows_of(path, [name for name in columns.values() if name]):
            n_rows += 1
            try:
                document = _document(row, columns)
            except BadRowError as error:
                if on_error == "raise":
                    raise ValueError(str(error)) from None
                problems.append(str(error))
                continue
            document["lang"] = document["lang"] or named.language(path, row.place)
            documents.append(document)
        if n_rows == 0:
            raise ValueError(
                f"got no rows in {path}, expected at least one document; check the file"
            )
    named.warn()
    if problems:
        warnings.warn(
            f"skipped {len(problems)} bad rows; the last: {problems[-1]}", stacklevel=2
        )
    if not documents:
        raise ValueError(
            "got no document that could be read, expected at least one; check the paths"
        )
    return _identified(pd.DataFrame(documents))


class BadRowError(ValueError):
    """What is wrong with a row, whose place it begins with."""


class _NamedLanguages:
    """Languages of documents that have none in a column, and the files they are of."""

    def __init__(self, language: str | None):
        self._default = language
        self._of_path: dict[Path, str | None] = {}

    def language(self, path: Path, place: str) -> str:
        """Return the language of a file's name, or else the default."""
        if path not in self._of_path:
            self._of_path[path] = language_of_name(path)
        language = self._of_path[path] or self._default
        if language is None:
            raise ValueError(
                f"{place}: got no language, expected a column 'lang' or a file name "
                "such as fr.tsv or fr_train.tsv; pass language= (--language)"
            )
        return language

    def warn(self) -> None:
        """Name the languages that were taken where a reader could expect others."""
        doubtful = [
            f"{language} of {path.name}"
            for path, language in self._of_path.items()
            if language is not None
            and (not is_language_alone(path) or self._default not in (None, language))
        ]
        if doubtful:
            warnings.warn(
                f"languages were taken from file names: {shortened(doubtful)}; give a "
                "column 'lang' where that is wrong",
                stacklevel=3,
            )


def _check_columns(**names: str | None) -> dict[str, str | None]:
    """Return our columns' names in the files."""
    for column, name in names.items():
        if not (isinstance(name, str) and name) and (column, name) != ("labels", None):
            raise ValueError(
                f"got {column}_column={name!r}, expected the name of a column; pass one"
            )
    shared = [name for name in names.values() if list(names.values()).count(name) > 1]
    if shared:
        raise ValueError(
            f"got the column {shared[0]!r} for two things, expected a column each; "
            "pass other names"
        )
    return names


def _document(row: Row, columns: Mapping[str, str | None]) -> dict[str, Any]:
    """Return one document's fields under our names, or raise `BadRowError`."""
    if row.problem:
        raise BadRowError(f"{row.place}: {row.problem}")
    fields = _with_meta(row.fields)
    _check_unicode(row.place, fields)
    sources = {
        ours: _source(row.place, fields, ours, name) for ours, name in columns.items()
    }
    values = {ours: _value(fields, source) for ours, source in sources.items()}
    if not isinstance(values["text"], str):
        raise BadRowError(
            f"{row.place}: got no text, expected a str (it may be empty); mend or drop "
            "the row"
        )
    try:
        labels: list[str] = []
        if values["labels"] is not None:
            labels = registers.parse(values["labels"])
        identifier = None
        if values["id"] not in (None, ""):
            identifier = id_string(values["id"])
    except (TypeError, ValueError) as error:
        raise BadRowError(f"{row.place}: {error}") from None
    if not isinstance(values["lang"], str | None):
        raise BadRowError(
            f"{row.place}: got {values['lang']!r} as a language, expected a code such "
            "as 'fi'; mend the row"
        )
    document = {
        "id": identifier,
        "lang": values["lang"],
        "labels": labels,
        "text": values["text"],
    }
    others = set(fields) - set(sources.values()) - set(document)
    return document | {name: fields[name] for name in fields if name in others}


def _with_meta(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with those inside ``meta``, where labels of pages and tools stand."""
    meta = fields.get("meta")
    if not isinstance(meta, Mapping):
        return fields
    outer = {name: value for name, value in fields.items() if name != "meta"}
    return {**meta, **outer}


def _source(
    place: str, fields: Mapping[str, Any], ours: str, name: str | None
) -> str | None:
    """Return the column that holds one of ours; None where there is none."""
    if name is None or name in fields:
        return name
    if name != ours or ours == "text":
        raise BadRowError(
            f"{place}: got no column {name!r} among {list(fields)}, expected it; name "
            "the column that holds it"
        )
    aliases = _ALIASES.get(ours, ())
    return next((alias for alias in aliases if alias in fields), None)


def _value(fields: Mapping[str, Any], source: str | None) -> Any:
    """Return a field; None where it is absent or NaN."""
    if source is None:
        return None
    value = fields[source]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _check_unicode(place: str, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, str) and not is_unicode(value):
            raise BadRowError(
                f"{place}: got half of a surrogate pair in {name!r}, expected Unicode "
                "text; mend the row"
            )


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
