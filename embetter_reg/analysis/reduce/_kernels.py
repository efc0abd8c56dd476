"""Compiled functions of umap-learn, kept on disk from one process to the next."""

from functools import cache

_NAMES = {
    "umap_": (
        "smooth_knn_dist",
        "compute_membership_strengths",
        "init_transform",
        "fast_intersection",
    ),
    "utils": ("fast_knn_indices", "submatrix"),
    "layouts": ("_nb_optimize_layout_euclidean_single_epoch",),
}


@cache
def keep_kernels() -> None:
    """Let numba keep umap-learn's functions on disk, as it keeps those of this package.

    umap-learn compiles them anew in every process, which takes longer than the map of
    some thousand documents. Functions that take functions are left out, since numba
    never finds them again, and so is the layout on several cores, which numba would
    take for the one on one core: both are compiled from the same lines.
    """
    from umap import layouts, umap_, utils

    modules = {"umap_": umap_, "utils": utils, "layouts": layouts}
    for module, names in _NAMES.items():
        for name in names:
            getattr(modules[module], name).enable_caching()
