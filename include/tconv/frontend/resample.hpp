#pragma once

/// \file
/// What the upsampling functions do before and around their algorithms.

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// One integer, or one for each of `R` axes. The caller names `R`, or the image does.
template <int R>
using Scale = std::type_identity_t<PerAxis<R, Index>>;

/// The shape of an image enlarged by `scale`, each argument checked.
template <int R>
Extents<R + 2> enlarged_shape(const Extents<R + 2>& x, const PerAxis<R, Index>& scale,
                              const char* scale_name, const char* function) {
  Extents<R> in{};
  std::copy(x.begin() + 2, x.end(), in.begin());
  require(x[1] >= 1, function, "x has ", x[1], " channels, but must have at least 1");
  check_extents(in, "x", function);
  Extents<R + 2> y = x;
  for (std::size_t a = 0; a < in.size(); ++a) {
    require(scale[a] >= 1, function, scale_name, " is ", scale[a], " on spatial axis ", a,
            ", but must be at least 1");
    y[a + 2] = (CheckedIndex(in[a]) * scale[a])
                   .get(function, "x has extent ", in[a], " on spatial axis ", a, " and ",
                        scale_name, " is ", scale[a], ", the product of which overflows");
  }
  return y;
}

/// Checks a call, allocates its result of the shape `shape_of(x's shape)` and has `algorithm(x, y)`
/// fill it. Shapes are in the order of `TensorView`.
template <int R, class X, class ShapeOf, class Algorithm>
auto resample(const char* function, const X& x, DataFormat format, const ShapeOf& shape_of,
              const Algorithm& algorithm) {
  using Scalar = tensor_scalar<X>;
  const auto& stored_x = stored(x);
  checked_size<Scalar>(extents_of(stored_x), "x", function);
  const TensorView<const Scalar, R + 2> x_view = image_view<R>(stored_x, format);
  const Extents<R + 2> y_shape = shape_of(x_view.extents);
  checked_size<Scalar, tensor_index<X>>(y_shape, "the result", function);
  auto y =
      make_tensor<Result<X>>(own_order<static_cast<std::size_t>(tensor_rank<X>)>(y_shape, format));
  if (y.size() > 0) algorithm(x_view, image_view<R>(y, format));
  return y;
}

}  // namespace tconv::inline TCONV_ISA::frontend
