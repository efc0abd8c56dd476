"""Reducers by name, each a scikit-learn transformer."""

from functools import partial
from inspect import signature

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from embetter_reg.analysis.reduce._lda import LDA
from embetter_reg.analysis.reduce._pacmap import PaCMAP
from embetter_reg.analysis.reduce._trimap import TriMap
from embetter_reg.analysis.reduce._tsne import TSNE
from embetter_reg.analysis.reduce._umap import UMAP

REDUCERS = {
    "pca": PCA,
    "tsne": TSNE,
    "umap": UMAP,
    "supervised_umap": partial(UMAP, supervised=True),
    "trimap": TriMap,
    "pacmap": PaCMAP,
    "lda": LDA,
}
BEFORE = ("scale", "normalize", "pca")


def make_reducer(
    name: str,
    n_components: int = 2,
    random_state=None,
    *,
    before=None,
    n_before: int = 50,
    **options,
):
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
    before : {None, "scale", "normalize", "pca"}
        First bring every dimension to mean 0 and variance 1, or every row to unit
        length, or reduce by PCA. The result is then a pipeline of the steps ``before``
        and ``reduce``.
    n_before : int
        Dimensions that ``before="pca"`` keeps.
    **options
        Arguments of the reducer, or of the library that it calls.

    Raises
    ------
    ValueError
        If there is no reducer or first step of that name.
    ImportError
        When fitted, if the extra is not installed; it names the pip line.

    Examples
    --------
    >>> from embetter_reg.analysis import make_reducer
    >>> make_reducer("umap", n_components=5, random_state=0, min_dist=0, spread=2)
    UMAP(min_dist=0, n_components=5, options={'spread': 2}, random_state=0)
    >>> make_reducer("pca", 3, before="scale")
    Pipeline(steps=[('before', StandardScaler()), ('reduce', PCA(n_components=3))])

    """
    if name not in REDUCERS:
        raise ValueError(
            f"got the reducer {name!r}, expected one of {list(REDUCERS)}; pick one"
        )
    make = REDUCERS[name]
    known = signature(make).parameters
    arguments = {"n_components": n_components, "random_state": random_state, **options}
    if "random_state" not in known:
        del arguments["random_state"]
    if "options" in known:
        rest = {key: arguments.pop(key) for key in options.keys() - known.keys()}
        arguments["options"] = {**(options.get("options") or {}), **rest} or None
    reducer = make(**arguments)
    if before is None:
        return reducer
    if before not in BEFORE:
        raise ValueError(
            f"got before={before!r}, expected None or one of {list(BEFORE)}; pick one"
        )
    first = {
        "scale": StandardScaler(),
        "normalize": Normalizer(),
        "pca": PCA(n_components=n_before, random_state=random_state),
    }[before]
    return Pipeline([("before", first), ("reduce", reducer)])
