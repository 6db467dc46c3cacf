/// \file
/// Bytes to options, shapes and tensors: all implementations, and gradients, must agree.

#include <fuzzer/FuzzedDataProvider.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/gradients.hpp"
#include "support/problem.hpp"

using namespace support;

namespace {

/// What a problem needs is read until it is valid, so that most bytes matter.
Problem read_problem(FuzzedDataProvider& bytes) {
  const auto read = [&](Index first, Index last) {
    return bytes.ConsumeIntegralInRange<Index>(first, last);
  };
  Problem p;
  p.direction = bytes.ConsumeBool() ? tconv::Direction::scatter : tconv::Direction::gather;
  p.rank = static_cast<int>(read(1, 3));
  p.unbatched = bytes.ConsumeBool();
  p.batch = p.unbatched ? 1 : read(1, 3);
  p.groups = read(1, 3);
  p.in_channels = p.groups * read(1, bytes.ConsumeBool() ? 40 : 4);
  p.out_channels = p.groups * read(1, bytes.ConsumeBool() ? 40 : 4);
  p.bias = bytes.ConsumeBool();
  p.channels_last = bytes.ConsumeBool();
  p.col_major = bytes.ConsumeBool();
  p.summation = bytes.ConsumeBool() ? tconv::Summation::ordered : tconv::Summation::fastest;
  for (std::size_t a = 0; a < static_cast<std::size_t>(p.rank); ++a) {
    p.in[a] = read(1, p.rank == 1 ? 70 : p.rank == 2 ? 20 : 6);
    p.kernel[a] = read(1, p.rank == 1 ? 12 : 5);
    p.stride[a] = read(1, 5);
    p.dilation[a] = read(1, 4);
    p.before[a] = read(-4, 6);
    p.after[a] = read(-4, 6);
    p.output_padding[a] = read(0, std::max(p.stride[a], p.dilation[a]) - 1);
    const Index reach = p.dilation[a] * (p.kernel[a] - 1) + 1;
    const Index padded = p.in[a] + p.before[a] + p.after[a];
    p.out[a] = p.scatters() ? (p.in[a] - 1) * p.stride[a] - p.before[a] - p.after[a] + reach +
                                  p.output_padding[a]
               : padded < reach ? 0
                                : (padded - reach) / p.stride[a] + 1;
  }
  return p;
}

/// Whether there is an output, and the definition computes it in a moment.
bool is_worth_a_try(const Problem& p) {
  return p.out[0] >= 1 && p.out[1] >= 1 && p.out[2] >= 1 && p.y_size() * p.terms() < 500'000;
}

/// Small integers, so that every order of summation is exact, and sometimes what is no number.
std::vector<float> read_values(FuzzedDataProvider& bytes, Index count, bool not_finite) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Random random(bytes.ConsumeIntegral<unsigned>());
  for (float& value : values) {
    value = static_cast<float>(static_cast<int>(random() % 9) - 4);
    if (not_finite && random() % 64 == 0)
      value = random() % 2 == 0 ? std::numeric_limits<float>::infinity()
                                : std::numeric_limits<float>::quiet_NaN();
  }
  return values;
}

void expect_same(const std::vector<float>& a, const std::vector<float>& b, const Problem& p,
                 const char* what) {
  const auto same = [](float u, float v) { return u == v || (std::isnan(u) && std::isnan(v)); };
  if (std::equal(a.begin(), a.end(), b.begin(), b.end(), same)) return;
  std::cerr << what << " is wrong: " << p << '\n';
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider bytes(data, size);
  const Problem p = read_problem(bytes);
  if (!is_worth_a_try(p)) return 0;
  const bool bad_pixels = bytes.ConsumeBool(), bad_weights = bytes.ConsumeBool();
  const Data<float> values{read_values(bytes, p.x_size(), bad_pixels),
                           read_values(bytes, p.w_size(), bad_weights),
                           read_values(bytes, p.bias ? p.out_channels : 0, false)};
  const std::vector<float> expected = reference(p, values);
  expect_same(run(Implementation::production, p, values), expected, p, "the free function");
  expect_same(run(Implementation::layer, p, values), expected, p, "the layer");
  expect_same(run(Implementation::scatter, p, values), expected, p, "scatter");
  expect_same(run(Implementation::sparse, p, values), expected, p, "sparse");
  if (bad_pixels || bad_weights) return 0;
  const std::vector<float> grad_y = read_values(bytes, p.y_size(), false);
  static tconv::Workspace workspace;
  const auto all = gradients(Calls::together, p, values, grad_y, workspace);
  const auto by_definition = gradient_reference(p, values, grad_y);
  expect_same(all.input, by_definition.input, p, "the input's gradient");
  expect_same(all.weight, by_definition.weight, p, "the weight's gradient");
  expect_same(all.bias, by_definition.bias, p, "the bias's gradient");
  return 0;
}
