"""A small corpus with a map that is known: eight registers as islands in a row,
languages above each other.
"""

import numpy as np
import pytest

from embetter_reg.corpus import load_registers
from embetter_reg.label import Workspace
from embetter_reg.store import Embeddings, write_embeddings

REGISTERS = ["NA", "IN", "OP", "IP", "HI", "ID", "SP", "LY"]


@pytest.fixture(scope="session")
def documents():
    """The bundled corpus with its columns x and y: register n at x = n, language m at y
    = m, and a little noise.
    """
    rng = np.random.default_rng(0)
    frame = load_registers()
    x = frame["labels"].map(lambda labels: REGISTERS.index(labels[0]))
    y = frame["lang"].rank(method="dense") - 1
    return frame.assign(
        x=x + rng.uniform(-0.2, 0.2, len(frame)),
        y=y + rng.uniform(-0.2, 0.2, len(frame)),
    )


@pytest.fixture(scope="session")
def gold(documents):
    return [labels[0] for labels in documents["labels"]]


@pytest.fixture(scope="session")
def space(documents):
    """Vectors by language, with a trace of register that a head can find."""
    rng = np.random.default_rng(0)
    register = np.eye(8)[[REGISTERS.index(labels[0]) for labels in documents["labels"]]]
    language = np.eye(6)[documents["lang"].rank(method="dense").astype(int) - 1]
    noise = rng.normal(scale=0.15, size=(len(documents), 16))
    return (
        noise + np.hstack([0.45 * register, language, np.zeros((len(documents), 2))])
    ).astype(np.float32)


@pytest.fixture
def make_work(documents, space, tmp_path):
    """Return a function that makes a workspace on the same log every time."""

    def make(keep=False, **options):
        unlabeled = documents.drop(columns=["x", "y"])
        if not keep:
            unlabeled = unlabeled.assign(labels=[[] for _ in range(len(documents))])
        options = {
            "reducer": "pca",
            "places": documents[["x", "y"]].to_numpy(),
            **options,
        }
        return Workspace(unlabeled, space, tmp_path / "labels.jsonl", **options)

    return make


@pytest.fixture(scope="session")
def embeddings(documents, space, tmp_path_factory):
    """A folder with the documents' embeddings, and a file with the documents."""
    folder = tmp_path_factory.mktemp("label")
    documents.to_json(folder / "docs.jsonl", orient="records", lines=True)
    write_embeddings(Embeddings(documents, {"embedding": space}), folder / "embeddings")
    return folder
