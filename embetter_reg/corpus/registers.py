"""The CORE register scheme (Biber, Egbert & Davies 2015; Laippala et al. 2022).

Nine main registers in capitals, sub-registers in lower case, and the older upper-case
sub-register codes of the published corpora. A hybrid is a document with two or more
main registers.
"""

import re
from collections.abc import Iterable, Mapping

from embetter_reg._validation import check_choice

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

GROUPS = {
    "all": MAIN,
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


def parse(labels: str | Iterable[str]) -> list[str]:
    """Return CORE codes in the scheme's order: each main register, then its
    sub-registers.

    Takes codes separated by spaces or commas, or a list of them; older codes become
    newer ones. A sub-register is kept with its own parent only. Where no main register
    is named at all, the sub-registers name theirs.

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
    if not isinstance(labels, Iterable) or isinstance(labels, Mapping | bytes):
        raise TypeError(
            f"got {type(labels).__name__} as labels, expected a str or a list of CORE "
            "codes; convert them"
        )
    if isinstance(labels, str):
        labels = re.split(r"[\s,]+", labels)
    codes = [code for code in labels if code != ""]
    for code in codes:
        if not isinstance(code, str) or not (
            code in MAIN or code in PARENT or code in OLD_CODES
        ):
            raise ValueError(
                f"got the unknown register code {code!r}, expected CORE codes such as "
                "'NA ne OP'; correct or map it"
            )
    meanings = [_meanings(code) for code in codes if code not in MAIN]
    named = {code for code in codes if code in MAIN}
    if not named:
        named = {next(iter(meaning)) for meaning in meanings}
    subs = {
        (main, sub)
        for meaning in meanings
        for main, sub in meaning.items()
        if main in named and sub
    }
    order = list(PARENT)
    return [
        code
        for main in MAIN
        if main in named
        for code in [
            main,
            *sorted((sub for parent, sub in subs if parent == main), key=order.index),
        ]
    ]


def _meanings(code: str) -> dict[str, str]:
    if code in PARENT:
        return {PARENT[code]: code}
    return OLD_CODES[code]


def mains(labels: Iterable[str]) -> list[str]:
    """Return the main registers among parsed ``labels``; a str is parsed.

    Examples
    --------
    >>> mains(["NA", "ne", "OP"]), mains("ne OP")
    (['NA', 'OP'], ['OP'])

    """
    if isinstance(labels, str):
        labels = parse(labels)
    return [code for code in labels if code in MAIN]


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
    parents = {PARENT[code] for code in codes if code in PARENT}
    return [code for code in codes if code not in parents]


def is_hybrid(labels: Iterable[str]) -> bool:
    """Return whether parsed ``labels`` hold two or more main registers."""
    return len(mains(labels)) > 1


def full_name(label: str) -> str:
    """Return a main register with its English name; any other label as it is.

    Examples
    --------
    >>> full_name("NA"), full_name("NA OP"), full_name("fi")
    ('NA narrative', 'NA narrative + OP opinion', 'fi')

    """
    codes = str(label).split()
    if not codes or not set(codes) <= set(MAIN):
        return str(label)
    return " + ".join(f"{code} {NAMES[code]}" for code in codes)


def sort_labels(labels: Iterable[str]) -> list[str]:
    """Return labels in the scheme's order, and those that it does not have after it.

    Examples
    --------
    >>> sort_labels(["HI", "NA OP", "spam", "NA"])
    ['NA', 'HI', 'NA OP', 'spam']

    """
    places = {name: place for place, name in enumerate(MAIN)}
    return sorted(labels, key=lambda name: (places.get(name, len(MAIN)), name))
