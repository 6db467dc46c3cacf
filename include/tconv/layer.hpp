#pragma once

/// \file
/// Layers: a convolution or transposed convolution whose weights are packed once, and which
/// computes into given memory.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

template <class Dimensions>
Extents<core::dimension_count<Dimensions>> to_extents(const Dimensions& dimensions) {
  Extents<core::dimension_count<Dimensions>> extents{};
  for (std::size_t a = 0; a < extents.size(); ++a)
    extents[a] =
        static_cast<Index>(dimensions[static_cast<core::DimensionSubscript<Dimensions>>(a)]);
  return extents;
}

/// What `ConvTranspose` and `Conv` share: all but the direction.
template <Direction direction, class Scalar, int R, int layout>
class Layer {
 public:
  /// Copies the weight. \throws std::invalid_argument if `options` or the shapes are invalid
  template <class W>
  explicit Layer(const W& weight, const ConvOptions<R>& options = {})
      : Layer(weight, frontend::NoBias{}, options) {}
  template <class W, class Bias>
  requires(!std::same_as<Bias, ConvOptions<R>>)
      Layer(const W& weight, const Bias& bias, const ConvOptions<R>& options = {})
      : state_(make_state(weight, bias, options)) {}

  const ConvOptions<R>& options() const { return state_->options; }

  /// What streams compute with.
  friend const auto& state_of(const Layer& layer) { return *layer.state_; }

  /// The dimensions of the result for an `x` of the given dimensions.
  template <class Dimensions>
  auto output_dimensions(const Dimensions& x) const {
    constexpr int rank = core::dimension_count<Dimensions>;
    static_assert(rank == R + 2 || rank == R + 1,
                  "tconv: x must have the weight's rank, or one axis less if it is unbatched");
    const auto shape = frontend::own_order<static_cast<std::size_t>(rank)>(
        geometry(to_extents(x)).output_shape(direction), options().data_format);
    Eigen::DSizes<Index, rank> result;
    std::copy(shape.begin(), shape.end(), result.begin());
    return result;
  }

  /// Computes into a new tensor.
  template <class X>
  auto operator()(const X& x) const {
    return (*this)(x, thread_workspace());
  }
  template <class X>
  auto operator()(const X& x, Workspace& workspace) const {
    if constexpr (frontend::check_run_types<X, frontend::Result<X>, Scalar, R, layout>()) {
      const auto& stored_x = frontend::stored_image(x, "x", name);
      const auto shape = frontend::own_order<static_cast<std::size_t>(core::tensor_rank<X>)>(
          geometry(core::extents_of(stored_x)).output_shape(direction), options().data_format);
      core::checked_size<Scalar, core::tensor_index<X>>(shape, "the result", name);
      auto y = frontend::make_tensor<frontend::Result<X>>(shape);
      run(stored_x, y, workspace);
      return y;
    }
  }

  /// Computes into `y`, a tensor or a slice of one, which has the dimensions `output_dimensions`
  /// says and shares no memory with `x`. Allocates nothing once the workspace has seen the shape,
  /// if it has one thread.
  /// \throws std::invalid_argument if the shapes do not fit together or `y` overlaps `x`; `y` is
  ///   then as it was
  template <class X, class Y>
  void run(const X& x, Y&& y, Workspace& workspace) const {
    run(x, y, workspace, frontend::NoEpilogue{});
  }

  /// The same with `f(value)` or `f(value, channel)` of each output in place of the output. `f` may
  /// be called from several threads, and more than once for an output.
  template <class X, class Y, class F>
  void run(const X& x, Y&& y, Workspace& workspace, const F& f) const {
    using Out = std::remove_reference_t<Y>;
    if constexpr (frontend::check_run_types<X, Out, Scalar, R, layout>()) {
      const auto& stored_x = frontend::stored_image(x, "x", name);
      const Geometry<R> g = geometry(core::extents_of(stored_x));
      const auto shape = frontend::own_order<static_cast<std::size_t>(core::tensor_rank<X>)>(
          g.output_shape(direction), options().data_format);
      frontend::GivenImage{y, "y"}.template place<void>(name, shape, {{"x", stored_x}});
      compute(g, frontend::image_view<R>(stored_x, options().data_format),
              frontend::image_view<R>(y, options().data_format), workspace, f);
    }
  }

