"Panels with knobs: turn one, see what it does to curves, training, errors or images."

from fashion_cnn.panels.base import (
    Panel, button, descendants, flow, frame, image_box, is_interactive, knob, picture, put,
    sentence, table)
from fashion_cnn.panels.curves import (
    LISTED, MEASURES, PARTS, SWEEP_FIGURES, CurveExplorer, best_epochs, curves, recipe_differences,
    series, smooth)
from fashion_cnn.panels.knobs import (
    KNOBS, adjustable, augmentation_options, network_knobs, network_options, network_problems,
    recipe_code, stretched)
from fashion_cnn.panels.form import NO_AUGMENTATION, OWN, SHAPES, SIZES, RecipeForm
from fashion_cnn.panels.trainer import Trainer, in_foreground, one_interrupt, seconds_per_epoch
from fashion_cnn.panels.training import TrainPanel
from fashion_cnn.panels.augmentation import AugmentPanel, augmented, before_and_after, field
from fashion_cnn.panels.errors import (
    BLUES, ORANGES, ErrorExplorer, cell_gallery, coverage, coverage_curve, one_image)
from fashion_cnn.panels.convolution import (
    ConvolutionStepper, in_and_out, most_active, step, step_figure, step_text, steppable)

__all__ = [
    "AugmentPanel", "BLUES", "ConvolutionStepper", "CurveExplorer", "ErrorExplorer", "KNOBS",
    "LISTED", "MEASURES", "NO_AUGMENTATION", "ORANGES", "OWN", "PARTS", "Panel", "RecipeForm",
    "SHAPES", "SIZES", "SWEEP_FIGURES", "TrainPanel", "Trainer", "adjustable",
    "augmentation_options", "augmented", "before_and_after", "best_epochs", "button",
    "cell_gallery", "coverage", "coverage_curve", "curves", "descendants", "field", "flow",
    "frame", "image_box", "in_and_out", "in_foreground", "is_interactive", "knob", "most_active",
    "network_knobs", "network_options", "network_problems", "one_image", "one_interrupt",
    "picture", "put", "recipe_code", "recipe_differences", "seconds_per_epoch", "sentence",
    "series", "smooth", "step", "step_figure", "step_text", "steppable", "stretched", "table"]
