"""Training transformers: equal to a plain loop, four methods, kills survived, folders
that load everywhere.
"""

import copy
import gc
import json
import os
import pathlib
import pickle
import random
import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_class_weight
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
)

from embetter_reg._class_weights import weigh_classes
from embetter_reg.finetune import RegisterTrainer
from embetter_reg.finetune.models import _register_run
from embetter_reg.finetune.models._adapters import (
    METHODS,
    apply_method,
    count_parameters,
)
from embetter_reg.finetune.models._register_documents import (
    Documents,
    hold_out,
    make_windows,
)
from embetter_reg.finetune.models._register_labels import read_labels, targets
from embetter_reg.store import encode_documents, read_embeddings
from embetter_reg.text import CausalLMEncoder, Encoded, RegisterEncoder, encode_layers

pytest.importorskip("accelerate", reason="the extra sbert is not installed")
needs_peft = pytest.importorskip("peft", reason="the extra adapters is not installed")

PARTS = {
    "NA": "the cat sat on the mat",
    "HI": "mix the flour and bake",
    "OP": "we voted for the new law today",
}
WORDS = ["a", "cat", "mat", "law", "new", "on", "and", "we"]
TEXTS = [f"{part} {word}" for word in WORDS for part in PARTS.values()]
LABELS = list(PARTS) * len(WORDS)
HYBRIDS = [["NA", "OP"] if n % 6 == 0 else [label] for n, label in enumerate(LABELS)]
LANGUAGE = ["en", "en", "en", "fi", "fi", "fi"] * 4
RATES = {"full": 3e-3, "bitfit": 0.03, "lora": 0.02, "ia3": 0.05}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(
        gc, "collect", lambda *args: 0
    )  # accelerate's, at every fit: seconds in a large process


def trainer(folder, method="full", **options):
    given = {
        "device": "cpu",
        "random_state": 0,
        "learning_rate": RATES[method],
        "batch_size": 6,
        "max_length": 16,
    }
    return RegisterTrainer(str(folder), method, **{**given, **options})


def weights(model):
    return torch.cat(
        [tensor.flatten().float() for tensor in model.state_dict().values()]
    )


@pytest.fixture(scope="module")
def calm(tiny_folder, tmp_path_factory):
    """The tiny classifier without dropout."""
    folder = tmp_path_factory.mktemp("calm")
    BertForSequenceClassification.from_pretrained(
        tiny_folder / "classifier",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_folder / "bert").save_pretrained(folder)
    return folder


def contrast_of(hidden, mask, y, languages):
    """The contrastive loss of a batch, a pair at a time."""
    means = [
        vectors[kept > 0].mean(dim=0)
        for vectors, kept in zip(hidden, mask, strict=True)
    ]
    n = len(means)
    losses = []
    for row in range(n):
        others = [other for other in range(n) if other != row]
        cosines = torch.stack(
            [
                torch.cosine_similarity(means[row], means[other], dim=0)
                for other in others
            ]
        )
        log_p = (cosines / 0.2).log_softmax(dim=0)
        share = torch.tensor(
            [
                float((y[row] * y[other]).sum() / y[[row, other]].amax(dim=0).sum())
                * (languages[row] != languages[other])
                for other in others
            ]
        )
        losses.append(-(share * log_p).sum() / share.sum().clamp(min=1e-12))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("supcon_weight", [0.0, 0.5])
def test_it_is_a_plain_loop(calm, supcon_weight):
    """Order, accumulation, class weights, warm-up, decay and the contrastive loss
    across languages against a loop written out.
    """
    classes = [
        "NA",
        "ne",
        "OP",
        "rv",
        "HI",
    ]  # those of the model, whose head is then taken as it is
    ours = trainer(
        calm,
        classes=classes,
        multi_label=True,
        class_weight={"HI": 4.0},
        batch_size=3,
        accumulate=2,
        max_steps=6,
        early_stopping=False,
        learning_rate=1e-3,
        warmup_ratio=0.3,
        supcon_weight=supcon_weight,
        temperature=0.2,
    ).fit(TEXTS, HYBRIDS, language=LANGUAGE)
    model, tokenizer = (
        BertForSequenceClassification.from_pretrained(calm).eval(),
        AutoTokenizer.from_pretrained(calm),
    )
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(24), rng.permutation(24)])
    y = torch.tensor([[float(name in own) for name in classes] for own in HYBRIDS])
    decayed = [p for name, p in model.named_parameters() if p.ndim > 1]
    others = [p for name, p in model.named_parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": 0.01},
            {"params": others, "weight_decay": 0.0},
        ]
    )
    for step, rate in enumerate(1e-3 * np.array([0, 1 / 2, 1, 3 / 4, 1 / 2, 1 / 4])):
        rows = order[6 * step : 6 * step + 6]
        inputs = tokenizer(
            [TEXTS[row] for row in rows], padding=True, return_tensors="pt"
        )
        output = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            output_hidden_states=True,
        )
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            output.logits, y[rows], pos_weight=torch.tensor([1, 1, 1, 1, 4.0])
        )
        for half in (slice(0, 3), slice(3, 6)):
            contrast = contrast_of(
                output.hidden_states[-1][half],
                inputs["attention_mask"][half],
                y[rows[half]],
                [LANGUAGE[row] for row in rows[half]],
            )
            loss = loss + supcon_weight / 2 * contrast
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    before = BertForSequenceClassification.from_pretrained(calm)
    assert (weights(ours.model_) - weights(before)).abs().max() > 1e-3
    for (name, one), other in zip(
        ours.model_.named_parameters(), model.parameters(), strict=True
    ):
        if not name.endswith("key.bias"):  # whose gradient is rounding
            torch.testing.assert_close(one, other, atol=2e-5, rtol=0)
    assert ours.history_[-1]["step"] == 6 and ours.history_[-1]["epoch"] == 6 * 6 / 24
    assert not any(module.training for module in ours.model_.modules())


