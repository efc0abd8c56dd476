"""Heads, which re-project embeddings toward register labels, and trainers of the models
under them.
"""

from embetter_reg.finetune.heads import (
    ContrastiveLearner,
    ContrastiveTuner,
    FeedForwardTuner,
    LinearTuner,
    load_head,
    make_head,
)
from embetter_reg.finetune.models import (
    RegisterTrainer,
    SbertLearner,
    SbertTuner,
    average_folds,
    finetune_documents,
    read_figures,
    trained_on,
)

__all__ = [
    "ContrastiveLearner",
    "ContrastiveTuner",
    "FeedForwardTuner",
    "LinearTuner",
    "RegisterTrainer",
    "SbertLearner",
    "SbertTuner",
    "average_folds",
    "finetune_documents",
    "load_head",
    "make_head",
    "read_figures",
    "trained_on",
]
