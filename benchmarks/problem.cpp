#include "problem.hpp"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <tconv/simd/micro_kernel.hpp>

using Eigen::Index;

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

double product(const std::array<Index, 3>& extents) {
  return static_cast<double>(
      std::accumulate(extents.begin(), extents.end(), Index{1}, std::multiplies<>()));
}

}  // namespace

std::array<Index, 3> Problem::out() const {
  std::array<Index, 3> extents{};
  for (std::size_t a = 0; a < 3; ++a)
    if (gathers)
      extents[a] = (in[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) / stride[a] + 1;
    else
      extents[a] = (in[a] - 1) * stride[a] - 2 * padding[a] + dilation[a] * (kernel[a] - 1) + 1 +
                   output_padding[a];
  return extents;
}

double Problem::flops() const {
  return 2.0 * static_cast<double>(batch * in_channels * out_channels / groups) * product(kernel) *
         product(gathers ? out() : in);
}

double Problem::bytes() const {
  return sizeof(float) *
         (static_cast<double>(batch * in_channels) * product(in) +
          static_cast<double>(batch * out_channels) * product(out()) +
          static_cast<double>(in_channels * out_channels / groups) * product(kernel));
}

std::vector<Problem> read_problems(const std::string& path, bool gathers) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<Problem> problems;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto fields = split(line, ',');
    Problem p;
    p.gathers = gathers;
    p.name = fields[0];
    p.batch = std::stol(fields[2]);
    p.in_channels = std::stol(fields[3]);
    p.out_channels = std::stol(fields[4]);
    p.groups = std::stol(fields[11]);
    std::size_t field = 5;
    for (auto* values : {&p.in, &p.kernel, &p.stride, &p.padding, &p.output_padding, &p.dilation}) {
      const auto numbers = split(fields[field++], 'x');
      p.axes = static_cast<int>(numbers.size());
      for (std::size_t a = 0; a < numbers.size(); ++a) (*values)[a] = std::stol(numbers[a]);
    }
    problems.push_back(p);
  }
  return problems;
}

double probe_peak() {
  using namespace tconv::simd;
  constexpr Index depth = 256, lanes = tconv::simd::Packet<float>::size;
  constexpr int rows = max_rows(LaneOperand::weights, 2);
  alignas(64) static std::array<float, 2 * lanes> weights{};
  alignas(64) static std::array<float, rows> pixels{};
  static std::array<std::int32_t, depth> offsets{};
  static std::array<float, rows * 2 * lanes> sums{};
  // Unknown to the compiler, which would inline the kernel and take its loads out of the loop.
  static volatile Index vectors = 2;
  const auto kernel = find_micro_kernel<float, LaneOperand::weights>(rows, vectors);
  // Operands that stay in registers or the nearest cache leave the arithmetic as the only limit.
  const auto run = [&] {
    for (int i = 0; i < 200; ++i)
      kernel(depth, offsets.data(), pixels.data(), 1, weights.data(), 0, sums.data(), 2 * lanes,
             false, Ahead<float>::nothing(weights.data()));
  };
  double best = 0;
  for (int repetition = 0; repetition < 20; ++repetition) {
    const std::clock_t start = std::clock();
    run();
    const double time = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (time > 0) best = std::max(best, 200.0 * 2 * depth * rows * 2 * lanes / time);
  }
  return best;
}
