#pragma once

/// \file
/// Streams: a layer along an axis that goes on, chunk by chunk.

#include <array>
#include <concepts>
#include <cstddef>
#include <numeric>
#include <type_traits>
#include <utility>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/streams/calls.hpp"
#include "tconv/frontend/streams/chain.hpp"
#include "tconv/frontend/streams/time_axis.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/geometry.hpp"
#include "tconv/layer.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

template <Direction direction_, class Scalar_, int R_, int layout_>
struct LayerTypes {
  using Scalar = Scalar_;
  static constexpr Direction direction = direction_;
  static constexpr int R = R_, layout = layout_;
};
template <Direction direction, class Scalar, int R, int layout>
LayerTypes<direction, Scalar, R, layout> types_of(const Layer<direction, Scalar, R, layout>&);

}  // namespace detail

/// A `ConvTranspose` or a `Conv`.
template <class T>
concept AnyLayer = requires(const T& layer) {
  detail::types_of(layer);
};

/// A layer whose first spatial axis is time:
///
///     tconv::ConvTranspose up(weight, bias, {.stride = 8, .padding = 4});
///     tconv::Stream stream(up);
///     stream.reserve(64);
///     for (;;) {                                                  // x: (1, C_in, m)
///       Tensor y(1, C_out, stream.available(m));
///       stream.push(x, y, workspace);
///     }
///     Tensor rest(1, C_out, stream.remaining());
///     stream.finish(rest, workspace);
///
/// The outputs of all calls one after another are those of the layer on all inputs, for every way
/// to cut them: to the bit with `Summation::ordered`, else within rounding. Frames are tensors in
/// the layer's data format with `m` positions on the axis of time, unbatched ones too if the batch
/// is 1. A stream keeps the frames that outputs to come need, and shares the layer's weights. Not
/// for several threads at a time; a moved-from stream may only be assigned to.
///
/// \par Example
/// \snippet functions.cpp Stream
template <AnyLayer LayerType>
class Stream {
  using Types = decltype(detail::types_of(std::declval<const LayerType&>()));
  using Scalar = typename Types::Scalar;
  static constexpr Direction direction = Types::direction;
  static constexpr int R = Types::R, layout = Types::layout;

 public:
  /// \param batch    extent of the batch axis
  /// \param extents  those of the input's spatial axes behind the first, `R - 1` of them
  /// \throws std::invalid_argument if the layer accepts no such input
  template <std::convertible_to<Index>... Extent>
  explicit Stream(const LayerType& layer, Index batch = 1, Extent... extents)
      : layer_(layer),
        in_(shape_of_frame(direction == Direction::scatter, batch)),
        out_(shape_of_frame(direction == Direction::gather, batch)),
        time_(direction, weight().extents[2], core::axis_options(layer.options(), 0)) {
    static_assert(
        sizeof...(Extent) == R - 1,
        "tconv: a stream takes a layer, the extent of the batch, and those of the input's "
        "spatial axes behind the first");
    core::require(batch >= 0, name, "the batch is ", batch, ", but must be at least 0");
    time_.check_length(0);
    const Extents<R> given{1, static_cast<Index>(extents)...};
    for (int a = 1; a < R; ++a) {
      const auto i = static_cast<std::size_t>(a);
      const core::AxisOptions o = core::axis_options(layer.options(), a);
      const Index kernel = weight().extents[i + 2];
      core::require(given[i] >= 1, name, "the input has extent ", given[i], " on spatial axis ", a,
                    ", but must have at least 1");
      in_[i + 2] = given[i];
      out_[i + 2] = direction == Direction::scatter
                        ? core::conv_transpose_extent(given[i], kernel, o, a, name)
                        : core::conv_extent(given[i], kernel, o, a, name);
    }
    check_size("the history", in_, 2 * (time_.history() + 1));
    check_size("the output", out_, time_.stride());
    calls_ = Calls(time_, in_, out_, layer.options().data_format);
  }

