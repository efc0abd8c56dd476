"""Documents whose texts tell what they are."""

import pandas as pd
import pytest


@pytest.fixture
def documents():
    """Return twelve texts of each register in each language, such as "NA en 7"."""
    rows = [
        {"lang": language, "labels": [register], "text": f"{register} {language} {n}"}
        for n in range(12)
        for register in ("NA", "HI", "OP")
        for language in ("en", "fi")
    ]
    table = pd.DataFrame(rows)
    return table.assign(id=[f"d{n}" for n in range(len(table))])
