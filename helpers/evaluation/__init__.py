"""Predictions and their evaluation: overlap, confidence intervals, calibration, a baseline."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bootstrap": [
            "BootstrapError",
            "ConfidenceInterval",
            "auc_interval",
            "classification_intervals",
            "mcnemar",
            "mean_interval",
            "paired_difference",
        ],
        "calibration": ["confidence_curve", "expected_calibration_error", "reliability"],
        "duplicates": ["near_duplicates"],
        "nearest_neighbour": ["nearest", "pixel_vectors"],
        "overlap": [
            "THRESHOLD",
            "area_quartiles",
            "dice",
            "hausdorff95",
            "iou",
            "mean_iou_of_raw_probabilities",
            "pixel_mm",
            "pooled_dice",
            "pooled_iou",
            "precision",
            "recall",
        ],
        "prediction": [
            "PredictionsError",
            "Predictor",
            "Timing",
            "load_predictions",
            "predict",
            "save_predictions",
            "saved_predictions",
            "time_prediction",
        ],
    },
)
