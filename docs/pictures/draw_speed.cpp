// Draws the chart of the README.
//
//   draw_speed table.md speed.svg
//
// The first is a page with what `benchmarks/layers --table` prints: percent of the peak for each
// layer. The chart has the layer of tconv beside the best peer.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "svg.hpp"

namespace {

struct Row {
  std::string layer, peer;
  double ours, best;
};

/// The cells of a line `| a | b | c |`.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream rest(line.substr(1));
  for (std::string cell; std::getline(rest, cell, '|');) {
    const auto first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

/// \throws std::runtime_error if the page has no such table
std::vector<Row> read_rows(const std::string& path) {
  const std::array<const char*, 3> peers{"oneDNN", "XNNPACK", "Eigen"};
  std::ifstream page(path);
  std::vector<Row> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("| layer | MFLOP | tconv layer |", 0) == 0)
      inside = true;
    else if (inside && (line.empty() || line.find("geometric mean") != std::string::npos))
      break;
    else if (inside && line[1] != '-') {
      const auto cells = cells_of(line);
      if (cells.size() != 4 + peers.size()) throw std::runtime_error(path + ": " + line);
      Row row{cells[0], "", std::atof(cells[2].c_str()), 0};
      for (std::size_t i = 0; i < peers.size(); ++i)
        if (const double share = std::atof(cells[4 + i].c_str()); share > row.best)
          row.best = share, row.peer = peers[i];
      rows.push_back(row);
    }
  }
  if (rows.empty()) throw std::runtime_error(path + " has no table of layers");
  return rows;
}

void draw(const std::vector<Row>& rows, const std::string& path) {
  const std::string ours = "#2f77b4", peers = "#bdbdbd", grid = "#e0e0e0";
  const double left = 110, top = 64, height = 21, unit = 5.6;  // pixels for one percent
  const double bottom = top + height * static_cast<double>(rows.size());
  Svg svg({left + 120 * unit + 110, bottom + 40});
  svg.rectangle({left, 14}, {12, 12}, {.fill = ours, .width = 0});
  svg.text({left + 18, 20}, "tconv, a layer", {.anchor = "start"});
  svg.rectangle({left + 140, 14}, {12, 12}, {.fill = peers, .width = 0});
  svg.text({left + 158, 20}, "the best of oneDNN, XNNPACK and Eigen", {.anchor = "start"});
  for (int percent = 0; percent <= 120; percent += 20) {
    const double x = left + percent * unit;
    svg.line({x, top - 4}, {x, bottom},
             {.stroke = percent == 100 ? "#888888" : grid, .dashed = percent == 100});
    svg.text({x, top - 14}, std::to_string(percent) + " %", {.size = 12, .colour = "#555555"});
  }
  double y = top;
  for (const Row& row : rows) {
    svg.text({left - 8, y + 9}, row.layer, {.size = 12, .anchor = "end"});
    svg.rectangle({left, y + 1}, {row.ours * unit, 9}, {.fill = ours, .width = 0});
    svg.rectangle({left, y + 10}, {row.best * unit, 7}, {.fill = peers, .width = 0});
    char ratio[16];
    std::snprintf(ratio, sizeof ratio, "%.1f x", row.ours / row.best);
    svg.text({left + 120 * unit + 16, y + 9}, ratio + (" " + row.peer),
             {.size = 11, .colour = "#555555", .anchor = "start"});
    y += height;
  }
  svg.text({left, bottom + 20},
           "percent of the peak of multiply-adds, one thread. On the right: how many times the "
           "rate of which peer",
           {.size = 12, .colour = "#555555", .anchor = "start"});
  svg.write(path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: draw_speed table.md speed.svg\n";
    return 1;
  }
  try {
    draw(read_rows(argv[1]), argv[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
