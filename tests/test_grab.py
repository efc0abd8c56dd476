import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from embetter_reg.grab import ColumnGrabber, KeyGrabber
from embetter_reg.text import LiteTextEncoder

ROWS = [{"text": "a cat", "n": 1}, {"text": "the law", "n": 2}] * 4


@pytest.mark.parametrize("table", [pd.DataFrame(ROWS), pl.DataFrame(ROWS)])
def test_a_column(table):
    assert ColumnGrabber("text").fit_transform(table) == ["a cat", "the law"] * 4


def test_keys_of_lists_streams_and_one_dictionary():
    assert (
        KeyGrabber("n").fit(ROWS).transform(ROWS)
        == KeyGrabber("n").transform(iter(ROWS))
        == [1, 2] * 4
    )
    assert KeyGrabber("text").transform(ROWS[0]) == "a cat"


def test_in_a_pipeline():
    y = ["cat", "law"] * 4
    for grabber, data in (
        (ColumnGrabber("text"), pd.DataFrame(ROWS)),
        (KeyGrabber("text"), ROWS),
    ):
        encoder = LiteTextEncoder(n_components=2, min_df=1, random_state=0)
        assert (
            make_pipeline(grabber, encoder, LogisticRegression())
            .fit(data, y)
            .predict(data)
            .tolist()
            == y
        )


def test_bad_input():
    with pytest.raises(
        ValueError, match=r"got columns \['text', 'n'\], expected 'label'"
    ):
        ColumnGrabber("label").transform(pd.DataFrame(ROWS))
    with pytest.raises(TypeError, match="got list, expected a table"):
        ColumnGrabber("text").transform(ROWS)
    with pytest.raises(ValueError, match=r"got the keys \['n'\] at position 1"):
        KeyGrabber("text").transform([{"text": "a"}, {"n": 1}])
    with pytest.raises(TypeError, match="got str at position 0"):
        KeyGrabber("text").transform(["a"])
