"""Pairs: who may meet whom, how similar they are, and that every partner is as likely
as another.
"""

import numpy as np
import pytest

from embetter_reg.finetune import pairs

RNG = np.random.default_rng(0)
REGISTER = RNG.choice(["NA", "OP", "HI"], size=300, p=[0.6, 0.3, 0.1])
LANGUAGE = RNG.choice(["en", "fi", "fr"], size=300, p=[0.5, 0.3, 0.2])


def drawn(sampler, times=1):
    epochs = [sampler.draw() for _ in range(times)]
    return pairs.Pairs(
        *(np.concatenate(columns) for columns in zip(*epochs, strict=True))
    )


@pytest.mark.parametrize("positives", pairs.LANGUAGES)
@pytest.mark.parametrize("negatives", pairs.LANGUAGES)
def test_labels_and_languages(positives, negatives):
    sampler = pairs.from_labels(
        REGISTER,
        language=LANGUAGE,
        positives=positives,
        negatives=negatives,
        n_pos=2,
        random_state=0,
    )
    first, second, similarity = drawn(sampler, 5)
    assert len(first) == 5 * len(sampler) == 5 * 300 * 5
    assert (first != second).all()
    same_register, same_language = (
        REGISTER[first] == REGISTER[second],
        LANGUAGE[first] == LANGUAGE[second],
    )
    np.testing.assert_array_equal(same_register, similarity == 1)
    np.testing.assert_array_equal(~same_register, similarity == 0)
    by_language = {"auto": ("other", "same")}
    wanted_positives = by_language.get(positives, (positives,))[0]
    wanted_negatives = by_language.get(negatives, (negatives,))[-1]
    for value, wanted, n in ((1, wanted_positives, 2), (0, wanted_negatives, 3)):
        part = similarity == value
        np.testing.assert_array_equal(np.bincount(first[part], minlength=300), 5 * n)
        assert (same_language[part] == (wanted == "same")).all()


def test_auto_is_no_restriction_without_several_languages():
    free = pairs.from_labels(REGISTER, random_state=0).draw()
    for column, other in zip(
        free,
        pairs.from_labels(REGISTER, language=["en"] * 300, random_state=0).draw(),
        strict=True,
    ):
        np.testing.assert_array_equal(column, other)
    same_language = LANGUAGE[free.first] == LANGUAGE[free.second]
    for value in (0, 1):
        assert 0.2 < same_language[free.similarity == value].mean() < 0.6


def test_every_partner_is_as_likely():
    """Over many epochs the counts of partners fit a uniform draw (chi-square over its
    degrees of freedom near 1).
    """
    y = np.array(["a"] * 5 + ["b"] * 7 + ["c"] * 8)
    language = np.array(["en", "fi"] * 10)
    for options in (
        {},
        {"language": language, "positives": "other", "negatives": "same"},
        {"language": language, "positives": "same", "negatives": "other"},
    ):
        sampler = pairs.from_labels(y, random_state=0, n_neg=1, **options)
        first, second, similarity = drawn(sampler, 3000)
        for value in (0, 1):
            chosen = similarity == value
            counts = np.zeros((20, 20))
            np.add.at(counts, (first[chosen], second[chosen]), 1)
            possible = counts > 0
            expected = np.where(possible, 3000 / possible.sum(axis=1, keepdims=True), 0)
            chi = (np.square(counts - expected)[possible] / expected[possible]).sum()
            assert 0.7 < chi / (possible.sum() - 20) < 1.3
    same = y[:, None] == y
    allowed = {
        0: ~same & (language[:, None] != language),
        1: same & (language[:, None] == language) & ~np.eye(20, dtype=bool),
    }
    for value in (0, 1):
        seen = np.zeros((20, 20), bool)
        seen[first[similarity == value], second[similarity == value]] = True
        np.testing.assert_array_equal(seen, allowed[value])


