import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from embetter_reg._files import process_runs
from embetter_reg.analysis import (
    agreements,
    average,
    best_k,
    read_combination,
    read_sweeps,
    silhouettes,
    sweep,
)
from embetter_reg.analysis.compare import _sweep as module
from embetter_reg.analysis.compare._checks import choose_ks

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
    run, done = module.run, []

    def dies(each, *more):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(each.name)
        return run(each, *more)

    monkeypatch.setattr(module, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        sweep(spaces, **options, out=tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) == 2

    def goes_on(each, *more):
        assert each.name not in done[:2]
        return run(each, *more)

    monkeypatch.setattr(module, "run", goes_on)
    pd.testing.assert_frame_equal(sweep(spaces, **options, out=tmp_path), whole)
    monkeypatch.setattr(module, "run", dies)  # nothing is left to do
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


def test_default_k():
    counts = {"register": 9, "language": 4}
    assert choose_ks(None, range(2, 34), counts, 2400) == [*range(2, 34), 36]
    few = {"register": 3, "language": 2}
    assert choose_ks(None, range(2, 34), few, 30) == list(range(2, 11))


def test_one_language_is_swept(spaces, gold):
    table = sweep(spaces, register=gold["register"], language=["en"] * 240, k=[4])
    assert set(table["n_languages"]) == {1}
    np.testing.assert_allclose(table["language_ami"], 0, atol=1e-9)


def test_drafts_of_a_killed_sweep_are_removed(spaces, gold, tmp_path):
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    stale = tmp_path / f".a.npz.{finished.pid}-1.tmp"
    live = tmp_path / f".b.npz.{os.getppid()}-1.tmp"
    for draft in (stale, live):
        draft.write_text("half")
    sweep(spaces, **gold, k=[2], clusterers="kmeans", out=tmp_path)
    assert not stale.exists() and live.exists()


@pytest.mark.skipif(os.name != "posix", reason="signals are posix's")
def test_workers_end_with_a_killed_parent(tmp_path):
    code = f"""
import os, time
from pathlib import Path
from joblib import Parallel, delayed

def work(parent, n):
    from embetter_reg.analysis.compare._combination import _end_with
    _end_with(parent)
    Path({str(tmp_path)!r}, str(os.getpid())).touch()
    time.sleep(300)

Parallel(2)(delayed(work)(os.getpid(), n) for n in range(2))
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    workers = wait_for(lambda: list(tmp_path.iterdir()), 60)
    parent.kill()
    parent.wait()
    assert workers and wait_for(
        lambda: not any(process_runs(int(path.name)) for path in tmp_path.iterdir()), 30
    )


def wait_for(condition, seconds):
    """Return what a condition gives once that is true, or at the end."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {}}, "got no named spaces"),
        ({"spaces": None}, "got no named spaces"),
        ({"spaces": {"a": None}}, "got the space 'a' of shape"),
        ({"spaces": {"a": [[np.nan, 1.0]] * 240}}, "got NaN or infinity in row 0"),
        ({"register": None}, "got NoneType as register labels"),
        ({"language": [None] * 240}, "got a missing language label at position 0"),
        ({"k": 2.5}, "got k=2.5, expected a whole number"),
        ({"k": []}, r"got k=\[\]"),
        ({"clusterers": "kmean"}, "did you mean 'kmeans'"),
        ({"clusterers": None}, "got clusterers=None"),
        ({"reducers": []}, r"got reducers=\[\]"),
        ({"n_components": 0}, "got n_components=0"),
        ({"n_components": []}, r"got n_components=\[\]"),
        ({"n_init": None}, "got n_init=None"),
        ({"random_state": None}, "got random_state=None"),
        ({"n_jobs": 0}, "got n_jobs=0"),
        (
            {"spaces": {"a": np.ones((3, 2)), "b": np.ones((4, 2))}},
            "expected the same documents",
        ),
        ({"register": ["NA"]}, "got 1 register labels for 240"),
        ({"k": [1, 2]}, r"got k=\[1, 2\]"),
        ({"k": [240]}, r"got k=\[240\]"),
        ({"clusterers": ["dbscan"]}, "got clusterers="),
        ({"reducers": ["magic"]}, "got reducer='magic'"),
        ({"n_seeds": 0}, "got n_seeds=0"),
    ],
)
def test_bad_input(spaces, gold, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sweep(**{"spaces": spaces, **gold, "k": KS, **change})


def test_a_file_as_folder_is_refused_before_the_first_clustering(
    spaces, gold, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "run", None)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="is not a folder"):
        sweep(spaces, **gold, k=KS, out=tmp_path / "file")


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (average, None, "got NoneType as runs"),
        (average, [], "got no runs"),
        (average, [None], "got NoneType, expected a table of sweep"),
        (average, pd.DataFrame({"space": ["X"]}), "got a table without clusterer"),
        (best_k, None, "got NoneType, expected one of average"),
        (best_k, pd.DataFrame({"space": ["X"]}), "expected one of average"),
        (read_sweeps, None, "got None as a folder"),
        (read_sweeps, [], "got no folders"),
        (read_sweeps, ["nowhere"], "expected a sweep"),
        (lambda name: read_combination("nowhere", name), "x", "expected a combination"),
    ],
)
def test_bad_tables(function, argument, message):
    with pytest.raises((ValueError, TypeError, OSError), match=message):
        function(argument)


def test_a_damaged_table_is_named(tmp_path):
    (tmp_path / "sweep.parquet").write_text("not Parquet")
    with pytest.raises(ValueError, match="which is no Parquet file"):
        read_sweeps([tmp_path])
