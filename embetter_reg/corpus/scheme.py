"""Label schemes: which codes there are, their order, names, parents and colors."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

_COLUMNS = ("code", "name", "parent", "color")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class Scheme:
    """A label scheme: main labels, and sub-labels that each belong to one of them.

    Parameters
    ----------
    main : sequence of str
        The main labels, in their order.
    parents : mapping of str to str
        Sub-label -> the main label it belongs to, in their order.
    names : mapping of str to str
        Code -> what it stands for.
    colors : mapping of str to str
        Main label -> ``"#RRGGBB"``; labels without one get a color of their own.
    older : mapping of str to mapping of str to str
        Older code -> {main label: sub-label, or "" for the main label alone}.
    groups : mapping of str to sequence of str
        Name -> main labels, for `select_group`; ``"all"`` is always there.
    drops_orphans : bool
        Whether a sub-label beside main labels of which none is its own is left out, as
        in CORE; else it names its own.
    is_free : bool
        Whether other labels are taken as they are, each as a main label.

    Raises
    ------
    ValueError
        If a code is empty, holds a space or a comma, is there twice, or has an unknown
        parent; if there is no code, or a color is not written ``"#RRGGBB"``.

    Examples
    --------
    >>> from embetter_reg.corpus import Scheme
    >>> scheme = Scheme(["mail", "chat"], parents={"spam": "mail"})
    >>> scheme.parse("chat, spam")
    ['mail', 'spam', 'chat']

    """

    main: Sequence[str]
    parents: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)
    older: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    drops_orphans: bool = False
    is_free: bool = False

    def __post_init__(self):
        object.__setattr__(self, "main", _checked_codes(self.main, self.parents))
        object.__setattr__(self, "groups", {"all": self.main, **self.groups})
        if not self.main and not self.is_free:
            raise ValueError(
                "got a scheme without a main label, expected at least one; name some"
            )
        for code, parent in self.parents.items():
            if parent not in self.main:
                raise ValueError(
                    f"got the parent {parent!r} of {code!r}, expected one of the main "
                    f"labels {list(self.main)}; add it, or mend it"
                )
        for code, color in self.colors.items():
            if not _COLOR.fullmatch(str(color)):
                raise ValueError(
                    f"got the color {color!r} of {code!r}, expected one such as "
                    "#338CF4; mend it, or leave it out"
                )

    @property
    def codes(self) -> list[str]:
        """Main labels, then sub-labels."""
        return [*self.main, *self.parents]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {code: place for place, code in enumerate(self.codes)}

    def is_main(self, label: str) -> bool:
        """Return whether a label is a main one; in a free scheme any but a sub-label."""
        return label in self.main or (self.is_free and label not in self.parents)

    def parse(self, labels: str | Iterable[str]) -> list[str]:
        """Return codes in the scheme's order, as `registers.parse` does."""
        if not isinstance(labels, Iterable) or isinstance(labels, Mapping | bytes):
            raise TypeError(
                f"got {type(labels).__name__} as labels, expected a str or a list of "
                "codes; convert them"
            )
        if isinstance(labels, str):
            labels = re.split(r"[\s,]+", labels)
        codes = [self._read(code) for code in labels if code != ""]
        meanings = [self._meanings(code) for code in codes if not self.is_main(code)]
        named = {code for code in codes if self.is_main(code)}
        if not (named and self.drops_orphans):
            named |= {next(iter(meaning)) for meaning in meanings}
        subs = {
            sub
            for meaning in meanings
            for main, sub in meaning.items()
            if main in named and sub
        }
        parsed = []
        for main in self.sort(named):
            parsed.append(main)
            parsed += self.sort(sub for sub in subs if self.parents[sub] == main)
        return parsed

    def _read(self, code: Any) -> str:
        """Return a code that the scheme has; a free label's words are joined by
        underscores, since spaces stand between labels.
        """
        if isinstance(code, str):
            if code in self._places or code in self.older:
                return code
            if self.is_free and code.strip():
                return re.sub(r"[\s,]+", "_", code.strip())
        raise ValueError(
            f"got the unknown register code {code!r}, expected those of the scheme in "
            f"use, such as {' '.join(self.codes[:9])!r}; correct or map it, or name a "
            "scheme that has it (--scheme)"
        )

    def _meanings(self, code: str) -> Mapping[str, str]:
        if code in self.parents:
            return {self.parents[code]: code}
        return self.older[code]

    def mains(self, labels: Iterable[str]) -> list[str]:
        """Return the main labels among parsed ``labels``."""
        return [code for code in labels if self.is_main(code)]

    def sort(self, labels: Iterable[str]) -> list[str]:
        """Return labels in the scheme's order, and those that it lacks after it."""
        last = len(self._places)
        return sorted(labels, key=lambda name: (self._places.get(name, last), name))

    def full_name(self, label: str) -> str:
        """Return main labels with what they stand for; any other as it is."""
        codes = str(label).split()
        if not codes or not set(codes) <= set(self.main):
            return str(label)
        return " + ".join(
            f"{code} {self.names.get(code, '')}".strip() for code in codes
        )


