"""Every table of the course."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classification": [
            "classification_report",
            "classification_split",
            "classifier_layers",
            "classifier_results",
            "misclassified",
            "misclassified_in_report",
        ],
        "formatting": ["readable", "translated"],
        "protocol": ["intervals", "leakage_summary", "protocol_comparison"],
        "segmentation": [
            "iou_puzzle",
            "overlap",
            "overlap_per_area_quartile",
            "overlap_per_class",
            "segmentation_split",
            "unet_layers",
            "unet_parameters",
            "unet_results",
        ],
    },
)
