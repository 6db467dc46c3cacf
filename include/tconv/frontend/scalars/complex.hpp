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

/// The pairs of channels of a weight that serves complex numbers, kernel by kernel in the order of
/// memory: calls `f(complex, real, count)` with the offsets of as many elements that lie side by
/// side.
template <int layout, int R, class F>
void for_each_weight_run(const Extents<R + 2>& extents, const Extents<R + 2>& strides,
                         const Extents<R + 2>& doubled_strides, const F& f) {
  const Index channels = extents[0] * extents[1], taps = size_of(extents) / channels;
  if (layout == Eigen::RowMajor) {
    for (Index i = 0; i < extents[0]; ++i)
      for (Index j = 0; j < extents[1]; ++j)
        f(i * strides[0] + j * strides[1], 2 * i * doubled_strides[0] + 2 * j * doubled_strides[1],
          taps);
    return;
  }
  for (Index k = 0; k < taps; ++k)
    for (Index j = 0; j < extents[1]; ++j)
      for (Index i = 0; i < extents[0]; ++i)
        f(k * channels + i * strides[0] + j * strides[1],
          4 * k * channels + 2 * i * doubled_strides[0] + 2 * j * doubled_strides[1], 1);
}

/// Writes complex weights as real ones of twice as many channels on both sides.
template <Direction direction, int layout, int R, class Real>
TensorView<const Real, R + 2> expand_weights(
    const TensorView<const std::complex<Real>, R + 2>& weight, Real* to) {
  const Extents<R + 2> extents = doubled_channels<R>(weight.extents);
  const Extents<R + 2> strides = dense_strides(extents, layout);
  // Where the imaginary part meets an imaginary input, and where it makes an imaginary output.
  constexpr bool scatters = direction == Direction::scatter;
  const Index minus = strides[scatters ? 0 : 1], plus = strides[scatters ? 1 : 0];
  for_each_weight_run<layout, R>(weight.extents, weight.strides, strides,
                                 [&](Index at, Index real, Index count) {
                                   const std::complex<Real>* const from = weight.data + at;
                                   Real* const first = to + real;
                                   for (Index i = 0; i < count; ++i) {
                                     first[i] = first[minus + plus + i] = from[i].real();
                                     first[minus + i] = -from[i].imag();
                                     first[plus + i] = from[i].imag();
                                   }
                                 });
  return {to, extents, strides};
}

/// The way back of a gradient: joins the products of parts to those of complex numbers. Returns
/// whether all are finite.
template <int layout, int R, class Real>
bool join_products(const TensorView<Real, R + 2>& products,
                   const TensorView<std::complex<Real>, R + 2>& weight) {
  Real zero = 0;
  const Index coarse = products.strides[0], fine = products.strides[1];
  for_each_weight_run<layout, R>(
      weight.extents, weight.strides, products.strides, [&](Index at, Index real, Index count) {
        const Real* const first = products.data + real;
        for (Index i = 0; i < count; ++i) {
          const std::complex<Real> value{first[i] - first[coarse + fine + i],
                                         first[fine + i] + first[coarse + i]};
          weight.data[at + i] = value;
          zero += value.real() * 0 + value.imag() * 0;
        }
      });
  return zero == 0;
}

/// Copies a dense complex image to a real one with the parts as channels, one after the other.
template <int R, class Real>
TensorView<const Real, R + 2> split_channels(
    const TensorView<const std::complex<Real>, R + 2>& image, Real* to) {
  // Elements that lie inside a channel, and those that lie around the channels.
  const Index channels = image.extents[1], inner = image.strides[1];
  const Index outer = size_of(image.extents) / (channels * inner);
  const std::complex<Real>* from = image.data;
  Real* part = to;
  for (Index i = 0; i < outer * channels; ++i, from += inner, part += 2 * inner)
    for (Index j = 0; j < inner; ++j) {
      part[j] = from[j].real();
      part[inner + j] = from[j].imag();
    }
  TensorView<const Real, R + 2> result{to, image.extents, image.strides};
  result.extents[1] *= 2;
  for (std::size_t a = 0; a < result.strides.size(); ++a)
    if (a != 1 && image.strides[a] >= inner) result.strides[a] *= 2;
  return result;
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
