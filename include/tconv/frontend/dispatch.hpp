#pragma once

/// \file
/// Implementation 3: the way from `TensorView`s to the engine. Scalars that have no SIMD, and
/// weights that are not finite, take the reference loops.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/ordered_loops.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// A geometry as the floors below see it.
template <Direction direction, int R>
ConvShape shape_of(const Geometry<R>& geometry, int layout) {
  return {direction,
          geometry.batch(),
          geometry.groups(),
          geometry.coarse_channels(),
          geometry.fine_channels(),
          memory_order<R>(geometry.axes(), layout, Axis{})};
}

/// The same with one axis in place of three where one input position meets each output once: a
/// product with a matrix, whatever the number of axes, of which the engine stores whole images as
/// rows. Images are dense, and the stride of the last axis is that of the joined one.
template <Direction direction, int R>
ConvShape joined_shape_of(const Geometry<R>& geometry, int layout) {
  ConvShape shape = shape_of<direction>(geometry, layout);
  auto& axes = shape.axes;
  const bool joins = std::all_of(axes.begin(), axes.end(), [](const Axis& axis) {
    return axis.coarse == 1 && axis.dilation == 1 && axis.before == 0 && axis.fine == axis.kernel;
  });
  if (!joins) return shape;
  Axis joined;
  joined.fine = joined.kernel = axes[0].fine * axes[1].fine * axes[2].fine;
  axes = {Axis{}, Axis{}, joined};
  return shape;
}

/// Whether positions are far from the end of the index type, so that the engine may add and
/// multiply them without a check. False only where options exceed every image: a stride or padding
/// of 2^50, say, or of 2^28 where indices have 32 bits.
template <int R>
bool engine_counts(const Geometry<R>& geometry) {
  const auto number = [](Index value) { return std::abs(static_cast<double>(value)); };
  double positions = number(geometry.batch()) *
                     (number(geometry.coarse_channels()) + number(geometry.fine_channels()));
  for (const Axis& axis : geometry.axes())
    positions *= number(axis.fine) + number(axis.before) +
                 number(axis.coarse) * number(axis.stride) +
                 number(axis.kernel) * number(axis.dilation);
  constexpr double margin = sizeof(Index) > 4 ? 0x1p11 : 4;
  return positions < static_cast<double>(std::numeric_limits<Index>::max()) / margin;
}

/// The weight as the engine reads it: `conv` multiplies with axis 1 summed, `conv_transpose` with
/// axis 0.
template <Direction direction, int R, class Scalar>
engine::WeightSource<Scalar> weight_source(const TensorView<const Scalar, R + 2>& weight,
                                           Index groups, int layout) {
  constexpr bool gather = direction == Direction::gather;
  Index size = 1;
  for (const Index extent : weight.extents) size *= extent;
  return {weight.data,
          weight.data + size,
          weight.strides[gather ? 1 : 0],
          weight.strides[gather ? 0 : 1],
          memory_strides<R>(weight, layout),
          weight.extents[0] / groups * weight.strides[0]};
}

/// The order of sums that a caller asks for, in the axes of a `ConvShape`.
inline TermOrder term_order(Summation summation, int layout) {
  if (summation == Summation::fastest) return TermOrder::any;
  return layout == Eigen::RowMajor ? TermOrder::forward : TermOrder::backward;
}

/// Computes a call by loops, for every scalar.
template <Direction direction, int R, class Scalar, class F>
void compute_by_loops(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                      const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                      const TensorView<Scalar, R + 2>& y, Summation summation, const F& f) {
  if (summation == Summation::ordered)
    ordered_loops<direction, R>(geometry.axes(), geometry.groups(), x, weight, bias, y);
  else
    direct_loops<direction, R>(geometry.axes(), geometry.groups(), x, weight, bias, y);
  if constexpr (!std::is_same_v<F, NoEpilogue>)
    for (Index m = 0; m < y.extents[1]; ++m) {
      TensorView<Scalar, R + 2> channel = y;
      channel.data += m * y.strides[1];
      channel.extents[1] = 1;
      for_each_row_major(channel,
                         [&](Scalar& value) { value = frontend::finish<Scalar>(f, value, m); });
    }
}

/// Computes a call: by `run_engine(shape, operands, execution)`, unless that returns false or the
/// engine does not know the scalar.
template <Direction direction, int layout, int R, class Scalar, class F, class RunEngine>
void compute(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
             const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
             const TensorView<Scalar, R + 2>& y, Summation summation, const F& f,
             Workspace& workspace, const RunEngine& run_engine) {
  if constexpr (EngineScalar<Scalar>)
    if (engine_counts(geometry)) {
      const TermOrder order = term_order(summation, layout);
      // A joined axis has the taps in the order of memory, which may not be that of the kernel.
      const bool may_join =
          order != TermOrder::backward && dense_image<R>(x, layout) && dense_image<R>(y, layout);
      ConvShape shape = may_join ? joined_shape_of<direction>(geometry, layout)
                                 : shape_of<direction>(geometry, layout);
      shape.order = order;
      if (run_engine(shape,
                     engine::Operands<Scalar>{bias, image_of<R>(x, layout), image_of<R>(y, layout),
                                              make_epilogue<Scalar>(f)},
                     execution_of(workspace)))
        return;
    }
  compute_by_loops<direction>(geometry, x, weight, bias, y, summation, f);
}

/// The production path of the free functions: packs the weights for this call.
template <Direction direction, int layout>
struct Production {
  Workspace& workspace;
  Summation summation;

  template <int R, class Scalar>
  void operator()(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                  const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const TensorView<Scalar, R + 2>& y) const {
    compute<direction, layout>(
        geometry, x, weight, bias, y, summation, NoEpilogue{}, workspace,
        [&](const ConvShape& shape, const auto& operands, runtime::Execution& execution) {
          return engine::run_once(shape,
                                  weight_source<direction, R>(weight, geometry.groups(), layout),
                                  operands, execution);
        });
  }
};

}  // namespace tconv::inline TCONV_ISA::frontend
