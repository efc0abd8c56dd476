"""Errors of model hubs, in one sentence."""


def not_loaded(name: str, error: Exception) -> OSError:
    """Return one sentence about a model that could not be loaded."""
    return OSError(
        f"got the model {name!r}, which could not be loaded ({_first_line(error)}), "
        "expected a folder or a name on a "
        "reachable hub; check the spelling, the connection, or pass a downloaded folder"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
