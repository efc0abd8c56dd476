"""Take the texts out of a table or of dictionaries, as the first step of a pipeline."""

from typing import Any, Self

from sklearn.base import BaseEstimator, TransformerMixin


class _Grabber(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    def __init__(self, colname: str):
        self.colname = colname

    def fit(self, X: Any, y: Any = None) -> Self:
        """Do nothing: there is nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        return tags


class ColumnGrabber(_Grabber):
    """Take one column of a pandas or polars table as a list.

    Parameters
    ----------
    colname : str
        The column.

    Raises
    ------
    ValueError
        If there is no such column, or more than one.

    Examples
    --------
    >>> import pandas as pd
    >>> from embetter_reg.grab import ColumnGrabber
    >>> table = pd.DataFrame({"text": ["a cat", "a law"], "lang": ["en", "en"]})
    >>> ColumnGrabber("text").transform(table)
    ['a cat', 'a law']

    """

    def transform(self, X: Any) -> list[Any]:
        """Return the column of table ``X`` as a list."""
        if not hasattr(X, "columns"):
            raise TypeError(
                f"got {type(X).__name__}, expected a table with a column "
                f"{self.colname!r}; pass a DataFrame"
            )
        n_columns = list(X.columns).count(self.colname)
        if n_columns > 1:
            raise ValueError(
                f"got {n_columns} columns {self.colname!r}, expected one; rename the "
                "others"
            )
        if n_columns == 0:
            raise ValueError(
                f"got columns {list(X.columns)}, expected {self.colname!r} among "
                "them; rename or pick another"
            )
        return X[self.colname].to_list()


class KeyGrabber(_Grabber):
    """Take one key of many dictionaries as a list, or of one dictionary as it is.

    Parameters
    ----------
    colname : str
        The key.

    Raises
    ------
    ValueError
        If a dictionary has no such key; its position is named.

    Examples
    --------
    >>> from embetter_reg.grab import KeyGrabber
    >>> KeyGrabber("text").transform(iter([{"text": "a cat"}, {"text": "a law"}]))
    ['a cat', 'a law']

    """

    def transform(self, X: Any) -> Any:
        """Return the key of each dictionary of the list or stream ``X``."""
        if not hasattr(X, "__iter__"):
            raise TypeError(
                f"got {type(X).__name__}, expected a list of dictionaries; pass one"
            )
        if isinstance(X, dict):
            return self._value(X, "")
        return [
            self._value(item, f" at position {position}")
            for position, item in enumerate(X)
        ]

    def _value(self, item: Any, where: str) -> Any:
        if not isinstance(item, dict):
            raise TypeError(
                f"got {type(item).__name__}{where}, expected a dictionary; pass "
                "dictionaries"
            )
        if self.colname not in item:
            raise ValueError(
                f"got the keys {list(item)}{where}, expected {self.colname!r} among "
                "them; correct the data"
            )
        return item[self.colname]
