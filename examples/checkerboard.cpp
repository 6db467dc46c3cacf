// Where the checkerboard of a transposed convolution comes from, and two ways to be rid of it.
//
//   checkerboard [photograph.png [result.png]]
//
// From left to right: how many copies of a 3x3 kernel meet at each output with stride 2, dark 1 and
// light 4; a photograph enlarged so; by a 4x4 kernel, a multiple of the stride, where 4 copies meet
// everywhere; and by linear upsampling and a 3x3 convolution. All kernels are of ones, as many as
// an untrained network has no reason to prefer to others. Source: Odena, Dumoulin and Olah,
// "Deconvolution and Checkerboard Artifacts", 2016.

#include <iostream>
#include <tconv/tconv.hpp>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Weight = Eigen::Tensor<float, 4, Eigen::RowMajor>;

/// One kernel for each colour, of ones that add up to `sum`.
Weight ones(Index size, float sum) {
  Weight weight(3, 1, size, size);
  weight.setConstant(sum / static_cast<float>(size * size));
  return weight;
}

/// How many copies of the kernel meet at each output: the transposed convolution of ones.
Picture overlap(Index kernel, Index rows, Index cols) {
  Picture image(3, rows, cols);
  image.setConstant(1.0f);
  return tconv::conv_transpose(image, ones(kernel, static_cast<float>(kernel * kernel)),
                               {.stride = 2, .padding = 1, .groups = 3});
}

void print(const Picture& counts) {
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 8; ++j) std::cout << ' ' << counts(0, i + 2, j + 2);
    std::cout << '\n';
  }
}

Picture middle(const Picture& photo) {
  const Index rows = photo.dimension(1) / 2, cols = photo.dimension(2) / 2;
  return photo.slice(Eigen::array<Index, 3>{0, rows / 2, cols / 2},
                     Eigen::array<Index, 3>{3, rows, cols});
}

int run(const Arguments& arguments) {
  const std::string in = arguments.text(0, DATA_FOLDER "/photo.png");
  const std::string out = arguments.text(1, "checkerboard.png");
  const Picture photo = middle(read_png(in));
  const Index rows = 2 * photo.dimension(1), cols = 2 * photo.dimension(2);

  const Picture uneven = overlap(3, rows, cols), even = overlap(4, rows, cols);
  std::cout << "copies of a 3x3 kernel that meet at an output, stride 2\n";
  print(uneven);
  std::cout << "copies of a 4x4 kernel\n";
  print(even);
  const Picture counts = enlarge(uneven, 8) / 4.0f;

  // Weights that keep the mean brightness: the sum of a kernel is spread over 4 outputs.
  const Picture by_3 = tconv::conv_transpose(
      photo, ones(3, 4), {.stride = 2, .padding = 1, .output_padding = 1, .groups = 3});
  const Picture by_4 =
      tconv::conv_transpose(photo, ones(4, 4), {.stride = 2, .padding = 1, .groups = 3});
  const Picture linear = tconv::upsample_conv(photo, ones(3, 1), 2, {.padding = 1, .groups = 3});

  const Picture corner =
      counts.slice(Eigen::array<Index, 3>{0, 8, 8}, Eigen::array<Index, 3>{3, rows, cols});
  save(out, side_by_side(side_by_side(corner, by_3), side_by_side(by_4, linear)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
