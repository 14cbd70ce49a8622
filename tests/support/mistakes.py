"""Typical wrong answers of students, and what the checks must say about them."""

from collections.abc import Callable

import numpy as np

# A wrong answer, a pattern of its message, and the share of the points that it gets; None if it must
# count as not attempted.
MISTAKES = {
    "1.2.1": [
        ("lambda codes: ''.join(str(c) for c in codes[:, 0])", r"chr\(77\)", 0),
        ("lambda codes: [chr(c) for c in codes[:, 0]]", "join its characters", 0),
        ("lambda codes: str(codes[:, 0])", "That is the array, printed", 0),
        ("lambda codes: ''.join(chr(c) for c in codes[1:, 0])", "1 of", 0),
        ("lambda codes: ''.join(map(chr, codes[:, 0])).lower()", "came out as", 0),
        ("lambda codes: int(codes.sum())", "a name, not a number", 0),
        ("lambda codes: ''.join(map(chr, codes))", "stopped with TypeError", 0),
        ("lambda codes: print(codes)", "", None),
    ],
    "1.2.2": [
        ("lambda m: m", "Nothing has moved", 0),
        ("np.fliplr", "mirror image alone", 0),
        ("np.rot90", "left and right of the patient", 0),
        ("lambda m: m.reshape(m.shape[::-1])", "scrambles the pixels", 0),
        ("lambda m: m.T.astype(float)", "int16 has become float64", 0.5),
        ("lambda m: m.T[::-1, ::-1]", "not where they belong", 0),
        ("lambda m: m.T.tolist()", "should be a numpy array of numbers", 0),
    ],
    "1.5": [
        ("lambda i: (i / i.max() * 255).astype(np.uint8)", "darkest pixel", 0),
        ("lambda i: (i - i.min()) / max(1, i.max() - i.min())", "The values end at 1", 0),
        ("lambda i: np.uint8((i - i.min()) * np.int16(255) // max(1, np.ptp(i)))", "wraps", 0),
        ("lambda i: i.astype(np.uint8)", "wraps round", 0),
        ("lambda i: np.uint8((i - float(i.min())) * (255 / int(np.ptp(i))))", "all alike.*ZeroDiv", 0.5),
        ("lambda i: (i.astype(float) - i.min()) / max(1, np.ptp(i)) * 255", "store them as uint8", 0.5),
        ("lambda i: np.clip(i / 12728 * 255, 0, 255).astype(np.uint8)", "darkest pixel|should run", 0),
        ("lambda i: np.where(i == i.min(), 0, i / i.max() * 200)", "should run from 0 to 255", 0),
    ],
    "1.6": [
        ("lambda m, f: m[::f, ::f]", "was lost", 0),
        ("lambda m, f: cover(m, f) > 0", "The tumour grew", 0),
        ("lambda m, f: cover(m, f) >= 0.5", "was lost", 0),
        ("lambda m, f: cover(m, f)", "Half a tumour pixel", 0),
        ("lambda m, f: (c := cover(m, f)) >= min(0.5, c.max())", "stay empty", 0.5),
        ("lambda m, f: (c := cover(m, f)) >= max(c.max(), 1e-9)", "Count", 0),
        ("lambda m, f: (c := cover(m, f)) > min(0.5, max(0, c.max() - 0.01))", "exactly half", 0.5),
        ("lambda m, f: m", "it should be", 0),
    ],
    "1.8": [
        ("lambda p: p", "still has its letter", 0),
        ("lambda p: p[:-1]", "no letter to lose", 0),
        ("lambda p: p.strip('MRABCDEF')", "MR stays", 0),
        ("lambda p: p[:7]", "its family is|ends in a digit", 0),
        ("lambda p: p[-1].isalpha()", "a text", 0),
    ],
    "1.9": [
        ("lambda l, p: {k: int((l == k).sum()) for k in (1, 2, 3)}", "number of slices", 0),
        ("lambda l, p: {k: len(set(p)) for k in (1, 2, 3)}", "of all classes", 0),
        ("lambda l, p: {'glioma': 1, 'meningioma': 2, 'pituitary': 3}", "should be the labels", 0),
        ("lambda l, p: [len(set(p[l == k])) for k in (1, 2, 3)]", "should be a dict", 0),
        ("lambda l, p: {k: 1 + int((p[l == k][1:] != p[l == k][:-1]).sum()) for k in (1, 2, 3)}", "again", 0),
        ("lambda l, p: {k: set(p[l == k]) for k in (1, 2, 3)}", "is a set", 0),
        ("lambda l, p: {k: float(len(set(p[l == k]))) for k in (1, 2, 3)}", "whole number", 0),
    ],
    "2.1.1": [
        ("lambda l, s: np.split(rows(s, len(l)), [len(l) * 4 // 5])", "class by class", 0),
        ("lambda l, s: solve(l, s, lambda n: n // 5)", "rounded up, not down", 0.5),
        ("lambda l, s: solve(l, s, lambda n: round(0.2 * n))", "is rounded up", 0.5),
        ("lambda l, s: solve(l, s, lambda n: -(-n // 5))[::-1]", "larger one", 0),
        ("lambda l, s: solve(l, None, lambda n: -(-n // 5))", "two different splits", 0.5),
        ("lambda l, s: solve(l, 7, lambda n: -(-n // 5))", "nothing is shuffled", 0.5),
        ("lambda l, s: (np.arange(len(l)), np.arange(len(l) // 5))", "are in both sets", 0),
        ("lambda l, s: (np.arange(30), np.arange(30, 40))", "in neither set", 0),
        ("lambda l, s: (l[30:], l[:30])", "the same row twice", 0),
        ("lambda l, s: (np.arange(len(l)) > 20, np.arange(len(l)) <= 20)", "np.flatnonzero", 0),
        ("lambda l, s: np.arange(len(l))", "return train, test", 0),
    ],
    "2.1.2": [
        ("lambda p, s: {k: len(set(p[a]) & set(p[b])) for k, (a, b) in s.items()}", "number of patients", 0),
        ("lambda p, s: {k: met(p[a], p[b]).sum() for k, (a, b) in s.items()}", "Swap the two", 0),
        ("lambda p, s: {k: len(set(a) & set(b)) for k, (a, b) in s.items()}", "not row numbers", 0),
        ("lambda p, s: {k: met(p[b], p[a]).mean() for k, (a, b) in s.items()}", "a part of the test", 0),
        ("lambda p, s: {k: met(p[b], p[a]).any() for k, (a, b) in s.items()}", "not enough", 0),
        ("lambda p, s: [met(p[b], p[a]).sum() for a, b in s.values()]", "should be a dict", 0),
        ("lambda p, s: {k: len(b) + 100 for k, (a, b) in s.items()}", "with a sibling", 0),
    ],
    "2.2.2": [
        ("lambda k, c, f: k * k * c * f", "has a bias too", 0),
        ("lambda k, c, f: k * k * c * f + 1", "of its own", 0),
        ("lambda k, c, f: k * k * c * f + c", "not for each channel", 0),
        ("lambda k, c, f: (k * c + 1) * f", "two sides", 0),
        ("lambda k, c, f: (k * k + 1) * f", "all channels at once", 0),
        ("lambda k, c, f: (k * k + 1) * c * f", "each channel of each filter", 0),
        ("lambda k, c, f: float((k * k * c + 1) * f)", "whole number", 0),
        ("lambda k, c, f: k + c + f", "weights of one filter", 0),
    ],
    "2.4.2": [
        ("lambda m, k: (m[k, k] / m[k].sum(), m[k, k] / called(m, k))", "swapped", 0),
        ("lambda m, k: (np.trace(m) / m.sum(), m[k, k] / m[k].sum())", "the accuracy", 0),
        ("lambda m, k: (100 * m[k, k] / called(m, k), 100 * m[k, k] / m[k].sum())", "percentage", 0),
        ("lambda m, k: (m[k, k] / m[:, k].sum(), m[k, k] / m[k].sum())", "never predicted", 0.5),
        ("lambda m, k: (round(m[k, k] / called(m, k), 2), round(m[k, k] / m[k].sum(), 2))", "round", 0.5),
        ("lambda m, k: (m[k, k] / called(m, k), m[k, k] / m.sum())", "recall is not", 0.5),
        ("lambda m, k: m[k, k] / m[k].sum()", "should be two values", 0),
        ("lambda m, k: (0.1, 0.1)", "Neither is right", 0),
    ],
    "2.9.1": [
        ("lambda a, b: (a & b).sum() / max(1, (a | b).sum())", "That is the IoU", 0),
        ("lambda a, b: (a & b).sum() / max(1, a.sum() + b.sum())", "counts twice", 0),
        ("lambda a, b: (a == b).mean()", "background", 0),
        ("lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum())", "two empty masks.*nan", 0.5),
        ("lambda a, b: 2 * (a | b).sum() / max(1, a.sum() + b.sum())", "above 1", 0),
        ("lambda a, b: (a & b).sum() / max(1, b.sum())", "precision of the pixels", 0),
        ("lambda a, b: (a & b).sum() / max(1, a.sum())", "recall of the pixels", 0),
        ("lambda a, b: 2 * (a & b) / max(1, a.sum() + b.sum())", "Sum over the pixels", 0),
        ("lambda a, b: 2 * int((a & b).sum()) / int(a.sum() + b.sum())", "empty.*ZeroDivision", 0.5),
    ],
    "2.10.1": [
        ("'A'", "true masks would do better", 0),
        ("'C'", "the tumour's own IoU", 0),
        ("'d'", "none is used", 0),
        ("'E'", "one of the letters", 0),
        ("2", "a text", 0),
    ],
    "2.10.2": [
        ("lambda t, p: iou(t == 1, p.astype(int) == 1)", "whole numbers", 0),
        ("lambda t, p: iou(t == 1, p > 0.5)", ">=, not >", 0.5),
        ("lambda t, p: (iou(t == 1, p >= 0.5) + iou(t == 0, p < 0.5)) / 2", "Leave the background out", 0),
        ("lambda t, p: iou(t == 0, p < 0.5)", "IoU of the background", 0),
        ("lambda t, p: 2 * iou(t == 1, p >= 0.5) / (1 + iou(t == 1, p >= 0.5))", "That is Dice", 0),
        ("lambda t, p: np.mean([iou(a == 1, b >= 0.5) for a, b in zip(t, p)])", "mean over slices", 0),
        ("lambda t, p: np.mean((t == 1) == (p >= 0.5))", "accuracy of the pixels", 0),
        ("lambda t, p: (t * (p >= 0.5)).sum() / ((t == 1) | (p >= 0.5)).sum()", "without any tumour", 0.5),
    ],
}  # fmt: skip


def wrong(source: str) -> object:
    """Evaluate a wrong answer listed above."""
    return eval(source, globals())


def rows(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(count)


def cover(mask: np.ndarray, factor: int) -> np.ndarray:
    """Part of each coarse pixel that is tumour."""
    return mask.reshape(len(mask) // factor, factor, -1, factor).mean(axis=(1, 3))


def met(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.isin(some, others)


def called(matrix: np.ndarray, k: int) -> int:
    return max(1, matrix[:, k].sum())


def solve(labels: np.ndarray, seed: int | None, fifth: Callable[[int], int]) -> tuple:
    """A split by class that rounds a fifth with `fifth`."""
    rng, train, test = np.random.default_rng(seed), [], []
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        test.extend(own[: fifth(len(own))])
        train.extend(own[fifth(len(own)) :])
    return np.array(train), np.array(test)


def iou(truth: np.ndarray, predicted: np.ndarray) -> float:
    union = (truth | predicted).sum()
    return (truth & predicted).sum() / union if union else 1.0
