"""Heads, which re-project embeddings toward register labels, and trainers of the models under them."""

from embetter_reg.finetune._contrastive import ContrastiveLearner, ContrastiveTuner
from embetter_reg.finetune._experiment import average_folds, finetune_documents, read_figures, trained_on
from embetter_reg.finetune._feedforward import FeedForwardTuner
from embetter_reg.finetune._register_trainer import RegisterTrainer
from embetter_reg.finetune._sbert import SbertLearner, SbertTuner

__all__ = [
    "ContrastiveLearner",
    "ContrastiveTuner",
    "FeedForwardTuner",
    "RegisterTrainer",
    "SbertLearner",
    "SbertTuner",
    "average_folds",
    "finetune_documents",
    "read_figures",
    "trained_on",
]
