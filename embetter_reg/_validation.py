"""Checks at the door: what was got, what was expected, what to do."""

from collections.abc import Collection, Mapping, Set
from difflib import get_close_matches
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def check_texts(X: Any) -> list[str]:
    """Return documents as a list of str.

    Takes a list or tuple of str, a pandas or polars Series, an object or str array, or
    one column of a table. An empty string is a document; an empty list gives an empty
    list.

    Raises
    ------
    ValueError
        If a document is missing (its position is named) or there is more than one
        column.
    TypeError
        If ``X`` is a single str or a document is not a str.

    """
    if isinstance(X, str | bytes):
        raise TypeError(
            "got one string, expected a list of documents; put it in a list"
        )
    if not hasattr(X, "__len__") or isinstance(X, Set | Mapping):
        raise TypeError(  # a set has no order, and a dict gives its keys
            f"got {type(X).__name__}, expected a list of documents; pass a list, "
            "Series or array"
        )
    shape: tuple[int, ...] = getattr(X, "shape", (len(X),))
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            f"got {shape[1]} columns, expected one column of documents; select the "
            "text column"
        )
    if len(shape) == 2:
        X = _first_column(X)
    if hasattr(X, "to_list"):
        X = X.to_list()
    texts = list(X)
    for position, text in enumerate(texts):
        if isinstance(text, str):
            continue
        if (
            text is None
            or text is pd.NA
            or (isinstance(text, float) and np.isnan(text))
        ):
            raise ValueError(
                f"got a missing document at position {position}, expected a str; drop "
                "it or pass an empty string"
            )
        raise TypeError(
            f"got {type(text).__name__} at position {position}, expected a str; "
            "convert the document to text"
        )
    return [str(text) for text in texts]


def _first_column(table: Any) -> Any:
    if hasattr(table, "iloc"):
        return table.iloc[:, 0]
    return table[:, 0]


def check_same_length(**named: Any) -> None:
    """Check that everything given has one entry a document; None is left out.

    Raises
    ------
    ValueError
        If two lengths differ; the message has the names and lengths.
    TypeError
        If something has no length, or is one str.

    Examples
    --------
    >>> check_same_length(texts=["a", "b"], register=["NA", "IN"], language=None)

    """
    sizes = {
        name: _n_entries(name, value)
        for name, value in named.items()
        if value is not None
    }
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{size} in {name}" for name, size in sizes.items())
        raise ValueError(
            f"got different lengths ({listed}), expected one entry a document in each; "
            "align them"
        )


def _n_entries(name: str, value: Any) -> int:
    shape = getattr(value, "shape", None)
    if shape:
        return shape[0]
    # An array of no dimension has a __len__ that raises.
    if shape == () or not hasattr(value, "__len__") or isinstance(value, str | bytes):
        raise TypeError(
            f"got {type(value).__name__} as {name}, expected one entry a document; pass "
            "a list or an array"
        )
    return len(value)


def check_labels(name: str, values: Any, n_documents: int) -> np.ndarray:
    """Return one label a document as a 1-D array of str.

    Raises
    ------
    ValueError
        If ``values`` has another length or shape, or a label is missing (its position
        is named).
    TypeError
        If ``values`` has no order, such as a set, or is None or one str.

    """
    if values is None or isinstance(values, str | Set | Mapping):
        raise TypeError(
            f"got {type(values).__name__} as {name} labels, expected one label a "
            "document; pass a list or an array"
        )
    labels = as_objects(values)
    if labels.ndim != 1:
        raise ValueError(
            f"got {name} of shape {labels.shape}, expected one label a document; pass "
            "a 1-D array"
        )
    if len(labels) != n_documents:
        raise ValueError(
            f"got {len(labels)} {name} labels for {n_documents} documents, expected "
            "as many; align the two"
        )
    check_complete(name, labels)
    return labels.astype(str)


def check_complete(name: str, labels: np.ndarray) -> None:
    """Check that no label is missing.

    Raises
    ------
    ValueError
        If one is; its position is named.

    """
    missing = np.argwhere(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"got a missing {name} label at position {missing[0][0]}, expected a label "
            "for every document; drop it"
        )


def as_objects(values: Any) -> np.ndarray:
    """Return a list, Series or array as an object array."""
    if hasattr(values, "to_list"):
        values = values.to_list()
    return np.asarray(values, dtype=object)


