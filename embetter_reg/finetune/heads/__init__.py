"""Heads: small networks, or a linear classifier, that re-project embeddings toward
labels.
"""

from embetter_reg.finetune.heads._contrastive import ContrastiveTuner
from embetter_reg.finetune.heads._feedforward import FeedForwardTuner
from embetter_reg.finetune.heads._learner import ContrastiveLearner
from embetter_reg.finetune.heads._linear import LinearTuner
from embetter_reg.finetune.heads._load import load_head
from embetter_reg.finetune.heads._make import HEADS, make_head

__all__ = [
    "HEADS",
    "ContrastiveLearner",
    "ContrastiveTuner",
    "FeedForwardTuner",
    "LinearTuner",
    "load_head",
    "make_head",
]
