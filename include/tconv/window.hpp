#pragma once

/// \file
/// Windows: the part of an input that a part of the output needs, and the options with which it
/// gives exactly that part.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/reach.hpp"
#include "tconv/core/require.hpp"
#include "tconv/frontend/part_padding.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

namespace tconv {

/// A part of an input, and how to compute with it.
template <int R>
struct Window {
  Extents<R> first{};        ///< its first position on each spatial axis
  Extents<R> end{};          ///< behind its last one
  ConvOptions<R> options{};  ///< those of the whole, with the padding of the part

  constexpr Extents<R> extents() const {
    Extents<R> result{};
    for (std::size_t a = 0; a < result.size(); ++a) result[a] = end[a] - first[a];
    return result;
  }

  friend constexpr bool operator==(const Window&, const Window&) = default;
};

namespace detail {

/// The inputs that outputs `[out.first, out.end)` need, one if none.
template <Direction direction>
constexpr core::Range window_of_axis(const Axis& axis, const core::Range& out) {
  constexpr bool scatters = direction == Direction::scatter;
  core::Range in = scatters ? core::needed_coarse(axis, out) : core::needed_fine(axis, out);
  if (in.size() == 0) {
    in.first = scatters ? core::floor_div(out.first + axis.before, axis.stride)
                        : out.first * axis.stride - axis.before;
    in.first = std::clamp<Index>(in.first, 0, (scatters ? axis.coarse : axis.fine) - 1);
    in.end = in.first + 1;
  }
  return in;
}

template <Direction direction, std::size_t R>
constexpr Window<static_cast<int>(R)> find_window(const char* function,
                                                  const std::array<Index, R>& in,
                                                  const std::array<Index, R>& kernel,
                                                  const ConvOptions<static_cast<int>(R)>& options,
                                                  const std::array<Index, R>& first,
                                                  const std::array<Index, R>& end) {
  constexpr bool scatters = direction == Direction::scatter;
  core::check_options(options, function);
  core::check_extents(in, "in", function);
  core::check_extents(kernel, "kernel", function);
  Window<static_cast<int>(R)> window{.options = options};
  for (std::size_t a = 0; a < R; ++a) {
    const int number = static_cast<int>(a);
    const core::AxisOptions o = core::axis_options(options, number);
    const Index out = scatters ? core::conv_transpose_extent(in[a], kernel[a], o, number, function)
                               : core::conv_extent(in[a], kernel[a], o, number, function);
    core::require(0 <= first[a] && first[a] < end[a] && end[a] <= out, function,
                  "the outputs from ", first[a], " to ", end[a], " of spatial axis ", number,
                  " are not a part of [0, ", out, ")");
    // No position that is computed below is farther from 0.
    const auto magnitude = [](Index value) {
      return value < 0 ? core::CheckedIndex(0) - value : core::CheckedIndex(value);
    };
    static_cast<void>(
        core::index_of_axis(magnitude(o.padding.before) + magnitude(o.padding.after) + in[a] + out +
                                (core::CheckedIndex(scatters ? in[a] : out) + 1) * o.stride +
                                core::effective_kernel(kernel[a], o.dilation) + o.output_padding,
                            "input", in[a], kernel[a], o, number, function));
    const Axis axis{scatters ? in[a] : out, scatters ? out : in[a], kernel[a], o.stride, o.dilation,
                    o.padding.before};
    const core::Range outputs{first[a], end[a]};
    const core::Range inputs = window_of_axis<direction>(axis, outputs);
    window.first[a] = inputs.first;
    window.end[a] = inputs.end;
    window.options.padding[number] = core::part_padding<direction>(o, kernel[a], inputs, outputs);
  }
  return window;
}

}  // namespace detail

/// The smallest part of `conv_transpose`'s input that its outputs `[first, end)` need, and one
/// position on an axis where they need none:
///
///     window = conv_transpose_window(in, kernel, options, first, end)
///     conv_transpose(slice(x, window), weight, bias, window.options)
///
/// is that part of `conv_transpose(x, weight, bias, options)`, to the bit with
/// `Summation::ordered`, else within rounding. The formula is in `core/reach.hpp`.
///
/// \param in      spatial extents of the whole input
/// \param kernel  spatial extents of the weight
/// \throws std::invalid_argument unless `0 <= first < end <= out` on each axis, and as
///   `conv_transpose_output_extents`
/// \throws std::length_error if a position overflows
template <std::size_t R>
constexpr Window<static_cast<int>(R)> conv_transpose_window(
    const std::array<Index, R>& in, const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options,
    const std::type_identity_t<std::array<Index, R>>& first,
    const std::type_identity_t<std::array<Index, R>>& end) {
  return detail::find_window<Direction::scatter>("conv_transpose_window", in, kernel, options,
                                                 first, end);
}
template <std::size_t R>
constexpr Window<static_cast<int>(R)> conv_transpose_window(
    const Index (&in)[R], const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options,
    const std::type_identity_t<std::array<Index, R>>& first,
    const std::type_identity_t<std::array<Index, R>>& end) {
  return conv_transpose_window(std::to_array(in), kernel, options, first, end);
}

/// The same for `conv`.
template <std::size_t R>
constexpr Window<static_cast<int>(R)> conv_window(
    const std::array<Index, R>& in, const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options,
    const std::type_identity_t<std::array<Index, R>>& first,
    const std::type_identity_t<std::array<Index, R>>& end) {
  return detail::find_window<Direction::gather>("conv_window", in, kernel, options, first, end);
}
template <std::size_t R>
constexpr Window<static_cast<int>(R)> conv_window(
    const Index (&in)[R], const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options,
    const std::type_identity_t<std::array<Index, R>>& first,
    const std::type_identity_t<std::array<Index, R>>& end) {
  return conv_window(std::to_array(in), kernel, options, first, end);
}

/// The part of an image that a window names, an Eigen expression: `x.slice(...)` on the spatial
/// axes of `window.options.data_format`, and all of the others.
/// \param x  `(N, C, in...)` or `(C, in...)`, or with channels last; must outlive the expression
template <core::StoredTensor X, int R>
auto slice(const X& x, const Window<R>& window) {
  constexpr int rank = core::tensor_rank<X>;
  static_assert(rank == R + 2 || rank == R + 1,
                "tconv: x must have two axes more than the window, or one more if it is unbatched");
  using I = core::tensor_index<X>;
  Eigen::DSizes<I, rank> first, extents(x.dimensions());
  constexpr auto channels_first = static_cast<std::size_t>(rank - R);
  const std::size_t spatial =
      channels_first - (window.options.data_format == DataFormat::channels_last ? 1 : 0);
  for (std::size_t a = 0; a < static_cast<std::size_t>(R); ++a) {
    first[spatial + a] = static_cast<I>(window.first[a]);
    extents[spatial + a] = static_cast<I>(window.end[a] - window.first[a]);
  }
  return x.slice(first, extents);
}

/// The windows of a chain's operators, in their order.
template <int R>
struct ChainWindow {
  /// Of each operator's input. The first one is to be cut from the input of the chain, the others
  /// are what the operator before gives.
  std::vector<Window<R>> steps;
  /// Where the outputs that were asked for begin in what the last operator gives, which is more
  /// than them only if it is an upsampling.
  Extents<R> skip{};
};

/// Operators one after another, each on the result of the one before:
///
///     tconv::Chain<2> chain;
///     chain.conv_transpose({4, 4}, {.stride = 2, .padding = 1}).upsample_linear(2).conv({3, 3});
///     const auto window = chain.window(in, first, end);
///     y = conv_transpose(slice(x, window.steps[0]), w0, window.steps[0].options);
///     y = upsample_linear(y, 2);
///     y = conv(y, w2, window.steps[2].options);
///
/// is the part `[first, end)` of what the chain makes of all of `x`. The last two lines may also be
/// `upsample_conv(y, w2, 2, window.steps[2].options)`. Functions of single values, such as
/// activations, need no step; `pixel_shuffle` needs what `upsample_nearest` needs.
template <int R>
class Chain {
 public:
  Chain& conv(const Extents<R>& kernel, const ConvOptions<R>& options = {}) {
    return add({Kind::conv, kernel, options});
  }
  Chain& conv_transpose(const Extents<R>& kernel, const ConvOptions<R>& options = {}) {
    return add({Kind::conv_transpose, kernel, options});
  }
  Chain& upsample_nearest(const PerAxis<R, Index>& scale) {
    return add({Kind::nearest, {}, {.stride = scale}});
  }
  Chain& upsample_linear(const PerAxis<R, Index>& scale) {
    return add({Kind::linear, {}, {.stride = scale}});
  }

