"""The CORE register scheme (Biber, Egbert & Davies 2015; Laippala et al. 2022), and
what labels mean in the scheme that is in use, which is CORE unless `use_scheme` says
otherwise.

CORE has nine main registers in capitals, sub-registers in lower case, and the older
upper-case sub-register codes of the published corpora. A hybrid is a document with two
or more main registers.
"""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from embetter_reg._validation import check_choice
from embetter_reg.corpus.scheme import Scheme, read_scheme

MAIN = ("NA", "IN", "OP", "IP", "HI", "ID", "SP", "LY", "MT")

# Sub-register -> the main register it belongs to.
SUB = {
    "ne": "NA",
    "sr": "NA",
    "nb": "NA",
    "en": "IN",
    "ra": "IN",
    "dtp": "IN",
    "fi": "IN",
    "lt": "IN",
    "rv": "OP",
    "ob": "OP",
    "rs": "OP",
    "av": "OP",
    "ds": "IP",
    "ed": "IP",
    "re": "HI",
    "it": "SP",
}
# "Other" sub-registers, used by some corpora beside the sixteen.
OTHER = {"on": "NA", "oi": "IN", "oo": "OP", "oe": "IP", "oh": "HI", "os": "SP"}
PARENT = {**SUB, **OTHER}

NAMES = {
    "NA": "narrative",
    "IN": "informational description",
    "OP": "opinion",
    "IP": "informational persuasion",
    "HI": "how-to or instruction",
    "ID": "interactive discussion",
    "SP": "spoken",
    "LY": "lyrical",
    "MT": "machine-translated or generated",
    "ne": "news report",
    "sr": "sports report",
    "nb": "narrative blog",
    "on": "other narrative",
    "en": "encyclopedia article",
    "ra": "research article",
    "dtp": "description of a thing or person",
    "fi": "frequently asked questions",
    "lt": "legal terms and conditions",
    "oi": "other informational",
    "rv": "review",
    "ob": "opinion blog",
    "rs": "religious text or sermon",
    "av": "advice",
    "oo": "other opinion",
    "ds": "description with intent to sell",
    "ed": "news and opinion blog or editorial",
    "oe": "other informational persuasion",
    "re": "recipe",
    "oh": "other how-to",
    "it": "interview",
    "os": "other spoken",
}

# The largest smallest CIEDE2000 difference (20) that a search found, to usual, protan
# and deutan eyes.
COLORS = {
    "NA": "#338CF4",
    "IN": "#BB7000",
    "OP": "#079C8B",
    "IP": "#912600",
    "HI": "#41D7E9",
    "ID": "#7D2C52",
    "SP": "#000000",
    "LY": "#F6BB7D",
    "MT": "#013DD0",
}

GROUPS = {
    "main": ("HI", "ID", "IN", "IP", "NA", "OP"),
    "without_MT": tuple(main for main in MAIN if main != "MT"),
}

# What a document's labels are read as: main registers; sub-registers, and the mains that
# have none; both together.
LEVELS = ("main", "sub", "all")

# Older code -> {main: newer sub-register, or "" for the main register alone}. The codes
# PB and FS belong to two mains each; the mains of the same document decide.
OLD_CODES = {
    "NE": {"NA": "ne"},
    "SR": {"NA": "sr"},
    "PB": {"NA": "nb", "IP": "ed"},
    "CB": {"NA": "nb"},
    "TB": {"NA": "nb"},
    "OA": {"NA": "on"},
    "HA": {"NA": "on"},
    "FC": {"NA": "on"},
    "SS": {"NA": "on"},
    "MA": {"NA": "on"},
    "ME": {"NA": "on"},
    "ON": {"NA": "on"},
    "RE": {"HI": "re"},
    "HT": {"HI": ""},
    "FH": {"HI": ""},
    "TS": {"HI": ""},
    "OH": {"HI": "oh"},
    "EN": {"IN": "en"},
    "RA": {"IN": "ra"},
    "DT": {"IN": "dtp"},
    "DP": {"IN": "dtp"},
    "JD": {"IN": "dtp"},
    "FI": {"IN": "fi"},
    "FA": {"IN": "fi"},
    "LT": {"IN": "lt"},
    "IB": {"IN": "oi"},
    "RP": {"IN": "oi"},
    "CM": {"IN": "oi"},
    "TR": {"IN": "oi"},
    "OI": {"IN": "oi"},
    "RV": {"OP": "rv"},
    "OB": {"OP": "ob"},
    "RS": {"OP": "rs"},
    "AV": {"OP": "av"},
    "OO": {"OP": "oo"},
    "LE": {"OP": "oo"},
    "DS": {"IP": "ds"},
    "ED": {"IP": "ed"},
    "EB": {"IP": "ed"},
    "PA": {"IP": "ed"},
    "AD": {"IP": "oe"},
    "OE": {"IP": "oe"},
    "IT": {"SP": "it"},
    "FS": {"SP": "os", "HI": ""},
    "TA": {"SP": "os"},
    "TV": {"SP": "os"},
    "OS": {"SP": "os"},
    "PO": {"LY": ""},
    "SL": {"LY": ""},
    "PR": {"LY": ""},
    "OL": {"LY": ""},
    "SO": {"LY": ""},  # not in the published key; FreCORE uses it beside LY
    "DF": {"ID": ""},
    "QA": {"ID": ""},
    "RR": {"ID": ""},
    "OF": {"ID": ""},
}

CORE = Scheme(MAIN, PARENT, NAMES, COLORS, OLD_CODES, GROUPS, drops_orphans=True)
FREE = Scheme((), is_free=True)
_NAMED = {"registers": CORE, "free": FREE}
_in_use = [CORE]