  Stream(Stream&&) = default;
  Stream& operator=(Stream&&) = default;

  /// Outputs that are complete with `frames` more inputs, and certain to exist however few follow:
  /// what `push` writes. None before the first input.
  /// \throws std::invalid_argument if `frames` is negative
  /// \throws std::length_error if the stream's length overflows
  Index available(Index frames) const {
    core::require(frames >= 0, name, "the number of frames is ", frames,
                  ", but must not be negative");
    time_.check_length(core::CheckedIndex(length_) + frames);
    return time_.written(length_ + frames) - time_.written(length_);
  }

  /// Takes the next frames, and writes the outputs that are complete then.
  /// \param x  `m >= 0` frames
  /// \param y  as many as `available(m)`; shares no memory with `x`
  /// \param f  as for a layer's `run`
  /// \throws std::invalid_argument if a shape is wrong or `y` overlaps `x`; the stream and `y` are
  ///   then as they were
  template <class X, class Y, frontend::AnyWorkspace Space, class F = frontend::NoEpilogue>
  void push(const X& x, Y&& y, Space&& workspace, const F& f = {}) {
    using Out = std::remove_reference_t<Y>;
    if constexpr (frontend::check_run_types<X, Out, Scalar, R, layout>()) {
      const auto& stored_x = frontend::stored(x);
      const auto from = frontend::image_view<R>(stored_x, options().data_format);
      const Index count = from.extents[2];
      check_shape(stored_x, "x", in_, count);
      check_shape(y, "y", out_, available(count));
      const frontend::StreamOutputs<Scalar, R> to = outputs(y);
      core::require(!frontend::NamedMemory("y", y).overlaps({"x", stored_x}), name,
                    "y overlaps x in memory, but must not");
      if (in_[0] == 0) {
        length_ += count;
        return;
      }
      // Long pushes are cut, so that the frames at hand stay few.
      const bool reserved = count <= calls_.reserved();
      const Index most = reserved ? count : calls_.most_frames();
      for (Index done = 0, part = 0; done < count; done += part) {
        part = std::min(most, count - done);
        calls_.keep(from.data, count, done, part, length_);
        run({time_.written(length_), time_.written(length_ + part)}, length_ + part, to, reserved,
            workspace, f);
        length_ += part;
      }
    }
  }

  /// Outputs that `finish` would write; 0 if the layer would reject the length so far.
  Index remaining() const { return time_.total(length_) - time_.written(length_); }

  /// Writes the outputs that are left. The stream is then as new.
  /// \param y  as many as `remaining()`
  /// \throws std::invalid_argument if its shape is wrong; the stream and `y` are then as they were
  template <class Y, frontend::AnyWorkspace Space, class F = frontend::NoEpilogue>
  void finish(Y&& y, Space&& workspace, const F& f = {}) {
    using Out = std::remove_reference_t<Y>;
    if constexpr (frontend::check_run_types<std::remove_const_t<Out>, Out, Scalar, R, layout>()) {
      check_shape(y, "y", out_, remaining());
      if (in_[0] > 0)
        run({time_.written(length_), time_.total(length_)}, length_, outputs(y),
            calls_.reserved() > 0, workspace, f);
      reset();
    }
  }

  /// The most that `remaining()` can be after any push: how far outputs are behind.
  Index latency() const { return time_.latency(); }

  /// Forgets all inputs. Keeps its memory.
  void reset() {
    length_ = 0;
    calls_.clear();
  }

  /// Makes plans, packs weights and allocates memory for pushes of up to `frames` frames and for
  /// `finish`. These then neither allocate nor lock nor call the system: they compute on the
  /// calling thread with what the stream has, whatever the workspace. Longer pushes, and all of a
  /// stream without this, use the workspace, its threads too.
  /// \throws std::invalid_argument if `frames` is negative
  void reserve(Index frames) {
    core::require(frames >= 0, name, "the number of frames is ", frames,
                  ", but must not be negative");
    time_.check_length(frames);
    frames = std::max<Index>(frames, 1);
    if (frames <= calls_.reserved() || in_[0] == 0) return;
    check_size("the history", in_, 2 * (time_.history() + frames + 1));
    calls_.reserve(streamed(), frames, length_);
  }

