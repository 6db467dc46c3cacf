#pragma once

/// \file
/// Calls on integers of 8 or 16 bits whose sums are not of their own type: 32-bit integers, or what
/// a scale makes of these. Zero points are subtracted where elements are read, so that a tap beside
/// the image adds nothing.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/integer_bits.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/engine_call.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/scalars/magnitudes.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The types of such a call.
template <class Number>
struct QuantizedTypes {
  template <class X>
  using Output = Eigen::Tensor<Number, tensor_rank<X>, tensor_layout<X>, tensor_index<X>>;
  template <class X>
  using BiasScalar = std::int32_t;
  template <class X, class W, class Bias>
  static consteval bool check() {
    return check_quantized_types<X, W, Bias, Number>();
  }
};

/// What becomes of the sums of a channel.
template <class Number>
struct QuantizedChannel {
  std::uint32_t offset = 0;  // bias and zero point
  double bias = 0, scale = 1, zero = 0;

  template <class Sum>
  Number wrapped(Sum sum) const {
    return static_cast<Number>(integer_of(sum) + offset);
  }
  Number scaled(double sum) const {
    const double value = (sum + bias) * scale;
    if constexpr (std::is_floating_point_v<Number>) {
      return static_cast<Number>(value + zero);
    } else {
      using Limits = std::numeric_limits<Number>;
      const double clamped = std::clamp(value, static_cast<double>(Limits::lowest()) - zero,
                                        static_cast<double>(Limits::max()) - zero);
      return static_cast<Number>(integer_of(clamped) + integer_of(zero));
    }
  }
  /// Of sums that are integers.
  template <std::integral Sum>
  Number finished(Sum sum, bool wraps) const {
    return wraps ? static_cast<Number>(bits_of(sum) + offset) : scaled(static_cast<double>(sum));
  }
};

/// What becomes of the sums of a call.
template <class Number>
struct QuantizedOutput {
  const std::int32_t* bias = nullptr;  // one a channel of all groups, or null
  const Quantization* quantization = nullptr;
  bool accumulates = false;  // to what the image has

  bool wraps() const { return !std::is_floating_point_v<Number> && quantization->scale.empty(); }
  QuantizedChannel<Number> channel(Index m) const {
    QuantizedChannel<Number> result;
    const std::int32_t b = bias ? bias[m] : 0, zero = quantization->y_zero_point;
    result.offset = bits_of(b) + bits_of(zero);
    result.bias = b;
    result.zero = zero;
    const std::vector<float>& scale = quantization->scale;
    if (!scale.empty()) result.scale = scale[scale.size() == 1 ? 0 : static_cast<std::size_t>(m)];
    return result;
  }
};

/// `function(i)` for each position, to elements that are `step` apart.
template <class Number, class F>
void fill_row(Number* to, Index step, Index count, const F& function) {
  if (step == 1)
    for (Index i = 0; i < count; ++i) to[i] = function(i);
  else
    for (Index i = 0; i < count; ++i) to[i * step] = function(i);
}

/// Writes rows of sums, which are whole numbers.
template <class Number, class Sum>
void write_quantized(const void* context, void* image, const simd::Strip& strip, const Sum* from,
                     Index from_step) {
  const auto& output = *static_cast<const QuantizedOutput<Number>*>(context);
  for (Index c = 0; c < strip.channels; ++c, from += from_step) {
    const QuantizedChannel<Number> channel = output.channel(strip.channel + c);
    Number* const to = static_cast<Number*>(image) + strip.begin() + c * strip.channel_step;
    if (!output.wraps())
      fill_row(to, strip.step, strip.count,
               [&, from](Index i) { return channel.scaled(static_cast<double>(from[i])); });
    else if (!output.accumulates)
      fill_row(to, strip.step, strip.count,
               [&, from](Index i) { return channel.wrapped(from[i]); });
    else if constexpr (std::integral<Number>)
      fill_row(to, strip.step, strip.count, [&, from](Index i) {
        return static_cast<Number>(bits_of(to[i * strip.step]) + integer_of(from[i]));
      });
  }
}

