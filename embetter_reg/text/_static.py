"""Static word vectors: the fastest encoder, through model2vec."""

from typing import Any

import numpy as np

from embetter_reg._hub import loading
from embetter_reg._optional import optional_import
from embetter_reg.text._pretrained import PretrainedEncoder


class TextEncoder(PretrainedEncoder):
    """Encode documents as weighted means of static token vectors (model2vec).

    Needs the extra ``static``. A static model knows no context, and encodes thousands
    of documents a second.

    Parameters
    ----------
    model : str
        A model2vec model's name on a hub, or a folder;
        ``"minishlab/potion-multilingual-128M"`` knows 101 languages, the default
        English.
    batch_size : int
        Documents encoded together. It does not change the result.
    normalize : bool or None
        Give every document unit length; None follows the model's configuration.
    max_length : int or None
        Tokens of a document that are read; None reads all.
    show_progress : bool
        Draw a progress bar.

    Examples
    --------
    >>> from embetter_reg.text import TextEncoder
    >>> encoder = TextEncoder("minishlab/potion-multilingual-128M")
    >>> encoder.transform(["Hello", "Hei"]).shape  # doctest: +SKIP
    (2, 256)

    """

    _model_parameters = ("model", "normalize")

    def __init__(
        self,
        model="minishlab/potion-base-8M",
        *,
        batch_size=1024,
        normalize=None,
        max_length=None,
        show_progress=False,
    ):
        self.model = model
        self.batch_size = batch_size
        self.normalize = normalize
        self.max_length = max_length
        self.show_progress = show_progress

    def transform(self, X: Any) -> np.ndarray:
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        texts = self._texts(X)
        if not texts:
            return np.empty((0, self._n_features_out), np.float32)
        vectors = self._model().encode(
            texts,
            batch_size=self.batch_size,
            max_length=self.max_length,
            show_progress_bar=self.show_progress,
            use_multiprocessing=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    @property
    def _n_features_out(self) -> int:
        return self._model().dim

    def _load_model(self):
        model2vec = optional_import(
            "model2vec", package="embetter-reg[static]", purpose="TextEncoder"
        )
        with loading(self.model):
            return model2vec.StaticModel.from_pretrained(
                self.model, normalize=self.normalize, force_download=False
            )
