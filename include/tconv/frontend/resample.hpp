#pragma once

/// \file
/// The calls of the upsampling functions: each checks its arguments, finds the place of its result,
/// and has it filled.

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interpolate.hpp"
#include "tconv/upsampling/repeat.hpp"
#include "tconv/upsampling/shuffle.hpp"
#include "tconv/workspace.hpp"

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

/// The shape of an image whose channels become pixels.
template <int R>
Extents<R + 2> shuffled_shape(const Extents<R + 2>& x, const PerAxis<R, Index>& r, int channel_axis,
                              const char* function) {
  Extents<R + 2> y = enlarged_shape<R>(x, r, "r", function);
  CheckedIndex product(1);
  for (const Index factor : r) product = product * factor;
  const Index phases =
      product.get(function, "r is ", r.values(), ", the product of which overflows");
  require(x[1] % phases == 0, function, "x has ", x[1], " channels (axis ", channel_axis,
          "), but it must be a multiple of ", phases, ", the product of r over the axes");
  y[1] = x[1] / phases;
  return y;
}

/// Checks a call, finds the place of its result, of the shape `shape_of(x's shape)`, in `out`, and
/// has `algorithm(x, y)` fill it. Shapes are in the order of `TensorView`. `R` as for `image_axes`.
template <int R, class Out, class X, class ShapeOf, class Algorithm>
decltype(auto) resample(const char* function, const Out& out, const X& x, DataFormat format,
                        const ShapeOf& shape_of, const Algorithm& algorithm) {
  if constexpr (check_image<X, R>())
    if constexpr (Out::template accepts<X, tensor_rank<X>>()) {
      constexpr int axes = image_axes<X, R>;
      const auto& stored_x = stored(x);
      const TensorView<const tensor_scalar<X>, axes + 2> x_view =
          checked_image_view<axes>(stored_x, format, "x", function);
      const Extents<axes + 2> y_shape = shape_of(x_view.extents);
      decltype(auto) y = out.template place<Result<X>>(
          function, own_order<static_cast<std::size_t>(tensor_rank<X>)>(y_shape, format),
          {{"x", stored_x}});
      if (y.size() > 0) algorithm(x_view, image_view<axes>(y, format));
      return y;
    }
}

template <int R, class Out, class X>
decltype(auto) upsample_nearest(const char* function, Workspace& workspace, const Out& out,
                                const X& x, const Scale<image_axes<X, R>>& scale,
                                DataFormat format) {
  constexpr int axes = image_axes<X, R>, layout = storage_order<X>;
  return resample<R>(
      function, out, x, format,
      [&](const auto& shape) { return enlarged_shape<axes>(shape, scale, "scale", function); },
      [&](const auto& from, const auto& to) {
        upsampling::repeat_pixels(from.data, upsampling::grid_of<axes>(from, format, layout),
                                  upsampling::grid_scale(scale, layout), to.data,
                                  execution_of(workspace));
      });
}

template <int R, class Out, class X>
decltype(auto) upsample_linear(const char* function, Workspace& workspace, const Out& out,
                               const X& x, const Scale<image_axes<X, R>>& scale,
                               DataFormat format) {
  constexpr int axes = image_axes<X, R>, layout = storage_order<X>;
  return resample<R>(
      function, out, x, format,
      [&](const auto& shape) { return enlarged_shape<axes>(shape, scale, "scale", function); },
      [&](const auto& from, const auto& to) {
        const auto grid = upsampling::grid_of<axes>(from, format, layout);
        const auto& [n0, n1, n2] = grid.extents;
        upsampling::Interpolation(from.data, grid, upsampling::grid_scale(scale, layout))(
            {{{0, n0}, {0, n1}, {0, n2}}}, to.data, execution_of(workspace));
      });
}

template <int R, class Out, class X>
decltype(auto) pixel_shuffle(const char* function, Workspace& workspace, const Out& out, const X& x,
                             const Scale<image_axes<X, R>>& r, DataFormat format) {
  constexpr int axes = image_axes<X, R>;
  return resample<R>(
      function, out, x, format,
      [&](const auto& shape) {
        return shuffled_shape<axes>(shape, r, channel_axis<axes, axes + 2>(format), function);
      },
      [&](const auto& from, const auto& to) {
        upsampling::shuffle_pixels<axes>(from, to, r, format, storage_order<X>,
                                         execution_of(workspace));
      });
}

}  // namespace tconv::inline TCONV_ISA::frontend
