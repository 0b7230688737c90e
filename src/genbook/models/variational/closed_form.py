r"""What a variational autoencoder's bound leaves out, where it can be computed.

A variational autoencoder is judged by a bound. Where the code is short the bound can be
compared with the integral that it replaces; a linear one is probabilistic PCA.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_labels, check_positive
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.gaussians import gaussian_log_prob
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.variational.vae import VAE

FARTHEST = 1000  # standard deviations, beyond which no code of any use lies


@torch.no_grad()
def log_prob_by_quadrature(
    model: VAE,
    x: Tensor,
    y: Tensor | None = None,
    *,
    nodes: int = 400,
    limit: float = 6.0,
) -> Tensor:
    r"""Return the log density as a sum over a grid of codes, for one or two of them.

    .. math:: \log \sum_j p(\mathbf x\mid\mathbf z_j)\, p(\mathbf z_j)\, h^k,

    with the nodes in the middles of cells of side ``h``: equation
    :eq:`eq-vae-integral` by the rule of the midpoint. The error falls fast once the
    cells are narrower than the posterior: compare two numbers of nodes.

    Args:
        model: A variational autoencoder with a code of one or two numbers.
        x: Observations, ``(n, *event_shape)``.
        y: Labels, ``(n,)``, for a conditional model.
        nodes: How many nodes along each number of the code.
        limit: The grid reaches from ``-limit`` to ``limit``, in standard deviations of
            the prior.

    Returns:
        A tensor ``(n,)``, in nats.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the code is longer than two, or ``nodes`` or ``limit`` is not
            positive.

    Example:
        >>> model = VAE((2,), latent_dim=1, hidden=(8,))
        >>> log_prob_by_quadrature(model, torch.zeros(3, 2)).shape
        torch.Size([3])
    """
    _check_kind(model, "model", VAE)
    k = model.latent_dim
    if k > 2:
        raise ValueError(f"model must have a code of 1 or 2 numbers, got {k}")
    nodes = check_count(nodes, "nodes", minimum=1)
    if check_positive(limit, "limit") > FARTHEST:
        raise ValueError(f"limit must be at most {FARTHEST}, got {limit:g}")
    h = 2 * limit / nodes
    model.check_observations(x)
    if model.classes and y is not None:
        y = check_labels(y, "y", model.classes, len(x))
    elif model.classes or y is not None:
        raise ValueError("y must be labels for a model with classes, None for another")
    side = h * (torch.arange(nodes, dtype=model.dtype, device=model.device) + 0.5)
    axes = torch.meshgrid([side - limit] * k, indexing="ij")
    z = torch.stack(axes, -1).reshape(-1, k)  # (nodes ** k, k)
    zero = torch.zeros_like(z)
    mass = gaussian_log_prob(z, zero, zero) + k * math.log(h)  # (nodes ** k,)
    found = x.new_empty(len(x))
    same = None if model.classes else model.likelihood_params(z)
    for i in range(len(x)):
        label = None if y is None else y[i : i + 1].expand(len(z))
        params = model.likelihood_params(z, label) if same is None else same
        copies = x[i : i + 1].expand(len(z), *x.shape[1:])
        given = model.likelihood_log_prob(copies, params)  # (nodes ** k,)
        found[i] = (given + mass).logsumexp(0)  # (14.1)
    return found


@torch.no_grad()
def linear_vae(plane: ProbabilisticPCA) -> VAE:
    r"""Return the variational autoencoder that is a given probabilistic PCA.

    Both networks are single linear layers. The decoder is the plane with its noise, and
    the encoder is the true posterior,

    .. math:: \mathbf z\mid\mathbf x \sim \mathcal N\bigl(M^{-1}W^\top
              (\mathbf x-\boldsymbol\mu),\; \sigma^2 M^{-1}\bigr),
              \qquad M = W^\top W + \sigma^2 I,

    so that the bound is the exact likelihood.

    Args:
        plane: A fitted model; the columns of its ``W`` are at right angles then.

    Raises:
        TypeError: If ``plane`` is of another kind.
        ValueError: If they are not: the true posterior has correlations that the
            encoder cannot say.

    Reference:
        J. Lucas, G. Tucker, R. Grosse and M. Norouzi, "Don't blame the ELBO!", 2019,
        arXiv:1911.02469.

    Example:
        >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double()
        >>> plane = ProbabilisticPCA((3,), components=1).double().fit(x)
        >>> model = linear_vae(plane)
        >>> torch.allclose(model.elbo(x, k=2), plane.log_prob(x))
        True
    """
    _check_kind(plane, "plane", ProbabilisticPCA)
    W, variance = plane.W, plane.log_variance.exp()
    features, q = W.shape
    precision = W.T @ W
    size = precision.diagonal() + variance
    if (precision - precision.diag().diag()).abs().max() > 1e-4 * size.max():
        raise ValueError("plane must have columns of W at right angles: fit it first")
    model = VAE(plane.event_shape, q, hidden=()).to(W.dtype)
    gain = W.T / size[:, None]  # (q, features)
    log_scale = 0.5 * (plane.log_variance - size.log())
    (encoder,), (decoder,) = _linear(model.encoder), _linear(model.decoder)
    encoder.weight.copy_(torch.cat([gain, torch.zeros_like(gain)]))
    encoder.bias.copy_(torch.cat([-gain @ plane.mu, log_scale]))
    decoder.weight.copy_(torch.cat([W, torch.zeros_like(W)]))
    same = (0.5 * plane.log_variance).expand(features)
    decoder.bias.copy_(torch.cat([plane.mu, same]))
    return model


@torch.no_grad()
def to_autoencoder(model: VAE) -> Autoencoder:
    """Return the means of both networks of a model as a plain autoencoder.

    Args:
        model: A model with connected layers and a Bernoulli likelihood, without
            conditions and octaves.

    Raises:
        TypeError: If ``model`` is no :class:`~genbook.models.variational.vae.VAE`.
        ValueError: If the model is of another kind.

    Example:
        >>> model = VAE((1, 4, 4), latent_dim=2, hidden=(8,), likelihood="bernoulli")
        >>> twin, z = to_autoencoder(model), torch.zeros(3, 2)
        >>> torch.allclose(twin.decode(z), model.decode(z))
        True
    """
    _check_kind(model, "model", VAE)
    own = "networks" in model.config
    if own or model.classes or model.frequencies or model.likelihood != "bernoulli":
        raise ValueError(
            "model must have a Bernoulli likelihood, no classes, no frequencies and no "
            f"networks of its own, got {model.config}"
        )
    hidden = [m.out_features for m in _linear(model.encoder)[:-1]]
    twin = Autoencoder(model.event_shape, model.latent_dim, hidden=hidden)
    twin = twin.to(model.dtype)
    for net, ours in ((twin.encoder, model.encoder), (twin.decoder, model.decoder)):
        for new, old in zip(_linear(net), _linear(ours), strict=True):
            new.weight.copy_(old.weight[: len(new.weight)])
            new.bias.copy_(old.bias[: len(new.bias)])
    return twin


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [m for m in network.modules() if isinstance(m, nn.Linear)]


def _check_kind(model: object, name: str, kind: type) -> None:
    if not isinstance(model, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {type(model).__name__}")
