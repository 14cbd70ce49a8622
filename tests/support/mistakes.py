"""Typical wrong answers of students, and what the checks must say about them."""

import random
from collections.abc import Callable
from itertools import combinations

import numpy as np
from sklearn.metrics import roc_auc_score  # noqa: F401 (the answers below use it)

from helpers.evaluation.overlap import dice

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
        ("lambda codes: print(''.join(map(chr, codes[:, 0])))", "printed '.*' but returned nothing", 0),
        ("lambda codes: bytes(codes[:, 0].tolist())", r"returned a bytes\. \.decode\(\)", 0),
        ("lambda codes: None", "", None),
    ],
    "1.2.2": [
        ("lambda m: m", "Nothing has moved", 0),
        ("np.fliplr", "mirror image alone", 0),
        ("np.rot90", "left and right of the patient", 0),
        ("lambda m: m.reshape(m.shape[::-1])", "scrambles the pixels", 0),
        ("lambda m: m.T.astype(float)", "int16 has become float64", 0.5),
        ("lambda m: m.T[::-1, ::-1]", "not where they belong", 0),
        ("lambda m: m.T.tolist()", "should be a numpy array of numbers", 0),
        ("lambda m: m.T.astype(np.uint8)", "the values have changed", 0),
        ("lambda m: m.T / m.max()", "the values have changed", 0),
        ("lambda m: print(m.T)", "printed .* use return", 0),
        ("lambda m: [m.T][1:].clear()", "returned nothing", 0),
    ],
    "1.5": [
        ("lambda i: (i / i.max() * 255).astype(np.uint8)", "darkest pixel", 0),
        ("lambda i: (i - i.min()) / max(1, i.max() - i.min())", "The values end at 1", 0),
        ("lambda i: np.uint8((i - i.min()) * np.int16(255) // max(1, np.ptp(i)))", "wraps", 0),
        ("lambda i: i.astype(np.uint8)", "wraps round", 0),
        ("lambda i: np.uint8((i - float(i.min())) * (255 / int(np.ptp(i))))", "all alike.*ZeroDiv", 0.5),
        ("lambda i: (i.astype(float) - i.min()) / max(1, np.ptp(i)) * 255", "store them as uint8", 0.5),
        ("lambda i: np.clip(i / 12728 * 255, 0, 255).astype(np.uint8)", "darkest pixel|should run", 0),
        ("lambda i: np.where(i == i.min(), 0, i / max(1, i.max()) * 200)", "should run from 0 to 255", 0),
        ("lambda i: np.uint8((i - float(i.min())) / np.float64(np.ptp(i)) * 255)", "all alike.*nan", 0.5),
        ("lambda i: np.uint8(np.clip((i - np.percentile(i, 5)) * spread(i, 5), 0, 255))", "clipping", 0),
        ("equalised", "equalising the histogram", 0),
        ("lambda i: np.uint8(255 - (i - float(i.min())) * spread(i, 0))", "negative", 0),
        ("lambda i: np.uint8((i - i.min(1, keepdims=True)) * 255.0"
         " / np.maximum(np.ptp(i, 1, keepdims=True), 1))", "Each row", 0),
        ("lambda i: np.uint8((i - i.min(0)) * 255.0 / np.maximum(np.ptp(i, 0), 1))", "each column", 0),
        ("lambda i: np.uint8((i - float(i.min())) * spread(i, 0)) if np.ptp(i) else i", "all alike", 0.5),
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
        ("lambda m, f: cover(m, f) >= 0.5 if (cover(m, f) >= 0.5).any() else cover(m, f) > 0",
         "keep only those that are covered most", 0),
        ("first_of_equals", "keep all that tie", 0),
    ],
    "1.8": [
        ("lambda p: p", "still has its letter", 0),
        ("lambda p: p[:-1]", "no letter to lose", 0),
        ("lambda p: p.strip('MRABCDEF')", "MR stays", 0),
        ("lambda p: p[:7]", "its family is|ends in a digit", 0),
        ("lambda p: p[-1].isalpha()", "a text", 0),
        ("lambda p: p.rstrip('ABCD')", "still has its letter", 0),
        ("lambda p: p.rstrip('ABCDE')", "still has its letter", 0),
        ("lambda p: p[:-1] if p[-1].isalpha() else None", "returned nothing", 0),
        ("lambda p: int(p)", "should be a text|stopped with ValueError", 0),
    ],
    "1.9": [
        ("lambda l, p: {k: int((l == k).sum()) for k in (1, 2, 3)}", "number of slices", 0),
        ("lambda l, p: {k: len(set(p)) for k in (1, 2, 3)}", "of all classes", 0),
        ("lambda l, p: {'glioma': 1, 'meningioma': 2, 'pituitary': 3}", "should be the labels", 0),
        ("lambda l, p: [len(set(p[l == k])) for k in (1, 2, 3)]", "should be a dict", 0),
        ("lambda l, p: {k: 1 + int((p[l == k][1:] != p[l == k][:-1]).sum()) for k in (1, 2, 3)}", "again", 0),
        ("lambda l, p: {k: set(p[l == k]) for k in (1, 2, 3)}", "holds a set", 0),
        ("lambda l, p: {k: float(len(set(p[l == k]))) for k in (1, 2, 3)}", "whole number", 0.5),
        ("lambda l, p: {k: 2.0 * len(set(p[l == k])) for k in (1, 2, 3)}", "has .* patients, not", 0),
    ],
    "2.1.1": [
        ("lambda l, s: np.split(rows(s, len(l)), [len(l) * 4 // 5])", "class by class", 0),
        ("lambda l, s: solve(l, s, lambda n: n // 5)", "rounded up, not down", 0.5),
        ("lambda l, s: solve(l, s, lambda n: round(0.2 * n))", "is rounded up", 0.5),
        ("lambda l, s: solve(l, s, lambda n: -(-n // 5))[::-1]", "larger one", 0),
        ("lambda l, s: solve(l, None, lambda n: -(-n // 5))", "two different splits", 0.5),
        ("lambda l, s: solve(l, 7, lambda n: -(-n // 5))", "the seed is ignored", 0.5),
        ("lambda l, s: unshuffled(l, lambda n: np.arange(n))", "nothing is shuffled", 0.5),
        ("lambda l, s: unshuffled(l, lambda n: np.roll(np.arange(n), s))", "nothing is shuffled", 0.5),
        ("lambda l, s: unshuffled(l, lambda n: np.argsort(np.arange(n) % 5, kind='stable'))", "equal", 0.5),
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
        ("lambda p, s: {k: float(met(p[b], p[a]).sum()) for k, (a, b) in s.items()}", "whole number", 0.5),
        ("lambda p, s: {k: len(b) + 100 for k, (a, b) in s.items()}", "with a sibling", 0),
    ],
    "2.2.2": [
        ("lambda k, c, f: k * k * c * f", "has a bias too", 0),
        ("lambda k, c, f: k * k * c * f + 1", "of its own", 0),
        ("lambda k, c, f: k * k * c * f + c", "not for each channel", 0),
        ("lambda k, c, f: (k * c + 1) * f", "two sides", 0),
        ("lambda k, c, f: (k * k + 1) * f", "all channels at once", 0),
        ("lambda k, c, f: (k * k + 1) * c * f", "each channel of each filter", 0),
        ("lambda k, c, f: float((k * k * c + 1) * f)", "whole number", 0.5),
        ("lambda k, c, f: k * k * c * f + f * 1e-3", "whole number", 0),
        ("lambda k, c, f: (k^2 * c + 1) * f", "xor", 0),
        ("lambda k, c, f: ((k^2) * c + 1) * f", "xor", 0),
        ("lambda k, c, f: k^2 * c * f + f", "xor", 0),
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
        ("lambda m, k: (m.diagonal() / np.maximum(1, m.sum(0)), m.diagonal() / m.sum(1))", "k alone", 0),
        ("lambda m, k: (m[k, k] / m[:, k].sum() if m[:, k].any() else 1, m[k, k] / m[k].sum())",
         "its precision is 0. It returned 1.$", 0.5),
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
        ("lambda a, b: (2 * (a & b).sum() + 1) / (a.sum() + b.sum() + 1)", "smoothing", 0.5),
        ("lambda a, b: (2 * (a & b).sum() + 1e-4) / (a.sum() + b.sum() + 1e-4)", "smoothing", 0.5),
        ("lambda a, b: 2 * (a * b).sum() / (a + b).sum() if (a | b).any() else 1.0", "means or", 0.5),
        ("lambda a, b: 1 - np.abs(a * np.uint8(1) - b * np.uint8(1)).sum() / max(1, a.sum() + b.sum())",
         "uint8", 0),
        ("lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else 0", "returned 0", 0.5),
        ("lambda a, b: one_dice(a, b) if a.sum() else 1.0", "false alarm, and gets 0", 0.5),
        ("lambda a, b: one_dice(a, b) if b.any() else 1", "a miss, and gets 0", 0.5),
        ("lambda a, b: one_dice(a, b) if a.any() and b.any() else 1", "and gets 0", 0.5),
        ("lambda a, b: 2 * sum(sum(a & b)) / (sum(sum(a)) + sum(sum(b))) if (a | b).any() else 1",
         "uint8 wraps at 256", 0.5),
        ("lambda a, b: 2 * sum((a & b).ravel()) / (a.sum() + b.sum()) if (a | b).any() else 1", "wraps", 0.5),
        ("lambda a, b: 2 * (a.ravel() @ b.ravel()) / max(1, a.sum() + b.sum()) if (a | b).any() else 1",
         "uint8 wraps at 256", 0.5),
        ("lambda a, b: 2 * (np.uint16(a.ravel()) @ b.ravel()) / max(1, a.sum() + b.sum()) if (a | b).any()"
         " and a.dtype != bool else 2 * (a.ravel() @ b.ravel()) / s if (s := a.sum() + b.sum()) else 1",
         "@ of True and False", 0.5),
        ("lambda a, b: round(one_dice(a, b), 1)", "do not round", 0.5),
        ("lambda a, b: round(one_dice(a, b), 2)", "do not round", 0.5),
        ("lambda a, b: np.round(one_dice(a, b), 4)", "do not round", 0.5),
        ("lambda a, b: 100 * one_dice(a, b)", "not a percentage", 0),
        ("lambda a, b: round(100 * one_dice(a, b))", "above 1", 0),
        ("lambda a, b: 2 * (a & b).sum() / a.sum() + b.sum()", "Brackets are missing", 0),
        ("lambda a, b: 2 * (a & b).sum() / max(1, a.sum()) + b.sum()", "Brackets are missing", 0),
        ("lambda a, b: (2 * a & b).sum() / max(1, a.sum() + b.sum())", "comes before &", 0),
        ("lambda a, b: 2 * (a & b).sum() // max(1, a.sum() + b.sum())", "// rounds down", 0),
    ],
    "2.10.1": [
        ("'A'", "true masks would do better", 0),
        ("'C'", "the tumour's own IoU", 0),
        ("'d'", "none is used", 0),
        ("'E'", "one of the letters", 0),
        ("2", "a text", 0),
        ("'(A)'", "true masks would do better", 0),
        ("'C) The network'", "the tumour's own IoU", 0),
        ("'Because of the metric'", "one of the letters", 0),
        ("b'B'", "decode", 0),
        ("'B and D'", "begins with B, but says more. Choose one letter", 0),
        ("'B, D'", "Choose one letter", 0),
        ("'D or B'", "Choose one letter", 0),
        ("'b/c'", "Choose one letter", 0),
        ("'BD'", "one of the letters", 0),
        ("'not B'", "one of the letters", 0),
        ("''", "one of the letters", 0),
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
        ("lambda t, p: iou(t == 1, p >= 0.4)", "threshold of 0.40", 0),
        ("lambda t, p: iou(t == 1, p >= 0.45)", "threshold of 0.45", 0),
        ("lambda t, p: iou(t == 1, p >= 0.55)", "threshold of 0.55", 0),
        ("lambda t, p: iou(t == 1, p >= 0.5) if t.any() else 0", "return 1. It returned 0.$", 0.5),
        ("lambda t, p: iou(t == 1, p >= 0.5) if t.any() else 1.0", "false alarm, and gets 0", 0.5),
        ("lambda t, p: iou(t == 1, p >= 0.5) if (p >= 0.5).any() else 1.0", "a miss, and gets 0", 0.5),
        ("lambda t, p: sum((t & (p >= 0.5)).ravel()) / u if (u := (t | (p >= 0.5)).sum()) else 1",
         "uint8 wraps at 256", 0.5),
        ("lambda t, p: sum(sum(sum(t & (p >= 0.5)))) / max(1, sum(sum(sum(t | (p >= 0.5)))))"
         " if t.any() or (p >= 0.5).any() else 1", "uint8 wraps at 256", 0.5),
        ("lambda t, p: round(iou(t == 1, p >= 0.5), 2)", "do not round", 0.5),
        ("lambda t, p: round(iou(t == 1, p >= 0.5), 5)", "do not round", 0.5),
        ("lambda t, p: (t & (p >= 0.5)).mean((1, 2))", "should be one number. Sum over the pixels", 0),
    ],
    "2.9.2": [
        ("lambda t, p, s: max(s, key=lambda one: pooled(t, p >= one))", "all pixels pooled", 0),
        ("lambda t, p, s: max(s, key=lambda one: np.mean([iou(*m) for m in zip(t, p >= one)]))", "IoU", 0),
        ("lambda t, p, s: max(s, key=lambda one: np.mean(t == (p >= one)))", "most pixels right", 0),
        ("lambda t, p, s: min(s, key=lambda one: dice(t, p >= one).mean())", "lowest", 0),
        ("lambda t, p, s: max(dice(t, p >= one).mean() for one in s)", "highest Dice itself", 0),
        ("lambda t, p, s: int(np.argmax([dice(t, p >= one).mean() for one in s]))", "position", 0),
        ("lambda t, p, s: max(s, key=lambda one: dice(t, p > one).mean())", ">=, not >", 0.5),
        ("lambda t, p, s: max(s[::-1], key=lambda one: dice(t, p >= one).mean())", "not the last", 0.5),
        ("lambda t, p, s: 0.45", "none of the thresholds", 0),
        ("lambda t, p, s: np.mean(s)", "none of the thresholds|the mean Dice is", 0),
        ("lambda t, p, s: s[int(np.argmax([naive_dice(t, p >= one) for one in s]))]", "no tumour", 0.5),
        ("lambda t, p, s: max(s, key=lambda one: naive_dice(t, p >= one, 1e-9))", "no tumour", 0.5),
        ("lambda t, p, s: s", "the whole list", 0),
        ("lambda t, p, s: 0.5", "the mean Dice is", 0),
    ],
    "2.11": [
        ("lambda a, b: np.abs(a[:, None] - b).sum(2).argmin(1)", "absolute differences", 0),
        ("lambda a, b: np.abs(a[:, None] - b).max(2).argmin(1)", "largest difference", 0),
        ("lambda a, b: (a @ b.T).argmax(1)", "dot product", 0),
        ("lambda a, b: (a @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T).argmax(1)", "direction", 0),
        ("lambda a, b: ((a[:, None] - b) ** 2).sum(2).argmax(1)", "argmin, not argmax", 0),
        ("lambda a, b: ((a[:, None] - b) ** 2).sum(2).argmin(0)", "the other way round", 0),
        ("lambda a, b: ((a[:, None] - b) ** 2).sum(2).min(1)", "Those are the distances", 0),
        ("lambda a, b: np.linalg.norm(a[:, None] - b, axis=2)", "all distances", 0),
        ("lambda a, b: (a[:, None] - b).sum(2).argmin(1)", "cancel out", 0),
        ("lambda a, b: abs((a[:, None] - b).sum(2)).argmin(1)", "cancel out", 0),
        ("lambda a, b: ((a[:, None] - b) ** 2).sum(2).argmin(1) * 1.0", "whole numbers", 0.5),
        ("lambda a, b: b[((a[:, None] - b) ** 2).sum(2).argmin(1)]", "the rows themselves", 0),
        ("lambda a, b: np.argmin(np.linalg.norm(b - a[0], axis=1))", "returned one number", 0),
        ("lambda a, b: ((a - b) ** 2).sum(1)", "stopped with ValueError", 0),
        ("lambda a, b: dict(enumerate(((a[:, None] - b) ** 2).sum(2).argmin(1)))", "returned a dict", 0),
    ],
    "2.12": [
        ("lambda c, p, s, n=2000: interval(c, np.arange(len(c)), s, n)", "single slices", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, replace=False)", "with replacement", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, tails=(5, 95))", "90% interval", 0.5),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, tails=(0.025, 0.975))", "from 0 to 100", 0.5),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, spread=1.96)", "standard errors", 0.5),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, spread=1)", "covers 68%", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, means=True)", "mean over patients", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, once=True)", "counts only once", 0),
        ("lambda c, p, s, n=2000: interval(c, p, None, n)", "The same seed gave", 0.5),
        ("lambda c, p, s, n=2000: interval(c, p, 7, n)", "the seed is ignored", 0.5),
        ("lambda c, p, s, n=2000: interval(c, p, s, 2000)", "draws=1", 0.5),
        ("lambda c, p, s, n=2000: [100 * one for one in interval(c, p, s, n)]", "percentages", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n)[::-1]", "comes first", 0.5),
        ("lambda c, p, s, n=2000: c.mean()", "two values", 0),
        ("same_generator_again", "Make it once, before the loop", 0),
        ("by_size", "Patients with many slices are drawn more often", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, per=0.5)", "as many patients as there are", 0),
        ("lambda c, p, s, n=2000: interval(c, p, s, n, per=20)", "too narrow", 0),
    ],
    "O.5.1": [
        ("lambda p: np.array([np.bincount(one.argmax(-1).flat, minlength=4)[1:].argmax() + 1 for one in p])",
         "likeliest class", 0),
        ("lambda p: p[..., 1:].max(axis=(1, 2)).argmax(axis=1) + 1", "single pixel", 0),
        ("lambda p: np.array([np.bincount(one[..., 1:].argmax(-1).flat).argmax() + 1 for one in p])",
         "has a vote", 0),
        ("lambda p: p.sum(axis=(1, 2)).argmax(axis=1)", "background counts", 0),
        ("lambda p: p[..., 1:].sum(axis=(1, 2)).argmax(axis=1)", "add 1", 0),
        ("lambda p: p[..., 1:].sum(axis=(1, 2)).argmin(axis=1) + 1", "smallest sum", 0),
        ("lambda p: p[..., 1:].sum(axis=(1, 2))", "sums of each tumour", 0),
        ("lambda p: p[..., 1:].sum(axis=(0, 1, 2)).argmax() + 1", r"\(9,\)", 0),
        ("lambda p: p[..., 1:].argmax(axis=-1) + 1", "it should be", 0),
        ("lambda p: p[..., 1:].sum(axis=(1, 2)).argmax(axis=1) + 1.0", "whole number", 0.5),
        ("lambda p: np.full(len(p), 3)", "Other labels", 0),
    ],
    "G.2.1": [
        ("lambda a, g: (a * g.mean(axis=(0, 1))).sum(axis=2)", "below 0", 0),
        ("lambda a, g: abs((a * g.mean(axis=(0, 1))).sum(axis=2))", "abs turns evidence", 0),
        ("lambda a, g: np.maximum(a * g.mean(axis=(0, 1)), 0).sum(axis=2)", "after the sum over k", 0),
        ("lambda a, g: np.maximum((a * g).sum(axis=2), 0)", "at its own place", 0),
        ("lambda a, g: np.maximum((g * a.mean(axis=(0, 1))).sum(axis=2), 0)", "changed places", 0),
        ("lambda a, g: np.maximum(a.sum(axis=2), 0)", "without weights", 0),
        ("lambda a, g: np.maximum((a * g.mean()).sum(axis=2), 0)", "mean of its gradients over the whole", 0),
        ("lambda a, g: g.mean(axis=(0, 1))", "numbers per k", 0),
        ("lambda a, g: np.maximum(a * g.mean(axis=(0, 1)), 0)", "maps of every k", 0),
        ("lambda a, g: np.maximum((a * g.sum(axis=(0, 1))).sum(axis=2), 0)", "sums over the map", 0.5),
        ("lambda a, g: np.maximum((a * g.mean(axis=(0, 1))).mean(axis=2), 0)", "averaged over k", 0.5),
        ("lambda a, g: (h := np.maximum(a @ g.mean((0, 1)), 0)) / h.max()", "0 by 0|scaled", 0.5),
        ("lambda a, g: np.maximum((a * g.mean(axis=2, keepdims=True)).sum(axis=2), 0)", "Another map", 0),
        ("lambda a, g: None", "", None),
    ],
    "G.4.1": [
        ("lambda h, m: (h[m].sum(), m.ravel()[h.argmax()])", "divide it by the heat of the whole map", 0),
        ("lambda h, m: (h[m].mean(), m.ravel()[h.argmax()])", "mean heat of a tumour pixel", 0),
        ("lambda h, m: (m.mean(), m.ravel()[h.argmax()])", "the heat doesn't count", 0),
        ("lambda h, m: (h[~m].sum() / h.sum(), m.ravel()[h.argmax()])", "heat outside", 0),
        ("lambda h, m: (h[m].sum() / h[~m].sum(), m.ravel()[h.argmax()])", "inside divided by outside", 0),
        ("lambda h, m: ((h > h.mean())[m].mean(), m.ravel()[h.argmax()])", "threshold", 0),
        ("lambda h, m: h[m].sum() / h.sum()", "two values", 0),
        ("lambda h, m: (m.ravel()[h.argmax()], h[m].sum() / max(h.sum(), 1))", "share comes first", 0),
        ("lambda h, m: (h[m].sum() / max(h.sum(), 1e-9), h[m].max() > h.mean())", "not the hit", 0.5),
        ("lambda h, m: (h[m].sum() / max(h.sum(), 1e-9), h.argmax())", "True or False", 0.5),
        ("lambda h, m: (h[m].sum() / h.sum(), m.ravel()[h.argmax()])", "map without heat.*nan", 0.5),
        ("lambda h, m: (h[m].sum() / max(h.sum(), 1e-9), m.ravel()[h.argmax()])", "without heat", 0.5),
        ("lambda h, m: (None, None)", "", 0),
        ("lambda h, m: None", "", None),
    ],
    "H.2": [
        ("lambda u, low, high: low + u * (high - low)", "linear scale", 0),
        ("lambda u, low, high: np.log10(low) + u * np.log10(high / low)", "That is the exponent", 0.5),
        ("lambda u, low, high: np.log(low) + u * np.log(high / low)", "np.exp of it", 0.5),
        ("lambda u, low, high: np.exp(np.log10(low) + u * np.log10(high / low))", "belong together", 0),
        ("lambda u, low, high: high * (low / high) ** u", "other way round", 0.5),
        ("lambda u, low, high: (low * high) ** 0.5", "whatever u is", 0),
        ("lambda u, low, high: low * high ** u", "a factor of high / low", 0),
        ("lambda u, low, high: u", "u itself", 0),
        ("lambda u, low, high: 3 * low * (high / low) ** u", "came out", 0),
        ("lambda u, low, high: None", "", None),
    ],
    "H.5": [
        ("lambda s, n: s.max()", "best of all scores", 0),
        ("lambda s, n: s.mean()", "expected best of a single draw", 0),
        ("lambda s, n: max(s[:n])", "best of the first n", 0),
        ("lambda s, n: best_of_subsets(s, n)", "without replacement", 0.5),
        ("lambda s, n: np.sort(s)[::-1] @ best_weights(s, n)", "descending", 0),
        ("lambda s, n: s @ best_weights(s, n)", "ascending order", 0),
        ("lambda s, n: np.sort(s) @ ((np.arange(len(s)) + 1) / len(s)) ** n", "Subtract", 0),
        ("lambda s, n: np.quantile(s, n / (n + 1))", "A quantile", 0),
        ("lambda s, n: round(float(np.sort(s) @ best_weights(s, n)), 3)", "do not round", 0.5),
        ("lambda s, n: np.random.default_rng(0).choice(s, (4000, n)).max(axis=1).mean()", "Nearly", 0.5),
        ("lambda s, n: np.sort(s) * best_weights(s, n)", "Sum the weighted", 0),
        ("lambda s, n: 0.5", "came out", 0),
        ("lambda s, n: None", "", None),
    ],
    "N.2": [
        ("lambda i, f: (i * f).astype(np.uint8)", "exceeds 255.*wraps round", 0.5),
        ("lambda i, f: np.clip(np.rint(i * f), 0, 255)", "float64", 0.5),
        ("lambda i, f: i * f", "float64|left", 0.5),
        ("lambda i, f: i", "came back as it was", 0),
        ("lambda i, f: np.clip(i + f, 0, 255).astype(np.uint8)", "added", 0),
        ("lambda i, f: np.clip(i / f, 0, 255).astype(np.uint8)", "divided by the field", 0),
        ("lambda i, f: np.clip(i * f.astype(np.uint8), 0, 255).astype(np.uint8)", "whole numbers", 0),
        ("lambda i, f: (i * f * 255 / (i * f).max()).astype(np.uint8)", "maximum of 255", 0),
        ("lambda i, f: (i * f / f.max()).astype(np.uint8)", "maximum of 1", 0),
        ("lambda i, f: i * f / 255", "between 0 and 1", 0),
        ("lambda i, f: np.clip(i * f.mean(), 0, 255).astype(np.uint8)", "One factor", 0),
        ("lambda i, f: np.clip(i * f, 0, 1).astype(np.uint8)", "Everything bright is 1", 0),
        ("lambda i, f: (i * f).T", "should be", 0),
        ("lambda i, f: (i * f).mean()", "numpy array", 0),
        ("lambda i, f: np.clip(i * f * f, 0, 255).astype(np.uint8)", "Other values", 0),
        ("lambda i, f: None", "", None),
    ],
    "N.3": [
        ("lambda p, n: np.mean(p[:, None] > n)", "Ties were not counted", 0.5),
        ("lambda p, n: np.mean(p[:, None] >= n)", "as if the positive", 0.5),
        ("lambda p, n: np.mean(p[:, None] < n) + np.mean(p[:, None] == n) / 2", "without", 0),
        ("lambda p, n: float(np.sum(p[:, None] > n) + np.sum(p[:, None] == n) / 2)", "counted: divide", 0),
        ("lambda p, n: (np.sum(p >= 0.5) + np.sum(n < 0.5)) / (len(p) + len(n))", "threshold of 0.5", 0),
        ("lambda p, n: p.mean() - n.mean()", "difference of the means", 0),
        ("lambda p, n: np.mean(p > n.mean())", "reduced to their mean", 0),
        ("lambda p, n: np.mean(p > np.median(n))", "median", 0),
        ("lambda p, n: 2 * roc_auc_score([1] * len(p) + [0] * len(n), [*p, *n]) - 1", "Gini", 0),
        ("lambda p, n: 100 * roc_auc_score([1] * len(p) + [0] * len(n), [*p, *n])", "percentage", 0),
        ("lambda p, n: round(roc_auc_score([1] * len(p) + [0] * len(n), [*p, *n]), 2)", "do not round", 0.5),
        ("lambda p, n: (p[:, None] > n) + (p[:, None] == n) / 2", "take their mean|all pairs", 0),
        ("lambda p, n: p.mean() / (p.mean() + n.mean())", "Compare all n times m pairs", 0),
        ("lambda p, n: None", "", None),
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


def spread(image: np.ndarray, percent: float) -> float:
    """Grey levels per unit between two percentiles."""
    low, high = np.percentile(image, [percent, 100 - percent])
    return 255 / max(1, high - low)


def equalised(image: np.ndarray) -> np.ndarray:
    """Histogram equalisation."""
    if not np.ptp(image):
        return np.zeros(image.shape, np.uint8)
    ranks = np.unique(image, return_inverse=True)[1].reshape(image.shape)
    return (ranks * (255 / ranks.max())).astype(np.uint8)


def first_of_equals(mask: np.ndarray, factor: int) -> np.ndarray:
    """A coarse mask that keeps one coarse pixel if none is covered by half."""
    covered = cover(mask, factor)
    kept = covered >= 0.5
    if not kept.any() and covered.any():
        kept.flat[covered.argmax()] = True
    return kept


def unshuffled(labels: np.ndarray, order: Callable[[int], np.ndarray]) -> tuple:
    """A split by class that takes the first fifth in some order."""
    test = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        test.extend(own[order(len(own))][: -(-len(own) // 5)])
    return np.setdiff1d(np.arange(len(labels)), test), np.array(test)


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


def best_weights(scores: np.ndarray, n: int) -> np.ndarray:
    """The probability of each rank to be the best of n draws."""
    return np.diff(np.linspace(0, 1, len(scores) + 1) ** n)


def best_of_subsets(scores: np.ndarray, n: int) -> float:
    """The mean best of n scores drawn without replacement."""
    return float(np.mean([max(chosen) for chosen in combinations(scores, n)]))


def iou(truth: np.ndarray, predicted: np.ndarray) -> float:
    union = (truth | predicted).sum()
    return (truth & predicted).sum() / union if union else 1.0


def one_dice(truth: np.ndarray, predicted: np.ndarray) -> float:
    areas = truth.sum() + predicted.sum()
    return float(2 * (truth & predicted).sum() / areas) if areas else 1.0


def pooled(truth: np.ndarray, predicted: np.ndarray) -> float:
    return dice(truth.reshape(1, -1, 1), predicted.reshape(1, -1, 1))[0]


def naive_dice(truth: np.ndarray, predicted: np.ndarray, least: float = 0.0) -> float:
    """Mean Dice: nan, or with `least` 0, if a slice is empty."""
    both, areas = (truth & predicted).sum(axis=(1, 2)), truth.sum(axis=(1, 2)) + predicted.sum(axis=(1, 2))
    return np.mean(2 * both / np.maximum(areas, least))


def interval(
    correct: np.ndarray, patients: np.ndarray, seed: int | None, draws: int, *,
    replace: bool = True, tails: tuple = (2.5, 97.5), spread: float = 0,
    means: bool = False, once: bool = False, per: float = 1,
) -> tuple:  # fmt: skip
    """A bootstrap interval over patients with any of several mistakes."""
    rng, (_, owners) = np.random.default_rng(seed), np.unique(patients, return_inverse=True)
    right, slices = np.bincount(owners, correct), np.bincount(owners)
    size = int(per * len(slices))
    drawn = rng.integers(len(slices), size=(draws, size))
    if not replace:
        drawn = rng.permuted(np.tile(np.arange(len(slices)), (draws, 1)), axis=1)
    if once:
        times = np.array([np.bincount(rows, minlength=len(slices)) > 0 for rows in drawn])
        scores = times @ right / (times @ slices)
    elif means:
        scores = (right / slices)[drawn].mean(axis=1)
    else:
        scores = right[drawn].sum(axis=1) / slices[drawn].sum(axis=1)
    if spread:
        return correct.mean() - spread * np.std(scores), correct.mean() + spread * np.std(scores)
    return tuple(np.percentile(scores, tails))


def same_generator_again(correct: np.ndarray, patients: np.ndarray, seed: int, draws: int = 2000) -> tuple:
    """A bootstrap interval whose generator is made in the loop."""
    own = [(correct[patients == name].sum(), (patients == name).sum()) for name in np.unique(patients)]
    scores = []
    for _ in range(draws):
        drawn = random.Random(seed).choices(own, k=len(own))  # quicker to make than numpy's
        scores.append(sum(right for right, _ in drawn) / sum(count for _, count in drawn))
    return np.percentile(scores, 2.5), np.percentile(scores, 97.5)


def by_size(correct: np.ndarray, patients: np.ndarray, seed: int, draws: int = 2000) -> np.ndarray:
    """A bootstrap interval in which each patient is drawn as often as it has slices."""
    rng, (_, owners) = np.random.default_rng(seed), np.unique(patients, return_inverse=True)
    right, slices = np.bincount(owners, correct), np.bincount(owners)
    drawn = rng.choice(owners, (draws, len(slices)))
    return np.percentile(right[drawn].sum(axis=1) / slices[drawn].sum(axis=1), [2.5, 97.5])