PAIRS = [
    ("full", "bert"),
    ("bitfit", "gpt2"),
    ("lora", "bert"),
    ("lora", "gpt2"),
    ("ia3", "roberta"),
]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def fitted(request, tiny_folder):
    method, base = request.param
    ours = trainer(
        tiny_folder / base,
        method,
        n_epochs=12,
        check_every=12,
        validation_fraction=0.25,
    )
    return ours.fit(TEXTS, LABELS, language=LANGUAGE)


def test_every_method_learns_and_changes_only_its_own(fitted, tiny_folder):
    model = fitted.model_
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert fitted.n_trainable_ == sum(
        p.numel() for name, p in model.named_parameters() if name in trained
    )
    assert (
        {"full": 1.0, "bitfit": 0.1, "lora": 0.2, "ia3": 0.06}[fitted.method]
        >= fitted.trainable_share_
        > 0
    )
    base = AutoModelForSequenceClassification.from_pretrained(
        fitted.model, num_labels=3
    )
    for name, old in base.base_model.named_parameters():
        kept = {
            re.sub(r"\.(base_layer|modules_to_save\.default)", "", key): v
            for key, v in model.state_dict().items()
        }
        now = next(
            value
            for key, value in kept.items()
            if key.endswith(f"{base.base_model_prefix}.{name}")
        )
        expected = "pooler" in name or {
            "full": True,
            "bitfit": name.endswith("bias"),
        }.get(fitted.method, False)
        if expected != (not torch.equal(old, now)):
            assert (
                name.startswith("wpe")
                or "position" in name
                or "token_type" in name
                or "key.bias" in name
            )
    losses = [record["loss"] for record in fitted.history_]
    assert losses[-1] < 0.8 * losses[0]
    assert f1_score(LABELS, fitted.predict(TEXTS), average="micro") > 0.5
    assert {"f1", "f1_macro", "f1_en", "f1_fi", "validation_loss"} <= fitted.history_[
        -1
    ].keys()


def test_the_best_checkpoint_is_kept(fitted):
    held = fitted.validation_rows_
    found = fitted.evaluate([TEXTS[i] for i in held], [LABELS[i] for i in held])
    assert found["micro_f1"].iloc[-1] == pytest.approx(
        max(record["f1"] for record in fitted.history_)
    )


@pytest.mark.parametrize("merge", [False, True])
def test_what_is_saved_loads_everywhere(fitted, tmp_path, merge):
    fitted.save(
        tmp_path, merge=merge, figures=fitted.evaluate(TEXTS, LABELS, language=LANGUAGE)
    )
    p, X = fitted.predict_proba(TEXTS), fitted.encoder(layers="half").transform(TEXTS)
    assert (tmp_path / "adapter_config.json").exists() == (
        fitted.method in ("lora", "ia3") and not merge
    )
    loaded = RegisterEncoder(str(tmp_path), layers="half", max_length=16, device="cpu")
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), p, atol=1e-5)
    np.testing.assert_allclose(loaded.transform(TEXTS), X, atol=1e-4)
    np.testing.assert_allclose(
        encode_layers(str(tmp_path), TEXTS, ["half"], device="cpu")["half"],
        X,
        atol=1e-4,
    )
    assert loaded.predict(TEXTS).tolist() == fitted.predict(TEXTS).tolist()
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokens = AutoTokenizer.from_pretrained(tmp_path)(TEXTS[:1], return_tensors="pt")
    with torch.no_grad():
        logits = model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).logits
    np.testing.assert_allclose(logits.softmax(1).numpy(), p[:1], atol=1e-5)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert (
        f"{fitted.n_trainable_:,} of {fitted.n_parameters_:,}" in card
        and "| en | 12 |" in card
    )
    assert record["documents"] == {
        "number": 24,
        "held_back": 6,
        "languages": {"en": 12, "fi": 12},
        "labels": dict.fromkeys(("NA", "OP", "HI"), 8),
    }
    assert [row["language"] for row in record["figures"]] == ["en", "fi", "all"]
    assert (
        str(tmp_path.parent) not in card
        and os.path.dirname(str(fitted.model)) not in card
    )


