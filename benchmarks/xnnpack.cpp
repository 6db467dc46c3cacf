#include "xnnpack.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <tconv/simd/packet.hpp>
#include <tconv/simd/transpose.hpp>

namespace xnnpack {

namespace {

using Eigen::Index;

constexpr int lanes = tconv::simd::Packet<float>::size;

Index product(const std::array<Index, 3>& extents) { return extents[0] * extents[1] * extents[2]; }

void require(xnn_status status, const char* what) {
  if (status != xnn_status_success)
    throw std::runtime_error(std::string("XNNPACK fails to ") + what + ": status " +
                             std::to_string(status));
}

/// Row-major matrices, and their transposes.
struct Transposition {
  const float* from;
  float* to;
  Index rows, columns;

  /// Columns `first` to `last` of matrix `n`.
  void run(Index n, Index first, Index last) const {
    const float* source = from + n * rows * columns;
    float* target = to + n * rows * columns;
    for (Index c = first; c < last; c += lanes)
      for (Index r = 0; r < rows; r += lanes)
        if (c + lanes <= last && r + lanes <= rows)
          transpose_square(source + r * columns + c, target + c * rows + r);
        else
          for (Index j = c; j < std::min(c + lanes, last); ++j)
            for (Index i = r; i < std::min(r + lanes, rows); ++i)
              target[j * rows + i] = source[i * columns + j];
  }

 private:
  void transpose_square(const float* source, float* target) const {
    using Square = tconv::simd::Transposition<float, lanes>;
    using Row = Square::Row;
    Row square[lanes];
    for (Index i = 0; i < lanes; ++i) std::memcpy(&square[i], source + i * columns, sizeof(Row));
    Square::run(square);
    for (Index i = 0; i < lanes; ++i) std::memcpy(target + i * rows, &square[i], sizeof(Row));
  }
};

void transpose(pthreadpool_t pool, Index batch, Transposition matrices) {
  const auto task = [](void* context, std::size_t n, std::size_t first, std::size_t count) {
    static_cast<const Transposition*>(context)->run(
        static_cast<Index>(n), static_cast<Index>(first), static_cast<Index>(first + count));
  };
  const Index squares = (matrices.columns + lanes - 1) / lanes;
  const Index tile = lanes * std::max<Index>(1, squares / 16);
  pthreadpool_parallelize_2d_tile_1d(pool, task, &matrices, static_cast<std::size_t>(batch),
                                     static_cast<std::size_t>(matrices.columns),
                                     static_cast<std::size_t>(tile), 0);
}

/// From (groups, in, out, taps) to (groups, out, taps, in).
std::vector<float> reorder_weight(const Problem& p, const float* weight) {
  const Index c = p.in_channels / p.groups, m = p.out_channels / p.groups, taps = product(p.kernel);
  std::vector<float> result(static_cast<std::size_t>(p.groups * c * m * taps));
  for (Index g = 0; g < p.groups; ++g)
    transpose(nullptr, 1,
              {weight + g * c * m * taps, result.data() + g * c * m * taps, c, m * taps});
  return result;
}

}  // namespace

Layer::Layer(const Problem& p, const float* x, const float* weight, const float* bias, float* y,
             int threads)
    : problem_(p), x_(x), y_(y) {
  if (p.axes > 2) throw std::runtime_error("XNNPACK has no layers of three axes");
  require(xnn_initialize(nullptr), "start");
  if (threads > 1) pool_.reset(pthreadpool_create(static_cast<std::size_t>(threads)));
  // It reads a little beyond its arrays.
  own_x_.resize(static_cast<std::size_t>(p.batch * p.in_channels * product(p.in)) +
                XNN_EXTRA_BYTES / sizeof(float));
  if (p.channels_last)
    std::copy_n(x, p.batch * p.in_channels * product(p.in), own_x_.begin());
  else
    own_y_.resize(static_cast<std::size_t>(p.batch * p.out_channels * product(p.out())));
  // A layer of one axis is an image of one row: the neutral entries of the other axes.
  const std::size_t h = p.axes == 1 ? 1 : 0, w = 1 - h;
  const auto u32 = [](Index value) { return static_cast<std::uint32_t>(value); };
  const auto size = [](Index value) { return static_cast<std::size_t>(value); };
  const std::vector<float> own_weight = reorder_weight(p, weight);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  xnn_operator_t layer = nullptr;
  require(xnn_create_deconvolution2d_nhwc_f32(
              u32(p.padding[h]), u32(p.padding[w]), u32(p.padding[h]), u32(p.padding[w]),
              u32(p.kernel[h]), u32(p.kernel[w]), u32(p.stride[h]), u32(p.stride[w]),
              u32(p.dilation[h]), u32(p.dilation[w]), u32(p.groups), size(p.in_channels / p.groups),
              size(p.out_channels / p.groups), size(p.in_channels), size(p.out_channels),
              own_weight.data(), bias, -infinity, infinity, 0, &layer),
          "create the layer");
  layer_.reset(layer);
  require(xnn_setup_deconvolution2d_nhwc_f32(layer, size(p.batch), size(p.in[h]), size(p.in[w]),
                                             u32(p.output_padding[h]), u32(p.output_padding[w]),
                                             own_x_.data(), p.channels_last ? y : own_y_.data(),
                                             pool_.get()),
          "set the layer up");
}

void Layer::run() {
  const Problem& p = problem_;
  if (p.channels_last) return require(xnn_run_operator(layer_.get(), pool_.get()), "run the layer");
  transpose(pool_.get(), p.batch, {x_, own_x_.data(), p.in_channels, product(p.in)});
  require(xnn_run_operator(layer_.get(), pool_.get()), "run the layer");
  transpose(pool_.get(), p.batch, {own_y_.data(), y_, product(p.out()), p.out_channels});
}

}  // namespace xnnpack
