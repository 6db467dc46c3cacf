#pragma once

/// \file
/// Images to train on, drawn at random, and sheets of images to look at. No trigonometric function
/// is called, as their last bits differ between libraries (see random.hpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "layers.hpp"
#include "picture.hpp"

struct Point {
  float x, y;
};

/// A turn by less than a quarter to either side, a scale and a shift.
struct Placement {
  Point centre{};
  float scale = 1;
  /// The tangent of half the angle, in [-1, 1].
  float turn = 0;

  /// Where `p` lies before it is placed.
  Point inverse(Point p) const {
    const float across = (p.x - centre.x) / scale, down = (p.y - centre.y) / scale;
    const float cosine = (1 - turn * turn) / (1 + turn * turn), sine = 2 * turn / (1 + turn * turn);
    return {cosine * across + sine * down, cosine * down - sine * across};
  }
};

enum class Shape { disc, square, triangle };

/// How far `p` lies outside of a shape of radius 1 or so; negative inside.
inline float distance(Shape shape, Point p) {
  if (shape == Shape::disc) return std::sqrt(p.x * p.x + p.y * p.y) - 1;
  if (shape == Shape::square) return std::max(std::abs(p.x), std::abs(p.y)) - 0.9f;
  return std::max(p.y, 0.8660254f * std::abs(p.x) - 0.5f * p.y) - 0.65f;
}

/// The lines of a digit that is 2 high and 1.2 wide.
inline const std::vector<Point>& digit_lines(int digit) {
  static const std::array<std::vector<Point>, 10> lines{{
      {{0, -1},
       {.42f, -.8f},
       {.6f, -.3f},
       {.6f, .3f},
       {.42f, .8f},
       {0, 1},
       {-.42f, .8f},
       {-.6f, .3f},
       {-.6f, -.3f},
       {-.42f, -.8f},
       {0, -1}},
      {{-.3f, -.65f}, {.1f, -1}, {.1f, 1}},
      {{-.55f, -.6f},
       {-.35f, -.9f},
       {0, -1},
       {.4f, -.88f},
       {.55f, -.5f},
       {.4f, -.1f},
       {-.6f, 1},
       {.6f, 1}},
      {{-.5f, -.75f},
       {-.15f, -1},
       {.25f, -.95f},
       {.5f, -.6f},
       {.3f, -.2f},
       {-.1f, -.05f},
       {.35f, .1f},
       {.58f, .5f},
       {.35f, .9f},
       {-.1f, 1},
       {-.55f, .75f}},
      {{.3f, 1}, {.3f, -1}, {-.6f, .4f}, {.6f, .4f}},
      {{.5f, -1},
       {-.45f, -1},
       {-.5f, -.1f},
       {0, -.25f},
       {.45f, -.02f},
       {.58f, .4f},
       {.35f, .85f},
       {-.1f, 1},
       {-.55f, .8f}},
      {{.45f, -.9f},
       {.1f, -.95f},
       {-.3f, -.6f},
       {-.55f, .1f},
       {-.5f, .6f},
       {-.2f, .95f},
       {.2f, 1},
       {.5f, .75f},
       {.55f, .4f},
       {.35f, .05f},
       {0, -.05f},
       {-.35f, .1f},
       {-.53f, .4f}},
      {{-.6f, -1}, {.6f, -1}, {-.1f, 1}},
      {{0, -.05f},
       {-.4f, -.3f},
       {-.42f, -.7f},
       {0, -1},
       {.42f, -.7f},
       {.4f, -.3f},
       {0, -.05f},
       {-.5f, .25f},
       {-.55f, .65f},
       {0, 1},
       {.55f, .65f},
       {.5f, .25f},
       {0, -.05f}},
      {{-.45f, .9f},
       {-.1f, .95f},
       {.3f, .6f},
       {.55f, -.1f},
       {.5f, -.6f},
       {.2f, -.95f},
       {-.2f, -1},
       {-.5f, -.75f},
       {-.55f, -.4f},
       {-.35f, -.05f},
       {0, .05f},
       {.35f, -.1f},
       {.53f, -.4f}},
  }};
  return lines[static_cast<std::size_t>(digit)];
}

