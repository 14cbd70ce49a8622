"""Every figure of the course: `plots.NAME(...)` as the last line of a cell shows it."""

from helpers.figures import CourseFigure
from helpers.plots_classification import confusion_matrix, learning_curves, misclassified_slices
from helpers.plots_data import (
    class_balance,
    colour_channels,
    intensity_ranges,
    mask_resizing,
    normalisation,
    orientation,
    raw_slices,
    tumour_areas,
)
from helpers.plots_segmentation import (
    example_pairs,
    iou_puzzle,
    overlap_measures,
    segmentation_examples,
    slice_dice,
)
from helpers.unet_diagram import unet_diagram

__all__ = [
    "CourseFigure",
    "class_balance",
    "colour_channels",
    "confusion_matrix",
    "example_pairs",
    "intensity_ranges",
    "iou_puzzle",
    "learning_curves",
    "mask_resizing",
    "misclassified_slices",
    "normalisation",
    "orientation",
    "overlap_measures",
    "raw_slices",
    "segmentation_examples",
    "slice_dice",
    "tumour_areas",
    "unet_diagram",
]
