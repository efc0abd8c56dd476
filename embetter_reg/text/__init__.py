"""Text encoders: documents in, ``float32 (n_documents, n_dims)`` out."""

from embetter_reg.text._cached import CachedEncoder
from embetter_reg.text._causal import CausalLMEncoder
from embetter_reg.text._hidden import encode_layers
from embetter_reg.text._lite import LiteTextEncoder
from embetter_reg.text._make import make_encoder
from embetter_reg.text._register import RegisterEncoder
from embetter_reg.text._sentence import MatryoshkaEncoder, SentenceEncoder
from embetter_reg.text._static import TextEncoder
from embetter_reg.text._surface import SurfaceEncoder
from embetter_reg.text._tokens import TokenEncoder

__all__ = [
    "CachedEncoder",
    "CausalLMEncoder",
    "LiteTextEncoder",
    "MatryoshkaEncoder",
    "RegisterEncoder",
    "SentenceEncoder",
    "SurfaceEncoder",
    "TextEncoder",
    "TokenEncoder",
    "encode_layers",
    "make_encoder",
]
