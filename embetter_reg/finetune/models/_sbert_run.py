"""One run of the sentence-transformers trainer: pairs of texts in, weights changed,
checkpoints on the way.

Separate from `_sbert`, so that nothing of it is imported before the first `fit`.
"""

import hashlib
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer import losses
from transformers import EarlyStoppingCallback, PrinterCallback

from embetter_reg._optional import optional_import
from embetter_reg._random import global_seeds_kept
from embetter_reg.finetune.models._checkpoints import (
    Checkpoints,
    hash_texts,
    hash_weights,
    last_checkpoint,
    quiet,
    unwrapped,
)
from embetter_reg.finetune.pairs import Pairs

LOSSES = {
    "cosine": losses.CosineSimilarityLoss,
    "cosent": losses.CoSENTLoss,
    "contrastive": losses.ContrastiveLoss,
}


@dataclass(frozen=True)
class Recipe:
    """What decides a run's weights, beside the model and the pairs."""

    loss: str
    batch_size: int
    learning_rate: float
    warmup_ratio: float
    schedule: str
    bfloat16: bool
    seed: int
    check_every: int | None = None
    patience: int = 1


def train(
    model: SentenceTransformer,
    texts: Sequence[str],
    epochs: Sequence[Pairs],
    held: Pairs | None,
    recipe: Recipe,
    *,
    checkpoint_folder: str | Path | None = None,
    optimizer: Any = None,
    show_progress: bool = False,
) -> list[dict[str, float]]:
    """Train ``model`` where it is, on the device where it is; return its history.

    Parameters
    ----------
    texts : sequence of str
        The row numbers in the pairs refer to it.
    epochs : sequence of Pairs
        The pairs of each epoch, as many in each, in the order in which they are trained
        on.
    held : Pairs or None
        With held-out pairs, stop when their loss has not improved for
        ``recipe.patience`` checks, and restore the best weights.
    checkpoint_folder : path or None
        Where a run leaves checkpoints, in a folder of its own that is named after
        everything that decides it. A run that finds its folder goes on from there; one
        that ends removes it.
    optimizer : Optimizer or None
        One to go on with; None makes a new one.

    Returns
    -------
    list of dict
        A record a check: ``step``, ``epoch``, ``loss`` (mean since the last check) and
        ``validation_loss``.

    """
    n_pairs = len(epochs[0].first)
    steps_per_epoch = math.ceil(n_pairs / recipe.batch_size)
    n_steps = steps_per_epoch * len(epochs)
    check_every = min(recipe.check_every or steps_per_epoch, n_steps)
    cpu = model.device.type == "cpu"
    with (
        _folder(checkpoint_folder, model, texts, epochs, held, recipe) as folder,
        quiet(),
        global_seeds_kept(),
    ):
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(folder),
            num_train_epochs=1,  # the dataset holds all epochs, one after the other
            per_device_train_batch_size=recipe.batch_size,
            per_device_eval_batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type=recipe.schedule,
            warmup_steps=math.ceil(recipe.warmup_ratio * n_steps),
            prompts=model.prompts[model.default_prompt_name]
            if model.default_prompt_name
            else None,
            bf16=recipe.bfloat16,
            seed=recipe.seed,
            use_cpu=cpu,
            dataloader_pin_memory=not cpu,
            logging_strategy="steps",
            logging_steps=check_every,
            eval_strategy="no" if held is None else "steps",
            eval_steps=check_every,
            save_strategy="no"
            if held is None and checkpoint_folder is None
            else "steps",
            save_steps=check_every,
            save_total_limit=3,  # the best, the newest, and the one before, should the newest be cut short
            save_only_model=checkpoint_folder is None,
            restore_callback_states_from_checkpoint=True,
            load_best_model_at_end=held is not None,
            metric_for_best_model="loss",
            report_to="none",
            disable_tqdm=not show_progress,
        )
        arguments._n_gpu = min(
            arguments.n_gpu, 1
        )  # batch_size is that of a step, not of each of several GPUs
        trainer = _Trainer(
            model=model,
            args=arguments,
            train_dataset=_dataset(texts, epochs),
            eval_dataset=None if held is None else _dataset(texts, [held]),
            loss=LOSSES[recipe.loss](model),
            optimizers=(optimizer, None),  # type: ignore[arg-type]
            callbacks=[
                Checkpoints(),
                *([] if held is None else [EarlyStoppingCallback(recipe.patience)]),
            ],
        )
        trainer.n_epochs = len(epochs)
        trainer.remove_callback(PrinterCallback)
        with unwrapped(model):
            trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        log = trainer.state.log_history
    return _history(log, steps_per_epoch)


class _Trainer(SentenceTransformerTrainer):
    """The library's trainer, but the order of pairs is ours and no document is written
    into a model card.
    """

    n_epochs = 1

    def get_batch_sampler(self, dataset, batch_size, *args, **kwargs) -> Any:
        n_epochs = self.n_epochs if dataset is self.train_dataset else 1
        n_pairs = len(dataset) // n_epochs
        ends = [(start, start + n_pairs) for start in range(0, len(dataset), n_pairs)]
        return [
            range(at, min(at + batch_size, end))
            for start, end in ends
            for at in range(start, end, batch_size)
        ]

    def add_model_card_callback(self, default_args_dict) -> None:
        pass

    def _save(self, output_dir=None, state_dict=None) -> None:
        self.model.save_pretrained(
            str(output_dir or self.args.output_dir), create_model_card=False
        )

    def _load_best_model(self) -> None:  # the library's own only logs a failure
        self._load_from_checkpoint(str(self.state.best_model_checkpoint))


def _dataset(texts: Sequence[str], epochs: Sequence[Pairs]):
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


def _history(log: list[dict], steps_per_epoch: int) -> list[dict[str, float]]:
    records: dict[int, dict[str, float]] = {}
    for entry in log:
        for ours, theirs in (("loss", "loss"), ("validation_loss", "eval_loss")):
            if theirs in entry:
                step = entry["step"]
                record = records.setdefault(
                    step, {"step": step, "epoch": step / steps_per_epoch}
                )
                record[ours] = entry[theirs]
    return list(records.values())


@contextmanager
def _folder(checkpoint_folder, model, texts, epochs, held, recipe) -> Iterator[Path]:
    """Lend a folder: the run's own, removed when it ends well, or a temporary one."""
    if checkpoint_folder is None:
        with TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    folder = Path(checkpoint_folder).resolve() / _fingerprint(
        model, texts, epochs, held, recipe
    )
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def _fingerprint(model, texts, epochs, held, recipe) -> str:
    """Return a name for everything that decides a run."""
    digest = hashlib.blake2b(repr(recipe).encode(), digest_size=8)
    hash_texts(digest, texts)
    for pairs in [*epochs, *([] if held is None else [held])]:
        for column in pairs:
            digest.update(f"{column.dtype} {column.shape}".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
    hash_weights(digest, model)
    return digest.hexdigest()