class use_scheme:
    """Use a label scheme from here on, or in a ``with`` block; also a command's
    ``--scheme``.

    All that reads, selects, sorts, names or draws labels goes by the scheme in use, in
    all threads of the process.

    Parameters
    ----------
    scheme : Scheme, path, list of str or str
        A `Scheme`, or the file of one, as `read_scheme` takes it. A list, or text such
        as ``"spam,ham"``, is main labels in their order, beside which others are taken
        as they are; ``"free"`` takes all as they are. ``"registers"`` is CORE.

    Raises
    ------
    ValueError
        If a text is neither a scheme nor a file, or a file holds no scheme.
    TypeError
        If it is anything else.

    Examples
    --------
    >>> from embetter_reg.corpus import registers, use_scheme
    >>> with use_scheme(["spam", "ham"]):
    ...     registers.parse("ham spam")
    ['spam', 'ham']
    >>> registers.parse("ne")
    ['NA', 'ne']

    """

    def __init__(self, scheme: Scheme | str | PathLike | Iterable[str]):
        self._before = _in_use[-1]
        _in_use[-1] = make_scheme(scheme)

    def __enter__(self) -> Scheme:
        return _in_use[-1]

    def __exit__(self, *_: object) -> None:
        _in_use[-1] = self._before


def current_scheme() -> Scheme:
    """Return the scheme in use."""
    return _in_use[-1]


def make_scheme(scheme: Any) -> Scheme:
    """Return a scheme, of whatever `use_scheme` takes."""
    if isinstance(scheme, Scheme):
        return scheme
    if isinstance(scheme, str) and scheme in _NAMED:
        return _NAMED[scheme]
    if isinstance(scheme, str) and "," in scheme and not Path(scheme).is_file():
        scheme = [name.strip() for name in scheme.split(",") if name.strip()]
    if isinstance(scheme, str | PathLike):
        if not Path(scheme).is_file():
            raise ValueError(
                f"got the scheme {str(scheme)!r}, expected one of {list(_NAMED)}, labels "
                "such as spam,ham, or the file of a scheme; pass one"
            )
        return read_scheme(scheme)
    if not isinstance(scheme, Iterable):
        raise TypeError(
            f"got the scheme {scheme!r}, expected a Scheme, the file of one, or a list "
            "of labels; pass one"
        )
    return Scheme(list(scheme), is_free=True)


def parse(labels: str | Iterable[str]) -> list[str]:
    """Return codes in the order of the scheme in use: each main register, then its
    sub-registers.

    Takes codes separated by spaces or commas, or a list of them; older codes become
    newer ones. In CORE a sub-register is kept with its own parent only; where no main
    register is named at all, the sub-registers name theirs.

    Raises
    ------
    ValueError
        If a code is not in the scheme.
    TypeError
        If ``labels`` is neither a str nor a list of codes.

    Examples
    --------
    >>> parse("ne OP NA")
    ['NA', 'ne', 'OP']
    >>> parse("PB NA RV OP")
    ['NA', 'nb', 'OP', 'rv']

    """
    return current_scheme().parse(labels)


def mains(labels: Iterable[str]) -> list[str]:
    """Return the main registers among parsed ``labels``; a str is parsed.

    Examples
    --------
    >>> mains(["NA", "ne", "OP"]), mains("ne OP")
    (['NA', 'OP'], ['OP'])

    """
    if isinstance(labels, str):
        labels = parse(labels)
    return current_scheme().mains(labels)


def at_level(labels: Iterable[str], level: str) -> list[str]:
    """Return those of parsed ``labels`` that belong to a level.

    ``"main"`` is the main registers, ``"all"`` main and sub-registers. ``"sub"`` is the
    sub-registers, and each main register that has none here.

    Raises
    ------
    ValueError
        If there is no level of that name.

    Examples
    --------
    >>> at_level(["NA", "ne", "OP"], "sub")
    ['ne', 'OP']

    """
    check_choice("level", level, LEVELS)
    if isinstance(labels, str):
        labels = parse(labels)
    codes = list(labels)
    if level == "main":
        return mains(codes)
    if level == "all":
        return codes
    parent_of = current_scheme().parents
    parents = {parent_of[code] for code in codes if code in parent_of}
    return [code for code in codes if code not in parents]


def is_hybrid(labels: Iterable[str]) -> bool:
    """Return whether parsed ``labels`` hold two or more main registers."""
    return len(mains(labels)) > 1


def has_several_mains(labels: Iterable[str]) -> bool:
    """Return whether ``labels`` hold two or more that are no sub-labels, also where a
    classifier has labels that the scheme in use lacks.

    Examples
    --------
    >>> has_several_mains(["NA", "ne"]), has_several_mains(["spam", "ham"])
    (False, True)

    """
    parents = current_scheme().parents
    return sum(label not in parents for label in labels) > 1


def full_name(label: str) -> str:
    """Return a main register with its name; any other label as it is.

    Examples
    --------
    >>> full_name("NA"), full_name("NA OP"), full_name("fi")
    ('NA narrative', 'NA narrative + OP opinion', 'fi')

    """
    return current_scheme().full_name(label)


def sort_labels(labels: Iterable[str]) -> list[str]:
    """Return labels in the scheme's order, and those that it does not have after it.

    Examples
    --------
    >>> sort_labels(["HI", "NA OP", "spam", "NA"])
    ['NA', 'HI', 'NA OP', 'spam']

    """
    return current_scheme().sort(labels)
