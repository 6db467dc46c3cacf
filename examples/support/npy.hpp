#pragma once

/// \file
/// Tensors in NumPy's .npy files. The format: numpy.org, `numpy.lib.format`.

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unsupported/Eigen/CXX11/Tensor>
#include <utility>
#include <vector>

namespace npy {

/// What the header of a file says.
struct Header {
  std::string descr;           ///< the scalar: "<f4" or "<f8"
  bool fortran_order = false;  ///< the first index runs fastest
  std::vector<Eigen::Index> shape;
};

/// Reads the header's text, a Python dictionary with the keys descr, fortran_order and shape in any
/// order.
class HeaderParser {
 public:
  /// \param path  of the file, for messages
  HeaderParser(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  /// \throws std::runtime_error if the text is no such dictionary
  Header parse() {
    Header header;
    std::array<bool, 3> seen{};
    const auto once = [&](std::size_t key, const char* name) {
      if (std::exchange(seen[key], true)) fail(std::string("has the key ") + name + " twice");
    };
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr")
        once(0, "descr"), header.descr = quoted();
      else if (key == "fortran_order")
        once(1, "fortran_order"), header.fortran_order = boolean();
      else if (key == "shape")
        once(2, "shape"), header.shape = shape();
      else
        fail("has the unknown key " + std::string(key));
      if (!take(',') && !next_is('}')) fail("lacks a comma");
    }
    skip_space();
    if (!rest_.empty()) fail("goes on behind its last brace");
    for (const bool key : seen)
      if (!key) fail("lacks one of the keys descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(path_ + ": the .npy header " + what);
  }
  void skip_space() {
    const std::size_t space = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(space == std::string_view::npos ? rest_.size() : space);
  }
  bool next_is(char c) {
    skip_space();
    return !rest_.empty() && rest_.front() == c;
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("lacks a ") + c);
  }
  std::string_view quoted() {
    const char quote = next_is('"') ? '"' : '\'';
    expect(quote);
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) fail("has a string without an end");
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    if (take(std::string_view("True"))) return true;
    if (take(std::string_view("False"))) return false;
    fail("has a fortran_order that is neither True nor False");
  }
  std::vector<Eigen::Index> shape() {
    std::vector<Eigen::Index> extents;
    expect('(');
    while (!take(')')) {
      skip_space();
      Eigen::Index extent = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc() || extent < 0) fail("has a shape that is no tuple of extents");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      extents.push_back(extent);
      if (!take(',') && !next_is(')')) fail("lacks a comma in its shape");
    }
    return extents;
  }

  std::string_view rest_;
  std::string path_;
};

/// A file in memory: its header, and the elements behind it.
class File {
 public:
  /// Versions 1 and 2 of the format.
  /// \throws std::runtime_error if the file cannot be read, or is no such file
  explicit File(std::string path) : path_(std::move(path)) {
    static_assert(std::endian::native == std::endian::little, "elements are read as they lie");
    std::ifstream stream(path_, std::ios::binary);
    if (!stream) throw std::runtime_error(path_ + ": cannot be read");
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    const std::string_view all = bytes_;
    if (!all.starts_with("\x93NUMPY")) throw std::runtime_error(path_ + ": is no .npy file");
    const int version = all.size() > 6 ? all[6] : 0;
    if (version != 1 && version != 2)
      throw std::runtime_error(path_ + ": has version " + std::to_string(version) +
                               " of the .npy format, but only 1 and 2 are read");
    const std::size_t width = version == 1 ? 2 : 4;
    std::size_t length = 0;
    if (all.size() < 8 + width) throw std::runtime_error(path_ + ": ends within its header");
    for (std::size_t i = 0; i < width; ++i)
      length |= std::size_t{static_cast<unsigned char>(all[8 + i])} << (8 * i);
    first_ = 8 + width + length;
    if (all.size() < first_) throw std::runtime_error(path_ + ": ends within its header");
    header_ = HeaderParser(all.substr(8 + width, length), path_).parse();
  }

  const Header& header() const { return header_; }

  /// The elements in the order in which they lie.
  /// \throws std::runtime_error if they are no float32 or float64 in little-endian order, or not as
  ///   many as the shape says
  template <class Scalar>
  std::vector<Scalar> elements() const {
    if (header_.descr == "<f4") return convert<float, Scalar>();
    if (header_.descr == "<f8") return convert<double, Scalar>();
    throw std::runtime_error(path_ + ": has elements of type " + header_.descr +
                             ", but only <f4 and <f8 are read");
  }

