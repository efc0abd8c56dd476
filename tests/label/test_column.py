"""A column of labels beside a plain list of them."""

import numpy as np
import pytest

from embetter_reg.label._column import LabelColumn
from embetter_reg.label._labels import document_label

CELLS = [["NA"], [], "NA, OP", None, ["spam"], float("nan"), ["HI", "re"], []]


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    return [CELLS[n] for n in rng.integers(len(CELLS), size=500)]


def test_it_holds_what_a_list_holds(cells):
    expected = [document_label(cell) for cell in cells]
    column = LabelColumn.of(cells)
    assert len(column) == 500 and list(column) == expected
    assert column[3] == expected[3] and column[20:40:3] == expected[20:40:3]
    assert set(column.used) == set(expected)
    assert column.is_labeled.tolist() == [bool(label) for label in expected]
    assert column.mapped(len).tolist() == [len(label) for label in expected]
    rows = np.array([7, 7, 499])
    assert column.mapped(str, rows).tolist() == [str(expected[row]) for row in rows]


def test_a_change_leaves_the_column_before_as_it_was(cells):
    expected = [document_label(cell) for cell in cells]
    column = LabelColumn.of(cells)
    changes = {4: ("LY",), 9: (), 77: ("NA",)}
    other = column.changed(list(changes), changes.values())
    assert list(column) == expected
    assert [other[row] for row in changes] == list(changes.values())
    assert sum(a != b for a, b in zip(other, expected, strict=True)) <= 3
    assert list(column.changed([], [])) == expected
    everywhere = column.changed(range(500), [("SP",)] * 500)
    assert everywhere.used == [("SP",)] and everywhere.is_labeled.all()


@pytest.mark.parametrize("cell", [[1], 7, [["NA"]]])
def test_a_label_that_is_no_text_is_refused(cells, cell):
    with pytest.raises(ValueError, match="expected text or a list of texts"):
        LabelColumn.of([*cells, cell])
