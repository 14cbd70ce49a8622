"""Right and wrong answers to the exercises about networks: the source of an expression, each.

`SIZE:` is short for the first line of an answer to 2.2.1.
"""

import math  # noqa: F401 (used by the answers)
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import scipy.special
import tensorflow as tf  # noqa: F401 (used by the answers)
from keras import layers, ops

from helpers.models import convolution

NETWORK_RIGHT = {
    "2.2.1": [
        "SIZE: (size - kernel + 2 * padding) // stride + 1",
        "SIZE: math.floor((size + 2 * padding - kernel) / stride) + 1",
        "SIZE: int((size + 2 * padding - kernel) / stride + 1)",
        "SIZE: len(range(0, size + 2 * padding - kernel + 1, stride))",
        "SIZE: np.int64((size + 2 * padding - kernel) // stride + 1)",
        "SIZE: np.array((size + 2 * padding - kernel) // stride + 1)",
        "SIZE: (size + padding + padding - kernel + stride) // stride",
    ],
    "2.2.3": [
        "chain()",
        "chain(input=lambda shape: layers.Input(shape=shape))",
        "chain(conv=lambda w: [layers.Conv2D(w, (3, 3), padding='valid'), layers.Activation('relu')])",
        "chain(conv=lambda w: [layers.Conv2D(w, 3), layers.ReLU()])",
        "chain(end=lambda k: [layers.Dense(k), layers.Softmax()])",
        "chain(end=lambda k: [layers.Dense(k, 'softmax', dtype='float32')])",
        "chain(pool=lambda: layers.MaxPool2D((2, 2), strides=2))",
        "chain(make=lambda all: keras.Sequential([keras.Sequential(all[:3]), *all[3:]]))",
        "chain(conv=lambda w: layers.Conv2D(w, 3, activation=keras.activations.relu))",
        "compiled",
        "chain(conv=lambda w: layers.Conv2D(w, 3, activation=lambda x: ops.maximum(x, 0)))",
    ],
    "2.3.1": [
        "lambda z, y: -np.mean(np.log(softmax(z)[np.arange(len(y)), y] + 1e-7))",
        "lambda z, y: np.mean(scipy.special.logsumexp(z, axis=1) - z[np.arange(len(y)), y])",
        "lambda z, y: -np.take_along_axis(scipy.special.log_softmax(z, axis=1), y[:, None], 1).mean()",
        "lambda z, y: keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z)",
        "lambda z, y: np.array(-np.mean(np.log(softmax(z)[np.arange(len(y)), y])))",
        "lambda z, y: sum(-math.log(softmax(z)[i, k]) for i, k in enumerate(y)) / len(y)",
        "lambda z, y: -np.sum(np.eye(z.shape[1])[y] * np.log(softmax(z))) / len(y)",
    ],
    "2.3.2": [
        "last()",
        "last(mask=(1, 'sigmoid', 'binary_crossentropy'))",
        "last(area=[1, None, 'mse'])",
        "last(area=(1, 'relu', 'mae'), mask=[2, 'softmax', 'SparseCategoricalCrossentropy'])",
        "last(area=(1, 'linear', keras.losses.MeanSquaredError()))",
        "last(findings=(5, keras.activations.sigmoid, keras.losses.BinaryCrossentropy()))",
        "last(findings=np.array([5, 'sigmoid', 'binary_crossentropy']), area=(1, 'softplus', "
        "keras.losses.Huber()))",
        "last(findings=(np.int64(5), 'sigmoid', keras.losses.binary_crossentropy))",
    ],
    "2.3.3": [
        "(keras.callbacks.EarlyStopping('val_loss', patience=5), 'C')",
        "(keras.callbacks.EarlyStopping(patience=5), 'c')",
        "(keras.callbacks.EarlyStopping(monitor='val_loss', patience=5, mode='min', verbose=1), 'C)')",
        "[keras.callbacks.EarlyStopping(monitor='val_loss', patience=5, restore_best_weights=True), b'C']",
        "(keras.callbacks.EarlyStopping(monitor='val_loss', min_delta=1e-4, patience=5), '**C** The loss')",
        "(keras.callbacks.EarlyStopping(monitor='val_loss', patience=5, start_from_epoch=5), 'C. ')",
    ],
    "2.3.4": [
        "told('overfitting', 'learning rate too low', 'learning rate too high')",
        "told(np.str_('overfitting'), 'Learning rate too low', 'learning rate too high ')",
        "{'c': 'learning rate too high', 'b': 'learning rate too low', 'a': 'overfitting'}",
        "told(b'overfitting', b'learning rate too low', b'learning rate too high')",
        "dict(zip('ABC', np.array(['overfitting', 'learning rate too low', 'learning rate too high'])))",
    ],
    "2.7": [
        "decoder()",
        "decoder(join=lambda x, skip: layers.concatenate([x, skip]))",
        "decoder(join=lambda x, skip: ops.concatenate([x, skip], axis=-1))",
        "decoder(join=lambda x, skip: layers.Concatenate(axis=3)([x, skip]))",
        "decoder(up=lambda w: layers.Conv2DTranspose(w, (3, 3), (2, 2), 'same', "
        "kernel_initializer='HeNormal'))",
        "decoder(conv=lambda w: [layers.Conv2D(w, 3, padding='same', "
        "kernel_initializer='he_normal'), layers.ReLU()])",
        "decoder(conv=lambda w: [lambda x: ops.relu(plain_conv(w)(x))])",
    ],
    "2.8": [
        "dice",
        "lambda t, p: 1 - (2 * ops.sum(ops.cast(t, p.dtype) * p[:, :, :, 1]) + 1) /"
        " (ops.sum(ops.cast(t, p.dtype)) + ops.sum(p[:, :, :, 1]) + 1)",
        "lambda t, p: dice(ops.reshape(t, (-1,)), ops.reshape(p, (-1, 2)))",
        "lambda t, p: dice(t, p, total=tf.reduce_sum, cast=tf.cast)",
        "lambda t, p: dice(t, p, cast=lambda t, kind: ops.one_hot(ops.cast(t, 'int32'), 2)[..., 1])",
        "lambda t, p: ops.mean(dice(t, p))",
        "lambda t, p: dice(t, p, total=lambda x: ops.sum(x, axis=(0, 1, 2)))",
        "lambda t, p: dice(t, p, cast=lambda t, kind: ops.convert_to_tensor(t, dtype='float32'))",
    ],
}  # fmt: skip

