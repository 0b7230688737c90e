"""The three promises of a generative model, as numbers.

*Accuracy*: how likely the model finds what is observed
(:func:`~genbook.metrics.accuracy.mean_log_prob`,
:func:`~genbook.metrics.accuracy.nats_above_entropy`). *Generation*: whether its samples
could have been observed, in all their variety, without being copies
(:func:`~genbook.metrics.coverage.support_share`,
:func:`~genbook.metrics.coverage.coverage`,
:func:`~genbook.metrics.two_sample.energy_distance`,
:func:`~genbook.metrics.two_sample.energy_test`,
:func:`~genbook.metrics.two_sample.classifier_two_sample_test`,
:func:`~genbook.metrics.memorisation.nearest_neighbour_memorisation`).
*Representation*: whether its codes say what matters
(:func:`~genbook.metrics.representation.linear_probe_r2`,
:func:`~genbook.metrics.representation.clustering_accuracy`).

Probabilities of labels are judged by :func:`~genbook.metrics.calibration.brier_score`
and :func:`~genbook.metrics.calibration.calibration_error`. Three modules are imported
by name: ``baselines`` (what a model must beat), ``cost`` and ``posterior`` (the codes
of a variational autoencoder).
"""

from genbook.metrics.accuracy import Estimate, mean_log_prob, nats_above_entropy
from genbook.metrics.calibration import (
    Reliability,
    brier_score,
    calibration_error,
    reliability,
)
from genbook.metrics.coverage import Coverage, coverage, support_share
from genbook.metrics.memorisation import Memorisation, nearest_neighbour_memorisation
from genbook.metrics.representation import clustering_accuracy, linear_probe_r2
from genbook.metrics.two_sample import (
    TwoSampleTest,
    classifier_two_sample_test,
    energy_distance,
    energy_test,
)

__all__ = [
    "Coverage",
    "Estimate",
    "Memorisation",
    "Reliability",
    "TwoSampleTest",
    "brier_score",
    "calibration_error",
    "classifier_two_sample_test",
    "clustering_accuracy",
    "coverage",
    "energy_distance",
    "energy_test",
    "linear_probe_r2",
    "mean_log_prob",
    "nats_above_entropy",
    "nearest_neighbour_memorisation",
    "reliability",
    "support_share",
]
