// Runs the code of all pages.

#include "runner.hpp"

#include <cstdio>
#include <exception>
#include <iostream>

namespace {

/// Without spaces at the ends of lines, and without empty lines at the end.
std::string trimmed(const std::string& text) {
  std::istringstream lines(text);
  std::string result, blank;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    blank += line + '\n';
    if (!line.empty()) {
      result += blank;
      blank.clear();
    }
  }
  return result;
}

}  // namespace

Check::Check() : terminal_(std::cout.rdbuf(printed_.rdbuf())) {}
Check::~Check() { std::cout.rdbuf(terminal_); }

void Check::operator()(const char* page, int line, const std::string& expected) {
  const std::string printed = trimmed(printed_.str());
  printed_.str({});
  ++blocks_;
  if (printed == trimmed(expected)) return;
  ++failures_;
  std::fprintf(stderr, "%s:%d: the block prints\n%s-- but the page says\n%s--\n", page, line,
               printed.c_str(), trimmed(expected).c_str());
}

int main() {
  Check check;
  int thrown = 0;
  for (const Page& page : all_pages()) try {
      page.run(check);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: an exception ends its code: %s\n", page.name, error.what());
      ++thrown;
    }
  std::fprintf(stderr, "%d blocks, %d of them wrong\n", check.blocks(), check.failures());
  return check.failures() + thrown == 0 && check.blocks() > 0 ? 0 : 1;
}
