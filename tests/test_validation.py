import numpy as np
import pandas as pd
import polars as pl
import pytest

from embetter_reg._validation import (
    check_labels,
    check_same_length,
    check_space,
    check_texts,
)

TEXTS = ["a", "", "NA"]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        pd.Series(TEXTS, index=[7, 8, 9]),
        pl.Series(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.DataFrame({"text": TEXTS}),
        pl.DataFrame({"text": TEXTS}),
        np.array(TEXTS, dtype=object)[:, None],
    ],
    ids=lambda given: type(given).__module__ + "." + type(given).__name__,
)
def test_documents_come_back_in_order(given):
    assert check_texts(given) == TEXTS


def test_no_documents_are_no_documents():
    assert check_texts([]) == []


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA])
def test_missing_document_is_named(missing):
    with pytest.raises(ValueError, match="missing document at position 1"):
        check_texts(["a", missing])


def test_wrong_documents_are_refused():
    with pytest.raises(TypeError, match="got int at position 2"):
        check_texts(["a", "b", 3])
    with pytest.raises(TypeError, match="one string"):
        check_texts("a document")
    with pytest.raises(TypeError, match="got int, expected a list"):
        check_texts(5)
    with pytest.raises(ValueError, match="got 2 columns"):
        check_texts(pd.DataFrame({"a": TEXTS, "b": TEXTS}))


def test_labels():
    assert check_labels("register", pd.Series(["NA", "IN"]), 2).tolist() == ["NA", "IN"]
    with pytest.raises(ValueError, match="got 2 register labels for 3 documents"):
        check_labels("register", ["NA", "IN"], 3)
    with pytest.raises(ValueError, match="missing language label at position 1"):
        check_labels("language", ["en", None], 2)
    with pytest.raises(ValueError, match="one label a document"):
        check_labels("register", np.eye(2), 2)


def test_spaces():
    assert check_space("X", np.ones((2, 3), np.float16)).dtype == np.float32
    assert check_space("X", pd.DataFrame(np.ones((2, 3)))).dtype == np.float64
    with pytest.raises(ValueError, match=r"NaN or infinity in row 1 of the space 'X'"):
        check_space("X", [[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match="expected numbers of shape"):
        check_space("X", [1.0, 2.0])


def test_lengths():
    check_same_length(X=np.ones((2, 3)), y=["a", "b"], groups=None)
    with pytest.raises(ValueError, match=r"got different lengths \(2 in X, 3 in y\)"):
        check_same_length(X=np.ones((2, 3)), y=list("abc"))


@pytest.mark.parametrize(
    "documents", [{"a"}, frozenset("a"), {"a": 1}, (x for x in "a"), None, 5]
)
def test_documents_without_an_order_are_refused(documents):
    with pytest.raises(TypeError, match="expected a list of documents; pass a list"):
        check_texts(documents)


@pytest.mark.parametrize("value", [5, "ab", np.array(5)])
def test_what_has_no_length_is_named(value):
    with pytest.raises(TypeError, match=r"got .* as y, expected one entry a document"):
        check_same_length(X=[1, 2], y=value)


@pytest.mark.parametrize("labels", [None, "ab", {"a", "b"}, {"a": 1, "b": 2}])
def test_labels_without_an_order_are_refused(labels):
    with pytest.raises(TypeError, match="as register labels, expected one label a"):
        check_labels("register", labels, 2)
