"""Any sentence-transformers model as a scikit-learn transformer."""

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from embetter_reg._validation import check_texts


class SentenceEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Encode documents with a sentence-transformers model.

    Nothing is loaded when the encoder is made; the model is loaded once, at the first `transform`, and
    again when ``name`` or ``device`` changes. Clones and pickles carry no weights.

    Parameters
    ----------
    name : str
        A model's name on a hub, or a folder.
    batch_size : int
        Documents encoded together. It does not change the result.
    device : str or None
        For example ``"cpu"`` or ``"cuda"``; None lets sentence-transformers choose.
    normalize : bool
        Give every document unit length.
    show_progress : bool
        Draw a progress bar over batches.

    Examples
    --------
    >>> from embetter_reg.text import SentenceEncoder
    >>> encoder = SentenceEncoder("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2")
    >>> encoder.transform(["A first document.", "Toinen teksti."]).shape  # doctest: +SKIP
    (2, 384)

    """

    def __init__(self, name="all-MiniLM-L6-v2", *, batch_size=32, device=None, normalize=False, show_progress=False):
        self.name = name
        self.batch_size = batch_size
        self.device = device
        self.normalize = normalize
        self.show_progress = show_progress

    def fit(self, X, y=None):
        """Do nothing but check the documents: the model is trained already."""
        check_texts(X)
        return self

    def transform(self, X):
        """Return the embedding of documents ``X``, ``float32 (n_documents, n_dims)``."""
        texts = check_texts(X)
        model = self._load()
        if not texts:
            return np.empty((0, self._n_features_out), np.float32)
        return model.encode(
            texts,
            batch_size=self.batch_size,
            normalize_embeddings=self.normalize,
            convert_to_numpy=True,
            show_progress_bar=self.show_progress,
        ).astype(np.float32, copy=False)

    @property
    def _n_features_out(self) -> int:
        return self._load().encode([""]).shape[1]

    def _load(self):
        key = (self.name, self.device)
        if getattr(self, "_loaded", (None,))[0] != key:
            from sentence_transformers import SentenceTransformer

            try:
                model = SentenceTransformer(self.name, device=self.device)
            except (OSError, ValueError) as error:
                raise OSError(
                    f"got the model {self.name!r}, which could not be loaded, expected a folder or a name "
                    "on a reachable hub; check the spelling, the connection, or pass a downloaded folder"
                ) from error
            self._loaded = (key, model)
        return self._loaded[1]

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "_loaded"}

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
