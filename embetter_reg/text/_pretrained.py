"""What encoders around a pretrained model share: nothing to fit, one lazy model,
dropped when copied.
"""

import threading
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from embetter_reg._fingerprint import file_stamps
from embetter_reg._parameters import Rule
from embetter_reg._validation import check_texts
from embetter_reg.text._batches import warn_truncated
from embetter_reg.text._hidden import HiddenPass, Pooled
from embetter_reg.text._rules import check_encoder

# One lock for all encoders: transformers sets global state while it loads a model.
_LOADING = threading.RLock()


class _Loaded(NamedTuple):
    """A model, the parameters that decide it, and its files (None: no matter)."""

    key: tuple[str, ...]
    files: tuple[bytes, ...] | None
    model: Any


class PretrainedEncoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Base of encoders whose model is trained already.

    A subclass names the parameters that decide its model in ``_model_parameters`` and
    loads it in ``_load_model``; the first of them is its name or folder. Clones and
    pickles carry no weights. Threads that share an encoder load it once.
    """

    _model_parameters: tuple[str, ...] = ("name",)
    _rules: ClassVar[dict[str, Rule]] = {}
    _loaded: _Loaded
    # Parameters of those that run documents through a transformer.
    long: str
    overlap: int
    batch_size: int
    show_progress: bool

    def fit(self, X: Any, y: Any = None) -> Self:
        """Do nothing but check parameters and documents: the model is trained."""
        self._texts(X)
        return self

    def _texts(self, X: Any) -> list[str]:
        """Return the documents, where the parameters are in their ranges."""
        check_encoder(self, **self._rules)
        return check_texts(X)

    def _load_model(self) -> Any:
        raise NotImplementedError

    def _documents(
        self,
        run: HiddenPass,
        texts: list[str],
        layers: Sequence[int | str],
        pooling: str,
        **scores: Any,
    ) -> Pooled:
        """Run documents through the model as the parameters say, and warn of those that
        lost tokens.
        """
        pooled = run.documents(
            texts,
            layers,
            pooling,
            long=self.long,
            overlap=self.overlap,
            batch_size=self.batch_size,
            show_progress=self.show_progress,
            **scores,
        )
        self.n_truncated_ = pooled.n_truncated
        warn_truncated(pooled.n_truncated, len(texts), run.splitter.limit, self.long)
        return pooled

    def _model(self) -> Any:
        """Return the model, loaded at the first call and again when a parameter or a
        file that decides it changes.
        """
        loaded = self._current()
        if loaded is None:
            with _LOADING:
                loaded = self._current() or self._load()
        return loaded.model

    def _load(self) -> _Loaded:
        key = self._model_key()
        files = self._model_files()
        self.__dict__.pop("_loaded", None)  # lets go of the old weights first
        self._loaded = _Loaded(key, files, self._load_model())
        return self._loaded

    def _current(self) -> _Loaded | None:
        """Return what is loaded, or None where it is not, or not any more, the model of
        the parameters and files.
        """
        loaded = self.__dict__.get("_loaded")
        if loaded is None or loaded.key != self._model_key():
            return None
        if loaded.files is not None and loaded.files != self._model_files():
            return None
        return loaded

    def _model_key(self) -> tuple[str, ...]:
        return tuple(repr(getattr(self, name)) for name in self._model_parameters)

    def _model_files(self) -> tuple[bytes, ...]:
        name = str(getattr(self, self._model_parameters[0]))
        return tuple(file_stamps(name))

    def _around(self, model: Any) -> Self:
        """Return this encoder with a model that is loaded already, whatever becomes of
        its files.
        """
        self._loaded = _Loaded(self._model_key(), None, model)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_loaded", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