# An answer, a pattern of the message, and the share of the points; None if it must count as not attempted.
NETWORK_MISTAKES: dict[str, list[tuple[str, str, float | None]]] = {
    "2.2.1": [
        ("SIZE: (size + 2 * padding - kernel) / stride + 1", "no part of a pixel", 0),
        ("SIZE: np.floor((size + 2 * padding - kernel) / stride) + 1", "is a float", 0.5),
        ("SIZE: (size + 2 * padding - kernel) // stride", "Add 1 after", 0),
        ("SIZE: (size + 2 * padding - kernel + 1) // stride", "Add 1 after", 0),
        ("SIZE: (size + padding - kernel) // stride + 1", "on \\*each\\* side", 0),
        ("SIZE: (size - kernel) // stride + 1", "padding is missing", 0),
        ("SIZE: math.ceil((size + 2 * padding - kernel) / stride) + 1", "rounded up", 0),
        ("SIZE: round((size + 2 * padding - kernel) / stride) + 1", "rounded up", 0),
        ("SIZE: size + 2 * padding - kernel + 1", "skips positions", 0),
        ("SIZE: (size + 2 * padding + kernel) // stride + 1", "fewer positions", 0),
        ("SIZE: size + kernel", "part by part", 0),
        ("lambda size, k, p=0, s=1: (size + 2 * p - k) // s + 1", "unexpected keyword argument 'kernel'", 0),
        ("SIZE: None", "", None),
    ],
    "2.2.3": [
        ("chain(make=lambda all: keras.Sequential(all) and None)", "returns nothing", 0),
        ("lambda *a: keras.Sequential", "the class Sequential", 0),
        ("chain(make=lambda all: all)", "list of layers", 0),
        ("chain(make=lambda all: all[-1])", r"returned a layer \(Dense\)", 0),
        ("lambda *a: chain()(*a).outputs[0]", "keras.Model", 0),
        ("lambda *a: 475779", "It returned 475779; it should be a network", 0),
        ("lambda s, k, f, d: chain()((512, 512, 3), k, f, d)", "use the argument input_shape", 0.5),
        ("lambda s, k, f, d: chain()(s, 3, f, d)", "use the argument classes", 0.5),
        ("lambda s, k, f, d: chain()(s, k, (32, 64, 64, 128), d)", "use the argument filters", 0.5),
        ("lambda s, k, f, d: chain()(s, k, f, 0.25)", "the argument dropout is", 0.5),
        ("lambda s, k, f, d: chain()(s, k, (f[0], f[1], f[2], f[3]), d)", "fewer.*IndexError", 0.5),
        ("chain(drop_from=0)", "dropout after block 1", 0.5),
        ("chain(drop_from=9)", "3 of 4 dropout layers are missing", 0.5),
        ("chain(last_dropout=False)", "between Flatten and the dense layer", 0.5),
        ("chain(conv=lambda w: layers.Conv2D(w, 3, padding='same', activation='relu'))", "no padding", 0),
        ("chain(conv=lambda w: layers.Conv2D(w, 5, activation='relu'))", "3 x 3 pixels", 0),
        ("chain(conv=lambda w: layers.Conv2D(w, 3, strides=2, activation='relu'))",
         "stride should be 1|ValueError", 0),
        ("chain(conv=lambda w: layers.Conv2D(w, 3))", "has no activation", 0.5),
        ("chain(conv=lambda w: layers.Conv2D(w, 3, activation='tanh'))", "is tanh, not ReLU", 0.5),
        ("chain(conv=lambda w: layers.Conv2D(w, 3, activation='relu', use_bias=False))", "a bias", 0),
        ("chain(conv=lambda w: [layers.Conv2D(w, 3, activation='relu'), layers.BatchNormalization()])",
         "Layer 2 is BatchNormalization; expected there: MaxPooling2D with the output 255 x 255 x 32", 0),
        ("chain(pool=lambda: layers.AveragePooling2D(2))", "keeps the largest", 0),
        ("chain(pool=lambda: layers.MaxPooling2D(3))", "2 x 2 values", 0),
        ("chain(pool=lambda: layers.MaxPooling2D(padding='same'))", "not 126 x 126", 0),
        ("chain(flat=layers.GlobalAveragePooling2D)", "Global pooling", 0),
        ("chain(flat=lambda: layers.Activation('linear'))", "no Flatten", 0),
        ("chain(end=lambda k: layers.Dense(k))", "aren't probabilities", 0.5),
        ("chain(end=lambda k: layers.Dense(k, 'sigmoid'))", "don't add up to 1", 0.5),
        ("chain(end=lambda k: layers.Dense(1, 'softmax'))", "one output for each class", 0),
        ("chain(end=lambda k: [layers.Dense(64, 'relu'), layers.Dense(k, 'softmax')])", "Layer 14|Dense", 0),
        ("lambda s, k, f, d: chain()(s, k, f[:-1], d)", "3 convolutions for 4 filters", 0),
        ("chain(input=None)", "doesn't know its input", 0.5),
        ("crossed", "output of the one before", 0),
        ("Subclassed", "Its layers cannot be read", 0),
        ("lambda *a: keras.Sequential([keras.Input(a[0]), Subclassed(*a)])", "Its layers cannot be read", 0),
        ("chain(flat=lambda: layers.Reshape((-1,)))", r"a Reshape makes one row.*layers\.Flatten\(\)", 0.5),
        ("chain(flat=lambda: layers.Reshape((-1, 2)))", "no Flatten|ValueError", 0),
        ("reuses(pool=True)", "One MaxPooling2D object is used several times", 0),
        ("reuses(dropout=True)", "One Dropout object is used several times", 0),
        ("reuses(pool=True, make=keras.Sequential)", "One MaxPooling2D object is used several times", 0),
        ("chain(conv=relu(trainable=False))", "cannot learn", 0.5),
        ("chain(conv=relu(kernel_regularizer='l2'))", "regular", 0.5),
        ("chain(conv=relu(kernel_initializer='zeros'))", "alike", 0.5),
        ("chain(input=lambda shape: keras.Input(shape, batch_size=8))", "batch size is fixed", 0.5),
        ("lambda *a: None", "", None),
    ],
    "2.3.1": [
        ("lambda z, y: entropies(z, y).sum()", "sum over the batch", 0),
        ("lambda z, y: entropies(z, y).sum() / z.size", "N x K numbers", 0),
        ("lambda z, y: -entropies(z, y).mean()", "minus is missing", 0),
        ("lambda z, y: entropies(z, y).mean() / np.log(10)", "base 10", 0),
        ("lambda z, y: entropies(z, y).mean() / np.log(2)", "base 2", 0),
        ("lambda z, y: entropies(z, y)", "one loss for each slice", 0),
        ("lambda z, y: 1 - np.exp(-entropies(z, y)).mean()", "logarithm is missing", 0),
        ("lambda z, y: -np.log(np.exp(-entropies(z, y)).mean())", "logarithm of the mean", 0),
        ("lambda z, y: entropies(softmax(z), y).mean()", "softmax of the softmax", 0),
        ("lambda z, y: -np.log(z[np.arange(len(y)), y]).mean()", "no logarithm", 0),
        ("lambda z, y: -np.log(softmax(z.T).T[np.arange(len(y)), y]).mean()", "runs over the slices", 0),
        ("lambda z, y: -np.log(np.exp(z)[range(len(y)), y] / np.exp(z).sum()).mean()",
         "sum over all slices", 0),
        ("lambda z, y: entropies(z, y - 1).mean()", "before its own", 0),
        ("lambda z, y: entropies(z, z.argmax(axis=1)).mean()", "most probable", 0),
        ("lambda z, y: -np.log(softmax(z)).mean()", "Pick the true class", 0),
        ("lambda z, y: -np.log(softmax(z)[:, y]).mean()", "N x N numbers", 0),
        ("lambda z, y: round(entropies(z, y).mean(), 1)", "do not round", 0.5),
        ("lambda z, y: round(entropies(z, y).mean(), 2)", "do not round", 0.5),
        ("lambda z, y: np.round(entropies(z, y).mean(), 4)", "do not round", 0.5),
        ("lambda z, y: -np.log(np.exp(z)[range(len(y)), y] / np.exp(z).sum(axis=1)).mean()",
         "large logits.*infinite", 0.5),
        ("lambda z, y: -np.log(np.exp(z - z.max())[range(len(y)), y] / np.exp(z - "
         "z.max()).sum(axis=1)).mean()",
         "large logits. Each slice needs its own", 0.5),
    ],
    "2.3.2": [
        ("last(tumour=(3, 'softmax', 'categorical_crossentropy'))", "class number", 0.5),
        ("last(tumour=(3, 'softmax', keras.losses.SparseCategoricalCrossentropy(from_logits=True)))",
         "from_logits=True is for", 0.5),
        ("last(tumour=(3, 'softmax', 'Sparse Categorical Crossentropy'))", "Keras doesn't know", 0.5),
        ("last(tumour=(3, 'sigmoid', 'binary_crossentropy'))", "sigmoid decides about each", 0.5),
        ("last(tumour=(1, 'softmax', 'sparse_categorical_crossentropy'))", "and 1 outputs", 0.5),
        ("last(tumour=(3, 'linear', 'sparse_categorical_crossentropy'))", "add up to 1", 0.5),
        ("last(tumour=(3, 'softmax', 'binary_crossentropy'))", "one choice out of three", 0.5),
        ("last(findings=(5, 'softmax', 'categorical_crossentropy'))", "five compete", 0.5),
        ("last(findings=(1, 'sigmoid', 'binary_crossentropy'))", "five findings", 0.5),
        ("last(findings=(5, 'sigmoid', 'sparse_categorical_crossentropy'))", "yes or no of its own", 0.5),
        ("last(area=(1, 'sigmoid', 'mse'))", "never exceeds 1", 0.5),
        ("last(area=(1, 'linear', 'binary_crossentropy'))", "compares probabilities", 0.5),
        ("last(area=(2, 'linear', 'mse'))", "one number", 0.5),
        ("last(mask=(1, 'softmax', 'binary_crossentropy'))", "always 1", 0.5),
        ("last(mask=(2, 'sigmoid', 'binary_crossentropy'))", "one filter is enough", 0.5),
        ("last(mask=(16384, 'sigmoid', 'binary_crossentropy'))", "at every pixel", 0.5),
        ("last(mask=(2, 'softmax', 'binary_crossentropy'))", "goes with one sigmoid", 0.5),
        ("last(mask=(2, 'softmax', 'categorical_crossentropy'))", "zeros and ones for each pixel", 0.5),
        ("last(mask='softmax')", r"should be \(units, activation, loss\)", 0),
        ("last(mask=(2, 'linear', 'mse'), area=(1, 'softmax', 'mse'))", "never exceeds", 0),
        ("list(last())", "should be a dict", 0),
        ("{'tumour': 3}", "keys of the table", 0),
        ("None", "", None),
    ],
    "2.3.3": [
        ("stop('loss', 5, 'A')", "training loss", 0),
        ("stop('accuracy', 5, 'A')", "of the training slices", 0),
        ("stop('val_accuracy', 5, 'D')", "coarse", 0),
        ("stop('test_loss', 5, 'B')", "no longer a test", 0),
        ("stop('validation_loss', 5, 'C')", "nothing called 'validation_loss'", 0),
        ("stop('val_loss', 15, 'C')", "15 is the epoch", 0.5),
        ("stop('val_loss', 10, 'C')", "10 is the best", 0.5),
        ("stop('val_loss', 0, 'C')", "without patience", 0.5),
        ("stop('val_loss', 4, 'C')", "after epoch 14", 0.5),
        ("stop('val_loss', 5, 'C', mode='max')", "mode='max'", 0),
        ("stop('val_loss', 5, 'C', min_delta=1)", "min_delta", 0.5),
        ("stop('val_loss', 5, 'A')", "never says stop", 0.5),
        ("stop('val_loss', 5, 'B')", "no longer a test", 0.5),
        ("stop('val_loss', 5, 'D')", "how confident", 0.5),
        ("stop('val_loss', 5, 'the validation loss')", "one of the letters", 0.5),
        ("stop('val_loss', 5, None)", "reason is None", 0.5),
        ("(keras.callbacks.EarlyStopping, 'C')", "the class EarlyStopping", 0),
        ("(keras.callbacks.ModelCheckpoint('x.keras'), 'C')", "doesn't end a training", 0),
        ("('val_loss', 'C')", "stopping is 'val_loss'", 0),
        ("(None, 'C')", "stopping is None", 0),
        ("'C'", r"\(stopping, reason\)", 0),
        ("(None, None)", "", None),
    ],
    "2.3.4": [
        ("told('learning rate too high', 'learning rate too low', 'overfitting')", "Curve A.*jumps", 0),
        ("told('learning rate too low', 'overfitting', 'learning rate too high')", "Curve A.*smoothly", 0),
        ("told('overfitting', 'learning rate too high', 'learning rate too low')", "Curve B.*jumps", 0),
        ("told('overfitting', 'overfitting', 'learning rate too high')", "occurs once", 0),
        ("told('overfitting', 'low', 'high')", "Mind the spelling", 0),
        ("{'overfitting': 'A', 'learning rate too low': 'B', 'learning rate too high': 'C'}",
         "other way round", 0),
        ("['overfitting', 'learning rate too low', 'learning rate too high']", "should be a dict", 0),
        ("{'A': 'overfitting'}", "letters of the curves", 0),
        ("told(None, None, None)", "", None),
    ],
    "2.7": [
        ("decoder(end=lambda x: None)", "returns nothing", 0),
        ("lambda x, skip, w: layers.Conv2D(w, 3)", "It returned a layer", 0),
        ("lambda x, skip, w: (x, skip)", "a tuple of 2", 0),
        ("decoder(up=lambda w: layers.UpSampling2D())", "learns nothing", 0),
        ("decoder(up=lambda w: (lambda x: plain_conv(w)(layers.UpSampling2D()(x))))", "learns nothing", 0),
        ("decoder(join=lambda x, skip: x)", "skip connection is not used", 0),
        ("decoder(join=lambda x, skip: layers.Add()([x, plain_conv(x.shape[-1])(skip)]))", "Add mixes", 0),
        ("decoder(join=lambda x, skip: layers.Concatenate()([skip, x]))", "except for the order", 0.5),
        ("decoder(convs=1)", "two convolutions, not 1", 0),
        ("decoder(convs=3)", "two convolutions, not 3", 0),
        ("decoder(up=lambda w: transposed(w, strides=1))", "a stride of 2", 0),
        ("decoder(up=lambda w: transposed(w, padding='valid'))", 'padding "same"', 0),
        ("decoder(up=lambda w: transposed(w, kernel_size=2))", "kernel_size", 0),
        ("decoder(up=lambda w: transposed(w, activation='relu'))", "step 1 has none", 0.5),
        ("decoder(up=lambda w: transposed(w, kernel_initializer='glorot_uniform'))",
         "initial weights of the tr", 0.5),
        ("decoder(up=lambda w: transposed(64))", "the argument width is", 0),
        ("decoder(conv=lambda w: plain_conv(32))", "A convolution has 32 filters", 0),
        ("decoder(conv=lambda w: plain_conv(w))", "the activation linear", 0.5),
        ("decoder(conv=lambda w: layers.Conv2D(w, 3, padding='same', activation='relu'))",
         "as in `convolution`", 0.5),
        ("decoder(conv=lambda w: layers.Conv2D(w, 3, activation='relu'))", "padding valid", 0),
        ("decoder(end=lambda x: layers.BatchNormalization()(x))",
         "BatchNormalization is one layer too many", 0),
        ("beside", "order of the list", 0),
        ("lambda x, skip, w: keras.Model([x, skip], decoder()(x, skip, w))", "returned a network", 0),
        ("decoder(join=lambda x, skip: layers.Concatenate([x, skip]))", "the layer is called then", 0),
        ("decoder(join=lambda x, skip: layers.Concatenate(x, skip))", "the layer is called then", 0),
        ("lambda x, skip, w: layers.Concatenate([x, skip])", "the layer is called then", 0),
        ("lambda *a: None", "", None),
    ],
    "2.8": [
        ("lambda t, p: 1 - dice(t, p)", "the Dice coefficient", 0),
        ("lambda t, p: dice(t, p) - 1", "minus the Dice", 0),
        ("lambda t, p: dice(t, p[..., ::-1])", "of the background", 0),
        ("lambda t, p: ops.mean(dice(t, p, total=lambda x: ops.sum(x, axis=(1, 2))))", "a loss per slice", 0),
        ("lambda t, p: dice(t, p, total=lambda x: ops.sum(x, axis=(1, 2)))", r"an array of \(3,\)", 0),
        ("lambda t, p: dice(t, ops.cast(p > 0.5, 'float32'))", "threshold inside", 0),
        ("lambda t, p: dice(t, p, twice=1)", "counts twice", 0),
        ("lambda t, p: dice(t, p, above=0, below=0)", "above and below is missing", 0.5),
        ("lambda t, p: dice(t, p, above=1e-7, below=1e-7)", "above and below is missing", 0.5),
        ("lambda t, p: dice(t, p, above=0)", "1 above is missing", 0.5),
        ("lambda t, p: dice(t, p, below=0)", "1 below is missing", 0.5),
        ("lambda t, p: dice(t, p, above=2, below=2)", "doubled overlap", 0.5),
        ("lambda t, p: dice(t, p, cast=lambda t, kind: t)", "but not of other types.*Error", 0.5),
        ("lambda t, p: dice(t, p, total=lambda x: np.sum(x))", "no numpy", 0.5),
        ("lambda t, p: dice(t, p, total=lambda x: float(ops.sum(x)))", "no numpy", 0.5),
        ("lambda t, p: dice(t.numpy(), p.numpy())", "no numpy", 0.5),
        ("lambda t, p: dice(t, ops.stop_gradient(p))", "cuts off the gradient", 0.5),
        ("lambda t, p: dice(t, p, total=lambda x: ops.stop_gradient(ops.sum(x)))", "cuts off the", 0.5),
        ("lambda t, p: dice(t, p) / 2 + ops.stop_gradient(dice(t, p)) / 2", "the wrong amount", 0.5),
        ("lambda t, p: 0.3", "came out", 0),
        ("lambda t, p: None", "", None),
    ],
}  # fmt: skip


