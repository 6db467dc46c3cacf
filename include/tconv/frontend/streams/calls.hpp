#pragma once

/// \file
/// How a stream computes: the frames that it keeps, and two ways to make outputs of them.
///
/// The plain way is a call of the layer on the part of the frames that the outputs need (see
/// `core/reach.hpp`), on the caller's workspace, whatever the shape.
///
/// The other way knows few shapes, so that all of them can be planned beforehand. A stream is seen
/// as a signal with zeros in front of the first frame and behind the last one. Its outputs are then
/// units that are all alike (see `time_axis.hpp`), and any number of them is computed by calls for
/// 1, 2, 4... units, the last of which may begin before the one in front of it ends:
///
///     units      0 1 2 3 4 5 6 7 8 9 10
///     calls     [0 1 2 3 4 5 6 7]           8 units
///                             [7 8 9 10]    4 units
///
/// Zeros are no terms of a sum, but add nothing to it either, where weights are finite. An output
/// that no frame reaches is written again, as the bias.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/part_padding.hpp"
#include "tconv/frontend/streams/frames.hpp"
#include "tconv/frontend/streams/time_axis.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// Calls `f` with each element of `a` and that of `b` at the same place.
template <class A, class B, int rank, class F>
void for_each_pair(const TensorView<A, rank>& a, const TensorView<B, rank>& b, const F& f) {
  const auto visit = [&](const auto& self, std::size_t axis, A* p, B* q) -> void {
    if (axis == a.extents.size()) {
      f(*p, *q);
      return;
    }
    for (Index i = 0; i < a.extents[axis]; ++i)
      self(self, axis + 1, p + i * a.strides[axis], q + i * b.strides[axis]);
  };
  visit(visit, 0, a.data, b.data);
}

/// The tensors and numbers of a stream's layer, all of which outlive the stream's calls.
template <class Scalar, int R, class Packed>
struct StreamedLayer {
  TensorView<const Scalar, R + 2> weight;
  const Scalar* bias;  // or null
  const Accumulator<Scalar>* engine_bias;
  const Packed& packed;
  const ConvOptions<R>& options;
};

/// Outputs of a call: a tensor whose position 0 on the axis of time is output `first`.
template <class Scalar, int R>
struct StreamOutputs {
  TensorView<Scalar, R + 2> view;
  Index first;

  TensorView<Scalar, R + 2> part(const Range& outputs) const {
    return part_of(view, 2, {outputs.first - first, outputs.end - first});
  }
};

template <Direction direction, int layout, int R, class Scalar>
class StreamCalls {
 public:
  using Shape = Extents<R + 2>;
  using Outputs = StreamOutputs<Scalar, R>;

  StreamCalls() = default;
  /// `in` and `out` are the shapes of single frames.
  StreamCalls(const TimeAxis& time, const Shape& in, const Shape& out, DataFormat format)
      : time_(time), in_(in), out_(out), format_(format), frames_(frame_shape()) {}

  /// Frames of a push that are at hand at a time, at most.
  Index most_frames() const {
    constexpr Index usual_bytes = Index{1} << 20;
    const Index frame = size_of(in_) * static_cast<Index>(sizeof(Scalar));
    return std::max(reserved_, std::max<Index>(usual_bytes / std::max<Index>(frame, 1), 16));
  }
  Index reserved() const { return reserved_; }

  void clear() { frames_.clear(); }

  /// Keeps `count` frames, of a tensor of `all` from number `from` on, behind `length` others.
  void keep(const Scalar* x, Index all, Index from, Index count, Index length) {
    frames_.reserve(time_.history() + count + 1, length);
    frames_.write(length, count, x + from * frame_shape().inner, all * frame_shape().inner);
  }

  /// Prepares for pushes of `count >= 1` frames behind `length` others, and fewer.
  template <class Layer>
  void reserve(const Layer& layer, Index count, Index length) {
    frames_.reserve(time_.history() + count + 1, length);
    if constexpr (on_engine) {
      if (layer.packed.finite()) make_blocks(layer, count);
    }
    reserved_ = count;
  }

  /// Computes outputs from the `length` frames so far, with what `reserve` has made.
  template <class Layer, class F>
  void run_reserved(const Layer& layer, const Range& outputs, Index length, const Outputs& y,
                    const F& f) {
    if (outputs.size() == 0) return;
    if constexpr (on_engine)
      if (!blocks_.empty()) {
        run_units(layer, outputs, length, y, f);
        return;
      }
    run_part(layer, outputs, length, y, f,
             [&](const Geometry<R>& geometry, const auto& x, const auto& part) {
               // These loops allocate nothing.
               compute_by_loops<direction>(geometry, x, layer.weight, layer.bias, part,
                                           Summation::ordered, f);
             });
  }

