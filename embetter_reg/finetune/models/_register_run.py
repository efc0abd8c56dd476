"""One run of the transformers trainer: windows of documents in, weights changed.

Separate from `RegisterTrainer`, so that nothing of it is imported before the first
`fit`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional
from transformers import Trainer, TrainingArguments

from embetter_reg.finetune.losses import supervised_contrastive
from embetter_reg.finetune.models._checkpoints import TrainedWeights
from embetter_reg.finetune.models._run import Parts, Recipe, Record, Surroundings, run
from embetter_reg.text import Window

_NO_LABEL = -100  # what the library's losses leave out


@dataclass(frozen=True)
class Objective:
    """What a model learns: registers, masked tokens (``mlm``) or next tokens (``clm``);
    and, beside registers, how much the contrastive loss of the last layer counts.
    """

    name: str
    mask_share: float
    seed: int
    class_weights: tuple[float, ...] | None = None
    supcon_weight: float = 0.0
    temperature: float = 0.1


@dataclass(frozen=True)
class Examples(torch.utils.data.Dataset):
    """Windows in the order in which they are read, each with its place and, for a
    classifier, its target.

    ``groups`` (n_documents,) are numbers of languages, for the contrastive loss.
    """

    windows: Sequence[Window]
    targets: np.ndarray | None
    order: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> "Item":
        window = self.windows[self.order[place]]
        target = None
        if self.targets is not None:
            target = self.targets[window.document]
        group = None
        if self.groups is not None:
            group = self.groups[window.document]
        return Item(place, window, target, group)

    def content(self) -> Iterator[bytes]:
        """Yield everything that decides a run in these examples."""
        yield np.ascontiguousarray(self.order, dtype=np.int64).tobytes()
        if self.targets is not None:
            yield self.targets.tobytes()
        if self.groups is not None:
            yield self.groups.tobytes()
        for window in self.windows:
            yield np.array([window.document, *window.ids]).tobytes()


class Item(NamedTuple):
    """A window, its place in the run, and its document's target and group."""

    place: int
    window: Window
    target: Any
    group: int | None = None


@dataclass(frozen=True)
class Collator:
    """Pads windows and adds an objective's labels.

    Masks depend on the seed and the place only, so that a resumed run draws the same.
    """

    tokenizer: Any
    objective: Objective

    def __call__(self, items: Sequence[Item]) -> dict[str, torch.Tensor]:
        width = max(len(item.window.ids) for item in items)
        ids = np.full((len(items), width), self.tokenizer.pad_token_id)
        mask = np.zeros_like(ids)
        labels = np.full_like(ids, _NO_LABEL)
        for row, (place, window, _, _) in enumerate(items):
            n = len(window.ids)
            ids[row, :n] = window.ids
            mask[row, :n] = 1
            if self.objective.name == "clm":
                labels[row, :n] = window.ids
            elif self.objective.name == "mlm":
                self._mask(ids[row], labels[row], window, place)
        if self.objective.name == "register":
            labels = np.stack([item.target for item in items])
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        if items[0].group is not None:
            batch["groups"] = np.array([item.group for item in items])
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def _mask(
        self, ids: np.ndarray, labels: np.ndarray, window: Window, place: int
    ) -> None:
        """Choose tokens to predict: of ten, eight become the mask, one a random token,
        one stays (Devlin et al. 2019).
        """
        rng = np.random.default_rng([self.objective.seed, place])
        columns = np.arange(window.start, window.start + len(window.positions))
        if not len(columns):
            return
        n_chosen = max(1, round(self.objective.mask_share * len(columns)))
        chosen = rng.choice(columns, size=n_chosen, replace=False)
        labels[chosen] = ids[chosen]
        fate = rng.random(len(chosen))
        ids[chosen[fate < 0.8]] = self.tokenizer.mask_token_id
        random = chosen[fate >= 0.9]
        ids[random] = rng.integers(len(self.tokenizer), size=len(random))


