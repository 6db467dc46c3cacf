#pragma once

/// \file
/// Images as their memory holds them.

#include <algorithm>
#include <array>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Every layout of a dense image is an array `[outer][axis 0][axis 1][axis 2][inner]`, the axes in
/// the order of their strides: the batch and channel axes lie outside or inside them.
///
///     RowMajor channels first   [n c][d][h][w]         ColMajor channels first   [w][h][d][c n]
///     RowMajor channels last    [n][d][h][w][c]        ColMajor channels last    [c][w][h][d][n]
struct Grid {
  Index outer = 1;
  std::array<Index, 3> extents{1, 1, 1};
  Index inner = 1;
};

constexpr bool channels_inside(DataFormat format, int layout) {
  return (format == DataFormat::channels_last) == (layout == Eigen::RowMajor);
}

template <int R, class T>
Grid grid_of(const TensorView<T, R + 2>& image, DataFormat format, int layout) {
  Grid grid;
  Extents<R> own{};
  std::copy(image.extents.begin() + 2, image.extents.end(), own.begin());
  grid.extents = memory_order<R>(own, layout, Index{1});
  (layout == Eigen::RowMajor ? grid.outer : grid.inner) *= image.extents[0];
  (channels_inside(format, layout) ? grid.inner : grid.outer) *= image.extents[1];
  return grid;
}

template <int R>
std::array<Index, 3> grid_scale(const PerAxis<R, Index>& scale, int layout) {
  Extents<R> own{};
  std::copy(scale.begin(), scale.end(), own.begin());
  return memory_order<R>(own, layout, Index{1});
}

}  // namespace tconv::inline TCONV_ISA::upsampling
