"""Right answers to the exercises, in the styles of different students."""

# ruff: noqa: F401 (the answers below use these names)

import math
import random
import re
from collections import Counter, defaultdict

import cv2
import numpy as np
import pandas as pd
import scipy
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from skimage.measure import block_reduce
from sklearn.metrics import f1_score, jaccard_score, pairwise_distances_argmin, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from helpers.evaluation.overlap import dice

RIGHT = {
    "1.2.1": [
        "lambda codes: ''.join(map(chr, codes.ravel()))",
        "lambda codes: ''.join(chr(row[0]) for row in codes)",
        "lambda codes: bytes(codes[:, 0].astype(np.uint8)).decode()",
        "lambda codes: codes.tobytes().decode('utf-16-le')",
        "lambda codes: np.str_(''.join(chr(c) for c in codes.flatten()))",
        "lambda codes: np.array(''.join(chr(c) for c in codes.flatten()))",
    ],
    "1.2.2": [
        "np.transpose",
        "lambda m: m.swapaxes(0, 1)",
        "lambda m: np.array([[m[i, j] for i in range(len(m))] for j in range(len(m[0]))], m.dtype)",
        "lambda m: np.rot90(m)[::-1]",
        "cv2.transpose",
        "lambda m: np.einsum('ij->ji', m).copy()",
        "lambda m: pd.DataFrame(m).T",
    ],
    "1.5": [
        "lambda i: np.uint8((i - float(i.min())) / max(1, int(i.max()) - int(i.min())) * 255)",
        "lambda i: np.rint(np.interp(i, (i.min(), i.max()), (0, 255 if i.any() and np.ptp(i) else 0)))"
        ".astype('uint8')",
        "lambda i: cv2.normalize(i, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U) if np.ptp(i) else"
        " np.zeros(i.shape, np.uint8)",
        "lambda i: ((i.astype(int) - i.min()) * 255 // max(1, int(np.ptp(i)))).astype(np.uint8)",
        "lambda i: np.zeros_like(i, np.uint8) if i.min() == i.max() else"
        " ((i.astype(np.float32) - i.min()) / (float(i.max()) - i.min()) * 255).round().astype(np.uint8)",
    ],
    "1.6": [
        "lambda m, f: (lambda c: (c >= min(0.5, c.max())) & (c > 0))"
        "(m.reshape(len(m) // f, f, -1, f).mean((1, 3)))",
        "lambda m, f: (lambda c: (c > 0) & ((c >= 0.5) if (c >= 0.5).any() else (c == c.max())))"
        "(block_reduce(m.astype(float), (f, f), np.mean))",
        "shrink_by_loops",
        "lambda m, f: shrink_by_loops(m, f).astype(np.uint8)",
        "lambda m, f: shrink_by_loops(m, f).astype(float)",
    ],
    "1.8": [
        "lambda p: p.rstrip('ABCDEFGHIJKLMNOPQRSTUVWXYZ')",
        "lambda p: re.sub('[A-Z]$', '', p)",
        "lambda p: p if p[-1].isdigit() else p[:-1]",
        "lambda p: re.match(r'(MR)?\\d+', p)[0]",
        "lambda p: p[:-1] if p[-1] in 'ABCDEFGHIJKLMNOPQRSTUVWXYZ' else p",
    ],
    "1.9": [
        "lambda l, p: {k: len(np.unique(p[l == k])) for k in (1, 2, 3)}",
        "lambda l, p: dict(pd.DataFrame({'l': l, 'p': p}).groupby('l').p.nunique())",
        "lambda l, p: pd.DataFrame({'l': l, 'p': p}).groupby('l').p.nunique()",
        "lambda l, p: Counter(k for k, _ in set(zip(l, p)))",
        "patients_by_sets",
        "lambda l, p: {np.int64(k): np.int64(len(set(p[l == k].tolist()))) for k in np.unique(l)}",
    ],
    "2.1.1": [
        "split_by_masks",
        "split_by_sklearn",
        "split_by_random",
        "lambda l, s: [part.tolist() for part in split_by_masks(l, s)]",
        "lambda l, s: tuple(np.sort(part) for part in split_by_masks(l, s))",
        "split_by_pandas",
        "split_by_global_seed",
    ],
    "2.1.2": [
        "lambda p, s: {k: int(np.isin(p[b], p[a]).sum()) for k, (a, b) in s.items()}",
        "lambda p, s: {k: np.isin(p[b], p[a]).sum() for k, (a, b) in s.items()}",
        "lambda p, s: {k: sum(1 for i in b if p[i] in set(p[a])) for k, (a, b) in s.items()}",
        "lambda p, s: {k: pd.Series(p[b]).isin(p[a]).sum() for k, (a, b) in s.items()}",
        "lambda p, s: pd.Series({k: np.isin(p[b], p[a]).sum() for k, (a, b) in s.items()})",
        "lambda p, s: {k: np.array((p[b][:, None] == p[a]).any(1).sum()) for k, (a, b) in s.items()}",
    ],
    "2.2.2": [
        "lambda k, c, f: k * k * c * f + f",
        "lambda k, c, f: f * (c * k**2 + 1)",
        "lambda kernel, channels, filters: np.prod([kernel, kernel, channels, filters]) + filters",
        "lambda k, c, f: sum(k * k * c + 1 for _ in range(f))",
        "lambda k, c, f: np.zeros((k, k, c, f)).size + np.zeros(f).size",
    ],
    "2.4.2": [
        "lambda m, k: (m[k, k] / max(1, m[:, k].sum()), m[k, k] / m[k].sum())",
        "lambda m, k: [m[k][k] / (sum(row[k] for row in m) or 1), m[k][k] / sum(m[k])]",
        "lambda m, k: np.array([m[k, k] / max(1, m[:, k].sum()), m[k, k] / m[k].sum()])",
        "lambda m, k: (np.nan_to_num(m[k, k] / m[:, k].sum()), np.float32(m[k, k]) / m.sum(axis=1)[k])",
        "lambda m, k: tf.constant([m[k, k] / max(1, m[:, k].sum()), m[k, k] / m[k].sum()], tf.float64)",
    ],
    "2.9.1": [
        "lambda t, p: 2 * np.logical_and(t, p).sum() / s if (s := np.sum(t) + np.sum(p)) else 1",
        "lambda t, p: 2.0 * (t * p).sum() / (t.sum() + p.sum()) if t.any() or p.any() else 1.0",
        "lambda t, p: f1_score(np.ravel(t), np.ravel(p), zero_division=1)",
        "lambda t, p: (lambda j: 2 * j / (1 + j))(jaccard_score(t.ravel(), p.ravel(), zero_division=1))",
        "lambda t, p: 1 - scipy.spatial.distance.dice(t.ravel() > 0, p.ravel() > 0)"
        " if (t + p).any() else 1.0",
        "lambda t, p: tf.constant(2 * (t & p).sum() / s if (s := t.sum() + p.sum()) else 1.0, tf.float64)",
        "lambda t, p: (2 * (t & p).sum() + 1e-9) / (t.sum() + p.sum() + 1e-9)",
        "lambda t, p: 2 * (t.ravel().astype(int) @ p.ravel()) / s if (s := int(t.sum() + p.sum())) else 1",
        "lambda t, p: round(2 * (t & p).sum() / s, 5) if (s := t.sum() + p.sum()) else 1",
        "lambda t, p: 2 * sum((t & p).ravel().tolist()) / s"
        " if (s := sum(t.ravel().tolist()) + sum(p.ravel().tolist())) else 1",
    ],
    "2.10.1": [
        "'B'",
        "'b'",
        "' B '",
        "'B)'",
        "'(B)'",
        "'B.'",
        "'**B**'",
        "'B: The metric ...'",
        "'B The metric throws the probabilities away before it compares.'",
    ],
    "2.10.2": [
        "lambda t, p: (t & (p >= 0.5)).sum() / u if (u := (t | (p >= 0.5)).sum()) else 1.0",
        "lambda t, p: jaccard_score(t.ravel(), (p >= 0.5).ravel().astype(int), zero_division=1)",
        "lambda t, p: np.logical_and(t, p >= 0.5).sum() / max(1, np.logical_or(t, p >= 0.5).sum())"
        " if t.any() or (p >= 0.5).any() else 1",
        "lambda t, p: (lambda d: d / (2 - d))(dice(t.reshape(1, -1, 1), (p >= 0.5).reshape(1, -1, 1))[0])",
        "iou_by_keras",
        "lambda t, p: sum((t & (p >= 0.5)).ravel().tolist()) / u if (u := (t | (p >= 0.5)).sum()) else 1",
    ],
    "2.9.2": [
        "lambda t, p, s: s[int(np.argmax([dice(t, p >= one).mean() for one in s]))]",
        "lambda t, p, s: max(s, key=lambda one: np.mean(dice(t, p >= one)))",
        "lambda t, p, s: sorted(s, key=lambda one: -np.mean(dice(t, p >= one)))[0]",
        "best_by_loop",
        "lambda t, p, s: np.array(s)[np.argmax([np.sum(dice(t, p >= one)) for one in np.array(s)])]",
        "lambda t, p, s: max(s, key=lambda one: sum((2 * (a & (b >= one)).sum() + 1e-7)"
        " / (a.sum() + (b >= one).sum() + 1e-7) for a, b in zip(t, p)))",
        "lambda t, p, s: pd.Series([dice(t, p >= one).mean() for one in s], index=s).idxmax()",
    ],
    "2.11": [
        "lambda a, b: np.array([np.linalg.norm(b - one, axis=1).argmin() for one in a])",
        "lambda a, b: [int(np.argmin(((b - one) ** 2).sum(axis=1))) for one in a]",
        "lambda a, b: np.linalg.norm(a[:, None] - b[None], axis=2).argmin(axis=1)",
        "lambda a, b: cdist(a, b).argmin(axis=1)",
        "lambda a, b: NearestNeighbors(n_neighbors=1).fit(b).kneighbors(a, return_distance=False)[:, 0]",
        "lambda a, b: KDTree(b).query(a)[1]",
        "lambda a, b: ((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)).argmin(1)",
        "lambda a, b: tuple(min(range(len(b)), key=lambda j: math.dist(one, b[j])) for one in a)",
        "lambda a, b: pairwise_distances_argmin(a, b)",
        "lambda a, b: tf.argmin(tf.norm(a[:, None] - b, axis=2), axis=1)",
    ],
    "2.12": [
        "interval_by_counts",
        "interval_by_rows",
        "interval_by_scipy",
        "interval_by_choices",
        "interval_by_weights",
        "lambda c, p, s, n=2000: np.array(interval_by_counts(c, p, s, n))",
        "interval_by_series",
    ],
    "O.5.1": [
        "lambda p: p[..., 1:].sum(axis=(1, 2)).argmax(axis=1) + 1",
        "lambda p: np.argmax(p.mean(axis=(1, 2))[:, 1:], axis=-1) + 1",
        "lambda p: np.array([1 + np.argmax([one[..., k].sum() for k in (1, 2, 3)]) for one in p])",
        "lambda p: [1 + int(np.argmax(one[..., 1:].sum((0, 1)))) for one in p]",
        "lambda p: tf.argmax(tf.reduce_sum(p[..., 1:], axis=[1, 2]), axis=1) + 1",
        "lambda p: np.einsum('nhwk->nk', p)[:, 1:].argsort(axis=1)[:, -1] + 1",
    ],
    "G.2.1": [
        "lambda a, g: np.maximum(a @ g.mean(axis=(0, 1)), 0)",
        "lambda a, g: np.einsum('ijk,k->ij', a, g.mean((0, 1))).clip(0)",
        "lambda a, g: np.where((m := (a * g.mean(0).mean(0)).sum(-1)) > 0, m, 0)",
        "lambda a, g: np.tensordot(a, np.mean(g, axis=(0, 1)), axes=1).clip(min=0)",
        "lambda a, g: np.maximum(sum(a[..., k] * g[..., k].mean() for k in range(a.shape[2])), 0)",
        "lambda a, g: tf.nn.relu(tf.reduce_sum(a * tf.reduce_mean(g, axis=(0, 1)), axis=-1))",
    ],
    "G.4.1": [
        "lambda h, m: (h[m].sum() / h.sum(), m.ravel()[h.argmax()]) if h.any() else (0, False)",
        "lambda h, m: (float((h * m).sum() / (h.sum() or 1)), bool(h.max() and m.flat[h.argmax()]))",
        "lambda h, m: (h[m].sum() / max(h.sum(), 1e-12), h[m].max() > h[~m].max())",
        "lambda h, m: [np.average(m, weights=h), m[np.unravel_index(h.argmax(), h.shape)]] if h.any() "
        "else [0.0, False]",
        "lambda h, m: (np.sum(h, where=m) / (np.sum(h) + 1e-12), h.max() > 0 and m[h == h.max()].any())",
    ],
    "H.2": [
        "lambda u, low, high: low * (high / low) ** u",
        "lambda u, low, high: np.exp(np.log(low) + u * (np.log(high) - np.log(low)))",
        "lambda u, low, high: 10 ** ((1 - u) * np.log10(low) + u * np.log10(high))",
        "lambda u, low, high: low ** (1 - u) * high ** u",
        "lambda u, low, high: math.exp(math.log(low) + u * math.log(high / low))",
        "lambda u, low, high: np.geomspace(low, high, 2)[0] * 2 ** (u * np.log2(high / low))",
    ],
    "H.5": [
        "lambda s, n: np.sort(s) @ np.diff(np.linspace(0, 1, len(s) + 1) ** n)",
        "lambda s, n: sum(v * (k**n - (k - 1) ** n) for k, v in enumerate(sorted(s), 1)) / len(s) ** n",
        "lambda s, n: max(s) - np.diff(np.sort(s)) @ (np.arange(1, len(s)) / len(s)) ** n",
        "lambda s, n: sum(v * (np.mean(s <= v) ** n - np.mean(s < v) ** n) for v in np.unique(s))",
        "lambda s, n: np.average(np.sort(s), weights=[k**n - (k - 1) ** n for k in range(1, len(s) + 1)])",
    ],
    "N.2": [
        "lambda image, field: np.minimum(image * field + 0.5, 255).astype(np.uint8)",
        "lambda image, field: np.clip(image.astype(float) * field, 0, 255).round().astype('uint8')",
        "lambda image, field: cv2.convertScaleAbs(image * field)",
        "lambda image, field: np.uint8(np.where(image * field > 255, 255, image * field))",
        "lambda image, field: cv2.multiply(image.astype(float), field).clip(0, 255).astype(np.uint8)",
        "lambda image, field: np.array([[min(255, round(x * f)) for x, f in zip(*rows)] "
        "for rows in zip(image, field)], np.uint8)",
    ],
    "N.3": [
        "lambda p, n: roc_auc_score(np.r_[np.ones(len(p)), np.zeros(len(n))], np.r_[p, n])",
        "lambda p, n: (np.sign(p[:, None] - n[None]).mean() + 1) / 2",
        "lambda p, n: sum((a > b) + 0.5 * (a == b) for a in p for b in n) / (len(p) * len(n))",
        "lambda p, n: scipy.stats.mannwhitneyu(p, n).statistic / (len(p) * len(n))",
        "lambda p, n: ((p[:, None] > n).mean() + (p[:, None] >= n).mean()) / 2",
        "lambda p, n: (scipy.stats.rankdata([*p, *n])[:len(p)].sum() - len(p) * (len(p) + 1) / 2)"
        " / len(p) / len(n)",
    ],
}


