"""A small network fitted by maximum likelihood: one logit for each cell of a grid.

The simplest network that is a density: it looks at the centre of every cell, says a
number for each, and a softmax makes them probabilities that sum to one. Naming them all
is what makes it exact, and what makes it hopeless in many dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._validate import check_count
from genbook.models.density.histogram import PiecewiseConstant
from genbook.models.networks.mlp import fourier_features


class GridNetwork(PiecewiseConstant):
    r"""A network with one output for each cell of a grid, normalised by a softmax.

    .. math::

        \log p_\theta(\mathbf x) = f_\theta(\mathbf c)
        - \log \sum_{\mathbf c'} \exp f_\theta(\mathbf c') - \log \operatorname{vol}

    where :math:`\mathbf c` is the centre of the cell that holds :math:`\mathbf x`, and
    :math:`\operatorname{vol}` the volume of a cell. The network sees sines and cosines
    of the centre, which let a small network draw sharp borders.

    Args:
        low: The lower corner of the box, ``(dim,)``.
        high: The upper corner of the box, ``(dim,)``.
        bins: How many cells along each dimension: one number for all, or one for each.
        hidden: The width of the two hidden layers.
        frequencies: How many frequencies, each twice the one before; the first has its
            period twice the width of the box.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the corners do not enclose a volume, the bins make more than
            2**20 cells, or ``hidden`` or ``frequencies`` is below one.

    Reference:
        M. Tancik et al., *Fourier features let networks learn high frequency functions
        in low dimensional domains*, NeurIPS 2020, arXiv:2006.10739.

    Example:
        >>> model = GridNetwork(low=[0.0], high=[4.0], bins=8)
        >>> width = 4.0 / 8
        >>> centres = torch.arange(8)[:, None] * width + width / 2
        >>> integral = (model.log_prob(centres).exp() * width).sum()
        >>> round(integral.item(), 4)
        1.0
    """

    MAX_CELLS = 2**20
    cell_features: Tensor

    def __init__(
        self,
        low: Tensor | Sequence[float],
        high: Tensor | Sequence[float],
        bins: int | Sequence[int] = 48,
        *,
        hidden: int = 64,
        frequencies: int = 5,
    ) -> None:
        super().__init__(low, high, bins, self.MAX_CELLS)
        hidden = check_count(hidden, "hidden", minimum=1)
        frequencies = check_count(frequencies, "frequencies", minimum=1)
        self.config |= {"hidden": hidden, "frequencies": frequencies}
        seen = self._cell_features(frequencies)
        self.register_buffer("cell_features", seen, persistent=False)
        self.f = nn.Sequential(
            nn.Linear(seen.shape[1], hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def log_mass(self) -> Tensor:
        """Return the log probability of each cell, ``(cells,)``."""
        return self.f(self.cell_features).squeeze(1).log_softmax(dim=0)

    def _cell_features(self, frequencies: int) -> Tensor:
        """Return what the network sees of each cell, ``(cells, features)``."""
        sides = [(torch.arange(b) + 0.5) / b for b in self.bins]
        centres = torch.cartesian_prod(*sides).view(-1, 1)  # in the unit box
        return fourier_features(centres, frequencies, torch.pi)[:, 1:].reshape(
            self.cells, -1
        )
