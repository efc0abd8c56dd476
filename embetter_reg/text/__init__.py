"""Text encoders: documents in, ``float32 (n_documents, n_dims)`` out."""

from embetter_reg._fingerprint import fingerprint
from embetter_reg.text._batches import run_batches as run_batches
from embetter_reg.text._cached import CachedEncoder
from embetter_reg.text._causal import CausalLMEncoder
from embetter_reg.text._hidden import Encoded, encode_layers
from embetter_reg.text._hidden import layers_of as layers_of
from embetter_reg.text._known_prompts import known_prompt as known_prompt
from embetter_reg.text._layers import join_layers
from embetter_reg.text._layers import list_layers as list_layers
from embetter_reg.text._layers import unit_length as unit_length
from embetter_reg.text._lite import LiteTextEncoder
from embetter_reg.text._loading import head_options as head_options
from embetter_reg.text._loading import longest_input as longest_input
from embetter_reg.text._make import make_encoder
from embetter_reg.text._matryoshka import MatryoshkaEncoder
from embetter_reg.text._pretrained_registers import PretrainedRegisters
from embetter_reg.text._register import GRID as GRID
from embetter_reg.text._register import RegisterEncoder
from embetter_reg.text._register import raise_parents as raise_parents
from embetter_reg.text._sentence import SentenceEncoder
from embetter_reg.text._static import TextEncoder
from embetter_reg.text._surface import SurfaceEncoder
from embetter_reg.text._tokens import TokenEncoder
from embetter_reg.text._windows import Splitter as Splitter
from embetter_reg.text._windows import Window as Window

# Names written ``X as X`` are for other rooms of this package, not for its users.
__all__ = [
    "CachedEncoder",
    "CausalLMEncoder",
    "Encoded",
    "LiteTextEncoder",
    "MatryoshkaEncoder",
    "PretrainedRegisters",
    "RegisterEncoder",
    "SentenceEncoder",
    "SurfaceEncoder",
    "TextEncoder",
    "TokenEncoder",
    "encode_layers",
    "fingerprint",
    "join_layers",
    "make_encoder",
]
