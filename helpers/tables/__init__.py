"""Every table of the course."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evidence": ["intervals", "overlap_per_area_quartile", "overlap_per_class"],
        "protocol": ["leakage_summary", "protocol_comparison"],
        "report_tables": [
            "classification_report",
            "classification_split",
            "classifier_layers",
            "classifier_results",
            "iou_puzzle",
            "misclassified",
            "misclassified_in_report",
            "overlap",
            "segmentation_split",
            "unet_layers",
            "unet_parameters",
            "unet_results",
        ],
    },
)
