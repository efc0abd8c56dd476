"""Losses against their closed forms, networks and the loop against torch's own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.nn import functional as F

from embetter_reg.finetune import ContrastiveTuner, FeedForwardTuner
from embetter_reg.finetune.heads._loop import Trainer
from embetter_reg.finetune.heads._networks import ACTIVATIONS, HeadNetwork, drop
from embetter_reg.finetune.heads._tasks import Labeled, Paired
from embetter_reg.finetune.losses import (
    binary_cross_entropy,
    contrastive_loss,
    cosine_loss,
    cross_entropy,
    supervised_contrastive,
    weighted_mean,
)
from embetter_reg.finetune.pairs import Pairs


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    targets = F.one_hot(torch.arange(12) % 4, 4).double()
    return rows, targets, torch.rand(12, generator=generator, dtype=torch.float64) + 0.1


def test_weighted_mean():
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert float(weighted_mean(losses)) == 3
    assert float(weighted_mean(losses, torch.tensor([0.0, 3.0, 1.0]))) == 3
    assert float(weighted_mean(losses, torch.zeros(3))) == 0


@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_cross_entropy(batch, smoothing):
    rows, targets, _ = batch
    logits = rows[:, :4]
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    smooth = (1 - smoothing) * targets + smoothing / 4
    torch.testing.assert_close(
        cross_entropy(logits, targets, smoothing=smoothing),
        -(smooth * p.log()).sum(dim=1),
    )


@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_binary_cross_entropy(batch, smoothing):
    rows, targets, _ = batch
    targets = (targets + targets.roll(1, dims=1)).clamp(max=1)
    logits = rows[:, :4]
    positive = torch.tensor([1.0, 2.0, 3.0, 0.5], dtype=torch.float64)
    p = 1 / (1 + (-logits).exp())
    smooth = (1 - smoothing) * targets + smoothing / 2
    expected = -(positive * smooth * p.log() + (1 - smooth) * (1 - p).log())
    losses = binary_cross_entropy(
        logits, targets, smoothing=smoothing, positive_weight=positive
    )
    torch.testing.assert_close(losses, expected.mean(dim=1))


def test_losses_of_pairs_at_planted_angles():
    """Cosines 1, 0 and -1 with similarities, by hand."""
    first = torch.tensor([[1.0, 0.0], [2.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    second = torch.tensor([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.6, 0.8]])
    similarity = torch.tensor([1.0, 1.0, 0.0, 0.0])
    torch.testing.assert_close(
        cosine_loss(first, second, similarity), torch.tensor([0.0, 1.0, 1.0, 0.36])
    )
    # Distances 0, 1, 2, 0.4: only the last dissimilar pair is nearer than the margin.
    torch.testing.assert_close(
        contrastive_loss(first, second, similarity, margin=0.5),
        torch.tensor([0.0, 1.0, 0.0, 0.01]),
    )


def naive_supervised_contrastive(embedding, sets, temperature):
    """The definition, document by document, with label sets as Python sets."""
    unit = F.normalize(embedding)
    losses = []
    for i, labels in enumerate(sets):
        others = [j for j in range(len(sets)) if j != i]
        overlap = [len(labels & sets[j]) / len(labels | sets[j]) for j in others]
        logits = unit[others] @ unit[i] / temperature
        log_p = logits - torch.logsumexp(logits, 0)
        share = torch.tensor(overlap, dtype=logits.dtype) / max(sum(overlap), 1e-12)
        losses.append(-(share * log_p).sum())
    return torch.stack(losses)


@pytest.mark.parametrize(
    "sets", [[{i % 4} for i in range(11)] + [{9}], [{i % 3, i % 4} for i in range(12)]]
)
def test_supervised_contrastive(batch, sets):
    rows, *_ = batch
    targets = torch.tensor(
        [[label in labels for label in range(10)] for labels in sets],
        dtype=torch.float64,
    )
    embedding = rows.clone().requires_grad_()
    expected = naive_supervised_contrastive(embedding, sets, 0.3)
    (slope,) = torch.autograd.grad(expected.sum(), embedding)
    losses = supervised_contrastive(embedding, targets, temperature=0.3)
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(
        torch.autograd.grad(losses.sum(), embedding)[0], slope, atol=1e-6, rtol=1e-6
    )


def test_a_document_alone_in_its_batch_has_no_loss_and_no_gradient():
    embedding = torch.ones(1, 3, requires_grad=True)
    loss = supervised_contrastive(embedding, torch.ones(1, 2))
    loss.sum().backward()
    assert float(loss.detach()) == 0
    assert embedding.grad.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("activate_last", [True, False])
def test_a_deep_network(batch, activation, activate_last):
    rows, *_ = batch
    network = HeadNetwork(
        5,
        [7, 6, 3],
        4,
        activation=activation,
        activate_last=activate_last,
        standardize=True,
        rng=np.random.default_rng(0),
    ).double()
    network.adapt_to(rows)
    hidden = (rows - rows.mean(0)) / rows.std(0, correction=0)
    for number, layer in enumerate(network.layers):
        hidden = layer(hidden)
        if number < 2 or activate_last:
            hidden = ACTIVATIONS[activation](hidden)
    torch.testing.assert_close(network.embed(rows), hidden)
    torch.testing.assert_close(network(rows), network.output(hidden))


def test_first_weights_are_spread_as_torchs():
    network = HeadNetwork(400, [300], rng=np.random.default_rng(0))
    for values in network.layers[0].parameters():
        values = values.detach()
        assert float(values.abs().max()) <= 400**-0.5
        assert float(values.std()) == pytest.approx((400 * 3) ** -0.5, rel=0.1)


def test_dropout_keeps_the_mean_and_is_drawn_from_its_generator():
    x = torch.ones(2000, 20)
    dropped = drop(x, 0.3, np.random.default_rng(0))
    assert sorted(set(dropped.flatten().tolist())) == pytest.approx([0, 1 / 0.7])
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert torch.equal(dropped, drop(x, 0.3, np.random.default_rng(0)))
    assert not torch.equal(dropped, drop(x, 0.3, np.random.default_rng(1)))
    assert drop(x, 0.3, None) is x
    assert drop(x, 0.0, np.random.default_rng(0)) is x


def logit_loss(embedding, outputs, targets):
    return cross_entropy(outputs, targets)


def test_the_loop_trains_as_torchs_would(batch):
    """Full batches, no dropout: the same weights as a loop written by hand."""
    rows, targets, weight = batch
    network = HeadNetwork(5, [4], 4, rng=np.random.default_rng(0))
    twin = HeadNetwork(5, [4], 4)
    twin.load_state_dict(network.state_dict())
    rows = rows.float()
    targets = targets.float()
    weight = weight.float()
    trainer = Trainer(
        network,
        0.01,
        0.1,
        100,
        np.random.default_rng(0),
        schedule="linear",
        warmup_ratio=0.2,
    )
    trainer.fit(Labeled(rows, targets, weight, logit_loss), 10)
    optimizer = torch.optim.AdamW(twin.parameters(), 0.01, weight_decay=0.1)
    shares = [1e-3 / 0.2, 0.101 / 0.2, *(1 - (done - 2) / 8 for done in range(2, 10))]
    losses = []
    for share in shares:
        optimizer.param_groups[0]["lr"] = 0.01 * share
        optimizer.zero_grad()
        outputs = twin.output(torch.tanh(twin.layers[0](rows)))
        every = F.cross_entropy(outputs, targets, reduction="none")
        loss = (every * weight).sum() / weight.sum()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    torch.testing.assert_close(
        network.state_dict(), twin.state_dict(), atol=1e-5, rtol=1e-4
    )
    recorded = [record["loss"] for record in trainer.history]
    assert recorded == pytest.approx(losses, abs=1e-5)
    assert losses[-1] < losses[0]


def test_an_epoch_sees_every_document_and_pair_once():
    rows = torch.arange(10.0)[:, None]
    labeled = Labeled(rows, rows, rows[:, 0], logit_loss)
    batches = list(labeled.batches(4, np.random.default_rng(0)))
    assert [len(batch[0]) for batch in batches] == [4, 4, 2]
    seen = torch.cat([batch[0] for batch in batches])[:, 0]
    assert sorted(seen.tolist()) == list(range(10)) and seen.tolist() != list(range(10))
    for vectors, targets, weight in batches:
        assert torch.equal(vectors, targets) and torch.equal(vectors[:, 0], weight)
    drawn = Pairs(np.arange(5), np.arange(5, 10), np.linspace(0, 1, 5))
    paired = Paired(rows, 5, lambda: drawn, rows[:, 0], cosine_loss)
    first, second, similarity, weight = (
        torch.cat(column)
        for column in zip(*paired.batches(2, np.random.default_rng(0)), strict=True)
    )
    assert sorted(first.tolist()) == list(range(5))
    torch.testing.assert_close(second, first + 5)
    torch.testing.assert_close(similarity, first / 4.0, check_dtype=False)
    torch.testing.assert_close(weight, (first * second).float())


def test_mixup_mixes_rows_targets_and_weights_alike():
    rows = torch.arange(6.0)[:, None]
    labeled = Labeled(rows, 2 * rows, 3 * rows[:, 0], logit_loss, mixup=1.0)
    ((vectors, targets, weight),) = labeled.batches(6, np.random.default_rng(0))
    torch.testing.assert_close(targets, 2 * vectors)
    torch.testing.assert_close(weight, 3 * vectors[:, 0])
    assert not set(vectors.flatten().tolist()) <= set(range(6))
    assert float(vectors.mean()) == pytest.approx(2.5, abs=1e-5)


HEADS = [
    FeedForwardTuner(4, n_epochs=30, random_state=0),
    ContrastiveTuner(4, n_epochs=30, random_state=0),
    ContrastiveTuner(4, n_epochs=10, loss="cosine", random_state=0),
]


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_threads_with_one_seed_have_the_result_of_one(head):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=150)
    X = (rng.normal(size=(150, 6)) + y[:, None]).astype(np.float32)
    expected = clone(head).fit(X, y).transform(X)
    threads = torch.get_num_threads()
    state = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(clone(head).fit, X, y) for _ in range(8)]
        for job in jobs:
            np.testing.assert_array_equal(job.result().transform(X), expected)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loss_of_the_callers_own_is_trained_on():
    """A function that equals a built-in one gives the same space, another another."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=90)
    X = (rng.normal(size=(90, 6)) + y[:, None]).astype(np.float32)
    named = ContrastiveTuner(4, n_epochs=3, loss="cosine", random_state=0)

    def same(first, second, similarity):
        return (F.cosine_similarity(first, second) - similarity) ** 2

    def distances(first, second, similarity):
        return (first - second).square().sum(dim=1) * similarity

    expected = clone(named).fit(X, y).transform(X)
    tuned = clone(named).set_params(loss=same).fit(X, y).transform(X)
    np.testing.assert_array_equal(tuned, expected)
    changed = {"loss": distances, "n_epochs": 30, "weight_decay": 0.0}
    close = clone(named).set_params(**changed).fit(X, y).transform(X)
    assert close.std() < 0.5 * expected.std()

    def scalar(first, second, similarity):
        return same(first, second, similarity).mean()

    with pytest.raises(ValueError, match=r"got a loss of shape \(\) for \d+ pairs"):
        named.set_params(loss=scalar).fit(X, y)
