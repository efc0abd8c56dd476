"""SbertTuner: fine-tune a sentence-transformers model on texts with labels."""

import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from embetter_reg._parameters import check_parameters, one_of
from embetter_reg._random import draw_seed
from embetter_reg._validation import check_labels, check_same_length, check_texts
from embetter_reg.finetune import pairs
from embetter_reg.finetune.models._sbert_files import load_model, save_model
from embetter_reg.finetune.models._sbert_learner import SbertLearner
from embetter_reg.finetune.pairs import Pairs, PairSampler


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
        As in `SbertLearner`, like every parameter that is not described here.
    n_pos, n_neg : int
        Positive and negative pairs a document and epoch.
    positives, negatives : {"auto", "other", "same"}
        Languages of a pair's two documents. ``"auto"`` is ``"other"`` for positives and
        ``"same"`` for negatives where `fit` gets several languages, else no
        restriction.
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
    >>> tuner = SbertTuner("all-MiniLM-L6-v2", random_state=0)
    >>> pipe = make_pipeline(tuner, LogisticRegression())
    >>> texts = ["Mix the flour.", "Bake it.", "The law passed.", "We voted."]
    >>> labels = ["HI", "HI", "NA", "NA"]
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
        dtype="auto",
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

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, language: ArrayLike | None = None
    ) -> Self:
        """Train a new copy of the model on texts ``X`` and their labels.

        ``y`` is one label a document, or an indicator matrix (n_documents, n_classes)
        with NaN for unknown, where the similarity of a pair is the overlap of its label
        sets. ``language`` is one a document.
        """
        learner = self._make_learner()
        texts, labels, languages = self._check_documents(X, y, language)
        seed = draw_seed(self.random_state)
        rows = np.arange(len(texts))
        held_out = None
        if self.early_stopping:
            rows, held_out_rows = self._split(labels, seed)
            held_out = self._held_out_pairs(labels, languages, held_out_rows, seed)
        sampler = self._sampler(labels, languages, rows, seed)
        epochs = [_of_rows(sampler.draw(), rows) for _ in range(self.n_epochs)]
        self.learner_ = learner._fit(texts, epochs, held_out, seed)
        self.history_ = learner.history_
        return self

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, *, language: ArrayLike | None = None
    ) -> Self:
        """Continue training: one epoch of pairs from these documents at the full
        learning rate.
        """
        learner = self._make_learner()
        texts, labels, languages = self._check_documents(X, y, language)
        if not hasattr(self, "learner_"):
            learner._start(draw_seed(self.random_state))
            self.learner_ = learner
        seed = self.learner_._next_seed()
        rows = np.arange(len(texts))
        sampler = self._sampler(labels, languages, rows, seed)
        self.learner_._continue(texts, sampler.draw(), seed)
        self.history_ = self.learner_.history_
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the tuned embedding of texts ``X``, ``float32 (n_documents, n_dims)``."""
        check_is_fitted(self)
        return self.learner_.transform(X)

    def save(self, folder: str | Path) -> None:
        """Write the tuned model into a folder; see `SbertLearner.save`."""
        check_is_fitted(self)
        save_model(self.learner_.model_, folder, self.get_params(), self.history_)

    @classmethod
    def load(cls, folder: str | Path, **parameters: Any) -> Self:
        """Return a fitted tuner from a folder that `save` wrote; see
        `SbertLearner.load`.
        """
        saved, history = load_model(folder, cls)
        tuner = cls(**{**saved, **parameters})
        learner = tuner._make_learner()
        learner._start(draw_seed(tuner.random_state))
        learner.model_.eval()
        learner.history_ = history
        tuner.learner_ = learner
        tuner.history_ = history
        return tuner

    @property
    def _n_features_out(self) -> int:
        return self.learner_._n_features_out

    # -- what fit is made of -----------------------------------------------------------

    def _make_learner(self) -> SbertLearner:
        names = SbertLearner._get_param_names()
        learner = SbertLearner(**{name: getattr(self, name) for name in names})
        learner._check_parameters()
        restrictions = one_of(pairs.LANGUAGES)
        check_parameters(self, positives=restrictions, negatives=restrictions)
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
        if hasattr(y, "toarray"):
            y = y.toarray()
        elif hasattr(y, "to_numpy"):
            y = y.to_numpy()
        labels = np.asarray(y)
        if labels.ndim not in (1, 2):
            raise ValueError(
                f"got y of shape {labels.shape}, expected one label a document or an "
                "indicator matrix; pass one of them"
            )
        check_same_length(texts=texts, y=labels, language=language)
        if labels.ndim == 1 or labels.shape[1] == 1:
            labels = check_labels("y", labels.reshape(-1), len(texts))
            if language is None:
                return texts, labels, None
            return texts, labels, check_labels("language", language, len(texts))
        if language is not None:
            raise ValueError(
                "got language= with an indicator matrix, expected one label a document "
                "for pairs by language; leave language out"
            )
        return texts, labels, None

    def _sampler(
        self,
        labels: np.ndarray,
        languages: np.ndarray | None,
        rows: np.ndarray,
        seed: int,
    ) -> PairSampler:
        """Return what draws pairs among some rows, as pairs of places in ``rows``."""
        numbers = {"n_pos": self.n_pos, "n_neg": self.n_neg, "random_state": seed}
        if labels.ndim == 2:
            sampler = pairs.from_indicator(labels[rows], **numbers)
        else:
            languages_of_rows = None
            if languages is not None:
                languages_of_rows = languages[rows]
            sampler = pairs.from_labels(
                labels[rows],
                language=languages_of_rows,
                positives=self.positives,
                negatives=self.negatives,
                **numbers,
            )
        if not len(sampler):
            raise ValueError(
                f"got {len(rows)} documents that make no pairs, expected some; raise "
                "n_pos or n_neg"
            )
        return sampler

    def _held_out_pairs(
        self, labels: np.ndarray, languages: np.ndarray | None, rows, seed: int
    ) -> Pairs:
        try:
            # Held-out documents alone with their label are no news.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sampler = self._sampler(labels, languages, rows, seed)
                return _of_rows(sampler.draw(), rows)
        except ValueError as error:
            raise ValueError(
                f"got {len(rows)} held-out documents that make no pairs, expected some "
                "of each label; raise validation_fraction or pass early_stopping=False"
            ) from error

    def _split(self, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on and the rows held back."""
        n = len(labels)
        n_held_out = int(np.ceil(self.validation_fraction * n))
        strata = None
        if labels.ndim == 1:
            _, counts = np.unique(labels, return_counts=True)
            smaller_part = min(n_held_out, n - n_held_out)
            if counts.min() >= 2 and smaller_part >= len(counts):
                strata = labels
        return train_test_split(
            np.arange(n), test_size=n_held_out, stratify=strata, random_state=seed
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


def _of_rows(drawn: Pairs, rows: np.ndarray) -> Pairs:
    """Return pairs of places in ``rows`` as pairs of rows."""
    return Pairs(rows[drawn.first], rows[drawn.second], drawn.similarity)
