#pragma once

/// \file
/// Complex numbers on the engine: a complex channel is two real ones, and a complex weight a matrix
/// of two by two:
///
///     y_re = x_re * w_re - x_im * w_im
///     y_im = x_re * w_im + x_im * w_re
///
/// Where a sum is infinite or no number, the arithmetic of `std::complex` has rules of its own, and
/// the call is computed again by loops.

#include <atomic>
#include <complex>
#include <cstddef>
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
#include "tconv/geometry.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::frontend {

template <int R>
Extents<R + 2> doubled_channels(Extents<R + 2> weight) {
  weight[0] *= 2;
  weight[1] *= 2;
  return weight;
}

/// Writes complex weights as real ones of twice as many channels on both sides.
template <Direction direction, int layout, int R, class Real>
TensorView<const Real, R + 2> expand_weights(
    const TensorView<const std::complex<Real>, R + 2>& weight, Real* to) {
  const Extents<R + 2> extents = doubled_channels<R>(weight.extents);
  const Extents<R + 2> strides = dense_strides(extents, layout);
  // In memory kernels are in front of all channels, or behind them.
  constexpr bool kernels_inside = layout == Eigen::RowMajor;
  const Index taps = size_of(weight.extents) / (weight.extents[0] * weight.extents[1]);
  const Index tap = kernels_inside ? 1 : weight.extents[0] * weight.extents[1];
  const Index to_tap = kernels_inside ? 1 : 4 * tap;
  const Index outer = kernels_inside ? 1 : taps, inner = kernels_inside ? taps : 1;
  // The part of the input that meets the imaginary part of the weight in the real output.
  const Index minus = direction == Direction::scatter ? strides[0] : strides[1];
  const Index plus = direction == Direction::scatter ? strides[1] : strides[0];
  for (Index o = 0; o < outer; ++o)
    for (Index b = 0; b < (kernels_inside ? weight.extents[0] : weight.extents[1]); ++b)
      for (Index a = 0; a < (kernels_inside ? weight.extents[1] : weight.extents[0]); ++a) {
        const Index i = kernels_inside ? b : a, j = kernels_inside ? a : b;
        const std::complex<Real>* const from =
            weight.data + i * weight.strides[0] + j * weight.strides[1] + o * tap;
        Real* const first = to + 2 * i * strides[0] + 2 * j * strides[1] + o * to_tap;
        for (Index k = 0; k < inner; ++k) {
          first[k] = first[strides[0] + strides[1] + k] = from[k].real();
          first[minus + k] = -from[k].imag();
          first[plus + k] = from[k].imag();
        }
      }
  return {to, extents, strides};
}

/// Weights that serve one call.
template <Direction direction, int layout, int R, class Real>
class ComplexWeightsOnce {
 public:
  ComplexWeightsOnce(const TensorView<const std::complex<Real>, R + 2>& weight, Index groups)
      : weight_(weight), groups_(groups) {}

  bool run(const ConvShape& shape, const engine::Operands<Real>& operands,
           runtime::Execution& execution) const {
    auto* const memory = reinterpret_cast<Real*>(execution.operand_scratch(
        4 * static_cast<std::size_t>(size_of(weight_.extents)) * sizeof(Real)));
    return engine::run_once(
        shape,
        weight_source<direction, R>(expand_weights<direction, layout, R>(weight_, memory), groups_,
                                    layout),
        operands, execution);
  }

 private:
  TensorView<const std::complex<Real>, R + 2> weight_;
  Index groups_;
};

/// Weights that are kept.
template <Direction direction, int layout, int R, class Real>
class ComplexWeights {
 public:
  ComplexWeights(const TensorView<const std::complex<Real>, R + 2>& weight, Index groups)
      : elements_(4 * static_cast<std::size_t>(size_of(weight.extents))),
        packed_(weight_source<direction, R>(
            expand_weights<direction, layout, R>(weight, elements_.data()), groups, layout)) {}

  bool run(const ConvShape& shape, const engine::Operands<Real>& operands,
           runtime::Execution& execution) const {
    return packed_.run(shape, operands, execution);
  }

 private:
  std::vector<Real> elements_;
  engine::PackedWeights<Real> packed_;
};

/// A call on complex numbers. Returns false, and leaves `y` of no use, where the engine cannot, or
/// a sum is not finite.
template <Direction direction, int layout, int R, class Real, class F, class Weights>
bool run_complex(const Geometry<R>& geometry, const TensorView<const std::complex<Real>, R + 2>& x,
                 const std::complex<Real>* bias, const TensorView<std::complex<Real>, R + 2>& y,
                 const F& f, const Weights& weights, runtime::Execution& execution) {
  auto images = engine_images<direction, layout>(geometry, x, y, TermOrder::any, true, false);
  images.shape.coarse_channels *= 2;
  images.shape.fine_channels *= 2;
  images.shape.writes_pairs = true;
  std::atomic<bool> not_finite = false;
  engine::ComplexOutput<Real> output;
  output.not_finite = &not_finite;
  if constexpr (!std::is_same_v<F, NoEpilogue>) {
    output.finish = [](const void* function, std::complex<Real>* outputs, Index step, Index count,
                       Index channel) {
      for (Index i = 0; i < count; ++i, outputs += step)
        *outputs = frontend::finish<std::complex<Real>>(*static_cast<const F*>(function), *outputs,
                                                        channel);
    };
    output.function = &f;
  }
  engine::Operands<Real> operands{reinterpret_cast<const Real*>(bias), images.x, images.y, {}};
  operands.reader = engine::complex_reader<Real>();
  operands.writer = engine::complex_writer<Real>(output);
  return weights.run(images.shape, operands, execution) && !not_finite;
}

}  // namespace tconv::inline TCONV_ISA::frontend
