#pragma once

/// \file
/// Integers of up to 32 bits on the engine. Sums of products are whole numbers that floating point
/// holds exactly while they are small enough: below 2^24 in `float`, below 2^51 in `double`. Larger
/// 32-bit integers are split in halves of 16 bits:
///
///     x * w = x_low * w_low + 2^16 * (x_high * w_low + x_low * w_high)    modulo 2^32
///
/// So results are exact modulo 2 to the power of the bits, whatever the order of a sum.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <type_traits>
#include <vector>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/engine_call.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/geometry.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::frontend {

enum class IntegerPart { whole, low, high };

/// Weights or their halves as numbers of the engine.
template <class Scalar, class Sum>
void convert_weights(const Scalar* from, Index count, IntegerPart part, Sum* to) {
  for (Index i = 0; i < count; ++i)
    to[i] = part == IntegerPart::whole ? static_cast<Sum>(from[i])
            : part == IntegerPart::low
                ? static_cast<Sum>(static_cast<double>(engine::LowHalf<Scalar>{from[i]}))
                : static_cast<Sum>(static_cast<double>(engine::HighHalf<Scalar>{from[i]}));
}

template <class Scalar>
double largest_magnitude(const Scalar* from, Index count) {
  // Two loops that compilers turn into SIMD, where std::minmax_element goes one by one.
  Scalar least = 0, largest = 0;
  for (Index i = 0; i < count; ++i) least = std::min(least, from[i]);
  for (Index i = 0; i < count; ++i) largest = std::max(largest, from[i]);
  return std::max(-static_cast<double>(least), static_cast<double>(largest));
}

/// The same of a view, row by row where its elements do not lie side by side.
template <class Scalar, int rank>
double largest_magnitude(const TensorView<const Scalar, rank>& view) {
  const Index size = size_of(view.extents);
  if (span_of(view) == size) return largest_magnitude(view.data, size);
  TensorView<const Scalar, rank> starts = view;
  Index count = 1;
  for (std::size_t a = 0; a < view.strides.size(); ++a)
    if (count == 1 && view.strides[a] == 1) std::swap(count, starts.extents[a]);
  double largest = 0;
  for_each_row_major(starts, [&](const Scalar& first) {
    largest = std::max(largest, largest_magnitude(&first, count));
  });
  return largest;
}

/// The products of an output, at most.
template <Direction direction, int R>
double most_products(const Geometry<R>& geometry) {
  constexpr bool scatters = direction == Direction::scatter;
  double products = static_cast<double>(
      (scatters ? geometry.coarse_channels() : geometry.fine_channels()) / geometry.groups());
  for (const Axis& axis : geometry.axes()) {
    // Of a transposed convolution, taps that are a multiple of the stride apart.
    const Index apart = scatters ? axis.stride / std::gcd(axis.stride, axis.dilation) : 1;
    products *= static_cast<double>(ceil_div(axis.kernel, apart));
  }
  return products;
}

/// Weights that serve one call.
template <Direction direction, int layout, int R, class Scalar>
class IntegerWeightsOnce {
 public:
  IntegerWeightsOnce(const TensorView<const Scalar, R + 2>& weight, Index groups)
      : weight_(weight), groups_(groups) {}

  double largest() const { return largest_magnitude(weight_.data, size_of(weight_.extents)); }

  template <class Sum>
  bool run(IntegerPart part, const ConvShape& shape, const engine::Operands<Sum>& operands,
           runtime::Execution& execution) const {
    const Index count = size_of(weight_.extents);
    auto* const converted = reinterpret_cast<Sum*>(
        execution.operand_scratch(static_cast<std::size_t>(count) * sizeof(Sum)));
    convert_weights(weight_.data, count, part, converted);
    const TensorView<const Sum, R + 2> view{converted, weight_.extents, weight_.strides};
    return engine::run_once(shape, weight_source<direction, R>(view, groups_, layout), operands,
                            execution);
  }

 private:
  TensorView<const Scalar, R + 2> weight_;
  Index groups_;
};

/// Weights that are kept, each part as the engine takes it since a call has asked for it.
template <Direction direction, int layout, int R, class Scalar>
class IntegerWeights {
 public:
  /// The view's elements must stay.
  IntegerWeights(const TensorView<const Scalar, R + 2>& weight, Index groups)
      : weight_(weight),
        groups_(groups),
        largest_(largest_magnitude(weight.data, size_of(weight.extents))) {}