def test_targets_are_found_in_every_family(tiny_folder):
    """Numbers of trained parameters in closed form: four layers of width 16, inner
    width 32 (GPT-2: 64).
    """
    expected = {
        "bert": (4 * 2 * 8 * 32, 4 * (16 + 16 + 32)),
        "roberta": (4 * 2 * 8 * 32, 4 * (16 + 16 + 32)),
        "gpt2": (4 * 8 * (16 + 48), 4 * (48 + 64)),
        "neox": (4 * 8 * (16 + 48), 4 * (48 + 32)),
    }
    for base, numbers in expected.items():
        for method, number in zip(("lora", "ia3"), numbers, strict=True):
            model = AutoModelForSequenceClassification.from_pretrained(
                tiny_folder / base, num_labels=3
            )
            head = [
                p.numel()
                for name, p in model.named_parameters()
                if re.match("classifier|score|bert.pooler", name)
            ]
            total = count_parameters(model)[1]
            assert count_parameters(apply_method(model, method)) == (
                number + sum(head),
                number + total,
            ), (base, method)


@pytest.mark.parametrize("base", ["roberta", "bert"])
def test_bitfit_is_biases_and_head(tiny_folder, base):
    """BERT's pooler and classifier are what RoBERTa's classifier is: two layers."""
    model = apply_method(
        AutoModelForSequenceClassification.from_pretrained(tiny_folder / base), "bitfit"
    )
    trained = {
        name for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    assert {
        name for name, _ in model.named_parameters() if name.endswith("bias")
    } < trained
    weights = {name for name in trained if not name.endswith("bias")}
    assert len(weights) == 2 and all(
        re.match("classifier|bert.pooler", name) for name in weights
    )


def test_parameters_that_the_base_lacks_are_trained(tiny_folder, tmp_path):
    """A masked language model has no pooler; a classifier's would stay random if it
    were frozen.
    """
    AutoModelForMaskedLM.from_pretrained(tiny_folder / "bert").save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder / "bert").save_pretrained(tmp_path)
    for method in ("bitfit", "lora"):
        model = (
            trainer(tmp_path, method, max_steps=1, early_stopping=False)
            .fit(TEXTS, LABELS)
            .model_
        )
        (pooler,) = [
            p
            for name, p in model.named_parameters()
            if "pooler" in name and "weight" in name and p.requires_grad
        ]
        assert pooler.shape == (16, 16)


def test_seed_repeats_and_global_state_is_left_alone(tiny_folder):
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    ours = trainer(tiny_folder / "bert", "lora", max_steps=4).fit(TEXTS, LABELS)
    assert (states[0], states[1]) == (
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
    )
    assert torch.equal(states[2], torch.get_rng_state())
    again = clone(ours).fit(TEXTS, LABELS)
    assert (
        torch.equal(weights(again.model_), weights(ours.model_))
        and again.history_ == ours.history_
    )
    other = clone(ours).set_params(random_state=1).fit(TEXTS, LABELS)
    assert not torch.allclose(weights(other.model_), weights(ours.model_))


def test_hybrids_have_a_threshold_of_their_own(tiny_folder, tmp_path):
    ours = trainer(tiny_folder / "bert", n_epochs=12, validation_fraction=0.4).fit(
        TEXTS, HYBRIDS, language=LANGUAGE
    )
    assert ours.is_multi_label_ and ours.classes_ == ["NA", "OP", "HI"]
    held = ours.validation_rows_
    p = ours.predict_proba([TEXTS[i] for i in held])
    gold = targets([HYBRIDS[i] for i in held], ours.classes_, True)
    scores = {
        t: f1_score(gold, p >= t, average="micro")
        for t in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
    }
    assert (
        scores[ours.threshold_]
        == max(scores.values())
        == pytest.approx(max(r["f1"] for r in ours.history_))
    )
    ours.save(tmp_path)
    loaded = RegisterEncoder(str(tmp_path), max_length=16, device="cpu")
    assert loaded.is_multi_label_
    np.testing.assert_array_equal(
        loaded.predict(TEXTS, "best"), ours.predict_proba(TEXTS) >= ours.threshold_
    )


def test_a_text_is_on_one_side_of_the_inner_split():
    texts, labels = (
        [TEXTS[row % 12] for row in range(36)],
        [LABELS[row % 12] for row in range(36)],
    )
    documents = Documents([*TEXTS, *texts], read_labels([*LABELS, *labels]))
    rows, held = hold_out(documents, 0.1, 0)
    assert sorted([*rows, *held]) == list(range(60)) and len(held)
    assert not {[*TEXTS, *texts][row] for row in rows} & {
        [*TEXTS, *texts][row] for row in held
    }


