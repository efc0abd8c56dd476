"""Checks of everything that a labeling server is started with, before the expensive
part: encoding, and drawing a map.
"""

from pathlib import Path

from embetter_reg._files import check_folder
from embetter_reg.label._load import check_share
from embetter_reg.label._log import LabelLog
from embetter_reg.label._map import check_reducer
from embetter_reg.label._tune import check_head


def check_options(
    out: Path,
    *,
    port: int,
    reducer: str,
    head: str,
    keep_labels: float,
) -> None:
    """Refuse options that no server could start with.

    Raises
    ------
    ValueError
        If one is out of its range, or a line of the log is no action.
    OSError
        If the log cannot be read, or its folder is none to write to.

    """
    check_port(port)
    check_reducer(reducer)
    check_head(head)
    check_share(keep_labels)
    check_folder(Path(out).parent)
    LabelLog(out)


def check_port(port: int) -> None:
    """Refuse what is no port."""
    if not 0 <= port <= 65535:
        raise ValueError(
            f"got port {port}, expected a number from 0 to 65535; pass another --port"
        )