/// Reads numbers, and subtracts another.
template <class Sum>
struct ReaderFromZero {
  engine::StripReader<Sum> reader;
  Sum zero;

  static void read(const void* context, const void* image, const simd::Strip& strip, Sum* to,
                   Index to_step) {
    const auto& self = *static_cast<const ReaderFromZero*>(context);
    self.reader.read(self.reader.context, image, strip, to, to_step);
    for (Index c = 0; c < strip.channels; ++c, to += to_step)
      for (Index i = 0; i < strip.count; ++i) to[i] -= self.zero;
  }
};

/// A call on small integers.
template <Direction direction, int layout, class Number, int R, class In, class Factor>
class QuantizedCall {
 public:
  QuantizedCall(const Geometry<R>& geometry, const TensorView<const In, R + 2>& x,
                const TensorView<const Factor, R + 2>& weight, const std::int32_t* bias,
                const TensorView<Number, R + 2>& y, const Quantization& quantization)
      : geometry_(geometry),
        x_(x),
        weight_(weight),
        y_(y),
        quantization_(quantization),
        output_{bias, &quantization, false} {}

  void run(runtime::Execution& execution) {
    if (engine_counts(geometry_)) {
      const double largest = largest_magnitude(x_, quantization_.x_zero_point);
      const double sum = largest * largest_sum_of_parts({x_.extents[1], 1}, execution);
      const Split parts{x_.extents[1], parts_in_float(largest, sum, execution)};
      if (parts.parts == 1 && run_engine<float>(parts, execution)) return;
      if (parts.parts > 1 && run_parts(parts, execution)) return;
      if (sum < 0x1p51 && run_engine<double>({x_.extents[1], 1}, execution)) return;
    }
    run_loops();
  }

 private:
  template <Direction, int, class, int, class, class>
  friend class QuantizedCall;

  /// So many parts of the input channels in `float` are faster than `double`.
  static constexpr Index most_parts = 6;

  /// The parts of the input channels of which `float` holds the sums; 0 if there are too many.
  Index parts_in_float(double largest, double sum, runtime::Execution& execution) const {
    if (sum < 0x1p24) return 1;
    if (geometry_.groups() > 1 || sum >= 0x1p24 * most_parts) return 0;
    const Index least = static_cast<Index>(sum / 0x1p24) + 1;
    for (Index parts = least; parts <= std::min(least + 2, x_.extents[1]); ++parts)
      if (largest * largest_sum_of_parts({x_.extents[1], parts}, execution) < 0x1p24) return parts;
    return 0;
  }

  /// Sums of parts, one part after the other, in the image itself or, if that is of another type,
  /// in one of 32-bit integers.
  bool run_parts(const Split& parts, runtime::Execution& execution) {
    if constexpr (std::same_as<Number, std::int32_t>)
      if (output_.wraps()) return run_engine<float>(parts, execution);
    const Index channels = y_.extents[1], inner = y_.strides[1];
    const Index size = size_of(y_.extents), outer = size / (channels * inner);
    auto* const sums = reinterpret_cast<std::int32_t*>(
        execution.image_scratch(static_cast<std::size_t>(size) * sizeof(std::int32_t)));
    const Quantization of_sums{quantization_.x_zero_point, quantization_.w_zero_point};
    using Sums = QuantizedCall<direction, layout, std::int32_t, R, In, Factor>;
    if (!Sums(geometry_, x_, weight_, nullptr, {sums, y_.extents, y_.strides}, of_sums)
             .template run_engine<float>(parts, execution))
      return false;
    execution.parallel_for(channels, execution.threads(), [&](Index m, int) {
      const QuantizedChannel<Number> channel = output_.channel(m);
      for (Index i = 0; i < outer; ++i) {
        const Index first = (i * channels + m) * inner;
        for (Index j = first; j < first + inner; ++j)
          y_.data[j] = channel.finished(sums[j], output_.wraps());
      }
    });
    return true;
  }

