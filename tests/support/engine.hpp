#pragma once

/// \file
/// Problems as the engine sees them.

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <tconv/engine/run.hpp>
#include <tconv/workspace.hpp>
#include <vector>

#include "support/problem.hpp"

namespace support {

/// The axes of a problem as the engine orders them, missing ones in front.
inline std::array<tconv::Axis, 3> engine_axes(const Problem& p) {
  std::array<tconv::Axis, 3> axes;
  const auto first = static_cast<std::size_t>(3 - p.rank);
  for (std::size_t a = first; a < 3; ++a) {
    const std::size_t i = a - first;
    axes[a] = {p.scatters() ? p.in[i] : p.out[i],
               p.scatters() ? p.out[i] : p.in[i],
               p.kernel[i],
               p.stride[i],
               p.dilation[i],
               p.before[i]};
  }
  return axes;
}

inline tconv::core::ConvShape engine_shape(const Problem& p) {
  return {p.direction,
          p.batch,
          p.groups,
          p.scatters() ? p.in_channels : p.out_channels,
          p.scatters() ? p.out_channels : p.in_channels,
          engine_axes(p)};
}

inline tconv::engine::Correlation engine_correlation(const Problem& p) {
  return tconv::engine::make_correlation(engine_shape(p));
}

inline tconv::core::Tile random_tile(Random& random, const tconv::core::Tile& whole) {
  const auto draw = [&](Index extent) {
    return std::uniform_int_distribution<Index>(1, extent)(random);
  };
  return {draw(whole.batch), {draw(whole.q[0]), draw(whole.q[1]), draw(whole.q[2])}};
}

inline std::array<Index, 3> row_major(const std::array<Index, 3>& extents) {
  return {extents[1] * extents[2], extents[2], 1};
}

/// The weight of a problem, (coarse channels, fine channels of a group, kernel...).
template <class Scalar>
tconv::engine::WeightSource<Scalar> weight_source(const Problem& p, const Data<Scalar>& data) {
  const auto axes = engine_axes(p);
  const std::array<Index, 3> kernel{axes[0].kernel, axes[1].kernel, axes[2].kernel};
  const Index taps = kernel[0] * kernel[1] * kernel[2];
  const Index fine_group = (p.scatters() ? p.out_channels : p.in_channels) / p.groups;
  const Index coarse_group = (p.scatters() ? p.in_channels : p.out_channels) / p.groups;
  return {data.w.data(),
          data.w.data() + data.w.size(),
          p.scatters() ? fine_group * taps : taps,
          p.scatters() ? taps : fine_group * taps,
          row_major(kernel),
          coarse_group * fine_group * taps};
}

/// The same of a copy in column-major order, which `values` holds.
template <class Scalar>
tconv::engine::WeightSource<Scalar> column_major_source(const Problem& p, const Data<Scalar>& data,
                                                        std::vector<Scalar>& values) {
  const tconv::engine::WeightSource<Scalar> source = weight_source(p, data);
  const auto [z, y, x] = source.tap_strides;
  const Index taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  const Index coarse = p.scatters() ? p.in_channels : p.out_channels;
  const Index fine = p.w_size() / taps / coarse;
  values.resize(data.w.size());
  tconv::engine::WeightSource<Scalar> result{
      values.data(),
      values.data() + values.size(),
      p.scatters() ? 1 : coarse,
      p.scatters() ? coarse : 1,
      {coarse * fine, coarse * fine * (taps / z), coarse * fine * (taps / y)},
      coarse / p.groups};
  for (Index c = 0; c < coarse; ++c)
    for (Index f = 0; f < fine; ++f)
      for (Index t = 0; t < taps; ++t)
        values[static_cast<std::size_t>(c + f * coarse + t / z * result.tap_strides[0] +
                                        t % z / y * result.tap_strides[1] +
                                        t % y / x * result.tap_strides[2])] =
            data.w[static_cast<std::size_t>((c * fine + f) * taps + t)];
  return result;
}

/// What a call reads and writes: `y`, full of NaN.
template <class Scalar>
tconv::engine::Operands<Scalar> engine_operands(const Problem& p, const Data<Scalar>& data,
                                                std::vector<Scalar>& y) {
  const auto axes = engine_axes(p);
  std::array<Index, 3> in{}, out{};
  for (std::size_t a = 0; a < 3; ++a) {
    in[a] = p.scatters() ? axes[a].coarse : axes[a].fine;
    out[a] = p.scatters() ? axes[a].fine : axes[a].coarse;
  }
  const Index in_plane = in[0] * in[1] * in[2], out_plane = out[0] * out[1] * out[2];
  y.assign(static_cast<std::size_t>(p.y_size()), std::numeric_limits<Scalar>::quiet_NaN());
  return {p.bias ? data.bias.data() : nullptr,
          {data.x.data(), p.in_channels * in_plane, in_plane, row_major(in)},
          {y.data(), p.out_channels * out_plane, out_plane, row_major(out)},
          {}};
}

template <class Scalar>
struct EngineArguments {
  std::vector<Scalar> weights;
  tconv::engine::Operands<Scalar> operands;
};

/// The same with the weights packed as `schedule` wants them. Scratch is full of NaN, of
/// `scratch_bytes` for each thread.
template <class Schedule, class Scalar>
EngineArguments<Scalar> engine_arguments(const Problem& p, const Data<Scalar>& data,
                                         const Schedule& schedule, std::size_t scratch_bytes,
                                         tconv::Workspace& workspace, std::vector<Scalar>& y) {
  constexpr Scalar nan = std::numeric_limits<Scalar>::quiet_NaN();
  std::vector<Scalar> weights(static_cast<std::size_t>(schedule.weight_size()), nan);
  if constexpr (std::same_as<Schedule, tconv::engine::ListedSchedule>)
    tconv::engine::pack_listed(schedule, weight_source(p, data), weights.data());
  else
    tconv::engine::pack_all_weights(schedule, weight_source(p, data), weights.data(), 1,
                                    [](Index tasks, const auto& pack) {
                                      for (Index task = 0; task < tasks; ++task) pack(task);
                                    });
  const std::size_t bytes = 2 * scratch_bytes;
  std::fill_n(reinterpret_cast<Scalar*>(execution_of(workspace).scratch(bytes)),
              bytes / sizeof(Scalar), nan);
  return {std::move(weights), engine_operands(p, data, y)};
}

/// An epilogue that tells channels apart, exact on small integers.
template <class Scalar>
tconv::engine::Epilogue<Scalar> channel_epilogue() {
  return {[](const void*, Scalar* row, Index count, Index channel) {
            for (Index i = 0; i < count; ++i) row[i] = 2 * row[i] + static_cast<Scalar>(channel);
          },
          [](const void*, Scalar* outputs, const tconv::core::Range& channels) {
            for (Index m = channels.first; m < channels.end; ++m, ++outputs)
              *outputs = 2 * *outputs + static_cast<Scalar>(m);
          }};
}

/// What it makes of a result in canonical order.
template <class Scalar>
std::vector<Scalar> after_channel_epilogue(const Problem& p, std::vector<Scalar> y) {
  const auto plane = static_cast<std::size_t>(p.out[0] * p.out[1] * p.out[2]);
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = 2 * y[i] + static_cast<Scalar>(i / plane % static_cast<std::size_t>(p.out_channels));
  return y;
}

}  // namespace support