def evaluated(source: str) -> Any:
    """Evaluate an answer listed above."""
    return eval(source.replace("SIZE:", "lambda size, kernel, padding=0, stride=1:"), globals())


def chain(**parts: Any) -> Any:
    """A function that builds Cuadro 2, except for the parts given."""
    own = SimpleNamespace(
        input=keras.Input, conv=lambda w: layers.Conv2D(w, 3, activation="relu"), pool=layers.MaxPooling2D,
        flat=layers.Flatten, end=lambda k: layers.Dense(k, "softmax"), make=keras.Sequential, drop_from=1,
        last_dropout=True,
    )  # fmt: skip
    vars(own).update(parts)

    def build_classifier(input_shape, classes, filters, dropout):
        found = [own.input(input_shape)] if own.input else []
        for depth, width in enumerate(filters):
            found += [*as_list(own.conv(width)), own.pool()]
            found += [layers.Dropout(dropout)] if depth >= own.drop_from else []
        found += [own.flat(), *([layers.Dropout(dropout)] if own.last_dropout else [])]
        return own.make([*found, *as_list(own.end(classes))])

    return build_classifier


def relu(**more: Any) -> Any:
    return lambda width: layers.Conv2D(width, 3, activation="relu", **more)


def as_list(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def compiled(*inputs: Any) -> keras.Model:
    network = chain()(*inputs)
    network.compile("adam", "sparse_categorical_crossentropy")
    return network


def crossed(*inputs: Any) -> keras.Model:
    """Cuadro 2 with the input mirrored, which no layer shows."""
    network = chain()(*inputs)
    slices = keras.Input(inputs[0])

    class Mirrored(keras.layers.Flatten):
        def call(self, x):
            return super().call(ops.flip(x, axis=1))

    Mirrored.__name__ = "Flatten"
    x = slices
    for layer in network.layers:
        x = Mirrored()(x) if isinstance(layer, layers.Flatten) else layer(x)
    return keras.Model(slices, x)


class Subclassed(keras.Model):
    """A network written as a class, whose layers only its code knows."""

    def __init__(self, input_shape, classes, filters, dropout):
        super().__init__()
        self.all_layers = chain()(input_shape, classes, filters, dropout).layers

    def call(self, x):
        for layer in self.all_layers:
            x = layer(x)
        return x


def reuses(pool: bool = False, dropout: bool = False, make: Any = None) -> Any:
    """A function that builds Cuadro 2 with one pooling or dropout layer for all blocks."""

    def build_classifier(input_shape, classes, filters, rate):
        first_pool, first_dropout = layers.MaxPooling2D(), layers.Dropout(rate)
        found = [
            first_pool if pool and isinstance(layer, layers.MaxPooling2D) else layer
            for layer in chain()(input_shape, classes, filters, rate).layers
        ]
        found = [first_dropout if dropout and isinstance(one, layers.Dropout) else one for one in found]
        if make:
            return make([keras.Input(input_shape), *found])
        slices = x = keras.Input(input_shape)
        for layer in found:
            x = layer(x)
        return keras.Model(slices, x)

    return build_classifier


def softmax(logits: np.ndarray) -> np.ndarray:
    return scipy.special.softmax(logits, axis=1)


def entropies(logits: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return -scipy.special.log_softmax(logits, axis=1)[np.arange(len(classes)), classes]


def last(tumour: Any = None, findings: Any = None, area: Any = None, mask: Any = None) -> dict:
    """The last layers, except for those given."""
    return {
        "which tumour": tumour or (3, "softmax", "sparse_categorical_crossentropy"),
        "findings": (5, "sigmoid", "binary_crossentropy") if findings is None else findings,
        "area": area or (1, "linear", "mean_squared_error"),
        "mask": mask or (2, "softmax", "sparse_categorical_crossentropy"),
    }


def stop(monitor: str, patience: int, reason: Any, **more: Any) -> tuple:
    return keras.callbacks.EarlyStopping(monitor=monitor, patience=patience, **more), reason


def told(*names: Any) -> dict:
    return dict(zip("ABC", names, strict=True))


def transposed(width: int, **changed: Any) -> layers.Layer:
    own = {"kernel_size": 3, "strides": 2, "padding": "same", "kernel_initializer": "he_normal"}
    return layers.Conv2DTranspose(width, **own | changed)


def plain_conv(width: int) -> layers.Layer:
    return layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")


def decoder(**parts: Any) -> Any:
    """A decoder block, except for the parts given."""
    own = SimpleNamespace(
        up=transposed, join=lambda x, skip: layers.Concatenate()([x, skip]), convs=2, end=lambda x: x,
        conv=lambda width: lambda x: convolution(x, width),
    )  # fmt: skip
    vars(own).update(parts)

    def decoder_block(x, skip, width):
        x = own.join(own.up(width)(x), skip)
        for _ in range(own.convs):
            for layer in as_list(own.conv(width)):
                x = layer(x)
        return own.end(x)

    return decoder_block


def beside(x: Any, skip: Any, width: int) -> Any:
    """The right layers, with the concatenation's channels in another order."""

    class Concatenate(layers.Concatenate):
        def call(self, inputs):
            return super().call(inputs)[..., ::-1]

    return decoder(join=lambda x, skip: Concatenate()([x, skip]))(x, skip, width)


def dice(t: Any, p: Any, total: Any = ops.sum, cast: Any = ops.cast, twice: int = 2, above: float = 1,
         below: float = 1) -> Any:  # fmt: skip
    """The Dice loss, except for the parts given."""
    t, p = cast(t, "float32"), p[..., 1]
    return 1 - (twice * total(t * p) + above) / (total(t) + total(p) + below)
