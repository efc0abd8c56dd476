"""Progress of long work: bars on a terminal and in notebooks, lines in log files."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Thread
from typing import Any, TextIO

_FIRST = 2  # seconds after which work says that it goes on
_EVERY = 60  # seconds between two lines of a log
# As tqdm draws it, but "0.50 documents/s" where that would say "2.00s/ documents".
_BAR = (
    "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, "
    "{rate_noinv_fmt}{postfix}]"
)
_OUTER: ContextVar[Any] = ContextVar("outer", default=None)


def progress(
    values: Iterable[Any] | None = None,
    *,
    total: float | None = None,
    initial: int = 0,
    desc: str | None = None,
    unit: str = "document",
    show: bool = True,
    **options: Any,
) -> Any:
    """Return a bar of tqdm, which writes a line a minute where it writes to a file."""
    from tqdm import tqdm
    from tqdm.auto import tqdm as auto

    common = {
        "total": total,
        "initial": initial,
        "desc": desc,
        "unit": f" {unit}s",
        "disable": not show,
    }
    if _draws():
        if total is not None or hasattr(values, "__len__"):
            options.setdefault("bar_format", _BAR)
        return auto(values, **common, **options)
    bar = tqdm(
        values,
        **common,
        file=_Lines(sys.stderr),
        delay=_FIRST,
        mininterval=_EVERY,
        miniters=1,
        smoothing=0,  # the rate since the start
        bar_format="{desc}: {n:,.0f} of {total:,.0f}{unit} in {elapsed}, {rate_noinv_fmt}, "
        "{remaining} left",
    )
    if show:
        bar.last_print_t -= _EVERY - _FIRST  # the first line is early
    return bar


@contextmanager
def documents_bar(n_documents: int, desc: str, show: bool) -> Iterator[Any]:
    """Give a bar of documents, which the bars of `texts_bar` inside it move on."""
    with progress(total=n_documents, desc=desc, show=show) as bar:
        token = _OUTER.set(bar if show else None)
        try:
            yield bar
        finally:
            _OUTER.reset(token)


@contextmanager
def texts_bar(n_texts: int, show: bool) -> Iterator[Any]:
    """Give a bar of the texts of a call of an encoder; inside `documents_bar` it draws
    nothing and moves that one.
    """
    outer = _OUTER.get()
    if outer is not None:
        inner = _Share(outer, n_texts)
        yield inner
        inner.finish()
        return
    with progress(total=n_texts, unit="text", show=show and n_texts > 0) as bar:
        yield bar


class _Share:
    """A bar whose steps are a share of the texts that an outer bar counts."""

    def __init__(self, outer: Any, n_texts: int):
        self._outer = outer
        self._n_texts = n_texts
        self._moved = 0.0
        self.total: float = n_texts

    def update(self, n: float = 1) -> None:
        """Move the outer bar by the share that ``n`` is of all steps."""
        step = min(n / max(self.total, 1) * self._n_texts, self._n_texts - self._moved)
        self._moved += step
        self._outer.update(step)

    def finish(self) -> None:
        """Move the outer bar by what is left."""
        self._outer.update(self._n_texts - self._moved)


@contextmanager
def step(message: str, show: bool = True) -> Iterator[None]:
    """Say what is being done, and for how long, once it lasts two seconds."""
    if not show:
        yield
        return
    end = Event()
    thread = Thread(target=_tell, args=(message, end, sys.stderr), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _tell(message: str, end: Event, stream: TextIO) -> None:
    """Write the message and its age until the work ends."""
    start = time.monotonic()
    draws = _draws()
    wait = float(_FIRST)
    shown = ""
    while not end.wait(wait):
        age = int(time.monotonic() - start)
        shown = f"{message}: {age // 60:02d}:{age % 60:02d}"
        stream.write(f"\r{shown}" if draws else f"{shown}\n")
        stream.flush()
        wait = 1.0 if draws else float(_EVERY)
    if shown and draws:
        stream.write("\r" + " " * len(shown) + "\r")
        stream.flush()


def _draws() -> bool:
    """Return whether bars are drawn over and over: on a terminal or in a notebook."""
    if sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


class _Lines:
    """A stream to which each state of a bar is a line."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> None:
        """Write what is there beside the moves of the cursor and the padding."""
        line = " ".join(text.split())
        if line:
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
