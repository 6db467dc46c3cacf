#pragma once

/// \file
/// Layers: a convolution or transposed convolution whose weights are packed once, and which
/// computes into given memory.

#include <functional>
#include <memory>
#include <type_traits>

#include "tconv/detail/production.hpp"

namespace tconv {
namespace detail {

/// Rejects outputs of wrong type, rank or storage order with one sentence.
template <class X, class Y, class Scalar, int R, int layout>
consteval bool check_run_types() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  static_assert(StoredTensor<Y>, "tconv: y must be an Eigen tensor, TensorMap or TensorFixedSize");
  if constexpr (TensorExpression<X> && StoredTensor<Y>) {
    constexpr bool x_rank = tensor_rank<X> == R + 2 || tensor_rank<X> == R + 1;
    constexpr bool y_rank = tensor_rank<Y> == tensor_rank<X>;
    constexpr bool scalars =
        std::same_as<tensor_scalar<X>, Scalar> && std::same_as<tensor_scalar<Y>, Scalar>;
    constexpr bool layouts = tensor_layout<X> == layout && tensor_layout<Y> == layout;
    static_assert(x_rank,
                  "tconv: x must have the weight's rank, or one axis less if it is unbatched");
    static_assert(y_rank, "tconv: y must have the rank of x");
    static_assert(scalars, "tconv: x and y must have the scalar type of the layer");
    static_assert(layouts, "tconv: x and y must have the storage order of the layer's weight");
    return x_rank && y_rank && scalars && layouts;
  } else {
    return false;
  }
}

template <class Dimensions>
Extents<dimension_count<Dimensions>> to_extents(const Dimensions& dimensions) {
  Extents<dimension_count<Dimensions>> extents{};
  for (std::size_t a = 0; a < extents.size(); ++a)
    extents[a] = static_cast<Index>(dimensions[static_cast<DimensionSubscript<Dimensions>>(a)]);
  return extents;
}

template <std::size_t rank>
std::string shape_text(const std::array<Index, rank>& shape) {
  std::ostringstream text;
  for (std::size_t a = 0; a < rank; ++a) text << (a == 0 ? "(" : ", ") << shape[a];
  text << ")";
  return text.str();
}

/// What `ConvTranspose` and `Conv` share: all but the direction.
template <Direction direction, class Scalar, int R, int layout>
class Layer {
 public:
  /// Copies the weight. \throws std::invalid_argument if `options` or the shapes are invalid
  template <class W>
  explicit Layer(const W& weight, const ConvOptions<R>& options = {})
      : Layer(weight, NoBias{}, options) {}
  template <class W, class Bias>
  requires(!std::same_as<Bias, ConvOptions<R>>)
      Layer(const W& weight, const Bias& bias, const ConvOptions<R>& options = {})
      : state_(std::make_shared<const State>(weight, bias, options)) {}

  const ConvOptions<R>& options() const { return state_->options; }

