"""Vectors of single tokens or words, as a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from embetter_reg._progress import texts_bar
from embetter_reg._random import check_random_state
from embetter_reg.text._batches import warn_truncated
from embetter_reg.text._hidden import HiddenPass
from embetter_reg.text._loading import check_layers, load_transformer, resolve_layer
from embetter_reg.text._pretrained import PretrainedEncoder


@dataclass(frozen=True)
class TokenTable:
    """Tokens and their vectors, row by row.

    ``tokens`` has the columns ``document`` (its row in what was given), ``position``
    (of the token or word in the document, from 0), ``token`` and ``n`` (how many
    vectors were averaged); ``vectors`` is ``float32 (n_rows, n_dims)``.
    """

    tokens: pd.DataFrame
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def save(self, path: str | Path) -> None:
        """Write one Parquet file with the vectors as a fixed-size list."""
        table = pa.Table.from_pandas(self.tokens, preserve_index=False)
        flat = pa.array(np.ascontiguousarray(self.vectors, dtype=np.float32).ravel())
        column = pa.FixedSizeListArray.from_arrays(flat, self.vectors.shape[1])
        pq.write_table(table.append_column("vector", column), path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return a table written by `save`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds no such table.

        """
        if not Path(path).is_file():
            raise FileNotFoundError(
                f"got {path}, which is no file, expected a table of tokens; check the "
                "path"
            )
        try:
            table = pq.read_table(path)
            vectors = table["vector"].combine_chunks()
            width = vectors.type.list_size
        except (pa.ArrowException, KeyError, AttributeError) as error:
            raise ValueError(
                f"got {path}, which holds no vectors of tokens, expected a file that "
                "TokenTable.save wrote; pass another file"
            ) from error
        return cls(
            table.drop(["vector"]).to_pandas(),
            vectors.flatten().to_numpy().reshape(-1, width),
        )


