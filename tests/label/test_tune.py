import multiprocessing
import shutil
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from embetter_reg.finetune import heads
from embetter_reg.label import LinearTuner, Session, held_out_agreement, tune_round
from embetter_reg.label._job import run
from embetter_reg.label._tune import (
    HEADS,
    Agreement,
    check_head,
    find_clusters,
    is_held_out,
)


@pytest.fixture(scope="module")
def labeled(gold):
    names = sorted(set(gold))
    targets = np.eye(len(names), dtype=int)[[names.index(name) for name in gold]]
    rows = np.random.default_rng(0).permutation(len(gold))[:240]
    return rows, targets[rows]


@pytest.fixture(scope="module")
def held(labeled, documents):
    return np.array([is_held_out(documents["id"][row]) for row in labeled[0]])


@pytest.fixture(scope="module")
def tuned(space, labeled, held, documents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    told = []
    figures = tune_round(
        space,
        *labeled,
        held,
        folder,
        before=space,
        places=documents[["x", "y"]].to_numpy(),
        reducer="pca",
        callback=lambda *what: told.append(what),
    )
    return folder, figures, told


def test_one_document_in_five_is_held_out_by_its_id():
    shares = [is_held_out(f"document {n}") for n in range(5000)]
    assert 0.18 < np.mean(shares) < 0.22
    assert shares == [is_held_out(f"document {n}") for n in range(5000)]


def test_agreement_agrees_with_scikit_learn(space, labeled, held):
    rows, targets = labeled
    y = targets.argmax(axis=1)
    figures = held_out_agreement(space, space[:, :8], rows, targets, held)
    for X, found in ((space, figures.before), (space[:, :8], figures.after)):
        oracle = KNeighborsClassifier(
            10, metric="cosine", weights=lambda d: np.maximum(1 - d, 1e-6)
        )
        assert found == pytest.approx(
            oracle.fit(X[rows[~held]], y[~held]).score(X[rows[held]], y[held])
        )
    assert (
        figures.n == held.sum()
        and figures.low <= figures.after - figures.before <= figures.high
    )
    assert figures == held_out_agreement(space, space[:, :8], rows, targets, held)


def test_half_a_hybrid_counts_half():
    space, targets = np.ones((4, 2)), np.array([[1, 0], [1, 0], [1, 1], [1, 1]])
    assert (
        held_out_agreement(
            space, space, np.arange(4), targets, np.array([0, 0, 1, 1], bool)
        ).after
        == 0.5
    )


def test_with_nothing_held_out_nothing_is_said(space, labeled):
    figures = held_out_agreement(space, space, *labeled, np.zeros(240, bool))
    assert figures.n == 0 and "nothing can be said" in figures.sentence()


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "rose"), (-0.3, -0.1, "fell"), (-0.1, 0.2, "no more than chance")],
)
def test_the_sentence_says_no_more_than_the_interval(low, high, word):
    sentence = Agreement(0.5, 0.6, low, high, 100).sentence()
    assert word in sentence and "100 documents" in sentence and "few" not in sentence
    assert "few" in Agreement(0.5, 0.6, low, high, 12).sentence()


def test_a_round_learns_and_says_so(tuned, space, gold, labeled):
    folder, figures, _ = tuned
    agreement = Agreement(**figures["agreement"])
    assert agreement.low > 0 and agreement.after > agreement.before + 0.1
    others = np.setdiff1d(np.arange(480), labeled[0])
    tuned_space = np.load(folder / "space.npy")
    accuracy = {
        name: KNeighborsClassifier(10)
        .fit(X[labeled[0]], np.array(gold)[labeled[0]])
        .score(X[others], np.array(gold)[others])
        for name, X in {"original": space, "tuned": tuned_space}.items()
    }
    assert accuracy["tuned"] > accuracy["original"] + 0.1


def test_a_round_keeps_its_head_which_gives_its_space(tuned, space):
    folder, figures, _ = tuned
    assert np.allclose(
        LinearTuner.load(folder).transform(space),
        np.load(folder / "space.npy"),
        atol=1e-3,
    )
    assert np.load(folder / "map.npy").shape == (480, 2)
    assert figures["n_fitted"] + figures["n_held_out"] == 240


def test_no_held_out_label_trains_a_head(
    tuned, space, labeled, held, documents, tmp_path
):
    rows, targets = labeled
    shuffled = targets.copy()
    shuffled[held] = np.roll(targets[held], 1, axis=1)
    tune_round(
        space,
        rows,
        shuffled,
        held,
        tmp_path,
        before=space,
        places=np.zeros((480, 2)),
        reducer="pca",
    )
    assert np.array_equal(
        np.load(tmp_path / "space.npy"), np.load(tuned[0] / "space.npy")
    )


def test_progress_is_told(tuned):
    _, _, told = tuned
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert told[0][0].startswith("tuning on ") and "drawing the map" in [
        what for what, _ in told
    ]


