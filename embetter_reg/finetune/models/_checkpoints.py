"""Checkpoints that survive a kill, in a folder named after everything that decides a
run.
"""

import errno
import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

_WEIGHTS = "trained.safetensors"
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
_COMPLETE = "complete"  # a file in every checkpoint that was written to its end


class Checkpoints(TrainerCallback):
    """Mark complete checkpoints, and log, check and save at the last step too.

    A checkpoint of a run that is about to stop is not marked: a run killed right after
    it repeats the steps before it and stops in the same place.
    """

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step < state.max_steps:
            return
        control.should_log = True
        if args.eval_strategy != "no":
            control.should_evaluate = True
            control.should_save = True

    def on_save(self, args, state, control, **kwargs):
        if control.should_training_stop:
            return
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (checkpoint / _COMPLETE).touch()


class TrainedWeights:
    """Mixed into a trainer: a checkpoint holds what is trained and the buffers, such as
    running means, and no more.
    """

    args: Any
    model: Any
    state: Any

    def _save(self, output_dir=None, state_dict=None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            name: tensor.detach().contiguous() for name, tensor in _changing(self.model)
        }
        save_file(tensors, folder / _WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None) -> None:
        saved = load_file(Path(resume_from_checkpoint) / _WEIGHTS)
        with torch.no_grad():
            for name, tensor in _changing(self.model):
                tensor.copy_(saved[name])

    def _load_best_model(self) -> None:
        self._load_from_checkpoint(self.state.best_model_checkpoint)


def _changing(model) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the weights that training changes, each by its name."""
    trained = {
        name for name, weights in model.named_parameters() if weights.requires_grad
    }
    buffers = {name for name, _ in model.named_buffers()}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if name in trained or name in buffers:
            yield name, tensor


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint, after removing those that a kill cut
    short.
    """
    steps = {}
    for path in folder.glob("checkpoint-*"):
        if (path / _COMPLETE).exists():
            steps[int(path.name.split("-")[1])] = path
        else:
            shutil.rmtree(path)
    if not steps:
        return None
    return str(steps[max(steps)])


@contextmanager
def run_folder(checkpoint_folder, name: str, *, keep: bool) -> Iterator[Path]:
    """Lend the folder ``name`` of a run, removed when the run ends well unless ``keep``;
    without ``checkpoint_folder``, a temporary one.

    A run that finds its folder goes on from the last checkpoint in it. Other runs have
    other names, so that none takes another's checkpoints.
    """
    if checkpoint_folder is None:
        with TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    folder = Path(checkpoint_folder).resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    if not keep:
        shutil.rmtree(folder)


def run_name(model, settings: Iterable[object], data: Iterable[bytes]) -> str:
    """Return 16 hexadecimal digits for everything that decides a run: its settings, its
    data, the model's weights and which of them are trained.
    """
    digest = hashlib.blake2b(repr(tuple(settings)).encode(), digest_size=8)
    for piece in data:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    for name, weights in model.named_parameters():
        digest.update(f"{name} {weights.requires_grad}".encode())
    for name, weights in model.state_dict().items():
        digest.update(f"{name} {weights.dtype} {tuple(weights.shape)}".encode())
        content = weights.detach().cpu().contiguous().reshape(-1)
        digest.update(content.view(torch.uint8).numpy())
    return digest.hexdigest()


@contextmanager
def explain_disk(folder: Path) -> Iterator[None]:
    """Turn what torch and safetensors raise where a file cannot be written into one
    sentence.

    Raises
    ------
    OSError
        If a file cannot be written.

    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if not _is_of_writing(error):
            raise
        reason = str(error).splitlines()[0]
        raise OSError(
            f"got {folder}, where a file cannot be written ({reason}), expected a "
            "folder with room to write to; free some, and call again: what was trained "
            "up to the last checkpoint is kept"
        ) from error


def _is_of_writing(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NOT_WRITTEN
    if isinstance(error, SafetensorError):
        return "while serializing" in str(error)
    # torch names its writer, not the reason.
    return "FileWriter" in str(error) or "StreamWriter" in str(error)
