#pragma once

/// \file
/// Layers that keep what their gradients need, and networks of them.
///
/// The arithmetic outside of tconv is in plain loops with one order of summation.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <tconv/tconv.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "random.hpp"

using tconv::Index;
/// `(n, channel, row, column)`
using Images = Eigen::Tensor<float, 4, Eigen::RowMajor>;

/// What Adam trains, with the gradient that `backward` adds to.
struct Parameter {
  explicit Parameter(Index size, float initial = 0)
      : value(static_cast<std::size_t>(size), initial), gradient(value.size(), 0.0f) {}

  std::vector<float> value, gradient;
};

/// The sum of `term(i)` for `i` below `count`, in an order that does not depend on the machine.
template <class Term>
double sum_of(Index count, const Term& term) {
  constexpr Index ways = 8;
  std::array<double, ways> sums{};
  Index i = 0;
  for (; i + ways <= count; i += ways)
    for (Index j = 0; j < ways; ++j) sums[static_cast<std::size_t>(j)] += term(i + j);
  double total = 0;
  for (; i < count; ++i) total += term(i);
  for (const double sum : sums) total += sum;
  return total;
}

/// `f(channel, first, size)` for every channel of every image, which is `size` numbers from
/// `first`.
template <class F>
void for_each_plane(const Images& x, const F& f) {
  const Index size = x.dimension(2) * x.dimension(3);
  for (Index n = 0; n < x.dimension(0); ++n)
    for (Index c = 0; c < x.dimension(1); ++c) f(c, (n * x.dimension(1) + c) * size, size);
}

enum class Kind { conv, conv_transpose };

/// `conv` or `conv_transpose` with a square kernel and a bias, without groups.
class Convolution {
 public:
  /// The weights are normal with variance `gain / inputs`, where `inputs` is how many reach an
  /// output: 2 keeps the variance of values that a rectifier follows (He and others, 2015).
  Convolution(Kind kind, Index in, Index out, Index kernel, const tconv::ConvOptions<2>& options,
              Random& random, float gain = 2)
      : kind_(kind),
        options_(options),
        dimensions_(kind == Kind::conv ? out : in, kind == Kind::conv ? in : out, kernel, kernel),
        weight_(dimensions_.TotalSize()),
        bias_(out) {
    auto inputs = static_cast<float>(in * kernel * kernel);
    if (kind == Kind::conv_transpose)
      inputs /= static_cast<float>(options.stride[0] * options.stride[1]);
    const float deviation = std::sqrt(gain / inputs);
    for (float& value : weight_.value) value = deviation * random.normal();
  }

  Images forward(const Images& x, tconv::Workspace& workspace) {
    x_ = x;
    return kind_ == Kind::conv ? tconv::conv(workspace, x, weight(), bias(), options_)
                               : tconv::conv_transpose(workspace, x, weight(), bias(), options_);
  }

  /// Adds to the gradients of weight and bias, and returns that of the input.
  Images backward(const Images& grad_y, tconv::Workspace& workspace) {
    add(weight_gradient(grad_y, workspace), weight_.gradient);
    for_each_plane(grad_y, [&](Index channel, Index first, Index size) {
      bias_.gradient[static_cast<std::size_t>(channel)] +=
          static_cast<float>(sum_of(size, [&](Index i) { return grad_y.data()[first + i]; }));
    });
    if (kind_ == Kind::conv_transpose)
      return tconv::conv_transpose_input_grad(workspace, weight(), grad_y, options_);
    const std::array<Index, 2> in{x_.dimension(2), x_.dimension(3)};
    return tconv::conv_input_grad(workspace, weight(), grad_y, in, options_);
  }

  std::vector<Parameter*> parameters() { return {&weight_, &bias_}; }

 private:
  Eigen::TensorMap<const Images> weight() const { return {weight_.value.data(), dimensions_}; }
  Eigen::TensorMap<const Eigen::Tensor<float, 1, Eigen::RowMajor>> bias() const {
    return {bias_.value.data(), static_cast<Index>(bias_.value.size())};
  }

  Images weight_gradient(const Images& grad_y, tconv::Workspace& workspace) const {
    const std::array<Index, 2> kernel{dimensions_[2], dimensions_[3]};
    if (options_.summation == tconv::Summation::ordered)
      return kind_ == Kind::conv ? ordered_weight_gradient(x_, grad_y, workspace)
                                 : ordered_weight_gradient(grad_y, x_, workspace);
    return kind_ == Kind::conv
               ? tconv::conv_weight_grad(workspace, x_, grad_y, kernel, options_)
               : tconv::conv_transpose_weight_grad(workspace, x_, grad_y, kernel, options_);
  }