  /// Spatial extents of the last operator's output.
  /// \throws std::invalid_argument, std::length_error  as the operators
  Extents<R> output_extents(const Extents<R>& in) const {
    return steps_.empty() ? in : steps_.back().output_extents(inputs(in).back());
  }

  /// What outputs `[first, end)` of the last operator need of each operator's input.
  /// \param in  spatial extents of the whole input
  /// \throws std::invalid_argument, std::length_error  as `conv_window`
  ChainWindow<R> window(const Extents<R>& in, const Extents<R>& first,
                        const Extents<R>& end) const {
    const std::vector<Extents<R>> extents = inputs(in);
    ChainWindow<R> result;
    result.steps.resize(steps_.size());
    Extents<R> from = first, to = end;
    for (std::size_t i = steps_.size(); i-- > 0;) {
      result.steps[i] = steps_[i].window(extents[i], from, to);
      from = result.steps[i].first;
      to = result.steps[i].end;
    }
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (steps_[i].upsamples())
        for (int a = 0; a < R; ++a) pass_on_rest(result, i, a, first);
    return result;
  }

 private:
  enum class Kind { conv, conv_transpose, nearest, linear };

  struct Step {
    Kind kind;
    Extents<R> kernel;
    ConvOptions<R> options;  // of an upsampling only the stride, its scale

