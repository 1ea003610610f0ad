"Figures of data, training, judgement, networks and sweeps: each function returns one."

from fashion_cnn.plots.style import (
    COLOURS, DPI, FAINT, HATCHES, INK, LINES, MARKERS, curve_style, data_url, fit_text,
    percent_axis, png, seeds_text, setting_text, sheet, tidy_axes,
)
from fashion_cnn.plots.images import (
    BLANK, as_rgb, cell, class_counts, first_images, guesses, image_rows, mosaic, most_wrong,
    sample_grid,
)
from fashion_cnn.plots.learning import (
    Folded, as_runs, curve_grid, curves_together, learning_curves, learning_rate_search,
    loss_accuracy, schedule, seed_lines, shared_metrics, shown_epochs, side_by_side,
    stack_histories, validation_curves,
)
from fashion_cnn.plots.judging import (
    confusion_matrix, per_class, precision_recall, reliability, roc,
)
from fashion_cnn.plots.inside import (
    MAPS, activations, class_map, feature_maps, filters, flatten_to_map, grad_cam, grad_cam_maps,
    kernels, overlay_heat,
)
from fashion_cnn.plots.convolution import (
    MOVES, channel_sums, kernel_numbers, kernel_responses, output_size, response, sliding_windows,
)
from fashion_cnn.plots.seeds import redrawn_accuracies, seed_dots
from fashion_cnn.plots.sweeps import (
    gap_dots, in_groups, knob_name, sweep_field, sweep_heatmap, sweep_importance, sweep_lines,
    sweep_metric, swept_fields, value_text,
)

__all__ = [
    "COLOURS", "MARKERS", "LINES", "HATCHES", "DPI", "INK", "FAINT", "BLANK", "MAPS",
    "curve_style", "sheet", "png", "data_url", "tidy_axes", "percent_axis", "fit_text", "as_rgb",
    "mosaic", "sample_grid", "class_counts", "stack_histories", "shown_epochs", "as_runs",
    "seeds_text",
    "shared_metrics", "learning_curves", "loss_accuracy", "setting_text", "side_by_side",
    "validation_curves", "curve_grid", "schedule", "learning_rate_search", "confusion_matrix",
    "cell", "most_wrong", "per_class", "roc", "precision_recall", "reliability", "image_rows",
    "class_map", "flatten_to_map", "activations", "kernels", "filters", "feature_maps",
    "grad_cam_maps", "overlay_heat", "grad_cam", "knob_name", "value_text",
    "sweep_field", "in_groups", "swept_fields", "sweep_metric", "sweep_lines", "sweep_heatmap",
    "sweep_importance", "redrawn_accuracies", "first_images", "guesses", "MOVES",
    "channel_sums", "kernel_numbers", "kernel_responses", "output_size", "response",
    "sliding_windows", "seed_dots", "Folded", "curves_together", "seed_lines",
    "gap_dots",
]
