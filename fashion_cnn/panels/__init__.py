"Panels with knobs: turn one, see what it does to curves, training, errors or images."

from fashion_cnn.panels.base import (
    Panel, button, descendants, flow, frame, image_box, is_interactive, knob, picture, put,
    sentence, table, take_away, wake_up_quietly)
from fashion_cnn.panels.given import kept
from fashion_cnn.panels.curves import (
    LISTED, MEASURES, PARTS, SWEEP_FIGURES, CurveExplorer, RunList, SweepRuns, best_epochs, curves,
    recipe_differences, run_labels, series, smooth)
from fashion_cnn.panels.knobs import (
    KNOBS, adjustable, augmentation_options, network_knobs, network_options, network_problems,
    recipe_code, stretched)
from fashion_cnn.panels.form import NO_AUGMENTATION, OWN, SHAPES, SIZES, RecipeForm
from fashion_cnn.panels.trainer import (
    Trainer, in_foreground, one_interrupt, seconds_per_epoch, stop_after)
from fashion_cnn.panels.training import TrainPanel
from fashion_cnn.panels.augmentation import AugmentPanel, augmented, before_and_after, field
from fashion_cnn.panels.errors import (
    BLUES, ORANGES, ErrorExplorer, cell_gallery, coverage, coverage_curve, one_image)
from fashion_cnn.panels.convolution import (
    ConvolutionStepper, in_and_out, most_active, step, step_figure, step_text, steppable)
from fashion_cnn.panels.photograph import PhotographPanel

__all__ = [
    "AugmentPanel", "BLUES", "ConvolutionStepper", "CurveExplorer", "ErrorExplorer", "KNOBS",
    "LISTED", "MEASURES", "NO_AUGMENTATION", "ORANGES", "OWN", "PARTS", "Panel",
    "PhotographPanel", "RecipeForm", "RunList", "SHAPES", "SIZES", "SWEEP_FIGURES", "SweepRuns",
    "TrainPanel", "Trainer", "adjustable", "augmentation_options", "augmented",
    "before_and_after", "best_epochs", "button", "cell_gallery", "coverage", "coverage_curve",
    "curves", "descendants", "field", "flow", "frame", "image_box", "in_and_out",
    "in_foreground", "is_interactive", "kept", "knob", "most_active", "network_knobs",
    "network_options", "network_problems", "one_image", "one_interrupt", "picture", "put",
    "recipe_code", "recipe_differences", "run_labels", "seconds_per_epoch", "sentence",
    "series", "smooth", "step", "step_figure", "step_text", "steppable", "stop_after",
    "stretched", "table", "take_away", "wake_up_quietly"]
