#pragma once

/// \file
/// The network of Dong, Loy and Tang, "Accelerating the Super-Resolution Convolutional Neural
/// Network" (2016): FSRCNN(32, 12, 3). Six convolutions see the small image, and at the end a
/// transposed convolution with a 9x9 kernel enlarges it. As in the paper all factors share the
/// convolutions, the body.

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <utility>
#include <vector>

#include "bicubic.hpp"
#include "npy.hpp"
#include "picture.hpp"

namespace fsrcnn {

using Eigen::Index;
using Weight = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using Vector = Eigen::Tensor<float, 1, Eigen::RowMajor>;

inline constexpr std::array factors{2, 3, 4};
inline constexpr Index features = 32;  ///< d in the paper
inline constexpr Index up_kernel = 9;

struct Shape {
  Index in, out, kernel;
};
/// Features, shrinking, three of mapping, expanding.
inline constexpr std::array<Shape, 6> body{Shape{1, features, 5}, {features, 12, 1},
                                           {12, 12, 3},           {12, 12, 3},
                                           {12, 12, 3},           {12, features, 1}};

/// The image keeps its extents.
constexpr tconv::ConvOptions<2> body_options(const Shape& shape) {
  return {.padding = (shape.kernel - 1) / 2};
}

/// `factor` times the extents.
constexpr tconv::ConvOptions<2> up_options(Index factor) {
  return tconv::with_same_padding(tconv::ConvOptions<2>{.stride = factor},
                                  std::array{up_kernel, up_kernel}, tconv::Same::upper);
}

/// No output depends on a pixel of the small image that is further away: two pixels by the first
/// convolution, three by the mapping, at most three by the transposed convolution.
inline constexpr Index reach = 8;

/// The files of the parameters in a folder, each a vector. The body's has for each convolution the
/// weight, the bias and the rectifier's slopes; a factor's the weight and the bias.
inline std::string body_file(const std::string& folder) { return folder + "/body.npy"; }
inline std::string up_file(const std::string& folder, int factor) {
  return folder + "/up_x" + std::to_string(factor) + ".npy";
}

/// Takes tensors out of a vector, one behind the other.
class Parameters {
 public:
  explicit Parameters(const std::string& path) : path_(path), all_(npy::read<Vector>(path)) {}

  /// \throws std::runtime_error if the file has too few numbers
  template <class Tensor, class... Extents>
  Tensor take(Extents... extents) {
    const Index size = (Index{1} * ... * extents);
    if (size > all_.size() - next_) throw std::runtime_error(path_ + ": has too few parameters");
    const Tensor tensor = Eigen::TensorMap<const Tensor>(all_.data() + next_, extents...);
    next_ += size;
    return tensor;
  }

 private:
  std::string path_;
  Vector all_;
  Index next_ = 0;
};

/// The trained network for one factor.
class SuperResolution {
 public:
  /// \throws std::runtime_error if the folder lacks the parameters
  SuperResolution(const std::string& folder, int factor)
      : factor_(factor), up_(make_up(folder, factor)) {
    Parameters parameters(body_file(folder));
    for (const Shape& shape : body) {
      const auto weight = parameters.take<Weight>(shape.out, shape.in, shape.kernel, shape.kernel);
      const auto bias = parameters.take<Vector>(shape.out);
      convolutions_.emplace_back(weight, bias, body_options(shape));
      slopes_.push_back(parameters.take<Vector>(shape.out));
    }
  }

  /// Enlarges a plane, part by part: features of a whole photograph would take gigabytes.
  Plane operator()(const Plane& small, tconv::Workspace& workspace) const {
    Plane large(small.dimension(0) * factor_, small.dimension(1) * factor_);
    using Position = Eigen::array<Index, 2>;
    for (Index i = 0; i < small.dimension(0); i += part)
      for (Index j = 0; j < small.dimension(1); j += part) {
        const Index rows = std::min(part, small.dimension(0) - i);
        const Index columns = std::min(part, small.dimension(1) - j);
        const Weight y = enlarge(around(small, i, j, rows, columns), workspace);
        large.slice(Position{i * factor_, j * factor_},
                    Position{rows * factor_, columns * factor_}) =
            y.chip<0>(0).chip<0>(0).slice(Position{reach * factor_, reach * factor_},
                                          Position{rows * factor_, columns * factor_});
      }
    return large;
  }

 private:
  using Conv = tconv::Conv<float, 2, Eigen::RowMajor>;
  using Up = tconv::ConvTranspose<float, 2, Eigen::RowMajor>;
  static constexpr Index part = 128;

  static Up make_up(const std::string& folder, int factor) {
    Parameters parameters(up_file(folder, factor));
    const auto weight = parameters.take<Weight>(features, Index{1}, up_kernel, up_kernel);
    return Up(weight, parameters.take<Vector>(Index{1}), up_options(factor));
  }

  /// A part of the image and `reach` pixels around it: beyond the border the last pixel again,
  /// because zeros, as the convolutions pad, would be a black frame.
  static Weight around(const Plane& image, Index i0, Index j0, Index rows, Index columns) {
    Weight x(1, 1, rows + 2 * reach, columns + 2 * reach);
    for (Index i = 0; i < x.dimension(2); ++i)
      for (Index j = 0; j < x.dimension(3); ++j)
        x(0, 0, i, j) = image(std::clamp<Index>(i0 + i - reach, 0, image.dimension(0) - 1),
                              std::clamp<Index>(j0 + j - reach, 0, image.dimension(1) - 1));
    return x;
  }

  Weight enlarge(Weight x, tconv::Workspace& workspace) const {
    for (std::size_t l = 0; l < convolutions_.size(); ++l) {
      Weight y(convolutions_[l].output_dimensions(x.dimensions()));
      const float* const slopes = slopes_[l].data();
      convolutions_[l].run(x, y, workspace, [slopes](float v, Index channel) {
        return v > 0.0f ? v : slopes[channel] * v;
      });
      x = std::move(y);
    }
    return up_(x, workspace);
  }

  Index factor_;
  Up up_;
  std::vector<Conv> convolutions_;
  std::vector<Vector> slopes_;
};

/// Brightness in [0, 1], of which the eye sees the details, by ITU-R BT.601.
inline Plane luma(const Picture& picture) {
  return 0.299f * picture.chip<0>(0) + 0.587f * picture.chip<0>(1) + 0.114f * picture.chip<0>(2);
}

}  // namespace fsrcnn
