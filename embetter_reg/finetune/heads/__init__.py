"""Heads: small networks that re-project embeddings toward labels."""

from embetter_reg.finetune.heads._contrastive import (
    ContrastiveLearner,
    ContrastiveTuner,
)
from embetter_reg.finetune.heads._feedforward import FeedForwardTuner
from embetter_reg.finetune.heads._linear import LinearTuner

__all__ = ["ContrastiveLearner", "ContrastiveTuner", "FeedForwardTuner", "LinearTuner"]
