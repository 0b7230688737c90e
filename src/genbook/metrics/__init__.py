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
:func:`~genbook.metrics.memorisation.nearest_neighbour_memorisation`), for images in the
features of a judge (:func:`~genbook.metrics.frechet.frechet_distance`,
:func:`~genbook.metrics.precision_recall.precision_recall`). *Representation*: whether
its codes say what matters (:func:`~genbook.metrics.representation.linear_probe_r2`,
:func:`~genbook.metrics.representation.clustering_accuracy`).

A comparison stands beside what real against real gives
(:func:`~genbook.metrics.noise_floor.noise_floor`), and a test that finds nothing beside
its power (:func:`~genbook.metrics.memorisation.memorisation_power`). Probabilities of
labels are judged by :func:`~genbook.metrics.calibration.brier_score` and
:func:`~genbook.metrics.calibration.calibration_error`. Three modules are imported by
name: ``baselines`` (what a model must beat), ``cost`` and ``posterior`` (the codes of a
variational autoencoder).
"""

from genbook.metrics.accuracy import Estimate, mean_log_prob, nats_above_entropy
from genbook.metrics.calibration import (
    Reliability,
    brier_score,
    calibration_error,
    reliability,
)
from genbook.metrics.coverage import Coverage, coverage, support_share
from genbook.metrics.frechet import frechet_distance, frechet_distance_of_moments
from genbook.metrics.memorisation import (
    Memorisation,
    memorisation_power,
    nearest_neighbour_memorisation,
)
from genbook.metrics.noise_floor import NoiseFloor, noise_floor
from genbook.metrics.precision_recall import PrecisionRecall, precision_recall
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
    "NoiseFloor",
    "PrecisionRecall",
    "Reliability",
    "TwoSampleTest",
    "brier_score",
    "calibration_error",
    "classifier_two_sample_test",
    "clustering_accuracy",
    "coverage",
    "energy_distance",
    "energy_test",
    "frechet_distance",
    "frechet_distance_of_moments",
    "linear_probe_r2",
    "mean_log_prob",
    "memorisation_power",
    "nats_above_entropy",
    "nearest_neighbour_memorisation",
    "noise_floor",
    "precision_recall",
    "reliability",
    "support_share",
]
