#pragma once

/// \file
/// Pictures as tensors: reading and writing PNG, putting pictures side by side.

#include <png.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <unsupported/Eigen/CXX11/Tensor>
#include <vector>

/// `(channel, row, column)`: red, green and blue in [0, 1].
using Picture = Eigen::Tensor<float, 3, Eigen::RowMajor>;

/// \throws std::runtime_error if the file is not a picture that libpng reads
inline Picture read_png(const std::string& path) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_file(&image, path.c_str()))
    throw std::runtime_error(path + ": " + image.message);
  image.format = PNG_FORMAT_RGB;
  std::vector<png_byte> bytes(PNG_IMAGE_SIZE(image));
  if (!png_image_finish_read(&image, nullptr, bytes.data(), 0, nullptr))
    throw std::runtime_error(path + ": " + image.message);
  Picture picture(3, image.height, image.width);
  std::size_t next = 0;
  for (Eigen::Index i = 0; i < picture.dimension(1); ++i)
    for (Eigen::Index j = 0; j < picture.dimension(2); ++j)
      for (Eigen::Index c = 0; c < 3; ++c)
        picture(c, i, j) = static_cast<float>(bytes[next++]) / 255.0f;
  return picture;
}

/// Values outside [0, 1] are clamped.
/// \throws std::runtime_error if the file cannot be written
inline void write_png(const std::string& path, const Picture& picture) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(picture.dimension(1));
  image.width = static_cast<png_uint_32>(picture.dimension(2));
  image.format = PNG_FORMAT_RGB;
  std::vector<png_byte> bytes;
  bytes.reserve(PNG_IMAGE_SIZE(image));
  for (Eigen::Index i = 0; i < picture.dimension(1); ++i)
    for (Eigen::Index j = 0; j < picture.dimension(2); ++j)
      for (Eigen::Index c = 0; c < 3; ++c)
        bytes.push_back(
            static_cast<png_byte>(std::lround(255.0f * std::clamp(picture(c, i, j), 0.0f, 1.0f))));
  if (!png_image_write_to_file(&image, path.c_str(), 0, bytes.data(), 0, nullptr))
    throw std::runtime_error(path + ": " + image.message);
}

/// `a` and `b` next to each other on white, with a gap, aligned at the top.
inline Picture side_by_side(const Picture& a, const Picture& b) {
  const Eigen::Index gap = 8;
  Picture both(3, std::max(a.dimension(1), b.dimension(1)), a.dimension(2) + gap + b.dimension(2));
  both.setConstant(1.0f);
  using Position = Eigen::array<Eigen::Index, 3>;
  both.slice(Position{0, 0, 0}, a.dimensions()) = a;
  both.slice(Position{0, 0, a.dimension(2) + gap}, b.dimensions()) = b;
  return both;
}
