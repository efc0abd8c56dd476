"""Predicted registers as suggestions: shown, confirmed, and no labels before that."""

import json

import numpy as np
import pytest

from embetter_reg.corpus import load_registers
from embetter_reg.label import Session, load_corpus
from embetter_reg.label._groups import color_groups
from embetter_reg.label._labels import NOT_LABELED
from embetter_reg.label._predicted import vote_of
from embetter_reg.text import PretrainedRegisters

REGISTERS = ["NA", "IN", "OP", "IP", "HI", "ID", "SP", "LY"]


@pytest.fixture
def vote(gold):
    """Sure of the gold register, but for every tenth document, which looks like LY."""
    probabilities = np.full((len(gold), 8), 0.05)
    for row, register in enumerate(gold):
        column = 7 if row % 10 == 0 else REGISTERS.index(register)
        probabilities[row, column] = 0.9
    return vote_of(probabilities, REGISTERS, 0.4)


@pytest.fixture
def session(make_work, vote):
    return Session(make_work(suggested=vote), "ann")


def island(n):
    """Return corners around the island of the n-th register."""
    return [n - 0.4, n + 0.4, n + 0.4, n - 0.4], [-1, -1, 6, 6]


def test_a_threshold_is_the_middle_of_the_shares():
    probabilities = np.array([[0.4, 0.39], [0.1, 0.2], [1.0, 0.0], [0.7, 0.5]])
    vote = vote_of(probabilities, ["HI", "NA"], [0.4, 0.5])
    # The second has none above its threshold: the nearest to it is suggested.
    assert vote.winners() == [("HI",), ("NA",), ("HI",), ("HI", "NA")]
    assert vote.shares[0, 0] == pytest.approx(0.5)
    assert vote.shares[2].tolist() == [1.0, 0.0]
    np.testing.assert_allclose(vote.sure, [0.0, 0.6, 1.0, 0.0], atol=1e-6)


def test_suggestions_color_the_map_and_are_no_labels(session, gold):
    work = session.work
    rows = np.arange(len(gold))
    groups = color_groups(work, 0, "suggested", rows)
    expected = ["LY" if row % 10 == 0 else gold[row] for row in rows]
    assert groups.tolist() == expected
    assert color_groups(work, 0, "label", rows).tolist() == [NOT_LABELED] * len(gold)
    assert not any(work.labels) and work.counts().to_numpy().sum() == 0
    assert not work.log.path.exists() or not work.log.path.read_text()


def test_confirming_labels_each_as_predicted(session, gold):
    session.lasso(*island(4))
    wrong = [row for row in np.flatnonzero(session.selected) if row % 10 == 0]
    assert session.n_selected == 60 and wrong
    for row in wrong[:2]:
        session.tick(int(row), False)
    applied = session.confirm()
    assert applied.n_labeled == 58 and session.n_selected == 0
    labels = session.work.labels
    for row, register in enumerate(gold):
        if register != "HI" or row in wrong[:2]:
            assert labels[row] == ()
        else:
            assert labels[row] == (("LY",) if row % 10 == 0 else ("HI",))
    lines = session.work.log.path.read_text(encoding="utf-8").splitlines()
    selections = [json.loads(line)["selection"] for line in lines]
    assert all(selection["confirmed"] for selection in selections)
    groups = color_groups(session.work, 0, "suggested", np.array(wrong))
    assert set(groups) == {"LY"}
    session.undo()
    assert not any(session.work.labels)


def test_another_label_overrides_a_suggestion(session, gold):
    session.lasso(*island(0))
    session.apply(["OP"])
    rows = np.array([row for row, register in enumerate(gold) if register == "NA"])
    groups = color_groups(session.work, 0, "suggested", rows)
    assert set(groups) == {"OP"}
    assert set(color_groups(session.work, 0, "predicted", rows)) == {"NA", "LY"}


def test_the_doubtful_come_first(make_work, gold):
    probabilities = np.full((len(gold), 8), 0.01)
    probabilities[:, 0] = np.linspace(0.41, 0.99, len(gold))
    work = make_work(suggested=vote_of(probabilities, REGISTERS, 0.4))
    session = Session(work, "ann")
    session.lasso(*island(0))
    session.sort("doubtful")
    assert session.listed.tolist() == sorted(session.listed.tolist())


def test_without_suggestions_neighbors_are_confirmed(make_work):
    session = Session(make_work(), "ann")
    session.lasso(*island(4))
    with pytest.raises(ValueError, match="no prediction for the ticked documents"):
        session.confirm()
    session.clear()
    session.box(3.6, 4.4, -1, 0.4)
    session.apply(["HI"])
    session.lasso(*island(4))
    session.confirm()
    assert sum(map(bool, session.work.labels)) == 60


def test_suggestions_of_other_documents_are_refused(make_work, vote):
    with pytest.raises(ValueError, match="suggested"):
        make_work(suggested=vote.of(np.arange(5)))


def test_documents_are_read_with_space_and_predictions(
    tiny_folder, tiny_adapter, tmp_path
):
    path = tmp_path / "docs.jsonl"
    load_registers()[:12].to_json(path, orient="records", lines=True)
    registers = PretrainedRegisters(
        str(tiny_folder / "bert"), adapter=str(tiny_adapter), device="cpu"
    )
    corpus = load_corpus([path], classifier=registers, keep_labels=0)
    texts = corpus.documents["text"].tolist()
    np.testing.assert_allclose(corpus.X, registers.transform(texts), atol=1e-5)
    chosen = registers.predict(texts)
    winners = corpus.suggested.winners()
    for names, predicted in zip(winners, registers.label_sets(chosen), strict=True):
        assert list(names) == predicted or not predicted
    assert not any(map(len, corpus.documents["labels"]))
    with pytest.raises(ValueError, match=r"got the embeddings .* and a classifier"):
        load_corpus([path], classifier=registers, embeddings=tmp_path)
