"""Facts of the published data set, the numbers of the 2023 report, and published results, as data.

Tables and figures show them next to the course's own results.
"""

from dataclasses import dataclass

# ---- The published data set ----
# J. Cheng, "brain tumor dataset", version 5, figshare, 2017, doi 10.6084/m9.figshare.1512427. The
# counts were made on its files; the pixel size is from J. Cheng et al., PLoS ONE 10(10), 2015,
# doi 10.1371/journal.pone.0140381.

CLASS_NAMES = {1: "meningioma", 2: "glioma", 3: "pituitary"}
FOLDS = (1, 2, 3, 4, 5)  # of the author's cross-validation, in cvind.mat
SLICES = 3064
CLASS_COUNTS = {1: 708, 2: 1426, 3: 930}  # slices
PATIENT_COUNTS = {1: 82, 2: 89, 3: 62}
TUMOUR_PERCENT = 1.69  # of the pixels, mean over all slices
NATIVE_SIZE, NATIVE_PIXEL_MM = 512, 0.49  # pixels per side, side of a pixel

# ---- The report ----
# F. E. Pose, "Redes Neuronales Artificiales: Trabajo Práctico Integrador", IA Aplicada a
# Ingeniería con Python, 2023. "Cuadro" is a table, "Figura" a figure.

# Cuadro 1: slices per class in the training and the test set.
CLASSIFICATION_SPLIT = {1: (566, 142), 2: (1140, 286), 3: (744, 186)}

# Cuadro 2: the layers of the classifier: type, output shape, parameters.
CLASSIFIER_LAYERS = (
    ("Conv2D", (510, 510, 32), 896),
    ("MaxPooling2D", (255, 255, 32), 0),
    ("Conv2D", (253, 253, 64), 18_496),
    ("MaxPooling2D", (126, 126, 64), 0),
    ("Dropout", (126, 126, 64), 0),
    ("Conv2D", (124, 124, 64), 36_928),
    ("MaxPooling2D", (62, 62, 64), 0),
    ("Dropout", (62, 62, 64), 0),
    ("Conv2D", (60, 60, 128), 73_856),
    ("MaxPooling2D", (30, 30, 128), 0),
    ("Dropout", (30, 30, 128), 0),
    ("Flatten", (115_200,), 0),
    ("Dropout", (115_200,), 0),
    ("Dense", (3,), 345_603),
)
CLASSIFIER_PARAMETERS = 475_779

# Section 7: results on the test set, which was also the validation set.
CLASSIFIER_RESULTS = {
    "test loss": 0.17,
    "test accuracy": 0.93,
    "validation loss": 0.1717,
    "epochs": 15,
    "test set, seconds": 6.0,
    "one slice, seconds": 0.295,
    "misclassified": 39,
    "test slices": 614,
}

# Cuadro 4: precision, recall, F1, support per label, and the overall accuracy.
CLASSIFICATION_REPORT = {
    1: (0.88, 0.84, 0.86, 142),
    2: (0.94, 0.96, 0.95, 286),
    3: (0.97, 0.98, 0.97, 186),
}
CLASSIFICATION_ACCURACY = 0.94

# Cuadro 3: slice number, confidence, true label, predicted label.
MISCLASSIFIED = (
    (752, 0.56, 2, 1),
    (756, 0.65, 2, 1),
    (758, 0.71, 2, 1),
    (761, 0.58, 2, 1),
    (779, 0.87, 2, 1),
)

# Cuadro 5: slices in the training, validation and test set of the segmentation.
SEGMENTATION_SPLIT = (2453, 488, 123)

# Section 8: the U-Net. The layer counts are those of the report's prose.
UNET_PARAMETERS = {"total": 8_643_170, "trainable": 8_641_186, "not trainable": 1_984}
UNET_LAYER_COUNTS = {
    "Conv2D": 19,
    "MaxPooling2D": 4,
    "Dropout": 2,
    "Concatenate": 3,
    "Conv2DTranspose": 3,
    "BatchNormalization": 3,
}
UNET_RESULTS = {
    "train": {"loss": 0.0056, "accuracy": 0.9977, "IoU": 0.4921},
    "validation": {"loss": 0.0206, "accuracy": 0.9941, "IoU": 0.4923},
}
UNET_SECONDS = {"training, 40 epochs": 605.82, "prediction, a slice": 0.063}

# ---- This course's own measurement of data leakage on real slices ----
# `python -m benchmarks.leak`, on 2421 of the published slices; protocol in docs/results.md.

REAL_SLICES = {"slices": 2421, "patients": 186}
REAL_ACCURACY = {"by slice": 0.900, "by family": 0.844}  # the report's network at 128 px
REAL_GAP = "0.056 (0.029 to 0.086)"  # with its 95% interval

# ---- This course's own measurement of one network for both tasks ----
# Trained on 1793 slices of the author's folds 1 to 3, tested on the 628 of fold 4, which are of other
# patients; docs/results.md says how, and how `python -m benchmarks.joint` repeats it.

