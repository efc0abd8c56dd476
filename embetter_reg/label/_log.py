"""The append-only log of a labeling project, and the labels that it adds up to.

The log is the only record. Every action is one line, is on disk before anyone is told
so, and is never changed; labels, undo and redo are what reading it from the top gives.
Writers take turns by a lock on the file, so that lines of several people stand whole
beside each other.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

try:
    import fcntl
except ImportError:  # Windows: no lock, so one process a log
    fcntl = None  # type: ignore[assignment]

LABELING = ("apply", "clear", "import")
ACTIONS = (*LABELING, "undo", "redo", "tune")
Labels = tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """One line of the log.

    Attributes
    ----------
    id : list of str
        The documents.
    label : list of str
        What each of them is labeled: one label, several for a hybrid, none where
        labels were taken off.
    action : {"apply", "clear", "import", "undo", "redo", "tune"}
    time : str
        UTC, ISO 8601.
    round : int
        The map that it was done on: 0 is the original space, n the n-th tuning.
    selection : dict
        How the documents were selected, and for "tune" its settings and figures.
    by : str
        Who did it.
    event : str
        Its name. Lines of one import share one, and are undone together.
    of : str or None
        The event that is undone or redone.

    """

    id: list[str]
    label: list[str]
    action: str
    time: str
    round: int = 0
    selection: dict[str, Any] = field(default_factory=dict)
    by: str = ""
    event: str = ""
    of: str | None = None

    def line(self) -> bytes:
        """Return it as one line of JSON."""
        kept = {key: value for key, value in asdict(self).items() if value is not None}
        return json.dumps(kept, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Event":
        """Return the event of a line; ValueError if it is none."""
        fields = json.loads(line)
        if (
            not isinstance(fields, dict)
            or fields.get("action") not in ACTIONS
            or not isinstance(fields.get("id"), list)
        ):
            raise ValueError("not an action")
        return cls(
            **{
                key: value
                for key, value in fields.items()
                if key in cls.__dataclass_fields__
            }
        )


class Given(NamedTuple):
    """A label that an event gave to a document."""

    order: int
    event: str
    label: Labels
    by: str


class LabelState:
    """The labels that a sequence of events adds up to.

    A document's label is that of the last event on it that is not undone. Undo takes
    back one's own last action, and nobody else's; after a new action there is nothing
    left to redo.

    Examples
    --------
    >>> from embetter_reg.label._log import Event, LabelState
    >>> state = LabelState()
    >>> state.add(Event(["a", "b"], ["NA"], "apply", "", event="1", by="ann"))
    >>> state.add(Event(["b"], ["HI"], "apply", "", event="2", by="bo"))
    >>> state.add(Event(["a", "b"], ["NA"], "undo", "", event="3", by="ann", of="1"))
    >>> state.labels
    {'b': ('HI',)}

    """

    def __init__(self):
        self.n_events = 0
        self.labels: dict[str, Labels] = {}
        self.cleared: set[str] = set()
        self.tunings: list[Event] = []
        self.events: dict[str, list[Event]] = {}
        self._given: dict[str, list[Given]] = {}
        self._undone: set[str] = set()
        self._stacks: dict[str, tuple[list[str], list[str]]] = {}

    def add(self, event: Event) -> None:
        """Take in the next event."""
        self.n_events += 1
        if event.action == "tune":
            self.tunings.append(event)
            return
        done, undone = self._stacks.setdefault(event.by, ([], []))
        if event.action in LABELING:
            first = event.event not in self.events
            self.events.setdefault(event.event, []).append(event)
            given = Given(self.n_events, event.event, tuple(event.label), event.by)
            for name in event.id:
                self._given.setdefault(name, []).append(given)
            self._settle(event.id)
            if first:
                done.append(event.event)
                undone.clear()
            return
        source, target = (done, undone) if event.action == "undo" else (undone, done)
        if event.of in source and event.of is not None:
            source.remove(event.of)
            target.append(event.of)
            (self._undone.add if event.action == "undo" else self._undone.discard)(
                event.of
            )
            for line in self.events[event.of]:
                self._settle(line.id)

    def next_undo(self, by: str) -> str | None:
        """Return the event that an undo of this person takes back."""
        return next(reversed(self._stacks.get(by, ([], []))[0]), None)

    def next_redo(self, by: str) -> str | None:
        """Return the event that a redo of this person brings back."""
        return next(reversed(self._stacks.get(by, ([], []))[1]), None)

    def last(self, name: str) -> Given | None:
        """Return what was last given to a document and not undone."""
        return next(
            (
                given
                for given in reversed(self._given.get(name, []))
                if given.event not in self._undone
            ),
            None,
        )

    def changed_by_others(self, name: str, by: str, since: int) -> bool:
        """Say whether somebody else has labeled a document after the ``since``-th
        event.
        """
        last = self.last(name)
        return last is not None and last.order > since and last.by != by

    def disputed(self) -> list[str]:
        """Return the documents that two people labeled differently, by each one's last
        word.
        """
        found = []
        for name, givens in self._given.items():
            words = {
                given.by: frozenset(given.label)
                for given in givens
                if given.event not in self._undone
            }
            if len(set(words.values())) > 1:
                found.append(name)
        return found

    def _settle(self, names: Iterable[str]) -> None:
        for name in names:
            last = self.last(name)
            self.labels.pop(name, None)
            self.cleared.discard(name)
            if last is not None and last.label:
                self.labels[name] = last.label
            elif last is not None:
                self.cleared.add(name)


class Applied(NamedTuple):
    """What became of an action: its event, None where nothing was left to do, and
    documents left to other people.
    """

    event: Event | None
    left: list[str]


class LabelLog:
    """A log on disk, that several people and processes may write.

    Parameters
    ----------
    path : path
        A file of JSON lines; it is made at the first action.

    Attributes
    ----------
    state : LabelState
        Of all lines read so far; `refresh` reads those that others wrote since.

    Raises
    ------
    ValueError
        If a line is no action; the line is named. A last line without an end, as a kill
        leaves it, is no error: it was never shown as saved, and the next action clears
        it away.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from embetter_reg.label import LabelLog
    >>> path = Path(mkdtemp()) / "labels.jsonl"
    >>> log = LabelLog(path)
    >>> _ = log.apply(["a", "b"], ["NA"], by="ann")
    >>> _ = log.apply(["b"], ["NA", "OP"], by="ann")
    >>> LabelLog(path).state.labels
    {'a': ('NA',), 'b': ('NA', 'OP')}
    >>> _ = log.undo("ann")
    >>> LabelLog(path).state.labels
    {'a': ('NA',), 'b': ('NA',)}

    """

    def __init__(self, path):
        self.path = Path(path)
        self._turn = threading.RLock()
        self._forget()
        self.refresh()

    def _forget(self) -> None:
        self.state = LabelState()
        self._read_to = 0
        self._n_lines = 0

    def refresh(self) -> bool:
        """Read what was written since; return whether there was anything."""
        with self._turn:
            try:
                size = self.path.stat().st_size
            except FileNotFoundError:
                size = 0
            if size < self._read_to:  # another file stands there now
                self._forget()
            if size == self._read_to:
                return False
            with open(self.path, "rb") as file:
                file.seek(self._read_to)
                whole, end, _ = file.read().rpartition(b"\n")
            for line in whole.split(b"\n") if end else []:
                self._n_lines += 1
                if line.strip():
                    self.state.add(self._event(line))
            self._read_to += len(whole) + len(end)
            return bool(end)

    def apply(
        self,
        ids,
        label,
        *,
        by: str = "",
        round: int = 0,
        selection: Mapping | None = None,
        since: int | None = None,
    ) -> Applied:
        """Give documents a label; no label takes labels off.

        Parameters
        ----------
        ids : list of str
        label : list of str
        by : str
        round : int
        selection : mapping or None
        since : int or None
            ``state.n_events`` at the time at which the documents were looked at. Those
            that somebody else has labeled after it are left as they are, and returned;
            None overwrites.

        """
        if isinstance(ids, str) or isinstance(label, str):
            raise TypeError(
                "got one string, expected a list of document ids and a list of "
                "labels; put it in a list"
            )
        label = list(dict.fromkeys(label))
        with self._writing() as write:
            left = (
                []
                if since is None
                else [x for x in ids if self.state.changed_by_others(x, by, since)]
            )
            left_set = set(left)
            chosen = [x for x in dict.fromkeys(ids) if x not in left_set]
            if not chosen:
                return Applied(None, left)
            action = "apply" if label else "clear"
            return Applied(
                write(
                    chosen,
                    label,
                    action,
                    by,
                    round,
                    dict(selection or {}),
                    token_hex(6),
                ),
                left,
            )

    def import_labels(
        self,
        labels: Mapping[str, Iterable[str]],
        *,
        by: str = "",
        round: int = 0,
        source: str = "",
    ) -> list[Event]:
        """Give each document its own label, as one action; one line a different label."""
        groups: dict[Labels, list[str]] = {}
        for name, label in labels.items():
            groups.setdefault(tuple(label), []).append(name)
        how, name = {"how": "import", "source": source}, token_hex(6)
        with self._writing() as write:
            return [
                write(ids, list(label), "import", by, round, how, name)
                for label, ids in groups.items()
            ]

    def undo(self, by: str = "") -> Event | None:
        """Take back the last action of a person; return None where there is none."""
        return self._turn_back("undo", by)

    def redo(self, by: str = "") -> Event | None:
        """Bring back the last action that a person took back; return None where there
        is none.
        """
        return self._turn_back("redo", by)

    def tuned(self, round: int, by: str, selection: Mapping) -> Event:
        """Record that a round of tuning has finished."""
        with self._writing() as write:
            return write([], [], "tune", by, round, dict(selection), token_hex(6))

    def _turn_back(self, action: str, by: str) -> Event | None:
        with self._writing() as write:
            of = (
                self.state.next_undo(by)
                if action == "undo"
                else self.state.next_redo(by)
            )
            if of is None:
                return None
            lines = self.state.events[of]
            ids = [name for line in lines for name in line.id]
            label = lines[0].label if len(lines) == 1 else []
            return write(ids, label, action, by, lines[0].round, {}, token_hex(6), of)

    @contextmanager
    def _writing(self) -> Iterator:
        """Hold the lock, know every line written so far, and append whole lines that
        are on disk at the end.
        """
        with self._turn:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.exists()
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
                self._mend(file)
                self.refresh()
                drafts: list[bytes] = []

                def write(
                    ids, label, action, by, round, selection, name, of=None
                ) -> Event:
                    now = (
                        datetime.now(UTC)
                        .isoformat(timespec="milliseconds")
                        .replace("+00:00", "Z")
                    )
                    event = Event(
                        ids, label, action, now, round, selection, by, name, of
                    )
                    drafts.append(event.line())
                    return event

                yield write
                if drafts:
                    _append(file, b"".join(drafts))
                    if is_new:
                        _sync_folder(self.path.parent)
                    self.refresh()
            finally:
                os.close(file)  # and with it the lock

    def _mend(self, file: int) -> None:
        """Cut off what a killed writer left of a line, or end it where only its end is
        missing.
        """
        size = os.fstat(file).st_size
        tail, start = b"", size
        while start and b"\n" not in tail:
            start = max(0, start - 65536)
            tail = os.pread(file, size - start, start)
        torn = tail.rpartition(b"\n")[2]
        if not torn:
            return
        try:
            Event.read(torn)
        except (ValueError, TypeError):
            os.ftruncate(file, size - len(torn))
        else:
            _append(file, b"\n")

    def _event(self, line: bytes) -> Event:
        try:
            return Event.read(line)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.path}:{self._n_lines}: got a line that is no action "
                f"({error}), expected the log of a labeling "
                "page; pass another --out, or take the line out"
            ) from None


def _append(file: int, data: bytes) -> None:
    """Write it all and wait for the disk, or leave the file as it was."""
    size = os.fstat(file).st_size
    try:
        written = 0
        while written < len(data):
            written += os.write(file, data[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def _sync_folder(folder: Path) -> None:
    if fcntl is not None:  # a folder cannot be opened elsewhere
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
