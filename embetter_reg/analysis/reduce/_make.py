"""Reducers by name, each a scikit-learn transformer."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from embetter_reg._random import RandomStateLike
from embetter_reg._validation import check_choice, check_whole_number
from embetter_reg.analysis.reduce._lda import LDA
from embetter_reg.analysis.reduce._options import check_options
from embetter_reg.analysis.reduce._pacmap import PaCMAP
from embetter_reg.analysis.reduce._trimap import TriMap
from embetter_reg.analysis.reduce._tsne import TSNE
from embetter_reg.analysis.reduce._umap import UMAP

REDUCERS: dict[str, Callable[..., Any]] = {
    "pca": PCA,
    "tsne": TSNE,
    "umap": UMAP,
    "supervised_umap": partial(UMAP, supervised=True),
    "trimap": TriMap,
    "pacmap": PaCMAP,
    "lda": LDA,
}
FIRST_STEPS = ("scale", "normalize", "pca")


def make_reducer(
    name: str,
    n_components: int = 2,
    random_state: RandomStateLike = None,
    *,
    first: str | None = None,
    n_first: int = 50,
    **options: Any,
) -> Any:
    """Return the reducer called ``name``, alone or after a first step.

    | name | uses labels | extra | `transform` of the training rows equals `fit_transform` | a seed repeats |
    |---|---|---|---|---|
    | `pca` | no | | yes, up to rounding | yes |
    | `lda` | yes | | yes, up to rounding | nothing is random |
    | `umap` | no | | of the whole array only | yes, on one core |
    | `supervised_umap` | yes | | of the whole array only | yes, on one core |
    | `tsne` | no | `reducers` | no, near | yes |
    | `pacmap` | no | `reducers` | no, some far | yes |
    | `trimap` | no | `reducers` | there is no `transform` | yes, on the CPU |

    Labels may be missing (None, NaN or -1) for some documents. A first step changes
    none of this, but for one thing: PCA's own `transform` may differ by rounding, and
    UMAP then places the whole array anew.

    Parameters
    ----------
    name : str
        One of the above.
    n_components : int
        Dimensions of the result.
    random_state : int, RandomState or None
    first : {None, "scale", "normalize", "pca"}
        First bring every dimension to mean 0 and variance 1, or every row to unit
        length, or reduce by PCA. The result is then a pipeline of the steps ``first``
        and ``reduce``.
    n_first : int
        Dimensions that ``first="pca"`` keeps.
    **options
        Arguments of the reducer, or of the library that it calls.

    Raises
    ------
    ValueError
        If there is no reducer or first step of that name, or a number is out of range.
    TypeError
        If a number is not a whole number, or an option is unknown; options of a library
        are checked when fitted.
    ImportError
        When fitted, if the extra is not installed; it names the pip line.

    Examples
    --------
    >>> from embetter_reg.analysis import make_reducer
    >>> make_reducer("umap", n_components=5, random_state=0, min_dist=0, spread=2)
    UMAP(min_dist=0, n_components=5, options={'spread': 2}, random_state=0)
    >>> make_reducer("pca", 3, first="scale")
    Pipeline(steps=[('first', StandardScaler()), ('reduce', PCA(n_components=3))])

    """  # noqa: E501
    check_choice("reducer", name, REDUCERS)
    check_whole_number("n_components", n_components)
    if first is not None:
        check_choice("first", first, FIRST_STEPS)
    check_whole_number("n_first", n_first)
    make = REDUCERS[name]
    parameters = signature(make).parameters
    arguments: dict[str, Any] = {"n_components": n_components, **options}
    if "random_state" in parameters:
        arguments["random_state"] = random_state
    if "options" in parameters:
        # What our class does not know goes to the library behind it.
        rest = {key: arguments.pop(key) for key in options if key not in parameters}
        arguments["options"] = {**(options.get("options") or {}), **rest} or None
    else:
        check_options(name, options, make)
    reducer = make(**arguments)
    if first is None:
        return reducer
    steps = {
        "scale": StandardScaler(),
        "normalize": Normalizer(),
        "pca": PCA(n_components=n_first, random_state=random_state),
    }
    return Pipeline([("first", steps[first]), ("reduce", reducer)])


def neighbor_recall(reducer: Any) -> float:
    """Return the share of the true nearest neighbors that the search of a fitted
    reducer, or of the last step of a pipeline, found; NaN where it is not known.
    """
    last = reducer
    if isinstance(reducer, Pipeline):
        last = reducer[-1]
    return float(getattr(last, "neighbor_recall_", np.nan))