def test_balanced_weights_are_those_of_scikit_learn():
    y = np.array([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
    np.testing.assert_allclose(
        weigh_classes("balanced", y, list("abc")), expected, rtol=1e-6
    )
    np.testing.assert_allclose(
        weigh_classes("balanced", np.eye(3)[[0, 0, 0, 1]], list("abc")), [1 / 3, 3, 1]
    )
    assert (
        weigh_classes("balanced", np.eye(20)[[0] * 19 + [1]], list("a" * 20)).max()
        == 10
    )


def test_labels_are_read_as_elsewhere():
    assert read_labels(["NA ne", ["OP"]]) == [["NA"], ["OP"]]
    assert read_labels(pd.Series(["NA NE", "RV"]), level="all") == [
        ["NA", "ne"],
        ["OP", "rv"],
    ]
    assert read_labels(["x", ["x", "y"]], classes=["x", "y"]) == [["x"], ["x", "y"]]


# -- kills ----------------------------------------------------------------------------


def test_a_killed_run_goes_on_and_ends_in_the_same_weights(
    tiny_folder, tmp_path, monkeypatch, one_thread, fit_killed
):
    options = {
        "model": str(tiny_folder / "bert"),
        "method": "lora",
        "batch_size": 6,
        "max_steps": 16,
        "check_every": 4,
        "learning_rate": 0.01,
        "n_iter_no_change": 9,
        "device": "cpu",
        "random_state": 0,
        "max_length": 16,
    }
    whole = RegisterTrainer(**options).fit(TEXTS, LABELS)
    options["checkpoint_folder"] = str(tmp_path)
    fit_killed("_register_run", "RegisterTrainer", options, TEXTS, LABELS)
    (run,) = tmp_path.iterdir()
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoint-4",
        "checkpoint-8",
    ]
    (run / "checkpoint-12").mkdir()  # a kill amid a checkpoint
    (run / "checkpoint-12" / "trained.safetensors").write_bytes(b"half")

    taken, step = [], _register_run._Trainer.training_step
    monkeypatch.setattr(
        _register_run._Trainer,
        "training_step",
        lambda *args: taken.append(1) or step(*args),
    )
    resumed = RegisterTrainer(**options).fit(TEXTS, LABELS)
    assert len(taken) == 16 - 8
    assert torch.equal(weights(resumed.model_), weights(whole.model_))
    assert resumed.history_ == whole.history_
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("base", "method", "objective", "accumulate"),
    [
        ("bert", "full", "register", 2),
        ("bert", "bitfit", "mlm", 1),
        ("gpt2", "ia3", "clm", 2),
    ],
)
def test_an_interrupted_run_goes_on(
    tiny_folder, tmp_path, monkeypatch, base, method, objective, accumulate
):
    """Dropout, masks and half-used epochs are those of a run that was never stopped."""

    def stop(self, *args):
        if self.state.global_step == 5:
            raise KeyboardInterrupt
        return step(self, *args)

    ours = trainer(
        tiny_folder / base,
        method,
        objective=objective,
        accumulate=accumulate,
        max_steps=9,
        check_every=2,
        batch_size=5,
        checkpoint_folder=tmp_path,
    )
    y = LABELS if objective == "register" else None
    step = _register_run._Trainer.training_step
    monkeypatch.setattr(_register_run._Trainer, "training_step", stop)
    with pytest.raises(KeyboardInterrupt):
        ours.fit(TEXTS, y)
    monkeypatch.setattr(_register_run._Trainer, "training_step", step)
    ours.fit(TEXTS, y)
    plain = clone(ours).set_params(checkpoint_folder=None).fit(TEXTS, y)
    assert (
        torch.equal(weights(ours.model_), weights(plain.model_))
        and ours.history_ == plain.history_
    )


