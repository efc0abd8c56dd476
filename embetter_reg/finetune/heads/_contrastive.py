"""ContrastiveTuner: documents of one register come close, others move apart."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from embetter_reg._random import draw_seed
from embetter_reg.finetune import pairs
from embetter_reg.finetune.heads._learner import (
    PAIR_LOSSES,
    ContrastiveLearner,
    pair_loss,
)
from embetter_reg.finetune.heads._tasks import LabelLoss, Paired, PairLoss, Task
from embetter_reg.finetune.heads._tuner import Tuner
from embetter_reg.finetune.losses import supervised_contrastive

LABEL_LOSSES = ("prototype", "supcon")


class ContrastiveTuner(Tuner):
    """Tune embeddings so that documents of one label come close and others move apart.

    A `ContrastiveLearner` that takes labels, and so stands in a pipeline.

    Parameters
    ----------
    hidden_dim : int
        Width of the tuned space.
    n_neg : int
        Negative pairs a document and epoch, for losses on drawn pairs.
    n_epochs : int
        Passes over the documents in `fit`; pairs are drawn anew for each.
    learning_rate : float
        Of Adam with decoupled weight decay, at its highest.
    loss : {"prototype", "supcon", "cosine", "contrastive"} or callable
        ``"prototype"``: every label has a prototype, and a document should point to its
        own rather than to others (Movshovitz-Attias et al. 2017, "No Fuss Distance
        Metric Learning using Proxies"), plus ``supcon_weight`` times the next.
        ``"supcon"``: a document should find those of its label among all of its batch
        (Khosla et al. 2020, "Supervised Contrastive Learning"). ``"cosine"``,
        ``"contrastive"`` or a function: drawn pairs, see `ContrastiveLearner`.
    supcon_weight : float
    temperature : float
        Of ``"supcon"``; lower looks at near documents only.
    margin : float
        Of ``"contrastive"``, a cosine distance in (0, 2].
    n_pos : int
        Positive pairs a document and epoch.
    positives, negatives : {"auto", "other", "same"}
        Languages that pairs are drawn from, relative to the document's, where `fit` is
        given ``language``: ``positives="other"`` and ``negatives="same"`` teach
        register against language, and ``"auto"`` is these two. Without ``language`` and
        for an indicator matrix ``"auto"`` is no restriction.
    batch_size : int
        Documents, or pairs, a step.
    hidden_layers : tuple of int
        Widths of layers before the tuned space, whose layer is linear.
    activation : {"tanh", "relu", "gelu", "sigmoid"}
        Of the hidden layers.
    mixup, label_smoothing
        As in `FeedForwardTuner`; mixing for the losses on labels, smoothing for
        ``"prototype"``.
    dropout, input_dropout, standardize, weight_decay, schedule, warmup_ratio
        As in `FeedForwardTuner`.
    early_stopping, validation_fraction, n_iter_no_change
        As in `FeedForwardTuner`.
    class_weight, region_weight, n_regions, language_weight
        As in `FeedForwardTuner`. A pair counts the product of its documents.
    random_state, device, show_progress
        As in `FeedForwardTuner`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels; column numbers where ``y`` was an indicator matrix.
    learner_ : ContrastiveLearner
        The learner inside: ``learner_.predict(X1, X2)`` gives cosines.
    output_temperature_ : float
        What outputs are divided by before they become probabilities; 1 after `fit`.
    threshold_ : float or ndarray, shape (n_classes,)
        Smallest probability of a label that `predict` gives, of several; 0.5 after
        `fit`.
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
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [5]], 30, axis=0)
    >>> tuner = ContrastiveTuner(hidden_dim=4, n_epochs=20, random_state=0)
    >>> tuner = tuner.fit(X, np.repeat(["NA", "HI"], 30))
    >>> tuner.transform(X).shape
    (60, 4)
    >>> bool(tuner.learner_.predict(X[:1], X[1:2]) > tuner.learner_.predict(X[:1], X[-1:]))
    True

    """

    def __init__(
        self,
        hidden_dim: int = 50,
        n_neg: int = 3,
        n_epochs: int = 60,
        learning_rate: float = 0.007,
        *,
        loss: str | PairLoss = "prototype",
        supcon_weight: float = 0.3,
        temperature: float = 0.3,
        margin: float = 0.5,
        n_pos: int = 1,
        positives: str = "auto",
        negatives: str = "auto",
        batch_size: int = 64,
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
        self.n_neg = n_neg
        self.n_epochs = n_epochs
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

    @property
    def learner_(self) -> ContrastiveLearner:
        """The fitted learner inside."""
        check_is_fitted(self)
        learner = self._learner()
        learner.network_ = self.network_
        learner.history_ = self.history_
        learner.n_features_in_ = self.n_features_in_
        learner._device = self._device
        return learner

    def _learner(self) -> ContrastiveLearner:
        names = ContrastiveLearner().get_params()
        parameters = {
            name: value for name, value in self.get_params().items() if name in names
        }
        if self.loss in LABEL_LOSSES:
            parameters["loss"] = "cosine"
        return ContrastiveLearner(**parameters)

    def _open(self) -> None:
        super()._open()
        names = (*LABEL_LOSSES, *PAIR_LOSSES)
        if not callable(self.loss) and self.loss not in names:
            raise ValueError(
                f"got loss={self.loss!r}, expected one of {list(names)} or a function; "
                "pick one"
            )
        for name in ("positives", "negatives"):
            value = getattr(self, name)
            if value not in pairs.LANGUAGES:
                raise ValueError(
                    f"got {name}={value!r}, expected one of {list(pairs.LANGUAGES)}; "
                    "pick one"
                )

    def _has_outputs(self) -> bool:
        return self.loss == "prototype"

    def _network_options(self, n_in: int) -> dict[str, Any]:
        options = {**super()._network_options(n_in), "activate_last": False}
        if self._has_outputs():
            # The weights of a label's output are its prototype.
            options["n_out"] = len(self.classes_)
        return options

    def _task(
        self,
        rows: Tensor,
        targets: np.ndarray,
        weights: np.ndarray,
        languages: np.ndarray | None,
    ) -> Task:
        if self.loss not in LABEL_LOSSES:
            return self._pair_task(rows, targets, weights, languages)
        return self._labeled(rows, targets, weights, self._label_loss())

    def _label_loss(self) -> LabelLoss:
        contrast = partial(supervised_contrastive, temperature=self.temperature)
        classify = self._classifier()

        def supcon(embedding: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
            return contrast(embedding, targets)

        def prototype(embedding: Tensor, outputs: Tensor, targets: Tensor) -> Tensor:
            losses = classify(outputs, targets)
            if self.supcon_weight:
                losses = losses + self.supcon_weight * contrast(embedding, targets)
            return losses

        if self.loss == "supcon":
            return supcon
        return prototype

    def _pair_task(
        self,
        rows: Tensor,
        targets: np.ndarray,
        weights: np.ndarray,
        languages: np.ndarray | None,
    ) -> Paired:
        seed = self._seed + len(getattr(self, "history_", ()))
        numbers = {
            "n_pos": self.n_pos,
            "n_neg": self.n_neg,
            "random_state": draw_seed(seed),
        }
        if self._multilabel:
            if (self.positives, self.negatives) != ("auto", "auto"):
                raise ValueError(
                    "got positives or negatives by language with an indicator matrix, "
                    "expected 'auto'; "
                    "drop hybrids, or leave them at 'auto'"
                )
            sampler = pairs.from_indicator(targets, **numbers)
        else:
            sampler = pairs.from_labels(
                targets.argmax(axis=1),
                language=languages,
                positives=self.positives,
                negatives=self.negatives,
                **numbers,
            )
        return Paired(
            rows,
            len(sampler),
            partial(sampler.draw, shuffle=False),
            self._weight_tensor(self._by_class(weights, targets)),
            pair_loss(self.loss, self.margin),
        )
