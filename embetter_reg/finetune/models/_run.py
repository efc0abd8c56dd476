"""One run of a transformers trainer: a recipe in, weights changed, a history out.

Separate from the estimators, so that transformers' trainer is not imported before the
first `fit`.
"""

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import transformers
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from embetter_reg._progress import progress
from embetter_reg._random import global_seeds_kept
from embetter_reg.finetune.models._checkpoints import (
    Checkpoints,
    explain_disk,
    last_checkpoint,
    run_folder,
    run_name,
)

Record = dict[str, float]
# Names that the library adds to the figures of a check.
_TIMES = {
    "eval_runtime",
    "eval_samples_per_second",
    "eval_steps_per_second",
    "eval_model_preparation_time",
}


@dataclass(frozen=True)
class Recipe:
    """What decides the weights of a run, beside the model, the data and the loss."""

    batch_size: int
    n_steps: int
    steps_per_epoch: float
    learning_rate: float
    bfloat16: bool
    seed: int
    warmup_ratio: float = 0.0
    schedule: str = "linear"
    weight_decay: float = 0.0
    accumulate: int = 1
    check_every: int | None = None  # None is an epoch
    n_iter_no_change: int = 1
    dropout: float | None = None  # None is the model's own

    @property
    def steps_per_check(self) -> int:
        """The number of steps between two checks."""
        steps = self.check_every or math.ceil(self.steps_per_epoch)
        return min(steps, self.n_steps)


@dataclass(frozen=True)
class Surroundings:
    """What leaves the weights of a run as they are.

    ``keep_checkpoints`` leaves them where the run ends well, for a caller who has yet
    to save the model.
    """

    checkpoint_folder: str | Path | None = None
    keep_checkpoints: bool = False
    report_to: Sequence[str] = ()
    log_folder: str | Path | None = None
    show_progress: bool = False


@dataclass(frozen=True)
class Parts:
    """What the runs of two kinds of trainers differ in.

    ``best`` is the figure that decides which weights are best, ``"loss"`` or ``"f1"``.
    ``settings`` and ``data`` decide the weights beside the recipe.
    """

    trainer: Callable[..., Any]
    arguments: type[Any]
    train: Any
    held_out: Any
    best: str = "loss"
    trainer_options: dict[str, Any] = field(default_factory=dict)
    argument_options: dict[str, Any] = field(default_factory=dict)
    settings: Sequence[object] = ()
    data: Callable[[], Iterable[bytes]] = tuple


def run(
    model, recipe: Recipe, parts: Parts, surroundings: Surroundings
) -> list[Record]:
    """Train ``model`` in place, on the device where it is, and return its history.

    With held-out data the run stops where ``parts.best`` has not improved for
    ``recipe.n_iter_no_change`` checks, and the best weights are restored. A run that
    was killed goes on from its last checkpoint, and ends in the same weights.

    Returns
    -------
    list of dict
        A record a check: ``step``, ``epoch``, ``loss`` (mean since the record before)
        and, with held-out data, ``validation_loss`` and other figures.

    """
    name = ""
    if surroundings.checkpoint_folder is not None:
        name = run_name(model, [recipe, *parts.settings], parts.data())
    with (
        run_folder(
            surroundings.checkpoint_folder, name, keep=surroundings.keep_checkpoints
        ) as folder,
        explain_disk(folder),
        quiet(),
        global_seeds_kept(),
    ):
        trainer = parts.trainer(
            model=model,
            args=_arguments(model, folder, recipe, parts, surroundings),
            train_dataset=parts.train,
            eval_dataset=parts.held_out,
            callbacks=_callbacks(recipe, parts, surroundings),
            **parts.trainer_options,
        )
        trainer.remove_callback(PrinterCallback)
        with _unwrapped(model):
            trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        log = trainer.state.log_history
    return _history(log, recipe.steps_per_epoch)