  /// The sum of the magnitudes of weights that an output meets in a part of the input channels, at
  /// most.
  double largest_sum_of_parts(const Split& parts, runtime::Execution& execution) const {
    constexpr std::size_t axis = direction == Direction::scatter ? 0 : 1;
    double result = 0;
    for (Index part = 0; part < parts.parts; ++part) {
      TensorView<const Factor, R + 2> weight = weight_;
      if (parts.parts > 1) {
        weight.data += parts.begin(part) * weight.strides[axis];
        weight.extents[axis] = parts.end(part) - parts.begin(part);
      }
      result = std::max(result, largest_sum_once<direction, layout>(
                                    geometry_, weight, quantization_.w_zero_point, execution));
    }
    return result;
  }

  template <class Sum>
  bool run_engine(const Split& parts, runtime::Execution& execution) {
    const Index count = size_of(weight_.extents);
    auto* const factors = reinterpret_cast<Sum*>(
        execution.operand_scratch(static_cast<std::size_t>(count) * sizeof(Sum)));
    for (Index i = 0; i < count; ++i)
      factors[i] =
          static_cast<Sum>(static_cast<std::int32_t>(weight_.data[i]) - quantization_.w_zero_point);
    const TensorView<const Sum, R + 2> view{factors, weight_.extents, weight_.strides};
    const auto images =
        engine_images<direction, layout>(geometry_, x_, y_, TermOrder::untransformed, true, false);
    engine::Operands<Sum> operands{nullptr, images.x, images.y, {}};
    const ReaderFromZero<Sum> from_zero{engine::element_reader<In, Sum>(),
                                        static_cast<Sum>(quantization_.x_zero_point)};
    operands.reader = quantization_.x_zero_point == 0
                          ? from_zero.reader
                          : engine::StripReader<Sum>{&ReaderFromZero<Sum>::read, &from_zero};
    operands.writer = {&write_quantized<Number, Sum>, &output_};
    for (Index part = 0; part < parts.parts; ++part) {
      const Range channels{parts.begin(part), parts.end(part)};
      output_.accumulates = part > 0;
      ConvShape shape = images.shape;
      auto source = weight_source<direction, R>(view, geometry_.groups(), layout);
      if (parts.parts > 1) {
        (direction == Direction::scatter ? shape.coarse_channels : shape.fine_channels) =
            channels.size();
        source.data += channels.first * source.in_stride;
        operands.x.data = images.x.data + channels.first * images.x.channel_stride;
      }
      if (!engine::run_once(shape, source, operands, execution)) return false;
    }
    return true;
  }

  /// By loops, where sums are too large or options exceed every image.
  void run_loops() const {
    // Row by row, as `x` may be a slice.
    const auto widened = [](const auto& view, std::int32_t zero) {
      std::vector<std::int64_t> result;
      result.reserve(static_cast<std::size_t>(size_of(view.extents)));
      for_each_row_major(view, [&](const auto& value) {
        result.push_back(static_cast<std::int64_t>(value) - zero);
      });
      return result;
    };
    const auto dense = [](const std::vector<std::int64_t>& values, const Extents<R + 2>& extents) {
      return TensorView<const std::int64_t, R + 2>{values.data(), extents,
                                                   dense_strides(extents, Eigen::RowMajor)};
    };
    const auto x = widened(x_, quantization_.x_zero_point);
    const auto weight = widened(weight_, quantization_.w_zero_point);
    std::vector<std::int64_t> y(static_cast<std::size_t>(size_of(y_.extents)));
    const TensorView<std::int64_t, R + 2> sums{y.data(), y_.extents, y_.strides};
    direct_loops<direction, R, std::int64_t>(geometry_.axes(), geometry_.groups(),
                                             dense(x, x_.extents), dense(weight, weight_.extents),
                                             nullptr, sums);
    for (Index m = 0; m < y_.extents[1]; ++m) {
      const QuantizedChannel<Number> channel = output_.channel(m);
      TensorView<std::int64_t, R + 2> of_channel = sums;
      of_channel.data += m * sums.strides[1];
      of_channel.extents[1] = 1;
      for_each_row_major(of_channel, [&](const std::int64_t& sum) {
        y_.data[&sum - y.data()] = channel.finished(sum, output_.wraps());
      });
    }
  }