def test_hybrids_are_tuned_on_an_indicator_matrix(space, labeled, held, tmp_path):
    rows, targets = labeled
    hybrid = targets.copy()
    hybrid[:60, 0] = 1
    figures = tune_round(
        space,
        rows,
        hybrid,
        held,
        tmp_path,
        before=space,
        places=space[:, :2],
        reducer="pca",
    )
    assert 0 < figures["agreement"]["after"] <= 1


def test_one_label_is_too_few(space, labeled, held, tmp_path):
    rows, targets = labeled
    alone = np.zeros_like(targets)
    alone[:, 0] = 1
    with pytest.raises(ValueError, match="with 1 label, expected at least two"):
        tune_round(
            space, rows, alone, held, tmp_path, before=space, places=space[:, :2]
        )


@pytest.mark.parametrize("head", ["feedforward", "contrastive"])
def test_other_heads_tune_too(space, labeled, held, tmp_path, head):
    figures = tune_round(
        space,
        *labeled,
        held,
        tmp_path,
        before=space,
        places=space[:, :2],
        reducer="pca",
        head=head,
    )
    assert Agreement(**figures["agreement"]).low > 0
    assert np.load(tmp_path / "space.npy").shape == (480, 50)


def test_the_linear_head_is_a_logistic_regression_beside_the_space(
    space, gold, tmp_path
):
    head = LinearTuner(weight=0.5).fit(space[:300], gold[:300])
    unit = space / np.linalg.norm(space, axis=1, keepdims=True)
    oracle = LogisticRegression(C=10, class_weight="balanced", max_iter=2000).fit(
        unit[:300], gold[:300]
    )
    scores = oracle.decision_function(unit)
    scores = 0.5 * scores / np.linalg.norm(scores, axis=1, keepdims=True)
    assert np.allclose(head.transform(space), np.hstack([unit, scores]), atol=1e-4)
    assert head.classes_.tolist() == oracle.classes_.tolist()
    head.save(tmp_path)
    again = LinearTuner.load(tmp_path)
    assert np.array_equal(again.transform(space), head.transform(space))
    assert list(again.classes_) == list(head.classes_) and again.weight == 0.5