def train(
    model,
    tokenizer,
    examples: Examples,
    held_out: Examples | None,
    recipe: Recipe,
    objective: Objective,
    *,
    measure: Callable[[np.ndarray], dict[str, float]] | None = None,
    surroundings: Surroundings,
) -> list[Record]:
    """Train ``model`` in place and return its history; see `run`.

    Parameters
    ----------
    examples, held_out : Examples
        To train on, in their order, and held out.
    measure : callable or None
        Takes held-out logits and returns figures; ``"f1"`` decides which weights are
        best. None lets the loss decide.

    """
    trainer_options: dict[str, Any] = {"data_collator": Collator(tokenizer, objective)}
    if objective.name == "register":
        trainer_options["compute_loss_func"] = _loss(objective)
    best = "loss"
    if measure is not None:
        best = "f1"
        trainer_options["compute_metrics"] = lambda output: measure(output.predictions)
    parts = Parts(
        trainer=partial(_Trainer, objective),
        arguments=TrainingArguments,
        train=examples,
        held_out=held_out,
        best=best,
        trainer_options=trainer_options,
        argument_options={
            "remove_unused_columns": False,
            "label_names": ["labels"],
            "prediction_loss_only": measure is None,
        },
        settings=[objective],
        data=lambda: _content(examples, held_out),
    )
    return run(model, recipe, parts, surroundings)


def mean_loss(
    model, tokenizer, examples: Examples, objective: Objective, batch_size: int
) -> float:
    """Return the mean loss of a token, natural logarithm, over windows."""
    collate = Collator(tokenizer, objective)
    device = next(model.parameters()).device
    total = 0.0
    n_tokens = 0
    with torch.inference_mode():
        for start in range(0, len(examples), batch_size):
            rows = range(start, min(start + batch_size, len(examples)))
            batch = {
                name: tensor.to(device)
                for name, tensor in collate([examples[row] for row in rows]).items()
            }
            labels = batch.pop("labels")
            logits = model(**batch).logits.float()
            if objective.name == "clm":
                logits = logits[:, :-1]
                labels = labels[:, 1:]
            is_scored = labels != _NO_LABEL
            total += functional.cross_entropy(
                logits[is_scored], labels[is_scored], reduction="sum"
            ).item()
            n_tokens += int(is_scored.sum())
    return total / max(n_tokens, 1)


class _Trainer(TrainedWeights, Trainer):
    """The library's trainer, but the order of windows is ours, and a contrastive loss
    may come to that of the labels.
    """

    def __init__(self, objective: Objective, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._objective = objective

    def compute_loss(
        self, model, inputs, return_outputs=False, num_items_in_batch=None
    ) -> Any:
        groups = inputs.pop("groups", None)
        if groups is None or not model.training:
            return super().compute_loss(
                model, inputs, return_outputs, num_items_in_batch
            )
        loss, outputs = super().compute_loss(
            model,
            {**inputs, "output_hidden_states": True},
            return_outputs=True,
            num_items_in_batch=num_items_in_batch,
        )
        with torch.autocast(model.device.type, enabled=False):
            contrast = supervised_contrastive(
                _means(outputs, inputs["attention_mask"]),
                _memberships(inputs["labels"], outputs.logits.shape[1]),
                temperature=self._objective.temperature,
                groups=groups,
            )
        weight = self._objective.supcon_weight / self.args.gradient_accumulation_steps
        loss = loss + weight * contrast.mean()
        if return_outputs:
            return loss, outputs
        return loss

    def _get_train_sampler(self, *args, **kwargs) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)  # type: ignore[arg-type]


def _means(outputs: Any, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of the last layer over tokens, ``float32 (n, n_dims)``."""
    counted = mask.unsqueeze(2)
    hidden = outputs.hidden_states[-1].float()
    return (hidden * counted).sum(dim=1) / counted.sum(dim=1)


def _memberships(labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return labels as a binary matrix ``float32 (n, n_classes)``."""
    if labels.ndim == 2:
        return labels
    return functional.one_hot(labels, n_classes).float()


def _content(examples: Examples, held_out: Examples | None) -> Iterator[bytes]:
    yield from examples.content()
    if held_out is not None:
        yield b"held out"
        yield from held_out.content()


def _loss(objective: Objective) -> Callable:
    def loss(outputs, labels, num_items_in_batch=None):
        logits = outputs.logits.float()
        weights = None
        if objective.class_weights is not None:
            weights = torch.tensor(objective.class_weights, device=logits.device)
        if labels.ndim == 2:
            total = functional.binary_cross_entropy_with_logits(
                logits, labels, pos_weight=weights, reduction="sum"
            )
        else:
            total = functional.cross_entropy(
                logits, labels, weight=weights, reduction="sum"
            )
        if num_items_in_batch is None:
            num_items_in_batch = labels.numel()
        return total / num_items_in_batch

    return loss
