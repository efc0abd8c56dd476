"""What the networks among the heads share: checked parameters, `transform`, training,
files.
"""

import warnings
from contextlib import AbstractContextManager
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from embetter_reg._devices import check_cuda
from embetter_reg._parameters import check_parameters, one_of
from embetter_reg._random import draw_seed
from embetter_reg.finetune.heads._checks import check_vectors
from embetter_reg.finetune.heads._loop import SCHEDULES, Trainer, threads_for
from embetter_reg.finetune.heads._networks import ACTIVATIONS, HeadNetwork
from embetter_reg.finetune.heads._saving import Saved, from_json, to_json
from embetter_reg.finetune.heads._tasks import Task


class Head(Saved, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The frame of a head. It has parameters of its own only in its subclasses."""

    network_: HeadNetwork
    history_: list[dict[str, float]]

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the tuned space of vectors ``X``, ``float32 (n_documents,
        n_tuned_dims)``.
        """
        check_is_fitted(self)
        vectors = check_vectors(self, X, reset=False)
        return self.network_.embed(self._tensor(vectors)).cpu().numpy()

    # -- for the subclasses --------------------------------------------------------

    def _network_options(self, n_in: int) -> dict[str, Any]:
        """Return the arguments of the network."""
        return {
            "n_in": n_in,
            "widths": [*(self.hidden_layers or ()), self.hidden_dim],
            "activation": self.activation,
            "dropout": self.dropout,
            "input_dropout": self.input_dropout,
            "standardize": self.standardize,
        }

    def _open(self) -> None:
        """Check parameters and forget what was learned."""
        check_parameters(
            self, activation=one_of(ACTIVATIONS), schedule=one_of(SCHEDULES)
        )
        for name in ("network_", "history_", "_stream"):
            self.__dict__.pop(name, None)
        self._device = self._pick_device()
        self._seed = draw_seed(self.random_state)

    def _pick_device(self) -> str:
        check_cuda(self.device)
        if self.device != "auto":
            return str(self.device)
        if torch.cuda.is_available():
            return "cuda"
        return "cpu"

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _build(self, vectors: Tensor, rng: np.random.Generator) -> None:
        """Make a new network that fits these vectors."""
        options = self._network_options(vectors.shape[1])
        self.network_ = HeadNetwork(**options, rng=rng).to(self._device)
        self.network_.adapt_to(vectors)

    def _train(
        self, task: Task, held: Task | None, n_epochs: int, rng: np.random.Generator
    ) -> None:
        """Train from the first epoch to the last."""
        trainer = self._trainer(rng)
        self.history_ = trainer.history
        with self._threads():
            trainer.fit(
                task,
                n_epochs,
                validation=held,
                patience=self.n_iter_no_change,
                show_progress=self.show_progress,
            )

    def _continue(self, task: Task) -> None:
        """Pass once over one batch of a stream."""
        n_done = len(self.history_)
        rng = np.random.default_rng([self._seed, n_done])
        if not hasattr(self, "_stream"):
            self._stream = self._trainer(rng)
        self._stream.rng = rng
        with self._threads():
            loss = self._stream.epoch(task)
        self.history_.append({"epoch": n_done + 1, "loss": loss})

    def _trainer(self, rng: np.random.Generator) -> Trainer:
        return Trainer(
            network=self.network_,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            rng=rng,
            schedule=self.schedule,
            warmup_ratio=self.warmup_ratio,
        )

    def _threads(self) -> AbstractContextManager:
        n_multiplications = self.batch_size * self.network_.n_multiplications
        return threads_for(n_multiplications, torch.device(self._device))

    @property
    def _n_features_out(self) -> int:
        return self.network_.n_dims

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    # -- files and pickles ---------------------------------------------------------

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        check_is_fitted(self)
        config = {
            "parameters": self._parameters_to_save(),
            "random_state": None,
            "network": self.network_.options,
            "n_features_in": self.n_features_in_,
            "feature_names_in": to_json(getattr(self, "feature_names_in_", None)),
            "history": self.history_,
            **self._state(),
        }
        if isinstance(self.random_state, Integral):
            config["random_state"] = int(self.random_state)
        return self.network_.state_dict(), config

    def _parameters_to_save(self) -> dict[str, Any]:
        parameters = self.get_params()
        del parameters["random_state"]
        if callable(parameters.get("loss")):
            warnings.warn(
                f"got the function {self.loss!r} as loss, which files do not hold; the "
                "loaded head transforms alike and has loss='cosine'",
                stacklevel=4,
            )
            parameters["loss"] = "cosine"
        return {name: to_json(value) for name, value in parameters.items()}

    @classmethod
    def _from_contents(cls, weights: dict[str, Tensor], config: dict[str, Any]) -> Self:
        parameters = {
            name: from_json(value) for name, value in config["parameters"].items()
        }
        head = cls(**parameters, random_state=config["random_state"])
        head._open()
        head.n_features_in_ = config["n_features_in"]
        if config["feature_names_in"] is not None:
            head.feature_names_in_ = np.array(
                list(config["feature_names_in"]), dtype=object
            )
        head.history_ = list(config["history"])
        head._restore(config)
        head.network_ = HeadNetwork(**config["network"])
        head.network_.load_state_dict(weights)
        head.network_.to(head._device)
        return head

    def _state(self) -> dict[str, Any]:
        """Return what else is learned, as JSON keeps it."""
        return {}

    def _restore(self, config: dict[str, Any]) -> None:
        """Take back what `_state` returned."""

    def __getstate__(self) -> dict[str, Any]:
        # Plain arrays: skops and pickle need to trust no class of torch. The optimizer
        # stays behind; a loaded head that continues starts with fresh moments.
        state = dict(super().__getstate__())
        state.pop("_stream", None)
        network = state.pop("network_", None)
        if network is not None:
            state["_network_options_"] = network.options
            state["_network_weights_"] = {
                name: value.cpu().numpy()
                for name, value in network.state_dict().items()
            }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        options = state.pop("_network_options_", None)
        weights = state.pop("_network_weights_", None)
        super().__setstate__(state)
        if options is None:
            return
        if not torch.cuda.is_available():
            self._device = "cpu"
        self.network_ = HeadNetwork(**options)
        self.network_.load_state_dict(
            {name: torch.from_numpy(value) for name, value in weights.items()}
        )
        self.network_.to(self._device)
