"""The variational autoencoder against the one case that is known exactly."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_event_shape, check_limits, check_range
from genbook.models.gaussians import gaussian_kl, gaussian_log_prob
from genbook.models.variational.vae import VAE
from seeding import seeded
from starts import check_start

W = torch.tensor([[1.0], [0.5]]).double()  # x = W z + b + s eps: a linear Gaussian
B = torch.tensor([0.3, -0.2]).double()
S = torch.tensor([0.5, 0.8]).double()


def linear_vae(*, worse: float = 0.0) -> VAE:
    """Return a model of the linear Gaussian with its true posterior, or a worse one."""
    model = VAE((2,), latent_dim=1, hidden=()).double()
    precision = 1 + (W[:, 0] ** 2 / S**2).sum()
    gain = (W[:, 0] / S**2) / precision
    with torch.no_grad():
        encoder, decoder = model.encoder[0], model.decoder[0]
        encoder.weight.zero_()
        encoder.weight[0] = gain
        encoder.bias[:] = torch.stack([-(gain @ B) + worse, -0.5 * precision.log()])
        decoder.weight.zero_()
        decoder.weight[:2] = W
        decoder.bias[:] = torch.cat([B, S.log()])
    return model.requires_grad_(False)


@pytest.fixture
def x() -> Tensor:
    """Observations of the linear Gaussian, ``(2000, 2)``."""
    z = torch.randn(2000, 1, generator=seeded(0)).double()
    return z @ W.T + B + S * torch.randn(2000, 2, generator=seeded(1)).double()


def exact(x: Tensor) -> Tensor:
    covariance = W @ W.T + (S**2).diag()
    return torch.distributions.MultivariateNormal(B, covariance).log_prob(x)


def test_divergence_is_that_of_torch_and_of_monte_carlo() -> None:
    mu, log_scale = torch.randn(2, 4, 3, generator=seeded(2)).double()
    q = torch.distributions.Normal(mu, log_scale.exp())
    p = torch.distributions.Normal(torch.zeros(3).double(), 1.0)
    wanted = torch.distributions.kl_divergence(q, p).sum(1)
    assert torch.allclose(gaussian_kl(mu, log_scale), wanted, atol=1e-12)
    z = mu + log_scale.exp() * torch.randn(50_000, 4, 3, generator=seeded(3)).double()
    each = (q.log_prob(z) - p.log_prob(z)).sum(2)
    error = each.std(0) / 50_000**0.5
    assert ((each.mean(0) - wanted).abs() < 4 * error).all()


def test_log_density_is_that_of_torch() -> None:
    x, mu, log_scale = torch.randn(3, 4, 3, generator=seeded(4)).double()
    wanted = torch.distributions.Normal(mu, log_scale.exp()).log_prob(x).sum(1)
    assert torch.allclose(gaussian_log_prob(x, mu, log_scale), wanted, atol=1e-12)


def test_at_the_true_posterior_every_weight_is_the_exact_likelihood(x: Tensor) -> None:
    for k in (2, 5):
        bound = linear_vae().elbo(x, k=k, generator=seeded(5))
        assert torch.allclose(bound, exact(x), atol=1e-8)


def test_at_the_true_posterior_the_bound_is_tight_in_the_mean(x: Tensor) -> None:
    gap = linear_vae().elbo(x, generator=seeded(6)) - exact(x)
    assert abs(gap.mean().item()) < 4 * gap.std().item() / len(x) ** 0.5


def test_the_bound_rises_to_the_exact_likelihood(x: Tensor) -> None:
    model = linear_vae(worse=0.7)
    means = [
        model.elbo(x, k=k, generator=seeded(7)).mean().item() for k in (1, 5, 50, 500)
    ]
    assert means == sorted(means)
    truth = exact(x).mean().item()
    assert means[0] < truth - 0.1
    assert means[-1] == pytest.approx(truth, abs=0.01)
    assert means[-1] < truth + 0.01


def test_beta_weighs_the_divergence_in_the_loss_only(x: Tensor) -> None:
    plain, weighted = linear_vae(), linear_vae()
    weighted.beta = 3.0
    mu, log_scale = plain.posterior(x)
    more = 2 * gaussian_kl(mu, log_scale).mean()
    difference = weighted.loss(x, generator=seeded(8)) - plain.loss(
        x, generator=seeded(8)
    )
    assert difference.item() == pytest.approx(more.item(), abs=1e-10)
    assert torch.equal(
        weighted.elbo(x, generator=seeded(9)), plain.elbo(x, generator=seeded(9))
    )


def test_no_number_costs_less_than_the_free_nats() -> None:
    model = VAE((2,), latent_dim=2, hidden=(), free_nats=1.0).double()
    with torch.no_grad():
        model.encoder[0].weight.zero_()
        model.encoder[0].bias[:] = torch.tensor([2.0, 0.5, 0.0, 0.0])  # 2 and 1/8 nats
    x = torch.randn(50, 2, generator=seeded(14)).double()
    floor = model.loss(x, generator=seeded(15))
    floor.backward()
    slope = model.encoder[0].bias.grad.clone()
    model.free_nats, model.encoder[0].bias.grad = 0.0, None
    plain = model.loss(x, generator=seeded(15))
    plain.backward()
    assert (floor - plain).item() == pytest.approx(1 - 0.125, abs=1e-10)
    wanted = torch.tensor([0.0, 0.5, 0.0, 0.0]).double()  # the divergence's gradient
    assert torch.allclose(model.encoder[0].bias.grad - slope, wanted, atol=1e-10)


def test_loss_is_minus_the_mean_bound(x: Tensor) -> None:
    model = linear_vae(worse=0.2)
    loss = model.loss(x, generator=seeded(10)).item()
    assert loss == pytest.approx(-model.elbo(x, generator=seeded(10)).mean().item())


def test_samples_have_the_moments_of_the_linear_gaussian() -> None:
    x = linear_vae().sample(50_000, generator=seeded(11))
    covariance = W @ W.T + (S**2).diag()
    assert torch.allclose(x.mean(0), B, atol=0.03)
    assert torch.allclose(x.T.cov(), covariance, atol=0.05)


def test_bernoulli_likelihood_is_that_of_torch() -> None:
    model = VAE((1, 2, 3), latent_dim=2, hidden=(8,), likelihood="bernoulli").double()
    z = torch.randn(4, 2, generator=seeded(12)).double()
    x = (torch.rand(4, 1, 2, 3, generator=seeded(13)) < 0.5).double()
    wanted = torch.distributions.Bernoulli(model.decode(z)).log_prob(x)
    assert torch.allclose(
        model.log_likelihood(x, z), wanted.flatten(1).sum(1), atol=1e-10
    )
    samples = model.sample(10, generator=seeded(14))
    assert set(samples.unique().tolist()) <= {0.0, 1.0}
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\] for a Bernoulli"):
        model.loss(2 * x - 1.5)


def test_labels_reach_both_networks() -> None:
    model = VAE((2,), latent_dim=1, hidden=(8,), classes=2).double()
    x, y = torch.zeros(2, 2).double(), torch.tensor([0, 1])
    assert not torch.equal(*model.encode(x, y))
    assert not torch.equal(*model.decode(torch.zeros(2, 1).double(), y))
    with pytest.raises(ValueError, match="y must hold 2 labels, got None"):
        model.loss(x)


def test_unknown_likelihood_is_named() -> None:
    with pytest.raises(ValueError, match="likelihood must be gaussian or bernoulli"):
        VAE(likelihood="poisson")  # type: ignore[arg-type]


def test_constant_of_the_gaussian() -> None:
    zero = torch.zeros(1, 1)
    assert gaussian_log_prob(zero, zero, zero).item() == pytest.approx(
        -0.5 * math.log(2 * math.pi)
    )


@pytest.mark.parametrize("frequencies", [1, 3])
def test_both_networks_see_the_waves_of_their_input(frequencies: int) -> None:
    model = VAE((2,), latent_dim=3, hidden=(5,), frequencies=frequencies).double()
    x, z = torch.randn(2, 7, 3, generator=seeded(18)).double()

    def waves(v: Tensor) -> Tensor:
        angles = [
            v[:, i : i + 1] * math.pi / 2 * 2**k
            for i in range(v.shape[1])
            for k in range(frequencies)
        ]
        angle = torch.cat(angles, 1)
        return torch.cat([v, angle.sin(), angle.cos()], 1)

    def by_hand(network: torch.nn.Sequential, v: Tensor) -> Tensor:
        first, _, last = network
        return (v @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias

    mu, log_scale = by_hand(model.encoder, waves(x[:, :2])).chunk(2, 1)
    found = model.posterior(x[:, :2])
    assert torch.allclose(found[0], mu, atol=1e-12)
    assert torch.allclose(found[1], log_scale, atol=1e-12)
    out = by_hand(model.decoder, waves(z))
    assert torch.allclose(model.likelihood_params(z), out, atol=1e-12)
    assert torch.allclose(model.decode(z), out[:, :2], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x, z: m.posterior(x * torch.nan), ValueError, "x must be finite"),
        (lambda m, x, z: m.posterior("abc"), TypeError, "x must be a torch.Tensor"),
        (lambda m, x, z: m.posterior(x.T), ValueError, r"x must be \(n, 2\)"),
        (lambda m, x, z: m.likelihood_params(z[0]), ValueError, r"z must be \(n, 1\)"),
        (lambda m, x, z: m.log_likelihood(x, x), ValueError, r"z must be \(n, 1\)"),
        (
            lambda m, x, z: m.likelihood_log_prob(x, x),
            ValueError,
            r"params must be \(3, 4\)",
        ),
        (lambda m, x, z: m.loss(x, generator=0), TypeError, "generator must be a"),
        (lambda m, x, z: m.elbo(x, k=0), ValueError, "k must be at least 1"),
        (lambda m, x, z: VAE((2,), hidden="ab"), TypeError, "hidden must be a seq"),
        (lambda m, x, z: VAE((0,)), ValueError, "event_shape must be at least 1"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(linear_vae(), torch.zeros(3, 2).double(), torch.zeros(3, 1).double())


def test_both_networks_start_awake() -> None:
    model = VAE((2,), latent_dim=3, hidden=(64,))
    x = torch.randn(500, 2, generator=seeded(15))
    assert model.posterior(x)[1].exp().mean().item() < 0.25
    params = model.likelihood_params(torch.randn(500, 3, generator=seeded(16)))
    assert params[:, 2:].exp().mean().item() < 0.25


def test_weights_are_the_joint_over_the_guess(x: Tensor) -> None:
    model = linear_vae(worse=0.4)
    mu, log_scale = model.posterior(x[:5])
    g = seeded(17)
    z = mu + log_scale.exp() * torch.empty_like(mu).normal_(generator=g)
    joint = torch.distributions.Normal(z @ W.T + B, S).log_prob(x[:5]).sum(1)
    joint += torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    guess = torch.distributions.Normal(mu, log_scale.exp()).log_prob(z).sum(1)
    found = model.log_weights(x[:5], generator=seeded(17))
    assert found.shape == (1, 5)
    assert torch.allclose(found[0], joint - guess, atol=1e-10)


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    y = torch.arange(6) % 2 if classes else None
    check_doors(
        lambda: VAE((2,), hidden=(4,), classes=classes),
        x,
        y=y,
        z=torch.zeros(6, 2),
        skip=["likelihood_params", "log_likelihood"],
    )


def test_counts_have_limits() -> None:
    check_limits(lambda **n: VAE((2,), **n), latent_dim=1, frequencies=0, classes=0)


def test_weights_and_draws_have_limits() -> None:
    model = VAE((2,), hidden=(4,))
    check_limits(lambda k: model.elbo(torch.zeros(2, 2), k=k), k=1)
    check_limits(lambda k: model.log_weights(torch.zeros(2, 2), k=k), k=1)
    for name, most in (("beta", 10**6), ("free_nats", None)):
        assert getattr(VAE((2,), **{name: 0.0}), name) == 0  # type: ignore[arg-type]
        for bad in (-0.1, float("nan"), *([] if most is None else [most + 1])):
            with pytest.raises(ValueError, match=f"^{name} must be"):
                VAE((2,), **{name: bad})  # type: ignore[arg-type]


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(VAE)


def test_whether_there_may_be_no_observation_is_a_flag() -> None:
    model, none = VAE((2,), hidden=(4,)), torch.zeros(0, 2)
    assert model.check_observations(none).shape == (0, 2)
    with pytest.raises(ValueError, match=r"^x must hold at least one"):
        model.check_observations(none, allow_empty=False)
    with pytest.raises(TypeError, match=r"^allow_empty must be True or False"):
        model.check_observations(none, allow_empty=1)  # type: ignore[arg-type]


def test_weights_of_the_loss_have_both_ends() -> None:
    for name, good, bad in (
        ("beta", (0.0, 1e6), (-1e-9, 1_000_001.0)),
        ("free_nats", (0.0, 3.0), (-1e-9,)),
    ):
        check_range(lambda **n: VAE((2,), hidden=(4,), **n), name, good, bad)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_both_networks_are_what_their_layers_say(classes: int, likelihood: Any) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = VAE(
            (2, 2), 3, hidden=(9, 7), likelihood=likelihood, classes=classes
        ).double()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=2.0)
    x, z = torch.rand(6, 4, generator=seeded(1)), torch.randn(6, 3, generator=seeded(2))
    x, z = x.double(), z.double()
    y = torch.arange(6) % 3 if classes else None
    label = torch.eye(3).double()[y] if classes else torch.zeros(6, 0).double()

    def layers(net: torch.nn.Module, v: Tensor) -> Tensor:
        linear = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
        for m in linear[:-1]:
            v = m(v).clamp(min=0)
        return linear[-1](v)

    mu, log_scale = layers(model.encoder, torch.cat([x, label], 1)).split(3, 1)
    found = model.posterior(x.view(6, 2, 2), y)
    assert torch.allclose(found[0], mu)
    assert torch.allclose(found[1], log_scale.clamp(-6, 4))
    assert (log_scale.abs() > 6).any()
    out = layers(model.decoder, torch.cat([z, label], 1))
    assert torch.allclose(model.likelihood_params(z, y), out)
    log_p = model.log_likelihood(x.view(6, 2, 2), z, y)
    if likelihood == "gaussian":
        mean, log_std = out.split(4, 1)
        said = torch.distributions.Normal(mean, log_std.clamp(-6, 4).exp())
        wanted = said.log_prob(x).sum(1)
    else:
        mean = out.sigmoid()
        one, none = out.sigmoid(), (-out).sigmoid()
        wanted = (x * one.log() + (1 - x) * none.log()).sum(1)
    assert torch.allclose(log_p, wanted, rtol=1e-6)
    assert torch.allclose(model.decode(z, y).flatten(1), mean)
    g = seeded(5)
    code = torch.randn(6, 3, generator=g, dtype=torch.float64)
    out = model.likelihood_params(code, y)
    drawn = model.sample(6, y, generator=seeded(5)).flatten(1)
    if likelihood == "gaussian":
        eps = torch.randn(6, 4, generator=g, dtype=torch.float64)
        mean, log_std = out.split(4, 1)
        noise = (log_std.clamp(-6, 4).exp() * eps).abs()
        assert torch.allclose((drawn - mean).abs(), noise, atol=1e-9)
    else:
        u = torch.rand(6, 4, generator=g, dtype=torch.float64)
        assert torch.equal(drawn, (u < out.sigmoid()).double())


def test_a_new_model_has_these_weights_and_narrow_starts() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = VAE((2, 3), 4, hidden=(16, 8), frequencies=1, classes=2)
    last = model.encoder[-1], model.decoder[-1]
    with torch.no_grad():  # both start at a width of e to the minus two
        last[0].bias[4:] += 2
        last[1].bias[6:] += 2
    check_start(
        model,
        {
            "encoder.0.weight": (16, 6 * 3 + 2),
            "encoder.0.bias": (16,),
            "encoder.2.weight": (8, 16),
            "encoder.2.bias": (8,),
            "encoder.4.weight": (8, 8),
            "encoder.4.bias": (8,),
            "decoder.0.weight": (8, 4 * 3 + 2),
            "decoder.0.bias": (8,),
            "decoder.2.weight": (16, 8),
            "decoder.2.bias": (16,),
            "decoder.4.weight": (12, 16),
            "decoder.4.bias": (12,),
        },
    )


@pytest.mark.parametrize(("beta", "free"), [(1.0, 0.0), (0.3, 0.0), (2.0, 1.5)])
def test_the_loss_is_its_terms_by_the_dice(beta: float, free: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = VAE((2,), 3, hidden=(8,), beta=beta, free_nats=free).double()
    x = torch.randn(7, 2, generator=seeded(1)).double()
    mu, log_scale = model.posterior(x)
    kl = 0.5 * (mu**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).mean(0)
    assert free == 0 or ((kl < 2 * free).any())
    z = mu + log_scale.exp() * torch.randn(7, 3, generator=seeded(2)).double()
    g = seeded(2)
    z = mu + log_scale.exp() * torch.empty_like(mu).normal_(generator=g)
    wanted = beta * kl.clamp(min=free).sum() - model.log_likelihood(x, z).mean()
    assert model.loss(x, generator=seeded(2)).item() == pytest.approx(wanted.item())
    bound = model.elbo(x, generator=seeded(2)).mean().item()
    exact = (model.log_likelihood(x, z).mean() - kl.sum()).item()
    assert bound == pytest.approx(exact)
    weights = model.log_weights(x, k=3, generator=seeded(4))
    tight = model.elbo(x, k=3, generator=seeded(4))
    assert torch.allclose(tight, weights.exp().mean(0).log())
