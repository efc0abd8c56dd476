"""One run of the transformers trainer: windows of documents in, weights changed,
checkpoints on the way.

Separate from `_register_trainer`, so that nothing of it is imported before the first
`fit`.
"""

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from tqdm.auto import tqdm
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from embetter_reg._random import global_seeds_kept
from embetter_reg.finetune.models._checkpoints import (
    Checkpoints,
    hash_weights,
    last_checkpoint,
    quiet,
    unwrapped,
)
from embetter_reg.text import Window

_WEIGHTS = "trained.safetensors"
_NO_LABEL = -100  # what the library's losses leave out


@dataclass(frozen=True)
class Recipe:
    """What decides a run's weights, beside the model and the documents."""

    objective: str
    batch_size: int
    accumulate: int
    n_steps: int
    steps_per_epoch: float
    learning_rate: float
    weight_decay: float
    warmup_ratio: float
    bfloat16: bool
    seed: int
    check_every: int
    patience: int
    mask_share: float
    class_weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Examples(torch.utils.data.Dataset):
    """Windows in the order in which they are read, each with its place and, for a
    classifier, its target.
    """

    windows: Sequence[Window]
    targets: np.ndarray | None
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> tuple[int, Window, Any]:
        window = self.windows[self.order[place]]
        return (
            place,
            window,
            None if self.targets is None else self.targets[window.document],
        )


@dataclass(frozen=True)
class Collator:
    """Pads windows and adds an objective's labels; masks hang on seed and place, so a
    resumed run draws the same.
    """

    tokenizer: Any
    recipe: Recipe

    def __call__(
        self, items: Sequence[tuple[int, Window, Any]]
    ) -> dict[str, torch.Tensor]:
        width = max(len(window.ids) for _, window, _ in items)
        ids = np.full((len(items), width), self.tokenizer.pad_token_id)
        mask = np.zeros_like(ids)
        labels = np.full_like(ids, _NO_LABEL)
        for row, (place, window, _) in enumerate(items):
            n = len(window.ids)
            ids[row, :n], mask[row, :n] = window.ids, 1
            if self.recipe.objective == "clm":
                labels[row, :n] = window.ids
            elif self.recipe.objective == "mlm":
                self._mask(ids[row], labels[row], window, place)
        if self.recipe.objective == "register":
            labels = np.stack([target for _, _, target in items])
        return {
            name: torch.from_numpy(x)
            for name, x in (
                ("input_ids", ids),
                ("attention_mask", mask),
                ("labels", labels),
            )
        }

    def _mask(
        self, ids: np.ndarray, labels: np.ndarray, window: Window, place: int
    ) -> None:
        """Choose tokens to tell: of ten, eight become the mask, one a random token, one
        stays (Devlin et al. 2019).
        """
        rng = np.random.default_rng([self.recipe.seed, place])
        own = np.arange(window.start, window.start + len(window.positions))
        if not len(own):
            return
        chosen = rng.choice(
            own, size=max(1, round(self.recipe.mask_share * len(own))), replace=False
        )
        labels[chosen] = ids[chosen]
        fate = rng.random(len(chosen))
        ids[chosen[fate < 0.8]] = self.tokenizer.mask_token_id
        random = chosen[fate >= 0.9]
        ids[random] = rng.integers(len(self.tokenizer), size=len(random))


