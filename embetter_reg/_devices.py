"""Devices and number types of models."""


def pick_device(device: str | None) -> str:
    """Return ``device``, or the accelerator that is there, or the CPU."""
    import torch

    if device is not None:
        return str(device)
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(dtype: str | None, device: str):
    """Return the torch type: as asked; else bfloat16 on a GPU that has it, float16 on
    another, float32 on CPU.
    """
    import torch

    allowed = {
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    if dtype is not None:
        if dtype not in allowed:
            raise ValueError(
                f"got dtype={dtype!r}, expected one of {list(allowed)} or None; pick "
                "one"
            )
        return allowed[dtype]
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def check_cuda(device) -> None:
    """Refuse a CUDA device where there is none."""
    import torch

    if str(device).startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"got device={device!r} but no CUDA device is here; pass 'auto' or 'cpu'"
        )