  /// tconv's weight gradients sum in an order that depends on the machine. But the gradient is a
  /// convolution as well, where batch and channels change places, and so do stride and dilation:
  /// the finer of input and output is the image, the coarser one the kernel.
  Images ordered_weight_gradient(const Images& fine, const Images& coarse,
                                 tconv::Workspace& workspace) const {
    const Eigen::array<int, 4> swapped{1, 0, 2, 3};
    tconv::ConvOptions<2> options{.summation = tconv::Summation::ordered};
    for (std::size_t a = 0; a < 2; ++a) {
      options.stride[a] = options_.dilation[a];
      options.dilation[a] = options_.stride[a];
      const Index reach = (dimensions_[a + 2] - 1) * options_.dilation[a] +
                          (coarse.dimension(a + 2) - 1) * options_.stride[a] + 1;
      const Index before = options_.padding[a].before;
      options.padding[a] = {before, reach - fine.dimension(a + 2) - before};
    }
    const Images image = fine.shuffle(swapped), kernel = coarse.shuffle(swapped);
    return tconv::conv(workspace, image, kernel, options).shuffle(swapped);
  }

  static void add(const Images& from, std::vector<float>& to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from.data()[i];
  }

  Kind kind_;
  tconv::ConvOptions<2> options_;
  Images::Dimensions dimensions_;
  Parameter weight_, bias_;
  Images x_;
};

/// `x` where it is positive, and `slope * x` elsewhere.
class Rectifier {
 public:
  explicit Rectifier(float slope = 0) : slope_(slope) {}

  Images forward(const Images& x, tconv::Workspace&) {
    x_ = x;
    Images y = x;
    for (Index i = 0; i < y.size(); ++i) y.data()[i] *= y.data()[i] > 0 ? 1.0f : slope_;
    return y;
  }
  Images backward(const Images& grad_y, tconv::Workspace&) {
    Images grad_x = grad_y;
    for (Index i = 0; i < x_.size(); ++i) grad_x.data()[i] *= x_.data()[i] > 0 ? 1.0f : slope_;
    return grad_x;
  }
  std::vector<Parameter*> parameters() { return {}; }

 private:
  float slope_;
  Images x_;
};

/// A rectifier that learns the slope of each channel (He and others, 2015).
class ParametricRectifier {
 public:
  explicit ParametricRectifier(Index channels, float initial = 0.25f) : slope_(channels, initial) {}

  Images forward(const Images& x, tconv::Workspace&) {
    x_ = x;
    Images y(x.dimensions());
    for_each_plane(x, [&](Index channel, Index first, Index size) {
      const float slope = slope_.value[static_cast<std::size_t>(channel)];
      for (Index i = first; i < first + size; ++i)
        y.data()[i] = x.data()[i] > 0 ? x.data()[i] : slope * x.data()[i];
    });
    return y;
  }
  Images backward(const Images& grad_y, tconv::Workspace&) {
    Images grad_x(x_.dimensions());
    for_each_plane(x_, [&](Index channel, Index first, Index size) {
      const float slope = slope_.value[static_cast<std::size_t>(channel)];
      const float *const x = x_.data() + first, *const from = grad_y.data() + first;
      for (Index i = 0; i < size; ++i)
        grad_x.data()[first + i] = x[i] > 0 ? from[i] : slope * from[i];
      slope_.gradient[static_cast<std::size_t>(channel)] += static_cast<float>(
          sum_of(size, [&](Index i) { return x[i] > 0 ? 0.0f : x[i] * from[i]; }));
    });
    return grad_x;
  }
  std::vector<Parameter*> parameters() { return {&slope_}; }

 private:
  Parameter slope_;
  Images x_;
};

/// Layers one after another.
class Network {
 public:
  using Layer = std::variant<Convolution, Rectifier, ParametricRectifier>;

  Network(std::vector<Layer> layers) : layers_(std::move(layers)) {}

  Images forward(Images x, tconv::Workspace& workspace) {
    for (Layer& layer : layers_)
      x = std::visit([&](auto& it) { return it.forward(x, workspace); }, layer);
    return x;
  }

  /// For the gradient of the last `forward`'s output: adds to the gradients of all parameters, and
  /// returns that of the input.
  Images backward(Images gradient, tconv::Workspace& workspace) {
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
      gradient = std::visit([&](auto& it) { return it.backward(gradient, workspace); }, *layer);
    return gradient;
  }

  std::vector<Parameter*> parameters() {
    std::vector<Parameter*> all;
    for (Layer& layer : layers_)
      for (Parameter* parameter : std::visit([](auto& it) { return it.parameters(); }, layer))
        all.push_back(parameter);
    return all;
  }

 private:
  std::vector<Layer> layers_;
};
