"""Batches, augmentation, losses, checkpoints, cross-validation: what `fit` needs and Keras lacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentation": ["Augmentation"],
        "checkpoint": ["Checkpoint", "TrainingError"],
        "cross_validation": ["CrossValidation", "cross_validate", "pooled_record"],
        "data_loader": [
            "Batches",
            "BatchesError",
            "DeviceMemoryError",
            "Shuffle",
            "explain_out_of_memory",
        ],
        "fit": ["DEFAULTS", "Options", "Run", "train_classifier", "train_unet"],
        "losses": ["RawMeanIoU", "TumourIoU", "accuracy_per_slice", "crossentropy_per_slice"],
        "run_record": [
            "RunRecordError",
            "compare_records",
            "describe_run",
            "read_record",
            "record_results",
            "run_key",
            "write_record",
        ],
        "training_log": ["EpochLogger", "LivePlot"],
    },
)
