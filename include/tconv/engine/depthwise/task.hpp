#pragma once

/// \file
/// The arithmetic of a depthwise convolution, row by row of outputs.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/depthwise/plan.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/engine/schedule.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// A product of the sums of some outputs: where its weights begin, and the inputs of the first one.
struct DepthwiseTerm {
  Index weights, input;
};

/// Numbers of channels, each as often as it has entries, padded to whole packets.
template <class Scalar>
Scalar* spread_channels(const DepthwisePlan& plan, const Scalar* from, Index step, Scalar* to) {
  Scalar* next = to;
  for (Index c = 0; c < plan.correlation.groups; ++c)
    next = std::fill_n(next, plan.entries, from[c * step]);
  return std::fill_n(next, plan.padded_width - plan.width, Scalar(0));
}

/// Weights as `[tap][channel]`, and the bias behind them.
template <class Scalar>
void pack_depthwise(const DepthwisePlan& plan, const WeightSource<Scalar>& source,
                    const Scalar* bias, Scalar* to) {
  for (Index z = 0; z < plan.kernel[0]; ++z)
    for (Index y = 0; y < plan.kernel[1]; ++y)
      for (Index x = 0; x < plan.kernel[2]; ++x)
        to = spread_channels(plan,
                             source.data + z * source.tap_strides[0] + y * source.tap_strides[1] +
                                 x * source.tap_strides[2],
                             source.group_stride, to);
  if (bias) spread_channels(plan, bias, 1, to);
}

/// Sums `pixels` outputs of `vectors` packets of channels, of which `part` is the last one's.
template <int pixels, int vectors, class Scalar>
EIGEN_ALWAYS_INLINE void sum_terms(const DepthwiseTerm* terms, Index count, const Scalar* weights,
                                   const Scalar* x, Index x_step, const Scalar* bias, Scalar* y,
                                   Index y_step, const simd::PacketPart<Scalar>* part) {
  using P = simd::Packet<Scalar>;
  const auto load = [&](const Scalar* from) { return part ? part->load(from) : P::load(from); };
  typename P::Type sums[pixels * vectors];
  for (auto& sum : sums) sum = P::broadcast(Scalar(0));
  for (Index t = 0; t < count; ++t) {
    const Scalar* const own = weights + terms[t].weights;
    const Scalar* const inputs = x + terms[t].input;
    typename P::Type packets[vectors];
    for (int v = 0; v < vectors; ++v) packets[v] = P::load(own + v * P::size);
    for (int p = 0; p < pixels; ++p)
      for (int v = 0; v < vectors; ++v)
        sums[p * vectors + v] = P::multiply_add(packets[v], load(inputs + p * x_step + v * P::size),
                                                sums[p * vectors + v]);
  }
  for (int v = 0; v < vectors && bias; ++v) {
    const auto packet = P::load(bias + v * P::size);
    for (int p = 0; p < pixels; ++p)
      sums[p * vectors + v] = count > 0 ? P::add(sums[p * vectors + v], packet) : packet;
  }
  for (int p = 0; p < pixels; ++p)
    for (int v = 0; v < vectors; ++v) {
      Scalar* const to = y + p * y_step + v * P::size;
      if (part)
        part->store(to, sums[p * vectors + v]);
      else
        P::store(to, sums[p * vectors + v]);
    }
}

/// Computes rows of outputs, one after another, with a list of terms of its own.
template <class Scalar>
class DepthwiseRows {
 public:
  DepthwiseRows(const DepthwisePlan& plan, const Scalar* weights, const Operands<Scalar>& operands,
                DepthwiseTerm* terms)
      : plan_(plan), weights_(weights), operands_(operands), terms_(terms) {}

