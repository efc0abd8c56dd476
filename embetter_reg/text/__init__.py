"""Text encoders: documents in, ``float32 (n_documents, n_dims)`` out."""

from embetter_reg.text._lite import LiteTextEncoder
from embetter_reg.text._sentence import SentenceEncoder

__all__ = ["LiteTextEncoder", "SentenceEncoder"]
