"""Weights that come with the package, a card each, and the code that reads them."""

from embetter_reg.pretrained._adapter import merge_adapter as merge_adapter
from embetter_reg.pretrained._card import Card, read_card
from embetter_reg.pretrained._probe import check_probe as check_probe
from embetter_reg.pretrained._seen import seen, seen_digests, text_numbers
from embetter_reg.pretrained._weights import (
    PRETRAINED,
    pretrained_folder,
    weights_digest,
)

# Names written ``X as X`` are for the encoders of this package, not for its users.
__all__ = [
    "PRETRAINED",
    "Card",
    "pretrained_folder",
    "read_card",
    "seen",
    "seen_digests",
    "text_numbers",
    "weights_digest",
]
