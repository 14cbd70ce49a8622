"""Every table of the course: `tables.NAME(...)` as the last line of a cell shows it."""

from helpers.tables_evidence import intervals, overlap_per_area_quartile, overlap_per_class
from helpers.tables_protocol import leakages, protocols
from helpers.tables_report import (
    classification,
    classification_split,
    classifier_layers,
    classifier_results,
    iou_puzzle,
    misclassified,
    misclassified_in_report,
    overlap,
    segmentation_split,
    unet_layers,
    unet_parameters,
    unet_results,
)

__all__ = [
    "classification",
    "classification_split",
    "classifier_layers",
    "classifier_results",
    "intervals",
    "iou_puzzle",
    "leakages",
    "misclassified",
    "misclassified_in_report",
    "overlap",
    "overlap_per_area_quartile",
    "overlap_per_class",
    "protocols",
    "segmentation_split",
    "unet_layers",
    "unet_parameters",
    "unet_results",
]
