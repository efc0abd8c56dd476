"""Maps of many documents: the density of labels in place of points."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from embetter_reg.plots import label_styles, plot_map
from embetter_reg.plots.static import _maps


@pytest.fixture
def few_points(monkeypatch):
    monkeypatch.setattr(_maps, "MOST_POINTS", 100)


@pytest.fixture
def islands():
    """Two islands of one register each, and one where both are mixed, 3 to 1."""
    rng = np.random.default_rng(0)
    middles = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], [400, 400, 400], axis=0)
    points = middles + rng.uniform(-0.02, 0.02, size=middles.shape)
    labels = ["NA"] * 400 + ["HI"] * 400 + ["NA"] * 300 + ["HI"] * 100
    return points, np.array(labels)


def picture(ax):
    (image,) = ax.images
    low_x, high_x, low_y, high_y = image.get_extent()
    return (
        np.asarray(image.get_array()),
        np.array([low_x, low_y]),
        np.array([high_x, high_y]),
    )


def mean_color(ax, middle):
    array, low, high = picture(ax)
    size = array.shape[0]
    column, row = ((np.array(middle) - low) / (high - low) * size).astype(int)
    rows = slice(max(row - 5, 0), row + 6)
    part = array[rows, max(column - 5, 0) : column + 6].reshape(-1, 4)
    part = part[part[:, 3] > 0]
    return part[:, :3].mean(axis=0)


def test_cells_have_the_mixed_colors_of_their_documents(few_points, islands):
    ax = plot_map(*islands)
    color = {
        name: np.array(to_rgb(c)) for name, (c, _) in label_styles(islands[1]).items()
    }
    assert mean_color(ax, (0, 0)) == pytest.approx(color["NA"], abs=1e-6)
    assert mean_color(ax, (9, 0)) == pytest.approx(color["HI"], abs=1e-6)
    mixed = 0.75 * color["NA"] + 0.25 * color["HI"]
    assert np.abs(mean_color(ax, (0, 9)) - mixed).max() < 0.12
    array, *_ = picture(ax)
    assert (array[:, :, 3] > 0).mean() < 0.02  # where nobody is, nothing is drawn
    assert sum(len(drawn.get_offsets()) for drawn in ax.collections) == 0


def test_names_stand_where_their_documents_are_densest(few_points, islands):
    points, labels = islands
    ax = plot_map(points[:800], labels[:800])
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places["NA"] == pytest.approx((0, 0), abs=0.3)
    assert places["HI"] == pytest.approx((9, 0), abs=0.3)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["NA narrative", "HI how-to or instruction"]


def test_names_on_one_place_are_kept_apart(few_points):
    points = np.random.default_rng(0).normal(size=(900, 2))
    ax = plot_map(points, np.tile(["NA", "HI", "OP"], 300))
    low, high = points.min(axis=0), points.max(axis=0)
    places = [(np.array(text.get_position()) - low) / (high - low) for text in ax.texts]
    gaps = [np.abs(a - b).max() for n, a in enumerate(places) for b in places[:n]]
    assert len(gaps) == 3 and min(gaps) > 0.055


def test_few_documents_are_points(islands):
    ax = plot_map(*islands)
    assert not ax.images and not ax.texts
    assert sum(len(drawn.get_offsets()) for drawn in ax.collections) == 1200


def test_one_place_and_a_missing_label_are_drawn(few_points):
    labels = ["NA", None] * 60
    ax = plot_map(np.zeros((120, 2)), labels)
    assert [text.get_text() for text in ax.texts] == ["NA"]
    assert (picture(ax)[0][:, :, 3] > 0).sum() == 1
