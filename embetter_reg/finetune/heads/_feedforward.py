"""FeedForwardTuner: the hidden layer of a small classifier as the new space."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from embetter_reg.finetune.heads._tasks import Labeled
from embetter_reg.finetune.heads._tuner import Tuner


class FeedForwardTuner(Tuner):
    """Tune embeddings toward labels with a feed-forward network; its last hidden layer
    is the new space.

    Parameters
    ----------
    hidden_dim : int
        Width of the last hidden layer, and so of the tuned space.
    n_epochs : int
        Passes over the documents in `fit`.
    learning_rate : float
        Of Adam with decoupled weight decay, at its highest.
    batch_size : int
        Documents a step.
    hidden_layers : tuple of int
        Widths of further layers before the last, for a deeper network.
    activation : {"tanh", "relu", "gelu", "sigmoid"}
        Of all hidden layers.
    mixup : float
        Parameter of the Beta distribution by which documents and labels are mixed in
        training (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization"); 0 is
        off.
    label_smoothing : float
        Share of every target that is spread over all classes, in [0, 1).
    dropout, input_dropout : float
        Share of each hidden layer and of the input dropped in training, in [0, 1).
    standardize : bool
        Divide every dimension by its standard deviation; otherwise all by one number.
    weight_decay : float
        Decoupled weight decay.
    schedule : {"linear", "cosine", "constant"}
        How the learning rate falls to zero.
    warmup_ratio : float
        Share of the steps in which it rises first, in [0, 1).
    early_stopping : bool
        Hold back ``validation_fraction`` of the documents (stratified where possible),
        stop when their loss has not improved for ``n_iter_no_change`` epochs, and keep
        the best weights.
    class_weight : "balanced", dict or None
        Weights of the classes in the loss; with an indicator matrix, of a label's
        presence, where ``"balanced"`` is at most 10. A dict may leave classes out.
    region_weight : float
        How far documents are weighed so that labels do not go together with regions of
        the given space, in [0, 1]. In an original space the ``n_regions`` k-means
        clusters are mostly languages and topics, and a head that learns "this language
        is mostly news" builds a language space. 0 is off, 1 makes labels and regions
        independent.
    n_regions : int
    language_weight : float
        The same for labels and languages, where `fit` is given ``language``; above 0 it
        takes the place of regions.
    random_state : int, RandomState or None
        Decides weights, order, mixing and dropout. The same seed gives the same space.
    device : str
        ``"auto"`` is CUDA where there is one, else the CPU.
    show_progress : bool
        Draw a progress bar over epochs.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels in the order of the logits; column numbers where ``y`` was an indicator
        matrix.
    output_temperature_ : float
        What outputs are divided by before they become probabilities; 1 after `fit`.
    threshold_ : float or ndarray, shape (n_classes,)
        Smallest probability of a label that `predict` gives, of several; 0.5 after
        `fit`.
    network_ : torch.nn.Module
    history_ : list of dict
        Per epoch ``epoch``, ``loss`` and, with early stopping, ``validation_loss``.

    Raises
    ------
    ValueError
        If there are fewer than two classes, a document has no label, a label is unknown
        in `partial_fit` or in ``class_weight``, or a parameter is out of its range.

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
        hidden_dim: int = 50,
        n_epochs: int = 60,
        learning_rate: float = 0.007,
        batch_size: int = 64,
        *,
        hidden_layers: Sequence[int] = (),
        activation: str = "tanh",
        mixup: float = 1.0,
        label_smoothing: float = 0.0,
        dropout: float = 0.5,
        input_dropout: float = 0.5,
        standardize: bool = True,
        weight_decay: float = 1.0,
        schedule: str = "linear",
        warmup_ratio: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        class_weight: str | Mapping | None = None,
        region_weight: float = 0.7,
        n_regions: int = 8,
        language_weight: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        show_progress: bool = False,
    ):
        self.hidden_dim = hidden_dim
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
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
        self.warmup_ratio = warmup_ratio
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

    def _network_options(self, n_in: int) -> dict[str, Any]:
        return {**super()._network_options(n_in), "n_out": len(self.classes_)}

    def _task(
        self,
        rows: Tensor,
        targets: np.ndarray,
        weights: np.ndarray,
        languages: np.ndarray | None,
    ) -> Labeled:
        classify = self._classifier()

        def criterion(embedding: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
            return classify(outputs, targets)

        return self._labeled(rows, targets, weights, criterion)
