#pragma once

/// \file
/// Integers of up to 32 bits on the engine. Sums of products are whole numbers that floating point
/// holds exactly while they are small enough: below 2^24 in `float`, below 2^51 in `double`. Larger
/// 32-bit integers are split in halves of 16 bits:
///
///     x * w = x_low * w_low + 2^16 * (x_high * w_low + x_low * w_high)    modulo 2^32
///
/// So results are exact modulo 2 to the power of the bits, whatever the order of a sum.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/engine_call.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/frontend/scalars/magnitudes.hpp"
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

/// Weights that serve one call.
template <Direction direction, int layout, int R, class Scalar>
class IntegerWeightsOnce {
 public:
  IntegerWeightsOnce(const TensorView<const Scalar, R + 2>& weight, Index groups)
      : weight_(weight), groups_(groups) {}

  double largest_sum(const Geometry<R>& geometry, runtime::Execution& execution) const {
    return largest_sum_once<direction, layout>(geometry, weight_, 0, execution);
  }

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
      : weight_(weight), groups_(groups), sums_(weight, groups), taps_(sums_.memory_size()) {
    sums_.fill(weight, 0, taps_.data());
    taps_.resize(sums_.taps());
  }

  double largest_sum(const Geometry<R>& geometry, const runtime::Execution&) const {
    return sums_.largest(geometry.axes(), taps_.data());
  }

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
  MagnitudeSums<direction, layout, R, Scalar> sums_;
  std::vector<MagnitudeSum<Scalar>> taps_;
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
      : geometry_(geometry),
        x_(x),
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
    const double sum = largest_magnitude(x_) * weights_.largest_sum(geometry_, execution_);
    if (sum < 0x1p24) return run_part<Scalar, float>(IntegerPart::whole, 0, false, true);
    if (sum < 0x1p51) return run_part<Scalar, double>(IntegerPart::whole, 0, false, true);
    if constexpr (sizeof(Scalar) == 4) {
      using Low = engine::LowHalf<Scalar>;
      using High = engine::HighHalf<Scalar>;
      return most_products<direction>(geometry_) < 0x1p19 &&
             run_part<Low, double>(IntegerPart::low, 0, false, false) &&
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

  const Geometry<R>& geometry_;
  TensorView<const Scalar, R + 2> x_;
  const Weights& weights_;
  runtime::Execution& execution_;
  EngineImages<Scalar> images_;
  engine::IntegerOutput<Scalar> output_;
  void (*finish_)(const void*, Scalar*, Index, Index) = nullptr;
};

}  // namespace tconv::inline TCONV_ISA::frontend
