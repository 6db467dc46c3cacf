#pragma once

/// \file
/// Implementation 3: the way from `TensorView`s to the engine. Scalars that have no SIMD, and
/// weights that are not finite, take the direct loops.

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <limits>
#include <memory>
#include <numeric>

#include "tconv/engine/correlate.hpp"
#include "tconv/engine/finite.hpp"
#include "tconv/engine/packed_weights.hpp"
#include "tconv/scatter.hpp"
#include "tconv/workspace.hpp"

namespace tconv::detail {

/// Scalars that the engine computes.
template <class Scalar>
concept EngineScalar = std::same_as<Scalar, float> || std::same_as<Scalar, double>;

/// A three-axis order of the spatial axes in which the last one is the densest in memory.
template <int R, class T>
std::array<T, 3> engine_order(const std::array<T, static_cast<std::size_t>(R)>& own, int layout,
                              const T& missing) {
  std::array<T, 3> result;
  result.fill(missing);
  for (int a = 0; a < R; ++a) {
    const int axis = layout == Eigen::RowMajor ? a : R - 1 - a;
    result[static_cast<std::size_t>(3 - R + a)] = own[static_cast<std::size_t>(axis)];
  }
  return result;
}

/// Whether one input position meets each output once. That is a product with a matrix, whatever the
/// number of axes.
inline bool is_matrix_product(const std::array<Axis, 3>& axes) {
  return std::all_of(axes.begin(), axes.end(), [](const Axis& axis) {
    return axis.coarse == 1 && axis.dilation == 1 && axis.before == 0 && axis.fine == axis.kernel;
  });
}

/// The axes of such a product as one, so that the engine stores whole images as rows. Tensors are
/// dense, and the stride of the last axis is that of the joined one.
inline Axis join_axes(const std::array<Axis, 3>& axes) {
  Axis joined;
  joined.fine = joined.kernel = axes[0].fine * axes[1].fine * axes[2].fine;
  return joined;
}

template <int R, class T>
std::array<Index, 3> engine_strides(const TensorView<T, R + 2>& view, int layout) {
  Extents<R> own{};
  std::copy(view.strides.begin() + 2, view.strides.end(), own.begin());
  return engine_order<R>(own, layout, Index{0});
}

template <int R, class T>
engine::Image<T> engine_image(const TensorView<T, R + 2>& view, int layout) {
  return {view.data, view.strides[0], view.strides[1], engine_strides<R>(view, layout)};
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
          engine_strides<R>(weight, layout),
          weight.extents[0] / groups * weight.strides[0]};
}

/// The schedule of a geometry, made once for each workspace.
template <Direction direction, class Scalar, int R>
const engine::Schedule& find_schedule(Workspace& workspace, const Geometry<R>& geometry,
                                      int layout) {
  constexpr Index lanes = Packet<Scalar>::size;
  constexpr bool gather = direction == Direction::gather;
  auto axes = engine_order<R>(geometry.axes(), layout, Axis{});
  if (is_matrix_product(axes)) axes = {Axis{}, Axis{}, join_axes(axes)};
  std::array<Index, 26> key{gather,
                            lanes,
                            sizeof(Scalar),
                            workspace.threads(),
                            geometry.batch(),
                            geometry.groups(),
                            geometry.coarse_channels(),
                            geometry.fine_channels()};
  std::size_t next = 8;
  for (const Axis& axis : axes)
    for (const Index value :
         {axis.coarse, axis.fine, axis.kernel, axis.stride, axis.dilation, axis.before})
      key[next++] = value;
  return workspace.plan<engine::Schedule>(key, [&] {
    return std::make_shared<engine::Schedule>(
        engine::make_correlation(direction, geometry.batch(), geometry.groups(),
                                 gather ? geometry.fine_channels() : geometry.coarse_channels(),
                                 gather ? geometry.coarse_channels() : geometry.fine_channels(),
                                 axes),
        lanes, engine::scratch_budget<Scalar>(), workspace.threads());
  });
}

/// The largest magnitude of transformed inputs whose products with transformed weights cannot
/// overflow when they are summed: magnitudes of these sum up to 3^3 times those of the weights at
/// most, and as many terms are joined. Zero where these could be infinite themselves.
template <class Scalar>
Scalar winograd_limit(Scalar weight_magnitude) {
  return std::numeric_limits<Scalar>::max() / (1024 * std::max(weight_magnitude, Scalar(1)));
}

/// Whether positions are far from the end of the index type, so that the engine may add and
/// multiply them without a check. False only where options exceed every image: a stride or padding
/// of 2^50, say.
template <int R>
bool engine_counts(const Geometry<R>& geometry) {
  const auto number = [](Index value) { return std::abs(static_cast<double>(value)); };
  double positions = number(geometry.batch()) *
                     (number(geometry.coarse_channels()) + number(geometry.fine_channels()));
  for (const Axis& axis : geometry.axes())
    positions *= number(axis.fine) + number(axis.before) +
                 number(axis.coarse) * number(axis.stride) +
                 number(axis.kernel) * number(axis.dilation);
  return positions < 0x1p52;
}

