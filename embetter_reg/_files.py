"""Files that are there whole or not at all, and their names."""

import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet takes a cell that begins with one of these for a formula. Text with
# apostrophes before such a sign gets one more, so that reading takes one away again.
_FORMULA = re.compile("'*[=+\\-@\t\r]")
_URL = re.compile("[a-z][a-z0-9+.-]+:/")
_ESCAPED_FORMULA = re.compile("'+[=+\\-@\t\r]")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path`` and rename, so that a kill leaves the old file or the new
    one, never a half.

    Raises
    ------
    OSError
        If the file cannot be written, such as on a full disk; the old file stays.

    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        write(draft)
        with open(draft, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            f"got {path}, which cannot be written ({reason}), expected a folder with "
            "room to write to; free some, or pass another one"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def remove_drafts(folder: Path, beginning: str = "") -> None:
    """Remove what runs of `write_atomically` that were killed left in a folder, of files
    whose names have that beginning.

    The drafts of a process of this machine that still runs stay.
    """
    for draft in folder.glob(f".{beginning}*.tmp"):
        process = draft.name.split(".")[-2].partition("-")[0]
        if not (process.isdigit() and process_runs(int(process))):
            draft.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Check that a folder can be made and written to, and make nothing.

    Raises
    ------
    OSError
        If it is a file, lies below one, may not be written to, or is a URL.

    """
    if _URL.match(str(folder)) and not folder.exists():
        raise OSError(
            f"got the URL {folder}, expected a folder of this machine to write to; "
            "write there, and copy it"
        )
    nearest = folder.absolute()
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise OSError(
            f"got {folder}, but {nearest} is not a folder, expected a folder to write "
            "to; pass another one"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OSError(
            f"got {folder}, but {nearest} may not be written to, expected a folder to "
            "write to; change its permissions, or pass another one"
        )


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write a table as CSV without its index; no cell of it is a formula.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    escaped = table.map(escape_formula).rename(columns=escape_formula)
    write_atomically(path, lambda draft: escaped.to_csv(draft, index=False))


def slug(name: str) -> str:
    """Return a name as a part of a file's name: letters and digits stay, the rest
    becomes ``_``.

    Examples
    --------
    >>> slug("base first")
    'base_first'

    """
    return "".join(c if c.isalnum() else "_" for c in name)


def escape_formula(value: Any) -> Any:
    """Return a cell of a table that no spreadsheet takes for a formula; numbers stay.

    Examples
    --------
    >>> escape_formula("=1+1"), escape_formula("a = 1"), escape_formula(-1)
    ("'=1+1", 'a = 1', -1)

    """
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def unescape_formula(value: Any) -> Any:
    """Undo `escape_formula`.

    Examples
    --------
    >>> unescape_formula("'=1+1"), unescape_formula("'tis")
    ('=1+1', "'tis")

    """
    if isinstance(value, str) and _ESCAPED_FORMULA.match(value):
        return value[1:]
    return value


def process_runs(process: int) -> bool:
    """Return whether a process of this machine still runs."""
    if os.name != "posix":  # elsewhere the signal 0 would end it
        return process == os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