def train(
    model,
    tokenizer,
    examples: Examples,
    held: Examples | None,
    recipe: Recipe,
    *,
    measure: Callable[[Any], dict[str, float]] | None = None,
    checkpoint_folder: str | Path | None = None,
    resume: bool = False,
    keep_checkpoints: bool = False,
    report_to: Sequence[str] = (),
    log_folder: str | Path | None = None,
    show_progress: bool = False,
) -> list[dict[str, float]]:
    """Train ``model`` where it is, on the device where it is; return its history.

    Parameters
    ----------
    examples, held : Examples
        To train on, in their order, and held out. With the latter the best weights are
        restored, and training stops where nothing got better for ``recipe.patience``
        checks.
    measure : callable or None
        Takes held-out logits and returns figures; ``"f1"`` decides which weights are
        best. None lets the loss decide.
    checkpoint_folder : path or None
        Where checkpoints go, in a folder ``checkpoints``.
    resume : bool
        Go on from checkpoints of the same run.
    keep_checkpoints : bool
        Leave them where the run ends well, for a caller who has yet to save what came
        out.

    Returns
    -------
    list of dict
        A record a check: ``step``, ``epoch``, ``loss`` (mean since the last check),
        ``validation_loss`` and what ``measure`` gives.

    """
    cpu = _device(model) == "cpu"
    identity = _identity(model, examples, held, recipe)
    with (
        _folder(checkpoint_folder, identity, resume, keep_checkpoints) as folder,
        quiet(),
        global_seeds_kept(),
    ):
        arguments = TrainingArguments(
            output_dir=str(folder),
            max_steps=recipe.n_steps,
            per_device_train_batch_size=recipe.batch_size,
            per_device_eval_batch_size=2 * recipe.batch_size,
            gradient_accumulation_steps=recipe.accumulate,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            lr_scheduler_type="linear",
            warmup_steps=math.ceil(recipe.warmup_ratio * recipe.n_steps),
            bf16=recipe.bfloat16,
            seed=recipe.seed,
            use_cpu=cpu,
            dataloader_pin_memory=not cpu,
            remove_unused_columns=False,
            label_names=["labels"],
            prediction_loss_only=measure is None,
            logging_strategy="steps",
            logging_steps=recipe.check_every,
            eval_strategy="no" if held is None else "steps",
            eval_steps=recipe.check_every,
            save_strategy="no"
            if held is None and checkpoint_folder is None
            else "steps",
            save_steps=recipe.check_every,
            save_total_limit=3,  # the best, the newest, and the one before, should the newest be cut short
            save_only_model=checkpoint_folder is None,
            restore_callback_states_from_checkpoint=True,
            load_best_model_at_end=held is not None,
            metric_for_best_model="loss" if measure is None else "f1",
            greater_is_better=measure is not None,
            report_to=[name for name in report_to if name != "tensorboard"] or "none",
            disable_tqdm=True,
        )
        arguments._n_gpu = min(
            arguments.n_gpu, 1
        )  # batch_size is that of a step, not of each of several GPUs
        trainer = _Trainer(
            model=model,
            args=arguments,
            data_collator=Collator(tokenizer, recipe),
            train_dataset=examples,
            eval_dataset=held,
            compute_loss_func=_loss(recipe) if recipe.objective == "register" else None,
            compute_metrics=None
            if measure is None
            else lambda found: measure(found.predictions),
            callbacks=[
                Checkpoints(),
                *([_Progress()] if show_progress else []),
                *([] if held is None else [_LastCheck()]),
                *([] if held is None else [EarlyStoppingCallback(recipe.patience)]),
                *([_tensorboard(log_folder)] if "tensorboard" in report_to else []),
            ],
        )
        trainer.remove_callback(PrinterCallback)
        with unwrapped(model):
            trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        log = trainer.state.log_history
    return _history(log, recipe.steps_per_epoch)


def held_loss(model, tokenizer, held: Examples, recipe: Recipe) -> float:
    """Return the mean loss of a token, natural logarithm, over windows."""
    collate = Collator(tokenizer, recipe)
    total, n_tokens = 0.0, 0
    device = next(model.parameters()).device
    with torch.inference_mode():
        for start in range(0, len(held), 2 * recipe.batch_size):
            rows = range(start, min(start + 2 * recipe.batch_size, len(held)))
            batch = {
                name: x.to(device)
                for name, x in collate([held[row] for row in rows]).items()
            }
            labels = batch.pop("labels")
            logits = model(**batch).logits.float()
            if recipe.objective == "clm":
                logits, labels = logits[:, :-1], labels[:, 1:]
            told = labels != _NO_LABEL
            total += functional.cross_entropy(
                logits[told], labels[told], reduction="sum"
            ).item()
            n_tokens += int(told.sum())
    return total / max(n_tokens, 1)


class _Trainer(Trainer):
    """The library's trainer, but the order of windows is ours, and a checkpoint holds
    what is trained, no more.
    """

    model: Any

    def _get_train_sampler(self, *args, **kwargs) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)  # type: ignore[arg-type]

    def _save(self, output_dir=None, state_dict=None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        trained = {
            name: p.detach().contiguous()
            for name, p in self.model.named_parameters()
            if p.requires_grad
        }
        save_file(trained, folder / _WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None) -> None:
        saved = load_file(Path(resume_from_checkpoint) / _WEIGHTS)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(saved[name])

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)


