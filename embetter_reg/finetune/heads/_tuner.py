"""Heads that learn from labels: what `FeedForwardTuner` and `ContrastiveTuner` share."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from embetter_reg._class_weights import weigh_classes
from embetter_reg._validation import check_labels
from embetter_reg.finetune.heads._checks import check_vectors, check_weights
from embetter_reg.finetune.heads._head import Head
from embetter_reg.finetune.heads._saving import to_json
from embetter_reg.finetune.heads._targets import (
    check_targets,
    encode_targets,
    find_classes,
    find_regions,
    independence_weights,
)
from embetter_reg.finetune.heads._tasks import Labeled, LabelLoss, Task
from embetter_reg.finetune.losses import binary_cross_entropy, cross_entropy


def _check_outputs(tuner: "Tuner") -> bool:
    """Refuse a tuner whose network has no output for each class."""
    if tuner._has_outputs():
        return True
    raise AttributeError(
        f"got {tuner!r}, which has no outputs for its classes, expected a tuner that "
        "learns to classify; pass loss='prototype'"
    )


class Tuner(Head):
    """`fit(X, y)`, `partial_fit`, `predict_proba` and `predict`, in terms of a
    subclass's `_task`.
    """

    classes_: np.ndarray
    output_temperature_: float
    threshold_: float | np.ndarray

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        language: ArrayLike | None = None,
    ) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : array-like, shape (n_documents, n_dims)
        y : array-like
            One label a document, or a binary indicator matrix (n_documents, n_classes).
        sample_weight : array-like, shape (n_documents,), or None
            What each document counts, at least 0.
        language : array-like of str, shape (n_documents,), or None
            Language of each document, for ``language_weight``. In a pipeline it arrives
            by metadata routing.

        """
        X, y, targets = self._begin(X, y, classes=None)
        if language is not None:
            language = check_labels("language", language, len(X))
        weights = check_weights(sample_weight, len(X))
        weights = weights * self._independence(X, y, language)
        fitted, held = self._hold_back(targets)
        rng = np.random.default_rng(self._seed)
        self._build(self._tensor(X[fitted]), rng)

        def task(rows: np.ndarray) -> Task:
            languages = None
            if language is not None:
                languages = language[rows]
            vectors = self.network_.prepare(self._tensor(X[rows]))
            return self._task(vectors, targets[rows], weights[rows], languages)

        validation = None
        if held is not None:
            validation = task(held)
        self._train(task(fitted), validation, self.n_epochs, rng)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Continue training: one pass over these documents at the full learning rate.

        ``classes`` names all labels at the first call; without it they are those of the
        first ``y``. Scaling and class weights are those of the first call; regions and
        languages are not weighed, as a batch does not show them.
        """
        if hasattr(self, "network_"):
            X, y, targets = self._resume(X, y, classes)
        else:
            X, y, targets = self._begin(X, y, classes)
            self._build(self._tensor(X), np.random.default_rng(self._seed))
            self.history_ = []
        weights = check_weights(sample_weight, len(X))
        vectors = self.network_.prepare(self._tensor(X))
        self._continue(self._task(vectors, targets, weights, None))
        return self

    @available_if(_check_outputs)
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, ``float32 (n_documents, n_classes)``.

        Of a head that was fitted on an indicator matrix each label has its own, and a
        row may add up to anything; otherwise rows add up to 1. Outputs are divided by
        ``output_temperature_`` before. A head whose loss is of pairs or of distances
        alone has no outputs, and not this method.
        """
        check_is_fitted(self)
        vectors = check_vectors(self, X, reset=False)
        with torch.no_grad():
            outputs = self.network_(self._tensor(vectors)) / self.output_temperature_
        if self._multilabel:
            return outputs.sigmoid().cpu().numpy()
        return outputs.softmax(dim=1).cpu().numpy()

    @available_if(_check_outputs)
    def predict(
        self, X: ArrayLike, threshold: float | ArrayLike | None = None
    ) -> np.ndarray:
        """Return the labels of vectors ``X``.

        Parameters
        ----------
        X : array-like, shape (n_documents, n_dims)
        threshold : float, array-like of shape (n_classes,), or None
            Smallest probability of a label that is given, of a head that was fitted on
            an indicator matrix; None is ``threshold_``.

        Returns
        -------
        ndarray
            The most probable label, ``(n_documents,)``; of a head that was fitted on an
            indicator matrix such a matrix, ``int8 (n_documents, n_classes)``.

        """
        probabilities = self.predict_proba(X)
        if not self._multilabel:
            return self.classes_[probabilities.argmax(axis=1)]
        if threshold is None:
            threshold = self.threshold_
        return (probabilities >= np.asarray(threshold)).astype(np.int8)

    # -- what fit is made of -------------------------------------------------------

    def _has_outputs(self) -> bool:
        """Return whether the network has an output for each class."""
        return True

    def _task(
        self,
        rows: Tensor,
        targets: np.ndarray,
        weights: np.ndarray,
        languages: np.ndarray | None,
    ) -> Task:
        raise NotImplementedError

    def _classifier(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the loss of outputs and targets."""
        if not self._multilabel:
            return partial(cross_entropy, smoothing=self.label_smoothing)
        positive_weight = None
        if self._class_weights is not None:
            positive_weight = self._tensor(self._class_weights)
        return partial(
            binary_cross_entropy,
            smoothing=self.label_smoothing,
            positive_weight=positive_weight,
        )

    def _labeled(
        self,
        rows: Tensor,
        targets: np.ndarray,
        weights: np.ndarray,
        criterion: LabelLoss,
    ) -> Labeled:
        weight = self._weight_tensor(self._by_class(weights, targets))
        return Labeled(rows, self._tensor(targets), weight, criterion, self.mixup)

    def _by_class(self, weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return what documents count, with the weights of single labels in it."""
        if self._multilabel or self._class_weights is None:
            return weights
        return weights * self._class_weights[targets.argmax(axis=1)]

    def _weight_tensor(self, weights: np.ndarray) -> Tensor | None:
        # Equal weights change no weighted mean, and None costs nothing.
        if (weights == weights[0]).all():
            return None
        return self._tensor(weights)

    def _begin(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Check everything, forget what was learned, and return vectors, labels and
        targets.
        """
        X, y = self._check(X, y, reset=True)
        self._open()
        self.output_temperature_ = 1.0
        self.threshold_ = 0.5
        self._multilabel = check_targets(y)
        self.classes_ = find_classes(y, self._multilabel, classes)
        targets = encode_targets(y, self.classes_, self._multilabel)
        labels = targets
        if not self._multilabel:
            labels = targets.argmax(axis=1)
        names = self.classes_.tolist()
        self._class_weights = weigh_classes(self.class_weight, labels, names)
        return X, y, targets

    def _resume(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        X, y = self._check(X, y, reset=False)
        if classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError(
                f"got classes {np.unique(classes).tolist()}, expected {self.classes_.tolist()} as "
                "at the first call; "
                "call fit to start afresh"
            )
        check_targets(y)
        return X, y, encode_targets(y, self.classes_, self._multilabel)

    def _check(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if y is None:
            raise ValueError(
                "got a tuner that requires y to be passed, but the target y is None; "
                "pass one label a document"
            )
        return check_vectors(self, X, y, reset=reset)

    def _independence(
        self, X: np.ndarray, y: np.ndarray, language: np.ndarray | None
    ) -> np.ndarray:
        """Return document weights that loosen the tie of labels to languages or,
        without those, to regions of ``X``.
        """
        share = self.language_weight or self.region_weight
        if not share:
            return np.ones(len(X), np.float32)
        if self.language_weight and language is None:
            raise ValueError(
                f"got language_weight={self.language_weight} without language, "
                "expected one a document; pass language= "
                "(in a pipeline by set_fit_request(language=True) with metadata "
                "routing enabled)"
            )
        groups: Any = language
        if not self.language_weight:
            groups = find_regions(X, self.n_regions, self._seed)
        kinds = y
        if y.ndim == 2:
            _, kinds = np.unique(y, axis=0, return_inverse=True)
        kinds = kinds.reshape(-1)
        return (independence_weights(kinds, groups) ** share).astype(np.float32)

    def _hold_back(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return rows to fit on and rows to validate on, stratified where possible."""
        rows = np.arange(len(targets))
        if not self.early_stopping:
            return rows, None
        n_held = int(np.ceil(self.validation_fraction * len(rows)))
        strata = None
        if not self._multilabel:
            strata = targets.argmax(axis=1)
            sizes = np.bincount(strata)
            smaller_part = min(n_held, len(rows) - n_held)
            if sizes[sizes > 0].min() < 2 or smaller_part < len(self.classes_):
                strata = None
        return train_test_split(
            rows, test_size=n_held, stratify=strata, random_state=self._seed
        )

    def _state(self) -> dict[str, Any]:
        return {
            "classes": to_json(self.classes_),
            "multilabel": self._multilabel,
            "class_weights": to_json(self._class_weights),
            "output_temperature": self.output_temperature_,
            "threshold": to_json(self.threshold_),
        }

    def _restore(self, config: dict[str, Any]) -> None:
        self.classes_ = np.array(list(config["classes"]))
        if config["network"]["n_out"] not in (None, len(self.classes_)):
            raise ValueError("classes and outputs differ in number")
        self._multilabel = bool(config["multilabel"])
        self.output_temperature_ = float(config.get("output_temperature", 1.0))
        self.threshold_ = config.get("threshold", 0.5)
        self._class_weights = None
        if config["class_weights"] is not None:
            self._class_weights = np.array(config["class_weights"], np.float32)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
