// Turns the C++ code of a page into a program's translation unit.
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

struct Block {
  std::size_t line;  // of its first line of code
  std::string_view section;
  std::vector<std::string_view> code;
  std::string expected;
  bool is_program = false;
};

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

/// The blocks marked `cpp`, each with the block marked `text` behind it, if nothing but blank lines
/// stands between.
std::vector<Block> blocks_of(const std::vector<std::string>& lines) {
  enum class Inside { prose, code, output, other } inside = Inside::prose;
  std::vector<Block> blocks;
  std::string_view section;
  bool output_may_follow = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (inside == Inside::prose && starts_with(line, "```")) {
      if (line == "```cpp") {
        inside = Inside::code;
        blocks.push_back({i + 2, section, {}, {}});
      } else if (line == "```text" && output_may_follow) {
        inside = Inside::output;
      } else {
        inside = Inside::other;
      }
      output_may_follow = false;
    } else if (inside == Inside::prose) {
      if (starts_with(line, "#")) section = line;
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
    out_ << "#include \"runner.hpp\"\n#include <tconv/tconv.hpp>\n";
    for (const Block& block : blocks)
      for (const std::string_view line : block.code)
        // Every unit is compiled with EIGEN_USE_THREADS.
        if (starts_with(line, "#") && line != "#define EIGEN_USE_THREADS") out_ << line << '\n';
    out_ << "\nnamespace " << name_ << " {\n";
    for (std::size_t i = 0; i < blocks.size(); ++i)
      if (blocks[i].is_program) write_program(i, blocks[i]);
    out_ << "\nvoid run([[maybe_unused]] Check& check) {\n";
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (!blocks[i].is_program && begins_section(blocks, i)) out_ << "{\n";
      write_call(i, blocks[i]);
      if (!blocks[i].is_program && ends_section(blocks, i)) out_ << "}\n";
    }
    out_ << "}\n}  // namespace " << name_ << '\n';
  }

 private:
  /// Blocks of one section share their variables.
  static bool begins_section(const std::vector<Block>& blocks, std::size_t i) {
    for (std::size_t j = 0; j < i; ++j)
      if (!blocks[j].is_program && same_section(blocks[j], blocks[i])) return false;
    return true;
  }
  static bool ends_section(const std::vector<Block>& blocks, std::size_t i) {
    for (std::size_t j = i + 1; j < blocks.size(); ++j)
      if (!blocks[j].is_program && same_section(blocks[j], blocks[i])) return false;
    return true;
  }
  /// A section's heading is one line of the page.
  static bool same_section(const Block& a, const Block& b) {
    return a.section.data() == b.section.data();
  }

  void write_program(std::size_t i, const Block& block) {
    out_ << "namespace program_" << i << " {\n";
    write_code(block, "int main()", "void program()");
    out_ << "}\n";
  }

  void write_call(std::size_t i, const Block& block) {
    if (block.is_program)
      out_ << "program_" << i << "::program();\n";
    else
      write_code(block, "", "");
    out_ << "check(\"" << page_ << "\", " << block.line << ", R\"==(" << block.expected
         << ")==\");\n";
  }

  void write_code(const Block& block, std::string_view from, std::string_view to) {
    out_ << "#line " << block.line << " \"" << page_ << "\"\n";
    for (const std::string_view line : block.code) {
      if (starts_with(line, "#"))
        out_ << '\n';
      else if (!from.empty() && starts_with(line, from))
        out_ << to << line.substr(from.size()) << '\n';
      else
        out_ << line << '\n';
    }
  }

  std::ostream& out_;
  const std::string page_, name_;
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