def test_seed_epochs_and_batches():
    one, two = (pairs.from_labels(REGISTER, random_state=3) for _ in range(2))
    for _ in range(2):
        for a, b in zip(one.draw(), two.draw(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.draw().second, one.draw().second)
    assert not np.array_equal(
        pairs.from_labels(REGISTER, random_state=4).draw().second, two.draw().second
    )
    batches = list(one.batches(64))
    assert [len(batch.first) for batch in batches] == [64] * 18 + [48]
    assert sum(len(batch.first) for batch in batches) == len(one)


def test_a_class_with_one_document_is_said_and_has_no_positive_pair():
    with pytest.warns(
        UserWarning,
        match=r"1 documents of \['x'\] have no other of their label, so no positive pair",
    ):
        sampler = pairs.from_labels(["a", "a", "x", "b", "b"], random_state=0)
    first, second, similarity = drawn(sampler, 50)
    assert (
        2 not in first[similarity == 1]
        and 2 in first[similarity == 0]
        and (first != second).all()
    )
    with pytest.warns(UserWarning, match="in another language"):
        pairs.from_labels(
            ["a", "a", "b", "b"], language=["en", "en", "en", "fi"], positives="other"
        )


def test_hybrids_have_the_jaccard_overlap():
    Y = RNG.random((200, 4)) < 0.35
    first, second, similarity = drawn(
        pairs.from_indicator(Y.astype(int), random_state=0), 5
    )
    both, either = (
        (Y[first] & Y[second]).sum(axis=1),
        (Y[first] | Y[second]).sum(axis=1),
    )
    np.testing.assert_allclose(similarity, both / np.maximum(either, 1), atol=1e-6)
    assert (first != second).all() and (either > 0).all()
    assert (
        ((similarity > 0) & (similarity < 1)).any()
        and (similarity == 0).any()
        and (similarity == 1).any()
    )
    able = np.array([(Y[i] & np.delete(Y, i, axis=0)).any() for i in range(200)])
    np.testing.assert_array_equal(
        np.bincount(first[similarity > 0], minlength=200), 5 * able
    )


def test_unknown_labels_are_not_held_against_a_pair():
    examples = [
        {"text": "a", "cats": {"news": 1, "sport": 1}},
        {"text": "b", "cats": {"news": 1}},
        {"text": "c", "cats": {"news": 0, "sport": 0}},
        {"text": "d", "cats": {"sport": False, "law": True}},
    ]
    with pytest.warns(UserWarning, match="1 documents share no label with another"):
        texts, sampler = pairs.from_examples(examples, random_state=0)
    assert texts == ["a", "b", "c", "d"]
    found = {(int(i), int(j)): s for i, j, s in zip(*drawn(sampler, 100), strict=True)}
    assert found == {
        (0, 1): 1,
        (1, 0): 1,
        (0, 2): 0,
        (2, 0): 0,
        (1, 2): 0,
        (2, 1): 0,
        (0, 3): 0,
        (3, 0): 0,
    }
    with pytest.warns(UserWarning, match="2 documents share no label"):
        pairs.from_indicator([[1, 0], [0, 1]])


def test_groups():
    groups = np.repeat(np.arange(50), 4)
    first, second, similarity = drawn(pairs.from_groups(groups, random_state=0))
    np.testing.assert_array_equal(groups[first] == groups[second], similarity == 1)
    assert len(first) == 200 * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairs.from_labels(["a", "a"]), "got 1 label, expected at least two"),
        (lambda: pairs.from_labels([]), "got 0 label, expected at least two"),
        (lambda: pairs.from_labels(None), "got y of type NoneType, expected one label"),
        (lambda: pairs.from_labels("ab"), "got y of type str, expected one label"),
        (lambda: pairs.from_labels([["a", "b"]]), r"got y of shape \(1, 2\)"),
        (lambda: pairs.from_labels(["a", None]), "got a missing y label at position 1"),
        (lambda: pairs.from_labels([1, np.nan]), "got a missing y label at position 1"),
        (
            lambda: pairs.from_labels(["a", "b"], language=["en"]),
            "got 1 language labels for 2 documents",
        ),
        (
            lambda: pairs.from_labels(["a", "b"], language=["en", None]),
            "got a missing language label at position 1",
        ),
        (lambda: pairs.from_labels(["a", "b"], positives="any"), "got positives='any'"),
        (
            lambda: pairs.from_labels(["a", "b"], negatives="same"),
            "got negatives='same' without language",
        ),
        (lambda: pairs.from_labels(["a", "b"], n_pos=-1), "got n_pos=-1, expected"),
        (lambda: pairs.from_labels(["a", "b"], n_neg=1.5), "got n_neg=1.5, expected"),
        (
            lambda: pairs.from_labels(["a", "b"], n_pos=0, n_neg=0),
            "got n_pos=0 and n_neg=0, expected at least one pair",
        ),
        (
            lambda: pairs.from_indicator([[2, 0], [0, 1]]),
            "expected a matrix of 1, 0 and NaN",
        ),
        (
            lambda: pairs.from_indicator(None),
            r"got labels of shape \(\), expected a matrix",
        ),
        (
            lambda: pairs.from_indicator(np.zeros((0, 3))),
            r"got labels of shape \(0, 3\), expected a matrix",
        ),
        (
            lambda: pairs.from_indicator([["a", "b"]]),
            "got labels that are no numbers .* expected a matrix",
        ),
        (
            lambda: pairs.from_indicator([[1, 0], [1, 0]]),
            "got no two documents that differ",
        ),
        (lambda: pairs.from_examples([{"text": "a"}]), "at position 0"),
        (lambda: pairs.from_examples([{"text": "a", "cats": ["x"]}]), "at position 0"),
        (
            lambda: pairs.from_examples([{"text": "a", "cats": {"x": "yes"}}]),
            "at position 0",
        ),
        (lambda: pairs.from_examples(None), "got NoneType, expected a list"),
        (lambda: pairs.from_examples([]), "got 0 examples without a label"),
        (
            lambda: pairs.from_examples([{"text": "a", "cats": {}}]),
            "got 1 examples without a label",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_labels_of_any_column():
    pd = pytest.importorskip("pandas")
    pl = pytest.importorskip("polars")
    expected = pairs.from_labels(REGISTER, random_state=0).draw().second
    for column in (list(REGISTER), pd.Series(REGISTER, index=range(300, 0, -1))):
        drawn = pairs.from_labels(column, random_state=0).draw().second
        np.testing.assert_array_equal(drawn, expected)
    drawn = pairs.from_labels(pl.Series(REGISTER), random_state=0).draw().second
    np.testing.assert_array_equal(drawn, expected)
