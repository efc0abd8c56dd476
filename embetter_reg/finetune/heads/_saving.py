"""Fitted heads on disk and on a model hub: safetensors and JSON, nothing unpickled."""

import json
from pathlib import Path

import numpy as np

WEIGHTS, CONFIG = "head.safetensors", "head.json"


def save_head(folder, weights: dict, config: dict) -> None:
    """Write weights and settings into a folder."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous().cpu() for name, value in weights.items()},
        folder / WEIGHTS,
    )
    (folder / CONFIG).write_text(
        json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8"
    )


def load_head(name, class_name: str, **hub_options) -> tuple[dict, dict]:
    """Return weights and settings from a folder, or from the model hub where ``name``
    is no folder.
    """
    from safetensors.torch import load_file

    folder = Path(name)
    if not folder.is_dir():
        folder = _download(str(name), **hub_options)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(
            f"got {name}, expected a folder with {CONFIG} and {WEIGHTS}; check the path"
        )
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if config.get("class") != class_name:
        raise ValueError(
            f"got a saved {config.get('class')}, expected a {class_name}; load it "
            "with its own class"
        )
    return load_file(folder / WEIGHTS), config


def push_head(head, repo_id: str, *, private: bool, token) -> str:
    """Save a head into a temporary folder, upload that, and return the address."""
    from tempfile import TemporaryDirectory

    from huggingface_hub import HfApi

    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    with TemporaryDirectory() as folder:
        head.save(folder)
        return str(
            api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                commit_message=f"{type(head).__name__}",
            )
        )


def to_json(value):
    """Return a parameter or a label in a form that JSON keeps: dicts as pairs, numpy
    numbers as Python's.
    """
    if isinstance(value, dict):
        return {"pairs": [[to_json(key), to_json(each)] for key, each in value.items()]}
    if isinstance(value, np.ndarray | list | tuple):
        return [to_json(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def from_json(value):
    """Undo `to_json`; lists come back as tuples."""
    if isinstance(value, dict):
        return {from_json(key): from_json(each) for key, each in value["pairs"]}
    return (
        tuple(from_json(each) for each in value) if isinstance(value, list) else value
    )


def _download(name: str, **options) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return Path(
            snapshot_download(name, allow_patterns=[WEIGHTS, CONFIG], **options)
        )
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise FileNotFoundError(
            f"got {name}, expected a folder or a model on the hub; check the name"
        ) from error