  /// Output row number `row` of all.
  void compute(Index row) const {
    const auto& [z_axis, y_axis, x_axis] = plan_.correlation.axes;
    const Index y_out = row % y_axis.out, z_out = row / y_axis.out % z_axis.out;
    const Index n = row / y_axis.out / z_axis.out;
    const Image<const void>& x = operands_.x;
    const Image<void>& y = operands_.y;
    const Scalar* const from = static_cast<const Scalar*>(x.data) + n * x.batch_stride;
    Scalar* const to = static_cast<Scalar*>(y.data) + n * y.batch_stride + z_out * y.strides[0] +
                       y_out * y.strides[1];
    const auto [z_phase, z] = phase_of(z_axis, z_out);
    const auto [y_phase, yq] = phase_of(y_axis, y_out);
    const std::array<const Phase*, 2> outer{z_phase, y_phase};
    for (const Phase& phase : x_axis.phases) {
      const Range inside = inner_range(phase);
      for (Index q = phase.first, next = q; q < phase.end(); q = next) {
        // Outputs of which all taps lie in the image have one list.
        const bool whole = inside.first <= q && q < inside.end;
        next = whole ? inside.end : q + 1;
        const Index count = list_terms(outer, {z, yq, q}, phase);
        write(count, next - q, from, to + (q * x_axis.out_stride + phase.offset) * y.strides[2]);
      }
    }
    finish_row(to);
  }

 private:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  /// The phase that an output of an axis belongs to, and its number there.
  static std::pair<const Phase*, Index> phase_of(const PhasedAxis& axis, Index o) {
    for (const Phase& phase : axis.phases) {
      const Index q = floor_div(o - phase.offset, axis.out_stride);
      if (q * axis.out_stride + phase.offset == o && phase.first <= q && q < phase.end())
        return {&phase, q};
    }
    return {nullptr, 0};
  }

  static bool reads_inside(const PhasedAxis& axis, Index q, const Tap& tap) {
    const Index i = q * axis.in_stride + tap.shift;
    return 0 <= i && i < axis.in;
  }

  /// Outputs of a phase of the last axis all of whose taps read the image.
  Range inner_range(const Phase& phase) const {
    const PhasedAxis& axis = plan_.correlation.axes[2];
    Range range{phase.first, phase.end()};
    for (const Tap& tap : phase.taps) {
      range.first = std::max(range.first, ceil_div(-tap.shift, axis.in_stride));
      range.end = std::min(range.end, floor_div(axis.in - 1 - tap.shift, axis.in_stride) + 1);
    }
    return {range.first, std::max(range.first, range.end)};
  }

  /// Lists the products of an output in the order of the kernel.
  Index list_terms(const std::array<const Phase*, 2>& outer, const std::array<Index, 3>& q,
                   const Phase& x_phase) const {
    const auto& axes = plan_.correlation.axes;
    const std::array<const Phase*, 3> phases{outer[0], outer[1], &x_phase};
    const bool backward = plan_.correlation.order == TermOrder::backward;
    const std::size_t first = backward ? 2 : 0, last = backward ? 0 : 2;
    Index count = 0;
    for (const Tap& a : phases[first]->taps) {
      if (!reads_inside(axes[first], q[first], a)) continue;
      for (const Tap& b : phases[1]->taps) {
        if (!reads_inside(axes[1], q[1], b)) continue;
        for (const Tap& c : phases[last]->taps) {
          if (!reads_inside(axes[last], q[last], c)) continue;
          const std::array<const Tap*, 3> taps{backward ? &c : &a, &b, backward ? &a : &c};
          Index tap = 0, input = 0;
          for (std::size_t s = 0; s < 3; ++s) {
            tap = tap * plan_.kernel[s] + taps[s]->kernel;
            input += (q[s] * axes[s].in_stride + taps[s]->shift) * operands_.x.strides[s];
          }
          terms_[count++] = {tap * plan_.padded_width, input};
        }
      }
    }
    return count;
  }