  double largest() const { return largest_; }

  template <class Sum>
  bool run(IntegerPart part, const ConvShape& shape, const engine::Operands<Sum>& operands,
           runtime::Execution& execution) const {
    return get<Sum>(part).run(shape, operands, execution);
  }

 private:
  template <class Sum>
  struct Kept {
    std::vector<Sum> elements;
    engine::PackedWeights<Sum> packed;

    Kept(const IntegerWeights& of, IntegerPart part)
        : elements(static_cast<std::size_t>(size_of(of.weight_.extents))),
          packed(weight_source<direction, R>(fill(of, part), of.groups_, layout)) {}

    TensorView<const Sum, R + 2> fill(const IntegerWeights& of, IntegerPart part) {
      convert_weights(of.weight_.data, static_cast<Index>(elements.size()), part, elements.data());
      return {elements.data(), of.weight_.extents, of.weight_.strides};
    }
  };

  template <class Sum>
  const engine::PackedWeights<Sum>& get(IntegerPart part) const {
    const std::lock_guard lock(mutex_);
    if constexpr (std::is_same_v<Sum, float>) {
      if (!single_) single_ = std::make_unique<const Kept<float>>(*this, part);
      return single_->packed;
    } else {
      auto& kept = double_[static_cast<std::size_t>(part)];
      if (!kept) kept = std::make_unique<const Kept<double>>(*this, part);
      return kept->packed;
    }
  }

  TensorView<const Scalar, R + 2> weight_;
  Index groups_;
  double largest_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<const Kept<float>> single_;
  mutable std::array<std::unique_ptr<const Kept<double>>, 3> double_;  // by part
};

/// A call on integers.
template <Direction direction, int layout, int R, class Scalar, class F, class Weights>
class IntegerCall {
 public:
  IntegerCall(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
              const Scalar* bias, const TensorView<Scalar, R + 2>& y, const F& f,
              const Weights& weights, runtime::Execution& execution)
      : x_(x),
        products_(most_products<direction>(geometry)),
        weights_(weights),
        execution_(execution),
        images_(engine_images<direction, layout>(geometry, x, y, TermOrder::untransformed, true,
                                                 false)) {
    output_.bias = bias;
    if constexpr (!std::is_same_v<F, NoEpilogue>) {
      finish_ = [](const void* function, Scalar* row, Index count, Index channel) {
        for (Index i = 0; i < count; ++i)
          row[i] = frontend::finish<Scalar>(*static_cast<const F*>(function), row[i], channel);
      };
      output_.function = &f;
    }
  }

  /// Returns false, and leaves `y` of no use, where the engine cannot.
  bool run() {
    const double largest = largest_magnitude(x_);
    const double sum = largest * weights_.largest() * products_;
    if (sum < 0x1p24) return run_part<Scalar, float>(IntegerPart::whole, 0, false, true);
    if (sum < 0x1p51) return run_part<Scalar, double>(IntegerPart::whole, 0, false, true);
    if constexpr (sizeof(Scalar) == 4) {
      using Low = engine::LowHalf<Scalar>;
      using High = engine::HighHalf<Scalar>;
      return products_ < 0x1p19 && run_part<Low, double>(IntegerPart::low, 0, false, false) &&
             run_part<High, double>(IntegerPart::low, 16, true, false) &&
             run_part<Low, double>(IntegerPart::high, 16, true, true);
    }
    return false;
  }

 private:
  /// The products of a part of `x` and one of the weights.
  template <class Element, class Sum>
  bool run_part(IntegerPart weight, int shift, bool accumulates, bool last) {
    output_.shift = shift;
    output_.accumulates = accumulates;
    if (accumulates) output_.bias = nullptr;
    output_.finish = last ? finish_ : nullptr;
    engine::Operands<Sum> operands{nullptr, images_.x, images_.y, {}};
    operands.reader = engine::element_reader<Element, Sum>();
    operands.writer = engine::integer_writer<Scalar, Sum>(output_);
    return weights_.template run<Sum>(weight, images_.shape, operands, execution_);
  }

  TensorView<const Scalar, R + 2> x_;
  double products_;  // of an output
  const Weights& weights_;
  runtime::Execution& execution_;
  EngineImages<Scalar> images_;
  engine::IntegerOutput<Scalar> output_;
  void (*finish_)(const void*, Scalar*, Index, Index) = nullptr;
};

}  // namespace tconv::inline TCONV_ISA::frontend
