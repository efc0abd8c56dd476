"""Prompts that known models were trained with and do not bring themselves."""

import re
from pathlib import Path
from typing import Any

# Wang et al. (2022, 2024): E5 models expect one of two prompts in front of every text,
# and "query: " where texts are features. Those that follow instructions do not.
_E5 = re.compile(r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?")


def known_prompt(name: Any) -> str | None:
    """Return the prompt of a model that is known to need one, or None.

    A model is known by the last part of its name or folder.
    """
    if _E5.fullmatch(Path(str(name)).name.lower()):
        return "query: "
    return None
