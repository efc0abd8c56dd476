"""What one person does, without a page."""

from functools import partial

import numpy as np
import pytest

from embetter_reg.label import Session, Workspace
from embetter_reg.label._groups import color_groups
from embetter_reg.label._labels import HYBRID, NOT_LABELED, parse_label, short
from embetter_reg.label._session import PAGE


@pytest.fixture
def work(make_work):
    return make_work()


@pytest.fixture
def session(work):
    return Session(work, "ann")


def column(n):
    """Return corners around the island of the n-th register."""
    return [n - 0.4, n + 0.4, n + 0.4, n - 0.4], [-1, -1, 6, 6]


def chosen(session):
    return {session.work.ids[row] for row in np.flatnonzero(session.selected)}


def test_a_lasso_around_an_island_selects_it(session, gold):
    session.lasso(*column(2))
    assert session.n_selected == 60
    assert {gold[row] for row in np.flatnonzero(session.selected)} == {"OP"}


def test_add_and_subtract(session):
    session.lasso(*column(0))
    session.box(0.6, 1.4, -1, 6, mode="add")
    assert session.n_selected == 120
    session.mode = "subtract"
    session.box(-1, 8, -1, 0.5)
    assert session.n_selected == 100
    assert [step["mode"] for step in session.steps] == ["new", "add", "subtract"]
    session.lasso(*column(3), mode="new")
    assert session.n_selected == 60


def test_a_tap_takes_the_nearest_and_beside_everything_nothing(session, documents):
    x, y = documents.loc[17, ["x", "y"]]
    session.tap(x + 0.001, y, (0.02, 0.02))
    assert chosen(session) == {documents["id"][17]}
    session.tap(*documents.loc[30, ["x", "y"]], (0.02, 0.02), mode="add")
    assert len(chosen(session)) == 2
    session.tap(-50, -50, (0.02, 0.02), mode="new")
    assert session.n_selected == 0


def test_the_search_narrows_by_text_label_and_language(session, documents):
    session.search(query="THE ", language="en")
    oracle = documents["text"].str.casefold().str.contains("the", regex=False) & (
        documents["lang"] == "en"
    )
    assert np.array_equal(session.visible, oracle.to_numpy())
    session.lasso(*column(0))
    assert session.selected.sum() == (oracle & (documents["x"] < 0.5)).sum() < 60
    session.work.log.apply([documents["id"][0], documents["id"][1]], ["NA", "OP"])
    session.search(query="", language="any", label="OP")
    assert np.flatnonzero(session.visible).tolist() == [0, 1]
    session.search(label=HYBRID)
    assert session.visible.sum() == 2
    session.search(label=NOT_LABELED)
    assert session.visible.sum() == 478
    session.search(query=documents["id"][5].upper(), label="any")
    assert np.flatnonzero(session.visible).tolist() == [5]


def test_unticked_documents_get_no_label(session):
    session.lasso(*column(4))
    left = session.on_page[0]
    session.tick(left, False)
    session.tick(session.on_page[1], False)
    session.tick(session.on_page[1], True)
    assert session.n_ticked == 59
    applied = session.apply(["HI"])
    assert (
        len(applied.event.id) == 59 and session.work.ids[left] not in applied.event.id
    )
    assert applied.event.selection["unticked"] == 1
    assert session.n_selected == 0


@pytest.fixture
def partly_labeled(session):
    """A selection of 60 documents, of which 10 are labeled: 6 IN dtp, 4 IN."""
    session.lasso(*column(1))
    ids = session.ticked_ids
    session.work.log.apply(ids[:6], ["IN", "dtp"])
    session.work.log.apply(ids[6:10], ["IN"])
    session.clear()
    session.lasso(*column(1))
    return session, ids


def labels_of(session, ids):
    return [session.work.labels[session.work.row_of[name]] for name in ids]


