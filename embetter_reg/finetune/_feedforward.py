"""FeedForwardTuner: the hidden layer of a small classifier as the new space."""

from numbers import Integral

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from embetter_reg._random import draw_seed, seeded_torch
from embetter_reg.finetune._loop import Trainer, threads_for
from embetter_reg.finetune._losses import binary_cross_entropy, cross_entropy
from embetter_reg.finetune._networks import ACTIVATIONS, FeedForwardNetwork


class FeedForwardTuner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Tune embeddings toward labels with a feed-forward network; its hidden layer is the new space.

    Parameters
    ----------
    hidden_dim : int
        Width of the hidden layer, and so of the tuned space.
    n_epochs : int
        Passes over the documents in `fit`.
    learning_rate : float
        Of Adam with decoupled weight decay; it falls linearly to zero over the epochs.
    batch_size : int
        Documents a step.
    activation : {"tanh", "relu", "gelu", "sigmoid"}
        Of the hidden layer.
    mixup : float
        Parameter of the Beta distribution by which documents and labels are mixed in training
        (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"); 0 is off.
    dropout : float
        Share of the hidden layer dropped in training, in [0, 1).
    weight_decay : float
        Decoupled weight decay.
    early_stopping : bool
        Hold back ``validation_fraction`` of the documents (stratified where possible), stop when
        their loss has not improved for ``n_iter_no_change`` epochs, and keep the best weights.
    class_weight : "balanced", dict or None
        Weights of the classes in the loss.
    random_state : int, RandomState or None
        Decides weights, order, mixing and dropout. The same seed gives the same space.
    device : str
        ``"auto"`` is CUDA where there is one, else the CPU.
    show_progress : bool
        Draw a progress bar over epochs.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels in the order of the logits; column numbers where ``y`` was an indicator matrix.
    network_ : torch.nn.Module
    history_ : list of dict
        Per epoch ``epoch``, ``loss`` and, with early stopping, ``validation_loss``.

    Raises
    ------
    ValueError
        If there are fewer than two classes, a label is unknown in `partial_fit`, or a width is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.finetune import FeedForwardTuner
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [2]], 30, axis=0)
    >>> tuner = FeedForwardTuner(hidden_dim=4, n_epochs=5, random_state=0)
    >>> tuner.fit_transform(X, np.repeat(["NA", "HI"], 30)).shape
    (60, 4)

    """

    def __init__(
        self,
        hidden_dim=50,
        n_epochs=60,
        learning_rate=0.005,
        batch_size=32,
        *,
        activation="tanh",
        mixup=1.0,
        dropout=0.0,
        weight_decay=0.1,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        class_weight=None,
        random_state=None,
        device="auto",
        show_progress=False,
    ):
        self.hidden_dim = hidden_dim
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.activation = activation
        self.mixup = mixup
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(self, X, y):
        """Train a new network on vectors ``X`` (n_documents, n_dims) and labels ``y``.

        ``y`` is one label a document, or a binary indicator matrix (n_documents, n_classes).
        """
        X, targets = self._begin(X, y, classes=None)
        fitted, validation = self._hold_back(X, targets)
        rows, wanted = self._to_tensors(*fitted)
        trainer = self._trainer(rows, wanted)
        self.history_ = trainer.history
        with self._frugal(), seeded_torch(self._seed):
            trainer.fit(
                rows,
                wanted,
                n_epochs=self.n_epochs,
                validation=None if validation is None else self._to_tensors(*validation),
                patience=self.n_iter_no_change,
                show_progress=self.show_progress,
            )
        self.network_.eval()
        return self

    def partial_fit(self, X, y, classes=None):
        """Continue training: one pass over these documents at the full learning rate.

        ``classes`` names all labels at the first call; without it they are those of the first ``y``.
        Input scaling is that of the first call.
        """
        first = not hasattr(self, "network_")
        X, targets = self._begin(X, y, classes) if first else self._resume(X, y, classes)
        tensors = self._to_tensors(X, targets)
        if first:
            self._stream = self._trainer(*tensors)
            self.history_ = self._stream.history
        elif not hasattr(self, "_stream"):  # after a `fit`
            self._stream = self._make_trainer()
            self._stream.history = self.history_
        with self._frugal(), seeded_torch(self._seed + len(self.history_)):
            loss = self._stream.epoch(*tensors)
        self.history_.append({"epoch": len(self.history_) + 1, "loss": loss})
        self.network_.eval()
        return self

    def transform(self, X):
        """Return the tuned space of vectors ``X``, ``float32 (n_documents, hidden_dim)``."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float32)
        with torch.inference_mode():
            return self.network_.embed(torch.tensor(X, device=self._device)).cpu().numpy()

    @property
    def _n_features_out(self) -> int:
        return self.network_.hidden.out_features

    # -- what fit is made of ------------------------------------------------------------------------

    def _begin(self, X, y, classes):
        """Check everything, forget what was learned, and return arrays ready to train on."""
        self._check_parameters()
        if y is None:
            raise ValueError(
                "got a tuner that requires y to be passed, but the target y is None; pass one label a document"
            )
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        for name in ("network_", "_stream"):
            self.__dict__.pop(name, None)
        missing = np.flatnonzero(pd.isna(y).reshape(len(y), -1).any(axis=1))
        if len(missing):
            raise ValueError(
                f"got a missing label at position {missing[0]}, expected one label a document; drop the document"
            )
        check_classification_targets(y)
        self._multilabel = y.ndim == 2 and y.shape[1] > 1
        if self._multilabel:
            if type_of_target(y) != "multilabel-indicator":
                raise ValueError(
                    f"got y of shape {y.shape} that is not binary, expected an indicator matrix of 0 and 1; "
                    "pass one label a document or an indicator matrix"
                )
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_ = np.unique(column_or_1d(y, warn=True) if classes is None else classes)
        if len(self.classes_) < 2:
            raise ValueError("got 1 class, expected at least two; pass documents of more labels")
        self._device = torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        )
        self._seed = draw_seed(self.random_state)
        return X, self._encode(y)

    def _resume(self, X, y, classes):
        X, y = validate_data(self, X, y, reset=False, dtype=np.float32, multi_output=True)
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"got classes {list(classes)}, expected {self.classes_.tolist()} as at the first call; "
                "call fit to start afresh"
            )
        return X, self._encode(y)

    def _encode(self, y) -> np.ndarray:
        """Return labels as float32 (n_documents, n_classes) targets."""
        if self._multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes_):
                raise ValueError(
                    f"got y of shape {y.shape}, expected {len(self.classes_)} columns; "
                    "pass the indicator matrix with the same columns as at the first call"
                )
            return np.asarray(y, dtype=np.float32)
        y = column_or_1d(y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"got the unknown label {unknown.tolist()[0]!r}, expected one of {self.classes_.tolist()}; "
                "name all labels in classes= at the first call"
            )
        return (y[:, None] == self.classes_).astype(np.float32)

    def _hold_back(self, X, targets):
        if not self.early_stopping:
            return (X, targets), None
        rows = np.arange(len(X))
        strata = None if self._multilabel else targets.argmax(axis=1)
        n_held = int(np.ceil(self.validation_fraction * len(X)))
        if strata is not None and (np.bincount(strata).min() < 2 or n_held < len(self.classes_)):
            strata = None
        fitted, held = train_test_split(rows, test_size=n_held, stratify=strata, random_state=self._seed)
        return (X[fitted], targets[fitted]), (X[held], targets[held])

    def _trainer(self, X, targets) -> Trainer:
        """Make a new network, and the trainer for it."""
        with seeded_torch(self._seed):
            self.network_ = FeedForwardNetwork(
                X.shape[1], self.hidden_dim, len(self.classes_), self.activation, self.dropout
            ).to(self._device)
        self.network_.adapt_to(X)
        self._class_weight = self._weigh_classes(targets.cpu().numpy())
        return self._make_trainer()

    def _make_trainer(self) -> Trainer:
        weight = None if self._class_weight is None else torch.from_numpy(self._class_weight).to(self._device)
        loss = binary_cross_entropy if self._multilabel else cross_entropy
        return Trainer(
            network=self.network_,
            loss=lambda logits, targets: loss(logits, targets, weight),
            optimizer=torch.optim.AdamW(
                self.network_.parameters(), self.learning_rate, weight_decay=self.weight_decay, fused=True
            ),
            rng=np.random.default_rng(self._seed),
            batch_size=self.batch_size,
            mixup=self.mixup,
        )

    def _weigh_classes(self, targets) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        if not self._multilabel:
            y = self.classes_[targets.argmax(axis=1)]
            present = np.isin(self.classes_, y)
            weights = np.ones(len(self.classes_))
            known = self.class_weight
            if isinstance(known, dict):
                known = {key: value for key, value in known.items() if key in set(y)}
            weights[present] = compute_class_weight(known, classes=self.classes_[present], y=y)
        elif self.class_weight == "balanced":  # the weight of a label's presence against its absence
            positive = targets.sum(axis=0)
            weights = (len(targets) - positive) / np.maximum(positive, 1)
        else:
            weights = np.array([self.class_weight.get(label, 1.0) for label in self.classes_])
        return weights.astype(np.float32)

    def _to_tensors(self, X, targets):
        return torch.tensor(X, device=self._device), torch.tensor(targets, device=self._device)

    def _frugal(self):
        n_multiplications = self.batch_size * self.hidden_dim * (self.n_features_in_ + len(self.classes_))
        return threads_for(n_multiplications, self._device)

    def _check_parameters(self) -> None:
        for name in ("hidden_dim", "n_epochs", "batch_size", "n_iter_no_change"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"got {name}={value!r}, expected a whole number of at least 1; pass one")
        if not self.learning_rate > 0:
            raise ValueError(f"got learning_rate={self.learning_rate!r}, expected above 0; try 0.005")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"got validation_fraction={self.validation_fraction!r}, expected in (0, 1); try 0.1")
        if self.class_weight not in (None, "balanced") and not isinstance(self.class_weight, dict):
            raise ValueError(f"got class_weight={self.class_weight!r}, expected 'balanced', a dict or None; pick one")
        if str(self.device).startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"got device={self.device!r} but no CUDA device is here; pass 'auto' or 'cpu'")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"got activation={self.activation!r}, expected one of {list(ACTIVATIONS)}; pick one")

    def __getstate__(self):
        # The optimiser's moments stay behind: a loaded tuner that continues starts with fresh ones.
        return {key: value for key, value in super().__getstate__().items() if key != "_stream"}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