class _Progress(TrainerCallback):
    """A bar of steps, and a line of figures a check."""

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = tqdm(
            total=state.max_steps, initial=state.global_step, desc="training"
        )

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update(state.global_step - self.bar.n)

    def on_evaluate(self, args, state, control, **kwargs):
        (record,) = _history([{**kwargs["metrics"], "step": state.global_step}], 1)
        told = ", ".join(
            f"{name} {value:.3f}"
            for name, value in record.items()
            if name not in ("step", "epoch")
        )
        self.bar.write(f"step {state.global_step}: {told}", file=sys.stderr)

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


class _LastCheck(TrainerCallback):
    """The last weights are looked at too, wherever the last check was."""

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True


def _device(model) -> str:
    """Return the kind of device that a model is on."""
    return next(model.parameters()).device.type


def _loss(recipe: Recipe) -> Callable:
    def loss(outputs, labels, num_items_in_batch=None):
        logits = outputs.logits.float()
        weights = (
            None
            if recipe.class_weights is None
            else torch.tensor(recipe.class_weights, device=logits.device)
        )
        if labels.ndim == 2:
            total = functional.binary_cross_entropy_with_logits(
                logits, labels, pos_weight=weights, reduction="sum"
            )
        else:
            total = functional.cross_entropy(
                logits, labels, weight=weights, reduction="sum"
            )
        return total / (
            labels.numel() if num_items_in_batch is None else num_items_in_batch
        )

    return loss


def _tensorboard(log_folder):
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return TensorBoardCallback(SummaryWriter(str(log_folder or "runs")))


def _history(log: list[dict], steps_per_epoch: float) -> list[dict[str, float]]:
    records: dict[int, dict[str, float]] = {}
    library = {
        "eval_runtime",
        "eval_samples_per_second",
        "eval_steps_per_second",
        "eval_model_preparation_time",
    }
    for entry in log:
        found = {"loss": entry["loss"]} if "loss" in entry else {}
        for name in entry.keys() - library:
            if name.startswith("eval_"):
                found[
                    name.replace("eval_loss", "validation_loss").removeprefix("eval_")
                ] = entry[name]
        if found:
            step = entry["step"]
            record = records.setdefault(
                step, {"step": step, "epoch": step / steps_per_epoch}
            )
            record |= dict(sorted(found.items()))
    return list(records.values())


@contextmanager
def _folder(
    checkpoint_folder, identity: dict[str, Any], resume: bool, keep: bool
) -> Iterator[Path]:
    """Lend a folder: one for checkpoints, removed when the run ends well unless kept,
    or a temporary one.
    """
    if checkpoint_folder is None:
        with TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    folder = Path(checkpoint_folder).resolve() / "checkpoints"
    record = folder / "run.json"
    if record.exists():
        if not resume:
            raise ValueError(
                f"got {folder} with an unfinished run, expected none; pass resume "
                "(--resume) to go on with it, another "
                "folder, or remove it"
            )
        found = json.loads(record.read_text(encoding="utf-8"))
        other = [name for name in identity if found.get(name) != identity[name]]
        if other:
            raise ValueError(
                f"got checkpoints with another {' and other '.join(other)} in "
                f"{folder}, expected those of this run; "
                "give what the killed run was given, or another folder"
            )
    else:
        folder.mkdir(parents=True, exist_ok=True)
        temporary_record = folder / "run.json.part"
        temporary_record.write_text(json.dumps(identity), encoding="utf-8")
        temporary_record.replace(record)
    yield folder
    if not keep:
        shutil.rmtree(folder)


def _identity(
    model, examples: Examples, held: Examples | None, recipe: Recipe
) -> dict[str, Any]:
    """Return what tells a run from others: digests of the model and the documents, and
    the settings.
    """
    weights = hashlib.blake2b(digest_size=8)
    hash_weights(weights, model)
    documents = hashlib.blake2b(digest_size=8)
    for part in (examples, held):
        if part is not None:
            documents.update(np.ascontiguousarray(part.order, dtype=np.int64).tobytes())
            if part.targets is not None:
                documents.update(part.targets.tobytes())
            for window in part.windows:
                documents.update(
                    np.array([len(window.ids), window.document, *window.ids]).tobytes()
                )
    settings = json.loads(json.dumps(asdict(recipe)))  # as they are read again
    trained = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad
    ]
    return {
        "model": weights.hexdigest(),
        "documents": documents.hexdigest(),
        "settings": {
            **settings,
            "trained": hashlib.blake2b(
                "\n".join(trained).encode(), digest_size=8
            ).hexdigest(),
        },
    }
