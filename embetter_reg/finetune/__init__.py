"""Heads: re-project embeddings toward register labels."""

from embetter_reg.finetune._feedforward import FeedForwardTuner

__all__ = ["FeedForwardTuner"]