def test_the_linear_head_takes_hybrids_and_leaves_out_a_label_that_all_have(
    space, gold
):
    several = np.array(
        [[name in ("NA", "IN"), name in ("IN", "OP"), True] for name in gold], dtype=int
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = LinearTuner().fit(space, several)
    assert head.transform(space).shape == (
        480,
        18,
    ) and head.get_feature_names_out().shape == (18,)
    with pytest.raises(ValueError, match="got 1 class"):
        LinearTuner().fit(space, ["NA"] * 480)


def test_heads_by_name():
    assert set(HEADS) == set(heads.HEADS)
    with pytest.raises(ValueError, match="got the head"):
        check_head("neck")


def test_clusters_of_one_document_a_cluster():
    assert sorted(find_clusters(np.eye(3), 8).tolist()) == [0, 1, 2]


def wait_for(work, seconds=90):
    import time

    end = time.monotonic() + seconds
    while work.job is not None and time.monotonic() < end:
        if found := work.poll_tuning():
            return found
        time.sleep(0.05)
    return None


def test_rounds_run_in_the_background_and_are_kept(make_work, gold):
    work, elsewhere = make_work(), make_work()
    for name in sorted(set(gold)):
        work.log.apply(
            [i for i, label in zip(work.ids, gold, strict=True) if label == name][:30],
            [name],
            by="ann",
        )
    work.start_tuning("ann")
    with pytest.raises(ValueError, match="one at a time"):
        work.start_tuning("bo")
    first = wait_for(work)
    assert first is not None, work.news
    assert (
        first.number == 1
        and first.X.shape == (480, 24)
        and "Held-out agreement" in work.news
    )
    assert np.linalg.norm(first.places - work.rounds[0].places, axis=1).mean() < np.ptp(
        work.rounds[0].places
    )
    assert [event.round for event in work.log.state.tunings] == [1]
    assert not list(work.folder.glob(".tuning-*"))
    assert (
        elsewhere.log.refresh()
        and elsewhere.load_rounds()
        and sorted(elsewhere.rounds) == [0, 1]
    )
    session = Session(work, "ann")
    assert session.number == 1
    session.show_round(0)
    with pytest.raises(ValueError, match="got round 7"):
        session.show_round(7)

    again = make_work()
    assert sorted(again.rounds) == [0, 1]
    assert np.array_equal(again.rounds[1].places, first.places)
    assert again.rounds[1].agreement == first.agreement
    other = make_work(places=None, reducer="pca")
    assert sorted(other.rounds) == [0, 1], (
        "a map drawn anew changes nothing about the rounds"
    )


def spoil(path, how):
    """Damage a file; as a new one, for the old one may be mapped into memory."""
    content = path.read_bytes()
    path.unlink()
    if how != "missing":
        path.write_bytes(content[: len(content) // 2 if how == "cut off" else 0])


@pytest.mark.parametrize("how", ["empty", "cut off", "missing"])
@pytest.mark.parametrize("name", ["map.npy", "clusters.npy"])
def test_the_first_map_is_drawn_again_where_it_is_lost(make_work, how, name):
    before = make_work(places=None).rounds[0]
    assert np.array_equal(make_work(places=None).rounds[0].places, before.places)
    spoil(make_work(places=None).folder / "0" / name, how)
    again = make_work(places=None).rounds[0]
    assert np.allclose(again.places, before.places, atol=1e-5)
    assert np.array_equal(again.clusters, before.clusters)


def test_a_map_that_is_given_again_is_kept(make_work, documents):
    places = documents[["x", "y"]].to_numpy(np.float32)
    folder = make_work(places=places).folder / "0"
    made = (folder / "clusters.npy").stat().st_mtime_ns
    assert np.array_equal(make_work(places=places).rounds[0].places, places)
    assert (folder / "clusters.npy").stat().st_mtime_ns == made
    assert np.array_equal(make_work(places=places[::-1]).rounds[0].places, places[::-1])
    assert (folder / "clusters.npy").stat().st_mtime_ns != made


@pytest.fixture(scope="module")
def round_folder(space, labeled, held, documents, tmp_path_factory):
    """A round of the corpus, and the figures that its event holds."""
    folder = tmp_path_factory.mktemp("kept") / "round"
    figures = tune_round(
        space,
        *labeled,
        held,
        folder,
        before=space,
        places=documents[["x", "y"]].to_numpy(),
        reducer="pca",
    )
    return folder, figures


@pytest.mark.parametrize("how", ["empty", "cut off", "missing"])
@pytest.mark.parametrize("name", ["map.npy", "clusters.npy", "space.npy"])
def test_a_round_is_made_again_from_its_head_and_space(
    make_work, round_folder, how, name
):
    folder, figures = round_folder
    work = make_work()
    shutil.copytree(folder, work.folder / "copy")
    work.log.tuned(work._store.add(work.folder / "copy"), "ann", figures)
    spoil(work.folder / "1" / name, how)
    one = make_work().rounds[1]
    assert np.allclose(one.X, np.load(folder / "space.npy"), atol=1e-2)
    assert np.allclose(one.places, np.load(folder / "map.npy"), atol=0.05)
    assert one.clusters.shape == (480,)
    assert np.load(work.folder / "1" / name).shape[0] == 480


def test_a_round_without_space_and_head_is_named_and_left_out(make_work, round_folder):
    folder, figures = round_folder
    work = make_work()
    shutil.copytree(folder, work.folder / "copy")
    work.log.tuned(work._store.add(work.folder / "copy"), "ann", figures)
    spoil(work.folder / "1" / "space.npy", "empty")
    spoil(work.folder / "1" / "head.safetensors", "missing")
    again = make_work()
    assert sorted(again.rounds) == [0]
    assert again.news.startswith("Round 1 cannot be read: got ")


def test_another_random_state_draws_another_map(make_work, space):
    first = make_work(places=None, reducer="umap").rounds[0].places
    assert np.array_equal(
        make_work(places=None, reducer="umap").rounds[0].places, first
    )
    other = make_work(places=None, reducer="umap", random_state=1).rounds[0].places
    assert not np.allclose(other, first)


def test_a_round_that_is_stopped_leaves_nothing(make_work, gold):
    work = make_work()
    work.log.apply(
        [i for i, label in zip(work.ids, gold, strict=True) if label == "NA"], ["NA"]
    )
    with pytest.raises(ValueError, match="of 1 label to tune on"):
        work.start_tuning()
    work.log.apply(
        [i for i, label in zip(work.ids, gold, strict=True) if label == "HI"], ["HI"]
    )
    work.start_tuning()
    work.stop_tuning()
    assert work.job is None and work.news == "Tuning was stopped."
    assert sorted(path.name for path in work.folder.iterdir()) == ["0"]
    assert work.log.state.tunings == []


def test_a_head_that_is_none_is_refused_at_once(make_work):
    with pytest.raises(ValueError, match="got the head 'neck'"):
        make_work(head="neck")


def test_a_round_that_fails_says_why(space, tmp_path):
    given = {
        "X": space,
        "rows": [0],
        "targets": [[1, 0]],
        "held": [False],
        "before": space,
        "places": space[:, :2],
    }
    for name, array in given.items():
        np.save(tmp_path / f"{name}.npy", np.asarray(array))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    run(str(tmp_path), str(tmp_path / "round"), {}, sender)
    kind, sentence = receiver.recv()
    assert kind == "error" and "expected at least two labels" in sentence
    assert not (tmp_path / "round").exists()