def test_labels_that_are_there_are_kept_unasked(partly_labeled):
    session, ids = partly_labeled
    assert (session.n_selected, session.n_ticked, len(session.labeled)) == (60, 50, 10)
    assert len(session.differing(["IN"])) == 6
    applied = session.apply(["IN"])
    assert applied.n_labeled == 50 and not set(applied.event.id) & set(ids[:10])
    assert labels_of(session, ids[:6]) == [("IN", "dtp")] * 6


def test_labels_that_are_there_may_be_overruled_or_added_to(partly_labeled):
    session, ids = partly_labeled
    session.treat_labeled("add")
    assert session.n_ticked == 60
    assert session.apply(["NA"]).event.selection["labeled"] == "add"
    assert labels_of(session, ids[:6]) == [("NA", "IN", "dtp")] * 6
    assert labels_of(session, ids[6:10]) == [("NA", "IN")] * 4
    assert labels_of(session, ids[10:]) == [("NA",)] * 50
    session.undo()
    assert labels_of(session, ids[:10]) == [("IN", "dtp")] * 6 + [("IN",)] * 4
    assert not any(labels_of(session, ids[10:]))
    session.lasso(*column(1))
    session.treat_labeled("overrule")
    assert session.apply(["NA"]).n_labeled == 60
    assert labels_of(session, ids) == [("NA",)] * 60
    with pytest.raises(ValueError, match="got the policy 'guess'"):
        session.treat_labeled("guess")


def test_one_labeled_document_that_is_ticked_by_hand_is_overruled(partly_labeled):
    session, ids = partly_labeled
    session.tick(session.work.row_of[ids[0]], True)
    assert session.apply(["NA"]).n_labeled == 51
    assert labels_of(session, ids[:2]) == [("NA",), ("IN", "dtp")]


def test_labels_that_came_with_the_documents_are_kept_too(make_work):
    work = make_work(keep=True)
    session = Session(work, "ann")
    before = list(work.labels)
    session.lasso(*column(1))
    assert (session.n_selected, session.n_ticked) == (60, 0)
    assert session.apply(["NA"]).event is None
    assert list(work.labels) == before and work.log.state.n_events == 0


def test_a_policy_holds_for_what_is_added_and_ends_with_the_selection(partly_labeled):
    session, _ = partly_labeled
    session.treat_labeled("overrule")
    session.lasso(*column(2), mode="add")
    assert session.n_ticked == 120 and session.policy == "overrule"
    session.lasso(*column(1))
    assert session.n_ticked == 50 and session.policy == "keep"


def test_documents_that_a_search_hides_get_no_label(session):
    session.lasso(*column(0))
    session.search(language="en")
    assert (session.n_selected, session.n_hidden, session.n_ticked) == (60, 50, 10)
    assert len(session.listed) == 10
    applied = session.apply(["NA"])
    assert applied.n_labeled == 10
    assert {
        session.work.language[session.work.row_of[n]] for n in applied.event.id
    } == {"en"}
    assert (session.n_selected, session.n_hidden, session.n_ticked) == (50, 50, 0)
    session.search(language="any")
    assert (session.n_hidden, session.n_ticked) == (0, 50)
    assert session.apply(["NA"]).event.selection["steps"][0]["how"] == "lasso"


def test_documents_that_others_label_are_hidden_by_the_search_for_unlabeled(session):
    session.search(label=NOT_LABELED)
    session.lasso(*column(0))
    session.work.log.apply(session.ticked_ids[:7], ["LY"], by="bo")
    session.narrow()
    assert (session.n_hidden, session.n_ticked) == (7, 53)


def test_the_list_is_typical_or_doubtful_first(session):
    session.lasso(*column(1))
    space = session.round.X[session.listed]
    middle = space / np.linalg.norm(space, axis=1, keepdims=True)
    likeness = middle @ middle.mean(axis=0)
    assert (np.diff(likeness) <= 1e-6).all()
    session.work.log.apply(session.ticked_ids[:30], ["IN"])
    session.work.log.apply([session.work.ids[0]], ["NA"])
    session.sort("doubtful")
    assert (np.diff(session.work.doubt(0)[session.listed]) <= 1e-6).all()
    with pytest.raises(ValueError, match="got the order"):
        session.sort("alphabetical")


