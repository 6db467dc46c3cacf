// Checks what the pages refer to.
//
//   check_links folder-of-the-project
//
// A link `[text](target)` to no address of the web is a file, relative to the page, and behind `#`
// a heading of that page. What stands in quotation marks in a cell of a table that is headed by
// "shown by" or "test" is a test's name.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

/// As GitHub makes an anchor of a heading.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading)
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-')
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (c == ' ')
      anchor += '-';
  return anchor;
}

class Checker {
 public:
  explicit Checker(const fs::path& root) : root_(root) {
    for (const auto& entry : fs::recursive_directory_iterator(root / "tests"))
      if (entry.is_regular_file()) tests_ += text_of(entry.path());
  }

  void check(const fs::path& page) {
    const auto lines = lines_of(text_of(page));
    bool code = false;
    std::size_t column = std::string::npos;  // of the tests in a table
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string& line = lines[i];
      if (line.rfind("```", 0) == 0) code = !code;
      if (code) continue;
      where_ = fs::relative(page, root_).string() + ":" + std::to_string(i + 1) + ": ";
      check_links(page, line);
      const auto cells = cells_of(line);
      if (cells.empty())
        column = std::string::npos;
      else if (i + 1 < lines.size() && lines[i + 1].rfind("|--", 0) == 0)
        column = static_cast<std::size_t>(
            std::find_if(cells.begin(), cells.end(),
                         [](const auto& cell) { return cell == "shown by" || cell == "test"; }) -
            cells.begin());
      else if (column < cells.size())
        check_names(cells[column]);
    }
  }

  /// The functions that a public header declares must be on the page.
  void check_functions(const fs::path& header, const std::string& page) {
    static const std::regex declared(R"(^(?:auto|void|constexpr|inline|Eigen::)[^(=]*?(\w+)\(.*)");
    static const std::regex opens(R"(^namespace (detail|core|frontend) \{)");
    static const std::regex closes(R"(^\}  // namespace (detail|core|frontend))");
    bool is_private = false;
    std::smatch match;
    const auto lines = lines_of(text_of(header));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (std::regex_search(lines[i], opens)) is_private = true;
      if (std::regex_search(lines[i], closes)) is_private = false;
      if (is_private || !std::regex_match(lines[i], match, declared)) continue;
      where_ = fs::relative(header, root_).string() + ":" + std::to_string(i + 1) + ": ";
      std::string name = match[1];
      if (name.size() > 5 && name.compare(name.size() - 5, 5, "_into") == 0)
        name.resize(name.size() - 5);
      expect(std::regex_search(page, std::regex("\\b" + name + "\\b")),
             name + " is not on docs/functions.md");
    }
  }

  int checked() const { return checked_; }
  int wrong() const { return wrong_; }

 private:
  static std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    if (line.rfind("|", 0) != 0) return cells;
    for (std::size_t from = 1; from < line.size();) {
      const std::size_t end = std::min(line.find('|', from), line.size());
      std::string cell = line.substr(from, end - from);
      cell.erase(0, cell.find_first_not_of(' '));
      cell.erase(cell.find_last_not_of(' ') + 1);
      cells.push_back(cell);
      from = end + 1;
    }
    return cells;
  }

  void check_links(const fs::path& page, const std::string& line) {
    for (std::size_t at = line.find("]("); at != std::string::npos; at = line.find("](", at + 2)) {
      const std::size_t end = line.find(')', at);
      if (end == std::string::npos) continue;
      const std::string target = line.substr(at + 2, end - at - 2);
      if (target.find("://") != std::string::npos) continue;
      const std::size_t hash = target.find('#');
      const std::string file = target.substr(0, hash);
      const fs::path path = file.empty() ? page : page.parent_path() / file;
      expect(fs::exists(path), "there is no " + target);
      if (hash != std::string::npos && fs::exists(path))
        expect(has_anchor(path, target.substr(hash + 1)), "there is no heading of " + target);
    }
  }

  static bool has_anchor(const fs::path& page, const std::string& anchor) {
    for (const std::string& line : lines_of(text_of(page)))
      if (line.rfind("#", 0) == 0 && anchor_of(line.substr(line.find_first_not_of("# "))) == anchor)
        return true;
    return false;
  }

  void check_names(const std::string& cell) {
    for (std::size_t from = cell.find('"'); from != std::string::npos;
         from = cell.find('"', from)) {
      const std::size_t end = cell.find('"', from + 1);
      if (end == std::string::npos) return;
      const std::string name = cell.substr(from + 1, end - from - 1);
      // CMake writes the last word of some names: "... with ${flags}".
      const std::string start = name.substr(0, name.rfind(' ') + 1) + "${";
      expect(tests_.find('"' + name) != std::string::npos ||
                 tests_.find('"' + start) != std::string::npos,
             "there is no test \"" + name + '"');
      from = end + 1;
    }
  }

  void expect(bool holds, const std::string& message) {
    ++checked_;
    if (holds) return;
    ++wrong_;
    std::cerr << where_ << message << '\n';
  }

  fs::path root_;
  std::string tests_, where_;
  int checked_ = 0, wrong_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: check_links folder-of-the-project\n";
    return 1;
  }
  const fs::path root = argv[1];
  Checker checker(root);
  checker.check(root / "README.md");
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") checker.check(entry.path());
  const std::string functions = text_of(root / "docs" / "functions.md");
  for (const auto& entry : fs::directory_iterator(root / "include" / "tconv"))
    if (entry.path().extension() == ".hpp") checker.check_functions(entry.path(), functions);
  std::cout << checker.checked() << " links and names, " << checker.wrong() << " of them wrong\n";
  return checker.wrong() == 0 && checker.checked() > 0 ? 0 : 1;
}
