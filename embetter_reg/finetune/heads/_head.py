"""What all heads share: checked parameters, a network and its trainer, `transform`,
files.
"""

from contextlib import AbstractContextManager
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from embetter_reg._devices import check_cuda
from embetter_reg._parameters import check_parameters, one_of
from embetter_reg._random import draw_seed, seeded_torch
from embetter_reg.finetune.heads._loop import SCHEDULES, Trainer, threads_for
from embetter_reg.finetune.heads._networks import ACTIVATIONS, HeadNetwork
from embetter_reg.finetune.heads._saving import (
    from_json,
    load_head,
    push_head,
    save_head,
    to_json,
)


class Head(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The frame of a head. It has parameters of its own only in its subclasses."""

    network_: HeadNetwork
    history_: list[dict[str, float]]

    def transform(self, X):
        """Return the tuned space of vectors ``X``, ``float32 (n_documents,
        n_tuned_dims)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float32)
        device = self.network_.offset.device
        return (
            self.network_.embed(torch.from_numpy(np.ascontiguousarray(X)).to(device))
            .cpu()
            .numpy()
        )

    def save(self, folder) -> None:
        """Write the fitted head into a folder: weights as safetensors, the rest as
        JSON, nothing pickled.
        """
        check_is_fitted(self)
        config = {
            "class": type(self).__name__,
            "parameters": {
                name: to_json(value)
                for name, value in self.get_params().items()
                if name != "random_state"
            },
            "random_state": self.random_state
            if isinstance(self.random_state, Integral | None)
            else None,
            "n_features_in": self.n_features_in_,
            "feature_names_in": to_json(getattr(self, "feature_names_in_", None)),
            "history": self.history_,
            **self._own_state(),
        }
        save_head(folder, self.network_.state_dict(), config)

    @classmethod
    def load(cls, name, **hub_options):
        """Return a head that `save` wrote into the folder ``name``, or that is on the
        model hub under that name.

        ``hub_options`` go to ``huggingface_hub.snapshot_download``: ``revision``,
        ``token``, ``local_files_only`` … Training goes on with `partial_fit`, at the
        learning rate in the parameters.

        Raises
        ------
        FileNotFoundError
            If there is no such folder or model.
        ValueError
            If it holds a head of another class.

        """
        weights, config = load_head(name, cls.__name__, **hub_options)
        parameters = {
            key: from_json(value) for key, value in config["parameters"].items()
        }
        head = cls(**parameters, random_state=config["random_state"])
        head.n_features_in_ = config["n_features_in"]
        if config["feature_names_in"] is not None:
            head.feature_names_in_ = np.array(config["feature_names_in"], dtype=object)
        head.history_ = config["history"]
        head._seed = draw_seed(head.random_state)
        head._device = head._resolve_device()
        head._restore(config)
        head.network_ = head._network(config["n_features_in"]).to(head._device)
        head.network_.load_state_dict(weights)
        head.network_.eval()
        return head

    def push_to_hub(self, repo_id: str, *, private: bool = False, token=None) -> str:
        """Upload the fitted head to the model hub; return its address. `load` reads it
        from there.
        """
        check_is_fitted(self)
        return push_head(self, repo_id, private=private, token=token)

    # -- for the subclasses -------------------------------------------------------------------------

    def _own_state(self) -> dict[str, Any]:
        """Return what else is learned, as JSON keeps it."""
        return {}

    def _restore(self, config: dict[str, Any]) -> None:
        """Take back what `_own_state` gave."""

    def _network(self, n_in: int) -> HeadNetwork:
        raise NotImplementedError

    @property
    def _n_features_out(self) -> int:
        return self.network_.n_dims

    def _open(self) -> None:
        """Check parameters and forget what was learned."""
        check_parameters(
            self, activation=one_of(ACTIVATIONS), schedule=one_of(SCHEDULES)
        )
        for name in ("network_", "_stream"):
            self.__dict__.pop(name, None)
        self._device = self._resolve_device()
        self._seed = draw_seed(self.random_state)

    def _resolve_device(self) -> torch.device:
        check_cuda(self.device)
        return torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu")
            if self.device == "auto"
            else self.device
        )

    def _tensor(self, array) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _sample_weight(self, sample_weight, X) -> np.ndarray:
        return _check_sample_weight(
            sample_weight, X, dtype=np.float32, ensure_non_negative=True
        )

    def _build(self, rows: torch.Tensor) -> None:
        """Make a new network that fits these rows."""
        with seeded_torch(self._seed):
            self.network_ = self._network(rows.shape[1]).to(self._device)
        self.network_.adapt_to(rows)

    def _trainer(self) -> Trainer:
        trainer = Trainer(
            network=self.network_,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            rng=np.random.default_rng(self._seed),
            schedule=self.schedule,
            warmup=self.warmup,
        )
        self.history_ = trainer.history
        return trainer

    def _stream_epoch(self, task) -> None:
        """Pass over one batch of a stream."""
        if not hasattr(self, "_stream"):
            history = getattr(self, "history_", [])
            self._stream = self._trainer()
            self._stream.history = self.history_ = history
        with self._frugal(), seeded_torch(self._seed + len(self.history_)):
            loss = self._stream.epoch(task)
        self.history_.append({"epoch": len(self.history_) + 1, "loss": loss})

    def _frugal(self) -> AbstractContextManager:
        return threads_for(
            self.batch_size * self.network_.n_multiplications, self._device
        )

    def __getstate__(self):
        # The optimizer's moments stay behind: a loaded head that continues starts with fresh ones.
        return {
            key: value
            for key, value in super().__getstate__().items()
            if key != "_stream"
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
