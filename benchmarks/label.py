"""Labels right an action, on the map of the original space and after tuning, against
one document at a time.

python benchmarks/label.py [bundled] [corpora]

5 % of the documents are labeled at random (and, to see when tuning begins to pay, 20
%). A scripted user then takes the regions of the map one after another, as the page
suggests them, reads the eight documents on the first page of the list (the most typical
ones) and labels the region by their majority. A careful user does so only where at
least six of the eight agree, and skips the others.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from _corpora import single_register
from sklearn.utils import check_random_state

from embetter_reg.corpus import label_column, load_registers
from embetter_reg.label import Session, Workspace
from embetter_reg.text import LiteTextEncoder

SEEDS = 3
SHARES = (0.05, 0.2)
AGREEING = {"every region": 0, "6 of 8 agree": 6}


def main() -> None:
    wanted = sys.argv[1:] or ["bundled", "corpora"]
    corpora = {"bundled": load_registers, "corpora": lambda: single_register("test")}
    for name in wanted:
        documents = corpora[name]()
        for share in SHARES:
            table = pd.DataFrame(
                [
                    row
                    for seed in range(SEEDS)
                    for row in measure(documents, share, seed)
                ]
            )
            print(
                f"\n{name}: {len(documents):,} documents, {share:.0%} labeled, "
                f"mean of {SEEDS} seeds (sd)"
            )
            figures = [
                "actions",
                "labeled",
                "right",
                "right_an_action",
                "right_a_document_read",
            ]
            grouped = table.groupby(["map", "user"], sort=False)[figures]
            mean, spread = grouped.mean(), grouped.std()
            print(
                (
                    mean.round(2).astype(str) + " (" + spread.round(2).astype(str) + ")"
                ).to_string()
            )
            agreement = (
                table.groupby("map", sort=False)[
                    ["agreement_before", "agreement_after"]
                ]
                .mean()
                .round(2)
            )
            print(agreement.dropna().to_string(), flush=True)


def measure(documents: pd.DataFrame, share: float, seed: int) -> list[dict]:
    """Return the figures of every map and user for one draw of the first labels."""
    gold = label_column(documents).to_numpy()
    X = LiteTextEncoder(random_state=seed).fit_transform(documents["text"])
    known = check_random_state(seed).permutation(len(documents))[
        : round(share * len(documents))
    ]
    labels = [
        [gold[row]] if row in set(known.tolist()) else []
        for row in range(len(documents))
    ]
    with TemporaryDirectory() as folder:
        work = Workspace(
            documents.assign(labels=labels),
            X,
            Path(folder) / "labels.jsonl",
            random_state=seed,
        )
        rows = label_regions(work, gold, "original")
        tune(work)
        rows += label_regions(work, gold, "tuned")
        # Once more, on what the careful user labeled on the first tuned map.
        label_regions(work, gold, "tuned", users=["6 of 8 agree"], keep=True)
        tune(work)
        rows += label_regions(work, gold, "tuned twice")
    return rows


def tune(work: Workspace) -> None:
    work.start_tuning()
    while work.job is not None:
        work.poll_tuning()
        time.sleep(0.2)


def label_regions(
    work: Workspace, gold, name: str, users=tuple(AGREEING), keep: bool = False
) -> list[dict]:
    """Let each user go once over the regions of the newest map; what they label is
    taken back unless kept.
    """
    rows = []
    for user in users:
        session = Session(work, user)
        n_read = n_actions = n_labeled = n_right = 0
        for region in work.regions(session.round.number):
            session.select_rows(region, "informative region", "new")
            read = [gold[row] for row in session.on_page]
            n_read += len(read)
            (label, votes), *_ = Counter(read).most_common(1)
            if votes < AGREEING[user] * len(read) / 8:
                continue
            n_actions += 1
            n_labeled += len(region)
            n_right += int((gold[region] == label).sum())
            session.apply([label])
        agreement = session.round.agreement
        rows.append(
            {
                "map": name,
                "user": user,
                "actions": n_actions,
                "labeled": n_labeled
                / max(sum(not label for label in work.first_labels), 1),
                "right": n_right / max(n_labeled, 1),
                "right_an_action": n_right / max(n_actions, 1),
                "right_a_document_read": n_right / n_read,
                "agreement_before": agreement.before if agreement else np.nan,
                "agreement_after": agreement.after if agreement else np.nan,
            }
        )
        while not keep and session.undo() is not None:
            pass
    return rows


if __name__ == "__main__":
    main()
