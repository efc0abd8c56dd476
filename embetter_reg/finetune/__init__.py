"""Heads: re-project embeddings toward register labels."""

from embetter_reg.finetune._feedforward import FeedForwardTuner
from embetter_reg.finetune._sbert import SbertLearner, SbertTuner

__all__ = ["FeedForwardTuner", "SbertLearner", "SbertTuner"]