def read_scheme(path: str | PathLike) -> Scheme:
    r"""Read a label scheme from a table: a TSV or CSV file (``,`` or ``;``) with the
    columns ``code, name, parent, color``.

    Only ``code`` must be there. A row is a label, in the scheme's order; one with a
    parent is a sub-label.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the table is no UTF-8, has no column ``code`` or another than the four, a row
        is too long, or it is no scheme.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.corpus import read_scheme
    >>> path = Path(mkdtemp()) / "letters.csv"
    >>> rows = "code,name,parent,color\nLE,letter,,#338CF4\nlo,love letter,LE,\n"
    >>> _ = path.write_text(rows, encoding="utf-8")
    >>> read_scheme(path).parse("lo")
    ['LE', 'lo']

    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(
            f"{path}: got bytes that are no UTF-8, expected a table as text; save it anew"
        ) from None
    header = next(iter(lines), "")
    separator = next((each for each in "\t;" if each in header), ",")
    rows = csv.DictReader(lines, delimiter=separator)
    columns = [str(name).strip() for name in rows.fieldnames or ()]
    if "code" not in columns or not set(columns) <= set(_COLUMNS):
        raise ValueError(
            f"{path}: got the columns {columns}, expected a header of {_COLUMNS}, of "
            "which only code must be there; mend it"
        )
    rows.fieldnames = columns
    labels = []
    for row in rows:
        if None in row:
            raise ValueError(
                f"{path}:{rows.line_num}: got more fields than the {len(columns)} of the "
                "header, expected as many; mend the row"
            )
        labels.append({name: (row.get(name) or "").strip() for name in _COLUMNS})
    try:
        _check_distinct([label["code"] for label in labels])
        return Scheme(
            main=[label["code"] for label in labels if not label["parent"]],
            parents={
                label["code"]: label["parent"] for label in labels if label["parent"]
            },
            names={label["code"]: label["name"] for label in labels},
            colors={
                label["code"]: label["color"] for label in labels if label["color"]
            },
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _checked_codes(main: Any, parents: Mapping[str, str]) -> tuple[str, ...]:
    """Return main labels as a tuple, all codes of the scheme being sound."""
    if isinstance(main, str) or not isinstance(main, Iterable):
        raise TypeError(
            f"got main={main!r}, expected a list of labels; pass for example "
            "['spam', 'ham']"
        )
    codes = tuple(main)
    for code in (*codes, *parents):
        if not isinstance(code, str) or not code or re.search(r"[\s,]", code):
            raise ValueError(
                f"got the code {code!r}, expected a word without spaces and commas; "
                "shorten it, and give the rest as its name"
            )
    _check_distinct([*codes, *parents])
    return codes


def _check_distinct(codes: list[str]) -> None:
    for code in codes:
        if codes.count(code) > 1:
            raise ValueError(
                f"got the code {code!r} twice in a scheme, expected each once; drop one"
            )
