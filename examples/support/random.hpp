#pragma once

/// \file
/// Random numbers, exponentials and logarithms with the same bits everywhere.
///
/// `std::normal_distribution` and its like differ between standard libraries, and `std::exp`
/// between libraries of mathematics. These need integers, sums, products and quotients only, which
/// IEEE 754 rounds in one way; and a compiler that does not join a product and a sum into one
/// rounding
/// (`-ffp-contract=off`).

#include <cmath>
#include <cstdint>
#include <random>

class Random {
 public:
  explicit Random(std::uint32_t seed) : bits_(seed) {}

  /// In [0, 1).
  float uniform() { return static_cast<float>(draw() >> 8) * 0x1p-24f; }
  /// In [low, high).
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// One of 0, ..., count - 1.
  int below(int count) {
    return static_cast<int>(draw() * static_cast<std::uint64_t>(count) >> 32);
  }
  /// Mean 0, variance 1: the sum of twelve uniform numbers is close to normal, and within 6.
  float normal() {
    std::int64_t sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<std::int64_t>(draw() >> 8);
    return static_cast<float>(sum - (std::int64_t{6} << 24)) * 0x1p-24f;
  }

 private:
  std::uint64_t draw() { return bits_(); }

  std::mt19937 bits_;
};

/// `e^x` to some 14 digits; x is kept within 700 of zero.
inline double exponential(double x) {
  x = x < -700 ? -700 : x > 700 ? 700 : x;
  const double power = std::floor(x * 1.4426950408889634 + 0.5);
  const double rest = x - power * 0.69314718055994531;
  // Taylor's series, where |rest| < 0.35.
  double sum = 1;
  for (int n = 13; n > 0; --n) sum = 1 + rest / n * sum;
  return std::ldexp(sum, static_cast<int>(power));
}

/// The logarithm of `x > 0`, to some 13 digits.
inline double logarithm(double x) {
  int power;
  double part = std::frexp(x, &power);
  if (part < 0.70710678118654752) {
    part *= 2;
    --power;
  }
  // log(part) = 2 artanh(z), where |z| < 0.18.
  const double z = (part - 1) / (part + 1);
  double sum = 0;
  for (int n = 17; n > 0; n -= 2) sum = sum * z * z + 1.0 / n;
  return 2 * z * sum + power * 0.69314718055994531;
}

inline double sigmoid(double x) { return 1 / (1 + exponential(-x)); }
/// `log(1 + e^x)`
inline double softplus(double x) {
  return (x > 0 ? x : 0) + logarithm(1 + exponential(x > 0 ? -x : x));
}