/// How far `p` lies from the nearest line.
inline float distance(const std::vector<Point>& lines, Point p) {
  float nearest = 1e9f;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Point a = lines[i - 1], along{lines[i].x - a.x, lines[i].y - a.y};
    const Point from_a{p.x - a.x, p.y - a.y};
    const float place =
        (from_a.x * along.x + from_a.y * along.y) / (along.x * along.x + along.y * along.y);
    const float at = std::clamp(place, 0.0f, 1.0f);
    const float across = from_a.x - at * along.x, down = from_a.y - at * along.y;
    nearest = std::min(nearest, across * across + down * down);
  }
  return std::sqrt(nearest);
}

/// `(count, 1, size, size)`: digits as if by hand, 1 on 0, one of each in turn.
inline Images draw_digits(Index count, Index size, Random& random) {
  Images images(count, 1, size, size);
  for (Index n = 0; n < count; ++n) {
    std::vector<Point> lines = digit_lines(static_cast<int>(n % 10));
    const float slant = random.uniform(-0.25f, 0.25f), width = random.uniform(0.8f, 1.1f);
    for (Point& point : lines) {
      const float across = random.uniform(-0.06f, 0.06f), down = random.uniform(-0.06f, 0.06f);
      point = {width * point.x - slant * point.y + across, point.y + down};
    }
    const float middle = 0.5f * static_cast<float>(size), shift = 0.06f * static_cast<float>(size);
    Placement placement;
    placement.centre.x = middle + random.uniform(-shift, shift);
    placement.centre.y = middle + random.uniform(-shift, shift);
    placement.scale = static_cast<float>(size) * random.uniform(0.29f, 0.36f);
    placement.turn = random.uniform(-0.06f, 0.06f);
    const float pen = static_cast<float>(size) * random.uniform(0.03f, 0.06f);
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < size; ++j) {
        const Point p{static_cast<float>(j) + 0.5f, static_cast<float>(i) + 0.5f};
        const float away = placement.scale * distance(lines, placement.inverse(p)) - pen;
        images(n, 0, i, j) = std::clamp(0.5f - away, 0.0f, 1.0f);
      }
  }
  return images;
}

/// Images of one or three channels in rows of `columns`, with gaps, each pixel `factor` wide.
inline Picture sheet(const Images& images, Index columns, Index factor) {
  const Index count = images.dimension(0), height = factor * images.dimension(2),
              width = factor * images.dimension(3), gap = 4;
  const Index rows = (count + columns - 1) / columns;
  Picture picture(3, rows * (height + gap) - gap, columns * (width + gap) - gap);
  picture.setConstant(1.0f);
  for (Index n = 0; n < count; ++n)
    for (Index c = 0; c < 3; ++c)
      for (Index i = 0; i < height; ++i)
        for (Index j = 0; j < width; ++j)
          picture(c, n / columns * (height + gap) + i, n % columns * (width + gap) + j) =
              images(n, std::min(c, images.dimension(1) - 1), i / factor, j / factor);
  return picture;
}

/// Pictures of one width below each other.
inline Picture one_above_another(const std::vector<Picture>& pictures) {
  Index height = 0;
  for (const Picture& picture : pictures) height += picture.dimension(1) + 4;
  Picture all(3, height - 4, pictures[0].dimension(2));
  all.setConstant(1.0f);
  Index top = 0;
  using Position = Eigen::array<Index, 3>;
  for (const Picture& picture : pictures) {
    all.slice(Position{0, top, 0}, picture.dimensions()) = picture;
    top += picture.dimension(1) + 4;
  }
  return all;
}