def evaluated(source: str) -> object:
    """Evaluate an answer listed above."""
    if "tf." in source or "keras" in source:
        import tensorflow as tf

        globals()["tf"] = tf
    return eval(source, globals())


def shrink_by_loops(mask, factor):
    side = len(mask) // factor
    parts = np.zeros((side, side))
    for i in range(side):
        for j in range(side):
            parts[i, j] = mask[i * factor : (i + 1) * factor, j * factor : (j + 1) * factor].mean()
    if parts.max() == 0:
        return parts > 0
    return parts >= 0.5 if parts.max() >= 0.5 else parts == parts.max()


def patients_by_sets(labels, patients):
    found = defaultdict(set)
    for label, patient in zip(labels, patients, strict=True):
        found[label].add(patient)
    return {label: len(own) for label, own in found.items()}


def split_by_masks(labels, seed):
    rng = np.random.default_rng(seed)
    tested = np.zeros(len(labels), bool)
    for label in (1, 2, 3):
        rows = np.where(labels == label)[0]
        rng.shuffle(rows)
        tested[rows[: math.ceil(len(rows) / 5)]] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def split_by_sklearn(labels, seed):
    parts = [
        train_test_split(np.flatnonzero(labels == label), test_size=0.2, random_state=seed)
        for label in np.unique(labels)
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def split_by_random(labels, seed):
    generator, train, test = random.Random(seed), [], []
    for label in {*labels.tolist()}:
        rows = [row for row, one in enumerate(labels) if one == label]
        generator.shuffle(rows)
        cut = math.ceil(len(rows) * 0.2)
        test, train = test + rows[:cut], train + rows[cut:]
    return train, test


def split_by_pandas(labels, seed):
    table = pd.DataFrame({"label": labels})
    test = table.groupby("label", group_keys=False).label.apply(
        lambda own: own.sample(math.ceil(len(own) / 5), random_state=seed)
    )
    return table.index.difference(test.index), test.index


def split_by_global_seed(labels, seed):
    np.random.seed(seed)
    return split_by_masks(labels, np.random.randint(1 << 30))


def best_by_loop(truth, probabilities, thresholds):
    best, best_score = None, -1
    for threshold in thresholds:
        scores = []
        for mask, one in zip(truth, probabilities, strict=True):
            found = one >= threshold
            areas = mask.sum() + found.sum()
            scores.append(2 * (mask & found).sum() / areas if areas else 1.0)
        if np.mean(scores) > best_score:
            best, best_score = threshold, np.mean(scores)
    return best


def iou_by_keras(truth, probabilities):
    import keras

    metric = keras.metrics.BinaryIoU([1], threshold=0.5 - 1e-6)  # above it, not at it
    metric.update_state(truth, probabilities)
    found = probabilities >= 0.5
    return metric.result() if truth.any() or found.any() else 1.0


def interval_by_counts(correct, patients, seed, draws=2000):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"right": correct, "patient": patients}).groupby("patient").right
    right, slices = table.sum().to_numpy(), table.count().to_numpy()
    drawn = rng.choice(len(right), (draws, len(right)))
    return tuple(np.quantile(right[drawn].sum(axis=1) / slices[drawn].sum(axis=1), [0.025, 0.975]))


