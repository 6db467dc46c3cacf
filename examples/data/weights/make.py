#!/usr/bin/env python3
"""Makes the .npy files of this folder, which examples/import_weights.cpp reads:

    python3 make.py [folder]

Each case is a layer of PyTorch, Keras or ONNX: its weights as that framework keeps them, an input, and
the output as the framework's documentation defines it, computed by NumPy in plain loops. Nothing of
tconv is used. Where PyTorch is installed, its own output is compared. (Those of Keras' layers were
compared with TensorFlow.js 4.22, those of ONNX with ONNX Runtime 1.30.) All numbers are small integers,
so that every order of summation gives the same output.
"""

import itertools
import pathlib
import sys

import numpy as np

try:
    import torch
except ImportError:
    torch = None

random = np.random.default_rng(1)


def integers(*shape):
    return random.integers(-4, 5, shape).astype(np.float32)


def conv_transpose(x, w, bias, stride, begin, size, dilation=(1, 1), groups=1):
    """Channels first, w as PyTorch and ONNX have it: (C_in, C_out / groups, rows, columns).

    Every input adds its multiple of the kernel to a plane without borders; `size` rows and columns
    of that plane from `begin` on are the output.
    """
    n, c_in, rows, columns = x.shape
    c_out = w.shape[1] * groups
    far = [max(b + s, (i - 1) * t + d * (k - 1) + 1)
           for b, s, i, t, d, k in zip(begin, size, x.shape[2:], stride, dilation, w.shape[2:])]
    plane = np.zeros((n, c_out, far[0], far[1]))
    for c, m, i, j, k, l in itertools.product(range(c_in), range(w.shape[1]), range(rows),
                                              range(columns), *map(range, w.shape[2:])):
        group = c // (c_in // groups)
        plane[:, group * w.shape[1] + m, i * stride[0] + k * dilation[0],
              j * stride[1] + l * dilation[1]] += x[:, c, i, j] * w[c, m, k, l]
    cut = plane[:, :, begin[0]:begin[0] + size[0], begin[1]:begin[1] + size[1]]
    return (cut + bias.reshape(1, -1, 1, 1)).astype(np.float32)


