"""Estimators in skops files: the same bytes for the same estimator, and only listed
classes when read.
"""

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from sklearn.base import BaseEstimator

from embetter_reg._files import write_atomically
from embetter_reg._validation import check_path

# Beside the types of numpy, scipy and scikit-learn that skops itself trusts. A prefix
# would not do: what a module of this package imports has a name below it too.
TRUSTED = (
    "embetter_reg.erase._centering.LanguageCentering",
    "embetter_reg.erase._leace.LEACE",
    "embetter_reg.erase._lsar.LSAR",
    "embetter_reg.finetune.heads._contrastive.ContrastiveTuner",
    "embetter_reg.finetune.heads._feedforward.FeedForwardTuner",
    "embetter_reg.finetune.heads._learner.ContrastiveLearner",
    "embetter_reg.finetune.heads._linear.LinearTuner",
    "embetter_reg.grab.ColumnGrabber",
    "embetter_reg.grab.KeyGrabber",
    "embetter_reg.model.DifferenceClassifier",
    "embetter_reg.text._cached.CachedEncoder",
    "embetter_reg.text._causal.CausalLMEncoder",
    "embetter_reg.text._lite.LiteTextEncoder",
    "embetter_reg.text._pretrained_registers.PretrainedRegisters",
    "embetter_reg.text._register.RegisterEncoder",
    "embetter_reg.text._matryoshka.MatryoshkaEncoder",
    "embetter_reg.text._sentence.SentenceEncoder",
    "embetter_reg.text._static.TextEncoder",
    "embetter_reg.text._surface.SurfaceEncoder",
    "embetter_reg.text._tokens.TokenEncoder",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
)


def trusted_types() -> list[str]:
    """Return the classes that an estimator's file may hold, for ``skops.io.load``.

    They are this library's estimators; skops itself adds types of numpy, scipy and
    scikit-learn.

    Examples
    --------
    >>> from embetter_reg import trusted_types
    >>> "embetter_reg.text._lite.LiteTextEncoder" in trusted_types()
    True

    """
    return list(TRUSTED)


def dump_estimator(estimator: BaseEstimator, path: str | Path) -> None:
    """Write an estimator with skops; equal estimators give equal bytes.

    Raises
    ------
    TypeError
        If ``estimator`` is none.
    OSError
        If the file cannot be written; an old one stays.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from embetter_reg import dump_estimator, load_estimator
    >>> from embetter_reg.text import SurfaceEncoder
    >>> with TemporaryDirectory() as folder:
    ...     dump_estimator(SurfaceEncoder(), f"{folder}/encoder.skops")
    ...     load_estimator(f"{folder}/encoder.skops")
    SurfaceEncoder()

    """
    from skops.io import dumps

    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"got {type(estimator).__name__}, expected an estimator of scikit-learn or "
            "embetter_reg; pass one"
        )
    file = check_path("path", path)
    data = _repeatable(dumps(estimator))
    write_atomically(file, lambda draft: draft.write_bytes(data))


def load_estimator(path: str | Path, kind: type = BaseEstimator) -> Any:
    """Read an estimator of class ``kind`` written by `dump_estimator`.

    Nothing of the file is run or imported before its types are found in the list of
    trusted ones.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no skops file, or holds other types.

    Examples
    --------
    >>> from embetter_reg import load_estimator
    >>> pipeline = load_estimator("pipeline.skops")  # doctest: +SKIP

    """
    from skops.io import get_untrusted_types, loads

    path = check_path("path", path)
    expected = f"a {kind.__name__}"
    if kind is BaseEstimator:
        expected = "an estimator of scikit-learn or embetter_reg"
    if not path.is_file():
        raise FileNotFoundError(
            f"got {path}, which is no file, expected {expected}; check the path"
        )
    data = path.read_bytes()
    try:
        strange = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
        estimator = None if strange else loads(data, trusted=list(TRUSTED))
    except Exception as error:  # zip, JSON and skops each raise their own
        raise ValueError(
            f"got {path}, which cannot be read as a skops file ({type(error).__name__})"
            f", expected {expected}; write it anew"
        ) from error
    if strange:
        raise ValueError(
            f"got {path} with the types {strange}, expected {expected}; nothing of it "
            "was loaded, pass another file"
        )
    if not isinstance(estimator, kind):
        raise ValueError(
            f"got {path}, which holds a {type(estimator).__name__}, expected "
            f"{expected}; pass another file"
        )
    return estimator


def _repeatable(data: bytes) -> bytes:
    """Return a skops file without memory addresses and times.

    skops names arrays and shared objects by their address in memory. Here they are
    numbered in the order of the file; single numbers and strings, which may be shared
    or not, have no number.
    """
    numbers: dict[str, int] = {}
    names: dict[str, str] = {}

    def number(address: str) -> int:
        return numbers.setdefault(address, 1 + len(numbers))

    with ZipFile(io.BytesIO(data)) as source:
        files = set(source.namelist())

        def renumber(node: dict[str, Any]) -> dict[str, Any]:
            address = node.pop("__id__", None)
            if address is not None and node.get("__loader__") != "JsonNode":
                node["__id__"] = number(str(address))
            file = node.get("file")
            if isinstance(file, str) and file in files:
                stem, _, suffix = file.partition(".")
                node["file"] = names[file] = f"{number(stem)}.{suffix}"
            return node

        schema = json.loads(source.read("schema.json"), object_hook=renumber)
        target = io.BytesIO()
        with ZipFile(target, "w") as zip_file:
            for file, name in names.items():
                zip_file.writestr(ZipInfo(name), source.read(file))
            zip_file.writestr(ZipInfo("schema.json"), json.dumps(schema, indent=1))
    return target.getvalue()