  /// The same on a workspace.
  template <class Layer, class F>
  void run(const Layer& layer, const Range& outputs, Index length, const Outputs& y,
           Workspace& workspace, const F& f) {
    if (outputs.size() == 0) return;
    run_part(layer, outputs, length, y, f,
             [&](const Geometry<R>& geometry, const auto& x, const auto& part) {
               if constexpr (on_engine)
                 if (engine_counts(geometry)) {
                   const auto call = engine_call_of(layer, geometry, x, part, f);
                   if (layer.packed.run(call.shape, call.operands, execution_of(workspace))) {
                     write_negative_zeros<direction>(geometry, layer.bias, part, f);
                     return;
                   }
                 }
               compute_by_loops<direction>(geometry, x, layer.weight, layer.bias, part,
                                           layer.options.summation, f);
             });
  }

 private:
  using Sum = Accumulator<Scalar>;
  static constexpr bool on_engine = EngineScalar<Sum>;

  /// Calls of the engine for some units.
  struct Block {
    Index units;
    engine::PreparedCall<Sum> call;
  };
  struct NoBlock {};

  static Shape with_frames(Shape shape, Index count) {
    shape[2] = count;
    return shape;
  }

  /// The strides of a tensor with `row` frames.
  Shape strides(const Shape& shape, Index row) const {
    const auto own = own_order<static_cast<std::size_t>(R) + 2>(with_frames(shape, row), format_);
    return canonical<R>(dense_strides(own, layout), format_, 0);
  }
  FrameShape frame_shape() const {
    const Index inner = strides(in_, 1)[2];
    return {size_of(in_) / std::max<Index>(inner, 1), inner};
  }
  TensorView<const Scalar, R + 2> frames_at(const Range& range) const {
    return {frames_.at(range.first), with_frames(in_, range.size()), strides(in_, frames_.row())};
  }

  /// The layer on frames `in`, for outputs `out`.
  template <class Layer>
  Geometry<R> part_geometry(const Layer& layer, const Range& in, const Range& out) const {
    ConvOptions<R> options = layer.options;
    options.padding[0] = part_padding<direction>(time_.options(), time_.kernel(), in, out);
    return make_geometry<direction, R>(with_frames(in_, in.size()), layer.weight.extents, options,
                                       "Stream", 1);
  }
  template <class Layer, class F>
  static EngineCall<Sum> engine_call_of(const Layer& layer, const Geometry<R>& geometry,
                                        const TensorView<const Scalar, R + 2>& x,
                                        const TensorView<Scalar, R + 2>& y, const F& f) {
    return engine_call<direction, layout>(geometry, x, layer.engine_bias, y,
                                          layer.options.summation, f, false);
  }

  /// Has `compute(geometry, x, y)` fill `outputs`, or the bias where they need no frame.
  template <class Layer, class F, class Compute>
  void run_part(const Layer& layer, const Range& outputs, Index length, const Outputs& y,
                const F& f, const Compute& compute) const {
    const Range in = time_.needed(length, outputs);
    if (in.size() == 0)
      write_bias(layer, y.part(outputs), f);
    else
      compute(part_geometry(layer, in, outputs), frames_at(in), y.part(outputs));
  }

  template <class Layer, class F>
  static void write_bias(const Layer& layer, const TensorView<Scalar, R + 2>& y, const F& f) {
    for (Index m = 0; m < y.extents[1]; ++m)
      write_value(part_of(y, 1, {m, m + 1}), layer.bias ? layer.bias[m] : Scalar(0), m, f);
  }

  // The calls that `reserve` prepares.

  template <class Layer>
  void make_blocks(const Layer& layer, Index count) {
    const Index most = std::max<Index>(time_.units_of(count), 1);
    std::vector<Index> sizes{most};
    if (!time_.scatters()) sizes.push_back(std::max<Index>(count / time_.stride(), 1));
    for (Index size = 1; size < most; size *= 2) sizes.push_back(size);
    sort_unique(sizes);
    std::vector<Block> blocks;
    std::size_t bytes = 0;
    for (const Index size : sizes) {
      const Geometry<R> geometry =
          part_geometry(layer, time_.unit_frames(0, size), time_.unit_outputs(0, size));
      if (!engine_counts(geometry)) return;
      const Range out = time_.unit_outputs(0, size);
      const TensorView<Scalar, R + 2> y{nullptr, with_frames(out_, out.size()),
                                        strides(out_, out.size())};
      const auto call =
          engine_call_of(layer, geometry, frames_at(time_.unit_frames(0, size)), y, NoEpilogue{});
      blocks.push_back({size, {layer.packed, call.shape}});
      bytes = std::max(bytes, blocks.back().call.scratch_bytes());
    }
    // Fresh pages are a matter for the system.
    std::memset(execution_.scratch(bytes), 0, bytes);
    unit_.assign(static_cast<std::size_t>(size_of(with_frames(out_, unit_size()))), Scalar(0));
    blocks_ = std::move(blocks);
  }

