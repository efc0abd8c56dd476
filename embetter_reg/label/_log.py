"""The append-only log of a labeling project, and the labels that it adds up to.

The log is the only record. Every action is one line, is on disk before the page shows
it as saved, and is never changed; labels, undo and redo are what reading it from the
top gives. Writers take turns by a lock on the file, so that lines of several people
stand whole beside each other.
"""

import json
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

from embetter_reg.corpus import text_digest
from embetter_reg.label._labels import Labels, count_ids, read_label

try:
    import fcntl
except ImportError:  # Windows: no lock, so one process a log
    fcntl = None  # type: ignore[assignment]

LABELING = ("apply", "clear", "import")
ACTIONS = (*LABELING, "undo", "redo", "tune")


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
    digest : list of str
        The digest of each document's text (`text_digest`), in the order of ``id``;
        empty where the texts were unknown, as in logs of earlier versions.

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
    digest: list[str] = field(default_factory=list)

    def line(self) -> bytes:
        """Return it as one line of JSON."""
        # Not asdict, which copies an event of a whole region item by item.
        fields = {name: x for name, x in vars(self).items() if x is not None}
        if not self.digest:
            del fields["digest"]
        return json.dumps(fields, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Event":
        """Return the event of a line.

        Lines written by hand may give the label as one string, such as ``"NA, OP"``,
        which is read as typed labels are.

        Raises
        ------
        ValueError
            If it is none, or its ids or labels are not text.

        """
        try:
            fields = json.loads(line)
        except RecursionError:
            raise ValueError("no action, but deeply nested JSON") from None
        if not isinstance(fields, dict) or fields.get("action") not in ACTIONS:
            raise ValueError("no action")
        ids = fields.get("id")
        if not isinstance(ids, list) or not all(
            isinstance(name, str | int) and not isinstance(name, bool) for name in ids
        ):
            raise ValueError("no action on a list of document ids")
        fields["id"] = [str(name) for name in ids]
        if fields["action"] in LABELING:
            fields["label"] = list(read_label(fields.get("label")))
        digests = fields.get("digest", [])
        if not isinstance(digests, list) or len(digests) not in (0, len(ids)):
            raise ValueError("no action with one digest for each document")
        known = cls.__dataclass_fields__
        return cls(**{name: x for name, x in fields.items() if name in known})


class Assigned(NamedTuple):
    """A label that an event gave to its documents."""

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
        # The documents of each line that was read, whose label may have changed by it.
        self.touched: list[list[str]] = []
        self._assigned: dict[str, tuple[Assigned, ...]] = {}
        self._digests: dict[int, dict[str, str]] = {}  # of texts, by the event's order
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
            label = tuple(event.label)
            assigned = Assigned(self.n_events, event.event, label, event.by)
            for name in event.id:
                self._assigned[name] = (*self._assigned.get(name, ()), assigned)
            if event.digest:
                known = zip(event.id, event.digest, strict=True)
                self._digests[self.n_events] = dict(known)
            if event.event in self._undone:
                self._settle(event.id)
            else:
                self._give(event.id, label)
            if first:
                done.append(event.event)
                undone.clear()
            return
        if event.action == "undo":
            self._move(event.of, done, undone, self._undone.add)
        else:
            self._move(event.of, undone, done, self._undone.discard)

    def _move(
        self,
        name: str | None,
        source: list[str],
        target: list[str],
        mark: Callable[[str], None],
    ) -> None:
        """Move an event from one stack of a person to the other; one that is not there
        (another's, or undone already) stays as it is.
        """
        if name is None or name not in source:
            return
        source.remove(name)
        target.append(name)
        mark(name)
        for line in self.events[name]:
            self._settle(line.id)

    def next_undo(self, by: str) -> str | None:
        """Return the event that an undo of this person takes back."""
        return next(reversed(self._stacks.get(by, ([], []))[0]), None)

    def next_redo(self, by: str) -> str | None:
        """Return the event that a redo of this person brings back."""
        return next(reversed(self._stacks.get(by, ([], []))[1]), None)

    def label_of(self, name: str, first: Labels) -> Labels:
        """Return the label of a document that came with the label ``first``."""
        if name in self.cleared:
            return ()
        return self.labels.get(name, first)

    def last(self, name: str) -> Assigned | None:
        """Return what a document was last labeled and was not undone."""
        for assigned in reversed(self._assigned.get(name, ())):
            if assigned.event not in self._undone:
                return assigned
        return None

    def changed_by_others(self, name: str, by: str, since: int) -> bool:
        """Whether somebody else has labeled a document after the ``since``-th event."""
        last = self.last(name)
        return last is not None and last.order > since and last.by != by

    def disputed(self) -> list[str]:
        """Return the documents that two people labeled differently, by each one's last
        action.
        """
        names = []
        for name, history in self._assigned.items():
            latest = {
                assigned.by: frozenset(assigned.label)
                for assigned in history
                if assigned.event not in self._undone
            }
            if len(set(latest.values())) > 1:
                names.append(name)
        return names

    def with_other_texts(self, texts: Mapping[str, str]) -> list[str]:
        """Return the documents that had another text when they were last labeled.

        Parameters
        ----------
        texts : dict
            The text of each document, by id; others are not checked.

        """
        names = []
        for name in filter(self._assigned.__contains__, texts):
            last = self.last(name)
            order = 0 if last is None else last.order
            known = self._digests.get(order, {}).get(name)
            if known and known != text_digest(texts[name]):
                names.append(name)
        return names

    def _give(self, names: list[str], label: Labels) -> None:
        """Take in a label that is the last one of its documents."""
        self.touched.append(names)
        if label:
            self.labels.update(dict.fromkeys(names, label))
            self.cleared.difference_update(names)
            return
        self.cleared.update(names)
        for name in names:
            self.labels.pop(name, None)

    def _settle(self, names: list[str]) -> None:
        """Find the last label of documents that is not undone."""
        self.touched.append(names)
        for name in names:
            last = self.last(name)
            self.labels.pop(name, None)
            self.cleared.discard(name)
            if last is not None and last.label:
                self.labels[name] = last.label
            elif last is not None:
                self.cleared.add(name)


class Applied(NamedTuple):
    """What became of an action.

    ``event`` is its line, the last where it wrote several, and None where nothing was
    left to do. ``left`` lists the documents that somebody else had labeled meanwhile
    and that stay as they were; ``n_labeled`` is how many were labeled.
    """

    event: Event | None
    left: list[str]
    n_labeled: int = 0


class LabelLog:
    """A log on disk, that several people and processes may write.

    Parameters
    ----------
    path : path
        A file of JSON lines; it is made at the first action.
    texts : dict or None
        The text of each document, by id. Their digests are recorded with each action,
        and an id that stands for another text than when it was labeled is reported by
        a UserWarning.

    Attributes
    ----------
    state : LabelState
        Of all lines read so far; `refresh` reads those that others wrote since.
    warning : str
        The sentence about documents with other texts; empty where there are none.

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

    def __init__(self, path: str | Path, texts: Mapping[str, str] | None = None):
        self.path = Path(path)
        self._texts = texts or {}
        self._turn = threading.RLock()
        self._forget()
        self.refresh()
        self.warning = ""
        names = self.state.with_other_texts(self._texts)
        if names:
            self.warning = (
                f"got the log {self.path.name} with labels of {count_ids(names)} whose "
                "text was another one then, expected the documents that were labeled; "
                "check these labels, which are kept, or pass another --out"
            )
            warnings.warn(self.warning, stacklevel=2)

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
            whole, end = self._read_lines()
            if not end:
                return False
            for line in whole.split(b"\n"):
                self._n_lines += 1
                if line.strip():
                    self.state.add(self._event(line))
            self._read_to += len(whole) + len(end)
            return True

    def _read_lines(self) -> tuple[bytes, bytes]:
        """Return the whole lines that were not read yet, and the end of the last."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._read_to)
                whole, end, _ = file.read().rpartition(b"\n")
        except OSError as error:
            raise _unusable(self.path, error) from error
        return whole, end

    def apply(
        self,
        ids: Iterable[str],
        label: Iterable[str],
        *,
        by: str = "",
        round: int = 0,
        selection: Mapping[str, Any] | None = None,
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
        labels = tuple(dict.fromkeys(read_label(label)))
        return self.apply_each(
            dict.fromkeys(ids, labels),
            by=by,
            round=round,
            selection=selection,
            since=since,
        )

    def apply_each(
        self,
        labels: Mapping[str, Iterable[str]],
        *,
        by: str = "",
        round: int = 0,
        selection: Mapping[str, Any] | None = None,
        since: int | None = None,
    ) -> Applied:
        """Give each document a label of its own, as one action that one undo takes
        back; parameters are those of `apply`.
        """
        groups = _groups(labels)
        name = token_hex(6)
        with self._writing() as write:
            left = []
            if since is not None and self.state.n_events > since:
                state = self.state
                left = [x for x in labels if state.changed_by_others(x, by, since)]
            skipped = set(left)
            event, n_labeled = None, 0
            for label, ids in groups.items():
                chosen = [x for x in ids if x not in skipped]
                if not chosen:
                    continue
                action = "apply"
                if not label:
                    action = "clear"
                about = dict(selection or {})
                event = write(chosen, list(label), action, by, round, about, name)
                n_labeled += len(chosen)
            return Applied(event, left, n_labeled)

    def import_labels(
        self,
        labels: Mapping[str, Iterable[str]],
        *,
        by: str = "",
        round: int = 0,
        source: str = "",
    ) -> list[Event]:
        """Give each document a label of its own, from a file, as one action; there is
        one line for each different label.
        """
        groups = _groups(labels)
        selection = {"how": "import", "source": source}
        name = token_hex(6)
        with self._writing() as write:
            return [
                write(ids, list(label), "import", by, round, selection, name)
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

    def tuned(self, round: int, by: str, selection: Mapping[str, Any]) -> Event:
        """Record that a round of tuning has finished."""
        with self._writing() as write:
            return write([], [], "tune", by, round, dict(selection), token_hex(6))

    def _turn_back(self, action: str, by: str) -> Event | None:
        with self._writing() as write:
            state = self.state
            latest = {"undo": state.next_undo, "redo": state.next_redo}
            of = latest[action](by)
            if of is None:
                return None
            lines = self.state.events[of]
            ids = [name for line in lines for name in line.id]
            label = []
            if len(lines) == 1:
                label = lines[0].label
            return write(ids, label, action, by, lines[0].round, {}, token_hex(6), of)

    @contextmanager
    def _writing(self) -> Iterator:
        """Hold the lock, know every line written so far, and append whole lines that
        are on disk at the end.
        """
        with self._turn:
            is_new = not self.path.exists()
            file = self._open()
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
                self._mend(file)
                self.refresh()
                drafts: list[bytes] = []

                def write(
                    ids, label, action, by, round, selection, name, of=None
                ) -> Event:
                    event = Event(
                        ids,
                        label,
                        action,
                        _now(),
                        round,
                        selection,
                        by,
                        name,
                        of,
                        self._digests(ids, action),
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

    def _digests(self, ids: list[str], action: str) -> list[str]:
        if action not in LABELING or not self._texts:
            return []
        texts = [self._texts.get(name) for name in ids]
        return ["" if text is None else text_digest(text) for text in texts]

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise _unusable(self.path, error) from error

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
                f"{self.path}:{self._n_lines}: got a line that is no action of a "
                f"labeling page ({error}), expected its log; pass another --out, or "
                "mend the line"
            ) from None


def _groups(labels: Mapping[str, Iterable[str]]) -> dict[Labels, list[str]]:
    """Return the documents of each different label."""
    groups: dict[Labels, list[str]] = {}
    for name, label in labels.items():
        groups.setdefault(tuple(label), []).append(name)
    return groups


def _now() -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return now.replace("+00:00", "Z")


def _unusable(path: Path, error: OSError) -> OSError:
    return OSError(
        f"got the log {path}, which cannot be used ({error.strerror}), expected a file "
        "to read and append to; pass another --out"
    )


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
