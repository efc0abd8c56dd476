import numpy as np
import pytest

from embetter_reg.analysis import average, compare_spaces, sweep
from embetter_reg.corpus.registers import MAIN
from embetter_reg.plots import (
    label_styles,
    plot_agreement,
    plot_cluster_table,
    plot_labelled_map,
    plot_maps,
    plot_sweep,
)
from embetter_reg.plots.palette import REGISTER_COLORS

# Brettel, Vienot & Mollon 1997 in the linear form of Vienot, Brettel & Mollon 1999.
TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}


def as_seen(color, eye):
    linear = (np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255) ** 2.2
    seen = np.linalg.inv(TO_LMS) @ EYES[eye] @ TO_LMS @ linear
    return np.clip(seen, 0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("eye", EYES)
def test_register_colours_differ_to_every_eye(eye):
    seen = [as_seen(color, eye) for color in REGISTER_COLORS.values()]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(gaps) > 0.2


def test_a_register_looks_the_same_in_every_picture():
    assert label_styles(["IN", "NA"])["NA"] == label_styles(MAIN)["NA"]
    styles = label_styles(MAIN).values()
    assert len({color for color, _ in styles}) == len({marker for _, marker in styles}) == 9
    many = label_styles(f"language {n:02}" for n in range(30))
    assert len(set(many.values())) == 30


@pytest.fixture(scope="module")
def found(planted):
    return compare_spaces(
        {"original": planted["by_language"], "tuned": planted["by_register"]},
        register=planted["register"], language=planted["language"], k=[2, 8], n_seeds=1, n_bootstrap=10, n_null=10,
    )  # fmt: skip


def test_maps_show_every_document_in_its_colour(planted):
    maps = {"original": planted["by_language"][:, :2], "tuned": planted["by_register"][:, :2]}
    figure = plot_maps(maps, register=planted["register"], language=planted["language"])
    assert len(figure.axes) == 4
    for ax in figure.axes:
        assert sum(len(points.get_offsets()) for points in ax.collections) == 240
    legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert legend == ["NA", "IN", "OP", "HI"]


def test_curves_hold_the_figures_and_the_marks(found):
    figure = plot_agreement(found, "spherical")
    line = next(line for line in figure.axes[0].lines if line.get_label() == "tuned")
    rows = found.agreement.query("space == 'tuned' and clusterer == 'spherical' and label == 'register'")
    np.testing.assert_allclose(line.get_ydata(), rows["ami"])
    words = {text.get_text() for text in figure.axes[0].texts}
    assert words == {"registers (4)", "languages (3)"}


def test_cluster_table_prints_its_shares(found):
    figure = plot_cluster_table(found.cluster_table("tuned"))
    shares = {text.get_text() for text in figure.axes[0].texts}
    assert "100%" in shares and figure.axes[0].get_xlabel() == "register"


def test_a_sweep_has_its_figures_bars_and_marks(planted):
    found = sweep({"tuned": planted["by_register"]}, register=planted["register"], language=planted["language"],
                  k=[2, 4, 6], seeds=[0, 1], n_init=1)  # fmt: skip
    averaged = average(found)
    figure = plot_sweep(averaged)
    assert len(figure.axes) == 6
    curve = figure.axes[0].containers[0]
    rows = averaged.query("clusterer == 'kmeans'")
    np.testing.assert_allclose(curve.lines[0].get_ydata().astype(float), rows["register_ami"])
    bars = np.array([segment[:, 1] for segment in curve.lines[2][0].get_segments()], dtype=float)
    np.testing.assert_allclose(bars[:, 1] - bars[:, 0], 2 * rows["register_ami_sd"])
    assert {text.get_text() for text in figure.axes[0].texts} == {"registers (4)", "languages (3)"}
    with pytest.raises(ValueError, match="two rows of the space 'tuned'"):
        plot_sweep(average(found).loc[[0, 0]])


def test_a_labelled_map_numbers_its_clusters(planted):
    points = planted["by_register"][:, :2]
    clusters = np.arange(240) % 5
    figure = plot_labelled_map(points, {"language": planted["language"], "kmeans, k = 5": clusters})
    languages, numbered = figure.axes
    assert [text.get_text() for text in languages.get_legend().get_texts()] == ["en", "fi", "fr"]
    assert {text.get_text() for text in numbered.texts} == set("01234") and numbered.get_legend() is None