  /// The dimensions of the result for an `x` of the given dimensions.
  template <class Dimensions>
  auto output_dimensions(const Dimensions& x) const {
    constexpr int rank = dimension_count<Dimensions>;
    static_assert(rank == R + 2 || rank == R + 1,
                  "tconv: x must have the weight's rank, or one axis less if it is unbatched");
    const auto shape = own_order<static_cast<std::size_t>(rank)>(
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
    if constexpr (check_run_types<X, Result<X>, Scalar, R, layout>()) {
      const auto& stored_x = stored(x);
      const auto shape = own_order<static_cast<std::size_t>(tensor_rank<X>)>(
          geometry(extents_of(stored_x)).output_shape(direction), options().data_format);
      checked_size<Scalar, tensor_index<X>>(shape, name);
      auto y = make_tensor<Result<X>>(shape);
      run(stored_x, y, workspace);
      return y;
    }
  }

  /// Computes into `y`, which has the dimensions `output_dimensions` says and shares no memory with
  /// `x`. Allocates nothing once the workspace has seen the shape, if it has one thread.
  /// \throws std::invalid_argument if the shapes do not fit together or `y` overlaps `x`; `y` is
  ///   then as it was
  template <class X, class Y>
  void run(const X& x, Y&& y, Workspace& workspace) const {
    run(x, y, workspace, engine::Identity{});
  }

  /// The same with `f(value)` or `f(value, channel)` of each output in place of the output. `f` may
  /// be called from several threads, and more than once for an output.
  template <class X, class Y, class F>
  void run(const X& x, Y&& y, Workspace& workspace, const F& f) const {
    using Out = std::remove_cvref_t<Y>;
    if constexpr (check_run_types<X, Out, Scalar, R, layout>()) {
      const auto& stored_x = stored(x);
      const Geometry<R> g = geometry(extents_of(stored_x));
      const auto shape = own_order<static_cast<std::size_t>(tensor_rank<X>)>(
          g.output_shape(direction), options().data_format);
      require(extents_of(y) == shape, name, "y has shape ", shape_text(extents_of(y)),
              ", but the result has ", shape_text(shape));
      const std::less<const Scalar*> before;
      const Scalar* y_begin = y.data();
      require(!before(stored_x.data(), y_begin + y.size()) ||
                  !before(y_begin, stored_x.data() + stored_x.size()),
              name, "y overlaps x in memory, but must not");
      compute(g, image_view<R>(stored_x, options().data_format),
              image_view<R>(y, options().data_format), workspace, f);
    }
  }

 private:
  using Weight = Eigen::Tensor<Scalar, R + 2, layout>;

  static constexpr const char* name = direction == Direction::scatter ? "ConvTranspose" : "Conv";

  struct State {
    Weight weight;
    Eigen::Tensor<Scalar, 1, layout> bias;
    ConvOptions<R> options;
    bool finite = true;
    Scalar magnitude = Scalar(0);  // sum of those of the weights
    engine::PackedWeights<Scalar> packed;

    template <class W, class Bias>
    State(const W& w, const Bias& b, const ConvOptions<R>& o)
        : weight(w),
          options(o),
          packed(weight_source<direction, R>(view(), std::max<Index>(o.groups, 1), layout)) {
      Geometry<R>::check_weight(view().extents, o, name);
      if constexpr (TensorExpression<Bias>) {
        bias = b;
        bias_data<Scalar>(bias,
                          direction == Direction::scatter
                              ? CheckedIndex(weight.dimension(1), name) * o.groups
                              : CheckedIndex(weight.dimension(0), name),
                          name);
      }
      if constexpr (EngineScalar<Scalar>) {
        magnitude = engine::sum_of_magnitudes(weight.data(), weight.size());
        finite = std::isfinite(magnitude) || engine::all_finite(weight.data(), weight.size());
      }
    }

    TensorView<const Scalar, R + 2> view() const { return plain_view(weight); }
  };

  template <std::size_t rank>
  Geometry<R> geometry(const std::array<Index, rank>& x) const {
    checked_size<Scalar>(x, name);
    return make_geometry<direction, R>(
        canonical<R>(x, options().data_format, 1), state_->view().extents, options(), name,
        channel_axis<R, static_cast<int>(rank)>(options().data_format));
  }

  template <class F>
  void compute(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
               const TensorView<Scalar, R + 2>& y, Workspace& workspace, const F& f) const {
    if (geometry.batch() == 0) return;
    const Scalar* bias = state_->bias.size() > 0 ? state_->bias.data() : nullptr;
    if constexpr (EngineScalar<Scalar>) {
      if (state_->finite && engine_counts(geometry)) {
        const engine::Schedule& schedule =
            find_schedule<direction, Scalar>(workspace, geometry, layout);
        run_schedule(
            schedule, schedule.winograd() != nullptr, state_->magnitude,
            [&](const auto& packed_schedule) { return state_->packed.get(packed_schedule); }, bias,
            engine_image<R>(x, layout), engine_image<R>(y, layout), f, workspace);
        return;
      }
    }
    run_direct_loops<direction>(geometry, x, state_->view(), bias, y, f);
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
template <class Scalar, int R, int layout>
class ConvTranspose : public detail::Layer<Direction::scatter, Scalar, R, layout> {
 public:
  using detail::Layer<Direction::scatter, Scalar, R, layout>::Layer;
};

/// A convolution with its weight, `(C_out, C_in / groups, kernel...)`, and bias. Otherwise as
/// `ConvTranspose`.
template <class Scalar, int R, int layout>
class Conv : public detail::Layer<Direction::gather, Scalar, R, layout> {
 public:
  using detail::Layer<Direction::gather, Scalar, R, layout>::Layer;
};

template <detail::TensorExpression W>
ConvTranspose(const W&, const detail::OptionsOf<W>& = {})
    -> ConvTranspose<detail::tensor_scalar<W>, detail::spatial_axes<W>, detail::tensor_layout<W>>;
template <detail::TensorExpression W, detail::BiasFor<W> Bias>
ConvTranspose(const W&, const Bias&, const detail::OptionsOf<W>& = {})
    -> ConvTranspose<detail::tensor_scalar<W>, detail::spatial_axes<W>, detail::tensor_layout<W>>;
template <detail::TensorExpression W>
Conv(const W&, const detail::OptionsOf<W>& = {})
    -> Conv<detail::tensor_scalar<W>, detail::spatial_axes<W>, detail::tensor_layout<W>>;
template <detail::TensorExpression W, detail::BiasFor<W> Bias>
Conv(const W&, const Bias&, const detail::OptionsOf<W>& = {})
    -> Conv<detail::tensor_scalar<W>, detail::spatial_axes<W>, detail::tensor_layout<W>>;

}  // namespace tconv