  /// What `chain_report` asks.
  friend const frontend::TimeAxis& time_axis_of(const Stream& stream) { return stream.time_; }

 private:
  static constexpr const char* name = "Stream";
  using Shape = Extents<R + 2>;
  using Calls = frontend::StreamCalls<direction, layout, R, Scalar>;

  const ConvOptions<R>& options() const { return layer_.options(); }
  auto weight() const { return state_of(layer_).view(); }

  auto streamed() const {
    const auto& state = state_of(layer_);
    using Packed = std::remove_cvref_t<decltype(state.packed)>;
    return frontend::StreamedLayer<Scalar, R, Packed>{
        state.view(), state.bias.empty() ? nullptr : state.bias.data(), state.bias_of_engine(),
        state.packed, state.options};
  }

  /// One frame of the side with the channels of the weight's axis 0, or of axis 1, without its
  /// other extents.
  Shape shape_of_frame(bool axis0, Index batch) const {
    Shape shape;
    shape.fill(1);
    shape[0] = batch;
    shape[1] = axis0 ? weight().extents[0] : weight().extents[1] * options().groups;
    return shape;
  }

  static void check_size(const char* what, Shape shape, Index frames) {
    shape[2] = frames;
    core::checked_size<Scalar>(shape, what, name);
  }

  template <class Tensor>
  void check_shape(const Tensor& tensor, const char* argument, Shape shape, Index frames) const {
    if constexpr (core::StoredSlice<Tensor>) core::check_slice(tensor, argument, name);
    constexpr auto rank = static_cast<std::size_t>(core::tensor_rank<Tensor>);
    core::require(rank == R + 2 || shape[0] == 1, name, argument,
                  " is unbatched, but the stream has a batch of ", shape[0]);
    shape[2] = frames;
    const auto expected = frontend::own_order<rank>(shape, options().data_format);
    const auto actual = core::extents_of(tensor);
    core::require(actual == expected, name, argument, " has shape ", actual, ", but must have ",
                  expected);
  }

  template <class Y>
  auto outputs(Y& y) const {
    return frontend::StreamOutputs<Scalar, R>{frontend::image_view<R>(y, options().data_format),
                                              time_.written(length_)};
  }

  template <class Outputs, class F>
  void run(const core::Range& range, Index length, const Outputs& y, bool reserved,
           Workspace& workspace, const F& f) {
    if (reserved)
      calls_.run_reserved(streamed(), range, length, y, f);
    else
      calls_.run(streamed(), range, length, y, workspace, f);
  }

  LayerType layer_;
  Shape in_, out_;  // of one frame, `(N, channels, 1, extents...)`
  frontend::TimeAxis time_;
  Index length_ = 0;  // frames so far
  Calls calls_;
};

/// How streams behave that feed one another.
struct ChainReport {
  /// The most outputs of the last stream that can be missing after a push into the first: how many
  /// more there are if all streams finish then.
  Index latency = 0;
  /// Outputs of the last stream for each frame of the first, `outputs / frames`, in lowest terms.
  Index outputs = 1, frames = 1;
  /// The most frames of the first stream that one output of the last depends on.
  Index receptive_field = 1;

  friend bool operator==(const ChainReport&, const ChainReport&) = default;
};

/// The report of streams, each of which takes the outputs of the one before. What lies between them
/// must keep the number of frames, as functions of single values do.
template <class... Streams>
ChainReport chain_report(const Streams&... streams) {
  return frontend::report_of<ChainReport>(std::array{time_axis_of(streams)...});
}

}  // namespace tconv::inline TCONV_ISA