    bool upsamples() const { return kind == Kind::nearest || kind == Kind::linear; }

    Extents<R> output_extents(const Extents<R>& in) const {
      if (kind == Kind::conv) return conv_output_extents(in, kernel, options);
      if (kind == Kind::conv_transpose) return conv_transpose_output_extents(in, kernel, options);
      // The formula of a transposed convolution whose kernel is the stride.
      return conv_transpose_output_extents(in, options.stride.values(), options);
    }

    Window<R> window(const Extents<R>& in, const Extents<R>& first, const Extents<R>& end) const {
      if (kind == Kind::conv) return conv_window(in, kernel, options, first, end);
      Window<R> window = conv_transpose_window(in, upsamples() ? options.stride.values() : kernel,
                                               options, first, end);
      if (!upsamples()) return window;
      window.options = {};
      if (kind == Kind::linear)
        // Output `o` lies at `(o + 1/2) / scale - 1/2`, between two pixels.
        for (std::size_t a = 0; a < in.size(); ++a) {
          const Index scale = options.stride[a];
          const auto pixel = [&](Index o) {
            return core::floor_div(2 * (o % scale) + 1 - scale, 2 * scale) + o / scale;
          };
          window.first[a] = std::max<Index>(pixel(first[a]), 0);
          window.end[a] = std::min(pixel(end[a] - 1) + 2, in[a]);
        }
      return window;
    }
  };

  Chain& add(const Step& step) {
    steps_.push_back(step);
    return *this;
  }

  /// The extents of each step's input.
  std::vector<Extents<R>> inputs(const Extents<R>& in) const {
    std::vector<Extents<R>> extents{in};
    for (std::size_t i = 0; i + 1 < steps_.size(); ++i)
      extents.push_back(steps_[i].output_extents(extents.back()));
    return extents;
  }

  /// An upsampling, step `i`, gives whole pixels, more than is needed. What follows takes them too,
  /// and a convolution crops them by its padding.
  void pass_on_rest(ChainWindow<R>& result, std::size_t i, int a, const Extents<R>& first) const {
    const auto axis = static_cast<std::size_t>(a);
    const Index scale = steps_[i].options.stride[a];
    const Index given_first = result.steps[i].first[axis] * scale;
    const Index given_end = result.steps[i].end[axis] * scale;
    if (i + 1 == steps_.size()) {
      result.skip[axis] = first[axis] - given_first;
      return;
    }
    Window<R>& next = result.steps[i + 1];
    const Index front = next.first[axis] - given_first, back = given_end - next.end[axis];
    next.first[axis] = given_first;
    next.end[axis] = given_end;
    Padding& padding = next.options.padding[a];
    if (steps_[i + 1].kind == Kind::conv)
      padding = {padding.before - front, padding.after - back};
    else if (steps_[i + 1].kind == Kind::conv_transpose)
      padding = {padding.before + front * next.options.stride[a],
                 padding.after + back * next.options.stride[a]};
  }

  std::vector<Step> steps_;
};

static_assert(conv_transpose_window({6}, {4}, {.stride = 2, .padding = 1}, {4}, {8}) ==
              Window<1>{{1}, {5}, {.stride = 2, .padding = 3}});
static_assert(conv_window({16}, {3}, {.stride = 2, .padding = 1}, {0}, {8}) ==
              Window<1>{{0}, {16}, {.stride = 2, .padding = {{1, 0}}}});

}  // namespace tconv
