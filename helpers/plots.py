"""Every figure of the course: `plots.NAME(...)` as the last line of a cell shows it."""

from helpers.figures import CourseFigure
from helpers.plots_classification import (
    confusion_matrix,
    learning_curves,
    misclassified_slices,
    nearest_slices,
)
from helpers.plots_data import (
    colour_channels,
    mask_resizing,
    normalisation,
    orientation,
    raw_slices,
)
from helpers.plots_evidence import confidence_curve, dice_by_area, intervals, reliability_diagram
from helpers.plots_explore import (
    class_balance,
    intensity_ranges,
    normalised_brightness,
    slices_per_patient,
    tumour_areas,
    tumour_places,
)
from helpers.plots_segmentation import (
    example_pairs,
    iou_puzzle,
    overlap_measures,
    segmentation_examples,
)
from helpers.unet_diagram import unet_diagram

__all__ = [
    "CourseFigure",
    "class_balance",
    "colour_channels",
    "confidence_curve",
    "confusion_matrix",
    "dice_by_area",
    "example_pairs",
    "intensity_ranges",
    "intervals",
    "iou_puzzle",
    "learning_curves",
    "mask_resizing",
    "misclassified_slices",
    "nearest_slices",
    "normalisation",
    "normalised_brightness",
    "orientation",
    "overlap_measures",
    "raw_slices",
    "reliability_diagram",
    "segmentation_examples",
    "slices_per_patient",
    "tumour_areas",
    "tumour_places",
    "unet_diagram",
]
