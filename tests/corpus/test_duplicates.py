import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import (
    RegisterKFold,
    load_registers,
    near_duplicates,
    train_test_documents,
)
from embetter_reg.corpus.duplicates import shingles


def jaccard(one, other):
    one, other = shingles(one, 8), shingles(other, 8)
    return len(one & other) / len(one | other)


def edited(text, n_edits, rng):
    """Return the text with so many words replaced."""
    words = text.split(" ")
    for place in rng.choice(len(words), n_edits, replace=False):
        words[place] = f"[{place}]"
    return " ".join(words)


@pytest.fixture(scope="module")
def originals():
    """One text a language and register of the bundled corpus, ten times as long."""
    corpus = load_registers()
    corpus["register"] = corpus["labels"].str[0]
    joined = corpus.groupby(["lang", "register"])["text"].agg(" ".join)
    return joined.tolist()


def test_shingles_are_all_runs_of_characters_without_case_and_line_ends():
    assert shingles("A b\n\n c", 3) == {"a b", " b ", "b c"}
    assert shingles("猫が好き", 2) == {"猫が", "が好", "好き"}
    assert shingles("Ab", 8) == {"ab"}
    assert shingles("", 8) == {""}


def test_pairs_are_those_of_the_exact_jaccard_similarity(originals):
    rng = np.random.default_rng(0)
    texts = []
    for n, text in enumerate(originals[::3]):
        texts += [text, edited(text, 1 + 3 * n % 40, rng)]
    groups = near_duplicates(texts)
    n_clear = {True: 0, False: 0}
    for row in range(len(texts)):
        for other in range(row):
            similarity = jaccard(texts[row], texts[other])
            if abs(similarity - 0.8) > 0.07:
                is_similar = similarity > 0.8
                n_clear[is_similar] += 1
                assert (groups[row] == groups[other]) == is_similar, similarity
    assert n_clear[True] >= 5 and n_clear[False] > 400


def test_copies_with_small_edits_are_found_wherever_they_stand(originals):
    rng = np.random.default_rng(0)
    copies = [edited(text, 3, rng) for text in originals for _ in range(5)]
    numbers = np.arange(len(originals))
    source = np.concatenate([numbers, np.repeat(numbers, 5)])
    texts = np.array([*originals, *copies], dtype=object)
    order = rng.permutation(len(texts))
    groups = near_duplicates(texts[order])
    expected = pd.factorize(source[order])[0]
    np.testing.assert_array_equal(groups, expected)


def test_the_threshold_decides(originals):
    text = originals[0]
    pair = [text, edited(text, 120, np.random.default_rng(0))]
    similarity = jaccard(*pair)
    assert 0.2 < similarity < 0.7
    assert near_duplicates(pair, threshold=similarity - 0.1).tolist() == [0, 0]
    assert near_duplicates(pair, threshold=similarity + 0.1).tolist() == [0, 1]
    assert near_duplicates([text, text.upper()], threshold=1.0).tolist() == [0, 0]


def test_similar_texts_of_similar_texts_are_of_one_group():
    words = [f"word{n}" for n in range(400)]
    chain = [" ".join(words[start : start + 200]) for start in range(0, 200, 10)]
    assert jaccard(chain[0], chain[1]) > 0.88 and jaccard(chain[0], chain[-1]) < 0.1
    assert set(near_duplicates(chain)) == {0}


@pytest.mark.parametrize(
    "texts, groups",
    [([], []), ([""], [0]), (["", "a", "", "A"], [0, 1, 0, 1])],
)
def test_few_and_empty_texts(texts, groups):
    assert near_duplicates(texts).tolist() == groups


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"threshold": 0}, ValueError, "got threshold=0, expected"),
        ({"threshold": 1.1}, ValueError, "got threshold=1.1, expected"),
        ({"shingle_length": 0}, ValueError, "got shingle_length=0, expected"),
        ({"shingle_length": 2.5}, TypeError, "shingle_length"),
    ],
)
def test_numbers_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        near_duplicates(["a", "b"], **options)


def test_a_missing_text_is_named_by_its_place():
    with pytest.raises(ValueError, match="a missing document at position 1"):
        near_duplicates(["a", None])


@pytest.fixture(scope="module")
def copied(originals):
    """Documents of two copies each, which differ by a word, and of a site of three."""
    rng = np.random.default_rng(0)
    texts = [*originals, *(edited(text, 1, rng) for text in originals)]
    n_documents = len(texts)
    return pd.DataFrame(
        {
            "text": texts,
            "labels": [["NA"], ["OP"]] * (n_documents // 2),
            "source": np.arange(n_documents) % len(originals),
            "site": np.arange(n_documents) // 3,
        }
    )


def test_splits_part_no_near_duplicates_where_that_is_asked_for(copied):
    def is_parted(train, test, column="source"):
        return bool(set(train[column]) & set(test[column]))

    assert is_parted(*train_test_documents(copied, 0.3, random_state=0))
    together = {"group_near_duplicates": True, "random_state": 0}
    assert not is_parted(*train_test_documents(copied, 0.3, **together))
    both = train_test_documents(
        copied.head(60), 0.3, groups=copied["site"].head(60), **together
    )
    assert not is_parted(*both) and not is_parted(*both, column="site")
    folds = RegisterKFold(3, random_state=0)
    groups = near_duplicates(copied["text"])
    for train, test in folds.split(None, copied["labels"].str[0], groups):
        assert not is_parted(copied.iloc[train], copied.iloc[test])


def test_near_duplicates_need_texts(copied):
    with pytest.raises(ValueError, match="got group_near_duplicates"):
        train_test_documents(copied.drop(columns="text"), group_near_duplicates=True)
