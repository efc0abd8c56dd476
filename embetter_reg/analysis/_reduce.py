"""Reducers by name, each a scikit-learn transformer."""

from sklearn.decomposition import PCA

from embetter_reg._random import draw_seed

REDUCERS = ("pca", "umap")


def make_reducer(name: str, n_components: int = 2, random_state=None, **options):
    """Return the reducer called ``name`` with its own ``options``.

    ``"pca"``: `transform` of the training rows equals `fit_transform` up to rounding.
    ``"umap"``: it does not (new rows are placed among the fitted ones); cosine metric by default. With a
    seed both repeat exactly, and UMAP then runs on one core.

    Raises
    ------
    ValueError
        If there is no reducer of that name.

    Examples
    --------
    >>> from embetter_reg.analysis import make_reducer
    >>> make_reducer("pca", n_components=3, random_state=0)
    PCA(n_components=3, random_state=0)

    """
    if name == "pca":
        return PCA(n_components=n_components, random_state=random_state, **options)
    if name == "umap":
        from umap import UMAP

        seed = None if random_state is None else draw_seed(random_state)
        options = {"metric": "cosine", "n_jobs": -1 if seed is None else 1, **options}
        return UMAP(n_components=n_components, random_state=seed, **options)
    raise ValueError(f"got the reducer {name!r}, expected one of {list(REDUCERS)}; pick one")
