"""Embeddings in memory."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from embetter_reg._validation import (
    check_same_length,
    check_table,
    check_whole_number,
)
from embetter_reg.corpus import id_strings, text_digest
from embetter_reg.corpus.facts import count_words, draw_facts, registers_of

ON_THESE = (
    "the gold labels of these documents; do not report scores of predicted_best on them"
)
BY_ORDER = "order"  # a manifest's mark of documents that have neither id nor text
_SHOWN = 40  # characters of a text in an error


@dataclass(frozen=True)
class Embeddings:
    """Documents and their vectors.

    Parameters
    ----------
    documents : DataFrame
        With the columns ``id, lang, labels`` (a list of codes each), ``text`` where it
        was kept, the text's ``digest`` (see `text_digest`), and ``predicted`` and
        ``predicted_best`` where a classifier made them.
    layers : dict of str to ndarray
        The vectors of each layer, ``float32 (n_documents, n_dims)``; ``"embedding"`` is
        that of an encoder without layers.
    manifests : sequence of dict
        How they were made: one manifest a source, in the order of reading.

    Raises
    ------
    TypeError
        If ``documents`` is no DataFrame, or ``layers`` or a manifest no dict.
    ValueError
        If there is no column ``id``, or lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from embetter_reg.store import Embeddings
    >>> documents = pd.DataFrame({"id": ["a", "b"], "text": ["One.", "Two."]})
    >>> stored = Embeddings(documents, {"embedding": np.eye(2)})
    >>> stored.rows_of(documents[::-1]).tolist()
    [1, 0]

    """

    documents: pd.DataFrame
    layers: dict[str, np.ndarray]
    manifests: Sequence[dict[str, Any]] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.documents, pd.DataFrame):
            raise TypeError(
                f"got {type(self.documents).__name__} as documents, expected a "
                "DataFrame; pass one"
            )
        if not isinstance(self.layers, dict):
            raise TypeError(
                f"got {type(self.layers).__name__} as layers, expected a dict of "
                "arrays by name; pass {'embedding': X}"
            )
        if not all(isinstance(manifest, dict) for manifest in self.manifests):
            raise TypeError(
                "got manifests that are no dicts, expected a list of dicts; put one "
                "manifest in a list"
            )
        if "id" not in self.documents:
            raise ValueError(
                f"got documents with the columns {list(self.documents)}, expected id "
                "among them; add it"
            )
        check_same_length(documents=self.documents, **self.layers)

    def _repr_html_(self) -> str:
        """Return how many documents of which languages and registers there are, and the
        layers, for a notebook.
        """
        facts = {
            "documents": f"{len(self.documents):,}",
            "encoder": str(self.manifest.get("encoder", "not recorded")),
        }
        for name, X in self.layers.items():
            facts[f"layer {name}"] = f"{X.shape[1]:,} dimensions"
        if "lang" in self.documents:
            facts["languages"] = count_words(self.documents["lang"])
        if "labels" in self.documents:
            facts["registers"] = count_words(
                map(registers_of, self.documents["labels"])
            )
        return draw_facts("Embeddings", facts)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the first source; empty where there is none."""
        return next(iter(self.manifests), {})

    @property
    def threshold_saw_gold(self) -> bool:
        """Whether the threshold of ``predicted_best`` was chosen on the gold labels of
        any of these documents, so that no figure on them may use it.
        """
        thresholds = [manifest.get("threshold") for manifest in self.manifests]
        return any(
            "these documents" in str(threshold.get("chosen_on"))
            for threshold in thresholds
            if isinstance(threshold, dict)
        )

    @property
    def is_by_order(self) -> bool:
        """Whether the files had neither ids nor texts, so that documents are told
        apart by their order alone.
        """
        return any(manifest.get("ids") == BY_ORDER for manifest in self.manifests)

    def iter_batches(self, batch_size: int = 10_000) -> Iterator["Embeddings"]:
        """Yield the documents and their vectors in order, so many at a time; vectors
        are views, not copies.

        Parameters
        ----------
        batch_size : int

        Yields
        ------
        Embeddings
            Of ``batch_size`` documents, fewer at the end, with the same manifests.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from embetter_reg.store import Embeddings
        >>> documents = pd.DataFrame({"id": ["a", "b", "c"]})
        >>> stored = Embeddings(documents, {"embedding": np.eye(3)})
        >>> [len(batch.documents) for batch in stored.iter_batches(2)]
        [2, 1]

        """
        check_whole_number("batch_size", batch_size)
        for start in range(0, len(self.documents), batch_size):
            batch = slice(start, start + batch_size)
            documents = self.documents.iloc[batch].reset_index(drop=True)
            layers = {name: X[batch] for name, X in self.layers.items()}
            yield Embeddings(documents, layers, self.manifests)

    def in_order_of(
        self, documents: pd.DataFrame, source: str | Path = "these embeddings"
    ) -> "Embeddings":
        """Return embeddings without ids of their own with the ids of documents that
        stand in the same order; others as they are.

        Parameters
        ----------
        documents : DataFrame
            All documents that were encoded, in that order, with ``id``, and ``text`` or
            ``digest`` where they are known.
        source : str or path
            The name of these embeddings in errors.

        Raises
        ------
        ValueError
            If there are more or fewer documents, or one is of another language.

        """
        ids = id_strings(documents["id"])
        if not self.is_by_order or set(self.documents["id"]) == set(ids):
            return self
        if len(documents) != len(self.documents):
            raise ValueError(
                f"got {source}, with {len(self.documents):,} vectors and neither ids "
                f"nor texts, for {len(documents):,} documents, expected as many, since "
                "they pair by their order; pass the documents that were encoded"
            )
        languages = documents["lang"].astype(str).to_numpy()
        other = np.flatnonzero(self.documents["lang"].astype(str) != languages)
        if len(other):
            raise ValueError(
                f"got {source}, whose row {other[0] + 1} is of another language than "
                f"the document {ids[other[0]]!r}, expected the order of the documents; "
                "sort them as they were encoded"
            )
        warnings.warn(
            f"{len(ids):,} documents pair with {source} by their order: it has neither "
            "ids nor texts",
            stacklevel=2,
        )
        paired = self.documents.assign(
            id=ids, digest=pd.Series(digests_of(documents), dtype=object)
        )
        manifests = [{**manifest, "ids": "paired"} for manifest in self.manifests]
        return Embeddings(paired, self.layers, manifests)

    def rows_of(
        self, documents: pd.DataFrame, source: str | Path = "these embeddings"
    ) -> np.ndarray:
        """Return the row of each document's vectors.

        A document pairs with the one of its id, whose text must be the same; where no
        id matches, with one of the same text. Texts are compared by their digests, so
        that either side may have ``digest`` in place of ``text``; warnings count the
        documents that pair by their text alone, and those by id alone, of which neither
        is known on one side.

        Parameters
        ----------
        documents : DataFrame
            With ``id``, and ``text`` or ``digest``. Rows of one hybrid pair by their
            column ``document``.
        source : str or path
            The name of these embeddings in errors.

        Returns
        -------
        ndarray of int64, shape (n_documents,)

        Raises
        ------
        ValueError
            If a document is not among these, an id stands for another text here, or
            these hold an id twice.

        """
        check_table("documents", documents)
        column = "document" if "document" in documents else "id"
        if column not in documents:
            raise ValueError(
                f"got documents with the columns {list(documents)}, expected id among "
                "them; add it"
            )
        ids = id_strings(documents[column])
        index = pd.Index(id_strings(self.documents["id"]), dtype=object)
        if not index.is_unique:
            twice = index[index.duplicated()][0]
            raise ValueError(
                f"got the id {twice!r} twice in {source}, expected one id a document; "
                "rename it"
            )
        digests = digests_of(documents)
        stored = digests_of(self.documents)
        rows = index.get_indexer(pd.Index(ids, dtype=object))
        by_digest = {
            digest: row for row, digest in reversed(list(enumerate(stored))) if digest
        }
        n_unchecked = 0
        n_by_text = 0
        for number, row in enumerate(rows):
            digest = digests[number]
            if row == -1:
                rows[number] = by_digest.get(str(digest), -1)
                n_by_text += 1
            elif not digest or not stored[row]:
                n_unchecked += 1
            elif digest != stored[row]:
                raise ValueError(
                    f"got {source}, where the id {ids[number]!r} is of "
                    f"{_shown(self.documents, int(row))} and not of "
                    f"{_shown(documents, number)}, expected one text an id; encode "
                    "these documents, or rename the ids"
                )
        missing = np.flatnonzero(rows == -1)
        if len(missing):
            raise ValueError(
                f"got {source} without the document {ids[missing[0]]!r}, expected the "
                "same documents in each; encode them all"
            )
        if n_by_text:
            warnings.warn(
                f"{n_by_text:,} documents pair with {source} by their text: their ids "
                "are others there",
                stacklevel=2,
            )
        if n_unchecked:
            warnings.warn(
                f"{n_unchecked:,} documents pair with {source} by id alone: one side "
                "has neither their text nor its digest",
                stacklevel=2,
            )
        return rows


def rows_in(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows of vectors; the vectors themselves where it is all in order."""
    if np.array_equal(rows, np.arange(len(X))):
        return X
    return X[rows]


def digests_of(documents: pd.DataFrame) -> list[str | None]:
    """Return the digest of each document's text; None where neither is known."""
    unknown = [None] * len(documents)
    texts = documents.get("text", unknown)
    digests = documents.get("digest", unknown)
    values: list[str | None] = []
    for text, digest in zip(texts, digests, strict=True):
        if isinstance(text, str):
            values.append(text_digest(text))
        else:
            values.append(digest if isinstance(digest, str) else None)
    return values


def _shown(documents: pd.DataFrame, row: int) -> str:
    """Return the beginning of a document's text, or its digest."""
    if "text" in documents and isinstance(documents["text"].iloc[row], str):
        return f"the text {documents['text'].iloc[row][:_SHOWN]!r}"
    return f"the text of digest {documents['digest'].iloc[row]}"