def check_space(name: str, X: Any) -> np.ndarray:
    """Return an embedding as a finite float array ``(n_documents, n_dims)``; float16
    becomes float32.

    Raises
    ------
    ValueError
        If it is not a 2-D array of finite numbers; the first bad row is named.

    """
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    array = np.asarray(X)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
        raise ValueError(
            f"got the space {name!r} of shape {array.shape} and type {array.dtype}, "
            "expected numbers of shape (n_documents, n_dims); pass one vector a "
            "document"
        )
    if array.dtype != np.float64:
        array = array.astype(np.float32, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    # A sum that is not finite may also be too large; only then each row is looked at.
    bad = np.array([], int)
    if not np.isfinite(total):
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ValueError(
            f"got NaN or infinity in row {bad[0]} of the space {name!r}, expected "
            "finite numbers; drop the row"
        )
    return array


def check_groups(name: str, values: Any, n_documents: int) -> np.ndarray:
    """Return labels as `check_labels` does, of which there must be at least two
    different ones.

    Raises
    ------
    ValueError
        If all documents have the same label, or the labels do not fit the documents.

    """
    labels = check_labels(name, values, n_documents)
    if (labels == labels[:1]).all():
        raise ValueError(
            f"got one {name} ({', '.join(labels[:1])}), expected at least two; pass "
            f"documents of more {name}s"
        )
    return labels


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Raise unless ``value`` is one of ``choices``; suggests the nearest spelling.

    Raises
    ------
    ValueError
        If it is none of them.

    Examples
    --------
    >>> check_choice("metric", "cosin", ("cosine", "euclidean"))
    Traceback (most recent call last):
    ValueError: got metric='cosin', expected one of ['cosine', 'euclidean']; did you mean 'cosine'?

    """
    if isinstance(value, str) and value in choices:
        return
    nearest = get_close_matches(str(value), choices, n=1)
    advice = f"did you mean {nearest[0]!r}?" if nearest else "pick one"
    raise ValueError(f"got {name}={value!r}, expected one of {list(choices)}; {advice}")


def check_whole_number(
    name: str, value: Any, low: int = 1, high: int | None = None
) -> int:
    """Return ``value`` as an int between ``low`` and ``high``, both included.

    Raises
    ------
    TypeError
        If it is not a whole number.
    ValueError
        If it is out of range.

    """
    expectation = f"a whole number of at least {low}"
    if high is not None:
        expectation = f"a whole number from {low} to {high}"
    message = f"got {name}={value!r}, expected {expectation}; pass one"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(message)
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(message)
    return number


def validate_rows(estimator: Any, X: Any, **options: Any) -> Any:
    """Return what scikit-learn's ``validate_data`` returns; its errors in one sentence.

    Its own message stays in ours without the array that it may print, since
    scikit-learn's checks of estimators look for it. ``y`` is one of the options.

    Raises
    ------
    ValueError
        If ``X`` is no 2-D array of finite numbers, or of another width than at `fit`,
        or ``y`` does not fit it.
    TypeError
        If it is sparse and may not be, or of no type of numbers.

    """
    from sklearn.utils.validation import validate_data

    try:
        return validate_data(estimator, X, **options)
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        # A printed array goes on in indented lines.
        printed = ("array=", "[", " ")
        lines = str(error).strip().splitlines()
        words = [line for line in lines if line and not line.startswith(printed)]
        reason = " ".join(words).rstrip(".")
        names = "X"
        advice = "pass one vector a document"
        if "y" in options:
            names = "X or y"
            advice = "pass one vector and one label a document"
        raise kind(
            f"got {names} that {type(estimator).__name__} cannot take ({reason}), "
            f"expected finite numbers of shape (n_documents, n_dims); {advice}"
        ) from error


def check_sequence(name: str, value: Any) -> None:
    """Raise TypeError unless ``value`` is a list, an array or the like; a str is none."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise TypeError(
            f"got {name}={value!r}, expected a sequence; pass a list or an array"
        )


def check_path(name: str, value: Any) -> Path:
    """Return a path.

    Raises
    ------
    TypeError
        If ``value`` is neither a str nor a path.

    """
    if not isinstance(value, str | PathLike):
        raise TypeError(
            f"got {type(value).__name__} as {name}, expected a path; pass a str or a "
            "Path"
        )
    return Path(value)


def check_table(name: str, value: Any, *columns: str) -> None:
    """Check that ``value`` is a DataFrame with some columns.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    ValueError
        If it lacks a column.

    """
    if not isinstance(value, pd.DataFrame):
        raise TypeError(
            f"got {type(value).__name__} as {name}, expected a DataFrame; pass one"
        )
    missing = [column for column in columns if column not in value]
    if missing:
        raise ValueError(
            f"got {name} without the column {missing[0]!r}, expected "
            f"{list(columns)}; add it"
        )


def check_mapping(name: str, value: Any) -> None:
    """Raise TypeError unless ``value`` is a dict or another mapping by name."""
    if not isinstance(value, Mapping):
        raise TypeError(
            f"got {type(value).__name__} as {name}, expected a dict by name; pass for "
            'example {"original": X}'
        )