 private:
  using Weight = Eigen::Tensor<Scalar, R + 2, layout>;

  static constexpr const char* name = direction == Direction::scatter ? "ConvTranspose" : "Conv";

  /// Other scalars take the reference loops, which read the weight as it is.
  struct Unpacked {
    template <class Source>
    explicit Unpacked(const Source&) {}
    template <class... Arguments>
    bool run(const Arguments&...) const {
      return false;
    }
  };
  using Sum = core::Accumulator<Scalar>;
  /// Weights as the engine takes them.
  template <class Number>
  struct PackedOf {
    using type = std::conditional_t<core::EngineScalar<Sum>, engine::PackedWeights<Sum>, Unpacked>;
  };
  template <core::EngineInteger Number>
  struct PackedOf<Number> {
    using type = frontend::IntegerWeights<direction, layout, R, Number>;
  };
  template <core::EngineComplex Number>
  struct PackedOf<Number> {
    using type = frontend::ComplexWeights<direction, layout, R, typename Number::value_type>;
  };
  using Packed = typename PackedOf<Scalar>::type;

  struct State {
    Weight weight;
    std::vector<Scalar> bias;
    ConvOptions<R> options;
    std::vector<Sum> engine_weight, engine_bias;  // of narrow elements
    Packed packed;

    template <class W, class Bias>
    State(const W& w, const Bias& b, const ConvOptions<R>& o)
        : weight(w),
          options(checked(o)),
          engine_weight(widened(weight.data(), weight.size())),
          packed(packed_weight(o.groups)) {
      if constexpr (!std::same_as<Bias, frontend::NoBias>) {
        const auto& elements = frontend::stored_bias(b);
        const Scalar* data = frontend::bias_data<Scalar>(
            elements,
            direction == Direction::scatter
                ? core::channels_of_groups(weight.dimension(1), o.groups, name)
                : weight.dimension(0),
            name);
        bias.assign(data, data + elements.size());
        engine_bias = widened(data, static_cast<Index>(bias.size()));
      }
    }

    core::TensorView<const Scalar, R + 2> view() const { return core::plain_view(weight); }

    const ConvOptions<R>& checked(const ConvOptions<R>& o) const {
      Geometry<R>::check_weight(view().extents, o, name);
      return o;
    }

    Packed packed_weight(Index groups) const {
      if constexpr (core::EngineInteger<Scalar> || core::EngineComplex<Scalar>)
        return Packed(view(), groups);
      else
        return Packed(frontend::weight_source<direction, R>(engine_view(), groups, layout));
    }

    /// The weight, and the bias, as the engine takes them.
    core::TensorView<const Sum, R + 2> engine_view() const {
      const auto own = view();
      if constexpr (std::same_as<Sum, Scalar>)
        return own;
      else
        return {engine_weight.data(), own.extents, own.strides};
    }
    const Sum* bias_of_engine() const {
      if constexpr (std::same_as<Sum, Scalar>)
        return bias.empty() ? nullptr : bias.data();
      else
        return engine_bias.empty() ? nullptr : engine_bias.data();
    }

    static std::vector<Sum> widened([[maybe_unused]] const Scalar* from,
                                    [[maybe_unused]] Index count) {
      std::vector<Sum> result;
      if constexpr (core::StoredNarrow<Scalar>) {
        result.resize(static_cast<std::size_t>(count));
        engine::widen(from, count, result.data());
      }
      return result;
    }
  };

  template <class W, class Bias>
  static std::shared_ptr<const State> make_state(const W& weight, const Bias& bias,
                                                 const ConvOptions<R>& options) {
    if constexpr (frontend::check_layer_types<W, Bias, Scalar, R, layout>())
      return std::make_shared<const State>(weight, bias, options);
    else
      return nullptr;
  }

