#pragma once

#include <sstream>
#include <string>
#include <vector>

/// Compares what a block of a page prints with what the page says.
class Check {
 public:
  /// Takes what is printed from here on.
  Check();
  ~Check();

  /// Called behind the block that begins at `line` of `page`.
  void operator()(const char* page, int line, const std::string& expected);

  int blocks() const { return blocks_; }
  int failures() const { return failures_; }

 private:
  std::ostringstream printed_;
  std::streambuf* terminal_;
  int blocks_ = 0, failures_ = 0;
};

/// A page and its code.
struct Page {
  const char* name;
  void (*run)(Check&);
};

/// Written by CMake.
std::vector<Page> all_pages();
