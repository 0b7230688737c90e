r"""Membership inference: whether a model betrays what it was trained on.

Observations that a model was trained on have a lower loss than others of the same kind,
and the more it has overfitted, the lower. Who sees the losses can guess who was in the
training set. The chance that of one member and one stranger the member has the lower
loss is the area under the curve of true against false alarms:

.. math:: \mathrm{AUC} = P(L_\text{in} < L_\text{out})
          + \tfrac12 P(L_\text{in} = L_\text{out}).

It is 0.5 if nothing is given away. That holds only if members and strangers were one
crowd, parted at random: otherwise it also measures how the two crowds differ.

Reference:
    R. Shokri, M. Stronati, C. Song and V. Shmatikov, "Membership Inference Attacks
    Against Machine Learning Models", 2017, arXiv:1610.05820; S. Yeom, I. Giacomelli,
    M. Fredrikson and S. Jha, "Privacy Risk in Machine Learning", 2018,
    arXiv:1709.01604; N. Carlini et al., "Membership Inference Attacks From First
    Principles", 2022, arXiv:2112.03570.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor

from genbook._validate import check_share, check_tensor

__all__ = ["Membership", "membership_inference"]


class Membership(NamedTuple):
    """How well losses tell members from strangers.

    Attributes:
        auc: The chance that a member has a lower loss than a stranger.
        error: The standard error of that chance if nothing is given away.
        p_value: The chance of so large an area if nothing is given away.
        caught: The share of members caught when few strangers are taken for members:
            the one in a hundred, or another share, that was asked for.
        spread: The standard error of the chance itself, whatever is given away
            (DeLong).
    """

    auc: float
    error: float
    p_value: float
    caught: float
    spread: float


def membership_inference(
    members: Tensor, strangers: Tensor, *, false_alarms: float = 0.01
) -> Membership:
    """Attack by loss, and say how well it does.

    Args:
        members: The losses of observations that were trained on, ``(n,)``.
        strangers: The losses of observations of the same kind that were not, ``(m,)``.
        false_alarms: The share of strangers that may be taken for members.

    Returns:
        A :class:`Membership`.

    Raises:
        TypeError: If the losses are not floating-point tensors.
        ValueError: If a set of losses is empty, or not finite, or not one-dimensional,
            or ``false_alarms`` is not between 0 and 1.

    Example:
        >>> seen, unseen = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 3.0, 4.0])
        >>> round(membership_inference(seen, unseen).auc, 3)  # 5 pairs of 6
        0.833
    """
    ins = check_tensor(members, "members", ("n",)).double()
    outs = check_tensor(strangers, "strangers", ("m",)).double()
    share = check_share(false_alarms, "false_alarms")
    n, m = len(ins), len(outs)
    ordered = outs.sort().values
    won = 1 - _share_below(ins, ordered)  # each member's share of strangers
    auc = won.mean().item()
    beaten = _share_below(outs, ins.sort().values)  # each stranger's share of members
    spread = sum(v.var(correction=0).item() / len(v) for v in (won, beaten)) ** 0.5
    test = stats.mannwhitneyu(
        ins.cpu().numpy(), outs.cpu().numpy(), alternative="less", method="asymptotic"
    )
    allowed = int(share * m)  # strangers below the threshold
    caught = (ins < ordered[allowed]).double().mean().item()
    error = ((n + m + 1) / (12 * n * m)) ** 0.5
    return Membership(auc, error, float(test.pvalue), caught, spread)


def _share_below(x: Tensor, ordered: Tensor) -> Tensor:
    """Return of each value which share of ordered ones is lower; ties count half."""
    below = torch.searchsorted(ordered, x)
    up_to = torch.searchsorted(ordered, x, right=True)
    return (below + up_to).double() / (2 * len(ordered))
