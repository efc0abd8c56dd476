"""Devices and number types of models."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick_device(device: str) -> str:
    """Return ``device``, or for ``"auto"`` the accelerator of this machine, or the CPU.

    Raises
    ------
    ValueError
        If torch knows no such device, or this machine has none.

    """
    import torch

    if device != "auto":
        check_device(device)
        return str(device)
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def pick_dtype(dtype: str, device: str) -> "torch.dtype":
    """Return the torch type; for ``"auto"``, bfloat16 on a GPU that has it, float16 on
    another, float32 elsewhere.
    """
    import torch

    allowed = {
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    if dtype != "auto":
        if dtype not in allowed:
            raise ValueError(
                f"got dtype={dtype!r}, expected 'auto' or one of {list(allowed)}; pick "
                "one"
            )
        return allowed[dtype]
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def check_device(device: str) -> None:
    """Refuse a device that torch does not know or that this machine does not have."""
    import torch

    try:
        torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"got device={device!r}, expected 'auto', 'cpu', 'cuda' or 'mps'; pass that"
        ) from error
    check_cuda(device)
    if str(device).startswith("mps") and not torch.backends.mps.is_available():
        raise ValueError(
            f"got device={device!r} but no Apple GPU is here; pass 'auto' or 'cpu'"
        )


def check_cuda(device: str) -> None:
    """Refuse a CUDA device where there is none, or none of that number."""
    import torch

    if not str(device).startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise ValueError(
            f"got device={device!r} but no CUDA device is here; pass 'auto' or 'cpu'"
        )
    number = torch.device(device).index or 0
    if number >= torch.cuda.device_count():
        raise ValueError(
            f"got device={device!r} but {torch.cuda.device_count()} CUDA devices are "
            "here; pass a smaller number"
        )