def test_checkpoints_of_another_run_are_not_taken(tiny_folder, tmp_path, monkeypatch):
    """Another model, other documents or settings have a folder of their own."""

    def stop(self, *args):
        if self.state.global_step == 2:
            raise KeyboardInterrupt
        return step(self, *args)

    step = _register_run._Trainer.training_step
    ours = trainer(
        tiny_folder / "bert", checkpoint_folder=tmp_path, max_steps=3, check_every=1
    )
    with monkeypatch.context() as patch:
        patch.setattr(_register_run._Trainer, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            ours.fit(TEXTS, LABELS)
    (run,) = tmp_path.iterdir()
    for other, texts in (
        (clone(ours).set_params(model=str(tiny_folder / "roberta")), TEXTS),
        (clone(ours).set_params(batch_size=5), TEXTS),
        (clone(ours).set_params(class_weight="balanced"), TEXTS),
        (clone(ours).set_params(method="bitfit"), TEXTS),
        (ours, TEXTS[::-1]),
    ):
        again = clone(other).fit(texts, LABELS)
        plain = clone(other).set_params(checkpoint_folder=None).fit(texts, LABELS)
        assert [record["step"] for record in again.history_] == [1, 2, 3]
        assert torch.equal(weights(again.model_), weights(plain.model_))
        assert list(tmp_path.iterdir()) == [run]


# -- raw text -------------------------------------------------------------------------


def windows_of(fitted, texts):
    return make_windows(
        texts,
        fitted.tokenizer_,
        fitted.model_,
        objective=fitted.objective,
        max_length=fitted.max_length,
    )


def masks(folder, n_places=400):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    windows = make_windows(
        TEXTS,
        tokenizer,
        AutoModelForMaskedLM.from_pretrained(folder),
        objective="mlm",
        max_length=16,
    )
    objective = _register_run.Objective("mlm", mask_share=0.15, seed=7)
    collate = _register_run.Collator(tokenizer, objective)
    return tokenizer, [
        collate([_register_run.Item(place, windows[place % 24], None)])
        for place in range(n_places)
    ]


def test_masks_are_fifteen_percent_of_the_documents_own_tokens(tiny_folder):
    tokenizer, drawn = masks(tiny_folder / "bert")
    _, again = masks(tiny_folder / "bert")
    assert all(
        torch.equal(a["input_ids"], b["input_ids"])
        for a, b in zip(drawn, again, strict=True)
    )
    told = masked = 0
    for batch in drawn:
        ids, labels = batch["input_ids"][0], batch["labels"][0]
        chosen = labels != -100
        assert (
            ids[0] == tokenizer.cls_token_id
            and ids[-1] == tokenizer.sep_token_id
            and not chosen[[0, -1]].any()
        )
        assert chosen.sum() == max(1, round(0.15 * (len(ids) - 2)))
        told, masked = (
            told + chosen.sum().item(),
            masked + (ids[chosen] == tokenizer.mask_token_id).sum().item(),
        )
    assert 0.75 < masked / told < 0.85


@pytest.mark.parametrize("method", METHODS)
def test_causal_adaptation_lowers_the_loss_and_loads(tiny_folder, tmp_path, method):
    ours = trainer(tiny_folder / "gpt2", method, objective="clm", n_epochs=6)
    ours.fit([*TEXTS, "", "a"], language=[*LANGUAGE, "en", "en"])
    assert ours.history_[-1]["validation_loss"] < ours.history_[0]["validation_loss"]
    figures = ours.evaluate(TEXTS, language=LANGUAGE).set_index("language")
    np.testing.assert_allclose(figures["perplexity"], np.exp(figures["loss"]))
    ours.save(tmp_path)
    X = ours.encoder(layers="half", pooling="mean").transform(TEXTS)
    loaded = CausalLMEncoder(
        str(tmp_path), layers="half", pooling="mean", max_length=16, device="cpu"
    )
    np.testing.assert_allclose(loaded.transform(TEXTS), X, atol=1e-4)
    before = encode_layers(
        str(tiny_folder / "gpt2"), TEXTS, ["half"], max_length=16, device="cpu"
    )["half"]
    assert np.abs(X - before).max() > 1e-3
    model = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    total = n_tokens = 0
    windows = windows_of(ours, TEXTS)
    for window in windows:  # the library's own loss, a window at a time
        ids = torch.tensor([window.ids])
        if ids.shape[1] > 1:
            with torch.no_grad():
                total += model(input_ids=ids, labels=ids).loss.item() * (
                    ids.shape[1] - 1
                )
            n_tokens += ids.shape[1] - 1
    assert figures.loc["all", "loss"] == pytest.approx(total / n_tokens, abs=1e-4)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_masked_adaptation_lowers_the_loss_and_loads(tiny_folder, tmp_path, method):
    ours = trainer(
        tiny_folder / "bert",
        method,
        objective="mlm",
        max_steps=120,
        learning_rate=0.02,
        early_stopping=False,
    )
    ours.fit(
        [*TEXTS, "", ""]
    )  # an empty document has nothing to tell, and no loss of NaN
    hardly = clone(ours).set_params(max_steps=1).fit(TEXTS)
    after, before = (model.evaluate(TEXTS)["loss"].iloc[-1] for model in (ours, hardly))
    assert after < 0.9 * before
    ours.save(tmp_path, merge=True)
    if method == "full":
        assert torch.equal(
            weights(AutoModelForMaskedLM.from_pretrained(tmp_path)),
            weights(ours.model_),
        )
    X = encode_layers(str(tmp_path), TEXTS, ["last"], max_length=16, device="cpu")[
        "last"
    ]
    np.testing.assert_allclose(X, ours.transform(TEXTS), atol=1e-4)
    with pytest.raises(
        ValueError, match="got a masked language model, expected a classifier"
    ):
        ours.predict(TEXTS)


def test_long_raw_text_is_read_to_its_end(tiny_folder):
    ours = trainer(
        tiny_folder / "gpt2",
        objective="clm",
        max_steps=1,
        early_stopping=False,
        max_length=8,
    )
    ours.fit([" ".join(TEXTS[:6])])
    windows = windows_of(ours, [" ".join(TEXTS[:6])])
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder / "gpt2")
    found = [number for window in windows for number in window.ids]
    whole = tokenizer(" ".join(TEXTS[:6]))["input_ids"]
    assert (
        found == whole[: len(found)] and len(whole) - len(found) <= 1
    )  # one token alone has no next one


# -- reporting and bad input ----------------------------------------------------------


def test_tensorboard_gets_f1_by_language(tiny_folder, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer(
        tiny_folder / "bert",
        max_steps=4,
        check_every=2,
        report_to="tensorboard",
        log_folder=tmp_path,
    ).fit(TEXTS, LABELS, language=LANGUAGE)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"eval/f1", "eval/f1_en", "eval/f1_fi", "train/loss"} <= set(
        events.Tags()["scalars"]
    )
    assert [event.step for event in events.Scalars("eval/f1")] == [2, 4]


def test_wandb_without_the_package_is_told(tiny_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        ImportError, match="report_to='wandb' needs wandb: pip install wandb"
    ):
        trainer(tiny_folder / "bert", report_to=["wandb"]).fit(TEXTS, LABELS)


