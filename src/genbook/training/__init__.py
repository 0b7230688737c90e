"""The one training loop, and files that hold a model or a run.

:func:`~genbook.training.loop.descend` is the loop itself, short enough to print in the
book. :func:`~genbook.training.fit.fit` checks its arguments, sets the loop up, and
keeps a checkpoint from which a killed run goes on to the same last bit.
:func:`~genbook.training.checkpoint.save` and :func:`~genbook.training.checkpoint.load`
write and read a model. All of them are imported from here:
``from genbook.training import fit``.
"""

from genbook.training.checkpoint import load, save
from genbook.training.fit import fit
from genbook.training.loop import Batches, History, TrainState, descend
from genbook.training.randomness import isolated_rng
from genbook.training.schedules import constant, one_cycle

__all__ = [
    "Batches",
    "History",
    "TrainState",
    "constant",
    "descend",
    "fit",
    "isolated_rng",
    "load",
    "one_cycle",
    "save",
]
