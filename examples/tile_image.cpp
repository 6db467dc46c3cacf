// Enlarges a picture four times, tile by tile, with no seam between the tiles.
//
//   tile_image [photograph.png [result.png]]       compares tiles with the whole, and shows both
//   tile_image large size folder                   enlarges size x size pixels from file to file
//
// The picture goes through two transposed convolutions of stride 2. A tile of the result needs a
// part of the picture that is a little larger than a quarter of it: `Chain` says which, and with
// which padding each operator gives exactly the tile. Tiles of the picture that are enlarged each
// on its own have seams; so the left side of result.png.
//
// The second way never has more than a tile in memory: it maps the rows that a tile needs from a
// PPM file, and writes its rows to another. Run it with less memory than the picture takes:
//
//   (ulimit -v 100000; tile_image large 2048 /tmp)

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Image = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using Box = tconv::Window<2>;

constexpr Index factor = 4;
constexpr Index tile_size = 256;
// One order of summation, so that a tile has the bits of the whole.
const tconv::ConvOptions<2> enlarge_twice{
    .stride = 2, .padding = 3, .groups = 3, .summation = tconv::Summation::ordered};
constexpr tconv::Extents<2> kernel{8, 8};

/// The cubic convolution of Keys (1981), `a = -1/2`, at twice the resolution.
Image cubic_kernel() {
  const auto cubic = [](double t) {
    t = std::abs(t);
    return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
  };
  Image weight(3, 1, 8, 8);
  for (Index c = 0; c < 3; ++c)
    for (Index i = 0; i < 8; ++i)
      for (Index j = 0; j < 8; ++j)
        weight(c, 0, i, j) = static_cast<float>(cubic((static_cast<double>(i) - 3.5) / 2) *
                                                cubic((static_cast<double>(j) - 3.5) / 2));
  return weight;
}

/// Enlarges pictures, and parts of them.
class Enlarger {
 public:
  /// Of the picture's extents.
  explicit Enlarger(const tconv::Extents<2>& in) : in_(in) {
    chain_.conv_transpose(kernel, enlarge_twice).conv_transpose(kernel, enlarge_twice);
  }

  tconv::Extents<2> extents() const { return chain_.output_extents(in_); }

  /// The part of the picture that a tile needs is `steps[0]`.
  tconv::ChainWindow<2> window(const Box& tile) const {
    return chain_.window(in_, tile.first, tile.end);
  }

  /// A tile, from its part of the picture.
  Image operator()(const Image& part, const tconv::ChainWindow<2>& window) {
    const Image once = tconv::conv_transpose(workspace_, part, weight_, window.steps[0].options);
    return tconv::conv_transpose(workspace_, once, weight_, window.steps[1].options);
  }

 private:
  tconv::Extents<2> in_;
  tconv::Chain<2> chain_;
  Image weight_ = cubic_kernel();
  tconv::Workspace workspace_;
};

/// Calls `visit(tile)` for the tiles of a picture, with a line that says how far it is.
void for_each_tile(const tconv::Extents<2>& extents, const std::function<void(const Box&)>& visit) {
  const Index rows = (extents[0] + tile_size - 1) / tile_size;
  const Index columns = (extents[1] + tile_size - 1) / tile_size;
  for (Index i = 0; i < rows * columns; ++i) {
    const tconv::Extents<2> first{i / columns * tile_size, i % columns * tile_size};
    visit({first,
           {std::min(first[0] + tile_size, extents[0]), std::min(first[1] + tile_size, extents[1])},
           {}});
    std::cout << "\rtile " << i + 1 << " of " << rows * columns << std::flush;
  }
  std::cout << '\n';
}

/// A PPM file (P6), some rows of which are in memory at a time.
class PpmFile {
 public:
  /// A new one, or one that is there. \throws std::runtime_error if it cannot be opened
  PpmFile(const std::string& path, const tconv::Extents<2>& extents, int flags)
      : header_("P6\n" + std::to_string(extents[1]) + " " + std::to_string(extents[0]) + "\n255\n"),
        row_(static_cast<std::size_t>(3 * extents[1])),
        file_(open(path.c_str(), flags, 0644)) {
    if (file_ < 0) throw std::runtime_error(path + " cannot be opened");
    if ((flags & O_CREAT) != 0) write_bytes(header_.data(), header_.size(), 0);
  }
  ~PpmFile() { close(file_); }
  PpmFile(const PpmFile&) = delete;
  PpmFile& operator=(const PpmFile&) = delete;

  /// Reads a part of the picture through a mapping of its rows.
  Image read(const Box& box) const {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t begin = position(box.first[0], 0), end = position(box.end[0], 0);
    const std::size_t mapped = begin / page * page;
    void* const memory =
        mmap(nullptr, end - mapped, PROT_READ, MAP_PRIVATE, file_, static_cast<off_t>(mapped));
    if (memory == MAP_FAILED) throw std::runtime_error("the picture's rows cannot be mapped");
    const auto* const bytes = static_cast<const unsigned char*>(memory) - mapped;
    Image part(1, 3, box.extents()[0], box.extents()[1]);
    for (Index i = 0; i < part.dimension(2); ++i) {
      const unsigned char* next = bytes + position(box.first[0] + i, box.first[1]);
      for (Index j = 0; j < part.dimension(3); ++j)
        for (Index c = 0; c < 3; ++c) part(0, c, i, j) = static_cast<float>(*next++) / 255;
    }
    munmap(memory, end - mapped);
    return part;
  }

