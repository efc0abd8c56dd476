"""Files that are there whole or not at all, and their names."""

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path`` and rename, so that a kill leaves the old file or the new
    one, never a half.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(draft)
        with open(draft, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def slug(name: str) -> str:
    """Return a name as a part of a file's name: letters and digits stay, the rest
    becomes ``_``.

    Examples
    --------
    >>> slug("base first")
    'base_first'

    """
    return "".join(c if c.isalnum() else "_" for c in name)