def test_missing_extras_are_told(tiny_folder, tmp_path, monkeypatch):
    trainer(tiny_folder / "bert", "ia3", max_steps=1).fit(TEXTS, LABELS).save(tmp_path)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        ImportError, match=r"method 'lora' needs embetter-reg\[adapters\]"
    ):
        trainer(tiny_folder / "bert", "lora").fit(TEXTS, LABELS)
    with pytest.raises(ImportError, match="a model with adapters needs"):
        RegisterEncoder(str(tmp_path), device="cpu").transform(TEXTS)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(
        ImportError, match=r"RegisterTrainer needs embetter-reg\[sbert\]"
    ):
        trainer(tiny_folder / "bert").fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (
            TEXTS,
            [*LABELS[:-1], "XX"],
            {},
            "got the unknown register code 'XX', expected those",
        ),
        (
            TEXTS,
            ["a", *LABELS[1:]],
            {"classes": ["NA", "OP", "HI"]},
            "got the label 'a' at position 0, expected one of",
        ),
        (TEXTS, [[], *LABELS[1:]], {}, "got no label at position 0"),
        (
            TEXTS,
            HYBRIDS,
            {"multi_label": False},
            r"got 2 labels at position 0 \(NA OP\), expected one a document",
        ),
        (TEXTS, ["NA"] * 24, {}, r"got one label \(NA\), expected at least two"),
        (TEXTS, None, {}, "got no y"),
        (TEXTS, LABELS[1:], {}, "got different lengths"),
        ([], [], {}, "got no documents, expected some"),
        (
            TEXTS[:3],
            LABELS[:3],
            {},
            "got 3 documents with early_stopping, expected enough to hold 10% back",
        ),
        ([None, *TEXTS[1:]], LABELS, {}, "missing document at position 0"),
        ([""] * 24, None, {"objective": "mlm"}, "got documents without words"),
        (TEXTS, LABELS, {"class_weight": {"XX": 1}}, r"got class_weight for \['XX'\]"),
        (TEXTS, LABELS, {"class_weight": "much"}, "got class_weight='much'"),
        (
            TEXTS,
            LABELS,
            {"max_length": 99},
            "got max_length=99, expected 3 to 64 for this model",
        ),
        (
            TEXTS,
            LABELS,
            {"method": "lora", "target_modules": ["nothing"]},
            r"got target_modules=\['nothing'\]",
        ),
    ],
)
def test_bad_documents(tiny_folder, X, y, options, message):
    with pytest.raises(ValueError, match=message):
        trainer(tiny_folder / "bert").set_params(**options).fit(X, y)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "prefix"},
        {"objective": "nsp"},
        {"level": "leaf"},
        {"dtype": "int8"},
        {"batch_size": 0},
        {"accumulate": 1.5},
        {"max_steps": 0},
        {"check_every": 0},
        {"rank": 0},
        {"n_epochs": 0},
        {"learning_rate": 0},
        {"validation_fraction": 1},
        {"mask_share": 0},
        {"warmup_ratio": 2},
        {"weight_decay": -1},
        {"device": "tpu"},
        {"report_to": "paper"},
        {"checkpoint_folder": "x", "random_state": None},
    ],
)
def test_bad_parameters(change):
    with pytest.raises(ValueError, match=f"got {next(iter(change))}"):
        RegisterTrainer("x", **{"random_state": 0, **change}).fit(TEXTS, LABELS)


def test_bad_models(tiny_folder, tmp_path):
    for base in ("bert", "gpt2"):
        model = AutoModelForSequenceClassification.from_pretrained(tiny_folder / base)
        model.save_pretrained(tmp_path / base)
        with pytest.raises(
            ValueError,
            match=rf"got the model '.*{base}' without a tokenizer, expected one beside it",
        ):
            trainer(tmp_path / base).fit(TEXTS, LABELS)
    with pytest.raises(
        OSError, match="got the model 'no/such', which could not be loaded"
    ):
        trainer("no/such").fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="whose tokenizer has no mask"):
        trainer(tiny_folder / "gpt2", objective="mlm").fit(TEXTS)
    trainer(tiny_folder / "bert", "lora", max_steps=1).fit(TEXTS, LABELS).save(
        tmp_path / "adapted"
    )
    with pytest.raises(
        ValueError,
        match=r"adapters in files of their own, expected one model; save it with merge",
    ):
        trainer(tmp_path / "adapted").fit(TEXTS, LABELS)


def test_construction_loads_nothing():
    ours = RegisterTrainer("no/such/model", "ia3", random_state=0)
    assert clone(ours).get_params() == ours.get_params() and "no/such" in repr(ours)


# -- a citizen of scikit-learn and of this package ------------------------------------


@pytest.fixture(scope="module")
def classifier(tiny_folder):
    return trainer(tiny_folder / "bert", n_epochs=12).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def several(tiny_folder):
    return trainer(tiny_folder / "bert", n_epochs=12).fit(TEXTS, HYBRIDS)


