"""What encoders around a pretrained model share: nothing to fit, one lazy model,
dropped when copied.
"""

from typing import Any

from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from embetter_reg._validation import check_texts


class PretrainedEncoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Base of encoders whose model is trained already.

    A subclass names the parameters that decide its model in ``_model_parameters`` and
    loads it in ``_load_model``. Clones and pickles carry no weights.
    """

    _model_parameters: tuple[str, ...] = ("name",)
    _loaded: tuple[Any, Any]

    def fit(self, X, y=None):
        """Do nothing but check the documents: the model is trained already."""
        check_texts(X)
        return self

    def _load_model(self) -> Any:
        raise NotImplementedError

    def _model(self) -> Any:
        """Return the model, loaded at the first call and again when a parameter that
        decides it changes.
        """
        key = self._model_key()
        if getattr(self, "_loaded", (None,))[0] != key:
            self._loaded = (
                None,
                None,
            )  # lets go of the old weights before the new ones are loaded
            self._loaded = (key, self._load_model())
        return self._loaded[1]

    def _model_key(self) -> tuple[str, ...]:
        return tuple(repr(getattr(self, name)) for name in self._model_parameters)

    def _around(self, model: Any):
        """Return this encoder with a model that is there already."""
        self._loaded = (self._model_key(), model)
        return self

    def __getstate__(self):
        return {
            key: value
            for key, value in super().__getstate__().items()
            if key != "_loaded"
        }

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
