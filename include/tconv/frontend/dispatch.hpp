#pragma once

/// \file
/// Implementation 3: the way from `TensorView`s to the engine. Scalars that have no SIMD, and
/// weights that are not finite, take the reference loops.

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/ordered_loops.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/engine_call.hpp"
#include "tconv/frontend/epilogue.hpp"
#include "tconv/frontend/scalars/complex.hpp"
#include "tconv/frontend/scalars/integers.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

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

/// Fills outputs of a channel with `f` of a value.
template <class Scalar, int rank, class F>
void write_value(const TensorView<Scalar, rank>& y, const Scalar& value, Index channel,
                 const F& f) {
  for_each_row_major(y, [&](Scalar& output) {
    if constexpr (std::is_same_v<F, NoEpilogue>)
      output = value;
    else
      output = frontend::finish<Scalar>(f, value, channel);
  });
}

/// Writes a bias of -0 to the outputs that no input reaches, behind the engine. It adds the bias to
/// a sum of no products, +0, of which -0 is the one bias that makes something else: +0.
template <Direction direction, int R, class Scalar, class F>
void write_negative_zeros(const Geometry<R>& geometry, const Scalar* bias,
                          const TensorView<Scalar, R + 2>& y, const F& f) {
  for (Index m = 0; bias && m < y.extents[1]; ++m) {
    const auto number = static_cast<Accumulator<Scalar>>(bias[m]);
    if (number != 0 || !std::signbit(number)) continue;
    for (std::size_t a = 0; a < geometry.axes().size(); ++a)
      for (Index o = 0; o < y.extents[a + 2]; ++o)
        if (taps_of_output<direction>(geometry.axes()[a], o).count == 0)
          write_value(part_of(part_of(y, 1, {m, m + 1}), a + 2, {o, o + 1}), bias[m], m, f);
  }
}

/// Computes a call: by `run_engine(shape, operands, execution)`, unless that returns false or the
/// engine does not know the scalar. `engine_bias` is the bias as the engine takes it.
template <Direction direction, int layout, int R, class Scalar, class F, class RunEngine>
void compute(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
             const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
             const Accumulator<Scalar>* engine_bias, const TensorView<Scalar, R + 2>& y,
             Summation summation, const F& f, Workspace& workspace, const RunEngine& run_engine) {
  if constexpr (EngineScalar<Accumulator<Scalar>>)
    if (engine_counts(geometry)) {
      const auto call =
          engine_call<direction, layout>(geometry, x, engine_bias, y, summation, f, true);
      if (run_engine(call.shape, call.operands, execution_of(workspace))) {
        write_negative_zeros<direction>(geometry, bias, y, f);
        return;
      }
    }
  compute_by_loops<direction>(geometry, x, weight, bias, y, summation, f);
}

/// The same of integers, whose `weights` the engine takes in parts.
template <Direction direction, int layout, int R, class Scalar, class F, class Weights>
void compute_integers(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                      const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                      const TensorView<Scalar, R + 2>& y, Summation summation, const F& f,
                      Workspace& workspace, const Weights& weights) {
  using Call = IntegerCall<direction, layout, R, Scalar, F, Weights>;
  if (engine_counts(geometry) &&
      Call(geometry, x, bias, y, f, weights, execution_of(workspace)).run())
    return;
  compute_by_loops<direction>(geometry, x, weight, bias, y, summation, f);
}

/// The same of complex numbers.
template <Direction direction, int layout, int R, class Scalar, class F, class Weights>
void compute_complex(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                     const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                     const TensorView<Scalar, R + 2>& y, Summation summation, const F& f,
                     Workspace& workspace, const Weights& weights) {
  if (summation == Summation::fastest && engine_counts(geometry) &&
      run_complex<direction, layout>(geometry, x, bias, y, f, weights, execution_of(workspace)))
    return;
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
    if constexpr (EngineInteger<Scalar>)
      compute_integers<direction, layout>(
          geometry, x, weight, bias, y, summation, NoEpilogue{}, workspace,
          IntegerWeightsOnce<direction, layout, R, Scalar>(weight, geometry.groups()));
    else if constexpr (EngineComplex<Scalar>)
      compute_complex<direction, layout>(
          geometry, x, weight, bias, y, summation, NoEpilogue{}, workspace,
          ComplexWeightsOnce<direction, layout, R, typename Scalar::value_type>(weight,
                                                                                geometry.groups()));
    else
      compute_once(geometry, x, weight, bias, y);
  }

 private:
  template <int R, class Scalar>
  void compute_once(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                    const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                    const TensorView<Scalar, R + 2>& y) const {
    using Sum = Accumulator<Scalar>;
    runtime::Execution& execution = execution_of(workspace);
    TensorView<const Sum, R + 2> engine_weight{nullptr, weight.extents, weight.strides};
    const Sum* engine_bias = nullptr;
    if constexpr (EngineScalar<Sum>) {
      const Index weights = size_of(weight.extents), channels = bias ? y.extents[1] : 0;
      Sum* const memory = StoredNarrow<Scalar>
                              ? reinterpret_cast<Sum*>(execution.operand_scratch(
                                    static_cast<std::size_t>(weights + channels) * sizeof(Sum)))
                              : nullptr;
      engine_weight.data = widened(weight.data, weights, memory);
      engine_bias = widened(bias, channels, memory + (memory ? weights : 0));
    }
    compute<direction, layout>(
        geometry, x, weight, bias, engine_bias, y, summation, NoEpilogue{}, workspace,
        [&](const ConvShape& shape, const auto& operands, runtime::Execution& on) {
          return engine::run_once(
              shape, weight_source<direction, R>(engine_weight, geometry.groups(), layout),
              operands, on);
        });
  }
};

}  // namespace tconv::inline TCONV_ISA::frontend