/// Direct loops, then the epilogue.
template <Direction direction, int R, class Scalar, class F>
void run_direct_loops(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                      const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                      const TensorView<Scalar, R + 2>& y, const F& f) {
  direct_loops<direction>(geometry, x, weight, bias, y);
  if constexpr (!std::same_as<F, engine::Identity>)
    for (Index m = 0; m < y.extents[1]; ++m) {
      TensorView<Scalar, R + 2> channel = y;
      channel.data += m * y.strides[1];
      channel.extents[1] = 1;
      for_each_row_major(channel, [&](Scalar& value) { value = engine::finish(f, value, m); });
    }
}

/// The memory of free functions that are not given a workspace.
inline Workspace& thread_workspace() {
  static thread_local Workspace workspace;
  return workspace;
}

/// Computes a call with the weights packed by `pack(schedule)`: by Winograd's transform if
/// `transforms`, and by one of the other ways if not, or if values are too large for it.
template <class Scalar, class F, class Pack>
void run_schedule(const engine::Schedule& schedule, bool transforms, Scalar weight_magnitude,
                  const Pack& pack, const Scalar* bias, const engine::Image<const Scalar>& x,
                  const engine::Image<Scalar>& y, const F& f, Workspace& workspace) {
  const Scalar limit = winograd_limit(weight_magnitude);
  if (transforms && limit > 0) {
    const engine::WinogradSchedule& winograd = *schedule.winograd();
    std::atomic<bool> exceeded = false;
    const engine::WinogradCall<Scalar, F> call{
        {winograd, {pack(winograd)}, bias, x, y, f}, limit, exceeded};
    if (engine::correlate(call, workspace)) return;
  }
  if (schedule.col2im()) {
    const engine::Col2imSchedule& col2im = *schedule.col2im();
    const engine::Weights<Scalar> weights{pack(col2im.products())};
    engine::correlate(engine::Col2imCall<Scalar, F>{col2im, weights, bias, x, y, f}, workspace);
    return;
  }
  const engine::TileSchedule& direct = schedule.direct();
  engine::correlate(engine::TileCall<Scalar, F>{direct, {pack(direct)}, bias, x, y, f}, workspace);
}

/// Computes a call that packs its weights by chunks. Returns false, and leaves `y` of no use, if
/// there is no such schedule for them, or they are not finite where they have to be.
template <class Scalar>
bool run_once(const engine::Schedule& schedule, const engine::WeightSource<Scalar>& source,
              const Scalar* bias, const engine::Image<const Scalar>& x,
              const engine::Image<Scalar>& y, Workspace& workspace) {
  using engine::Identity;
  const Identity f;
  if (const engine::Col2imSchedule* once = schedule.col2im_once();
      once && engine::packs_by_chunks(once->products().layout(), source)) {
    engine::correlate(engine::Col2imCall<Scalar, Identity>{*once, {nullptr, source}, bias, x, y, f},
                      workspace);
    return true;
  }
  if (const engine::TileSchedule* once = schedule.direct_once();
      once && engine::packs_by_chunks(once->layout(), source)) {
    std::atomic<bool> not_finite = false;
    engine::correlate(
        engine::TileCall<Scalar, Identity>{*once, {nullptr, source, &not_finite}, bias, x, y, f},
        workspace);
    return !not_finite;
  }
  return false;
}

/// The production path of the free functions: packs the weights for this call.
template <Direction direction, int layout>
struct Production {
  Workspace& workspace;

  template <int R, class Scalar>
  void operator()(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                  const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const TensorView<Scalar, R + 2>& y) const {
    const engine::Identity f;
    if constexpr (EngineScalar<Scalar>) {
      if (engine_counts(geometry)) {
        const engine::Schedule& schedule =
            find_schedule<direction, Scalar>(workspace, geometry, layout);
        const auto source = weight_source<direction, R>(weight, geometry.groups(), layout);
        const auto engine_x = engine_image<R>(x, layout);
        const auto engine_y = engine_image<R>(y, layout);
        if (run_once(schedule, source, bias, engine_x, engine_y, workspace)) return;
        Index size = 1;
        for (const Index extent : weight.extents) size *= extent;
        const Scalar magnitude = engine::sum_of_magnitudes(weight.data, size);
        if (std::isfinite(magnitude) || engine::all_finite(weight.data, size)) {
          const auto pack = [&](const auto& packed_schedule) -> const Scalar* {
            return pack_weights(packed_schedule, source);
          };
          run_schedule(schedule, schedule.transforms_once(), magnitude, pack, bias, engine_x,
                       engine_y, f, workspace);
          return;
        }
      }
    }
    run_direct_loops<direction>(geometry, x, weight, bias, y, f);
  }

 private:
  template <class AnySchedule, class Scalar>
  const Scalar* pack_weights(const AnySchedule& schedule,
                             const engine::WeightSource<Scalar>& source) const {
    auto* packed = reinterpret_cast<Scalar*>(workspace.weight_scratch(
        static_cast<std::size_t>(schedule.weight_size()) * sizeof(Scalar)));
    const double worthwhile = 1 + schedule.packing_cycles() / engine::cycles_of_a_thread;
    const auto workers = static_cast<int>(std::min<double>(workspace.threads(), worthwhile));
    engine::pack_all_weights(schedule, source, packed, workers, [&](Index tasks, const auto& pack) {
      workspace.parallel_for(tasks, workers, [&](Index task, int) { pack(task); });
    });
    return packed;
  }
};

}  // namespace tconv::detail
