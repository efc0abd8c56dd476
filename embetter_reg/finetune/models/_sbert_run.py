"""One run of the sentence-transformers trainer: pairs of texts in, weights changed.

Separate from `SbertLearner`, so that nothing of it is imported before the first `fit`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer import losses

from embetter_reg._optional import optional_import
from embetter_reg.finetune.models._checkpoints import TrainedWeights
from embetter_reg.finetune.models._run import Parts, Recipe, Record, Surroundings, run
from embetter_reg.finetune.pairs import Pairs

LOSSES = {
    "cosine": losses.CosineSimilarityLoss,
    "cosent": losses.CoSENTLoss,
    "contrastive": losses.ContrastiveLoss,
}


def train(
    model: SentenceTransformer,
    texts: Sequence[str],
    epochs: Sequence[Pairs],
    held_out: Pairs | None,
    recipe: Recipe,
    *,
    loss: str,
    optimizer: torch.optim.Optimizer | None = None,
    surroundings: Surroundings,
) -> list[Record]:
    """Train ``model`` in place and return its history; see `run`.

    Parameters
    ----------
    texts : sequence of str
        The row numbers in the pairs refer to it.
    epochs : sequence of Pairs
        The pairs of each epoch, as many in each, in the order in which they are trained
        on.
    held_out : Pairs or None
        The pairs whose loss decides which weights are best.
    loss : str
        One of `LOSSES`.
    optimizer : Optimizer or None
        One to go on with; None makes a new one.

    """
    prompt = None
    if model.default_prompt_name is not None:
        prompt = model.prompts[model.default_prompt_name]
    parts = Parts(
        trainer=_Trainer,
        arguments=SentenceTransformerTrainingArguments,
        train=_dataset(texts, epochs),
        held_out=None if held_out is None else _dataset(texts, [held_out]),
        trainer_options={
            "loss": LOSSES[loss](model),
            "optimizers": (optimizer, None),
            "n_epochs": len(epochs),
        },
        argument_options={
            "prompts": prompt,
            # CoSENT compares the pairs of a batch with each other.
            "per_device_eval_batch_size": recipe.batch_size,
        },
        settings=[loss],
        data=lambda: _content(texts, epochs, held_out),
    )
    return run(model, recipe, parts, surroundings)


class _Trainer(TrainedWeights, SentenceTransformerTrainer):
    """The library's trainer, but the order of pairs is ours and no document is written
    into a model card.

    The training data holds the pairs of ``n_epochs`` epochs, one after the other.
    """

    def __init__(self, *args, n_epochs: int, **kwargs):
        self.n_epochs = n_epochs
        super().__init__(*args, **kwargs)

    def get_batch_sampler(self, dataset, batch_size, *args, **kwargs) -> Any:
        n_epochs = 1
        if dataset is self.train_dataset:
            n_epochs = self.n_epochs
        n_pairs = len(dataset) // n_epochs
        # A batch never holds pairs of two epochs.
        return [
            range(first, min(first + batch_size, end))
            for start, end in pairwise(range(0, len(dataset) + 1, n_pairs))
            for first in range(start, end, batch_size)
        ]

    def add_model_card_callback(self, default_args_dict) -> None:
        pass


def _dataset(texts: Sequence[str], epochs: Sequence[Pairs]) -> Any:
    """Return row numbers that turn into texts when a batch is read."""
    datasets = optional_import(
        "datasets", package="embetter-reg[sbert]", purpose="training on pairs of texts"
    )
    first, second, similarity = (
        np.concatenate(columns) for columns in zip(*epochs, strict=True)
    )
    rows = datasets.Dataset.from_dict(
        {"first": first, "second": second, "label": similarity}
    )

    def look_up(batch):
        return {
            "first": [texts[row] for row in batch["first"]],
            "second": [texts[row] for row in batch["second"]],
            "label": batch["label"],
        }

    return rows.with_transform(look_up)


def _content(
    texts: Sequence[str], epochs: Sequence[Pairs], held_out: Pairs | None
) -> Iterator[bytes]:
    """Yield everything that decides a run in its texts and pairs."""
    for text in texts:
        yield text.encode("utf-8", "surrogatepass")
    parts: Iterable[Pairs] = epochs
    if held_out is not None:
        parts = [*epochs, held_out]
    for pairs in parts:
        for column in pairs:
            yield f"{column.dtype} {column.shape}".encode()
            yield np.ascontiguousarray(column).tobytes()