def test_pages(session):
    session.lasso(*column(1))
    seen = list(session.on_page)
    assert session.n_pages == -(-60 // PAGE)
    for _ in range(session.n_pages - 1):
        session.turn(1)
        seen += session.on_page
    assert sorted(seen) == np.flatnonzero(session.selected).tolist()
    session.turn(5)
    assert session.page == session.n_pages - 1


def test_the_log_tells_how_documents_were_selected(session):
    session.search(language="en")
    session.lasso(*column(0))
    session.box(0.6, 1.4, -1, 6, mode="add")
    event = session.apply(["NA"]).event
    assert [step["how"] for step in event.selection["steps"]] == ["lasso", "box"]
    assert (
        event.selection["n_selected"] == 20
        and event.selection["filter"]["language"] == "en"
    )
    assert (event.by, event.round) == ("ann", 0)


def test_sessions_share_labels_and_no_selection(work):
    ann, bo = Session(work, "ann"), Session(work, "bo")
    ann.lasso(*column(0))
    bo.lasso(*column(1))
    assert not chosen(ann) & chosen(bo)
    ann.apply(["NA"])
    assert ann.n_selected == 0 and bo.n_selected == 60
    bo.apply(["IN"])
    assert ann.undo().by == "ann"
    assert {label for label in work.labels if label} == {("IN",)}


def test_two_people_on_the_same_documents_do_not_overwrite_each_other(work):
    ann, bo = Session(work, "ann"), Session(work, "bo")
    ann.lasso(*column(0))
    bo.box(-1, 1.5, -1, 6)
    ann.apply(["NA"])
    applied = bo.apply(["IN"])
    assert len(applied.event.id) == 60 and len(applied.left) == 60
    assert bo.n_selected == 60, "what was left stays selected"
    assert sum(label == ("NA",) for label in work.labels) == 60
    assert bo.apply(["IN"]).left == [], "now bo has seen them"
    assert sum(label == ("NA",) for label in work.labels) == 0
    assert len(work.log.state.disputed()) == 60
    assert len(work.doubtful(0)) >= 60


def test_two_servers_on_one_log(make_work):
    here, there = Session(make_work(), "ann"), Session(make_work(), "bo")
    here.lasso(*column(0))
    there.lasso(*column(0))
    here.apply(["NA"])
    assert there.apply(["LY"]).event is None
    assert list(there.work.labels) == list(here.work.labels)


def test_started_again_everything_is_as_it_was(make_work):
    session = Session(make_work(), "ann")
    session.lasso(*column(0))
    session.apply(["NA", "ne"])
    session.lasso(*column(1))
    session.apply(["IN"])
    session.undo()
    again = make_work()
    assert list(again.labels) == list(session.work.labels)
    assert Session(again, "ann").redo() is not None
    assert again.counts().loc["IN"].sum() == 60


def test_labels_that_came_along_hold_until_others_are_given(make_work, gold):
    work = make_work(keep=True)
    assert [short(label) for label in work.labels] == [(name,) for name in gold]
    work.log.apply([work.ids[0]], ["LY"])
    work.log.apply([work.ids[1]], [])
    assert work.labels[:2] == [("LY",), ()]
    work.log.undo()
    work.log.undo()
    assert [short(label) for label in work.labels] == [(name,) for name in gold]


def test_counts_are_by_register_and_language(work, documents):
    work.log.apply(documents["id"][:3].tolist(), ["NA", "OP"])
    work.log.apply([documents["id"].iloc[-1]], ["spam"])
    table = work.counts()
    assert table.loc[["NA", "OP"], "en"].tolist() == [3, 3]
    assert table.loc["spam"].sum() == 1 and table.to_numpy().sum() == 7
    assert work.scheme[-1] == "spam"


def test_colors_go_by_label_prediction_language_cluster_or_whether_there_is_one(
    session, documents
):
    session.work.log.apply([session.work.ids[0]], ["NA", "OP"])
    session.work.log.apply([session.work.ids[1]], ["HI", "re"])
    rows = np.arange(480)
    groups = partial(color_groups, session.work, session.number)
    assert groups("label", rows[:3]).tolist() == [HYBRID, "HI", NOT_LABELED]
    assert groups("labeled", rows[:3]).tolist() == [
        "labeled",
        "labeled",
        NOT_LABELED,
    ]
    assert groups("language", rows).tolist() == documents["lang"].tolist()
    assert set(groups("predicted", rows)) <= {HYBRID, "HI"}
    assert len(set(groups("cluster", rows))) == 9
    with pytest.raises(ValueError, match="got the color"):
        groups("taste", rows)


def test_the_vote_on_some_documents_is_that_on_all_of_them(work, gold):
    work.log.apply(work.ids[::7], ["NA"])
    work.log.apply(work.ids[1::7], ["HI", "OP"])
    rows = np.array([3, 200, 9])
    some = work.predicted(0, rows), work.doubt(0, rows).tolist()
    everything = work.predicted(0), work.doubt(0)
    assert some == ([everything[0][row] for row in rows], everything[1][rows].tolist())
    assert some == (work.predicted(0, rows), work.doubt(0, rows).tolist())


def test_regions_come_one_after_another(session):
    assert session.suggest_region() > 0
    first = chosen(session)
    session.suggest_region()
    assert not first & chosen(session)
    session.work.log.apply(session.work.ids, ["NA"])
    assert session.suggest_region() == 0


def test_doubtful_labels_are_found(session, gold):
    for n, name in enumerate(dict.fromkeys(gold)):
        ids = [
            i for i, label in zip(session.work.ids, gold, strict=True) if label == name
        ]
        session.work.log.apply(ids, [name])
        assert n < 8
    wrong = session.work.ids[200]
    session.work.log.apply([wrong], ["LY" if gold[200] != "LY" else "NA"])
    assert session.suggest_doubtful() > 0
    assert wrong in chosen(session)


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("NA", ["NA"]),
        ("rv", ["OP", "rv"]),
        ("rv, hi", ["OP", "rv", "HI"]),
        ("op, na", ["NA", "OP"]),
        ("NA NE", ["NA", "ne"]),
        ("", []),
        (" , ", []),
        ("love letter, spam", ["love letter", "spam"]),
        ("na, spam", ["NA", "spam"]),
        (["HI", "re"], ["HI", "re"]),
        (["a, b"], ["a, b"]),
    ],
)
def test_typed_labels(typed, label):
    assert parse_label(typed) == label


def test_a_scheme_of_ones_own(make_work):
    work = make_work(scheme=["spam", "ham"])
    assert work.scheme == ["spam", "ham"]
    work.log.apply([work.ids[0]], ["eggs"])
    assert work.scheme == ["spam", "ham", "eggs"]


def test_a_workspace_of_other_texts_warns_and_keeps_the_labels(
    documents, space, tmp_path
):
    path = tmp_path / "labels.jsonl"
    places = documents[["x", "y"]].to_numpy()
    unlabeled = documents.assign(labels=[[]] * len(documents))
    work = Workspace(unlabeled, space, path, places=places)
    work.log.apply(work.ids[:2], ["NA"])
    changed = unlabeled.assign(text=["Another text.", *unlabeled["text"][1:]])
    with pytest.warns(UserWarning, match=f"labels of 1 id \\('{work.ids[0]}'\\)"):
        again = Workspace(changed, space, path, places=places)
    assert again.labels[:3] == [("NA",), ("NA",), ()]
    assert Workspace(unlabeled, space, path, places=places).log.warning == ""
