"""Trainers of whole transformers and of their adapters."""

from embetter_reg.finetune.models._experiment import finetune_documents
from embetter_reg.finetune.models._records import (
    average_folds,
    read_figures,
    trained_on,
)
from embetter_reg.finetune.models._register_trainer import RegisterTrainer
from embetter_reg.finetune.models._sbert_learner import SbertLearner
from embetter_reg.finetune.models._sbert_tuner import SbertTuner

__all__ = [
    "RegisterTrainer",
    "SbertLearner",
    "SbertTuner",
    "average_folds",
    "finetune_documents",
    "read_figures",
    "trained_on",
]