def test_it_is_a_classifier_and_a_transformer(classifier, several):
    assert is_classifier(classifier)
    right = np.array(LABELS) == classifier.predict(TEXTS)
    assert classifier.score(TEXTS, LABELS) == pytest.approx(right.mean())
    assert classifier.score(["the cat"], ["MT"]) == 0  # a label it never saw
    truth = targets(HYBRIDS, several.classes_, True)
    expected = accuracy_score(truth, several.predict(TEXTS))
    assert several.score(TEXTS, HYBRIDS) == pytest.approx(expected)
    names = classifier.get_feature_names_out()
    assert names.tolist() == [f"registertrainer{n}" for n in range(16)]
    X = classifier.transform(TEXTS)
    framed = copy.copy(classifier).set_output(transform="pandas").transform(TEXTS)
    assert framed.columns.tolist() == names.tolist()
    np.testing.assert_array_equal(framed.to_numpy(), X)


def test_it_works_in_a_pipeline_and_a_search(tiny_folder):
    pipe = make_pipeline(trainer(tiny_folder / "bert", max_steps=2), LinearSVC())
    assert pipe.fit(TEXTS, LABELS).predict(TEXTS).shape == (24,)
    search = GridSearchCV(
        trainer(tiny_folder / "bert", early_stopping=False),
        {"max_steps": [1, 40]},
        cv=[(range(24), range(24))],
    )
    search.fit(TEXTS, LABELS)
    assert search.best_params_ == {"max_steps": 40}
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] == search.best_estimator_.score(TEXTS, LABELS) > scores[0]


def test_raw_text_scores_are_log_likelihoods(tiny_folder):
    ours = trainer(tiny_folder / "gpt2", objective="clm", max_steps=1).fit(TEXTS)
    assert not is_classifier(ours)
    assert ours.score(TEXTS) == pytest.approx(-ours.evaluate(TEXTS)["loss"].iloc[-1])


@pytest.mark.parametrize("kind", ["classifier", "several", "clm"])
def test_its_vectors_are_stored_as_those_of_every_encoder(
    request, tiny_folder, tmp_path, kind
):
    if kind == "clm":
        ours = trainer(tiny_folder / "gpt2", objective="clm", max_steps=1).fit(TEXTS)
    else:
        ours = request.getfixturevalue(kind)
    labels = [list(labels) for labels in HYBRIDS]
    documents = pd.DataFrame(
        {
            "id": [f"d{n}" for n in range(24)],
            "lang": LANGUAGE,
            "labels": labels,
            "text": TEXTS,
        }
    )
    before = ours.model_
    layers = ["first", "half"]
    folder = encode_documents(ours, documents, tmp_path, layers=layers, shard_size=10)
    assert ours.model_ is before  # it was not fitted anew
    stored = read_embeddings(folder)
    encoded = ours.encode(TEXTS, layers)
    assert isinstance(encoded, Encoded)
    for layer in layers:
        np.testing.assert_allclose(
            stored.layers[layer], encoded.layers[layer], atol=1e-5
        )
    if kind == "clm":
        assert encoded.probabilities is None and "predicted" not in stored.documents
        return
    np.testing.assert_allclose(
        encoded.probabilities, ours.predict_proba(TEXTS), atol=1e-6
    )
    predicted = ours.predict(TEXTS)
    if kind == "several":
        assert stored.documents["predicted_best"].map(list).tolist() == ours.label_sets(
            predicted
        )
    else:
        assert [label for (label,) in stored.documents["predicted"]] == list(predicted)
    other = clone(ours).set_params(random_state=1, max_steps=1).fit(TEXTS, HYBRIDS)
    with pytest.raises(ValueError, match="which holds embeddings with other"):
        encode_documents(other, documents, folder, layers=layers, shard_size=10)


def test_no_seed_leaves_global_state_alone(tiny_folder):
    before = [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    ]
    ours = trainer(tiny_folder / "bert", "lora", max_steps=2, random_state=None)
    ours.fit(TEXTS, LABELS)
    other = clone(ours).fit(TEXTS, LABELS)
    assert before == [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
    ]
    assert not torch.equal(weights(ours.model_), weights(other.model_))


@pytest.mark.parametrize(
    ("X", "y", "language", "message"),
    [
        ("the cat", LABELS, None, "got one string, expected a list of documents"),
        (None, LABELS, None, "got NoneType, expected a list of documents"),
        (set(TEXTS), LABELS, None, "got set"),
        ([1.0] * 24, LABELS, None, "got float at position 0, expected a str"),
        ([*TEXTS[:-1], np.nan], LABELS, None, "got a missing document at position 23"),
        (np.array([TEXTS, TEXTS]), LABELS, None, "got 24 columns, expected one column"),
        (TEXTS, "NA", None, "got str as y, expected the labels of each document"),
        (TEXTS, set(LABELS), None, "got set as y"),
        (TEXTS, [None, *LABELS[1:]], None, "got a missing label at position 0"),
        (TEXTS, [np.nan, *LABELS[1:]], None, "got a missing label at position 0"),
        (TEXTS, [3, *LABELS[1:]], None, "position 0: got int as labels"),
        (TEXTS, 3, None, "got int as y"),
        (TEXTS, LABELS, LANGUAGE[1:], "got 23 language labels for 24 documents"),
        (TEXTS, LABELS, [None, *LANGUAGE[1:]], "missing language label at position 0"),
    ],
)
def test_odd_documents_are_refused(tiny_folder, X, y, language, message):
    with pytest.raises((TypeError, ValueError), match=message):
        trainer(tiny_folder / "bert").fit(X, y, language=language)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ours: ours.predict([None]), "got a missing document at position 0"),
        (lambda ours: ours.encode(TEXTS, ["fifth"]), "got the layer 'fifth'"),
        (lambda ours: ours.encode(TEXTS, [99]), "got the layer 99"),
        (lambda ours: ours.encode(TEXTS, pooling="sum"), "got pooling='sum'"),
        (lambda ours: ours.evaluate([], []), "got no documents"),
        (lambda ours: ours.evaluate(TEXTS), "got no y"),
        (lambda ours: ours.score(TEXTS, LABELS[1:]), "got different lengths"),
        (lambda ours: ours.decide(np.ones((2, 9))), r"got probabilities of shape"),
        (lambda ours: ours.decide(None), "got probabilities of shape"),
    ],
)
def test_odd_calls_are_refused(classifier, call, message):
    with pytest.raises((TypeError, ValueError), match=f"{message}.*expected"):
        call(classifier)


