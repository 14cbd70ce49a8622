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
        scale: the largest change of size, as a fraction.
        shear: the largest shear, as a fraction of the height.
        gamma: grey values g, 0..1, become g to the power of at most e^gamma, at least e^-gamma.
        offset: the largest grey value added or subtracted, as a fraction of the range.
        bias_field: the range of the factors at nine points of the slice, as a fraction; between them they
            change smoothly: the receiving coil is never equally sensitive everywhere.
        degradation: how often, 0..1, each of these happens: blur, noise, fewer pixels.
    """

    flip: bool = True
    rotation_degrees: float = 10.0
    shift: float = 0.05
    intensity: float = 0.1
    scale: float = 0.0
    shear: float = 0.0
    gamma: float = 0.0
    offset: float = 0.0
    bias_field: float = 0.0
    degradation: float = 0.0

    @classmethod
    def strong(cls) -> "Augmentation":
        """Return what a network with millions of weights needs, if there are only 200 patients."""
        return cls(
            rotation_degrees=20, shift=0.08, intensity=0.25, scale=0.22, shear=0.1, gamma=0.4, offset=0.08,
            bias_field=0.3, degradation=0.3,
        )  # fmt: skip

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
        if self.scale or self.shear:
            scale, shear = 1 + rng.uniform(-1, 1) * self.scale, rng.uniform(-1, 1) * self.shear
            centre = np.array([(width - 1) / 2, (height - 1) / 2])
            change = scale * np.array([[1.0, shear], [0.0, 1.0]])
            matrix = np.column_stack([change @ matrix[:, :2], change @ (matrix[:, 2] - centre) + centre])
        matrix[:, 2] += shifts
        shape = image.shape  # OpenCV drops a single channel
        image = cv2.convertScaleAbs(cv2.warpAffine(image, matrix, (width, height)), alpha=gain)
        image = self._acquire(image, rng).reshape(shape)
        if mask is not None:
            mask = cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_NEAREST)
        return image, mask

    def _acquire(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change the grey values as another scanner might have."""
        if self.gamma or self.offset:
            exponent = np.exp(rng.uniform(-1, 1) * self.gamma)
            curve = 255 * np.linspace(0, 1, 256) ** exponent + 255 * rng.uniform(-1, 1) * self.offset
            image = cv2.LUT(image, np.clip(np.rint(curve), 0, 255).astype(np.uint8))
        if self.bias_field:
            corners = 1 + rng.uniform(-1, 1, (3, 3)) * self.bias_field / 2
            field = cv2.resize(corners, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            field = field.reshape(*field.shape, *[1] * (image.ndim - 2))
            image = np.clip(np.rint(image * field), 0, 255).astype(np.uint8)
        height, width = image.shape[:2]
        if rng.random() < self.degradation:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2) * width / 128)
        if rng.random() < self.degradation:
            noisy = image + rng.normal(0, rng.uniform(2, 12), image.shape)
            image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        if rng.random() < self.degradation:
            fewer = rng.uniform(0.4, 0.9)
            small = cv2.resize(image, (int(width * fewer), int(height * fewer)), interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return image
