"""Settings of compiled functions, and one message where they must be compiled first."""

import sys
from pathlib import Path
from typing import Any

FAST: Any = {
    "cache": True,
    "nogil": True,
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}


def announce(*kernels) -> None:
    """Say on stderr that one of the kernels is to be compiled, where it is neither in
    memory nor on disk.
    """
    for kernel in kernels:
        module = Path(kernel.py_func.__code__.co_filename).stem
        kept = Path(kernel.stats.cache_path).glob(f"{module}.{kernel.__name__}-*.nbi")
        if not kernel.signatures and not any(kept):
            print(
                "compiling kernels of the analysis; this is done once and kept on disk",
                file=sys.stderr,
                flush=True,
            )
            return