  Index unit_size() const { return time_.unit_outputs(0, 1).size(); }

  template <class Layer, class F>
  void run_units(const Layer& layer, const Range& outputs, Index length, const Outputs& y,
                 const F& f) {
    // What no frame reaches in front, what is computed, what no frame reaches behind.
    const Range reached = time_.reached(length);
    const Range middle{std::clamp(reached.first, outputs.first, outputs.end),
                       std::clamp(reached.end, outputs.first, outputs.end)};
    write_bias(layer, y.part({outputs.first, middle.first}), f);
    if (middle.size() > 0) {
      Index unit = time_.unit_of(middle.first);
      if (time_.unit_outputs(unit, 1).first < middle.first)
        run_border_unit(layer, unit++, middle, length, y, f);
      const Index end = time_.unit_of(middle.end);
      run_whole_units(layer, {unit, end}, length, y, f);
      if (unit <= end && time_.unit_outputs(end, 1).first < middle.end)
        run_border_unit(layer, end, middle, length, y, f);
    }
    write_bias(layer, y.part({middle.end, outputs.end}), f);
    write_gaps(layer, middle, length, y, f);
  }

  template <class Layer, class F>
  void run_whole_units(const Layer& layer, const Range& units, Index length, const Outputs& y,
                       const F& f) {
    for (Index unit = units.first; unit < units.end;) {
      const Index rest = units.end - unit;
      const auto larger =
          std::lower_bound(blocks_.begin(), blocks_.end(), rest,
                           [](const Block& block, Index size) { return block.units < size; });
      if (larger != blocks_.end() && larger->units <= units.size()) {
        unit = units.end - larger->units;
        run_block(layer, *larger, unit, length, y.part(time_.unit_outputs(unit, larger->units)), f);
        return;
      }
      const Block& block = *std::prev(larger);
      run_block(layer, block, unit, length, y.part(time_.unit_outputs(unit, block.units)), f);
      unit += block.units;
    }
  }

  /// Computes a unit of which only some outputs are wanted.
  template <class Layer, class F>
  void run_border_unit(const Layer& layer, Index unit, const Range& wanted, Index length,
                       const Outputs& y, const F& f) {
    const Outputs whole{{unit_.data(), with_frames(out_, unit_size()), strides(out_, unit_size())},
                        time_.unit_outputs(unit, 1).first};
    run_block(layer, blocks_.front(), unit, length, whole.view, NoEpilogue{});
    const Range outputs{std::max(wanted.first, whole.first),
                        std::min(wanted.end, whole.first + unit_size())};
    const auto from = whole.part(outputs), to = y.part(outputs);
    for (Index m = 0; m < to.extents[1]; ++m)
      for_each_pair(part_of(from, 1, {m, m + 1}), part_of(to, 1, {m, m + 1}),
                    [&](const Scalar& value, Scalar& result) {
                      if constexpr (std::is_same_v<F, NoEpilogue>)
                        result = value;
                      else
                        result = frontend::finish<Scalar>(f, value, m);
                    });
  }

  template <class Layer, class F>
  void run_block(const Layer& layer, const Block& block, Index unit, Index length,
                 const TensorView<Scalar, R + 2>& y, const F& f) {
    const Range in = time_.unit_frames(unit, block.units);
    const Index zeros = std::max(length, in.end - frames_.capacity());
    if (zeros < in.end) frames_.write_zeros(zeros, in.end - zeros);
    const Range out = time_.unit_outputs(unit, block.units);
    const auto geometry = part_geometry(layer, in, out);
    block.call.run(engine_call_of(layer, geometry, frames_at(in), y, f).operands, execution_);
    write_negative_zeros<direction>(geometry, layer.bias, y, f);
  }

  /// Outputs between others that no frame reaches: at the borders, where taps are apart.
  template <class Layer, class F>
  void write_gaps(const Layer& layer, const Range& outputs, Index length, const Outputs& y,
                  const F& f) const {
    const auto frames = [&](Index o) { return time_.unit_frames(time_.unit_of(o), 1); };
    const auto write_gap = [&](Index o) {
      if (time_.needed(length, {o, o + 1}).size() == 0) write_bias(layer, y.part({o, o + 1}), f);
    };
    auto [first, end] = outputs;
    while (first < end && frames(first).first < 0) write_gap(first++);
    while (first < end && frames(end - 1).end > length) write_gap(--end);
  }

  TimeAxis time_;
  Shape in_{}, out_{};
  DataFormat format_{};
  Frames<Scalar> frames_;
  Index reserved_ = 0;
  std::vector<std::conditional_t<on_engine, Block, NoBlock>> blocks_;  // by size
  std::vector<Scalar> unit_;                                           // outputs of a unit
  runtime::Execution execution_;
};

}  // namespace tconv::inline TCONV_ISA::frontend
