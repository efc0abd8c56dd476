"""Stored embeddings of a million documents: minutes and peak memory of the commands.

The vectors of some thousand annotated documents by a model, tiled, with noise of a
third of their standard deviation, are written as embeddings of 384 dimensions in half
precision. Each command then runs in a process of its own, and the labeling page is
opened in Chromium.

python benchmarks/millions.py MODEL [N_DOCUMENTS] [FOLDER] [COMMAND ...]

MODEL is multilingual-e5-small or a folder of that name. COMMAND is one of sweep, compare,
plot and label, which run without any, or pretrained: the comparison of the pretrained
head on four stored layers.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from _corpora import single_register

from embetter_reg.pretrained import read_card
from embetter_reg.store import (
    Embeddings,
    encode_documents,
    read_embeddings,
    write_embeddings,
)
from embetter_reg.text import SentenceEncoder

HEAD = "multilingual-e5-small-frozen"
N_ENCODED = 3_000
N_IN_SHARD = 50_000


def main() -> None:
    model = sys.argv[1]
    n_documents = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[3] if len(sys.argv) > 3 else temporary)
        stored = folder / f"stored_{n_documents}"
        if not stored.exists():
            write_embeddings(tiled(model, n_documents), stored, precision="float16")
        kept = folder / f"map_{n_documents}.parquet"
        wanted = sys.argv[4:] or ["sweep", "compare", "plot", "label"]
        for arguments in commands(stored, folder, kept):
            if arguments[0] in wanted:
                measure(arguments)
        if "pretrained" in wanted:
            layers = folder / f"layers_{n_documents}"
            if not layers.exists():
                parts = tiled(model, n_documents, read_card(HEAD).layers)
                write_embeddings(parts, layers, precision="float16")
            head = ["--head", "pretrained", "--k", "8"]
            out = str(folder / "pretrained")
            measure(["compare", str(layers), *head, "--out", out])
        if "label" in wanted:
            label(stored, folder, kept)


def tiled(
    model: str, n_documents: int, layers: list[int] | None = None
) -> Iterator[Embeddings]:
    """Yield shards of documents that are like some real ones."""
    documents = single_register("train").sample(N_ENCODED, random_state=0)
    encoder = SentenceEncoder(
        model, max_length=256 if layers else 128, normalize=not layers
    )
    with tempfile.TemporaryDirectory() as folder:
        encode_documents(encoder, documents, folder, layers=layers)
        few = read_embeddings(folder)
    rng = np.random.default_rng(0)
    for start in range(0, n_documents, N_IN_SHARD):
        n_rows = min(N_IN_SHARD, n_documents - start)
        rows = rng.integers(N_ENCODED, size=n_rows)
        noisy = {}
        for name, X in few.layers.items():
            noise = rng.normal(scale=X.std() / 3, size=(n_rows, X.shape[1]))
            noisy[name] = (X[rows] + noise).astype(np.float32)
        part = few.documents[["lang", "labels", "text"]].iloc[rows]
        part = part.reset_index(drop=True)
        part["text"] = part["text"].str[:200] + [f" {start + n}" for n in range(n_rows)]
        part.insert(0, "id", [f"d{start + n}" for n in range(n_rows)])
        yield Embeddings(part, noisy, few.manifests)


def commands(stored: Path, folder: Path, kept: Path) -> list[list[str]]:
    sweep = ["sweep", str(stored), "--k", "8", "--n-seeds", "1", "--reducers", "none"]
    compare = ["compare", str(stored), "--head", "none", "--k", "8"]
    plot = ["plot", str(stored), "--map", str(kept), "--out"]
    return [
        [*sweep, "--out", str(folder / "sweep")],
        [*compare, "--out", str(folder / "compare")],
        [*plot, str(folder / "map.png")],
        [*plot, str(folder / "map.html")],
    ]


def measure(arguments: list[str]) -> None:
    """Run a command and print its minutes and its peak of memory."""
    start = time.perf_counter()
    code = "from embetter_reg.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    minutes = (time.perf_counter() - start) / 60
    peak = usage.ru_maxrss / 1024**2
    print(
        f"{arguments[0]}: {minutes:.1f} min, peak {peak:.1f} GB, status {status}",
        flush=True,
    )


def label(stored: Path, folder: Path, kept: Path) -> None:
    """Open the page on the kept map, twice; lasso a tenth of the documents around the
    middle, and label them.
    """
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "label"))
    from browser import WITHOUT_WEBGL, browsing, serving

    places = pd.read_parquet(kept).drop(columns="id").to_numpy()
    middle = np.median(places, axis=0)
    radius = np.quantile(np.linalg.norm(places - middle, axis=1), 0.1)
    turns = np.linspace(0, 2 * np.pi, 40)
    lasso = middle + radius * np.column_stack([np.cos(turns), np.sin(turns)])
    for start in ("first", "second"):
        log = folder / "labels.jsonl"
        command = [stored, "--map", kept, "--out", log, "--keep-labels", "0"]
        begun = time.perf_counter()
        with serving(*command) as server, browsing(flags=(WITHOUT_WEBGL,)) as browser:
            served = time.perf_counter()
            browser.open(server.address)
            print(
                f"label, {start} start: served after {served - begun:.1f} s, map drawn "
                f"after {time.perf_counter() - begun:.1f} s"
            )
            browser.js(_STOPWATCH, "pointerup", "selected", "h2", r"^[1-9].* selected")
            browser.drag(lasso)
            taken = browser.until(lambda: browser.js("return window.selected"), "lasso")
            print(f"lasso of {browser.n_selected:,} documents: {taken:.2f} s")
            browser.press("1")
            browser.js(_STOPWATCH, "click", "saved", ".notice", "^Saved: ")
            browser.click("Apply")
            taken = browser.until(lambda: browser.js("return window.saved"), "saved")
            print(f"Apply: {taken:.2f} s; the page says {browser.says()!r}")
            status = Path(f"/proc/{server.pid}/status").read_text().split()
            peak = int(status[status.index("VmHWM:") + 1]) / 1024**2
            print(f"peak {peak:.1f} GB", flush=True)
            browser.shoot(folder / f"label_{start}.png")
        log.unlink()


# Takes the seconds from an event to the first picture of the page in which an element,
# in whatever shadow tree, has a text.
_STOPWATCH = """
const [event, name, css, pattern] = arguments
const walk = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
  ...(element.matches(css) ? [element.innerText] : []),
  ...(element.shadowRoot ? walk(element.shadowRoot) : []),
])
window[name] = null
addEventListener(event, () => {
  const begun = performance.now()
  const look = () => {
    if (walk(document).some((text) => text.match(pattern)))
      window[name] = (performance.now() - begun) / 1000
    else requestAnimationFrame(look)
  }
  look()
}, {capture: true, once: true})
"""


if __name__ == "__main__":
    main()