 private:
  template <class Stored, class Scalar>
  std::vector<Scalar> convert() const {
    const std::size_t present = (bytes_.size() - first_) / sizeof(Stored);
    bool fits = (bytes_.size() - first_) % sizeof(Stored) == 0;
    std::size_t count = 1;
    for (const Eigen::Index extent : header_.shape)
      if (extent == 0) count = 0;
    for (const Eigen::Index extent : header_.shape) {
      // Stops at what is present, so that the product does not overflow.
      fits = fits && (count == 0 || static_cast<std::size_t>(extent) <= present / count);
      if (fits) count *= static_cast<std::size_t>(extent);
    }
    if (!fits || count != present)
      throw std::runtime_error(path_ + ": has " + std::to_string(bytes_.size() - first_) +
                               " bytes of elements, but its shape needs another number");
    std::vector<Scalar> elements(count);
    for (std::size_t i = 0; i < count; ++i) {
      Stored element;
      std::memcpy(&element, bytes_.data() + first_ + i * sizeof(Stored), sizeof(Stored));
      elements[i] = static_cast<Scalar>(element);
    }
    return elements;
  }

  std::string path_, bytes_;
  std::size_t first_ = 0;
  Header header_;
};

/// The array of a file as a tensor of the same indices, whatever order its elements lie in. float64
/// is rounded where the tensor's scalar is float.
/// \throws std::runtime_error if the file is none of version 1 or 2 with little-endian float32 or
///   float64, or its array has not as many axes as the tensor
template <class Tensor>
Tensor read(const std::string& path) {
  constexpr std::size_t rank = Tensor::NumDimensions;
  constexpr bool column_major = int{Tensor::Layout} == Eigen::ColMajor;
  using Scalar = typename Tensor::Scalar;
  const File file(path);
  const auto& shape = file.header().shape;
  if (shape.size() != rank)
    throw std::runtime_error(path + ": has " + std::to_string(shape.size()) + " axes, but " +
                             std::to_string(rank) + " are wanted");
  const std::vector<Scalar> elements = file.elements<Scalar>();
  Eigen::array<Eigen::Index, rank> extents{};
  std::copy(shape.begin(), shape.end(), extents.begin());
  Tensor tensor(extents);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    // The indices of element i, the one that runs fastest in the file first.
    auto rest = static_cast<Eigen::Index>(i);
    Eigen::Index position = 0;
    for (std::size_t n = 0; n < rank; ++n) {
      const std::size_t in_file = file.header().fortran_order ? n : rank - 1 - n;
      Eigen::Index stride = 1;
      for (std::size_t a = 0; a < rank; ++a)
        if (column_major ? a < in_file : a > in_file) stride *= extents[a];
      position += rest % extents[in_file] * stride;
      rest /= extents[in_file];
    }
    tensor.data()[position] = elements[i];
  }
  return tensor;
}

/// Writes a tensor of float or double: C order if it is RowMajor, Fortran order if it is ColMajor.
/// \throws std::runtime_error if the file cannot be written
template <class Tensor>
void write(const std::string& path, const Tensor& tensor) {
  using Scalar = typename Tensor::Scalar;
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>,
                "npy::write: the scalar must be float or double");
  std::string header =
      std::string("{'descr': '") + (sizeof(Scalar) == 4 ? "<f4" : "<f8") +
      "', 'fortran_order': " + (int{Tensor::Layout} == Eigen::ColMajor ? "True" : "False") +
      ", 'shape': (";
  for (std::size_t a = 0; a < Tensor::NumDimensions; ++a)
    header += (a > 0 ? ", " : "") + std::to_string(tensor.dimension(a));
  // A tuple of one has a comma.
  header += Tensor::NumDimensions == 1 ? ",), }" : "), }";
  // Elements begin at a multiple of 64.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::ofstream stream(path, std::ios::binary);
  stream << "\x93NUMPY" << '\x01' << '\x00' << static_cast<char>(header.size() % 256)
         << static_cast<char>(header.size() / 256) << header;
  stream.write(reinterpret_cast<const char*>(tensor.data()),
               static_cast<std::streamsize>(sizeof(Scalar)) * tensor.size());
  if (!stream.flush()) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace npy
