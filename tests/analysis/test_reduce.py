import numpy as np
import pytest

from embetter_reg.analysis import make_reducer


@pytest.mark.parametrize("name", ["pca", "umap"])
def test_a_seed_repeats_and_planted_groups_stay_apart(name, planted):
    X = planted["by_register"]
    first = make_reducer(name, random_state=3).fit_transform(X)
    np.testing.assert_allclose(first, make_reducer(name, random_state=3).fit_transform(X), atol=1e-6)
    assert first.shape == (240, 2)
    means = [first[planted["register"] == name].mean(axis=0) for name in ("NA", "IN", "OP", "HI")]
    spread = np.mean([first[planted["register"] == name].std() for name in ("NA", "IN", "OP", "HI")])
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i]]
    assert max(gaps) > spread


def test_unknown_reducer():
    with pytest.raises(ValueError, match="got the reducer 'tsnee', expected one of"):
        make_reducer("tsnee")
