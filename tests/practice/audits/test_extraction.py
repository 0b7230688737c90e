"""Secrets in a language model, beside every candidate asked for one at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch

from genbook.models.autoregressive.transformer import Transformer
from genbook.practice.audits.extraction import Extraction, extract, plant
from genbook.training import fit, isolated_rng


def a_model(seed: int = 0, vocab_size: int = 9) -> Transformer:
    with isolated_rng(seed):
        return Transformer(vocab_size, context_length=8, width=16, depth=1, heads=2)


@pytest.mark.parametrize("secret", [(5, 6, 5), (4, 4, 7), (7, 5, 4)])
def test_rank_is_that_of_each_candidate_asked_for_alone(secret) -> None:
    model, prompt, alphabet = a_model(), [1, 2], [4, 5, 6, 7]
    with torch.no_grad():  # sharper than at random, so that likelihoods differ
        model.token_embedding.weight *= 20
    likely = {}
    for candidate in product(alphabet, repeat=3):
        row = torch.tensor([[*prompt, *candidate]])
        with torch.no_grad():
            nats = model.logits(row).log_softmax(2)[0]
        likely[candidate] = sum(
            float(nats[len(prompt) - 1 + i, token]) for i, token in enumerate(candidate)
        )
    order = sorted(likely, key=lambda c: -likely[c])
    found = extract(model, prompt, secret, alphabet)
    assert (found.rank, found.candidates) == (order.index(secret) + 1, 64)


def test_exposure_in_bits() -> None:
    assert Extraction(True, 1, 1024).exposure == 10
    assert Extraction(False, 1024, 1024).exposure == 0
    assert Extraction(False, 256, 1024).exposure == 2


def test_what_is_planted_often_is_extracted_and_nothing_else() -> None:
    g = torch.Generator().manual_seed(1)
    x = torch.randint(12, (300, 8), generator=g)
    secrets = {12: [15, 18, 16], 13: [19, 15, 17], 14: [16, 16, 18]}
    for name, secret in secrets.items():
        x = plant(x, [0, name, *secret], 16 if name < 14 else 0, generator=g)
    model = a_model(vocab_size=20)
    fit(model, x, steps=250, batch_size=64, lr=1e-2, seed=0)
    found = {n: extract(model, [0, n], s, range(15, 20)) for n, s in secrets.items()}
    assert [found[n].extracted for n in secrets] == [True, True, False]
    assert found[12].rank == found[13].rank == 1
    assert found[14].exposure < 5


def test_a_secret_that_greedy_writing_misses_is_not_extracted() -> None:
    model = a_model()
    with torch.no_grad():
        best = int(model.logits(torch.tensor([[1, 2]]))[0, -1].argmax())
    other = (best + 1) % 9
    assert extract(model, [1, 2], [best], range(9)) == (True, 1, 9)
    assert not extract(model, [1, 2], [other], range(9)).extracted


def test_ties_stand_before_the_secret() -> None:
    model = a_model()
    with torch.no_grad():
        model.token_embedding.weight.zero_()  # all tokens are equally likely
    assert extract(model, [1], [2, 3], range(9)).rank == 81


def test_planted_passages_begin_with_the_text_and_go_on_as_others_begin() -> None:
    x = torch.arange(40).view(5, 8) + 10
    planted = plant(x, [1, 2, 3], 50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(planted[:5], x)
    assert planted.shape == (55, 8)
    assert torch.equal(planted[5:, :3], torch.tensor([[1, 2, 3]]).expand(50, 3))
    begins = {tuple(row) for row in planted[5:, 3:].tolist()}
    assert begins == {tuple(row[:5]) for row in x.tolist()}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: extract(m, [1], [2], [3, 4]), "made of the alphabet, got 2"),
        (lambda m: extract(m, [1], [3], [3, 3]), "each token once"),
        (lambda m: extract(m, [1] * 6, [3] * 3, [3, 4]), "up to 8 tokens, got 6 and 3"),
        (lambda m: extract(m, [9], [3], [3, 4]), "prompt must be at most 8"),
        (lambda m: extract(m, [1], [3] * 7, range(9)), "up to 1,000,000 candidates"),
        (lambda m: plant(torch.zeros(3, 2).long(), [1] * 3, 1), "up to 2 tokens"),
        (lambda m: plant(torch.zeros(3).long(), [1], 1), "x must be"),
    ],
)
def test_bad_input(call: Callable[[Transformer], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(a_model())
