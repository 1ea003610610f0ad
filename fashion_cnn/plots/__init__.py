"The figures of a project, each a function that returns one, and a report that gathers them on a page"
from .style import (
    COLOURS, MARKERS, LINES, HATCHES, DPI, INK, FAINT, curve_style, sheet, png, tidy_axes,
    percent_axis, fit_text)
from .images import (
    BLANK, MAPS, as_rgb, mosaic, sample_grid, class_counts, image_rows, class_map,
    flatten_to_map)
from .learning import (
    stack_histories, shown_epochs, as_runs, seeds_text, shared_metrics, learning_curves,
    loss_accuracy, setting_text, side_by_side, validation_curves, curve_grid, schedule,
    learning_rate_search)
from .judging import (
    confusion_matrix, cell, most_wrong, per_class, roc, precision_recall, reliability)
from .inside import (
    activations, kernels, filters, feature_maps, grad_cam_maps, overlay_heat, grad_cam,
    embedding)
from .sweeps import (
    knob_name, value_text, sweep_field, in_groups, swept_fields, sweep_metric, sweep_lines,
    sweep_heatmap, sweep_importance)

__all__ = ["COLOURS", "MARKERS", "LINES", "HATCHES", "DPI", "INK", "FAINT", "curve_style",
           "sheet", "png", "tidy_axes", "percent_axis", "fit_text", "BLANK", "MAPS", "as_rgb",
           "mosaic", "sample_grid", "class_counts", "image_rows", "class_map", "flatten_to_map",
           "stack_histories", "shown_epochs", "as_runs", "seeds_text", "shared_metrics",
           "learning_curves", "loss_accuracy", "setting_text", "side_by_side",
           "validation_curves", "curve_grid", "schedule", "learning_rate_search",
           "confusion_matrix", "cell", "most_wrong", "per_class", "roc", "precision_recall",
           "reliability", "activations", "kernels", "filters", "feature_maps", "grad_cam_maps",
           "overlay_heat", "grad_cam", "embedding", "knob_name", "value_text", "sweep_field",
           "in_groups", "swept_fields", "sweep_metric", "sweep_lines", "sweep_heatmap",
           "sweep_importance"]
