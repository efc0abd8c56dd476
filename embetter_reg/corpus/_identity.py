"""What tells documents apart: ids made of their content, and checks of given ids."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from numbers import Real
from typing import Any

import pandas as pd

from embetter_reg._validation import check_same_length, check_sequence

_N_HEX_DIGITS = 16


def text_digest(text: str) -> str:
    """Return the digest of a text: 32 hexadecimal digits.

    It is BLAKE2b of 16 bytes over the text in UTF-8, without normalization. Files on
    disk hold it, so that it is the same on every machine and in every version.

    Raises
    ------
    TypeError
        If ``text`` is not a str.

    Examples
    --------
    >>> from embetter_reg.corpus import text_digest
    >>> text_digest("Le maire est parti.")
    'cc1bc6aee4135722c861c6705bfc17fc'

    """
    if not isinstance(text, str):
        raise TypeError(
            f"got {type(text).__name__} as a text, expected a str; pass one text"
        )
    # A lone surrogate has no UTF-8; "surrogatepass" gives it three bytes of its own.
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def document_id(language: str, text: str) -> str:
    """Return the automatic id of a document: its language and its text's digest.

    The first 16 digits of `text_digest` are taken. Two different texts among a million
    share them with a probability of 3e-8.

    Raises
    ------
    TypeError
        If ``text`` is not a str, or ``language`` is not a code.

    Examples
    --------
    >>> from embetter_reg.corpus import document_id
    >>> document_id("fr", "Le maire est parti.")
    'fr-cc1bc6aee4135722'

    """
    if not isinstance(language, str) or not language:
        raise TypeError(
            f"got {language!r} as a language, expected a code such as 'fi'; pass one"
        )
    return f"{language}-{text_digest(text)[:_N_HEX_DIGITS]}"


def document_ids(
    languages: Iterable[str], texts: Iterable[str], *, taken: Collection[str] = ()
) -> list[str]:
    """Return the automatic ids of documents, no two alike.

    Each is a `document_id`. Equal documents are numbered in their order, from ``-2``
    on; no id in ``taken`` is used.

    Raises
    ------
    ValueError
        If the numbers of languages and texts differ.
    TypeError
        If a text or a language is not a str.

    Examples
    --------
    >>> from embetter_reg.corpus import document_ids
    >>> document_ids(["en", "fi", "en"], ["Yes.", "Yes.", "Yes."])
    ['en-3af3821278c48025', 'fi-3af3821278c48025', 'en-3af3821278c48025-2']

    """
    check_sequence("languages", languages)
    check_sequence("texts", texts)
    language_list = list(languages)
    text_list = list(texts)
    check_same_length(languages=language_list, texts=text_list)
    used = set(taken)
    counts: Counter[str] = Counter()
    ids: list[str] = []
    for language, text in zip(language_list, text_list, strict=True):
        base = document_id(language, text)
        identifier = base
        while identifier in used:
            counts[base] += 1
            identifier = f"{base}-{counts[base] + 1}"
        used.add(identifier)
        ids.append(identifier)
    return ids


def id_strings(ids: Iterable[Any]) -> list[str]:
    """Return ids as str, so that 7, 7.0 and "7" are one id.

    Raises
    ------
    ValueError
        If an id is missing or empty; its position is named.
    TypeError
        If an id is neither a str nor a whole number.

    Examples
    --------
    >>> from embetter_reg.corpus import id_strings
    >>> id_strings(["7", 7, 7.0])
    ['7', '7', '7']

    """
    if isinstance(ids, str | Set | Mapping) or not isinstance(ids, Iterable):
        raise TypeError(
            f"got {type(ids).__name__} as ids, expected a list of them, one a document; "
            "put them in a list"
        )
    strings: list[str] = []
    for position, value in enumerate(ids):
        is_empty = not value if isinstance(value, str) else is_missing(value)
        if is_empty:
            raise ValueError(
                f"got no id at position {position}, expected one for every document; "
                "fill it in"
            )
        try:
            strings.append(id_string(value))
        except TypeError as error:
            raise TypeError(f"position {position}: {error}") from None
    return strings


def id_string(value: Any) -> str:
    """Return one id as a str."""
    if isinstance(value, str):
        return str(value)
    # pandas reads whole numbers as floats where one of them is missing.
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if is_number and float(value).is_integer():
        return str(int(value))
    raise TypeError(
        f"got {value!r} as an id, expected a str or a whole number; convert it"
    )


def is_missing(value: Any) -> bool:
    """Return whether a field holds nothing: None, NaN, pandas' NA or NaT."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def check_same_texts(
    documents: pd.DataFrame, others: pd.DataFrame, *, source: str = "the other part"
) -> None:
    """Check that documents of two sources that share an id share their text, too.

    Parameters
    ----------
    documents, others : DataFrame
        With ``id``, and with ``text`` or its `text_digest` in ``digest``; where a part
        has neither, nothing is compared. Rows of one hybrid count as its ``document``.
    source : str
        The name of ``others`` in the error.

    Raises
    ------
    ValueError
        If an id stands for two texts; it is named.
    TypeError
        If a part is no DataFrame with ids.

    Examples
    --------
    >>> import pandas as pd
    >>> from embetter_reg.corpus import check_same_texts
    >>> train = pd.DataFrame({"id": ["1"], "text": ["One."]})
    >>> check_same_texts(train, train)

    """
    for table in (documents, others):
        if not isinstance(table, pd.DataFrame) or "id" not in table:
            raise TypeError(
                f"got {type(table).__name__}, expected a DataFrame with a column 'id'; "
                "pass what read_documents returns"
            )
    ids = pd.Index(_ids_of(documents)).intersection(_ids_of(others))
    first = _digests(documents, ids)
    second = _digests(others, ids)
    if first is None or second is None:
        return
    unlike = first.index[first != second.reindex(first.index)]
    if len(unlike):
        raise ValueError(
            f"got the id {unlike[0]!r} for another text in {source}, expected one "
            "text an id; rename the ids, or make what holds the other text anew"
        )


def _ids_of(documents: pd.DataFrame) -> list[str]:
    # A hybrid in several rows has ids such as doc#NA; its text is the document's.
    column = "document" if "document" in documents else "id"
    return id_strings(documents[column])


def _digests(documents: pd.DataFrame, ids: pd.Index) -> pd.Series | None:
    """Return the digests of some documents' texts by id; None where they are unknown."""
    source = "text" if "text" in documents else "digest"
    if source not in documents:
        return None
    values = pd.Series(documents[source].to_numpy(), index=_ids_of(documents))
    chosen = values[values.index.isin(ids)]
    chosen = chosen[~chosen.index.duplicated()]
    if source == "text":
        chosen = chosen.map(text_digest)
    return chosen