  template <std::size_t rank>
  Geometry<R> geometry(const std::array<Index, rank>& x) const {
    core::checked_size<Scalar>(x, "x", name);
    return frontend::make_geometry<direction, R>(
        frontend::canonical<R>(x, options().data_format, 1), state_->view().extents, options(),
        name, frontend::channel_axis<R, static_cast<int>(rank)>(options().data_format));
  }

  template <class F>
  void compute(const Geometry<R>& geometry, const core::TensorView<const Scalar, R + 2>& x,
               const core::TensorView<Scalar, R + 2>& y, Workspace& workspace, const F& f) const {
    if (geometry.batch() == 0) return;
    const Scalar* bias = state_->bias.empty() ? nullptr : state_->bias.data();
    if constexpr (core::EngineInteger<Scalar>)
      frontend::compute_integers<direction, layout>(
          geometry, x, state_->view(), bias, y, options().summation, f, workspace, state_->packed);
    else if constexpr (core::EngineComplex<Scalar>)
      frontend::compute_complex<direction, layout>(
          geometry, x, state_->view(), bias, y, options().summation, f, workspace, state_->packed);
    else
      frontend::compute<direction, layout>(
          geometry, x, state_->view(), bias, state_->bias_of_engine(), y, options().summation, f,
          workspace,
          [&](const core::ConvShape& shape, const auto& operands, runtime::Execution& execution) {
            return state_->packed.run(shape, operands, execution);
          });
  }

  std::shared_ptr<const State> state_;
};

}  // namespace detail

/// A transposed convolution with its weight, `(C_in, C_out / groups, kernel...)`, and bias:
///
///     tconv::ConvTranspose up(weight, bias, {.stride = 2, .padding = 1});
///
/// Immutable; copies share the weight. Many threads may use one layer, each with its own workspace.
/// Results are bitwise the same for any number of threads. Where it saves time, products are summed
/// by Winograd's transform, whose rounding errors are relative to the largest inputs around an
/// output rather than to its own terms. See `conv_transpose` for the arguments.
///
/// \par Limits
/// A new weight is a new layer. The packings of 8 plans are remembered, for images of many shapes.
/// \par Example
/// \snippet functions.cpp ConvTranspose
template <class Scalar, int R, int layout>
class ConvTranspose : public detail::Layer<Direction::scatter, Scalar, R, layout> {
 public:
  using detail::Layer<Direction::scatter, Scalar, R, layout>::Layer;
};

/// A convolution with its weight, `(C_out, C_in / groups, kernel...)`, and bias. Otherwise as
/// `ConvTranspose`, limits and example included.
template <class Scalar, int R, int layout>
class Conv : public detail::Layer<Direction::gather, Scalar, R, layout> {
 public:
  using detail::Layer<Direction::gather, Scalar, R, layout>::Layer;
};

template <core::TensorExpression W>
ConvTranspose(const W&, const frontend::OptionsOf<W>& = {})
    -> ConvTranspose<core::tensor_scalar<W>, frontend::spatial_axes<W>, core::tensor_layout<W>>;
template <core::TensorExpression W, frontend::BiasFor<W> Bias>
ConvTranspose(const W&, const Bias&, const frontend::OptionsOf<W>& = {})
    -> ConvTranspose<core::tensor_scalar<W>, frontend::spatial_axes<W>, core::tensor_layout<W>>;
template <core::TensorExpression W>
Conv(const W&, const frontend::OptionsOf<W>& = {})
    -> Conv<core::tensor_scalar<W>, frontend::spatial_axes<W>, core::tensor_layout<W>>;
template <core::TensorExpression W, frontend::BiasFor<W> Bias>
Conv(const W&, const Bias&, const frontend::OptionsOf<W>& = {})
    -> Conv<core::tensor_scalar<W>, frontend::spatial_axes<W>, core::tensor_layout<W>>;

}  // namespace tconv::inline TCONV_ISA