JOINT_NETWORK = {
    "one, 128 px, 45 epochs": {
        "accuracy, by its head": "0.951 (0.906 to 0.983)",
        "accuracy, by its pixels": "0.949 (0.906 to 0.980)",
        "macro F1, by its head": "0.932 (0.878 to 0.975)",
        "Dice, mean over slices": "0.710 (0.642 to 0.776)",
        "Dice of meningioma": "0.857 (0.792 to 0.910)",
        "Dice of glioma": "0.585 (0.462 to 0.674)",
        "Dice of pituitary": "0.833 (0.792 to 0.873)",
    },
    "three, 192 px, 112 to 120 epochs": {
        "accuracy, by its head": "0.955 (0.915 to 0.983)",
        "accuracy, by its pixels": "0.949 (0.910 to 0.977)",
        "macro F1, by its head": "0.939 (0.889 to 0.976)",
        "Dice, mean over slices": "0.756 (0.702 to 0.811)",
        "Dice of meningioma": "0.890 (0.846 to 0.927)",
        "Dice of glioma": "0.654 (0.557 to 0.730)",
        "Dice of pituitary": "0.850 (0.809 to 0.886)",
    },
}

# ---- This course's own measurement of a "healthy" class from another source ----
# `python -m benchmarks.healthy_source`: ten low-level statistics, no network; protocol in docs/results.md.
# The 100 images are of the "no" part of Br35H (Kaggle ahmedhamada0/brain-tumor-detection).

HEALTHY_SOURCE = {
    "images from elsewhere, slices, families": "100, 2421, 169",
    "AUC": "0.971 (0.941 to 0.993)",
    "recall of the slices of this data set": "0.981 (0.973 to 0.989)",
    "recall of the images from elsewhere": "0.910 (0.850 to 0.960)",
    "accuracy": "0.979",
    "accuracy of always answering 'this data set'": "0.960",
    "accuracy, 100 images against a slice each of 100 families": "0.943",
    "control: two halves of the families, balanced accuracy": "0.508",
}

# ---- Results published by others on the same slices, each with its protocol ----
# From the papers' abstracts and the outputs of the repositories' own notebooks; this course's own are
# measured by benchmarks/leak.py.


@dataclass(frozen=True)
class PublishedResult:
    """A published number with its protocol.

    Args:
        task: "classification" or "segmentation".
        model: what was trained.
        split_by: what was shuffled: "slice", "patient" or "family".
        measure: its name, as in this course.
        value: the number, as text.
        size: pixels per side, None if not stated.
        source: "report", "this course", or authors and year.
        url: where it was published; "" for the report and this course.
        note: other details of the protocol.
    """

    task: str
    model: str
    split_by: str
    measure: str
    value: str
    size: int | None
    source: str
    url: str = ""
    note: str = ""


_OWN = "four folds, 2421 real slices, fixed budget"
_IOU = f"{UNET_RESULTS['validation']['IoU']:.4f}"
# fmt: off
PUBLISHED_RESULTS = tuple(PublishedResult(*row) for row in (
    ("classification", "the report's CNN", "slice", "accuracy", f"{CLASSIFICATION_ACCURACY:.2f}", 512,
     "report", "", "the test set is the validation set"),
    ("classification", "ResNet-50 of ImageNet", "slice", "accuracy", "0.993", 512, "Kumaar 2020",
     "https://github.com/aksh-ai/neuralBlack", "each test slice in eight variants"),
    ("classification", "CNN from scratch", "slice", "accuracy", "0.966", 256, "Badža and Barjaktarović 2020",
     "https://doi.org/10.3390/app10061999", "ten folds, augmentation"),
    ("classification", "bag of words, no network", "patient", "accuracy", "0.913", 512, "Cheng et al. 2015",
     "https://doi.org/10.1371/journal.pone.0140381", "five folds, told where the tumour is"),
    ("classification", "features of GoogLeNet", "patient", "accuracy", "0.98", None, "Deepak and Ameer 2019",
     "https://doi.org/10.1016/j.compbiomed.2019.103345", "five folds, pre-trained on ImageNet"),
    *(("classification", "the report's CNN", unit, "accuracy", f"{REAL_ACCURACY[f'by {unit}']:.3f}", 128,
       "this course", "", _OWN) for unit in ("slice", "family")),
    ("segmentation", "the report's U-Net", "slice", "mean IoU of raw probabilities", _IOU, 128, "report",
     "", "measures the background"),
    ("segmentation", "U-Net", "slice", "Dice", "0.745", 512, "Das 2019",
     "https://github.com/sdsubhajitdas/Brain-Tumor-Segmentation", "augmented test slices"),
    ("segmentation", "U-Net", "slice", "IoU", "0.65", 128, "Jain 2019",
     "https://github.com/adityajn105/brain-tumor-segmentation-unet", "the test set is the validation set"),
    ("segmentation", "convolutional autoencoder", "slice", "Dice", "0.717", None,
     "Badža and Barjaktarović 2021", "https://doi.org/10.3390/app11094317", "five folds, augmentation"),
))
# fmt: on
