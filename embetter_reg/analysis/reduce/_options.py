"""Arguments of the libraries behind the reducers, checked by name."""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any


def check_options(
    name: str,
    options: Mapping[str, Any] | None,
    library: Callable[..., Any],
    own: Collection[str] = (),
) -> dict[str, Any]:
    """Return ``options`` as a dict, all of them arguments of ``library``.

    Parameters
    ----------
    name : str
        What the error calls the reducer.
    options : mapping or None
    library : callable
        A class whose constructor takes the options.
    own : collection of str
        Parameters of our own class, which a misspelled option may have meant.

    Raises
    ------
    TypeError
        If the library has no argument of that name, or ``options`` is no mapping.

    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise TypeError(
            f"got options={options!r} for {name}, expected a dict of arguments; pass "
            '{"name": value}'
        )
    choices = sorted(set(signature(library).parameters) | set(own))
    for option in options:
        if option in signature(library).parameters:
            continue
        nearest = get_close_matches(str(option), choices, n=1)
        advice = f"did you mean {nearest[0]!r}?" if nearest else "leave it out"
        raise TypeError(
            f"got the option {option!r} for {name}, expected some of {choices}; "
            f"{advice}"
        )
    return dict(options)
