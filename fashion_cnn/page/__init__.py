"Charts with knobs that work in a published page: no kernel, no server, else a still picture"
from .charts import (
    ALTAIR, WIDE, NARROW, STILL, altair, slider, checkbox, choice, constant, computed, rounded,
    specification, embed)
from .runs import (
    METRICS, SCALE, SHOWN, DASHES, AXIS_LABEL, running_totals, recipe_rows, runs_chart, runs_figure)
from .sweep import (
    SWEEP_METRICS, option_label, place_expression, setting_rows, setting_texts, sweep_chart,
    sweep_figure)
from .augmentation import (
    FIRST_DISTORTION, unit_field, distorted, garments, augment_chart, augment_figure)
from .convolution import (
    KERNELS, BLUE_ORANGE, PALE, half_size, convolution_chart, convolution_figure)
from .live import (
    drawing_ranges, embed_script, layer_list, packed, try_figure)

__all__ = ["ALTAIR", "WIDE", "NARROW", "STILL", "altair", "slider", "checkbox", "choice",
           "constant", "computed", "rounded", "specification", "embed", "METRICS", "SCALE",
           "SHOWN", "DASHES", "AXIS_LABEL", "running_totals", "recipe_rows", "runs_chart",
           "runs_figure", "SWEEP_METRICS", "option_label", "place_expression",
           "setting_rows", "setting_texts", "sweep_chart", "sweep_figure", "FIRST_DISTORTION",
           "unit_field", "distorted", "garments", "augment_chart", "augment_figure", "KERNELS",
           "BLUE_ORANGE", "PALE", "half_size", "convolution_chart",
           "convolution_figure", "drawing_ranges", "embed_script",
           "layer_list", "packed", "try_figure"]
