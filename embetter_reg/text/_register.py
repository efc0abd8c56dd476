"""A register classifier: its hidden layers as embeddings, its probabilities, its
threshold.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import f1_score

from embetter_reg._validation import check_space, check_texts
from embetter_reg.corpus import label_matrix, registers, text_digest
from embetter_reg.text._hidden import Encoded, HiddenPass
from embetter_reg.text._layers import join_layers, list_layers
from embetter_reg.text._loading import check_layers, load_transformer
from embetter_reg.text._pretrained import PretrainedEncoder
from embetter_reg.text._rules import check_list

Threshold = float | str | dict[str, float] | ArrayLike
GRID = (0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65)


class RegisterEncoder(PretrainedEncoder):
    """Embed and classify documents with a register classifier.

    Wraps any model that ``transformers.AutoModelForSequenceClassification`` loads, such
    as TurkuNLP's XLM-R and BGE-M3 register models. One forward pass gives every layer
    and the probabilities. Nothing is loaded when the encoder is made.

    A multi-label model's probabilities are sigmoids, and a parent register's is raised
    to that of its most probable sub-register: a news report is a narrative. A
    single-label model's are a softmax.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder.
    layers : int, str or sequence of them
        The layers that `transform` gives: numbers (0 is the embedding layer, negative
        ones count from the end), or ``"first"``, ``"half"``, ``"three_quarters"``,
        ``"last"``. Several are joined as by `join_layers`.
    pooling : {"mean", "cls", "last_token", "max"}
        How token vectors become one. Padding never counts; special tokens do.
    prompt : str or None
        Stands before every window, as E5's "query: "; a mean or maximum leaves it out.
        None is what the model was trained with here, or nothing.
    long : {"head", "head_tail", "chunks"}
        Documents longer than the model: read the beginning, or a quarter from the
        beginning and the rest from the end, or all of it in overlapping windows
        averaged by their tokens.
    overlap : int
        Tokens that neighboring windows of ``"chunks"`` share.
    max_length : int or None
        Tokens in a window; None takes what the model allows.
    multi_label : bool or None
        Whether a document may have several labels; None follows the model's
        configuration.
    batch_size : int
        Windows in a batch. It does not change the result, and is halved where memory
        runs out.
    device : str
        Such as ``"cpu"`` or ``"cuda"``; ``"auto"`` is the accelerator of this machine,
        or the CPU.
    dtype : {"auto", "float32", "bfloat16", "float16"}
        Type of the computation; ``"auto"`` is a half type on a GPU, float32 elsewhere.
        Results are float32.
    revision : str or None
        Branch, tag or commit on the hub.
    local_files_only : bool
        Never ask the hub.
    show_progress : bool
        Draw a progress bar.

    Attributes
    ----------
    n_truncated_ : int
        Documents of the last call that were longer than the model and lost tokens.
    threshold_ : float or ndarray, shape (n_classes,)
        What `fit_threshold` chose.

    Examples
    --------
    >>> from embetter_reg.text import RegisterEncoder
    >>> encoder = RegisterEncoder(
    ...     "TurkuNLP/web-register-classification-multilingual", layers="half"
    ... )
    >>> texts = ["Mix the flour with milk.", "Ministeri erosi eilen."]
    >>> encoder.transform(texts).shape  # doctest: +SKIP
    (2, 1024)

    """

    _model_parameters: tuple[str, ...] = (
        "name",
        "device",
        "dtype",
        "revision",
        "local_files_only",
    )

    def __init__(
        self,
        name="TurkuNLP/web-register-classification-multilingual",
        *,
        layers="last",
        pooling="mean",
        prompt=None,
        long="head",
        overlap=64,
        max_length=None,
        multi_label=None,
        batch_size=32,
        device="auto",
        dtype="auto",
        revision=None,
        local_files_only=False,
        show_progress=False,
    ):
        self.name = name
        self.layers = layers
        self.pooling = pooling
        self.prompt = prompt
        self.long = long
        self.overlap = overlap
        self.max_length = max_length
        self.multi_label = multi_label
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.revision = revision
        self.local_files_only = local_files_only
        self.show_progress = show_progress

    def transform(self, X: Any) -> np.ndarray:
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        layers = list_layers(self.layers)
        encoded = self._encode(X, layers).layers
        return join_layers([encoded[layer] for layer in layers])

    def encode(
        self, X: Any, layers: Iterable[int | str] = ("first", "half", "last")
    ) -> Encoded:
        """Return every requested layer of documents ``X``, and their probabilities, in one
        pass.
        """
        return self._encode(X, check_list("layers", layers, '["last"]'))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each label, ``float32 (n_documents, n_classes)``."""
        probabilities = self._encode(X, []).probabilities
        assert probabilities is not None
        return probabilities

    def predict(self, X: Any, threshold: Threshold = 0.5) -> np.ndarray:
        """Return the labels of documents ``X``.

        Parameters
        ----------
        X : sequence of str
            Documents.
        threshold : float, "best", dict or array
            Smallest probability of a label that is given: one number, one a label (an
            array in the order of `classes_`, or a dict by name, 0.5 where it names
            none), or the one that `fit_threshold` chose. A single-label model gives its
            most probable label and takes no threshold.

        Returns
        -------
        ndarray
            Multi-label: a binary indicator ``int8 (n_documents, n_classes)``, which
            `label_sets` turns into names. Single-label: the label's name,
            ``(n_documents,)``.

        """
        return self.decide(self.predict_proba(X), threshold)

    def decide(
        self,
        probabilities: ArrayLike,
        threshold: Threshold = 0.5,
    ) -> np.ndarray:
        """Return labels for probabilities computed before; see `predict`."""
        probabilities = self._probabilities(probabilities)
        if not self.is_multi_label_:
            return np.array(self.classes_, dtype=object)[
                np.argmax(probabilities, axis=1)
            ]
        return (np.asarray(probabilities) >= self._threshold(threshold)).astype(np.int8)

    def label_sets(self, indicator: ArrayLike) -> list[list[str]]:
        """Return the names of the labels that a binary indicator marks, one list a
        document.
        """
        matrix = np.asarray(indicator)
        classes = self.classes_
        if matrix.ndim != 2 or matrix.shape[1] != len(classes):
            raise ValueError(
                f"got an indicator of shape {matrix.shape}, expected {len(classes)} "
                "columns, one a label; pass what predict returned"
            )
        return [[classes[column] for column in np.flatnonzero(row)] for row in matrix]

    def fit_threshold(
        self,
        X: Any,
        y: Any,
        *,
        grid: Sequence[float] = GRID,
        per_label: bool = False,
    ) -> Self:
        """Choose the threshold of `predict` with the best micro-F1 on documents ``X``
        with gold labels ``y``.

        The documents are recorded: `chosen_on` returns which they are, so that nobody
        scores on them. The lowest of equally good thresholds is taken.

        Parameters
        ----------
        X : sequence of str
            Documents, apart from those that a figure is reported on.
        y : array (n_documents, n_classes) or sequence of label lists
            A binary indicator in the order of `classes_`, or each document's labels
            ("NA ne" or a list).
        grid : sequence of float
            Thresholds to try.
        per_label : bool
            Choose one for each label by its own F1; a label without a gold document
            keeps the global one.

        Raises
        ------
        ValueError
            If the model is single-label, ``y`` does not fit, or a threshold is not
            between 0 and 1.

        """
        texts = self._texts(X)
        self.threshold_ = self.best_threshold(
            self.predict_proba(texts), y, grid=grid, per_label=per_label
        )
        self._chosen_on = frozenset(map(text_digest, texts))
        return self

    def best_threshold(
        self,
        probabilities: ArrayLike,
        y: Any,
        *,
        grid: Sequence[float] = GRID,
        per_label: bool = False,
    ) -> float | np.ndarray:
        """Return the threshold that `fit_threshold` would choose for probabilities
        computed before, and record nothing.
        """
        if not self.is_multi_label_:
            raise ValueError(
                "got a single-label model, expected a multi-label one to choose a "
                "threshold for; predict"
            )
        try:
            candidates = sorted(map(float, grid))
        except (TypeError, ValueError):
            candidates = []
        if not candidates or not 0 < candidates[0] <= candidates[-1] < 1:
            raise ValueError(
                f"got the grid {grid}, expected thresholds between 0 and 1; pass for "
                f"example {GRID}"
            )
        probabilities = self._probabilities(probabilities)
        gold = self._indicator(y, len(probabilities))
        if not gold.any():
            raise ValueError(
                "got no gold label of this model, expected some to choose a threshold "
                "by; check the labels"
            )
        predicted = [probabilities >= candidate for candidate in candidates]
        scores = [
            f1_score(gold, labels, average="micro", zero_division=0)
            for labels in predicted
        ]
        best = candidates[int(np.argmax(scores))]
        if not per_label:
            return best
        by_label = [
            f1_score(gold, labels, average=None, zero_division=0)
            for labels in predicted
        ]
        best_by_label = np.array(candidates)[np.argmax(by_label, axis=0)]
        return np.where(gold.any(axis=0), best_by_label, best)

    def chosen_on(self, X: Any) -> np.ndarray:
        """Return, for each document of ``X``, whether `fit_threshold` saw it: bool
        ``(n_documents,)``.
        """
        seen: frozenset[str] = getattr(self, "_chosen_on", frozenset())
        return np.array(
            [text_digest(text) in seen for text in check_texts(X)], dtype=bool
        )

    @property
    def classes_(self) -> list[str]:
        """The model's labels, from its configuration."""
        names = self._model()[1].config.id2label
        return [names[number] for number in sorted(names)]

    @property
    def is_multi_label_(self) -> bool:
        """Whether a document may have several labels."""
        if self.multi_label is not None:
            return self.multi_label
        return self._model()[1].config.problem_type == "multi_label_classification"

    @property
    def _n_features_out(self) -> int:
        n_dims = self._model()[1].config.get_text_config().hidden_size
        return n_dims * len(list_layers(self.layers))

    def _load_model(self):
        tokenizer, model = load_transformer(
            "AutoModelForSequenceClassification",
            self.name,
            device=self.device,
            dtype=self.dtype,
            head=True,
            revision=self.revision,
            local_files_only=self.local_files_only,
        )
        if (
            tokenizer.pad_token_id is None
        ):  # GPT-like classifiers find a document's end by the padding
            tokenizer.pad_token = tokenizer.eos_token
        if model.config.pad_token_id is None:
            model.config.pad_token_id = tokenizer.pad_token_id
        return tokenizer, model

    def _reading(self) -> dict[str, Any]:
        """Return how documents are read: prompt, length and pooling."""
        prompt = self.prompt
        if prompt is None:
            prompt = getattr(self._model()[1].config, "prompt", None)
        return {
            "prompt": prompt or "",
            "max_length": self.max_length,
            "pooling": self.pooling,
        }

    def _temperature(self) -> float:
        """Return what logits are divided by."""
        return 1.0

    def _encode(self, X, layers: list[int | str]) -> Encoded:
        texts = self._texts(X)
        if self._current() is None:
            check_layers(self.name, layers, self.revision, self.local_files_only)
        tokenizer, model = self._model()
        reading = self._reading()
        run = HiddenPass(
            tokenizer,
            model,
            max_length=reading["max_length"],
            prompt=reading["prompt"],
        )
        multi_label = self.is_multi_label_
        classes = self.classes_
        temperature = self._temperature()

        def score(output: Any) -> Any:
            logits = output.logits.float() / temperature
            if multi_label:
                return logits.sigmoid()
            return logits.softmax(1)

        pooled = self._documents(
            run,
            texts,
            layers,
            reading["pooling"],
            score=score,
            n_scores=len(classes),
        )
        probabilities = pooled.scores
        if multi_label:
            probabilities = raise_parents(probabilities, classes)
        return Encoded(pooled.layers, probabilities, classes)

    def _threshold(self, threshold) -> np.ndarray | float:
        if isinstance(threshold, str):
            return self._best(threshold)
        if isinstance(threshold, dict):
            unknown = sorted(set(threshold) - set(self.classes_))
            if unknown:
                raise ValueError(
                    f"got thresholds for {unknown}, expected labels among "
                    f"{self.classes_}; correct them"
                )
            threshold = [threshold.get(label, 0.5) for label in self.classes_]
        try:
            values = np.asarray(threshold, dtype=float)
        except (TypeError, ValueError):
            values = np.array(np.nan)
        fits = values.ndim == 0 or values.shape == (len(self.classes_),)
        if not fits or not ((values >= 0) & (values <= 1)).all():
            raise ValueError(
                f"got threshold={threshold}, expected a number from 0 to 1, or "
                f"{len(self.classes_)} of them; pass that"
            )
        return values

    def _best(self, threshold: str) -> np.ndarray | float:
        if threshold != "best":
            raise ValueError(
                f"got threshold={threshold!r}, expected a number, one a label, or "
                "'best'; pass one"
            )
        of_model = getattr(self._model()[1].config, "threshold", None)
        best = getattr(self, "threshold_", of_model)
        if best is None:
            raise ValueError(
                "got threshold='best', expected one that fit_threshold chose; call "
                "fit_threshold first"
            )
        return best

    def _probabilities(self, values: Any) -> np.ndarray:
        """Return probabilities that were passed, of the shape that this model gives."""
        no_documents = (0, len(self.classes_))
        if np.shape(values) == no_documents:
            return np.empty(no_documents)
        probabilities = check_space("probabilities", values)
        if probabilities.shape[1] != len(self.classes_):
            raise ValueError(
                f"got probabilities of shape {probabilities.shape}, expected "
                f"{len(self.classes_)} columns, one a label; pass those of "
                "predict_proba"
            )
        return probabilities

    def _indicator(self, y: Any, n_documents: int) -> np.ndarray:
        """Return gold labels as a binary matrix in the order of ``classes_``."""
        if hasattr(y, "to_list"):
            y = y.to_list()
        values = check_list("y", y, '[["NA"], ["HI", "re"]]')
        if len(values) != n_documents:
            raise ValueError(
                f"got {len(values)} gold labels for {n_documents} documents, expected "
                "as many; align them"
            )
        if all(isinstance(value, np.ndarray | list | tuple) for value in values):
            numbers = [x for value in values for x in value if not isinstance(x, str)]
            if numbers:
                return self._binary(values)
        rows = [_label_set(position, value) for position, value in enumerate(values)]
        return label_matrix(rows, self.classes_)

    def _binary(self, values: list[Any]) -> np.ndarray:
        shape = (len(values), len({len(value) for value in values}))
        try:
            matrix = np.asarray(values)
            shape = matrix.shape
            fits = shape[1] == len(self.classes_) and np.isin(matrix, (0, 1)).all()
        except (ValueError, IndexError):  # rows of different lengths
            fits = False
        if not fits:
            raise ValueError(
                f"got gold labels of shape {shape}, expected a binary matrix with "
                f"{len(self.classes_)} columns {self.classes_}; pass label lists or "
                "that"
            )
        return matrix.astype(np.int8)


def _label_set(position: int, value: Any) -> list[str]:
    """Return the labels of one document, given as a list or as "NA ne"."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    if isinstance(value, list | tuple | set | frozenset | np.ndarray) and all(
        isinstance(label, str) for label in value
    ):
        return list(value)
    raise TypeError(
        f"got {value!r} as the gold labels of the document at position {position}, "
        "expected a list of labels; pass for example ['NA', 'ne']"
    )


def raise_parents(probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return probabilities where no main register is less probable than one of its
    sub-registers.
    """
    out = probabilities.copy()
    parents = registers.current_scheme().parents
    for column, label in enumerate(classes):
        parent = parents.get(label)
        if parent in classes:
            target = classes.index(parent)
            out[:, target] = np.maximum(out[:, target], probabilities[:, column])
    return out
