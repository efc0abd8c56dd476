"""Fitted heads on disk and on a model hub: safetensors and JSON, nothing unpickled."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from torch import Tensor

from embetter_reg._files import write_atomically
from embetter_reg.pretrained import Card

WEIGHTS = "head.safetensors"
CONFIG = "head.json"
CARD = "card.json"
Content = TypeVar("Content")


class Saved:
    """`save`, `load` and `push_to_hub`, in terms of what the files hold."""

    # Of a head that `load_head` read together with a card.
    card: Card | None = None

    def save(self, folder: str | Path) -> None:
        """Write the fitted head into a folder: weights as safetensors, the rest as
        JSON, nothing pickled.
        """
        weights, config = self._contents()
        save_head(folder, weights, {"class": type(self).__name__, **config})

    @classmethod
    def load(cls, name: str | Path, **hub_options: Any) -> Self:
        """Return a head that `save` wrote into the folder ``name``, or that is on the
        model hub under that name.

        ``hub_options`` go to ``huggingface_hub.snapshot_download``: ``revision``,
        ``token``, ``local_files_only`` … Training continues with `partial_fit`, at the
        learning rate in the parameters.

        Raises
        ------
        FileNotFoundError
            If there is no such folder or model.
        ValueError
            If it holds a head of another class, or files that do not fit each other.

        """
        folder = find_head(name, **hub_options)
        config = read_config(folder)
        if config.get("class") != cls.__name__:
            raise ValueError(
                f"got a saved {config.get('class')}, expected a {cls.__name__}; load "
                "it with its own class"
            )
        return cls._from_folder(folder, config)

    @classmethod
    def _from_folder(cls, folder: Path, config: dict[str, Any]) -> Self:
        from safetensors.torch import load_file

        return read_soundly(
            folder, lambda: cls._from_contents(load_file(folder / WEIGHTS), config)
        )

    def push_to_hub(
        self, repo_id: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Upload the fitted head to the model hub; return its address. `load` reads it
        from there.
        """
        return push_head(self, repo_id, private=private, token=token)

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        raise NotImplementedError

    @classmethod
    def _from_contents(cls, weights: dict[str, Tensor], config: dict[str, Any]) -> Self:
        raise NotImplementedError


def save_head(folder: str | Path, weights: dict[str, Tensor], config: dict) -> None:
    """Write weights and settings into a folder."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.contiguous().cpu() for name, value in weights.items()}
    text = json.dumps(config, indent=1, ensure_ascii=False)
    write_atomically(folder / WEIGHTS, lambda path: save_file(tensors, path))
    write_atomically(
        folder / CONFIG, lambda path: path.write_text(text, encoding="utf-8")
    )


def find_head(name: str | Path, **hub_options: Any) -> Path:
    """Return the folder of a saved head, downloaded from the model hub where ``name``
    is no folder.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or model, or it lacks a file.

    """
    folder = Path(name)
    if not folder.is_dir():
        folder = _download(str(name), **hub_options)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(
            f"got {name}, expected a folder with {CONFIG} and {WEIGHTS}; check the path"
        )
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """Return the settings of a saved head."""
    text = (folder / CONFIG).read_bytes()
    return read_soundly(folder, lambda: dict(json.loads(text)))


def read_soundly(name: str | Path, read: Callable[[], Content]) -> Content:
    """Return what ``read`` returns; any failure is one sentence about the files."""
    from safetensors import SafetensorError

    try:
        return read()
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RecursionError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ValueError(
            f"got {name}, whose {CONFIG} and {WEIGHTS} are damaged or do not fit each "
            f"other ({reason}), expected the two files that save wrote; save the head "
            "again"
        ) from error


def push_head(head: Saved, repo_id: str, *, private: bool, token: str | None) -> str:
    """Save a head into a temporary folder, upload that, and return the address."""
    from tempfile import TemporaryDirectory

    from huggingface_hub import HfApi

    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    with TemporaryDirectory() as folder:
        head.save(folder)
        address = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=f"{type(head).__name__}",
        )
    return str(address)


def to_json(value: Any) -> Any:
    """Return a parameter or a label in a form that JSON keeps: dicts as pairs, numpy
    numbers as Python's.
    """
    if isinstance(value, dict):
        return {"pairs": [[to_json(key), to_json(each)] for key, each in value.items()]}
    if isinstance(value, np.ndarray | list | tuple):
        return [to_json(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def from_json(value: Any) -> Any:
    """Undo `to_json`; lists come back as tuples."""
    if isinstance(value, dict):
        return {from_json(key): from_json(each) for key, each in value["pairs"]}
    if isinstance(value, list):
        return tuple(from_json(each) for each in value)
    return value


def _download(name: str, **options: Any) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return Path(
            snapshot_download(name, allow_patterns=[WEIGHTS, CONFIG, CARD], **options)
        )
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"got {name}, expected a folder or a model on the hub; check the name"
        ) from error
