// Turns the C++ code of a page into a translation unit.
//
//   extract page.md name page.cpp
//
// `docs/README.md` says what a page may hold. The unit defines `name::run`, which is called with
// the `Check` of `runner.hpp`: after each block it compares what the block printed with what the
// page says. The compiler's messages name the lines of the page.

#include <cstddef>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// The numbers of the lines of the headings that a block stands below, the highest one first.
using Headings = std::vector<std::size_t>;

struct Block {
  std::size_t line;  // of its first line of code
  Headings headings;
  std::vector<std::string_view> code;
  std::string expected;
  bool is_program = false;
};

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

std::size_t level_of(std::string_view heading) { return heading.find_first_not_of('#'); }

/// The blocks marked `cpp`, each with the block marked `text` behind it, if nothing but blank lines
/// stands between.
std::vector<Block> blocks_of(const std::vector<std::string>& lines) {
  enum class Inside { prose, code, output, other } inside = Inside::prose;
  std::vector<Block> blocks;
  Headings headings;
  bool output_may_follow = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (inside == Inside::prose && starts_with(line, "```")) {
      if (line == "```cpp") {
        inside = Inside::code;
        blocks.push_back({i + 2, headings, {}, {}});
      } else if (line == "```text" && output_may_follow) {
        inside = Inside::output;
      } else {
        inside = Inside::other;
      }
      output_may_follow = false;
    } else if (inside == Inside::prose) {
      if (starts_with(line, "#")) {
        while (!headings.empty() && level_of(lines[headings.back()]) >= level_of(line))
          headings.pop_back();
        headings.push_back(i);
      }
      if (!line.empty()) output_may_follow = false;
    } else if (line == "```") {
      output_may_follow = inside == Inside::code;
      inside = Inside::prose;
    } else if (inside == Inside::code) {
      if (starts_with(line, "int main()")) blocks.back().is_program = true;
      blocks.back().code.push_back(line);
    } else if (inside == Inside::output) {
      blocks.back().expected += line + '\n';
    }
  }
  return blocks;
}

class Unit {
 public:
  Unit(std::ostream& out, const std::string& page, const std::string& name)
      : out_(out), page_(page), name_(name) {}

  void write(const std::vector<Block>& blocks) {
    out_ << "#include <iostream>\n#include <tconv/tconv.hpp>\n#include \"runner.hpp\"\n";
    for (const Block& block : blocks)
      for (const std::string_view line : block.code)
        // Every unit is compiled with EIGEN_USE_THREADS.
        if (starts_with(line, "#") && line != "#define EIGEN_USE_THREADS") out_ << line << '\n';
    out_ << "\nnamespace " << name_ << " {\n";
    for (std::size_t i = 0; i < blocks.size(); ++i)
      if (blocks[i].is_program) {
        out_ << "namespace program_" << i << " {\n";
        write_code(blocks[i]);
        out_ << "}\n";
      }
    out_ << "\nvoid run([[maybe_unused]] Check& check) {\n";
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      enter(blocks[i].headings);
      if (blocks[i].is_program)
        out_ << "program_" << i << "::program();\n";
      else
        write_code(blocks[i]);
      out_ << "check(\"" << page_ << "\", " << blocks[i].line << ", R\"==(" << blocks[i].expected
           << ")==\");\n";
    }
    enter({});
    out_ << "}\n}  // namespace " << name_ << '\n';
  }

 private:
  /// Closes the scopes of headings that are left, and opens those of new ones.
  void enter(const Headings& headings) {
    std::size_t common = 0;
    while (common < open_.size() && common < headings.size() && open_[common] == headings[common])
      ++common;
    for (std::size_t i = common; i < open_.size(); ++i) out_ << "}\n";
    for (std::size_t i = common; i < headings.size(); ++i) out_ << "{\n";
    open_ = headings;
  }

  void write_code(const Block& block) {
    const std::string_view main = "int main()";
    out_ << "#line " << block.line << " \"" << page_ << "\"\n";
    for (const std::string_view line : block.code) {
      if (starts_with(line, main))
        out_ << "void program()" << line.substr(main.size());
      else if (!starts_with(line, "#"))
        out_ << line;
      out_ << '\n';
    }
  }

  std::ostream& out_;
  const std::string page_, name_;
  Headings open_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: extract page.md name page.cpp\n";
    return 1;
  }
  std::ifstream page(argv[1]);
  std::vector<std::string> lines;
  for (std::string line; std::getline(page, line);) lines.push_back(line);
  std::ofstream out(argv[3]);
  Unit(out, argv[1], argv[2]).write(blocks_of(lines));
  if (!page.eof() || !out.flush()) {
    std::cerr << "extract: cannot read " << argv[1] << " or write " << argv[3] << '\n';
    return 1;
  }
  return 0;
}
