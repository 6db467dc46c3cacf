#pragma once

/// \file
/// Calls as the engine takes them: shapes and images from geometries and `TensorView`s.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

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

template <std::size_t rank>
Index size_of(const std::array<Index, rank>& extents) {
  Index size = 1;
  for (const Index extent : extents) size *= extent;
  return size;
}

/// The weight as the engine reads it: `conv` multiplies with axis 1 summed, `conv_transpose` with
/// axis 0.
template <Direction direction, int R, class Scalar>
engine::WeightSource<Scalar> weight_source(const TensorView<const Scalar, R + 2>& weight,
                                           Index groups, int layout) {
  constexpr bool gather = direction == Direction::gather;
  return {weight.data,
          weight.data + size_of(weight.extents),
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

/// `count` elements as the engine computes with them: themselves, or in `memory`.
template <class Scalar>
const Accumulator<Scalar>* widened(const Scalar* from, Index count,
                                   [[maybe_unused]] Accumulator<Scalar>* memory) {
  if constexpr (StoredNarrow<Scalar>) {
    if (!from) return nullptr;
    engine::widen(from, count, memory);
    return memory;
  } else {
    return from;
  }
}

/// The images of a call as the engine sees them, and their shape.
template <class In, class Out = In>
struct EngineImages {
  ConvShape shape;
  Image<const In> x;
  Image<Out> y;
};

/// Those of `x` and `y`. `may_join` says whether axes may be joined where images are dense, `own`
/// whether their elements are those that the engine computes with.
template <Direction direction, int layout, int R, class In, class Out>
EngineImages<In, Out> engine_images(const Geometry<R>& geometry,
                                    const TensorView<const In, R + 2>& x,
                                    const TensorView<Out, R + 2>& y, TermOrder order, bool may_join,
                                    bool own) {
  // A joined axis has the taps in the order of memory, which may not be that of the kernel.
  const bool joins = may_join && order != TermOrder::backward && dense_image<R>(x, layout) &&
                     dense_image<R>(y, layout);
  EngineImages<In, Out> result{
      joins ? joined_shape_of<direction>(geometry, layout) : shape_of<direction>(geometry, layout),
      image_of<R>(x, layout), image_of<R>(y, layout)};
  auto& [shape, x_image, y_image] = result;
  shape.order = order;
  if (const Index span = span_of(y); span > size_of(y.extents)) shape.output_span = span;
  if (x_image.batch_stride == 1 && y_image.batch_stride == 1 && shape.batch > 1) {
    // Rows that fill no cache line are worse than images that have none.
    const bool short_rows = shape.batch * static_cast<Index>(sizeof(In)) < 64;
    if (own && (R == 3 || short_rows))
      shape.entries_inside = true;
    else if (R < 3)
      make_batch_an_axis(shape, x_image, y_image);
  }
  constexpr bool gathers = direction == Direction::gather;
  const Axis& last = shape.axes[2];
  const auto has_rows = [&](Index extent, Index step) { return own && (extent == 1 || step == 1); };
  shape.reads_strips = !has_rows(gathers ? last.fine : last.coarse, x_image.strides[2]);
  shape.writes_strips = !has_rows(gathers ? last.coarse : last.fine, y_image.strides[2]);
  shape.writes_channels = shape.writes_strips && y_image.channel_stride == 1;
  shape.channels_inside = own && shape.reads_strips && shape.writes_channels &&
                          x_image.channel_stride == 1 && !shape.entries_inside;
  return result;
}

/// A call as the engine takes it.
template <class Sum>
struct EngineCall {
  ConvShape shape;
  engine::Operands<Sum> operands;
};

/// `bias` is as the engine takes it.
template <Direction direction, int layout, int R, class Scalar, class F>
EngineCall<Accumulator<Scalar>> engine_call(const Geometry<R>& geometry,
                                            const TensorView<const Scalar, R + 2>& x,
                                            const Accumulator<Scalar>* bias,
                                            const TensorView<Scalar, R + 2>& y, Summation summation,
                                            const F& f, bool may_join) {
  using Sum = Accumulator<Scalar>;
  const auto images = engine_images<direction, layout>(
      geometry, x, y, term_order(summation, layout), may_join, EngineScalar<Scalar>);
  engine::Operands<Sum> operands{bias, images.x, images.y, make_epilogue<Scalar>(f)};
  if constexpr (StoredNarrow<Scalar>) {
    operands.reader = engine::element_reader<Scalar, Sum>();
    operands.writer = engine::element_writer<Scalar, Sum>();
  }
  return {images.shape, operands};
}

}  // namespace tconv::inline TCONV_ISA::frontend
