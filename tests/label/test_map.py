import numpy as np
import pytest
from matplotlib.path import Path as Polygon
from scipy.spatial import procrustes
from scipy.stats import spearmanr

from embetter_reg.corpus import stratified_sample
from embetter_reg.label import align, draw_map, inside_polygon
from embetter_reg.label._map import (
    density,
    grid_cells,
    inside_box,
    nearest_place,
    typicality,
)


@pytest.fixture
def places():
    return np.random.default_rng(0).normal(size=(200, 2)) * [3, 1]


@pytest.mark.parametrize("mirror", [1, -1])
def test_align_undoes_turning_moving_scaling_and_mirroring(places, mirror):
    turn = np.array([[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]]) @ np.diag(
        [1, mirror]
    )
    assert np.allclose(align(0.1 * places @ turn - 40, places), places, atol=1e-4)


def test_align_agrees_with_scipy(places):
    other = places @ np.array([[0.2, 1.1], [-0.7, 0.4]]) + np.random.default_rng(
        1
    ).normal(size=places.shape)
    _, _, disparity = procrustes(places, other)
    found = align(other, places)
    centered = places - places.mean(axis=0)
    assert np.isclose(
        ((found - places) ** 2).sum() / (centered**2).sum(), disparity, rtol=1e-4
    )


def test_align_refuses_other_documents(places):
    with pytest.raises(ValueError, match="expected the same"):
        align(places[:3], places)


def test_a_map_on_one_place_is_moved_onto_the_middle(places):
    assert np.allclose(
        align(np.ones_like(places), places), places.mean(axis=0), atol=1e-5
    )


@pytest.fixture(scope="module")
def space():
    return np.random.default_rng(0).normal(size=(300, 10)) * [6, 3, *[0.3] * 8]


def test_a_map_is_drawn_in_place_of_the_one_before(space):
    before = draw_map(space, "pca")
    turned = space @ np.linalg.qr(np.random.default_rng(1).normal(size=(10, 10)))[0]
    assert np.abs(draw_map(turned, "pca", before=before) - before).max() < 1e-3


def test_umap_starts_from_the_map_before_and_repeats(space):
    before = draw_map(space, "umap")
    changed = space + np.random.default_rng(1).normal(scale=0.2, size=space.shape)
    after = draw_map(changed, "umap", before=before)
    moved = np.linalg.norm(after - before, axis=1)
    spread = np.linalg.norm(before - before.mean(axis=0), axis=1).mean()
    assert np.median(moved) < 0.5 * spread
    assert np.array_equal(after, draw_map(changed, "umap", before=before))


def test_documents_beyond_the_sample_are_set_among_their_neighbors(space):
    full, part = draw_map(space, "pca"), draw_map(space, "pca", n_fitted=150)
    directions = space / np.linalg.norm(space, axis=1, keepdims=True)
    near = np.argsort(-(directions @ directions.T), axis=1)[:, 1:6]
    own = np.abs(align(part, full)[near].mean(axis=1) - align(part, full)).mean()
    other = np.abs(
        align(part, full)[np.roll(near, 7, axis=0)].mean(axis=1) - align(part, full)
    ).mean()
    assert own < 0.6 * other
    assert spearmanr(align(part, full)[:, 0], full[:, 0]).statistic > 0.9


@pytest.mark.parametrize("name", ["lda", "supervised_umap", "nothing"])
def test_a_reducer_that_needs_labels_or_is_none_is_refused(space, name):
    with pytest.raises(ValueError, match="got reducer="):
        draw_map(space, name)


def test_a_sample_has_of_every_stratum_its_share_and_at_least_one():
    strata = np.repeat(np.arange(5), [1000, 500, 100, 5, 1])
    rows = stratified_sample(strata, 161, random_state=0)
    sizes = np.bincount(strata[rows])
    assert len(rows) == 161 == len(set(rows.tolist())) and (np.diff(rows) > 0).all()
    assert sizes.tolist() == [98, 50, 11, 1, 1]
    assert np.array_equal(rows, stratified_sample(strata, 161, random_state=0))
    assert not np.array_equal(rows, stratified_sample(strata, 161, random_state=1))


@pytest.mark.parametrize("n", [1, 7, 99, 100, 1000])
def test_a_sample_has_the_size_asked_for(n):
    strata = np.random.default_rng(0).integers(0, 20, 100)
    rows = stratified_sample(strata, n)
    assert len(rows) == min(n, 100) and rows.max() < 100


def test_density_counts_every_document_once(places):
    found = density(places, n_cells=16)
    assert found.counts.sum() == 200 and found.counts.shape == (16, 16)
    oracle, *_ = np.histogram2d(places[:, 1], places[:, 0], bins=16)
    assert np.array_equal(found.counts, oracle)
    assert (
        np.bincount(grid_cells(places, 16), minlength=256).reshape(16, 16).tolist()
        == oracle.tolist()
    )


def test_inside_a_lasso_agrees_with_matplotlib(places):
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 1 + 0.5 * np.sin(5 * angle)
    x, y = 2 * radius * np.cos(angle), radius * np.sin(angle)
    assert np.array_equal(
        inside_polygon(places, x, y), Polygon(np.c_[x, y]).contains_points(places)
    )


def test_a_lasso_of_two_points_holds_nothing_and_one_that_crosses_itself_goes_by_even_and_odd(
    places,
):
    assert not inside_polygon(places, [0, 1], [0, 1]).any()
    inner = [
        (0, 0),
        (0, 4),
        (4, 4),
        (4, 0),
        (0, 0),
        (1, 1),
        (1, 3),
        (3, 3),
        (3, 1),
        (1, 1),
    ]
    x, y = np.array(inner).T
    assert inside_polygon([[2.0, 2.0], [0.5, 2.0]], x, y).tolist() == [False, True]


def test_inside_a_box_in_whatever_direction_it_was_drawn(places):
    one, other = (
        inside_box(places, -1, 1, -0.5, 0.5),
        inside_box(places, 1, -1, 0.5, -0.5),
    )
    assert np.array_equal(one, other)
    assert np.array_equal(one, (np.abs(places) <= [1, 0.5]).all(axis=1))


def test_the_nearest_place_within_reach():
    places = [[0, 0], [1, 0], [0, 5]]
    assert nearest_place(places, 0.9, 0.1, (0.5, 0.5)) == 1
    assert nearest_place(places, 0.5, 2.5, (0.5, 0.5)) is None
    assert nearest_place(np.empty((0, 2)), 0, 0, (1, 1)) is None


def test_the_middle_of_a_selection_is_most_typical():
    space = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0]])
    assert typicality(space, np.array([0, 1, 2])).argmax() == 1
    assert typicality(space, np.arange(4)).argmin() == 3