def interval_by_rows(correct, patients, seed, draws=2000):
    rng, names = np.random.default_rng(seed), np.unique(patients)
    rows = [correct[patients == name] for name in names]
    means = []
    for _ in range(draws):
        means.append(np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]).mean())
    return np.percentile(means, 2.5), np.percentile(means, 97.5)


def interval_by_series(correct, patients, seed, draws=2000):
    rng, table = np.random.default_rng(seed), pd.DataFrame({"right": correct, "patient": patients})
    counts = table.groupby("patient").right.agg(["sum", "count"]).to_numpy()
    right, slices = counts[rng.choice(len(counts), (draws, len(counts)))].sum(axis=1).T
    return pd.Series(right / slices).quantile([0.025, 0.975])


def interval_by_scipy(correct, patients, seed, draws=2000):
    names = np.unique(patients)
    right = np.array([correct[patients == name].sum() for name in names])
    slices = np.array([(patients == name).sum() for name in names])
    found = scipy.stats.bootstrap(
        (right, slices), lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis), paired=True,
        n_resamples=draws, method="percentile", vectorized=True, rng=seed,
    )  # fmt: skip
    return found.confidence_interval


def interval_by_choices(correct, patients, seed, draws=2000):
    generator, own = random.Random(seed), defaultdict(list)
    for right, patient in zip(correct.tolist(), patients.tolist(), strict=True):
        own[patient].append(right)
    counts = [(sum(answers), len(answers)) for answers in own.values()]
    means = []
    for _ in range(draws):
        drawn = generator.choices(counts, k=len(counts))
        means.append(sum(right for right, _ in drawn) / sum(count for _, count in drawn))
    means.sort()
    return means[int(0.025 * draws)], means[min(draws - 1, int(0.975 * draws))]


def interval_by_weights(correct, patients, seed, draws=2000):
    _, owners = np.unique(patients, return_inverse=True)
    count = owners.max() + 1
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)[:, owners]
    return np.percentile((times * correct).sum(axis=1) / times.sum(axis=1), [2.5, 97.5])
