"""Random changes of slices during training: image and mask together, the same in every run."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """How far a slice may be changed.

    In axial and coronal slices, a flip from left to right gives a plausible other head; in sagittal
    slices, the face then looks the other way.

    Args:
        flip: mirror half of the slices, left to right.
        rotation_degrees: the largest rotation, in either direction.
        shift: the largest shift, as a fraction of width and height.
        intensity: the largest change of brightness, as a fraction.
    """

    flip: bool = True
    rotation_degrees: float = 10.0
    shift: float = 0.05
    intensity: float = 0.1

    def apply(
        self, image: np.ndarray, mask: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Change one slice.

        Args:
            image: (H, W) or (H, W, C) uint8.
            mask: (H, W) uint8, or None.
            rng: draws the change.

        Returns:
            Image and mask, same shapes and types; pixels from outside the slice are 0 in both.
        """
        mirrored = self.flip and rng.random() < 0.5
        degrees = rng.uniform(-1, 1) * self.rotation_degrees
        height, width = image.shape[:2]
        shifts = rng.uniform(-1, 1, 2) * self.shift * np.array([width, height])
        gain = 1 + rng.uniform(-1, 1) * self.intensity
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        if mirrored:  # x becomes width - 1 - x, before turning
            matrix = matrix @ np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
        matrix[:, 2] += shifts
        shape = image.shape  # OpenCV drops a single channel
        image = cv2.convertScaleAbs(cv2.warpAffine(image, matrix, (width, height)), alpha=gain).reshape(shape)
        if mask is not None:
            mask = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST)
        return image, mask
