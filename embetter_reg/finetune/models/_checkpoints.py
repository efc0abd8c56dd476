"""What every run of a transformers trainer shares: checkpoints that survive a kill,
quiet libraries, a clean model.
"""

import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from transformers import TrainerCallback

_COMPLETE = "complete"  # a file in every checkpoint that was written to its end


class Checkpoints(TrainerCallback):
    """Mark complete checkpoints; the last steps are logged too.

    A checkpoint of a run that is about to stop is not marked: a run killed right after
    it repeats the steps before it and stops in the same place.
    """

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step >= state.max_steps:
            control.should_log = True

    def on_save(self, args, state, control, **kwargs):
        if not control.should_training_stop:
            (
                Path(args.output_dir) / f"checkpoint-{state.global_step}" / _COMPLETE
            ).touch()


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint, after removing those that a kill cut
    short.
    """
    complete = []
    for path in folder.glob("checkpoint-*"):
        if (path / _COMPLETE).exists():
            complete.append(path)
        else:
            shutil.rmtree(path)
    return (
        str(max(complete, key=lambda path: int(path.name.split("-")[1])))
        if complete
        else None
    )


@contextmanager
def unwrapped(model) -> Iterator[None]:
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
    """Keep the libraries' notes to themselves; errors are still said."""
    before, bars = (
        transformers.logging.get_verbosity(),
        transformers.logging.is_progress_bar_enabled(),
    )
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()  # of files; that of steps is `show_progress`
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning
            )  # peft asks
            warnings.filterwarnings(
                "ignore", "ContrastiveLoss expects binary labels", UserWarning
            )
            yield
    finally:
        transformers.logging.set_verbosity(before)
        if bars:
            transformers.logging.enable_progress_bar()


def hash_texts(digest, texts: Sequence[str]) -> None:
    """Add every text to a digest."""
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)


def hash_weights(digest, model) -> None:
    """Add the name, type, shape and content of every weight to a digest."""
    for name, weights in model.state_dict().items():
        digest.update(f"{name} {weights.dtype} {tuple(weights.shape)}".encode())
        digest.update(
            weights.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        )
