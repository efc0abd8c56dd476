"""Contrastive heads: documents of one register come close, others move apart."""

from functools import partial

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted, validate_data

from embetter_reg._random import draw_seed, seeded_torch
from embetter_reg._validation import check_same_length
from embetter_reg.finetune import pairs
from embetter_reg.finetune.heads._head import Head
from embetter_reg.finetune.heads._loop import Paired
from embetter_reg.finetune.heads._losses import supervised_contrastive
from embetter_reg.finetune.heads._networks import HeadNetwork
from embetter_reg.finetune.heads._tuner import Tuner

PAIR_LOSSES = ("cosine", "margin")
LABEL_LOSSES = ("prototype", "supcon")


class ContrastiveLearner(Head):
    """Learn from pairs of vectors how similar they should be.

    Parameters
    ----------
    shape_out : int
        Width of the tuned space.
    batch_size : int
        Pairs a step.
    epochs : int
        Passes over the pairs in `fit`.
    learning_rate : float
        Of Adam with decoupled weight decay, at its highest.
    loss : {"cosine", "margin"}
        ``"cosine"``: squared difference of cosine and similarity. ``"margin"``: similar
        pairs as near as possible, dissimilar ones at least ``margin`` apart (Hadsell,
        Chopra & LeCun 2006, "Dimensionality Reduction by Learning an Invariant
        Mapping").
    margin : float
        Cosine distance, in (0, 2], that dissimilar pairs should keep.
    hidden_layers : tuple of int or None
        Widths of the layers before the tuned space, whose layer is linear; None is one
        of ``shape_out``.
    activation : {"relu", "tanh", "gelu", "sigmoid"}
        Of the hidden layers.
    dropout, input_dropout : float
        Share of each hidden layer and of the input dropped in training, in [0, 1).
    standardize : bool
        Divide every dimension by its standard deviation; otherwise all by one number.
    weight_decay, schedule, warmup, early_stopping, validation_fraction, n_iter_no_change
        As in `FeedForwardTuner`; it is pairs that are held back.
    random_state, device, show_progress
        As in `FeedForwardTuner`.

    Attributes
    ----------
    network_ : torch.nn.Module
    history_ : list of dict
        Per epoch ``epoch``, ``loss`` and, with early stopping, ``validation_loss``.

    Raises
    ------
    ValueError
        If the two sides differ in shape, or a similarity is not in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.finetune import ContrastiveLearner, pairs
    >>> y = np.repeat(["NA", "HI"], 30)
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [1]], 30, axis=0)
    >>> first, second, similarity = pairs.from_labels(y, random_state=0).draw()
    >>> learner = ContrastiveLearner(4, epochs=30, random_state=0).fit(X[first], X[second], similarity)
    >>> learner.transform(X).shape
    (60, 4)
    >>> bool(learner.predict(X[:1], X[1:2]) > learner.predict(X[:1], X[-1:]))
    True

    """

    def __init__(
        self,
        shape_out=300,
        batch_size=256,
        epochs=20,
        learning_rate=0.001,
        *,
        loss="cosine",
        margin=0.5,
        hidden_layers=None,
        activation="relu",
        dropout=0.0,
        input_dropout=0.0,
        standardize=False,
        weight_decay=0.01,
        schedule="linear",
        warmup=0.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.shape_out = shape_out
        self.batch_size = batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.loss = loss
        self.margin = margin
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.standardize = standardize
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X1, X2, y, sample_weight=None):
        """Train a new network.

        Parameters
        ----------
        X1, X2 : array-like, shape (n_pairs, n_dims)
            The two sides of each pair.
        y : array-like, shape (n_pairs,)
            How similar they should be, from 0 to 1.
        sample_weight : array-like, shape (n_pairs,), or None
            What each pair counts, at least 0.

        """
        self._open()
        X1, X2, y, weights = self._check_pairs(X1, X2, y, sample_weight, reset=True)
        rows, held = np.arange(len(y)), None
        if self.early_stopping:
            rows, held = train_test_split(
                rows, test_size=self.validation_fraction, random_state=self._seed
            )
        self._build(self._tensor(np.concatenate([X1[rows], X2[rows]])))
        trainer = self._trainer()
        with self._frugal(), seeded_torch(self._seed):
            trainer.fit(
                self._pairs(X1[rows], X2[rows], y[rows], weights[rows]),
                self.epochs,
                validation=None
                if held is None
                else self._pairs(X1[held], X2[held], y[held], weights[held]),
                patience=self.n_iter_no_change,
                show_progress=self.show_progress,
            )
        return self

    def partial_fit(self, X1, X2, y, sample_weight=None):
        """Continue training: one pass over these pairs at the full learning rate,
        scaled as at the first call.
        """
        first = not hasattr(self, "network_")
        if first:
            self._open()
        X1, X2, y, weights = self._check_pairs(X1, X2, y, sample_weight, reset=first)
        if first:
            self._build(self._tensor(np.concatenate([X1, X2])))
            self.history_ = []
        self._stream_epoch(self._pairs(X1, X2, y, weights))
        return self

    def fit_transform(self, X1, X2, y, sample_weight=None):
        """Refuse: pairs have two sides, so there is no one space to return."""
        raise TypeError(
            "got pairs, expected one set of vectors; call fit(X1, X2, y) and then "
            "transform(X)"
        )

    def predict(self, X1, X2):
        """Return the cosine of each pair in the tuned space, ``float32 (n_pairs,)``, in
        [-1, 1].
        """
        check_is_fitted(self)
        check_same_length(X1=X1, X2=X2)
        first, second = (torch.from_numpy(self.transform(X)) for X in (X1, X2))
        return torch.cosine_similarity(first, second).numpy()

    def _network(self, n_in, n_out=None):
        hidden = (self.shape_out,) if self.hidden_layers is None else self.hidden_layers
        return HeadNetwork(
            n_in,
            [*hidden, self.shape_out],
            n_out,
            activation=self.activation,
            activate_last=False,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            standardize=self.standardize,
        )

    def _open(self):
        super()._open()
        if self.loss not in PAIR_LOSSES:
            raise ValueError(
                f"got loss={self.loss!r}, expected one of {list(PAIR_LOSSES)}; pick one"
            )

    def _check_pairs(self, X1, X2, y, sample_weight, *, reset):
        check_same_length(X1=X1, X2=X2, y=y)
        X1 = validate_data(self, X1, dtype=np.float32, reset=reset)
        X2 = validate_data(self, X2, dtype=np.float32, reset=False)
        y = np.asarray(y, dtype=np.float32)
        if y.ndim != 1 or not ((y >= 0) & (y <= 1)).all():
            raise ValueError(
                f"got similarities of shape {y.shape}, expected numbers from 0 to 1, "
                "one a pair; pass those"
            )
        return X1, X2, y, self._sample_weight(sample_weight, X1)

    def _pairs(self, X1, X2, y, weights) -> Paired:
        """Return the task of given pairs."""
        rows = self.network_.prepare(self._tensor(np.concatenate([X1, X2])))
        numbers = np.arange(len(X1))
        # The first side of a pair carries its weight.
        weight = (
            None
            if (weights == 1).all()
            else self._tensor(np.concatenate([weights, np.ones_like(weights)]))
        )
        return self._paired(
            rows, len(y), lambda: (numbers, numbers + len(X1), y), weight
        )

    def _paired(self, rows, n_pairs, draw, weight) -> Paired:
        return Paired(
            rows, n_pairs, draw, weight, self.margin if self.loss == "margin" else None
        )