def test_without_documents_predictions_are_empty(classifier):
    assert classifier.predict_proba([]).shape == (0, 3)
    assert classifier.predict([]).shape == (0,)
    assert classifier.transform([]).shape == (0, 16)


def test_damaged_and_pickled_weights_are_one_sentence(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder / "bert", tmp_path / "cut")
    whole = (tmp_path / "cut" / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    shutil.copytree(tiny_folder / "bert", tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    with open(tmp_path / "pickled" / "pytorch_model.bin", "wb") as file:
        pickle.dump({"weights": pathlib.PurePosixPath("x")}, file)
    for name in ("cut", "pickled"):
        with pytest.raises(OSError, match=f"got the model '.*{name}', which could not"):
            trainer(tmp_path / name).fit(TEXTS, LABELS)


@pytest.mark.parametrize("labels", [LABELS, HYBRIDS], ids=["one", "several"])
def test_a_linear_probe_is_logistic_regression_of_the_untrained_model(
    tiny_folder, labels
):
    ours = trainer(
        tiny_folder / "bert",
        linear_probe=True,
        max_steps=1,
        learning_rate=1e-12,
        early_stopping=False,
    ).fit(TEXTS, labels)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder / "bert")
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        X = ours.model_.bert(**batch).pooler_output.numpy()
    X = StandardScaler().fit_transform(X)
    probe = LogisticRegression(C=0.003, max_iter=1000)
    y = np.array(labels if labels is LABELS else ["NA" in each for each in labels])
    expected = probe.fit(X, y).predict_proba(X)
    probabilities = ours.predict_proba(TEXTS)
    if labels is LABELS:
        columns = [list(probe.classes_).index(name) for name in ours.classes_]
        np.testing.assert_allclose(probabilities, expected[:, columns], atol=1e-3)
    else:
        column = ours.classes_.index("NA")
        np.testing.assert_allclose(probabilities[:, column], expected[:, 1], atol=1e-3)


def test_a_linear_probe_needs_a_layer_after_pooling(tiny_folder):
    with pytest.raises(ValueError, match="linear_probe with a gpt2 model"):
        trainer(tiny_folder / "gpt2", linear_probe=True).fit(TEXTS, LABELS)


def test_dropout_prompt_and_frozen_embeddings(tiny_folder):
    ours = trainer(
        tiny_folder / "bert",
        dropout=0.25,
        prompt="query ",
        freeze_embeddings=True,
        max_steps=2,
        early_stopping=False,
    ).fit(TEXTS, LABELS)
    shares = {
        module.p
        for module in ours.model_.modules()
        if isinstance(module, torch.nn.Dropout)
    }
    assert shares == {0.25}
    before = BertForSequenceClassification.from_pretrained(tiny_folder / "bert")
    name = "bert.embeddings.word_embeddings.weight"
    torch.testing.assert_close(
        ours.model_.state_dict()[name], before.state_dict()[name]
    )
    assert not torch.equal(
        ours.model_.bert.encoder.layer[0].output.dense.weight,
        before.bert.encoder.layer[0].output.dense.weight,
    )
    written_out = ours.encoder(prompt="").predict_proba(
        [f"query {text}" for text in TEXTS]
    )
    np.testing.assert_allclose(ours.predict_proba(TEXTS), written_out, atol=1e-6)
    with pytest.raises(ValueError, match="got a prompt with objective='mlm'"):
        trainer(tiny_folder / "bert", objective="mlm", prompt="x").fit(TEXTS)


def test_attention_is_fused_again_after_training_in_bfloat16(tiny_folder, monkeypatch):
    used = []
    train = _register_run.train

    def spied(model, *args, **kwargs):
        used.append(model.config._attn_implementation)
        return train(model, *args, **kwargs)

    monkeypatch.setattr(_register_run, "train", spied)
    for dtype in ("float32", "bfloat16"):
        ours = trainer(tiny_folder / "bert", dtype=dtype, max_steps=1).fit(
            TEXTS, LABELS
        )
        used.append(ours.model_.config._attn_implementation)
    assert used == ["sdpa", "sdpa", "eager", "sdpa"]