def conv(x, w, bias, stride, padding):
    """Channels first, w as PyTorch has it: (C_out, C_in, rows, columns)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])))
    size = [(i - k) // s + 1 for i, k, s in zip(x.shape[2:], w.shape[2:], stride)]
    y = np.empty((x.shape[0], w.shape[0], size[0], size[1]))
    for i, j in itertools.product(*map(range, size)):
        part = x[:, :, i * stride[0]:i * stride[0] + w.shape[2],
                 j * stride[1]:j * stride[1] + w.shape[3]]
        y[:, :, i, j] = np.tensordot(part, w, ([1, 2, 3], [1, 2, 3])) + bias
    return y.astype(np.float32)


def run_torch(layer, x, w, bias):
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(w))
        layer.bias.copy_(torch.tensor(bias))
        return layer(torch.tensor(x)).numpy()


def pytorch_conv_transpose():
    """nn.ConvTranspose2d(4, 6, (3, 4), stride=(2, 3), padding=(1, 0), output_padding=(1, 2),
    groups=2, dilation=(2, 1))"""
    x, w, bias = integers(2, 4, 3, 4), integers(4, 3, 3, 4), integers(6)
    # (in - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    y = conv_transpose(x, w, bias, (2, 3), (1, 0), (8, 15), (2, 1), 2)

    if torch:
        layer = torch.nn.ConvTranspose2d(4, 6, (3, 4), (2, 3), (1, 0), (1, 2), 2, dilation=(2, 1))
        assert np.array_equal(run_torch(layer, x, w, bias), y)
    return x, w, bias, y


def pytorch_conv():
    """nn.Conv2d(3, 5, (3, 2), stride=2, padding=(1, 0))"""
    x, w, bias = integers(2, 3, 6, 7), integers(5, 3, 3, 2), integers(5)
    y = conv(x, w, bias, (2, 2), (1, 0))

    if torch:
        layer = torch.nn.Conv2d(3, 5, (3, 2), 2, (1, 0))
        assert np.array_equal(run_torch(layer, x, w, bias), y)
    return x, w, bias, y


def keras_case(kernel, stride, padding):
    """layers.Conv2DTranspose(5, kernel, stride, padding), channels last.

    The kernel is (rows, columns, C_out, C_in). "same" gives in * stride rows and columns: of the
    max(kernel - stride, 0) surplus ones half, rounded down, go at the begin. "valid" gives
    (in - 1) * stride + max(kernel, stride).
    """
    x, w, bias = integers(2, 3, 4, 3), integers(*kernel, 5, 3), integers(5)
    if padding == 'same':
        begin = [max(k - s, 0) // 2 for k, s in zip(kernel, stride)]
        size = [i * s for i, s in zip(x.shape[1:3], stride)]
    else:
        begin = (0, 0)
        size = [(i - 1) * s + max(k, s) for i, k, s in zip(x.shape[1:3], kernel, stride)]
    y = conv_transpose(x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), bias, stride, begin, size)
    return x, w, bias, y.transpose(0, 2, 3, 1)


def keras_same():
    return keras_case((3, 5), (2, 3), 'same')


def keras_same_gaps():
    return keras_case((2, 2), (3, 3), 'same')


def keras_valid():
    return keras_case((2, 4), (3, 2), 'valid')


def keras_conv():
    """layers.Conv2D(5, (3, 2), strides=2), channels last; the kernel is (rows, columns, C_in, C_out)."""
    x, w, bias = integers(2, 6, 7, 3), integers(3, 2, 3, 5), integers(5)
    y = conv(x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), bias, (2, 2), (0, 0))
    return x, w, bias, y.transpose(0, 2, 3, 1)


def onnx_case(w_shape, stride, begin, size):
    """ConvTranspose. W is (C_in, C_out / group, rows, columns)."""
    x, w, bias = integers(1, 3, 4, 3), integers(*w_shape), integers(w_shape[1])
    return x, w, bias, conv_transpose(x, w, bias, stride, begin, size)


def onnx_pads():
    """strides = [2, 3], pads = [0, 1, 2, 0], output_padding = [1, 0]: rows lose none at the begin and
    two at the end, columns one and none."""
    return onnx_case((3, 2, 4, 3), (2, 3), (0, 1), (3 * 2 + 4 - 2 + 1, 2 * 3 + 3 - 1))


def onnx_same_lower():
    """strides = [2, 2], auto_pad = SAME_LOWER gives in * stride. Of an odd surplus, here 3 - 2 rows
    and 5 - 2 columns, the larger half is cut at the begin."""
    return onnx_case((3, 2, 3, 5), (2, 2), (1, 2), (8, 6))


def onnx_same_upper():
    """The same with SAME_UPPER: the larger half is cut at the end."""
    return onnx_case((3, 2, 3, 5), (2, 2), (0, 1), (8, 6))


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    print('PyTorch', torch.__version__ if torch else 'is not installed: its output is not compared')
    for case in (pytorch_conv_transpose, pytorch_conv, keras_same, keras_same_gaps, keras_valid,
                 keras_conv, onnx_pads, onnx_same_lower, onnx_same_upper):
        for name, array in zip(('x', 'weight', 'bias', 'y'), case()):
            np.save(folder / f'{case.__name__}_{name}.npy', array)
    # The same array in the ways that NumPy may write it, for the tests of the reader.
    count = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.save(folder / 'count.npy', count)
    np.save(folder / 'count_fortran.npy', np.asfortranarray(count))
    np.save(folder / 'count_float64.npy', count.astype(np.float64))
    with open(folder / 'count_version2.npy', 'wb') as file:
        np.lib.format.write_array(file, count, version=(2, 0))
