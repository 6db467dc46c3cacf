#pragma once

/// \file
/// What every example does: takes its arguments, writes a picture, says what went wrong.

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <tconv/upsample.hpp>
#include <vector>

#include "picture.hpp"

/// Those of the command line, behind the program's name.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) values_.emplace_back(argv[i]);
  }

  std::size_t size() const { return values_.size(); }
  std::string text(std::size_t i, const std::string& otherwise) const {
    return i < values_.size() ? values_[i] : otherwise;
  }
  int number(std::size_t i, int otherwise) const {
    return i < values_.size() ? std::atoi(values_[i].c_str()) : otherwise;
  }

 private:
  std::vector<std::string> values_;
};

/// The exit code of `run(arguments)`; 1, and a message, where it throws.
inline int run_example(int (*run)(const Arguments&), int argc, char** argv) {
  try {
    return run(Arguments(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

inline void save(const std::string& path, const Picture& picture) {
  write_png(path, picture);
  std::cout << "wrote " << path << '\n';
}

/// Each pixel as a square, to be looked at.
inline Picture enlarge(const Picture& picture, Eigen::Index factor) {
  const Eigen::DSizes<Eigen::Index, 4> batch(1, 3, picture.dimension(1), picture.dimension(2));
  return tconv::upsample_nearest(picture.reshape(batch), factor).chip<0>(0);
}
