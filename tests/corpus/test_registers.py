import pytest

from embetter_reg.corpus import registers
from embetter_reg.corpus.registers import parse


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("NA ne OP", ["NA", "ne", "OP"]),
        ("OP,  ne, NA", ["NA", "ne", "OP"]),
        (["re", "HI"], ["HI", "re"]),
        ("NE NA", ["NA", "ne"]),
        ("NA PB", ["NA", "nb"]),
        ("IP PB", ["IP", "ed"]),
        ("IP NA PB", ["NA", "nb", "IP", "ed"]),
        ("SP FS", ["SP", "os"]),
        ("HI FS", ["HI"]),
        ("DF ID", ["ID"]),
        ("DT DP JD IN", ["IN", "dtp"]),
        ("OP ne", ["OP"]),  # a sub-register is kept with its own parent only
        ("ne", ["NA", "ne"]),  # with no main register it names its parent
        ("NA NA ne NE", ["NA", "ne"]),
        ("", []),
    ],
)
def test_parse(given, expected):
    assert parse(given) == expected
    assert parse(expected) == expected


@pytest.mark.parametrize("given", ["NA xx", "na", ["NA ne"]])
def test_unknown_codes_are_named(given):
    with pytest.raises(ValueError, match="unknown register code"):
        parse(given)


def test_the_scheme():
    assert len(registers.MAIN) == 9 and len(registers.SUB) == 16
    assert set(registers.NAMES) == {*registers.MAIN, *registers.PARENT}
    assert set(registers.PARENT.values()) <= set(registers.MAIN)
    assert set(registers.GROUPS["main"]) == {"HI", "ID", "IN", "IP", "NA", "OP"}
    assert (
        "MT" not in registers.GROUPS["without_MT"]
        and len(registers.GROUPS["without_MT"]) == 8
    )
    for meanings in registers.OLD_CODES.values():
        assert all(
            sub == "" or registers.PARENT[sub] == main for main, sub in meanings.items()
        )


def test_hybrids():
    assert registers.is_hybrid(["NA", "ne", "OP"]) and not registers.is_hybrid(
        ["NA", "ne"]
    )
    assert registers.mains(["NA", "ne", "OP"]) == ["NA", "OP"]


def test_a_code_without_its_parent_goes():
    assert parse("DS MT") == ["MT"]  # as FreCORE has it
    assert parse("NA LY PB PO") == ["NA", "nb", "LY"]


def test_labels_of_another_type():
    with pytest.raises(TypeError, match="got int as labels"):
        parse(5)
    with pytest.raises(ValueError, match="unknown register code 1"):
        parse(["NA", 1])


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("main", ["NA", "OP"]),
        ("sub", ["ne", "OP"]),
        ("all", ["NA", "ne", "OP"]),
    ],
)
def test_levels(level, expected):
    assert registers.at_level(["NA", "ne", "OP"], level) == expected


def test_unknown_levels_are_refused():
    with pytest.raises(ValueError, match=r"level='top', expected one of \['main'"):
        registers.at_level(["NA"], "top")
