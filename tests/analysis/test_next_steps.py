import numpy as np
import pytest

from embetter_reg.analysis import compare_spaces
from embetter_reg.analysis.compare._next_steps import _more_documents


@pytest.fixture(scope="module")
def undecided():
    """A space of noise, in which two registers have few documents."""
    rng = np.random.default_rng(0)
    register = np.repeat(["NA", "HI", "SP", "LY"], [45, 45, 9, 6])
    return compare_spaces(
        {"noise": rng.normal(size=(105, 8))},
        register=register,
        language=np.tile(["en", "fi", "fr"], 35),
        k=[4],
        n_seeds=1,
        n_bootstrap=30,
        n_null=30,
        figures=[],
        controls=["language-centered"],
    )


def test_noise_is_told_what_is_missing(undecided):
    assert undecided.verdict.word == "undecided"
    steps = " ".join(undecided.next_steps())
    assert "of the compared documents: SP spoken (9), LY lyrical (6)." in steps
    assert "Register AMI is not surely above what shuffled labels" in steps
    (row,) = undecided.control_table().to_dict("records")
    assert row["beaten"] == "no: as good"
    assert f"as good: language-centered ({row['register']:.2f})." in steps


def test_the_number_of_documents_follows_the_width_of_the_interval(undecided):
    """An interval as far from 0 as its half width is decided; width falls by the root."""
    margins = undecided.margins.head(1).assign(
        difference=0.1, low=-0.1, high=0.3, explains="undecided"
    )
    (step,) = _more_documents(margins, 100)
    assert "about 400 documents would decide it; here are 100." in step
    (step,) = _more_documents(margins.assign(difference=0.001), 100)
    assert step.startswith("The two are about equal")
    assert _more_documents(margins.assign(explains="register"), 100) == []


def test_notebooks_show_the_first_screen(undecided):
    shown = undecided._repr_html_()
    assert undecided.verdict.sentence in shown
    row = undecided.bars().iloc[0]
    assert f"null {row['null']:.2f}, floor" in shown
    for step in undecided.next_steps():
        assert step in shown
    for name, words in undecided.plain_words().items():
        assert f"<b>{name}</b> {words}" in shown
