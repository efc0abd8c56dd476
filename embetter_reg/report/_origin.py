"""What a report was made of and with: files, versions, and the page on the method."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable
from pathlib import Path

from embetter_reg import __version__

_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "umap-learn",
    "sentence-transformers",
    "matplotlib",
)


def file_digests(paths: Iterable[str | Path]) -> dict[str, str]:
    """Return the SHA-256 of each file, and of each file in a folder, by its path.

    Raises
    ------
    OSError
        If a file cannot be read.

    """
    digests = {}
    for path in map(Path, paths):
        files = [path]
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.is_file())
        for file in files:
            with file.open("rb") as stream:
                digests[str(file)] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests


def versions() -> dict[str, str]:
    """Return the versions of the package, of Python, and of what computes."""
    return {
        "embetter_reg": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def find_method_page() -> str | None:
    """Return the address of the method page, if the installed package names its
    documentation.
    """
    try:
        urls = importlib.metadata.metadata("embetter-reg").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for url in urls:
        name, _, address = url.partition(",")
        if name.strip().lower() == "documentation":
            return f"{address.strip().rstrip('/')}/method/"
    return None
