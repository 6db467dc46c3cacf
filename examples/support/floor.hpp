#pragma once

/// \file
/// What a layer is measured against: the least time in which this machine can do its arithmetic and
/// move its data.

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string>
#include <tconv/build.hpp>
#include <vector>

/// Processor time that `f()` takes, in seconds. On one thread that is what a clock on the wall
/// shows on a machine that does nothing else.
template <class F>
double seconds(const F& f) {
  const std::clock_t start = std::clock();
  f();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// The middle one of some times: a pause of the system does not move it.
inline double median(std::vector<double> times) {
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

namespace probes {

/// `chains` sums that do not wait for each other: enough to keep two units busy that each take up
/// to five cycles, few enough for sixteen registers.
inline constexpr int chains = 10;

/// Inlined, so that it is compiled for the instruction set of its caller.
template <int lanes>
[[gnu::always_inline]] inline void multiply_and_add(long steps, float* result) {
  using Register [[gnu::vector_size(lanes * sizeof(float))]] = float;
  // Unknown to the compiler, which would else compute the result itself.
  const volatile float unknown = 0.5f;
  const Register factor = Register{} + unknown, term = Register{} + unknown;
  Register sums[chains] = {};
  for (long i = 0; i < steps; ++i)
    for (Register& sum : sums) sum = sum * factor + term;
  Register total{};
  for (const Register& sum : sums) total += sum;
  std::memcpy(result, &total, sizeof total);
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] inline void avx512(long steps, float* result) {
  multiply_and_add<16>(steps, result);
}
[[gnu::target("avx2,fma")]] inline void avx2(long steps, float* result) {
  multiply_and_add<8>(steps, result);
}
#endif

inline void four_lanes(long steps, float* result) { multiply_and_add<4>(steps, result); }

}  // namespace probes

/// What one core reaches. Clocks drift and neighbours come and go, so that a probe takes turns with
/// what is measured, and the medians count.
class Machine {
 public:
  Machine() : from_(std::size_t{1} << 24, 1.0f), to_(from_) {
#if defined(__x86_64__)
    const std::string isa = tconv::instruction_set();
    if (isa.starts_with("AVX-512")) probe_ = &probes::avx512, lanes_ = 16;
    if (isa == "AVX2") probe_ = &probes::avx2, lanes_ = 8;
#endif
  }

  /// Takes some 20 ms.
  void probe() {
    constexpr long steps = 500'000;
    float result[16];
    const double arithmetic = seconds([&] { probe_(steps, result); });
    const double copy = seconds([&] { std::copy(from_.begin(), from_.end(), to_.begin()); });
    flops_.push_back(2.0 * probes::chains * static_cast<double>(lanes_ * steps) / arithmetic);
    bytes_.push_back(2.0 * sizeof(float) * static_cast<double>(to_.size()) / copy);
  }

  /// Multiplications and additions a second, with the registers that tconv uses.
  double flops() const { return median(flops_); }
  /// Bytes of main memory read or written a second, by a copy.
  double bytes() const { return median(bytes_); }

  /// Seconds that no program needs less than, if it multiplies by the definition and its data lies
  /// in main memory.
  double floor(double layer_flops, double layer_bytes) const {
    return std::max(layer_flops / flops(), layer_bytes / bytes());
  }

 private:
  void (*probe_)(long, float*) = &probes::four_lanes;
  long lanes_ = 4;
  std::vector<float> from_, to_;
  std::vector<double> flops_, bytes_;
};
