import numpy as np
import pandas as pd
import pytest

from embetter_reg.analysis import (
    agreements,
    average,
    best_k,
    read_combination,
    silhouettes,
    sweep,
)
from embetter_reg.analysis.compare import _sweep as module

KS = [2, 3, 4, 6]


@pytest.fixture
def spaces(planted):
    return {"original": planted["by_language"], "tuned": planted["by_register"]}


@pytest.fixture
def gold(planted):
    return {"register": planted["register"], "language": planted["language"]}


def test_figures_are_those_of_the_clusters(spaces, gold, tmp_path):
    found = sweep(
        spaces, **gold, reducers=["none", "pca"], k=KS, n_seeds=2, out=tmp_path
    )
    assert len(found) == 2 * 2 * 2 * len(KS) * 2
    assert set(found.query("reducer == 'none'")["n_components"]) == {12}
    for name, rows in found.groupby("combination"):
        clusters, points = read_combination(tmp_path, name)
        assert (points is not None) == (rows["reducer"].iloc[0] == "pca")
        for row in rows.to_dict("records"):
            labels = clusters[row["clusterer"], row["k"]]
            assert row["n_clusters"] == len(set(labels)) == row["k"]
            for label, values in gold.items():
                figures = agreements(values, [labels]).iloc[0]
                assert (
                    row[f"{label}_ami"] == figures["ami"]
                    and row[f"{label}_ari"] == figures["ari"]
                )
            X = spaces[row["space"]] if points is None else points
            assert row["silhouette"] == pytest.approx(
                silhouettes(X, [labels], metric=row["metric"])[0], abs=1e-6
            )
    assert set(found.groupby("clusterer")["metric"].first().items()) == {
        ("kmeans", "euclidean"),
        ("spherical", "cosine"),
    }


def test_planted_truth_and_swapped_labels(spaces, gold):
    averaged = average(sweep(spaces, **gold, k=KS, n_seeds=3))
    best = best_k(averaged).set_index(["space", "clusterer", "figure"])
    for clusterer in ("kmeans", "spherical"):
        assert best.loc[
            ("tuned", clusterer, "register_ami"), ["k", "explains"]
        ].tolist() == [4, "register"]
        assert best.loc[("tuned", clusterer, "silhouette"), "k"] == 4
        assert best.loc[
            ("original", clusterer, "silhouette"), ["k", "explains"]
        ].tolist() == [3, "language"]
    swapped = average(
        sweep(
            spaces,
            register=gold["language"],
            language=gold["register"],
            k=KS,
            n_seeds=3,
        )
    )
    turned = averaged["explains"].map(
        {"register": "language", "language": "register", "undecided": "undecided"}
    )
    assert (
        swapped["explains"].tolist() == turned.tolist() != averaged["explains"].tolist()
    )
    np.testing.assert_allclose(swapped["register_ami"], averaged["language_ami"])
    with pytest.raises(TypeError):
        sweep(spaces, gold["register"], gold["language"])


def test_a_seed_repeats_whatever_the_cores(spaces, gold):
    one, two = (
        sweep(spaces, **gold, k=KS, random_state=5, n_jobs=n_jobs) for n_jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two)


def test_a_killed_sweep_goes_on(spaces, gold, tmp_path, monkeypatch):
    options = {**gold, "reducers": ["none", "pca"], "k": KS, "n_jobs": 1}
    whole = sweep(spaces, **options)
    run, done = module._run, []

    def dies(each, *more):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(each.name)
        return run(each, *more)

    monkeypatch.setattr(module, "_run", dies)
    with pytest.raises(KeyboardInterrupt):
        sweep(spaces, **options, out=tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) == 2

    def goes_on(each, *more):
        assert each.name not in done[:2]
        return run(each, *more)

    monkeypatch.setattr(module, "_run", goes_on)
    pd.testing.assert_frame_equal(sweep(spaces, **options, out=tmp_path), whole)
    monkeypatch.setattr(module, "_run", dies)  # nothing is left to do
    pd.testing.assert_frame_equal(sweep(spaces, **options, out=tmp_path), whole)
    with pytest.raises(KeyboardInterrupt):  # other settings are other combinations
        sweep(spaces, **{**options, "k": [5]}, out=tmp_path)


def test_mixtures(spaces, gold):
    found = sweep(
        spaces, **gold, k=[4], clusterers=["gaussian", "kmeans"], reducers=["pca"]
    )
    rows = found.query("space == 'tuned' and k == 4").set_index("clusterer")
    assert (rows["register_ami"] > 0.6).all() and (rows["n_clusters"] <= 4).all()
    assert (
        np.isnan(rows.loc["gaussian", "inertia"]) and rows.loc["kmeans", "inertia"] > 0
    )


def test_averages_over_runs(spaces, gold):
    runs = [
        sweep(spaces, **gold, k=KS, random_state=seed, n_init=1) for seed in (0, 1, 2)
    ]
    averaged = average(runs).set_index(["space", "clusterer", "k"])
    values = [
        run.set_index(["space", "clusterer", "k"])["language_ami"] for run in runs
    ]
    np.testing.assert_allclose(averaged["language_ami"], np.mean(values, axis=0))
    np.testing.assert_allclose(
        averaged["language_ami_sd"], np.std(values, axis=0, ddof=1), atol=1e-12
    )
    assert set(averaged["n_runs"]) == {3}
    pd.testing.assert_frame_equal(average(runs), average(pd.concat(runs)))
    assert average(runs[0])["silhouette_sd"].isna().all()


def test_default_k(gold):
    assert module._choose_k(None, {"register": 9, "language": 4}, 2400) == [
        *range(2, 34),
        36,
    ]
    assert module._choose_k(None, {"register": 3, "language": 2}, 30) == list(
        range(2, 11)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {}}, "got no named spaces"),
        (
            {"spaces": {"a": np.ones((3, 2)), "b": np.ones((4, 2))}},
            "expected the same documents",
        ),
        ({"register": ["NA"]}, "got 1 register labels for 240"),
        ({"k": [1, 2]}, r"got k=\[1, 2\]"),
        ({"k": [240]}, r"got k=\[240\]"),
        ({"clusterers": ["dbscan"]}, "got clusterers="),
        ({"reducers": ["magic"]}, "got the reducer 'magic'"),
        ({"n_seeds": 0}, "expected at least"),
    ],
)
def test_bad_input(spaces, gold, change, message):
    with pytest.raises(ValueError, match=message):
        sweep(**{"spaces": spaces, **gold, "k": KS, **change})
    with pytest.raises(ValueError, match="got a run without"):
        average(pd.DataFrame({"space": ["X"]}))
    with pytest.raises(ValueError, match="expected one of average"):
        best_k(pd.DataFrame({"space": ["X"]}))
    with pytest.raises(FileNotFoundError, match="expected a combination"):
        read_combination("nowhere", "nothing")
