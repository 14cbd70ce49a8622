"""Every figure of the course, with alt text."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "architecture": ["unet_diagram"],
        "classification": [
            "compare_losses",
            "confusion_matrix",
            "heat_maps",
            "learning_curves",
            "misclassified_slices",
            "nearest_slices",
        ],
        "exploration": [
            "class_balance",
            "intensity_ranges",
            "normalised_brightness",
            "slices_per_patient",
            "tumour_areas",
            "tumour_places",
        ],
        "joint": ["class_maps"],
        "new_data": ["alarms", "confident_answers", "roc_curves", "slices", "stress"],
        "preprocessing": ["colour_channels", "mask_resizing", "normalisation", "orientation", "raw_slices"],
        "search": [
            "best_of_n",
            "best_so_far",
            "parallel_coordinates",
            "parameter_importance",
            "trial_curves",
        ],
        "segmentation": ["example_pairs", "iou_puzzle", "overlap_measures", "segmentation_examples"],
        "style": ["CourseFigure"],
        "uncertainty": ["confidence_curve", "dice_by_area", "intervals", "reliability_diagram"],
    },
)
