#pragma once

/// \file
/// Matrices as grids of coloured cells.

#include <array>
#include <functional>
#include <string>
#include <tconv/textbook.hpp>
#include <vector>

#include "svg.hpp"

using tconv::Index;
using Matrix = Eigen::MatrixXi;

inline constexpr double cell = 34;

/// One colour for each input, or each tap.
inline const std::array<std::string, 9> colours{"#a6cee3", "#fdd49e", "#b8e0a8",
                                                "#f4b6c9", "#cdbfe3", "#e8e29a",
                                                "#b5dfd8", "#e3c7a9", "#c9d3dd"};
inline const std::string overlap = "#d5d0cb", blank = "#ffffff", faint = "#999999";

/// Fill, frame and text of a cell.
struct Cell {
  std::string fill = blank, text;
  bool removed = false;
};
using CellOf = std::function<Cell(Index row, Index column)>;

/// A grid of cells whose upper left corner is `at`.
inline void draw_grid(Svg& svg, Point at, Index rows, Index columns, const CellOf& cell_of,
                      double size = cell) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const Cell c = cell_of(i, j);
      const Point corner{at.x + static_cast<double>(j) * size,
                         at.y + static_cast<double>(i) * size};
      svg.rectangle(corner, {size, size},
                    {.fill = c.removed ? "#ffffff" : c.fill,
                     .stroke = c.removed ? faint : "#555555",
                     .dashed = c.removed});
      svg.text({corner.x + size / 2, corner.y + size / 2}, c.text,
               {.size = 0.42 * size, .colour = c.removed ? faint : "#222222"});
    }
}

/// The values of a matrix in cells of one colour.
inline CellOf values(const Matrix& matrix, const std::string& fill = blank) {
  return [&matrix, fill](Index i, Index j) {
    return Cell{.fill = fill, .text = std::to_string(matrix(i, j))};
  };
}

/// The values of a 2x2 matrix, each in a colour of its own.
inline CellOf coloured(const Matrix& matrix) {
  return [&matrix](Index i, Index j) {
    return Cell{.fill = colours[static_cast<std::size_t>(2 * i + j)],
                .text = std::to_string(matrix(i, j))};
  };
}

inline Matrix two_by_two(int a, int b, int c, int d) {
  Matrix m(2, 2);
  m << a, b, c, d;
  return m;
}

inline Matrix counting(Index rows, Index columns) {
  Matrix m(rows, columns);
  for (Index i = 0; i < m.size(); ++i) m(i / columns, i % columns) = static_cast<int>(i) + 1;
  return m;
}

/// For each output how many inputs reach it, and which one, if it is one.
class Reach {
 public:
  Reach(Index rows, Index columns, Index kernel, const tconv::ConvOptions<2>& options) {
    const Matrix ones = Matrix::Ones(kernel, kernel);
    for (Index i = 0; i < rows * columns; ++i) {
      Matrix x = Matrix::Zero(rows, columns);
      x(i / columns, i % columns) = 1;
      of_input_.push_back(tconv::trans_conv(x, ones, options));
    }
  }

  std::string colour(Index row, Index column) const {
    std::string result = blank;
    int count = 0;
    for (std::size_t i = 0; i < of_input_.size(); ++i)
      if (of_input_[i](row, column) != 0) result = ++count == 1 ? colours[i] : overlap;
    return result;
  }

 private:
  std::vector<Matrix> of_input_;
};

inline void caption(Svg& svg, Point at, const std::string& text, bool bold = false) {
  svg.text(at, text, {.bold = bold});
}