def _arguments(
    model, folder: Path, recipe: Recipe, parts: Parts, surroundings: Surroundings
) -> Any:
    on_cpu = model.device.type == "cpu"
    checks = "no" if parts.held_out is None else "steps"
    saves = checks if surroundings.checkpoint_folder is None else "steps"
    services = [name for name in surroundings.report_to if name != "tensorboard"]
    options = {
        "output_dir": str(folder),
        "max_steps": recipe.n_steps,
        "per_device_train_batch_size": recipe.batch_size,
        "per_device_eval_batch_size": 2 * recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulate,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": math.ceil(recipe.warmup_ratio * recipe.n_steps),
        "bf16": recipe.bfloat16,
        "seed": recipe.seed,
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
        "logging_strategy": "steps",
        "logging_steps": recipe.steps_per_check,
        "eval_strategy": checks,
        "eval_steps": recipe.steps_per_check,
        "save_strategy": saves,
        "save_steps": recipe.steps_per_check,
        # The best, the newest, and the one before, should the newest be cut short.
        "save_total_limit": 3,
        "save_only_model": surroundings.checkpoint_folder is None,
        "restore_callback_states_from_checkpoint": True,
        "load_best_model_at_end": parts.held_out is not None,
        "metric_for_best_model": parts.best,
        "greater_is_better": parts.best != "loss",
        "report_to": services or "none",
        "disable_tqdm": True,
    }
    arguments = parts.arguments(**{**options, **parts.argument_options})
    # batch_size is that of a step, not of each of several GPUs.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _callbacks(
    recipe: Recipe, parts: Parts, surroundings: Surroundings
) -> list[TrainerCallback]:
    callbacks: list[TrainerCallback] = [Checkpoints()]
    if surroundings.show_progress:
        callbacks.append(_Progress())
    if parts.held_out is not None:
        callbacks.append(EarlyStoppingCallback(recipe.n_iter_no_change))
    if "tensorboard" in surroundings.report_to:
        callbacks.append(_tensorboard(surroundings.log_folder))
    return callbacks


def _tensorboard(log_folder: str | Path | None) -> TrainerCallback:
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return TensorBoardCallback(SummaryWriter(str(log_folder or "runs")))


class _Progress(TrainerCallback):
    """A bar of steps, and a line of figures a check."""

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = progress(
            total=state.max_steps,
            initial=state.global_step,
            desc="training",
            unit="step",
        )

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update(state.global_step - self.bar.n)

    def on_evaluate(self, args, state, control, **kwargs):
        (record,) = _history([{**kwargs["metrics"], "step": state.global_step}], 1)
        figures = ", ".join(
            f"{name} {value:.3f}"
            for name, value in record.items()
            if name not in ("step", "epoch")
        )
        self.bar.write(f"step {state.global_step}: {figures}", file=sys.stderr)

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


def _history(log: Iterable[dict], steps_per_epoch: float) -> list[Record]:
    """Return the library's log with the figures of each step in one record."""
    records: dict[int, Record] = {}
    for entry in log:
        figures = {}
        if "loss" in entry:
            figures["loss"] = entry["loss"]
        for name in entry.keys() - _TIMES:
            if name.startswith("eval_"):
                ours = name.replace("eval_loss", "validation_loss")
                figures[ours.removeprefix("eval_")] = entry[name]
        if not figures:
            continue
        step = entry["step"]
        first = {"step": step, "epoch": step / steps_per_epoch}
        records.setdefault(step, first).update(sorted(figures.items()))
    return list(records.values())


@contextmanager
def _unwrapped(model) -> Iterator[None]:
    """Take off what training hangs on the model, such as a forward that would go on in
    bfloat16.
    """
    before = set(vars(model))
    try:
        yield
    finally:
        for name in set(vars(model)) - before:
            delattr(model, name)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' notes and bars; errors still show."""
    verbosity = transformers.logging.get_verbosity()
    shows_bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    # The bars of files; that of steps is `show_progress`.
    transformers.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # peft reads this attribute.
            warnings.filterwarnings(
                "ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning
            )
            warnings.filterwarnings(
                "ignore", "ContrastiveLoss expects binary labels", UserWarning
            )
            yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        if shows_bars:
            transformers.logging.enable_progress_bar()
