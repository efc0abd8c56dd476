"""Where the weights lie, and what tells one set of them from another."""

import hashlib
from pathlib import Path

PRETRAINED = (
    "multilingual-e5-small",
    "multilingual-e5-small-frozen",
    "all-MiniLM-L6-v2-frozen",
)
ROOT = Path(__file__).parent


def pretrained_folder(name: str | Path) -> Path:
    """Return the folder of pretrained weights.

    Parameters
    ----------
    name : str or path
        One of `PRETRAINED`, which come with the package, or a folder with weights of
        the same form.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it holds no ``card.json``.

    Examples
    --------
    >>> from embetter_reg.pretrained import pretrained_folder
    >>> pretrained_folder("multilingual-e5-small").name
    'multilingual-e5-small'

    """
    folder = Path(name)
    if str(name) in PRETRAINED:
        folder = ROOT / name
    if not (folder / "card.json").is_file():
        raise FileNotFoundError(
            f"got the pretrained weights {str(name)!r}, expected one of "
            f"{list(PRETRAINED)} or a folder that holds a card.json; pass one"
        )
    return folder


def weights_digest(name: str | Path) -> str:
    """Return a digest of the content of pretrained weights and of their card: 32
    hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    folder = pretrained_folder(name)
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json")]):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()
