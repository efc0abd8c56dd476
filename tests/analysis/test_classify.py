"""Classification reports, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from embetter_reg._scores import f1_by_language
from embetter_reg.analysis import classification_reports, label_reports

GOLD = [["NA", "ne"], ["OP"], ["NA", "OP"], ["HI"], ["NA"], ["OP", "rv"]]
GUESS = [["NA"], ["OP"], ["NA"], ["NA"], ["NA", "ne"], ["OP", "rv"]]
LANGUAGE = np.array(["en", "en", "en", "fi", "fi", "fi"])
CODES = ["HI", "NA", "OP", "ne", "rv"]
FIGURES = ("precision", "recall", "f1")


def value(reports, language, documents, column):
    return reports.set_index(["language", "documents"])[column][language, documents]


def random_sets(rng, n_documents, smallest):
    sizes = rng.integers(smallest, 4, n_documents)
    return [rng.choice(CODES, size, replace=False).tolist() for size in sizes]


def test_averages_are_scikit_learns():
    rng = np.random.default_rng(0)
    gold, guess = random_sets(rng, 60, 1), random_sets(rng, 60, 0)
    language = rng.choice(["en", "fi"], 60)
    reports = classification_reports(gold, guess, language=language)
    f1 = f1_by_language(gold, guess, language).set_index("language")
    binarize = MultiLabelBinarizer(classes=CODES)
    y, p = binarize.fit_transform(gold), binarize.transform(guess)
    for name in ("en", "fi", "all"):
        mask = (language == name) | (name == "all")
        assert value(reports, name, "all", "n_documents") == mask.sum()
        assert f1.loc[name, "n_documents"] == mask.sum()
        for average in ("micro", "macro"):
            expected = precision_recall_fscore_support(
                y[mask], p[mask], average=average, zero_division=0
            )
            for figure, number in zip(FIGURES, expected[:3], strict=True):
                column = f"{average}_{figure}"
                assert value(reports, name, "all", column) == pytest.approx(number)
            assert f1.loc[name, f"{average}_f1"] == pytest.approx(expected[2])


def test_figures_of_labels_are_scikit_learns():
    rng = np.random.default_rng(1)
    gold, guess = random_sets(rng, 60, 1), random_sets(rng, 60, 0)
    language = rng.choice(["en", "fi"], 60)
    reports = label_reports(gold, guess, language=language)
    binarize = MultiLabelBinarizer(classes=CODES)
    y, p = binarize.fit_transform(gold), binarize.transform(guess)
    for name in ("en", "fi", "all"):
        mask = (language == name) | (name == "all")
        expected = precision_recall_fscore_support(y[mask], p[mask], zero_division=0)
        table = reports.query("language == @name and documents == 'all'")
        table = table.set_index("label").loc[CODES, [*FIGURES, "support"]]
        np.testing.assert_allclose(table.to_numpy(), np.transpose(expected))


def test_the_mean_is_over_labels_that_occur_in_the_language():
    reports = classification_reports(GOLD, GUESS, language=LANGUAGE)
    # Finnish: HI 0, NA 2/3, OP 1, ne 0 (predicted only), rv 1.
    assert value(reports, "fi", "all", "macro_f1") == pytest.approx(8 / 15)
    labels = label_reports(GOLD, GUESS, language=LANGUAGE)
    labels = labels.set_index(["language", "documents", "label"])
    assert labels.loc[("all", "all", "NA"), "f1"] == pytest.approx(6 / 7)
    assert labels.loc[("all", "all", "ne"), "support"] == 1
    assert ("en", "all", "HI") not in labels.index


def test_hybrids_apart():
    reports = classification_reports(GOLD, GUESS, language=LANGUAGE)
    assert value(reports, "en", "hybrid", "micro_f1") == pytest.approx(2 / 3)
    assert value(reports, "en", "hybrid", "n_documents") == 1
    assert "hybrid" not in set(reports.query("language == 'fi'")["documents"])
    single = [0, 1, 3, 4, 5]
    alone = classification_reports(
        [GOLD[i] for i in single], [GUESS[i] for i in single], language=LANGUAGE[single]
    )
    assert value(reports, "all", "single", "macro_f1") == pytest.approx(
        value(alone, "all", "all", "macro_f1")
    )


def test_only_the_models_labels_are_scored():
    classes = ["NA", "OP", "HI"]
    labels = label_reports(GOLD, GUESS, language=LANGUAGE, classes=classes)
    assert set(labels["label"]) == set(classes)
    reports = classification_reports(GOLD, GUESS, language=LANGUAGE, classes=["OP"])
    assert value(reports, "all", "all", "micro_recall") == pytest.approx(2 / 3)
    assert value(reports, "all", "all", "micro_precision") == 1


def test_a_language_without_a_scored_label_has_zeros():
    reports = classification_reports(
        [["NA"], ["OP"]], [["NA"], ["OP"]], language=["en", "fi"], classes=["NA"]
    )
    assert value(reports, "fi", "all", "micro_f1") == 0
    assert value(reports, "fi", "all", "macro_f1") == 0
    assert value(reports, "all", "all", "macro_f1") == 1


@pytest.mark.parametrize("report", [classification_reports, label_reports])
def test_bad_input(report):
    with pytest.raises(ValueError, match="got no gold label at position 1"):
        report([["NA"], []], [["NA"], ["NA"]], language=["en", "en"])
    with pytest.raises(ValueError, match="of which none is among the model's"):
        report([["NA"]], [["LABEL_0"]], language=["en"], classes=["LABEL_0"])
    with pytest.raises(ValueError, match="got different lengths"):
        report([["NA"]], [], language=["en"])
