"""Documents made of the rows of files: our columns, languages, and what is bad."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from embetter_reg._validation import check_choice
from embetter_reg.corpus import registers
from embetter_reg.corpus._formats import rows_of
from embetter_reg.corpus._identity import id_string
from embetter_reg.corpus._paths import is_language_alone, language_of_name, shortened
from embetter_reg.corpus._rows import Row, is_unicode

_Columns = tuple[tuple[str, str | None], ...]  # ours, and their names in the files
# Other names of our columns, in the order in which they are looked for.
_ALIASES = {"labels": ("label", "register"), "lang": ("language",)}


class DocumentReader:
    """Reads files one after the other; what is to be warned of is said at the end.

    The parameters are those of `read_documents`.
    """

    def __init__(
        self,
        *,
        text_column: str = "text",
        labels_column: str | None = "labels",
        lang_column: str = "lang",
        id_column: str = "id",
        language: str | None = None,
        on_error: str = "raise",
    ):
        check_choice("on_error", on_error, ("raise", "skip"))
        if language is not None and not (isinstance(language, str) and language):
            raise ValueError(
                f"got language={language!r}, expected a code such as 'fi' or None; pass "
                "one"
            )
        self._columns = _check_columns(
            id=id_column, lang=lang_column, labels=labels_column, text=text_column
        )
        self._names = [name for _, name in self._columns if name]
        self._paths = [name for name in self._names if "." in name]
        self._raises = on_error == "raise"
        self._named = _NamedLanguages(language)
        self._n_documents = 0
        self._n_bad = 0
        self._without_rows: list[str] = []
        self._last_problem = ""

    def documents(self, path: Path) -> Iterator[dict[str, Any]]:
        """Yield the documents of a file; the id of one that has none is None."""
        n_rows = 0
        for row in rows_of(path, self._names):
            n_rows += 1
            try:
                document = _document(row, self._columns, self._paths)
                language = document["lang"] or self._named.language(path, row.place)
            except BadRowError as error:
                if self._raises:
                    raise ValueError(str(error)) from None
                self._n_bad += 1
                self._last_problem = str(error)
                continue
            document["lang"] = language
            self._n_documents += 1
            yield document
        if n_rows == 0:
            if self._raises:
                raise ValueError(
                    f"got no rows in {path}, expected at least one document; check the "
                    "file, or skip bad rows"
                )
            self._without_rows.append(str(path))

    def finish(self, *, may_be_empty: bool = False) -> None:
        """Warn of what was left out or taken from names; refuse to have read nothing,
        unless that may be.
        """
        self._named.warn()
        if self._without_rows:
            warnings.warn(
                f"skipped files without rows: {shortened(self._without_rows)}",
                stacklevel=3,
            )
        if self._n_bad:
            warnings.warn(
                f"skipped {self._n_bad} bad rows; the last: {self._last_problem}",
                stacklevel=3,
            )
        if not self._n_documents and not may_be_empty:
            raise ValueError(
                "got no document that could be read, expected at least one; check the "
                "paths"
            )


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
            self._of_path[path] = language_of_name(path.name)
        language = self._of_path[path] or self._default
        if language is None:
            raise BadRowError(
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
                stacklevel=4,
            )


def _check_columns(**names: str | None) -> _Columns:
    """Return our columns and their names in the files."""
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
    return tuple(names.items())


def _document(row: Row, columns: _Columns, paths: Sequence[str]) -> dict[str, Any]:
    """Return one document's fields under our names, or raise `BadRowError`."""
    if row.problem:
        raise BadRowError(f"{row.place}: {row.problem}")
    fields = _with_meta(row.fields)
    for path in paths:
        fields = {**_at_path(row.fields, path), **fields}
    _check_unicode(row.place, fields)
    try:
        sources, others = _sources(tuple(fields), columns)
    except KeyError as error:
        raise BadRowError(f"{row.place}: {error.args[0]}") from None
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
    for name in others:
        document[name] = fields[name]
    return document


def _with_meta(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with those inside ``meta``, where labels of pages and tools stand."""
    meta = fields.get("meta")
    if not isinstance(meta, Mapping):
        return fields
    outer = {name: value for name, value in fields.items() if name != "meta"}
    return {**meta, **outer}


def _at_path(fields: Any, name: str) -> dict[str, Any]:
    """Return the value at a path under the path's name; nothing where there is none."""
    value = fields
    for step in name.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return {}
    return {name: value}


@lru_cache(maxsize=256)
def _sources(
    names: tuple[str, ...], columns: _Columns
) -> tuple[dict[str, str | None], list[str]]:
    """Return the column that holds each of ours, and the other columns.

    Rows of a file have the same columns mostly, so that this is asked once.
    """
    sources = {ours: _source(names, ours, name) for ours, name in columns}
    ours = {*sources, *sources.values()}
    return sources, [name for name in names if name not in ours]


def _source(names: Sequence[str], ours: str, name: str | None) -> str | None:
    """Return the column that holds one of ours; None where there is none."""
    if name is None or name in names:
        return name
    if name != ours or ours == "text":
        raise KeyError(
            f"got no column {name!r} among {list(names)}, expected it; name the column "
            "that holds it"
        )
    aliases = _ALIASES.get(ours, ())
    return next((alias for alias in aliases if alias in names), None)


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
        if isinstance(value, str) and not (value.isascii() or is_unicode(value)):
            raise BadRowError(
                f"{place}: got half of a surrogate pair in {name!r}, expected Unicode "
                "text; mend the row"
            )
