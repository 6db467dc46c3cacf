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

/// The channels of `a`, then those of `b`.
inline Images join_channels(const Images& a, const Images& b) {
  Images both(a.dimension(0), a.dimension(1) + b.dimension(1), a.dimension(2), a.dimension(3));
  const Index of_a = a.size() / a.dimension(0), of_b = b.size() / b.dimension(0);
  float* to = both.data();
  for (Index n = 0; n < a.dimension(0); ++n) {
    to = std::copy_n(a.data() + n * of_a, of_a, to);
    to = std::copy_n(b.data() + n * of_b, of_b, to);
  }
  return both;
}

/// The `count` channels of `x` from `first`.
inline Images take_channels(const Images& x, Index first, Index count) {
  Images part(x.dimension(0), count, x.dimension(2), x.dimension(3));
  const Index size = x.dimension(2) * x.dimension(3);
  float* to = part.data();
  for (Index n = 0; n < x.dimension(0); ++n)
    to = std::copy_n(x.data() + (n * x.dimension(1) + first) * size, count * size, to);
  return part;
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

  Images forward(Images x, tconv::Workspace& workspace) {
    x_ = std::move(x);
    return kind_ == Kind::conv ? tconv::conv(workspace, x_, weight(), bias(), options_)
                               : tconv::conv_transpose(workspace, x_, weight(), bias(), options_);
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

  Images forward(Images x, tconv::Workspace&) {
    x_ = x;
    scale_negative(x_.data(), x.data(), x.size(), slope_);
    return x;
  }
  Images backward(Images gradient, tconv::Workspace&) {
    scale_negative(x_.data(), gradient.data(), x_.size(), slope_);
    return gradient;
  }
  std::vector<Parameter*> parameters() { return {}; }

  /// Multiplies `values` by `slope` where `x` is not positive. They must not be the same.
  static void scale_negative(const float* x, float* values, Index size, float slope) {
    for (Index i = 0; i < size; ++i) {
      const float factor = x[i] > 0 ? 1.0f : slope;
      values[i] = factor * values[i];
    }
  }

 private:
  float slope_;
  Images x_;
};

/// A rectifier that learns the slope of each channel (He and others, 2015).
class ParametricRectifier {
 public:
  explicit ParametricRectifier(Index channels, float initial = 0.25f) : slope_(channels, initial) {}

  Images forward(Images x, tconv::Workspace&) {
    x_ = x;
    for_each_plane(x_, [&](Index channel, Index first, Index size) {
      Rectifier::scale_negative(x_.data() + first, x.data() + first, size,
                                slope_.value[static_cast<std::size_t>(channel)]);
    });
    return x;
  }
  Images backward(Images gradient, tconv::Workspace&) {
    for_each_plane(x_, [&](Index channel, Index first, Index size) {
      const float* const x = x_.data() + first;
      float* const values = gradient.data() + first;
      const auto c = static_cast<std::size_t>(channel);
      slope_.gradient[c] += static_cast<float>(
          sum_of(size, [&](Index i) { return x[i] > 0 ? 0.0f : x[i] * values[i]; }));
      Rectifier::scale_negative(x, values, size, slope_.value[c]);
    });
    return gradient;
  }
  std::vector<Parameter*> parameters() { return {&slope_}; }

 private:
  Parameter slope_;
  Images x_;
};

/// Batch normalization (Ioffe and Szegedy, 2015): each channel with the mean and deviation of its
/// batch taken away, then times a learnt scale and plus a learnt shift. It always takes those of
/// the batch, so that a batch of one image is of no use.
class BatchNormalization {
 public:
  explicit BatchNormalization(Index channels)
      : scale_(channels, 1),
        shift_(channels),
        mean_(scale_.value.size(), 0.0),
        variance_(scale_.value.size(), 1.0),
        inverse_deviation_(scale_.value.size()) {}

  void set_training(bool training) { training_ = training; }

  Images forward(Images x, tconv::Workspace&) {
    const float* const from = x.data();
    std::vector<double> means = mean_, variances = variance_;
    if (training_) {
      means = channel_means(x, [&](Index i) { return from[i]; });
      variances = channel_means(
          x, [&](Index i) { return static_cast<double>(from[i]) * static_cast<double>(from[i]); });
      constexpr double keep = 0.98;
      for (std::size_t c = 0; c < means.size(); ++c) {
        variances[c] -= means[c] * means[c];
        mean_[c] = keep * mean_[c] + (1 - keep) * means[c];
        variance_[c] = keep * variance_[c] + (1 - keep) * variances[c];
      }
    }
    for (std::size_t c = 0; c < means.size(); ++c)
      inverse_deviation_[c] = static_cast<float>(1 / std::sqrt(variances[c] + 1e-5));
    normal_ = std::move(x);
    Images y(normal_.dimensions());
    for_each_plane(y, [&](Index channel, Index first, Index size) {
      const auto c = static_cast<std::size_t>(channel);
      const float mean = static_cast<float>(means[c]), factor = inverse_deviation_[c],
                  scale = scale_.value[c], shift = shift_.value[c];
      float *const normal = normal_.data() + first, *const to = y.data() + first;
      for (Index i = 0; i < size; ++i) {
        normal[i] = (normal[i] - mean) * factor;
        to[i] = scale * normal[i] + shift;
      }
    });
    return y;
  }

  Images backward(Images gradient, tconv::Workspace&) {
    float* const at = gradient.data();
    const float* const normal = normal_.data();
    const auto shifts = channel_means(gradient, [&](Index i) { return at[i]; });
    const auto scales =
        channel_means(gradient, [&](Index i) { return static_cast<double>(at[i]) * normal[i]; });
    const auto count = static_cast<double>(gradient.size() / gradient.dimension(1));
    for (std::size_t c = 0; c < shifts.size(); ++c) {
      shift_.gradient[c] += static_cast<float>(shifts[c] * count);
      scale_.gradient[c] += static_cast<float>(scales[c] * count);
    }
    for_each_plane(gradient, [&](Index channel, Index first, Index size) {
      const auto c = static_cast<std::size_t>(channel);
      const float factor = scale_.value[c] * inverse_deviation_[c];
      const auto along_shift = static_cast<float>(shifts[c]);
      const auto along_scale = static_cast<float>(scales[c]);
      // The mean and deviation of the batch depend on each of its values.
      for (Index i = first; i < first + size; ++i)
        at[i] = factor * (at[i] - along_shift - along_scale * normal[i]);
    });
    return gradient;
  }

  std::vector<Parameter*> parameters() { return {&scale_, &shift_}; }

 private:
  /// The mean of `term(i)` over each channel's numbers `i`.
  template <class Term>
  static std::vector<double> channel_means(const Images& x, const Term& term) {
    std::vector<double> means(static_cast<std::size_t>(x.dimension(1)));
    const auto count = static_cast<double>(x.size() / x.dimension(1));
    for_each_plane(x, [&](Index channel, Index first, Index size) {
      means[static_cast<std::size_t>(channel)] +=
          sum_of(size, [&](Index i) { return term(first + i); }) / count;
    });
    return means;
  }

  Parameter scale_, shift_;
  bool training_ = true;
  std::vector<double> mean_, variance_;
  std::vector<float> inverse_deviation_;
  Images normal_;
};

/// Layers one after another.
class Network {
 public:
  using Layer = std::variant<Convolution, Rectifier, ParametricRectifier, BatchNormalization>;

  Network(std::vector<Layer> layers) : layers_(std::move(layers)) {}

  void append(const std::vector<Layer>& layers) {
    layers_.insert(layers_.end(), layers.begin(), layers.end());
  }

  Images forward(Images x, tconv::Workspace& workspace) {
    for (Layer& layer : layers_)
      x = std::visit([&](auto& it) { return it.forward(std::move(x), workspace); }, layer);
    return x;
  }

  /// For the gradient of the last `forward`'s output: adds to the gradients of all parameters, and
  /// returns that of the input.
  Images backward(Images gradient, tconv::Workspace& workspace) {
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
      gradient =
          std::visit([&](auto& it) { return it.backward(std::move(gradient), workspace); }, *layer);
    return gradient;
  }

  /// Whether batch normalization takes the averages of the batch, as at first, or those of the
  /// past.
  void set_training(bool training) {
    for (Layer& layer : layers_)
      if (auto* const it = std::get_if<BatchNormalization>(&layer)) it->set_training(training);
  }

  void forget_gradients() {
    for (Parameter* parameter : parameters())
      std::fill(parameter->gradient.begin(), parameter->gradient.end(), 0.0f);
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
