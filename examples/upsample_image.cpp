// Enlarges a photograph by a transposed convolution, well and badly.
//
//   upsample_image [factor [photograph.png [result.png]]]
//
// Left: the bilinear kernel with which fully convolutional networks start. Right: a 3x3 kernel of
// ones with stride 2, as an untrained network might have it. Its copies overlap unevenly, because 3
// is no multiple of 2: the checkerboard.

#include <cstdlib>
#include <iostream>
#include <tconv/tconv.hpp>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Weight = Eigen::Tensor<float, 4, Eigen::RowMajor>;

/// Every output divided by what an input of ones gives at its place: at the border fewer copies of
/// the kernel overlap than inside, and the picture would be dark there.
Picture upsample_bilinear(const Picture& photo, Index factor) {
  const Index kernel = 2 * factor - factor % 2;
  const tconv::ConvOptions<2> options{.stride = factor, .padding = factor / 2};
  const Weight weight = tconv::bilinear_kernel<float>(3, 3, kernel);
  std::cout << "bilinear kernel " << kernel << "x" << kernel << ", stride " << factor
            << ", padding " << factor / 2 << '\n';
  const Picture ones = photo.constant(1.0f);
  return tconv::conv_transpose(photo, weight, options) /
         tconv::conv_transpose(ones, weight, options);
}

/// 1, 2 or 4 copies of the kernel overlap at an output, 9/4 on average.
Picture upsample_with_ones(const Picture& photo) {
  Weight weight(3, 1, 3, 3);
  weight.setConstant(4.0f / 9.0f);
  std::cout << "kernel of ones 3x3, stride 2: the checkerboard\n";
  return tconv::conv_transpose(photo, weight,
                               {.stride = 2, .padding = 1, .output_padding = 1, .groups = 3});
}

int run(const Arguments& arguments) {
  const Index factor = arguments.number(0, 2);
  const std::string in = arguments.text(1, DATA_FOLDER "/photo.png");
  const std::string out = arguments.text(2, "upsample_image.png");
  if (factor < 2 || factor > 4) {
    std::cerr << "usage: upsample_image [factor 2, 3 or 4 [photograph.png [result.png]]]\n";
    return 1;
  }
  const Picture photo = read_png(in);
  const Picture smooth = upsample_bilinear(photo, factor);
  const Picture checkerboard = upsample_with_ones(photo);
  std::cout << photo.dimension(2) << "x" << photo.dimension(1) << " -> " << smooth.dimension(2)
            << "x" << smooth.dimension(1) << '\n';
  save(out, side_by_side(smooth, checkerboard));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