  void write(const Box& box, const Image& part) const {
    std::vector<unsigned char> bytes(static_cast<std::size_t>(3 * part.dimension(3)));
    for (Index i = 0; i < part.dimension(2); ++i) {
      auto next = bytes.begin();
      for (Index j = 0; j < part.dimension(3); ++j)
        for (Index c = 0; c < 3; ++c)
          *next++ = static_cast<unsigned char>(
              std::lround(255 * std::clamp(part(0, c, i, j), 0.0F, 1.0F)));
      write_bytes(bytes.data(), bytes.size(), position(box.first[0] + i, box.first[1]));
    }
  }

 private:
  std::size_t position(Index row, Index column) const {
    return header_.size() + static_cast<std::size_t>(row) * row_ +
           static_cast<std::size_t>(3 * column);
  }
  void write_bytes(const void* bytes, std::size_t count, std::size_t at) const {
    if (pwrite(file_, bytes, count, static_cast<off_t>(at)) != static_cast<ssize_t>(count))
      throw std::runtime_error("the disk is full");
  }

  std::string header_;
  std::size_t row_;  // in bytes
  int file_;
};

/// Rings, finer towards the corner: they show every seam.
float rings(Index c, Index i, Index j) {
  const double distance = std::hypot(static_cast<double>(i), static_cast<double>(j));
  return static_cast<float>(
      0.5 + 0.5 * std::cos(distance * (0.02 + 1e-4 * distance) + static_cast<double>(c)));
}

int enlarge_large(Index size, const std::string& folder) {
  if (size < 1) throw std::invalid_argument("size must be at least 1");
  const std::string in_path = folder + "/tile_image_in.ppm";
  const std::string out_path = folder + "/tile_image_out.ppm";
  const tconv::Extents<2> in{size, size};
  const PpmFile picture(in_path, in, O_RDWR | O_CREAT | O_TRUNC);
  Image row(1, 3, 1, size);
  for (Index i = 0; i < size; ++i) {
    for (Index c = 0; c < 3; ++c)
      for (Index j = 0; j < size; ++j) row(0, c, 0, j) = rings(c, i, j);
    picture.write({{i, 0}, {i + 1, size}, {}}, row);
  }
  Enlarger enlarge(in);
  const tconv::Extents<2> out = enlarge.extents();
  std::cout << "wrote " << in_path << ", enlarging it to " << out[1] << "x" << out[0] << ", "
            << 12 * out[0] * out[1] / 1000000 << " MB as floats\n";
  const PpmFile result(out_path, out, O_RDWR | O_CREAT | O_TRUNC);
  for_each_tile(out, [&](const Box& tile) {
    const auto window = enlarge.window(tile);
    result.write(tile, enlarge(picture.read(window.steps[0]), window));
  });
  std::cout << "wrote " << out_path << '\n';
  return 0;
}

/// Puts a tile into a picture.
void put(Picture& picture, const Box& tile, const Image& part) {
  picture.slice(Eigen::array<Index, 3>{0, tile.first[0], tile.first[1]},
                Eigen::array<Index, 3>{3, part.dimension(2), part.dimension(3)}) = part.chip<0>(0);
}

int compare(const std::string& in_path, const std::string& out_path) {
  const Picture photo = read_png(in_path);
  const tconv::Extents<2> in{photo.dimension(1), photo.dimension(2)};
  const Image x = photo.reshape(Eigen::array<Index, 4>{1, 3, in[0], in[1]});
  Enlarger enlarge(in);
  const tconv::Extents<2> out = enlarge.extents();
  const Image whole = enlarge(x, enlarge.window({{0, 0}, out, {}}));
  Picture tiled(3, out[0], out[1]), naive = tiled;
  for_each_tile(out, [&](const Box& tile) {
    const auto window = enlarge.window(tile);
    put(tiled, tile, enlarge(tconv::slice(x, window.steps[0]), window));
    // The quarter of the tile alone, as if it were a picture.
    const Box alone{{tile.first[0] / factor, tile.first[1] / factor},
                    {tile.end[0] / factor, tile.end[1] / factor},
                    {}};
    Enlarger enlarge_alone(alone.extents());
    put(naive, tile,
        enlarge_alone(tconv::slice(x, alone),
                      enlarge_alone.window({{0, 0}, enlarge_alone.extents(), {}})));
  });
  const bool same = std::memcmp(tiled.data(), whole.data(),
                                static_cast<std::size_t>(whole.size()) * sizeof(float)) == 0;
  std::cout << (same ? "every tile has the bits of the whole\n" : "tiles differ from the whole\n");
  // A piece around a corner where four tiles meet.
  const Eigen::array<Index, 3> corner{0, std::min(tile_size, out[0]) - 128,
                                      std::min(tile_size, out[1]) - 128},
      piece{3, std::min<Index>(256, out[0] - corner[1]), std::min<Index>(256, out[1] - corner[2])};
  save(out_path, side_by_side(naive.slice(corner, piece), tiled.slice(corner, piece)));
  return same ? 0 : 1;
}

int run(const Arguments& arguments) {
  if (arguments.text(0, "") == "large")
    return enlarge_large(arguments.number(1, 2048), arguments.text(2, "."));
  return compare(arguments.text(0, DATA_FOLDER "/photo.png"), arguments.text(1, "tile_image.png"));
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