class ContrastiveTuner(Tuner):
    """Tune embeddings so that documents of one label come close and others move apart.

    A `ContrastiveLearner` that takes labels, and so stands in a pipeline.

    Parameters
    ----------
    hidden_dim : int
        Width of the tuned space.
    n_neg : int
        Negative pairs a document and epoch, for ``loss="cosine"`` and ``"margin"``.
    epochs : int
        Passes over the documents in `fit`; pairs are drawn anew for each.
    learning_rate : float
        Of Adam with decoupled weight decay, at its highest.
    loss : {"prototype", "supcon", "cosine", "margin"}
        ``"prototype"``: every label has a prototype, and a document should point to its
        own rather than to others (Movshovitz-Attias et al. 2017, "No Fuss Distance
        Metric Learning using Proxies"), plus ``supcon_weight`` times the next.
        ``"supcon"``: a document should find those of its label among all of its batch
        (Khosla et al. 2020, "Supervised Contrastive Learning"). ``"cosine"``,
        ``"margin"``: drawn pairs, see `ContrastiveLearner`.
    supcon_weight : float
    temperature : float
        Of ``"supcon"``; lower looks at near documents only.
    margin : float
        Of ``"margin"``, a cosine distance in (0, 2].
    n_pos : int
        Positive pairs a document and epoch.
    positives, negatives : {"any", "other", "same"}
        Languages that pairs are drawn from, relative to the document's, where `fit` is
        given ``language``: ``positives="other"`` and ``negatives="same"`` teach
        register against language.
    batch_size : int
        Documents, or pairs, a step.
    hidden_layers : tuple of int
        Widths of layers before the tuned space, whose layer is linear.
    activation : {"tanh", "relu", "gelu", "sigmoid"}
        Of the hidden layers.
    mixup, label_smoothing
        As in `FeedForwardTuner`; mixing for the losses on labels, smoothing for
        ``"prototype"``.
    dropout, input_dropout, standardize, weight_decay, schedule, warmup
        As in `FeedForwardTuner`.
    early_stopping, validation_fraction, n_iter_no_change, class_weight, region_weight, n_regions, language_weight
        As in `FeedForwardTuner`. A pair counts the product of its documents.
    random_state, device, show_progress
        As in `FeedForwardTuner`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels; column numbers where ``y`` was an indicator matrix.
    learner_ : ContrastiveLearner
        The learner inside: ``learner_.predict(X1, X2)`` gives cosines.
    network_ : torch.nn.Module
    history_ : list of dict

    Raises
    ------
    ValueError
        If there are fewer than two classes, or ``language`` is missing where it is
        needed.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.finetune import ContrastiveTuner
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [2]], 30, axis=0)
    >>> tuner = ContrastiveTuner(hidden_dim=4, epochs=5, random_state=0).fit(X, np.repeat(["NA", "HI"], 30))
    >>> tuner.transform(X).shape
    (60, 4)
    >>> bool(tuner.learner_.predict(X[:1], X[1:2]) > tuner.learner_.predict(X[:1], X[-1:]))
    True

    """

    def __init__(
        self,
        hidden_dim=50,
        n_neg=3,
        epochs=60,
        learning_rate=0.007,
        *,
        loss="prototype",
        supcon_weight=0.3,
        temperature=0.3,
        margin=0.5,
        n_pos=1,
        positives="any",
        negatives="any",
        batch_size=64,
        hidden_layers=(),
        activation="tanh",
        mixup=1.0,
        label_smoothing=0.0,
        dropout=0.5,
        input_dropout=0.5,
        standardize=True,
        weight_decay=1.0,
        schedule="linear",
        warmup=0.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        class_weight=None,
        region_weight=0.7,
        n_regions=8,
        language_weight=0.0,
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.hidden_dim = hidden_dim
        self.n_neg = n_neg
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.loss = loss
        self.supcon_weight = supcon_weight
        self.temperature = temperature
        self.margin = margin
        self.n_pos = n_pos
        self.positives = positives
        self.negatives = negatives
        self.batch_size = batch_size
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.mixup = mixup
        self.label_smoothing = label_smoothing
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.standardize = standardize
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.region_weight = region_weight
        self.n_regions = n_regions
        self.language_weight = language_weight
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    @property
    def learner_(self) -> ContrastiveLearner:
        """The fitted learner inside."""
        check_is_fitted(self)
        learner = self._learner()
        learner.network_, learner.history_, learner.n_features_in_ = (
            self.network_,
            self.history_,
            self.n_features_in_,
        )
        return learner

    def _learner(self) -> ContrastiveLearner:
        parameters = self.get_params()
        shared = {
            name: parameters[name]
            for name in ContrastiveLearner().get_params()
            if name in parameters
        }
        loss = self.loss if self.loss in PAIR_LOSSES else "cosine"
        own = {
            "shape_out": self.hidden_dim,
            "loss": loss,
            "hidden_layers": self.hidden_layers or (),
        }
        return ContrastiveLearner(**{**shared, **own})

    @property
    def _n_epochs(self):
        return self.epochs

    def _open(self):
        super()._open()
        known = (*LABEL_LOSSES, *PAIR_LOSSES)
        if self.loss not in known:
            raise ValueError(
                f"got loss={self.loss!r}, expected one of {list(known)}; pick one"
            )

    def _network(self, n_in):
        return self._learner()._network(
            n_in, len(self.classes_) if self.loss == "prototype" else None
        )

    def _task(self, rows, targets, weights, languages):
        if self.loss in PAIR_LOSSES:
            return self._pair_task(rows, targets, weights, languages)
        classify = self._classifier()

        def criterion(embedding, logits, wanted, weight):
            loss, slope, at_logits = torch.zeros(()), None, None
            if self.loss == "supcon" or self.supcon_weight:
                share = 1.0 if self.loss == "supcon" else self.supcon_weight
                loss, slope = supervised_contrastive(
                    embedding, wanted, weight, temperature=self.temperature
                )
                loss, slope = share * loss, share * slope
            if self.loss == "prototype":
                classified, at_logits = classify(logits, wanted, weight)
                loss = loss + classified
            return loss, slope, at_logits

        return self._labeled(rows, targets, weights, criterion)

    def _pair_task(self, rows, targets, weights, languages):
        seed = draw_seed(self._seed + len(getattr(self, "history_", ())))
        how = {"n_pos": self.n_pos, "n_neg": self.n_neg, "random_state": seed}
        if self._labels.multilabel:
            if (self.positives, self.negatives) != ("any", "any"):
                raise ValueError(
                    "got positives or negatives by language with an indicator matrix, "
                    "expected 'any'; "
                    "drop hybrids, or leave them at 'any'"
                )
            sampler = pairs.from_indicator(targets, **how)
        else:
            y = targets.argmax(axis=1)
            weights = weights * self._class_weights[y]
            sampler = pairs.from_labels(
                y,
                language=languages,
                positives=self.positives,
                negatives=self.negatives,
                **how,
            )
        weight = None if (weights == weights[0]).all() else self._tensor(weights)
        return self._learner()._paired(
            rows, len(sampler), partial(sampler.draw, shuffle=False), weight
        )
