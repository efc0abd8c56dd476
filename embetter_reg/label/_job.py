"""A round of tuning in a process of its own, so that the page stays at hand and the
round can be stopped.
"""

import multiprocessing
import os
import shutil
import threading
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg.label._tune import tune_round


class TuneJob:
    """A round in a process of its own.

    `poll` reads its progress; once `done` is set, the round lies in ``folder``, and
    whoever started it takes it from there. A job that was stopped or failed leaves
    nothing behind but the sentence in ``error``.

    Parameters
    ----------
    X, rows, targets, held, before, places : arrays
        As for `tune_round`.
    under : path
        Folder in which the job works.
    settings
        More arguments of `tune_round`.

    """

    def __init__(
        self,
        X: ArrayLike,
        rows: ArrayLike,
        targets: ArrayLike,
        held: ArrayLike,
        *,
        before: ArrayLike,
        places: ArrayLike,
        under: str | Path,
        **settings: Any,
    ):
        under = Path(under)
        under.mkdir(parents=True, exist_ok=True)
        self._work = Path(mkdtemp(prefix=".tuning-", dir=under))
        self.folder = self._work / "round"
        arguments = self._work / "arguments"
        arguments.mkdir()
        arrays = {
            "X": X,
            "rows": rows,
            "targets": targets,
            "held": held,
            "before": before,
            "places": places,
        }
        for name, array in arrays.items():
            np.save(arguments / f"{name}.npy", np.asarray(array))
        self.started = time.monotonic()
        # A fork after OpenMP has run may hang; a new interpreter does not.
        context = multiprocessing.get_context("spawn")
        self._progress, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_child,
            args=(str(arguments), str(self.folder), settings, sender),
            daemon=True,
        )
        self._process.start()
        sender.close()
        self.step = "starting"
        self.share = 0.0
        self.error = ""
        self.done = False

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def poll(self) -> bool:
        """Read what the process has reported; return whether it is over."""
        try:
            while self._progress.poll():
                kind, *rest = self._progress.recv()
                if kind == "error":
                    self.error = rest[0]
                else:
                    self.step, self.share = rest
        except (EOFError, OSError):
            # The last step is reported once the round is on disk, whole.
            self.done = self.share == 1 and not self.error
            if not self.done and not self.error:
                self._process.join(timeout=10)
                code = self._process.exitcode
                self.error = f"the tuning process ended with code {code}"
        if self.error:
            self.clear()
        return self.done or bool(self.error)

    def stop(self) -> None:
        """End the process and remove what it wrote."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(timeout=1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(timeout=5)
        self.error = self.error or "stopped"
        self.clear()

    def clear(self) -> None:
        """Remove the working folder."""
        shutil.rmtree(self._work, ignore_errors=True)


def _child(*arguments: Any) -> None:
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)
    run(*arguments)
    os._exit(0)  # to take the interpreter apart would last seconds


def run(arguments: str, out: str, settings: dict[str, Any], sender: Any) -> None:
    """Tune a round on arrays in a folder, and send progress or an error."""

    def report(step: str, share: float) -> None:
        sender.send(("progress", step, share))

    try:
        files = Path(arguments).glob("*.npy")
        arrays: dict[str, Any] = {
            path.stem: np.load(path, mmap_mode="c") for path in files
        }
        arrays["places"] = np.array(arrays["places"])
        tune_round(**arrays, out=out, callback=report, **settings)
    except Exception as error:
        sender.send(("error", str(error)))
    finally:
        sender.close()


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
