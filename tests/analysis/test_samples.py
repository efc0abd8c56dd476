"""What is measured on a sample where documents are many: clusters are still of all."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, silhouette_score

from embetter_reg.analysis import (
    SharedNeighbors,
    cluster,
    compare_spaces,
    place_among,
    sweep,
)
from embetter_reg.analysis.cluster import _kmeans
from embetter_reg.analysis.compare import read_combination
from embetter_reg.corpus import stratified_sample
from embetter_reg.report import write_report

N = 600


@pytest.fixture(scope="module")
def documents():
    """Vectors by register, with a little of the language, of unequal registers."""
    rng = np.random.default_rng(0)
    register = rng.choice(["NA", "HI", "IN"], size=N, p=[0.6, 0.3, 0.1])
    language = rng.choice(["en", "fi"], size=N)
    centers = np.eye(20)
    X = centers[np.unique(register, return_inverse=True)[1]]
    X = X + 0.3 * centers[5 + (language == "fi")]
    X += rng.normal(scale=0.25, size=X.shape)
    return X.astype(np.float32), {"register": register, "language": language}


@pytest.mark.parametrize("name", ["kmeans", "spherical"])
def test_starts_on_a_sample_lead_to_the_clusters_of_all(documents, name, monkeypatch):
    X, _ = documents
    monkeypatch.setattr(_kmeans, "_GRAM_ROWS", 100)
    whole = cluster(X, name, [3, 8], random_state=0)
    monkeypatch.setattr(_kmeans, "_START_ROWS", 200)
    sampled = cluster(X, name, [3, 8], random_state=0)
    assert adjusted_mutual_info_score(whole[0].labels, sampled[0].labels) > 0.98
    for each, other in zip(sampled, whole, strict=True):
        assert each.inertia == pytest.approx(other.inertia, rel=0.02)
        # It ends where no row would move: every row is at its nearest center.
        if name == "kmeans":
            model = KMeans(len(each.centers), init=each.centers, n_init=1).fit(X)
            assert each.inertia == pytest.approx(model.inertia_, rel=1e-4)
    again = cluster(X, name, 3, random_state=0)
    assert np.array_equal(again.labels, cluster(X, name, 3, random_state=0).labels)


def test_silhouettes_of_a_sweep_are_those_of_its_sample(documents, tmp_path):
    X, gold = documents
    options = {"k": [3], "clusterers": ["kmeans"], "n_seeds": 1, "random_state": 4}
    table = sweep({"X": X}, **gold, **options, sample_size=100, out=tmp_path)
    clusters, _ = read_combination(tmp_path, table["combination"][0])
    labels = clusters["kmeans", 3]
    assert len(labels) == N
    strata = np.char.add(gold["register"].astype(str), gold["language"].astype(str))
    rows = stratified_sample(strata, 100, random_state=4)
    expected = silhouette_score(X[rows], labels[rows])
    assert table["silhouette"][0] == pytest.approx(expected, abs=1e-4)
    assert table["silhouette_documents"][0] == 100
    whole = sweep({"X": X}, **gold, **options)
    ami = adjusted_mutual_info_score(gold["register"], labels)
    assert table["register_ami"][0] == pytest.approx(ami)
    assert whole["register_ami"][0] == pytest.approx(ami)
    assert whole["silhouette"][0] != pytest.approx(expected, abs=1e-4)


def test_a_sweep_tells_what_an_approximate_search_found(documents, monkeypatch):
    X = documents[0][:200]
    gold = {name: labels[:200] for name, labels in documents[1].items()}
    options = {"k": [3], "clusterers": ["kmeans"], "n_jobs": 1}

    def recall(reducer):
        table = sweep({"X": X}, **gold, **options, reducers=[reducer])
        return table["neighbor_recall"].item()

    assert np.isnan(recall("none")) and recall("umap") == 1
    search = SharedNeighbors.find

    def approximate(*arguments, **options):
        return replace(search(*arguments, **options), recall=0.75)

    monkeypatch.setattr(SharedNeighbors, "find", approximate)
    assert recall("umap") == 0.75


@pytest.fixture(scope="module")
def compared(documents):
    X, gold = documents
    options = {"k": [3], "n_seeds": 2, "figures": ["mixing"], "n_bootstrap": 50}
    return {
        size: compare_spaces({"X": X}, **gold, **options, sample_size=size)
        for size in (N, 150)
    }


def test_a_comparison_of_a_sample_is_of_its_documents(documents, compared):
    X, gold = documents
    comparison = compared[150]
    rows = comparison.rows
    assert len(rows) == len(comparison.register) == len(comparison.clusters["X"]) == 150
    assert np.array_equal(comparison.register, gold["register"][rows])
    assert comparison.parameters["n_documents"] == N
    seed = comparison.parameters["seeds"][0]
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    of_all = cluster(X, "kmeans", 3, random_state=seed).labels
    assert np.array_equal(comparison.clusters["X"], of_all[rows])
    shares = np.unique(gold["register"], return_counts=True)[1] / N
    sampled = np.unique(comparison.register, return_counts=True)[1] / 150
    assert np.abs(shares - sampled).max() < 0.02


def test_a_sample_widens_the_interval_and_keeps_the_verdict(compared):
    widths = {}
    for size, comparison in compared.items():
        assert comparison.verdict.word == "register"
        row = comparison.agreement.query("space == 'X' and label == 'register'").iloc[0]
        widths[size] = row["ami_high"] - row["ami_low"]
    assert 1.4 < widths[150] / widths[N] < 3  # the root of 4 is 2
    assert np.array_equal(compared[N].rows, np.arange(N))


def test_swapped_labels_turn_the_verdict_of_a_sample(documents):
    X, gold = documents
    swapped = {"register": gold["language"], "language": gold["register"]}
    options = {"k": [3], "n_seeds": 1, "figures": [], "sample_size": 150}
    assert compare_spaces({"X": X}, **swapped, **options).verdict.word == "language"


def test_hybrids_of_a_sample_are_those_of_its_documents(documents):
    X, gold = documents
    hybrids = [
        [name, "OP"] if n % 3 == 0 else [name]
        for n, name in enumerate(gold["register"])
    ]
    options = {"k": [3], "n_seeds": 1, "figures": [], "controls": []}
    sampled = compare_spaces(
        {"X": X}, **gold, hybrids=hybrids, sample_size=150, **options
    )
    single = sum(row % 3 != 0 for row in sampled.rows)
    counts = sampled.hybrids.set_index("documents")["n_documents"]
    assert set(counts["with hybrids"]) == {150}
    assert set(counts["without hybrids"]) == {single}


@pytest.mark.usefixtures("quick_pictures")
def test_the_report_states_the_sample(documents, compared, tmp_path):
    X, _ = documents
    page = write_report(compared[150], {"X": X}, out=tmp_path).read_text("utf-8")
    assert "600, all of them clustered, and measured on a sample of 150" in page
    page = write_report(compared[N], {"X": X}, out=tmp_path).read_text("utf-8")
    assert "measured on a sample" not in page


@pytest.mark.parametrize("size", [0, 1.5, "all"])
def test_no_sample_size_is_refused(documents, size):
    X, gold = documents
    for measure in (compare_spaces, sweep):
        with pytest.raises((ValueError, TypeError), match="sample_size"):
            measure({"X": X}, **gold, sample_size=size)


def test_a_sample_without_a_register_of_a_language_is_refused(documents):
    X, gold = documents
    n_pairs = len(set(zip(*gold.values(), strict=True)))
    options = {"k": [2], "n_seeds": 1}
    for size in (1, n_pairs):
        for measure in (compare_spaces, sweep):
            with pytest.raises(ValueError, match=f"more than their {n_pairs} pairs of"):
                measure({"X": X}, **gold, **options, sample_size=size)
    few = {"figures": [], "n_bootstrap": 10, "n_null": 2, "controls": []}
    compared = compare_spaces(
        {"X": X}, **gold, **options, **few, sample_size=n_pairs + 1
    )
    assert len(compared.rows) == n_pairs + 1


def test_documents_are_placed_among_their_nearest():
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(60, 4)))
    rows = np.arange(0, 60, 2)
    places = rng.normal(size=(30, 2)).astype(np.float32)
    found = place_among(X, rows, places)
    assert np.array_equal(found[rows], places)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    for row in (1, 31, 59):
        distances = 1 - unit[rows] @ unit[row]
        nearest = np.argsort(distances)[:5]
        weights = 1 / distances[nearest]
        expected = weights @ places[nearest] / weights.sum()
        assert found[row] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("rows", "n_places", "message"),
    [
        ([], 0, "the space 'places' of shape"),
        ([0, 1], 3, "expected the number of a document for each place"),
        ([0.0, 1.0], 2, "type float64"),
        ([0, 9], 2, "got rows from 0 to 9, expected some of the 9 documents"),
        ([-1, 0], 2, "got rows from -1 to 0"),
    ],
)
def test_places_that_are_not_those_of_documents(rows, n_places, message):
    with pytest.raises(ValueError, match=message):
        place_among(np.eye(9), rows, np.ones((n_places, 2)))


def test_a_reducer_of_a_sweep_lays_out_the_sample(documents):
    X, gold = documents
    options = {"k": [3], "clusterers": ["kmeans"], "n_seeds": 1, "reducers": ["pca"]}
    sampled = sweep({"X": X}, **gold, **options, sample_size=200)
    whole = sweep({"X": X}, **gold, **options)
    assert sampled["register_ami"][0] == pytest.approx(
        whole["register_ami"][0], abs=0.1
    )
    assert sampled["register_ami"][0] > 0.5 > sampled["language_ami"][0]
