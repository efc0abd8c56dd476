"""Classification reports, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from embetter_reg.analysis import classification_reports

GOLD = [["NA", "ne"], ["OP"], ["NA", "OP"], ["HI"], ["NA"], ["OP", "rv"]]
GUESS = [["NA"], ["OP"], ["NA"], ["NA"], ["NA", "ne"], ["OP", "rv"]]
LANGUAGE = np.array(["en", "en", "en", "fi", "fi", "fi"])


def value(reports, language, documents, label, column="f1"):
    return reports.set_index(["language", "documents", "label"])[column][
        language, documents, label
    ]


def test_f1_is_scikit_learn():
    reports = classification_reports(GOLD, GUESS, language=LANGUAGE)
    binarize = MultiLabelBinarizer(classes=["HI", "NA", "OP", "ne", "rv"])
    y, p = binarize.fit_transform(GOLD), binarize.transform(GUESS)
    for average in ("micro", "macro"):
        assert value(reports, "all", "all", average) == pytest.approx(
            f1_score(y, p, average=average, zero_division=0)
        )
        finnish = LANGUAGE == "fi"
        seen = (y[finnish] | p[finnish]).any(axis=0)
        expected = f1_score(
            y[finnish][:, seen], p[finnish][:, seen], average=average, zero_division=0
        )
        assert value(reports, "fi", "all", average) == pytest.approx(expected)
    assert value(reports, "all", "all", "NA") == pytest.approx(6 / 7)
    assert value(reports, "all", "all", "ne", "support") == 1


def test_hybrids_apart():
    reports = classification_reports(GOLD, GUESS, language=LANGUAGE)
    assert value(reports, "en", "hybrid", "micro") == pytest.approx(2 / 3)
    assert "hybrid" not in set(reports.query("language == 'fi'")["documents"])
    single = [0, 1, 3, 4, 5]
    alone = classification_reports(
        [GOLD[i] for i in single], [GUESS[i] for i in single], language=LANGUAGE[single]
    )
    assert value(reports, "all", "single", "macro") == pytest.approx(
        value(alone, "all", "all", "macro")
    )


def test_only_the_models_labels_are_scored():
    reports = classification_reports(
        GOLD, GUESS, language=LANGUAGE, classes=["NA", "OP", "HI"]
    )
    assert set(reports["label"]) == {"micro", "macro", "NA", "OP", "HI"}


def test_bad_input():
    with pytest.raises(ValueError, match="got no gold label at position 1"):
        classification_reports([["NA"], []], [["NA"], ["NA"]], language=["en", "en"])
    with pytest.raises(ValueError, match="of which none is among the model's"):
        classification_reports(
            [["NA"]], [["LABEL_0"]], language=["en"], classes=["LABEL_0"]
        )
    with pytest.raises(ValueError, match="got different lengths"):
        classification_reports([["NA"]], [], language=["en"])
