// The examples' reader and writer of NumPy's files, on files that NumPy has written and on broken
// ones.
#include "../examples/support/npy.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <unsupported/Eigen/CXX11/Tensor>
#include <vector>

#include "support/catch.hpp"

using support::contains;
using support::message_of;

namespace {

const std::string folder = NPY_FILES;

template <int layout, class Scalar = float>
using Cube = Eigen::Tensor<Scalar, 3, layout>;

/// A file of the tests' own, removed in the end.
class TemporaryFile {
 public:
  TemporaryFile() {
    std::random_device random;
    path_ = (std::filesystem::temp_directory_path() /
             ("npy_test_" + std::to_string(random()) + std::to_string(random())))
                .string();
  }
  TemporaryFile(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }

  const std::string& path() const { return path_; }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string read() const {
    std::ifstream stream(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string path_;
};

/// A file of version 1 with that header, and `bytes` bytes of elements.
std::string file(const std::string& header, std::size_t bytes) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
         std::string(bytes, '\0');
}

std::string reading(const std::string& bytes) {
  const TemporaryFile temporary;
  temporary.write(bytes);
  return message_of<std::runtime_error>(
      [&] { npy::read<Cube<Eigen::RowMajor>>(temporary.path()); });
}

/// Whether `tensor` is (2, 3, 4) and holds 0, 1, ... in C order.
template <class Tensor>
bool counts(const Tensor& tensor) {
  bool right = tensor.dimension(0) == 2 && tensor.dimension(1) == 3 && tensor.dimension(2) == 4;
  for (int i = 0; right && i < 24; ++i)
    right = static_cast<int>(tensor(i / 12, i / 4 % 3, i % 4)) == i;
  return right;
}

}  // namespace

TEST_CASE("npy: every way in which NumPy writes an array gives the same indices") {
  for (const char* name : {"count", "count_fortran", "count_float64", "count_version2"}) {
    INFO(name);
    const std::string path = folder + "/" + name + ".npy";
    CHECK(counts(npy::read<Cube<Eigen::RowMajor>>(path)));
    CHECK(counts(npy::read<Cube<Eigen::ColMajor>>(path)));
    CHECK(counts(npy::read<Cube<Eigen::RowMajor, double>>(path)));
    CHECK(counts(npy::read<Cube<Eigen::ColMajor, double>>(path)));
  }
}

TEST_CASE("npy: files that are written begin as NumPy's do") {
  const TemporaryFile temporary;
  for (const char* name : {"count", "count_float64", "count_fortran"}) {
    INFO(name);
    const std::string path = folder + "/" + name + ".npy";
    if (std::string(name) == "count")
      npy::write(temporary.path(), npy::read<Cube<Eigen::RowMajor>>(path));
    else if (std::string(name) == "count_float64")
      npy::write(temporary.path(), npy::read<Cube<Eigen::RowMajor, double>>(path));
    else
      npy::write(temporary.path(), npy::read<Cube<Eigen::ColMajor>>(path));
    std::ifstream stream(path, std::ios::binary);
    const std::string expected{std::istreambuf_iterator<char>(stream), {}};
    const std::string written = temporary.read();
    CHECK(written == expected);
  }
}

TEST_CASE("npy: what is written is read again") {
  const TemporaryFile temporary;
  const auto check = [&](auto tensor) {
    for (Eigen::Index i = 0; i < tensor.size(); ++i)
      tensor.data()[i] = static_cast<typename decltype(tensor)::Scalar>(i) / 3;
    npy::write(temporary.path(), tensor);
    const auto again = npy::read<decltype(tensor)>(temporary.path());
    REQUIRE(again.dimensions() == tensor.dimensions());
    bool equal = true;
    for (Eigen::Index i = 0; i < tensor.size(); ++i)
      equal = equal && again.data()[i] == tensor.data()[i];
    CHECK(equal);
  };
  check(Eigen::Tensor<float, 1, Eigen::RowMajor>(5));
  check(Eigen::Tensor<float, 1>(0));
  check(Eigen::Tensor<double, 2>(3, 4));
  check(Eigen::Tensor<double, 4, Eigen::RowMajor>(2, 1, 3, 4));
  check(Eigen::Tensor<float, 5>(1, 2, 3, 1, 2));
}

TEST_CASE("npy: keys come in any order, in either quotes, with or without the last comma") {
  for (const char* header : {"{'shape': (1, 2, 1), 'fortran_order': False, 'descr': '<f4'}",
                             "{\"descr\":\"<f4\",\"shape\":(1,2,1,),\"fortran_order\":True,}\n",
                             " { 'descr' : '<f4' , 'shape' : ( 1 , 2 , 1 ) , 'fortran_order' : "
                             "False , } \n"}) {
    INFO(header);
    CHECK(reading(file(header, 8)).empty());
  }
}

TEST_CASE("npy: a file that is not understood is rejected with a sentence") {
  struct Case {
    std::string bytes;
    const char* message;
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }";
  const auto with = [&](const std::string& old, const std::string& changed) {
    std::string header = good;
    return header.replace(header.find(old), old.size(), changed);
  };
  REQUIRE(reading(file(good, 24)).empty());
  std::string version3 = file(good, 24);
  version3[6] = 3;
  const std::vector<Case> cases{
      {"", "is no .npy file"},
      {"\x89PNG and so on", "is no .npy file"},
      {"\x93NUMPY", "has version 0 of the .npy format, but only 1 and 2 are read"},
      {version3, "has version 3 of the .npy format, but only 1 and 2 are read"},
      {file(good, 24).substr(0, 9), "ends within its header"},
      {file(good, 24).substr(0, 40), "ends within its header"},
      {file(good, 20), "has 20 bytes of elements, but its shape needs another number"},
      {file(good, 23), "has 23 bytes of elements"},
      {file(good, 28), "has 28 bytes of elements"},
      {file(with("<f4", ">f4"), 24), "has elements of type >f4, but only <f4 and <f8 are read"},
      {file(with("<f4", "<i4"), 24), "has elements of type <i4"},
      {file(with("<f4", "<f8"), 24), "has 24 bytes of elements"},
      {file(with("(1, 2, 3)", "(2, 3)"), 24), "has 2 axes, but 3 are wanted"},
      {file(with("(1, 2, 3)", "(1, 2, 3, 1)"), 24), "has 4 axes, but 3 are wanted"},
      {file(with("(1, 2, 3)", "(1, 2, -3)"), 24), "has a shape that is no tuple of extents"},
      {file(with("(1, 2, 3)", "(1, 2, x)"), 24), "has a shape that is no tuple of extents"},
      {file(with("(1, 2, 3)", "(1 2 3)"), 24), "lacks a comma in its shape"},
      {file(with("(1, 2, 3)", "(4294967296, 4294967296, 4294967296)"), 24), "bytes of elements"},
      {file(with("(1, 2, 3)", "(99999999999999999999, 1, 1)"), 24), "no tuple of extents"},
      {file(with("False", "no"), 24), "has a fortran_order that is neither True nor False"},
      {file(with("'shape': (1, 2, 3), ", ""), 24), "lacks one of the keys"},
      {file(with("'shape'", "'form'"), 24), "has the unknown key form"},
      {file(with("'shape': (1, 2, 3)", "'descr': '<f4'"), 24), "has the key descr twice"},
      {file(with("'<f4', ", "'<f4' "), 24), "lacks a comma"},
      {file(with("'<f4'", "'<f4"), 24), "the .npy header"},
      {file(with("{", ""), 24), "lacks a {"},
      {file(with(", }", ""), 24), "lacks a comma"},
      {file(good + "x", 24), "goes on behind its last brace"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    CHECK_THAT(reading(c.bytes), contains(c.message));
  }
}

TEST_CASE("npy: a path that cannot be opened is named") {
  const std::string path = folder + "/absent/absent.npy";
  const auto reads = [&] { npy::read<Cube<Eigen::RowMajor>>(path); };
  CHECK_THAT(message_of<std::runtime_error>(reads), contains(path + ": cannot be read"));
  const auto writes = [&] { npy::write(path, Cube<Eigen::RowMajor>(1, 1, 1)); };
  CHECK_THAT(message_of<std::runtime_error>(writes), contains(path + ": cannot be written"));
}