class TokenEncoder(PretrainedEncoder, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Vectors of the tokens of documents, for maps of a model's token space across
    languages.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder; any that ``transformers.AutoModel`` loads.
    layer : int or str
        A number (0 is the embedding layer, negative counts from the end), or
        ``"first"``, ``"half"``, ``"three_quarters"``, ``"last"``.
    unit : {"token", "word"}
        ``"word"`` averages the sub-words of a word. Special tokens are left out of
        both.
    duplicates : {"keep", "document", "all"}
        Average the rows of the same token in a document, or in all documents; the first
        place stays.
    n_sentences : int or None
        Encode a random subset of this many of the given texts, in their order; None
        encodes all.
    long : {"head", "head_tail", "chunks"}
        Documents longer than the model: their beginning, their beginning and end, or
        all of them, where a token in the overlap of two windows gets the average.
    overlap, max_length, batch_size, device, dtype, revision, local_files_only, show_progress
        As in `RegisterEncoder`.
    random_state : int, RandomState or None
        Draws the subset.

    Attributes
    ----------
    n_truncated_ : int
        Documents of the last call that were longer than the model and lost tokens.

    Examples
    --------
    >>> from embetter_reg.text import TokenEncoder
    >>> encoder = TokenEncoder(
    ...     "xlm-roberta-base", layer="half", unit="word", n_sentences=200, random_state=0
    ... )
    >>> encoder.transform(sentences).save("tokens.parquet")  # doctest: +SKIP

    """

    _model_parameters = ("name", "device", "dtype", "revision", "local_files_only")

    def __init__(
        self,
        name="xlm-roberta-base",
        *,
        layer="last",
        unit="token",
        duplicates="keep",
        n_sentences=None,
        long="head",
        overlap=64,
        max_length=None,
        batch_size=32,
        device="auto",
        dtype="auto",
        revision=None,
        local_files_only=False,
        show_progress=False,
        random_state=None,
    ):
        self.name = name
        self.layer = layer
        self.unit = unit
        self.duplicates = duplicates
        self.n_sentences = n_sentences
        self.long = long
        self.overlap = overlap
        self.max_length = max_length
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.revision = revision
        self.local_files_only = local_files_only
        self.show_progress = show_progress
        self.random_state = random_state

    def transform(self, X: Any) -> TokenTable:
        """Return the table of tokens of documents ``X``."""
        texts = self._texts(X)
        rows = self._choose(len(texts))
        if self._current() is None:
            check_layers(self.name, [self.layer], self.revision, self.local_files_only)
        tokenizer, model = self._model()
        run = HiddenPass(tokenizer, model, max_length=self.max_length)
        layer = resolve_layer(self.layer, run.n_layers)
        splitter = run.splitter
        windows, self.n_truncated_ = splitter.windows(
            [texts[i] for i in rows], long=self.long, overlap=self.overlap
        )
        warn_truncated(self.n_truncated_, len(rows), splitter.limit, self.long)

        documents: list[np.ndarray] = []
        positions: list[np.ndarray] = []
        vectors: list[np.ndarray] = []
        with texts_bar(len(windows), self.show_progress) as bar:
            for batch, parts in run.tokens(windows, layer, batch_size=self.batch_size):
                for window, part in zip(batch, parts, strict=True):
                    documents.append(np.full(len(part), rows[window.document]))
                    positions.append(np.asarray(window.positions))
                    vectors.append(part)
                bar.update(len(batch))
        table = pd.DataFrame(
            {"document": _joined(documents), "position": _joined(positions)}
        )
        names, units = self._names(tokenizer, {i: texts[i] for i in rows})
        keys = list(zip(table["document"], table["position"], strict=True))
        table["token"] = pd.Series([names[key] for key in keys], dtype=object)
        if self.unit == "word":
            table["position"] = np.array([units[key] for key in keys], dtype=np.int64)
        flat = np.concatenate([np.empty((0, run.n_dims), np.float32), *vectors])
        # Sub-words of a word, and overlaps of windows.
        result = _average(table, flat, ["document", "position"])
        if self.duplicates == "keep":
            return result
        by = ["token"]
        if self.duplicates == "document":
            by = ["document", "token"]
        return _average(result.tokens, result.vectors, by)

    def _choose(self, n_documents: int) -> np.ndarray:
        if self.n_sentences is None:
            return np.arange(n_documents)
        if self.n_sentences > n_documents:
            raise ValueError(
                f"got n_sentences={self.n_sentences} of {n_documents} texts, expected "
                f"1 to {n_documents}; pass fewer"
            )
        return np.sort(
            check_random_state(self.random_state).choice(
                n_documents, self.n_sentences, replace=False
            )
        )

    def _names(self, tokenizer, texts: dict[int, str]):
        """Return, for each document and token position, the token or word, and the
        word's number.
        """
        names: dict[tuple[int, int], str] = {}
        units: dict[tuple[int, int], int] = {}
        if self.unit == "word" and not tokenizer.is_fast:
            raise ValueError(
                f"got unit='word' with the slow tokenizer of {self.name!r}, expected "
                "a fast one, which knows words; "
                "use unit='token'"
            )
        for document, text in texts.items():
            encoding = tokenizer(
                text,
                add_special_tokens=False,
                return_offsets_mapping=tokenizer.is_fast,
                verbose=False,
            )
            tokens = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
            words = encoding.word_ids(0) if self.unit == "word" else range(len(tokens))
            spans: dict[int, list[int]] = {}
            for position, word in enumerate(words):
                word = -1 - position if word is None else word
                units[document, position] = word
                if self.unit == "word":
                    begin, end = encoding["offset_mapping"][position]
                    span = spans.setdefault(word, [begin, end])
                    span[1] = max(span[1], end)
            for position, token in enumerate(tokens):
                word = units[document, position]
                names[document, position] = (
                    text[slice(*spans[word])].strip() if self.unit == "word" else token
                )
        return names, units

    @property
    def _n_features_out(self) -> int:
        return self._model()[1].config.get_text_config().hidden_size

    def _load_model(self):
        return load_transformer(
            "AutoModel",
            self.name,
            device=self.device,
            dtype=self.dtype,
            revision=self.revision,
            local_files_only=self.local_files_only,
        )


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def _average(table: pd.DataFrame, vectors: np.ndarray, by: list[str]) -> TokenTable:
    """Average the vectors of rows that agree in ``by``; the first row of each group
    stays.
    """
    order = np.lexsort((table["position"], table["document"]))
    table = table.iloc[order].reset_index(drop=True)
    vectors = vectors[order]
    group = table.groupby(by, sort=False).ngroup().to_numpy()
    first = np.flatnonzero(~pd.Series(group).duplicated())
    sums = np.zeros((len(first), vectors.shape[1]), np.float32)
    np.add.at(sums, group, vectors)
    counts = np.bincount(group, minlength=len(first))
    tokens = table.iloc[first].reset_index(drop=True)
    tokens["n"] = counts
    return TokenTable(tokens, sums / np.maximum(counts, 1)[:, None].astype(np.float32))
