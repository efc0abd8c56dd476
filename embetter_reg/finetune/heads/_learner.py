"""ContrastiveLearner: a head that learns from pairs of vectors."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_same_length
from embetter_reg.finetune.heads._checks import check_vectors, check_weights
from embetter_reg.finetune.heads._head import Head
from embetter_reg.finetune.heads._tasks import Paired, PairLoss
from embetter_reg.finetune.losses import contrastive_loss, cosine_loss
from embetter_reg.finetune.pairs import Pairs

PAIR_LOSSES = ("cosine", "contrastive")


def pair_loss(loss: str | PairLoss, margin: float) -> PairLoss:
    """Return the loss called so, or the function itself."""
    if callable(loss):
        return loss
    if loss == "contrastive":
        return partial(contrastive_loss, margin=margin)
    return cosine_loss


class ContrastiveLearner(Head):
    """Learn from pairs of vectors how similar they should be.

    Parameters
    ----------
    hidden_dim : int
        Width of the tuned space.
    batch_size : int
        Pairs a step.
    n_epochs : int
        Passes over the pairs in `fit`.
    learning_rate : float
        Of Adam with decoupled weight decay, at its highest.
    loss : {"cosine", "contrastive"} or callable
        ``"cosine"``: squared difference of cosine and similarity. ``"contrastive"``:
        similar pairs as near as possible, dissimilar ones at least ``margin`` apart
        (Hadsell, Chopra & LeCun 2006, "Dimensionality Reduction by Learning an
        Invariant Mapping"). A function ``loss(first, second, similarity)`` of tensors
        gets the tuned vectors of both sides of a batch, ``(n_pairs, n_dims)``, and
        ``similarity (n_pairs,)``, and returns one number a pair, ``(n_pairs,)``, of
        which the weighted mean is made smaller.
    margin : float
        Cosine distance, in (0, 2], that dissimilar pairs should keep.
    hidden_layers : tuple of int or None
        Widths of the layers before the tuned space, whose layer is linear; None is one
        of ``hidden_dim``.
    activation : {"relu", "tanh", "gelu", "sigmoid"}
        Of the hidden layers.
    dropout, input_dropout : float
        Share of each hidden layer and of the input dropped in training, in [0, 1).
    standardize : bool
        Divide every dimension by its standard deviation; otherwise all by one number.
    weight_decay, schedule, warmup_ratio, early_stopping, validation_fraction, n_iter_no_change
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
        If the two sides differ in shape, a similarity is not in [0, 1], or a loss does
        not return one number a pair.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.finetune import ContrastiveLearner, pairs
    >>> y = np.repeat(["NA", "HI"], 30)
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [5]], 30, axis=0)
    >>> first, second, similarity = pairs.from_labels(y, random_state=0).draw()
    >>> learner = ContrastiveLearner(4, n_epochs=30, random_state=0)
    >>> learner = learner.fit(X[first], X[second], similarity)
    >>> learner.transform(X).shape
    (60, 4)
    >>> bool(learner.predict(X[:1], X[1:2]) > learner.predict(X[:1], X[-1:]))
    True

    """

    def __init__(
        self,
        hidden_dim: int = 300,
        batch_size: int = 256,
        n_epochs: int = 20,
        learning_rate: float = 0.001,
        *,
        loss: str | PairLoss = "cosine",
        margin: float = 0.5,
        hidden_layers: Sequence[int] | None = None,
        activation: str = "relu",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        standardize: bool = False,
        weight_decay: float = 0.01,
        schedule: str = "linear",
        warmup_ratio: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        show_progress: bool = False,
    ):
        self.hidden_dim = hidden_dim
        self.batch_size = batch_size
        self.n_epochs = n_epochs
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
        self.warmup_ratio = warmup_ratio
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.device = device
        self.show_progress = show_progress

    def fit(
        self,
        X1: ArrayLike,
        X2: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
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
        columns = self._check_pairs(X1, X2, y, sample_weight, reset=True)
        fitted = columns
        held = None
        if self.early_stopping:
            rows, held_rows = train_test_split(
                np.arange(len(columns[0])),
                test_size=self.validation_fraction,
                random_state=self._seed,
            )
            fitted = [column[rows] for column in columns]
            held = [column[held_rows] for column in columns]
        rng = np.random.default_rng(self._seed)
        self._build(self._tensor(np.concatenate(fitted[:2])), rng)
        validation = None
        if held is not None:
            validation = self._task(*held)
        self._train(self._task(*fitted), validation, self.n_epochs, rng)
        return self

    def partial_fit(
        self,
        X1: ArrayLike,
        X2: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Continue training: one pass over these pairs at the full learning rate,
        scaled as at the first call.
        """
        first = not hasattr(self, "network_")
        if first:
            self._open()
        columns = self._check_pairs(X1, X2, y, sample_weight, reset=first)
        if first:
            rng = np.random.default_rng(self._seed)
            self._build(self._tensor(np.concatenate(columns[:2])), rng)
            self.history_ = []
        self._continue(self._task(*columns))
        return self

    def fit_transform(
        self,
        X1: ArrayLike,
        X2: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> NoReturn:
        """Refuse: pairs have two sides, so there is no one space to return."""
        raise TypeError(
            "got pairs, expected one set of vectors; call fit(X1, X2, y) and then "
            "transform(X)"
        )

    def predict(self, X1: ArrayLike, X2: ArrayLike) -> np.ndarray:
        """Return the cosine of each pair in the tuned space, ``float32 (n_pairs,)``, in
        [-1, 1].
        """
        check_is_fitted(self)
        first = torch.from_numpy(self.transform(X1))
        second = torch.from_numpy(self.transform(X2))
        check_same_length(X1=first, X2=second)
        return torch.cosine_similarity(first, second).numpy()

    def _network_options(self, n_in: int) -> dict[str, Any]:
        options = {**super()._network_options(n_in), "activate_last": False}
        if self.hidden_layers is None:
            options["widths"] = [self.hidden_dim, self.hidden_dim]
        return options

    def _open(self) -> None:
        super()._open()
        if not callable(self.loss) and self.loss not in PAIR_LOSSES:
            raise ValueError(
                f"got loss={self.loss!r}, expected one of {list(PAIR_LOSSES)} or a "
                "function; pick one"
            )

    def _check_pairs(
        self,
        X1: ArrayLike,
        X2: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        reset: bool,
    ) -> list[np.ndarray]:
        """Return both sides, similarities and weights."""
        first = check_vectors(self, X1, reset=reset)
        second = check_vectors(self, X2, reset=False)
        similarity = _check_similarity(y)
        check_same_length(X1=first, X2=second, y=similarity)
        return [first, second, similarity, check_weights(sample_weight, len(first))]

    def _task(
        self,
        first: np.ndarray,
        second: np.ndarray,
        similarity: np.ndarray,
        weights: np.ndarray,
    ) -> Paired:
        """Return the task of given pairs, the same in every epoch."""
        n_pairs = len(first)
        sides = self._tensor(np.concatenate([first, second]))
        numbers = np.arange(n_pairs)
        pairs = Pairs(numbers, numbers + n_pairs, similarity)
        weight = None
        if not (weights == weights[0]).all():
            # The first side of a pair carries its weight.
            weight = self._tensor(np.concatenate([weights, np.ones_like(weights)]))
        criterion = pair_loss(self.loss, self.margin)
        rows = self.network_.prepare(sides)
        return Paired(rows, n_pairs, lambda: pairs, weight, criterion)


def _check_similarity(y: ArrayLike) -> np.ndarray:
    try:
        similarity = np.asarray(y, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"got similarities that are no numbers ({error}), expected numbers from 0 "
            "to 1, one a pair; pass those"
        ) from error
    in_range = (similarity >= 0) & (similarity <= 1)
    if similarity.ndim != 1 or not in_range.all():
        raise ValueError(
            f"got similarities of shape {similarity.shape}, expected numbers from 0 to "
            "1, one a pair; pass those"
        )
    return similarity
