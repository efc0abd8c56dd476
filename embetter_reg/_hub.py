"""Errors of model hubs, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turn whatever a library raises for a model that cannot be loaded into one
    sentence.

    Raises
    ------
    OSError
        If the model cannot be loaded: no such name, no connection, damaged or pickled
        weights.

    """
    try:
        yield
    except Exception as error:  # each format of weights raises its own
        raise not_loaded(name, error) from error


def not_loaded(name: str, error: Exception) -> OSError:
    """Return one sentence about a model that could not be loaded."""
    return OSError(
        f"got the model {name!r}, which could not be loaded ({_first_line(error)}), "
        "expected a folder or a name on a "
        "reachable hub; check the spelling, the connection, or pass a downloaded folder"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
