// Runs layers that were trained elsewhere: weights as PyTorch, Keras and ONNX keep them, from .npy
// files, are brought into tconv's layout, and the outputs compared with those of the framework.
//
//   import_weights [folder]
//
// examples/data/weights/make.py has made the files; docs/weights.md shows how to make your own. All
// numbers are small integers, for which every order of summation is exact: the outputs must be
// equal.

#include <algorithm>
#include <array>
#include <cstddef>
#include <iostream>
#include <string>
#include <tconv/tconv.hpp>

#include "support/example.hpp"
#include "support/npy.hpp"

namespace {

using tconv::Index;
using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using Bias = Eigen::Tensor<float, 1, Eigen::RowMajor>;
using Options = tconv::ConvOptions<2>;
using Kernel = std::array<Index, 2>;
using Axes = Eigen::array<int, 4>;

/// The files of a layer: a framework's weight, bias and input, and the output it has for them.
struct Layer {
  std::string name;
  Tensor x, weight, y;
  Bias bias;

  Layer(const std::string& folder, const std::string& layer)
      : name(layer),
        x(npy::read<Tensor>(folder + "/" + layer + "_x.npy")),
        weight(npy::read<Tensor>(folder + "/" + layer + "_weight.npy")),
        y(npy::read<Tensor>(folder + "/" + layer + "_y.npy")),
        bias(npy::read<Bias>(folder + "/" + layer + "_bias.npy")) {}
};

class Comparison {
 public:
  /// Prints a line.
  void operator()(const Layer& layer, const Tensor& y) {
    bool equal = y.dimensions() == layer.y.dimensions();
    for (Index i = 0; equal && i < y.size(); ++i) equal = y.data()[i] == layer.y.data()[i];
    std::cout << layer.name << ": " << (equal ? "equal" : "DIFFERENT") << '\n';
    all_equal_ = all_equal_ && equal;
  }

  bool all_equal() const { return all_equal_; }

 private:
  bool all_equal_ = true;
};

/// PyTorch's weights are tconv's.
void compare_pytorch(const std::string& folder, Comparison& compare) {
  const Layer up(folder, "pytorch_conv_transpose");
  compare(up, tconv::conv_transpose(up.x, up.weight, up.bias,
                                    {.stride = {2, 3},
                                     .padding = {1, 0},
                                     .output_padding = {1, 2},
                                     .dilation = {2, 1},
                                     .groups = 2}));
  const Layer down(folder, "pytorch_conv");
  compare(down, tconv::conv(down.x, down.weight, down.bias, {.stride = 2, .padding = {1, 0}}));
}

/// Keras has the kernel's axes first, and images with channels last.
void compare_keras(const std::string& folder, Comparison& compare) {
  constexpr auto channels_last = tconv::DataFormat::channels_last;

  const auto same = [&](const std::string& name, const Kernel& stride) {
    const Layer layer(folder, name);
    // (rows, columns, C_out, C_in) to (C_in, C_out, rows, columns)
    const Tensor weight = layer.weight.shuffle(Axes{3, 2, 0, 1});
    // in * stride outputs: a surplus is cut at both ends, and what lacks is added at the end.
    Options options{.data_format = channels_last};
    for (std::size_t a = 0; a < 2; ++a) {
      const Index kernel = layer.weight.dimension(a),
                  surplus = std::max<Index>(kernel - stride[a], 0);
      options.stride[a] = stride[a];
      options.padding[a] = {surplus / 2, surplus - surplus / 2};
      options.output_padding[a] = std::max<Index>(stride[a] - kernel, 0);
    }
    compare(layer, tconv::conv_transpose(layer.x, weight, layer.bias, options));
  };
  same("keras_same", {2, 3});
  same("keras_same_gaps", {3, 3});

  // (in - 1) * stride + max(kernel, stride) outputs; the kernel has 2 rows and 4 columns.
  const Layer valid(folder, "keras_valid");
  const Tensor valid_weight = valid.weight.shuffle(Axes{3, 2, 0, 1});
  compare(valid, tconv::conv_transpose(
                     valid.x, valid_weight, valid.bias,
                     {.stride = {3, 2}, .output_padding = {1, 0}, .data_format = channels_last}));

  const Layer down(folder, "keras_conv");
  // (rows, columns, C_in, C_out) to (C_out, C_in, rows, columns)
  const Tensor down_weight = down.weight.shuffle(Axes{3, 2, 0, 1});
  compare(down,
          tconv::conv(down.x, down_weight, down.bias, {.stride = 2, .data_format = channels_last}));
}

/// ONNX's weights are tconv's. Its pads are all begins, then all ends.
void compare_onnx(const std::string& folder, Comparison& compare) {
  const Layer pads(folder, "onnx_pads");
  compare(pads, tconv::conv_transpose(
                    pads.x, pads.weight, pads.bias,
                    {.stride = {2, 3}, .padding = {{0, 2}, {1, 0}}, .output_padding = {1, 0}}));

  const Options options{.stride = 2};
  const Kernel kernel{3, 5};
  const Layer upper(folder, "onnx_same_upper");
  compare(upper,
          tconv::conv_transpose(upper.x, upper.weight, upper.bias,
                                tconv::with_same_padding(options, kernel, tconv::Same::upper)));
  const Layer lower(folder, "onnx_same_lower");
  compare(lower,
          tconv::conv_transpose(lower.x, lower.weight, lower.bias,
                                tconv::with_same_padding(options, kernel, tconv::Same::lower)));
}

int run(const Arguments& arguments) {
  if (arguments.size() > 1) {
    std::cerr << "usage: import_weights [folder]\n";
    return 1;
  }
  const std::string folder = arguments.text(0, DATA_FOLDER "/weights");
  Comparison compare;
  compare_pytorch(folder, compare);
  compare_keras(folder, compare);
  compare_onnx(folder, compare);
  return compare.all_equal() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
