"""What others reach on Jun Cheng's slices, each number with its protocol, as data.

Collected in 2026 from papers and public code. Nothing is computed from them; they stand beside
this run's numbers to be compared where the protocols agree, and not compared where they differ.
"""

from dataclasses import dataclass

from helpers import report


@dataclass(frozen=True)
class Result:
    """A published number.

    Args:
        task: "classification" or "segmentation".
        model: what was trained.
        unit: what was shuffled: "slice", "patient" or "family"; None where nothing was trained.
        measure: its name, as this course uses it.
        value: the number, or the range of several, as text.
        size: pixels a side, None where it is not stated.
        source: who says so.
        note: what else the protocol says.
    """

    task: str
    model: str
    unit: str | None
    measure: str
    value: str
    size: int | None = None
    source: str = "published"
    note: str = ""


RESULTS = (
    Result("classification", "the report's CNN", "slice", "accuracy", f"{report.CLASSIFICATION_ACCURACY:.2f}",
           512, "report", "the test set is the validation set"),
    Result("classification", "ResNet-50", "slice", "accuracy", "0.985"),
    Result("classification", "DenseNet-121 of ImageNet", "patient", "accuracy", "0.953",
           note="the author's five folds"),
    Result("classification", "DenseNet-121 of ImageNet", "patient", "macro F1", "0.947",
           note="the author's five folds"),
    Result("classification", "ResNet-34, several tasks", "family", "accuracy", "0.952", note="209 groups"),
    Result("classification", "ResNet-34, several tasks", "family", "macro F1", "0.938", note="209 groups"),
    Result("classification", "CNN from scratch, Keras", "patient", "accuracy", "0.80"),
    Result("segmentation", "the report's U-Net", "slice", "mean IoU of raw probabilities",
           f"{report.UNET_RESULTS['validation']['IoU']:.4f}", 128, "report", "measures the background"),
    Result("segmentation", "several networks", "slice", "Dice", "0.861 to 0.871"),
    Result("segmentation", "plain U-Net", "slice", "Dice", "0.745", 512),
    Result("segmentation", "U-Net, Keras", "slice", "IoU", "0.66", 128),
    Result("segmentation", "ResNet-34 U-Net", "family", "Dice", "0.775", 256, note="209 groups"),
    Result("segmentation", "ResNet-34 U-Net", "family", "IoU", "0.680", 256, note="209 groups"),
    Result("segmentation", "Otsu's threshold, no network", None, "Dice", "0.09"),
)  # fmt: skip
