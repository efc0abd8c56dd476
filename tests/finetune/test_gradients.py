"""Written-out losses and gradients against torch's own."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from embetter_reg.finetune.heads._loop import Labeled, Trainer
from embetter_reg.finetune.heads._losses import (
    binary_cross_entropy,
    cosine_loss,
    cross_entropy,
    supervised_contrastive,
)
from embetter_reg.finetune.heads._networks import ACTIVATIONS, HeadNetwork


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    targets = F.one_hot(torch.arange(12) % 4, 4).double()
    return rows, targets, torch.rand(12, generator=generator, dtype=torch.float64) + 0.1


def check(loss, gradient, expected, inputs):
    assert float(loss) == pytest.approx(float(expected))
    (slope,) = torch.autograd.grad(expected, inputs)
    torch.testing.assert_close(gradient, slope)


@pytest.mark.parametrize("smoothing", [0, 0.2])
def test_cross_entropy(batch, smoothing):
    rows, targets, weight = batch
    logits = rows[:, :4].clone().requires_grad_()
    every = F.cross_entropy(
        logits, targets, reduction="none", label_smoothing=smoothing
    )
    check(
        *cross_entropy(logits.detach(), targets, weight, smoothing=smoothing),
        (every * weight).sum() / weight.sum(),
        logits,
    )
    plain = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    check(*cross_entropy(logits.detach(), targets, smoothing=smoothing), plain, logits)


def test_binary_cross_entropy(batch):
    rows, targets, weight = batch
    targets = (targets + targets.roll(1, dims=1)).clamp(max=1)
    logits, positive = (
        rows[:, :4].clone().requires_grad_(),
        torch.tensor([1.0, 2.0, 3.0, 0.5], dtype=torch.float64),
    )
    every = F.binary_cross_entropy_with_logits(
        logits, targets, reduction="none", pos_weight=positive
    ).mean(dim=1)
    found = binary_cross_entropy(
        logits.detach(), targets, weight, positive_weight=positive
    )
    check(*found, (every * weight).sum() / weight.sum(), logits)


@pytest.mark.parametrize("margin", [None, 0.5])
def test_cosine_losses(batch, margin):
    rows, _, weight = batch
    first, second = rows[:6].clone().requires_grad_(), rows[6:].clone().requires_grad_()
    similarity, weight = (
        torch.tensor([1.0, 0.0, 0.5, 1.0, 0.0, 0.0], dtype=torch.float64),
        weight[:6],
    )
    cosine = F.cosine_similarity(first, second)
    if margin is None:
        every = (cosine - similarity) ** 2
    else:
        apart = 1 - cosine
        every = similarity * apart**2 + (1 - similarity) * F.relu(margin - apart) ** 2
    expected = (every * weight).sum() / weight.sum()
    loss, at_first, at_second = cosine_loss(
        first.detach(), second.detach(), similarity, weight, margin=margin
    )
    assert float(loss) == pytest.approx(float(expected))
    torch.testing.assert_close(
        (at_first, at_second), torch.autograd.grad(expected, (first, second))
    )


def naive_supervised_contrastive(embedding, sets, weight, temperature):
    """The definition, document by document, with label sets as Python sets."""
    unit = F.normalize(embedding)
    losses = []
    for i, own in enumerate(sets):
        others = [j for j in range(len(sets)) if j != i]
        overlap = [len(own & sets[j]) / len(own | sets[j]) for j in others]
        logits = unit[others] @ unit[i] / temperature
        log_p = logits - torch.logsumexp(logits, 0)
        share = torch.tensor(overlap, dtype=logits.dtype) / max(sum(overlap), 1e-12)
        losses.append(-(share * log_p).sum() * weight[i])
    return sum(losses) / weight.sum()


@pytest.mark.parametrize(
    "sets", [[{i % 4} for i in range(11)] + [{9}], [{i % 3, i % 4} for i in range(12)]]
)
def test_supervised_contrastive(batch, sets):
    rows, _, weight = batch
    targets = torch.tensor(
        [[label in own for label in range(10)] for own in sets], dtype=torch.float64
    )
    embedding = rows.clone().requires_grad_()
    expected = naive_supervised_contrastive(embedding, sets, weight, 0.3)
    check(
        *supervised_contrastive(rows, targets, weight, temperature=0.3),
        expected,
        embedding,
    )


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("activate_last", [True, False])
def test_backpropagation_through_a_deep_network(batch, activation, activate_last):
    rows, targets, weight = batch
    torch.manual_seed(0)
    network = HeadNetwork(
        5,
        [7, 6, 3],
        4,
        activation=activation,
        activate_last=activate_last,
        standardize=True,
    ).double()
    network.adapt_to(rows)
    network.flatten()
    prepared = network.prepare(rows)
    embedding, logits = network.propagate(prepared)
    torch.testing.assert_close(embedding, network.embed(rows))
    _, at_logits = cross_entropy(logits, targets, weight)
    _, at_embedding = supervised_contrastive(embedding, targets, weight)
    network.backpropagate(at_embedding, at_logits)
    found = [parameter.grad.clone() for parameter in network.parameters()]

    x = prepared
    for place, layer in enumerate(network.layers):
        x = layer(x)
        x = network.activate(x) if place < network.n_active else x
    sets = [{int(row.argmax())} for row in targets]
    every = F.cross_entropy(network.output(x), targets, reduction="none")
    loss = (every * weight).sum() / weight.sum() + naive_supervised_contrastive(
        x, sets, weight, 0.3
    )
    torch.testing.assert_close(
        found, list(torch.autograd.grad(loss, list(network.parameters())))
    )


def test_gradients_with_dropout_are_those_of_small_steps(batch):
    rows, targets, _ = batch
    network = HeadNetwork(5, [6, 3], 4, dropout=0.4, input_dropout=0.3).double()
    flat, gradient = network.flatten()

    def loss():
        torch.manual_seed(0)  # the same units are dropped
        return cross_entropy(network.propagate(rows)[1], targets)

    network.backpropagate(None, loss()[1])
    found = gradient.clone()
    for place in range(0, len(flat), 5):
        before = float(flat[place])
        ends = []
        for step in (1e-5, -1e-5):
            flat[place] = before + step
            ends.append(float(loss()[0]))
        flat[place] = before
        assert float(found[place]) == pytest.approx(
            (ends[0] - ends[1]) / 2e-5, abs=1e-7
        )
    torch.manual_seed(1)
    assert not torch.equal(network.propagate(rows)[1], network.propagate(rows)[1])
    network.eval()
    assert torch.equal(network.propagate(rows)[1], network.propagate(rows)[1])


def test_the_loop_trains_as_torchs_would(batch):
    """Full batches, no dropout: the same weights as autograd and torch.optim.AdamW."""
    rows, targets, _ = batch
    torch.manual_seed(0)
    network = HeadNetwork(5, [4], 4)
    twin = HeadNetwork(5, [4], 4)
    twin.load_state_dict(network.state_dict())
    rows, targets = rows.float(), targets.float()

    def criterion(embedding, logits, wanted, weight):
        loss, gradient = cross_entropy(logits, wanted, weight)
        return loss, None, gradient

    trainer = Trainer(
        network, 0.01, 0.1, 100, np.random.default_rng(0), schedule="linear", warmup=0.2
    )
    trainer.fit(Labeled(rows, targets, None, criterion), 10)
    optimizer = torch.optim.AdamW(twin.parameters(), 0.01, weight_decay=0.1)
    rates = [
        0.01 * (done + 1e-3) / 0.2
        if (done := epoch / 10) < 0.2
        else 0.01 * (1 - (done - 0.2) / 0.8)
        for epoch in range(10)
    ]
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        F.cross_entropy(
            twin.output(torch.tanh(twin.layers[0](rows))), targets
        ).backward()
        optimizer.step()
    torch.testing.assert_close(
        network.state_dict(), twin.state_dict(), atol=1e-5, rtol=1e-4
    )
    losses = [record["loss"] for record in trainer.history]
    assert losses[-1] < losses[0]