  /// Writes `count` outputs of a phase, which have `terms` products each.
  void write(Index terms, Index count, const Scalar* from, Scalar* to) const {
    const PhasedAxis& axis = plan_.correlation.axes[2];
    const Index x_step = axis.in_stride * operands_.x.strides[2];
    const Index y_step = axis.out_stride * operands_.y.strides[2];
    const Scalar* const all_bias = weights_ + plan_.taps() * plan_.padded_width;
    for (Index c = 0; c < plan_.width;) {
      const Scalar* const bias = operands_.bias ? all_bias + c : nullptr;
      const auto sum = [&]<int pixels, int vectors>(Index first,
                                                    std::integer_sequence<int, pixels, vectors>,
                                                    const simd::PacketPart<Scalar>* part) {
        sum_terms<pixels, vectors>(terms_, terms, weights_ + c, from + c + first * x_step, x_step,
                                   bias, to + c + first * y_step, y_step, part);
      };
      const Index rest = plan_.width - c;
      Index i = 0;
      if (rest >= 2 * lanes) {
        for (; i + 4 <= count; i += 4) sum(i, std::integer_sequence<int, 4, 2>{}, nullptr);
        for (; i < count; ++i) sum(i, std::integer_sequence<int, 1, 2>{}, nullptr);
        c += 2 * lanes;
      } else if (rest >= lanes) {
        for (; i + 4 <= count; i += 4) sum(i, std::integer_sequence<int, 4, 1>{}, nullptr);
        for (; i < count; ++i) sum(i, std::integer_sequence<int, 1, 1>{}, nullptr);
        c += lanes;
      } else {
        const simd::PacketPart<Scalar> part(0, rest);
        for (; i < count; ++i) sum(i, std::integer_sequence<int, 1, 1>{}, &part);
        c = plan_.width;
      }
    }
  }

  void finish_row(Scalar* row) const {
    const Epilogue<Scalar>& epilogue = operands_.epilogue;
    if (!epilogue) return;
    for (Index o = 0; o < plan_.correlation.axes[2].out; ++o, row += operands_.y.strides[2]) {
      if (plan_.entries == 1)
        epilogue.across(row, {0, plan_.correlation.groups});
      else
        for (Index c = 0; c < plan_.correlation.groups; ++c)
          epilogue(row + c * plan_.entries, plan_.entries, c);
    }
  }

  const DepthwisePlan& plan_;
  const Scalar* weights_;
  const Operands<Scalar>& operands_;
  DepthwiseTerm* terms_;
};

template <class Scalar>
void run_depthwise(const ConvShape& whole, WeightSource<Scalar> source, Operands<Scalar> operands,
                   runtime::Execution& execution) {
  constexpr Index lanes = simd::Packet<Scalar>::size;
  const Index entries = dense_entries(whole, operands);
  const ConvShape shape = without_entries(whole, entries);
  if (whole.batch_is_axis)
    for (auto* strides : {&source.tap_strides, &operands.x.strides, &operands.y.strides})
      *strides = {0, (*strides)[0], (*strides)[1]};
  const auto& plan = execution.plan<DepthwisePlan>(
      shape.key(std::array<Index, 3>{entries, lanes, sizeof(Scalar)}),
      [&] { return std::make_shared<DepthwisePlan>(shape, entries, lanes); });
  auto* const weights = reinterpret_cast<Scalar*>(
      execution.weight_scratch(static_cast<std::size_t>(plan.weight_size()) * sizeof(Scalar)));
  pack_depthwise(plan, source, operands.bias, weights);
  const Index tasks = ceil_div(plan.rows(), plan.rows_per_task);
  const int workers =
      1 + static_cast<int>(std::min(plan.cycles / cycles_of_a_thread, execution.threads() - 1.0));
  const std::size_t bytes =
      runtime::whole_pages(static_cast<std::size_t>(plan.taps()) * sizeof(DepthwiseTerm));
  std::byte* const scratch = execution.scratch(bytes * static_cast<std::size_t>(workers));
  execution.parallel_for(tasks, workers, [&](Index task, int worker) {
    const DepthwiseRows<Scalar> rows(
        plan, weights, operands,
        reinterpret_cast<DepthwiseTerm*>(scratch + bytes * static_cast<std::size_t>(worker)));
    const Index end = std::min((task + 1) * plan.rows_per_task, plan.rows());
    for (Index row = task * plan.rows_per_task; row < end; ++row) rows.compute(row);
  });
}

}  // namespace tconv::inline TCONV_ISA::engine
