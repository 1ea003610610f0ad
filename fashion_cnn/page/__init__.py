"Charts with knobs that work in a published page: no kernel, no server, else a still picture"
from .charts import (
    ALTAIR, WIDE, NARROW, STILL, altair, slider, tick, choice, known, follows, shorter,
    specification, embed)
from .runs import (
    METRICS, SCALE, SHOWN, DASHES, AXIS_LABEL, totals, summarised, runs_chart, runs_figure)
from .sweep import (
    SWEPT, option_label, knob_label, place_expression, swept, told, sweep_chart, sweep_figure)
from .augmentation import BENT, unit_field, bent, garments, augment_chart, augment_figure
from .convolution import (
    KERNELS, OWN_KERNEL, BLUE_ORANGE, PALE, halved, convolution_chart, convolution_figure)

__all__ = ["ALTAIR", "WIDE", "NARROW", "STILL", "altair", "slider", "tick", "choice", "known",
           "follows", "shorter", "specification", "embed", "METRICS", "SCALE", "SHOWN",
           "DASHES", "AXIS_LABEL", "totals", "summarised", "runs_chart", "runs_figure", "SWEPT",
           "option_label", "knob_label", "place_expression", "swept", "told", "sweep_chart",
           "sweep_figure", "BENT", "unit_field", "bent", "garments", "augment_chart",
           "augment_figure", "KERNELS", "OWN_KERNEL", "BLUE_ORANGE", "PALE", "halved",
           "convolution_chart", "convolution_figure"]
