"""SbertLearner and SbertTuner: fine-tune a sentence-transformers model on pairs of
texts, or on labels.
"""

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from embetter_reg._devices import pick_device, pick_dtype
from embetter_reg._hub import not_loaded
from embetter_reg._optional import optional_import
from embetter_reg._parameters import ONE_DEVICE, check_parameters, one_of
from embetter_reg._random import draw_seed
from embetter_reg._validation import check_labels, check_same_length, check_texts
from embetter_reg.finetune import pairs
from embetter_reg.finetune.pairs import Pairs, PairSampler

LOSSES = ("cosine", "cosent", "contrastive")
DTYPES = (None, "float32", "bfloat16")
_RULES = {"loss": one_of(LOSSES), "dtype": one_of(DTYPES), "device": ONE_DEVICE}


class SbertLearner(BaseEstimator):
    """Fine-tune a sentence-transformers model on pairs of texts with similarities.

    The model that is passed stays as it is; ``model_`` is a trained copy. Needs the
    extra ``sbert``.

    Parameters
    ----------
    model : SentenceTransformer, str or Path
        A model, its name on a hub, or a folder; the latter two are loaded in `fit`.
    batch_size : int
        Pairs a step, and texts encoded together.
    n_epochs : int
        Passes over the pairs in `fit`.
    learning_rate : float
        Of AdamW, at its highest.
    warmup_ratio : float
        Share of the steps over which the learning rate rises from zero, in [0, 1]; then
        it falls linearly to zero.
    loss : {"cosine", "cosent", "contrastive"}
        Squared error of the cosine; CoSENT, which asks only for the right order of
        cosines within a batch (Su 2022); or the contrastive loss with margin 0.5 on
        cosine distances (Hadsell et al. 2006).
    early_stopping : bool
        Hold back ``validation_fraction`` of the pairs, stop when their loss has not
        improved for ``n_iter_no_change`` checks, and keep the best weights.
    check_every : int or None
        Steps between two checks: a record in the history, a look at the held-out pairs,
        a checkpoint. None is an epoch.
    checkpoint_folder : path or None
        Where checkpoints go. A `fit` that was killed goes on from the last of them when
        it is called again with the same model, pairs, parameters and folder, and ends
        with the same weights; its checkpoints are removed at the end. Needs a
        ``random_state``.
    copy : bool
        Train a copy of a model that is passed as an object; False trains that object
        itself.
    dtype : {"float32", "bfloat16"} or None
        Type of the computation; the weights are float32. None takes bfloat16 on a GPU
        that has it.
    random_state : int, RandomState or None
        Decides order, dropout and what is held back. The same seed gives the same
        weights.
    device : str
        ``"auto"`` is the accelerator that is there, else the CPU.
    show_progress : bool
        Draw a progress bar over steps.

    Attributes
    ----------
    model_ : SentenceTransformer
    history_ : list of dict
        A record a check: ``step``, ``epoch``, ``loss`` (mean since the record before)
        and, with early stopping, ``validation_loss``.

    Raises
    ------
    ValueError
        If lengths differ, a text is missing, a similarity is outside [0, 1], or a
        parameter is wrong.
    OSError
        If the model cannot be loaded.
    ImportError
        If the extra ``sbert`` is not installed.

    Examples
    --------
    >>> from embetter_reg.finetune import SbertLearner
    >>> learner = SbertLearner("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", random_state=0)
    >>> first, second = ["Mix the flour.", "Mix the flour."], ["Sekoita jauhot.", "The law was passed."]
    >>> learner.fit(first, second, [1, 0]).predict(first, second).shape  # doctest: +SKIP
    (2,)

    """

    def __init__(
        self,
        model="all-MiniLM-L6-v2",
        batch_size=16,
        n_epochs=1,
        learning_rate=2e-5,
        warmup_ratio=0.1,
        *,
        loss="cosine",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        check_every=None,
        checkpoint_folder=None,
        copy=True,
        dtype=None,
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.model = model
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.warmup_ratio = warmup_ratio
        self.loss = loss
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.check_every = check_every
        self.checkpoint_folder = checkpoint_folder
        self.copy = copy
        self.dtype = dtype
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X1, X2, y):
        """Train a new copy of the model on pairs of texts and similarities ``y``, from
        0 to 1.
        """
        self._check_parameters()
        texts, drawn = _check_pairs(X1, X2, y)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        rows, held = rng.permutation(len(drawn.first)), None
        if self.early_stopping:
            n_held = int(np.ceil(self.validation_fraction * len(rows)))
            if n_held == len(rows):
                raise ValueError(
                    f"got {len(rows)} pairs with early_stopping, expected some beside "
                    f"the {n_held} held-out ones; "
                    "pass more pairs or early_stopping=False"
                )
            rows, held = rows[n_held:], _take(drawn, rows[:n_held])
        return self._fit(
            texts,
            [_take(drawn, rng.permutation(rows)) for _ in range(self.n_epochs)],
            held,
            seed,
        )

    def partial_fit(self, X1, X2, y):
        """Continue training: one pass over these pairs at the full learning rate,
        without checks or checkpoints.
        """
        self._check_parameters()
        texts, drawn = _check_pairs(X1, X2, y)
        if not hasattr(self, "model_"):
            self._start()
        seed = (draw_seed(self.random_state) + len(self.history_)) % 2**31
        return self._continue(
            texts,
            _take(drawn, np.random.default_rng(seed).permutation(len(drawn.first))),
            seed,
        )

    def transform(self, X):
        """Return the embedding of texts ``X``, ``float32 (n_documents, n_dims)``."""
        check_is_fitted(self)
        texts = check_texts(X)
        if not texts:
            return np.empty((0, self._n_features_out), np.float32)
        vectors = self.model_.encode(
            texts,
            batch_size=self.batch_size,
            show_progress_bar=self.show_progress,
            convert_to_numpy=True,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def predict(self, X1, X2):
        """Return the cosine of each pair of texts, float32 ``(n_pairs,)``."""
        check_same_length(X1=X1, X2=X2)
        first, second = self.transform(X1), self.transform(X2)
        norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return (first * second).sum(axis=1) / np.maximum(norms, 1e-12)

    def to_disk(self, path):
        """Save the tuned model in a folder that SentenceTransformer, `SentenceEncoder`
        and this class load.
        """
        check_is_fitted(self)
        self.model_.save_pretrained(str(path), create_model_card=False)

    # -- what fit is made of ------------------------------------------------------------------------

    def _fit(
        self,
        texts: Sequence[str],
        epochs: Sequence[Pairs],
        held: Pairs | None,
        seed: int,
    ):
        """Train a new model on the pairs of each epoch, in their order."""
        self._start()
        self.history_ = self._train(
            texts,
            epochs,
            held,
            seed,
            schedule="linear",
            checkpoint_folder=self.checkpoint_folder,
        )
        return self

    def _start(self) -> None:
        """Forget what was learned."""
        self.__dict__.pop("_optimizer", None)
        self.model_ = self._load()
        self.history_ = []

    def _continue(self, texts: Sequence[str], drawn: Pairs, seed: int):
        """Go on training with the same optimizer."""
        if not hasattr(self, "_optimizer"):
            self._optimizer = torch.optim.AdamW(
                self.model_.parameters(), self.learning_rate, weight_decay=0.0
            )
        history = self._train(
            texts, [drawn], None, seed, schedule="constant", optimizer=self._optimizer
        )
        before = self.history_[-1] if self.history_ else {"step": 0, "epoch": 0.0}
        self.history_ += [
            {
                **record,
                "step": before["step"] + record["step"],
                "epoch": before["epoch"] + record["epoch"],
            }
            for record in history
        ]
        return self

    def _train(
        self, texts, epochs, held, seed, *, schedule, **options
    ) -> list[dict[str, float]]:
        from embetter_reg.finetune.models._sbert_run import Recipe, train

        constant = schedule == "constant"
        recipe = Recipe(
            loss=self.loss,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_ratio=0.0 if constant else self.warmup_ratio,
            schedule=schedule,
            bfloat16=pick_dtype(self.dtype, self.model_.device.type) == torch.bfloat16,
            seed=seed,
            check_every=None if constant else self.check_every,
            patience=self.n_iter_no_change,
        )
        history = train(
            self.model_,
            texts,
            epochs,
            held,
            recipe,
            show_progress=self.show_progress,
            **options,
        )
        self.model_.eval()
        return history

    def _load(self) -> Any:
        """Return the model to train, on its device."""
        for module in (
            "datasets",
            "accelerate",
            "sentence_transformers.sentence_transformer",
        ):  # the last: version 6
            optional_import(
                module, package="embetter-reg[sbert]", purpose=type(self).__name__
            )
        from sentence_transformers import SentenceTransformer

        device = pick_device(self.device)
        if isinstance(self.model, SentenceTransformer):
            return (copy.deepcopy(self.model) if self.copy else self.model).to(device)
        if not isinstance(self.model, str | Path):
            raise TypeError(
                f"got {type(self.model).__name__} as model, expected a "
                "SentenceTransformer, a name or a folder; "
                "pass one of them"
            )
        try:
            return SentenceTransformer(
                str(self.model), device=device, model_kwargs={"dtype": torch.float32}
            )
        except (OSError, ValueError) as error:
            raise not_loaded(str(self.model), error) from error

    @property
    def _n_features_out(self) -> int:
        new = getattr(self.model_, "get_embedding_dimension", None)
        return new() if new else self.model_.get_sentence_embedding_dimension()

    def _check_parameters(self) -> None:
        check_parameters(self, **_RULES)
        if self.checkpoint_folder is not None and self.random_state is None:
            raise ValueError(
                "got checkpoint_folder without random_state, expected both, or a "
                "killed run could not be told from "
                "another; pass random_state=0"
            )

    def __getstate__(self):
        # The optimizer's moments stay behind: a loaded learner that continues starts with fresh ones.
        return {
            key: value
            for key, value in super().__getstate__().items()
            if key != "_optimizer"
        }


class SbertTuner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Fine-tune a sentence-transformers model on texts with labels; its embedding is
    the new space.

    Pairs are drawn from the labels, anew in every epoch
    (`embetter_reg.finetune.pairs`), and a `SbertLearner` is trained on them. With
    ``language=`` at `fit`, positive pairs are of the same label in other languages and
    negative pairs of other labels in the same language, which teaches label against
    language.

    Parameters
    ----------
    model : SentenceTransformer, str or Path
        As in `SbertLearner`, like every parameter that is not told here.
    n_pos, n_neg : int
        Positive and negative pairs a document and epoch.
    positives, negatives : {"auto", "any", "other", "same"}
        Languages of a pair's two documents. ``"auto"`` is ``"other"`` for positives and
        ``"same"`` for negatives where `fit` gets languages, else ``"any"``.
    early_stopping : bool
        Hold back ``validation_fraction`` of the documents (stratified where possible),
        stop when the loss of pairs among them has not improved for ``n_iter_no_change``
        checks, and keep the best weights.

    Attributes
    ----------
    learner_ : SbertLearner
        With the tuned model as ``learner_.model_``.
    history_ : list of dict
        That of the learner.

    Raises
    ------
    ValueError
        If there is one class only, a text or label is missing, lengths differ, or a
        parameter is wrong.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from embetter_reg.finetune import SbertTuner
    >>> pipe = make_pipeline(SbertTuner("all-MiniLM-L6-v2", random_state=0), LogisticRegression())
    >>> texts, labels = ["Mix the flour.", "Bake it.", "The law passed.", "We voted."], ["HI", "HI", "NA", "NA"]
    >>> pipe.fit(texts, labels).predict(["Stir the soup."])  # doctest: +SKIP
    array(['HI'], dtype='<U2')

    """

    def __init__(
        self,
        model="all-MiniLM-L6-v2",
        batch_size=16,
        n_epochs=1,
        learning_rate=2e-5,
        warmup_ratio=0.1,
        *,
        n_pos=1,
        n_neg=3,
        positives="auto",
        negatives="auto",
        loss="cosine",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        check_every=None,
        checkpoint_folder=None,
        copy=True,
        dtype=None,
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.model = model
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.warmup_ratio = warmup_ratio
        self.n_pos = n_pos
        self.n_neg = n_neg
        self.positives = positives
        self.negatives = negatives
        self.loss = loss
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.check_every = check_every
        self.checkpoint_folder = checkpoint_folder
        self.copy = copy
        self.dtype = dtype
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X, y, *, language=None):
        """Train a new copy of the model on texts ``X`` and their labels.

        ``y`` is one label a document, or an indicator matrix (n_documents, n_classes)
        with NaN for unknown, where the similarity of a pair is the overlap of its label
        sets. ``language`` is one a document.
        """
        learner = self._make_learner()
        texts, y, language = self._check_documents(X, y, language)
        seed = draw_seed(self.random_state)
        rows, held = np.arange(len(texts)), None
        if self.early_stopping:
            rows, held_rows = self._split(y, seed)
            try:
                with (
                    warnings.catch_warnings()
                ):  # who is alone among the held-out documents is no news
                    warnings.simplefilter("ignore")
                    held = _of_rows(
                        self._sampler(y, language, held_rows, seed).draw(), held_rows
                    )
            except ValueError as error:
                raise ValueError(
                    f"got {len(held_rows)} held-out documents that make no pairs, "
                    "expected some of each label; "
                    "raise validation_fraction or pass early_stopping=False"
                ) from error
        sampler = self._sampler(y, language, rows, seed)
        epochs = [_of_rows(sampler.draw(), rows) for _ in range(self.n_epochs)]
        self.learner_ = learner._fit(texts, epochs, held, seed)
        self.history_ = learner.history_
        return self

    def partial_fit(self, X, y, *, language=None):
        """Continue training: one epoch of pairs from these documents at the full
        learning rate.
        """
        if not hasattr(self, "learner_"):
            learner = self._make_learner()
            learner._start()
            self.learner_, self.history_ = learner, learner.history_
        texts, y, language = self._check_documents(X, y, language)
        seed = (draw_seed(self.random_state) + len(self.history_)) % 2**31
        self.learner_._continue(
            texts, self._sampler(y, language, np.arange(len(texts)), seed).draw(), seed
        )
        self.history_ = self.learner_.history_
        return self

    def transform(self, X):
        """Return the tuned embedding of texts ``X``, ``float32 (n_documents, n_dims)``."""
        check_is_fitted(self)
        return self.learner_.transform(X)

    def to_disk(self, path):
        """Save the tuned model in a folder; see `SbertLearner.to_disk`."""
        check_is_fitted(self)
        self.learner_.to_disk(path)

    @property
    def _n_features_out(self) -> int:
        return self.learner_._n_features_out

    # -- what fit is made of ------------------------------------------------------------------------

    def _make_learner(self) -> SbertLearner:
        learner = SbertLearner(
            **{name: getattr(self, name) for name in SbertLearner._get_param_names()}
        )
        learner._check_parameters()
        check_parameters(self, **_RULES)
        if self.n_pos + self.n_neg == 0:
            raise ValueError(
                "got n_pos=0 and n_neg=0, expected at least one pair a document; "
                "raise one of them"
            )
        return learner

    def _check_documents(
        self, X, y, language
    ) -> tuple[list[str], np.ndarray, np.ndarray | None]:
        """Return texts, labels as str or an indicator matrix, and languages."""
        texts = check_texts(X)
        if y is None:
            raise ValueError(
                "got a tuner that requires y to be passed, but the target y is None; "
                "pass one label a document"
            )
        y = (
            y.toarray()
            if hasattr(y, "toarray")
            else np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
        )
        check_same_length(texts=texts, y=y, language=language)
        if y.ndim == 2 and y.shape[1] > 1:
            if language is not None:
                raise ValueError(
                    "got language= with an indicator matrix, expected one label a "
                    "document for pairs by language; "
                    "leave language out"
                )
            return texts, y, None
        labels = check_labels("y", y.reshape(-1), len(texts))
        return (
            texts,
            labels,
            None
            if language is None
            else check_labels("language", language, len(texts)),
        )

    def _sampler(
        self, y: np.ndarray, language: np.ndarray | None, rows: np.ndarray, seed: int
    ) -> PairSampler:
        numbers = {"n_pos": self.n_pos, "n_neg": self.n_neg, "random_state": seed}
        if y.ndim == 2:
            sampler = pairs.from_indicator(y[rows], **numbers)
        else:
            spoken = None if language is None else language[rows]
            auto = ("any", "any") if language is None else ("other", "same")
            positives, negatives = (
                default if asked == "auto" else asked
                for asked, default in zip(
                    (self.positives, self.negatives), auto, strict=True
                )
            )
            sampler = pairs.from_labels(
                y[rows],
                language=spoken,
                positives=positives,
                negatives=negatives,
                **numbers,
            )
        if not len(sampler):
            raise ValueError(
                f"got {len(rows)} documents that make no pairs, expected some; raise "
                "n_pos or n_neg"
            )
        return sampler

    def _split(self, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on and the rows held back."""
        n_held = int(np.ceil(self.validation_fraction * len(y)))
        strata = y if y.ndim == 1 else None
        if strata is not None:
            _, counts = np.unique(strata, return_counts=True)
            if counts.min() < 2 or min(n_held, len(y) - n_held) < len(counts):
                strata = None
        return train_test_split(
            np.arange(len(y)), test_size=n_held, stratify=strata, random_state=seed
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


def _check_pairs(X1, X2, y) -> tuple[list[str], Pairs]:
    """Return all texts, and the pairs as row numbers among them."""
    first, second = check_texts(X1), check_texts(X2)
    similarity = np.asarray(y, dtype=np.float32)
    check_same_length(X1=first, X2=second, y=similarity)
    if similarity.ndim != 1 or not len(first):
        raise ValueError(
            f"got similarities of shape {similarity.shape}, expected one a pair; pass "
            "at least one pair"
        )
    bad = np.flatnonzero(~((similarity >= 0) & (similarity <= 1)))
    if len(bad):
        raise ValueError(
            f"got the similarity {similarity[bad[0]]} at position {bad[0]}, expected "
            "one in [0, 1]; rescale y"
        )
    rows = np.arange(len(first))
    return first + second, Pairs(rows, rows + len(first), similarity)


def _take(drawn: Pairs, rows: np.ndarray) -> Pairs:
    return Pairs(*(column[rows] for column in drawn))


def _of_rows(drawn: Pairs, rows: np.ndarray) -> Pairs:
    """Return pairs among ``rows`` as pairs among all documents."""
    return Pairs(rows[drawn.first], rows[drawn.second], drawn.similarity)
