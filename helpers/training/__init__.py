"""Batches, losses, checkpoints, cross-validation: what `fit` needs and Keras lacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentation": ["Augmentation"],
        "cross_validation": ["CrossValidation", "cross_validate", "pooled_record"],
        "data_loader": ["Batches", "BatchesError"],
        "fit": ["DEFAULTS", "Options", "Run", "TrainingError", "train_classifier", "train_unet"],
        "losses": ["RawMeanIoU", "TumourIoU", "accuracy_per_slice", "crossentropy_per_slice"],
        "run_record": [
            "RunRecordError",
            "compare_records",
            "describe_run",
            "read_record",
            "record_results",
            "write_record",
        ],
        "training_log": ["EpochLogger", "LivePlot", "history_table"],
    },
)
