"""Text encoders: documents in, ``float32 (n_documents, n_dims)`` out."""

from embetter_reg.text._causal import CausalLMEncoder
from embetter_reg.text._lite import LiteTextEncoder
from embetter_reg.text._register import RegisterEncoder
from embetter_reg.text._sentence import SentenceEncoder
from embetter_reg.text._tokens import TokenEncoder

__all__ = ["CausalLMEncoder", "LiteTextEncoder", "RegisterEncoder", "SentenceEncoder", "TokenEncoder"]
