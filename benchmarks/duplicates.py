"""Near-duplicates: how many the annotated corpora hold, the share of planted copies that
is found, time and memory of 100,000 texts, and MinHash beside that of datasketch (pip
install datasketch).

OMP_NUM_THREADS=1 python benchmarks/duplicates.py corpora
OMP_NUM_THREADS=1 python benchmarks/duplicates.py generated
OMP_NUM_THREADS=1 python benchmarks/duplicates.py datasketch
"""

import random
import resource
import sys
import time

import numpy as np
from _corpora import FOLDER

from embetter_reg.corpus import load_registers, near_duplicates, read_documents
from embetter_reg.corpus.duplicates import shingles

N_TEXTS = 100_000
COPIES = 0.1  # share of the texts
N_SENTENCES = 10


def measured(texts, **options):
    """Return the groups, and print what they took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    groups = near_duplicates(texts, **options)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(texts):,} texts of {np.mean([len(text) for text in texts]):,.0f} "
        f"characters: {seconds:.0f} s of processor time, peak {peak:,.0f} MB, of which "
        f"{before:,.0f} MB before",
        flush=True,
    )
    return groups


def in_company(groups):
    """Return which texts have a near-duplicate."""
    return np.bincount(groups)[groups] > 1


def corpora():
    """All annotated documents: near-duplicates, and those on both sides of the split."""
    paths = sorted(FOLDER.glob("*.jsonl.gz"))
    train, test = (
        read_documents([path for path in paths if (".test." in path.name) == is_test])
        for is_test in (False, True)
    )
    texts = [*train["text"], *test["text"]]
    groups = measured(texts)
    of_train, of_test = np.split(groups, [len(train)])
    n_equal = test["text"].isin(train["text"]).sum()
    print(
        f"with a near-duplicate: {in_company(groups).sum():,}; of the {len(test):,} test "
        f"documents with one among the others: {np.isin(of_test, of_train).sum():,}; with "
        f"an equal text there: {n_equal:,}"
    )
    first, second = pairs(groups)
    similarities = [
        jaccard(texts[one], texts[other])
        for one, other in zip(first, second, strict=True)
    ]
    print(
        "exact similarity of each with the first of its group: median "
        f"{np.median(similarities):.2f}, {np.mean(np.array(similarities) < 0.75):.0%} "
        "below 0.75"
    )


def pairs(groups):
    """Return the first text of each group, and each other text of the group."""
    _, firsts = np.unique(groups, return_index=True)
    first = firsts[groups]
    others = np.flatnonzero(first != np.arange(len(groups)))
    return first[others], others


def edited(text, n_edits, draws):
    """Return the text with so many words replaced."""
    words = text.split(" ")
    for place in draws.sample(range(len(words)), n_edits):
        words[place] = str(draws.randrange(10**6))
    return " ".join(words)


def generated():
    """Texts of sentences drawn anew, a tenth of which are copies with one to five words
    replaced.
    """
    draws = random.Random(0)
    pools = [
        [each for text in part["text"] for each in text.split(". ") if len(each) > 20]
        for _, part in load_registers().groupby("lang")
    ]
    n_copies = int(COPIES * N_TEXTS)
    texts = [
        ". ".join(draws.sample(draws.choice(pools), N_SENTENCES))
        for _ in range(N_TEXTS - n_copies)
    ]
    sources = draws.sample(range(len(texts)), n_copies)
    copies = [edited(texts[source], draws.randint(1, 5), draws) for source in sources]
    groups = measured(texts + copies)
    is_found = groups[sources] == groups[len(texts) :]
    similarities = np.array(
        [
            jaccard(texts[source], copy)
            for source, copy in zip(sources, copies, strict=True)
        ]
    )
    for low, high in ((0.7, 0.77), (0.77, 0.8), (0.8, 0.83), (0.83, 0.86), (0.86, 1)):
        among = (similarities >= low) & (similarities < high)
        print(
            f"copies of a similarity from {low} to {high}: {is_found[among].mean():.4f} "
            f"of {among.sum():,} are found"
        )
    is_joined = in_company(groups[: len(texts)])
    print(f"originals joined with another original: {is_joined.sum():,}")


def jaccard(one, other):
    one, other = shingles(one, 8), shingles(other, 8)
    return len(one & other) / len(one | other)


def datasketch():
    """Signatures of 256 hashes from the same shingles."""
    from datasketch import MinHash
    from rensa import RMinHash

    texts = load_registers()["text"]
    sets = [shingles(text, 8) for text in texts]
    coded = [[shingle.encode() for shingle in each] for each in sets]

    def sign_by_rensa():
        return RMinHash.digest_matrix_from_token_sets(sets, 256, 0).to_rows()

    def sign_by_datasketch():
        return MinHash.bulk(coded, num_perm=256, seed=0)

    for _ in range(3):
        for sign in (sign_by_rensa, sign_by_datasketch):
            start = time.process_time()
            sign()
            seconds = time.process_time() - start
            print(f"{sign.__name__}: {1000 * seconds / len(texts):.2f} ms a text")


if __name__ == "__main__":
    {"corpora": corpora, "generated": generated, "datasketch": datasketch}[
        sys.argv[1]
    ]()
