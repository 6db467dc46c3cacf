// Draws the pictures of docs/pictures.md.
//
//   draw_pictures folder
//
// Every number in them is what tconv computes.

#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <tconv/conv_transpose.hpp>
#include <tconv/upsample_conv.hpp>
#include <utility>
#include <vector>

#include "grid.hpp"

namespace {

/// Four inputs, each times the kernel at its place; their sum.
void draw_scatter(const std::string& path) {
  const Matrix x = two_by_two(1, 2, 3, 4), kernel = two_by_two(1, 2, 3, 4);
  Svg svg({960, 250});
  const double top = 60;
  caption(svg, {20 + cell, top - 22}, "input X", true);
  draw_grid(svg, {20, top}, 2, 2, coloured(x));
  caption(svg, {140 + cell, top - 22}, "kernel K", true);
  draw_grid(svg, {140, top}, 2, 2, values(kernel));
  caption(svg, {113, top + cell}, "*");
  caption(svg, {235, top + cell}, "=");
  double left = 260;
  for (Index i = 0; i < 2; ++i)
    for (Index j = 0; j < 2; ++j) {
      Matrix one = Matrix::Zero(2, 2);
      one(i, j) = x(i, j);
      const Matrix part = tconv::trans_conv(one, kernel);
      caption(svg, {left + 1.5 * cell, top - 22}, std::to_string(x(i, j)) + " K");
      draw_grid(svg, {left, top}, 3, 3, [&](Index row, Index column) {
        const bool reached = row >= i && row < i + 2 && column >= j && column < j + 2;
        return reached ? Cell{.fill = colours[static_cast<std::size_t>(2 * i + j)],
                              .text = std::to_string(part(row, column))}
                       : Cell{};
      });
      left += 3 * cell;
      caption(svg, {left + 17, top + 1.5 * cell}, i + j < 2 ? "+" : "=");
      left += cell;
    }
  const Matrix sum = tconv::trans_conv(x, kernel);
  const Reach reach(2, 2, 2, {});
  caption(svg, {left + 1.5 * cell, top - 22}, "output", true);
  draw_grid(svg, {left, top}, 3, 3, [&](Index i, Index j) {
    return Cell{.fill = reach.colour(i, j), .text = std::to_string(sum(i, j))};
  });
  svg.text({20, 205},
           "Each input, times the whole kernel, is added to the output at its own place.",
           {.anchor = "start"});
  svg.text({20, 228}, "Grey: outputs that two or more inputs reach. There the products add up.",
           {.anchor = "start"});
  svg.write(path);
}

/// The matrix of a convolution times its input; its transpose times that.
void draw_matrix(const std::string& path) {
  const double size = 26;
  const Matrix x = counting(3, 3), kernel = two_by_two(1, 2, 3, 4);
  const Eigen::SparseMatrix<int, Eigen::RowMajor> sparse = tconv::kernel2matrix(kernel, {3, 3});
  const Matrix m = sparse;
  const Matrix y = tconv::corr2d(x, kernel), z = tconv::trans_conv(y, kernel);
  const auto column = [](const Matrix& matrix) {
    Matrix v(matrix.size(), 1);
    for (Index i = 0; i < v.size(); ++i) v(i, 0) = matrix(i / matrix.cols(), i % matrix.cols());
    return v;
  };
  const Matrix vec_x = column(x), vec_y = column(y), vec_z = column(z);
  const auto taps = [](const Matrix& matrix) {
    return [&matrix](Index i, Index j) {
      const int value = matrix(i, j);
      return value == 0 ? Cell{}
                        : Cell{.fill = colours[static_cast<std::size_t>(value - 1)],
                               .text = std::to_string(value)};
    };
  };
  const auto grid = [&](Svg& svg, Point at, const Matrix& matrix, const CellOf& cells) {
    draw_grid(svg, at, matrix.rows(), matrix.cols(), cells, size);
  };
  Svg svg({960, 350});
  const double top = 60, middle = top + 4.5 * size;

  caption(svg, {20 + 4.5 * size, top - 22}, "M = kernel2matrix(K, {3, 3})", true);
  grid(svg, {20, top + 2.5 * size}, m, taps(m));
  caption(svg, {290, top - 22}, "vec(X)", true);
  grid(svg, {290 - size / 2, top}, vec_x, values(vec_x));
  caption(svg, {330, middle}, "=");
  caption(svg, {406, top - 22}, "vec(corr2d(X, K))", true);
  grid(svg, {406 - size / 2, top + 2.5 * size}, vec_y, values(vec_y, "#efefef"));

  const Matrix transpose = m.transpose();
  const double left = 560;
  caption(svg, {left + 2 * size, top - 22}, "M transposed", true);
  grid(svg, {left, top}, transpose, taps(transpose));
  caption(svg, {left + 155, top - 22}, "vec(Y)", true);
  grid(svg, {left + 155 - size / 2, top + 2.5 * size}, vec_y, values(vec_y, "#efefef"));
  caption(svg, {left + 195, middle}, "=");
  caption(svg, {left + 287, top - 22}, "vec(trans_conv(Y, K))", true);
  grid(svg, {left + 287 - size / 2, top}, vec_z, values(vec_z));

  svg.text({20, 325}, "The same four weights: a row of M gathers, a column of M scatters.",
           {.anchor = "start"});
  svg.write(path);
}

/// The output of `x` and a kernel of ones for some strides.
void draw_stride(const std::string& path) {
  const Matrix x = two_by_two(1, 2, 3, 4), ones = Matrix::Ones(2, 2);
  Svg svg({820, 270});
  const double top = 60;
  caption(svg, {20 + cell, top - 22}, "input", true);
  draw_grid(svg, {20, top}, 2, 2, coloured(x));
  caption(svg, {20 + cell, top + 2 * cell + 28}, "kernel", true);
  draw_grid(svg, {20, top + 2 * cell + 46}, 2, 2, values(ones));
  double left = 160;
  const char* notes[] = {"copies overlap", "copies tile the output", "gaps hold the bias, here 0"};
  for (Index stride = 1; stride <= 3; ++stride) {
    const tconv::ConvOptions<2> options{.stride = stride};
    const Matrix y = tconv::trans_conv(x, ones, options);
    const Reach reach(2, 2, 2, options);
    const double width = static_cast<double>(y.cols()) * cell;
    caption(svg, {left + width / 2, top - 22}, "stride " + std::to_string(stride), true);
    draw_grid(svg, {left, top}, y.rows(), y.cols(), [&](Index i, Index j) {
      return Cell{.fill = reach.colour(i, j), .text = std::to_string(y(i, j))};
    });
    caption(svg, {left + width / 2, 250}, notes[stride - 1]);
    left += width + 80;
  }
  svg.write(path);
}

/// What padding removes from the output of 2x2 inputs, a kernel of 3x3 ones and a stride of 2.
void draw_padding(const std::string& path) {
  const Matrix x = two_by_two(1, 2, 3, 4), ones = Matrix::Ones(3, 3);
  const std::pair<const char*, tconv::ConvOptions<2>> panels[] = {
      {".padding = 0", {.stride = 2}},
      {".padding = 1", {.stride = 2, .padding = 1}},
      {".padding = {{0, 1}, {2, 0}}", {.stride = 2, .padding = {{0, 1}, {2, 0}}}},
      {".padding = -1", {.stride = 2, .padding = -1}}};
  Svg svg({1010, 380});
  double left = 20;
  for (const auto& [title, options] : panels) {
    // With a margin of one row all round, in which negative padding adds rows.
    const auto [before0, after0] = options.padding[0];
    const auto [before1, after1] = options.padding[1];
    tconv::ConvOptions<2> wide = options;
    wide.padding = -1;
    const Matrix all = tconv::trans_conv(x, ones, wide);
    const Matrix y = tconv::trans_conv(x, ones, options);
    const Reach reach(2, 2, 3, wide);
    const double width = 7 * cell;
    caption(svg, {left + width / 2, 38}, title, true);
    for (Index i = 0; i < all.rows(); ++i)
      for (Index j = 0; j < all.cols(); ++j) {
        const bool natural = i >= 1 && i <= 5 && j >= 1 && j <= 5;
        const Index row = i - 1 - before0, column = j - 1 - before1;
        const bool kept = row >= 0 && row < y.rows() && column >= 0 && column < y.cols();
        if (!natural && !kept) continue;
        const std::string text = std::to_string(kept ? y(row, column) : all(i, j));
        draw_grid(svg, {left + static_cast<double>(j) * cell, 60 + static_cast<double>(i) * cell},
                  1, 1, [&](Index, Index) {
                    return Cell{.fill = reach.colour(i, j), .text = text, .removed = !kept};
                  });
      }
    caption(svg, {left + width / 2, 318},
            std::to_string(y.rows()) + " x " + std::to_string(y.cols()));
    left += width + 8;
  }
  svg.text({20, 355},
           "Input {{1, 2}, {3, 4}}, a 3x3 kernel of ones, stride 2. Dashed: rows and columns that "
           "padding removes.",
           {.anchor = "start"});
  svg.write(path);
}

/// Two inputs of `conv` that give as many outputs, and the way back.
void draw_output_padding(const std::string& path) {
  Svg svg({880, 345});
  const Index kernel = 3, stride = 2;
  const double pitch = 56, top[] = {64, 146, 228};
  const Matrix ones = Matrix::Ones(1, kernel);
  double left = 110;
  for (Index length = 5; length <= 6; ++length) {
    tconv::ConvOptions<2> options{.stride = {1, stride}, .padding = {{0, 0}, {1, 1}}};
    const Matrix x = counting(1, length), y = tconv::corr2d(x, ones, options);
    options = tconv::with_output_extents(options, {1, y.cols()}, {1, kernel}, {1, length});
    const Matrix back = tconv::trans_conv(y, ones, options);
    const auto place = [&](Index i) { return left + static_cast<double>(i) * pitch; };
    caption(svg, {left + static_cast<double>(length - 1) * pitch / 2 + cell / 2, 32},
            "length " + std::to_string(length) +
                ", .output_padding = " + std::to_string(options.output_padding[1]),
            true);
    for (Index i = 0; i < y.cols(); ++i)
      for (Index k = 0; k < kernel; ++k) {
        const Index o = i * stride + k - 1;
        if (o < 0 || o >= length) continue;
        const double coarse = place(stride * i) + cell / 2, fine = place(o) + cell / 2;
        svg.line({fine, top[0] + cell}, {coarse, top[1]});
        svg.line({coarse, top[1] + cell}, {fine, top[2]});
      }
    const auto row = [&](const Matrix& m, double height, Index spacing, const std::string& fill) {
      for (Index i = 0; i < m.cols(); ++i)
        draw_grid(svg, {place(spacing * i), height}, 1, 1, [&](Index, Index) {
          return Cell{.fill = fill, .text = std::to_string(m(0, i))};
        });
    };
    row(x, top[0], 1, colours[2]);
    row(y, top[1], stride, colours[0]);
    row(back, top[2], 1, colours[1]);
    left += 390;
  }
  const char* names[] = {"x", "y = conv", "conv_transpose"};
  for (int i = 0; i < 3; ++i)
    svg.text({14, top[i] + cell / 2}, names[i], {.size = 13, .anchor = "start"});
  svg.text({14, 292},
           "Kernel of three ones, stride 2, padding 1. Inputs of 5 and of 6 both give 3 outputs;",
           {.anchor = "start"});
  svg.text({14, 315}, "output_padding says which of the two lengths conv_transpose gives back.",
           {.anchor = "start"});
  svg.write(path);
}

/// One input through a kernel whose taps lie apart.
void draw_dilation(const std::string& path) {
  const Matrix kernel = counting(3, 3);
  Svg svg({880, 345});
  const double top = 60;
  const auto tap_colour = [](int tap) { return colours[static_cast<std::size_t>(tap - 1)]; };
  caption(svg, {20 + 1.5 * cell, top - 22}, "kernel", true);
  draw_grid(svg, {20, top}, 3, 3, [&](Index i, Index j) {
    return Cell{.fill = tap_colour(kernel(i, j)), .text = std::to_string(kernel(i, j))};
  });
  double left = 190;
  for (Index dilation = 1; dilation <= 3; ++dilation) {
    const Matrix y = tconv::trans_conv(Matrix(Matrix::Ones(1, 1)), kernel, {.dilation = dilation});
    const double width = static_cast<double>(y.cols()) * cell;
    caption(svg, {left + width / 2, top - 22}, "dilation " + std::to_string(dilation), true);
    draw_grid(svg, {left, top}, y.rows(), y.cols(), [&](Index i, Index j) {
      const int tap = y(i, j);
      return tap == 0 ? Cell{.text = "0"}
                      : Cell{.fill = tap_colour(tap), .text = std::to_string(tap)};
    });
    left += width + 60;
  }
  svg.text({20, 325},
           "What one input of value 1 leaves. The dilated kernel covers dilation * (k - 1) + 1 "
           "positions: 3, 5 and 7.",
           {.anchor = "start"});
  svg.write(path);
}

/// Outputs of one phase see the same taps.
void draw_phases(const std::string& path) {
  Svg svg({880, 330});
  const Index coarse = 5, kernel = 4, stride = 2;
  const double left = 130, pitch = 64, top[] = {100, 210};
  const Matrix x = Matrix::Ones(1, coarse);
  const tconv::ConvOptions<2> options{.stride = {1, stride}, .padding = {{0, 0}, {1, 1}}};
  // Kernels of a single tap show which outputs it reaches, and from which input.
  const auto phase_of = [&](Index position) { return (position + 1) % stride; };
  const auto place = [&](Index position) { return left + static_cast<double>(position) * pitch; };
  const double between = pitch / 2;  // inputs stand between the outputs that they reach
  std::array<std::vector<Index>, 2> taps_of_phase;
  for (Index k = 0; k < kernel; ++k) {
    Matrix tap = Matrix::Zero(1, kernel);
    tap(0, k) = 1;
    for (Index i = 0; i < coarse; ++i) {
      Matrix one = Matrix::Zero(1, coarse);
      one(0, i) = 1;
      const Matrix y = tconv::trans_conv(one, tap, options);
      for (Index o = 0; o < y.cols(); ++o)
        if (y(0, o) != 0) {
          svg.line({place(2 * i) + between + cell / 2, top[0] + cell},
                   {place(o) + cell / 2, top[1]},
                   {.stroke = phase_of(o) == 0 ? "#2f77b4" : "#d9822b"});
          auto& taps = taps_of_phase[static_cast<std::size_t>(phase_of(o))];
          if (taps.empty() || taps.back() != k) taps.push_back(k);
        }
    }
  }
  const Matrix y = tconv::trans_conv(x, Matrix(Matrix::Ones(1, kernel)), options);
  for (Index i = 0; i < coarse; ++i)
    draw_grid(svg, {place(2 * i) + between, top[0]}, 1, 1,
              [&](Index, Index) { return Cell{.fill = "#efefef", .text = std::to_string(i)}; });
  for (Index o = 0; o < y.cols(); ++o)
    draw_grid(svg, {place(o), top[1]}, 1, 1, [&](Index, Index) {
      return Cell{.fill = colours[static_cast<std::size_t>(phase_of(o))],
                  .text = std::to_string(o)};
    });
  svg.text({20, top[0] + cell / 2}, "inputs", {.anchor = "start"});
  svg.text({20, top[1] + cell / 2}, "outputs", {.anchor = "start"});
  double legend = left;
  for (const std::size_t phase : {0U, 1U}) {
    std::string taps;
    for (const Index k : taps_of_phase[phase])
      taps += (taps.empty() ? "" : " and ") + std::to_string(k);
    svg.rectangle({legend, 32}, {16, 16}, {.fill = colours[phase]});
    svg.text({legend + 24, 40}, "phase " + std::to_string(phase) + ": taps " + taps,
             {.anchor = "start"});
    legend += 200;
  }
  svg.text(
      {20, 285},
      "Kernel 4, stride 2, padding 1. Within a phase every output is the sum over the same two "
      "taps:",
      {.anchor = "start"});
  svg.text({20, 308}, "an ordinary convolution of stride 1, with no zeros between the inputs.",
           {.anchor = "start"});
  svg.write(path);
}

/// How many products meet at each output.
void draw_checkerboard(const std::string& path) {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  const auto ones = [](Index extent) {
    Tensor t(1, 1, extent, extent);
    t.setConstant(1.0f);
    return t;
  };
  const auto matrix = [](const Tensor& t) {
    Matrix m(t.dimension(2), t.dimension(3));
    for (Index i = 0; i < m.rows(); ++i)
      for (Index j = 0; j < m.cols(); ++j) m(i, j) = static_cast<int>(std::lround(t(0, 0, i, j)));
    return m;
  };
  struct Way {
    const char *title, *subtitle;
    Matrix counts;
  };
  const Way ways[] = {
      {"kernel 3, stride 2", "1, 2 or 4 products: a checkerboard",
       matrix(tconv::conv_transpose(ones(5), ones(3),
                                    {.stride = 2, .padding = 1, .output_padding = 1}))},
      {"kernel 4, stride 2", "4 products inside",
       matrix(tconv::conv_transpose(ones(5), ones(4), {.stride = 2, .padding = 1}))},
      {"upsample_conv, kernel 3", "9 products inside",
       matrix(tconv::upsample_conv(ones(5), ones(3), 2, {.padding = 1}))},
  };
  const double size = 26;
  Svg svg({880, 385});
  double left = 20;
  for (const auto& [title, subtitle, counts] : ways) {
    const double width = static_cast<double>(counts.cols()) * size;
    const int most = counts.maxCoeff();
    caption(svg, {left + width / 2, 34}, title, true);
    draw_grid(
        svg, {left, 56}, counts.rows(), counts.cols(),
        [&counts = counts, most](Index i, Index j) {
          // From nearly white to the blue of the largest count.
          const double share = static_cast<double>(counts(i, j)) / most;
          const auto channel = [&](double strongest) {
            return std::lround(255 - share * (255 - strongest));
          };
          char fill[8];
          std::snprintf(
              fill, sizeof fill, "#%02lx%02lx%02lx", static_cast<unsigned long>(channel(110)),
              static_cast<unsigned long>(channel(170)), static_cast<unsigned long>(channel(215)));
          return Cell{.fill = fill, .text = std::to_string(counts(i, j))};
        },
        size);
    caption(svg, {left + width / 2, 56 + width + 24}, subtitle);
    left += width + 30;
  }
  svg.text({20, 368}, "Inputs and weights are ones, so that each number counts products.",
           {.size = 13, .anchor = "start"});
  svg.write(path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: draw_pictures folder\n";
    return 1;
  }
  try {
    const std::string folder = std::string(argv[1]) + "/";
    draw_scatter(folder + "scatter.svg");
    draw_matrix(folder + "matrix.svg");
    draw_stride(folder + "stride.svg");
    draw_padding(folder + "padding.svg");
    draw_output_padding(folder + "output_padding.svg");
    draw_dilation(folder + "dilation.svg");
    draw_checkerboard(folder + "overlap.svg");
    draw_phases(folder + "phases.svg");
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
