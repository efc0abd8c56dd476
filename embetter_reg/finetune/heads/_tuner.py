"""Heads that learn from labels: what `FeedForwardTuner` and `ContrastiveTuner` share."""

from functools import partial

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import validate_data

from embetter_reg._random import seeded_torch
from embetter_reg._validation import check_labels
from embetter_reg.finetune.heads._head import Head
from embetter_reg.finetune.heads._loop import Labeled
from embetter_reg.finetune.heads._losses import binary_cross_entropy, cross_entropy
from embetter_reg.finetune.heads._saving import to_json
from embetter_reg.finetune.heads._targets import (
    Labels,
    find_regions,
    independence_weights,
)


class Tuner(Head):
    """`fit(X, y)` and `partial_fit`, in terms of a subclass's `_network` and `_task`."""

    def fit(self, X, y, sample_weight=None, *, language=None):
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
        languages = (
            None if language is None else check_labels("language", language, len(X))
        )
        weights = self._sample_weight(sample_weight, X) * self._independence(
            X, y, languages
        )
        fitted, held = self._hold_back(targets)
        self._build(self._tensor(X[fitted]))

        def task(rows):
            spoken = None if languages is None else languages[rows]
            return self._task(
                self.network_.prepare(self._tensor(X[rows])),
                targets[rows],
                weights[rows],
                spoken,
            )

        trainer = self._trainer()
        with self._frugal(), seeded_torch(self._seed):
            trainer.fit(
                task(fitted),
                self._n_epochs,
                validation=None if held is None else task(held),
                patience=self.n_iter_no_change,
                show_progress=self.show_progress,
            )
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Continue training: one pass over these documents at the full learning rate.

        ``classes`` names all labels at the first call; without it they are those of the
        first ``y``. Scaling and class weights are those of the first call; regions and
        languages are not weighed, as a batch does not show them.
        """
        first = not hasattr(self, "network_")
        if first:
            X, y, targets = self._begin(X, y, classes)
            self._build(self._tensor(X))
            self.history_ = []
        else:
            X, y, targets = self._resume(X, y, classes)
        weights = self._sample_weight(sample_weight, X)
        self._stream_epoch(
            self._task(self.network_.prepare(self._tensor(X)), targets, weights, None)
        )
        return self

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the outputs; column numbers where ``y`` was an
        indicator matrix.
        """
        if not hasattr(self, "_labels"):
            raise AttributeError("classes_")
        return self._labels.classes

    # -- what fit is made of ------------------------------------------------------------------------

    def _task(self, rows, targets, weights, languages):
        raise NotImplementedError

    def _classifier(self):
        """Return the loss of logits, targets and weights, with its gradient at the
        logits.
        """
        if not self._labels.multilabel:
            return partial(cross_entropy, smoothing=self.label_smoothing)
        positive = (
            None if self.class_weight is None else self._tensor(self._class_weights)
        )
        return partial(
            binary_cross_entropy,
            smoothing=self.label_smoothing,
            positive_weight=positive,
        )

    def _labeled(self, rows, targets, weights, criterion) -> Labeled:
        """Return the task of prepared rows with labels; a class's weight becomes its
        documents'.
        """
        if not self._labels.multilabel:
            weights = weights * self._class_weights[targets.argmax(axis=1)]
        weight = None if (weights == weights[0]).all() else self._tensor(weights)
        return Labeled(rows, self._tensor(targets), weight, criterion, self.mixup)

    @property
    def _n_epochs(self) -> int:
        return self.n_epochs

    def _begin(self, X, y, classes):
        """Check everything, forget what was learned, and return vectors, labels and
        targets.
        """
        if y is None:
            raise ValueError(
                "got a tuner that requires y to be passed, but the target y is None; "
                "pass one label a document"
            )
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        self._open()
        self._labels = Labels.of(y, classes)
        targets = self._labels.encode(y)
        self._class_weights = self._labels.class_weights(self.class_weight, targets)
        return X, y, targets

    def _resume(self, X, y, classes):
        X, y = validate_data(
            self, X, y, reset=False, dtype=np.float32, multi_output=True
        )
        if classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError(
                f"got classes {list(classes)}, expected {self.classes_.tolist()} as "
                "at the first call; "
                "call fit to start afresh"
            )
        return X, y, self._labels.encode(y)

    def _independence(self, X, y, languages) -> np.ndarray:
        """Return document weights that loosen the tie of labels to languages or,
        without those, to regions of ``X``.
        """
        share = self.language_weight or self.region_weight
        if not share:
            return np.ones(len(X), np.float32)
        if self.language_weight and languages is None:
            raise ValueError(
                f"got language_weight={self.language_weight} without language, "
                "expected one a document; pass language= "
                "(in a pipeline by set_fit_request(language=True) with metadata "
                "routing enabled)"
            )
        groups = (
            languages
            if self.language_weight
            else find_regions(X, self.n_regions, self._seed)
        )
        kinds = (
            y
            if y.ndim == 1
            else np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)
        )
        return (independence_weights(kinds, groups) ** share).astype(np.float32)

    def _hold_back(self, targets):
        rows = np.arange(len(targets))
        if not self.early_stopping:
            return rows, None
        strata = None if self._labels.multilabel else targets.argmax(axis=1)
        n_held = int(np.ceil(self.validation_fraction * len(rows)))
        if strata is not None:
            sizes = np.bincount(strata)
            if sizes[sizes > 0].min() < 2 or min(n_held, len(rows) - n_held) < len(
                self.classes_
            ):
                strata = None
        return train_test_split(
            rows, test_size=n_held, stratify=strata, random_state=self._seed
        )

    def _own_state(self):
        return {
            "classes": to_json(self.classes_),
            "multilabel": self._labels.multilabel,
            "class_weights": to_json(self._class_weights),
        }

    def _restore(self, config):
        self._labels = Labels(np.array(config["classes"]), config["multilabel"])
        self._class_weights = np.array(config["class_weights"], np.float32)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
