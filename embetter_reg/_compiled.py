"""Settings of compiled functions, and one message where they must be compiled first."""

import sys
from pathlib import Path
from threading import Lock
from typing import Any

FAST: Any = {
    "cache": True,
    "nogil": True,
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}

_SAID = Lock()  # taken for good once the line is printed


def announce(*kernels: Any) -> None:
    """Print a line on stderr, once a process, if a kernel is neither in memory nor on
    disk, so that nobody takes the minute of its compilation for a hang.
    """
    for kernel in kernels:
        if kernel.signatures:
            continue
        # numba names its index files by module and function.
        module = Path(kernel.py_func.__code__.co_filename).stem
        folder = Path(kernel.stats.cache_path)
        on_disk = any(folder.glob(f"{module}.{kernel.__name__}-*.nbi"))
        if not on_disk:
            if not _SAID.acquire(blocking=False):
                return
            print(
                "compiling kernels of the analysis; this is done once and kept on disk",
                file=sys.stderr,
                flush=True,
            )
            return
