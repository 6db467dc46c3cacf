// Draws a chart of speed, that of the README among them.
//
//   draw_speed page.md heading chart.svg
//
// The page has, under that heading, what `benchmarks/layers --table` prints: percent of the peak
// for each layer. The chart has the layer of tconv beside the best peer.

#include <algorithm>
#include <cmath>
#include <cstddef>
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

/// \throws std::runtime_error if the page has no such table under the heading
std::vector<Row> read_rows(const std::string& path, const std::string& heading) {
  std::ifstream page(path);
  std::vector<std::string> peers;  // "Eigen GEMM + col2im" is but Eigen
  std::vector<Row> rows;
  bool under_heading = false;
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("## ", 0) == 0) under_heading = line == "## " + heading;
    if (!under_heading || line.empty() || line[0] != '|') continue;
    if (line.find("geometric mean") != std::string::npos) break;
    if (line[1] == '-') continue;
    const auto cells = cells_of(line);
    if (line.rfind("| layer | MFLOP | tconv layer |", 0) == 0) {
      for (std::size_t i = 4; i < cells.size(); ++i)
        peers.push_back(cells[i].substr(0, cells[i].find(' ')));
      continue;
    }
    if (peers.empty() || cells.size() != 4 + peers.size())
      throw std::runtime_error(path + ": " + line);
    Row row{cells[0], "", std::atof(cells[2].c_str()), 0};
    for (std::size_t i = 0; i < peers.size(); ++i)
      if (const double share = std::atof(cells[4 + i].c_str()); share > row.best)
        row.best = share, row.peer = peers[i];
    rows.push_back(row);
  }
  if (rows.empty()) throw std::runtime_error(path + " has no table of layers under " + heading);
  return rows;
}

void draw(const std::vector<Row>& rows, const std::string& path) {
  double most = 100;
  for (const Row& row : rows) most = std::max({most, row.ours, row.best});
  const int end = static_cast<int>(std::ceil(most / 20)) * 20;  // of the axis, in percent
  const std::string ours = "#2f77b4", peers = "#bdbdbd", grid = "#e0e0e0";
  const double left = 110, top = 64, height = 21;
  const double width = 672, unit = width / end;  // pixels for one percent
  const double bottom = top + height * static_cast<double>(rows.size());
  Svg svg({left + width + 110, bottom + 40});
  svg.rectangle({left, 14}, {12, 12}, {.fill = ours, .width = 0});
  svg.text({left + 18, 20}, "tconv, a layer", {.anchor = "start"});
  svg.rectangle({left + 140, 14}, {12, 12}, {.fill = peers, .width = 0});
  svg.text({left + 158, 20}, "the best peer", {.anchor = "start"});
  for (int percent = 0; percent <= end; percent += 20) {
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
    std::snprintf(ratio, sizeof ratio, "%.2f x", row.ours / row.best);
    svg.text({left + width + 16, y + 9}, ratio + (" " + row.peer),
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
  if (argc != 4) {
    std::cerr << "usage: draw_speed page.md heading chart.svg\n";
    return 1;
  }
  try {
    draw(read_rows(argv[1], argv[2]), argv[3]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
