"What predictions are worth: labels and probabilities, checked, and every measure of them."
from .bootstrap import CLASS_SCORES
from .checks import (
    TOLERANCE, checked_classifier, checked_count, checked_labels, checked_probabilities, refuse)
from .curves import Curve, precision_recall_curve, roc_curve
from .evaluation import Evaluation, calibrated, fit_temperature
from .metrics import cross_entropy, image_losses, percent, scores_of, wilson
from .predictions import Predictions, predicted

__all__ = ["CLASS_SCORES", "Curve", "Evaluation", "Predictions", "TOLERANCE", "calibrated",
           "checked_classifier", "checked_count", "checked_labels", "checked_probabilities",
           "cross_entropy", "fit_temperature", "image_losses", "percent", "precision_recall_curve",
           "predicted", "refuse", "roc_curve", "scores_of", "wilson"]