  const Geometry<R>& geometry_;
  TensorView<const In, R + 2> x_;
  TensorView<const Factor, R + 2> weight_;
  TensorView<Number, R + 2> y_;
  const Quantization& quantization_;
  QuantizedOutput<Number> output_;
};

/// The production path of such calls.
template <Direction direction, int layout, class Number, class In, class Factor>
struct Quantized {
  Workspace& workspace;
  const Quantization& quantization;

  template <int R>
  void operator()(const Geometry<R>& geometry, const TensorView<const In, R + 2>& x,
                  const TensorView<const Factor, R + 2>& weight, const std::int32_t* bias,
                  const TensorView<Number, R + 2>& y) const {
    QuantizedCall<direction, layout, Number, R, In, Factor>(geometry, x, weight, bias, y,
                                                            quantization)
        .run(execution_of(workspace));
  }

  /// Rejects a quantization that does not fit.
  void check(const char* function, Index channels) const {
    check_zero_point<In>(function, "x_zero_point", quantization.x_zero_point, "x");
    check_zero_point<Factor>(function, "w_zero_point", quantization.w_zero_point, "weight");
    if constexpr (std::integral<Number>)
      check_zero_point<Number>(function, "y_zero_point", quantization.y_zero_point, "the result");
    const std::size_t scales = quantization.scale.size();
    require(scales <= 1 || scales == static_cast<std::size_t>(channels), function, "scale has ",
            scales, " numbers, but the output has ", channels, " channels");
    for (std::size_t m = 0; m < scales; ++m)
      require(std::isfinite(quantization.scale[m]), function, "scale is ", quantization.scale[m],
              " (channel ", m, "), but must be finite");
  }

 private:
  template <class Scalar>
  static void check_zero_point(const char* function, const char* name, std::int32_t zero,
                               const char* tensor) {
    using Limits = std::numeric_limits<Scalar>;
    constexpr auto least = static_cast<std::int64_t>(Limits::lowest()),
                   most = static_cast<std::int64_t>(Limits::max());
    require(least <= zero && zero <= most, function, name, " is ", zero, ", but ", tensor,
            " holds numbers from ", least, " to ", most);
  }
};

/// A call with a bias, or none, and a quantization.
template <Direction direction, class Number, class Out, class X, class W, class Bias>
decltype(auto) apply_quantized(const char* function, const Out& out, Workspace& workspace,
                               const X& x, const W& weight, const OptionsOf<W>& options,
                               const Bias& bias, const Quantization& quantization) {
  if constexpr (check_quantized_types<X, W, Bias, Number>()) {
    using Algorithm =
        Quantized<direction, tensor_layout<X>, Number, tensor_scalar<X>, tensor_scalar<W>>;
    return apply_to<direction, QuantizedTypes<Number>>(function, out, x, weight, bias, options,
                                                       Algorithm{workspace, quantization});
  }
}
/// With one of the two.
template <Direction direction, class Number, class Out, class X, class W, class Other>
decltype(auto) apply_quantized(const char* function, const Out& out, Workspace& workspace,
                               const X& x, const W& weight, const OptionsOf<W>& options,
                               const Other& other) {
  if constexpr (std::same_as<Other, Quantization>)
    return apply_quantized<direction, Number>(function, out, workspace, x, weight, options,
                                              NoBias{}, other);
  else
    return apply_quantized<direction, Number>(function, out, workspace, x, weight, options, other,
                                              Quantization{});
}

/// The same into memory of the caller's.
template <Direction direction, class Number, class Y, class X, class W, class... Others>
void apply_quantized_into(const char* function, Y& y, Workspace& workspace, const X& x,
                          const W& weight, const OptionsOf<W>& options, const Others&... others) {
  if constexpr (check_quantized_output<Y, Number>())
    apply_quantized<direction, Number>(function, GivenTensor{y, "y"}, workspace, x, weight, options,
                                       others...);
}

}  // namespace tconv::inline TCONV_ISA::frontend
