"""Batches, augmentation, checkpoints, run records: what `fit` needs and Keras lacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentation": ["Augmentation"],
        "checkpoint": ["Checkpoint", "TrainingError"],
        "data_loader": [
            "Batches",
            "BatchesError",
            "DeviceMemoryError",
            "Shuffle",
            "TrainingInterruptedError",
            "explain_errors",
        ],
        "metrics": ["ReportIoU"],
        "run_record": [
            "RunRecordError",
            "compare_records",
            "describe_run",
            "layer_list",
            "pool_records",
            "read_record",
            "record_results",
            "run_key",
            "write_record",
        ],
        "search": ["copy_study", "restore_study"],
        "training_log": ["EpochLogger", "LivePlot"],
    },
)
