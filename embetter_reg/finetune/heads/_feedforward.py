"""FeedForwardTuner: the hidden layer of a small classifier as the new space."""

from embetter_reg.finetune.heads._networks import HeadNetwork
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
    warmup : float
        Share of the steps in which it rises first, in [0, 1).
    early_stopping : bool
        Hold back ``validation_fraction`` of the documents (stratified where possible),
        stop when their loss has not improved for ``n_iter_no_change`` epochs, and keep
        the best weights.
    class_weight : "balanced", dict or None
        Weights of the classes in the loss; with an indicator matrix, of a label's
        presence.
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
    network_ : torch.nn.Module
    history_ : list of dict
        Per epoch ``epoch``, ``loss`` and, with early stopping, ``validation_loss``.

    Raises
    ------
    ValueError
        If there are fewer than two classes, a label is unknown in `partial_fit`, or a
        width is wrong.

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
        learning_rate=0.007,
        batch_size=64,
        *,
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

    def _network(self, n_in):
        return HeadNetwork(
            n_in,
            [*(self.hidden_layers or ()), self.hidden_dim],
            len(self.classes_),
            activation=self.activation,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            standardize=self.standardize,
        )

    def _task(self, rows, targets, weights, languages):
        classify = self._classifier()

        def criterion(embedding, logits, wanted, weight):
            loss, gradient = classify(logits, wanted, weight)
            return loss, None, gradient

        return self._labeled(rows, targets, weights, criterion)
