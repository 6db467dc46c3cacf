/// \file
/// Arbitrary integers in every option, extent and helper: a right result, or a documented
/// exception.

#include <fuzzer/FuzzedDataProvider.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <tconv/tconv.hpp>

using tconv::Index;

namespace {

__extension__ using Wide = __int128;

void expect(bool right, const char* what) {
  if (right) return;
  std::cerr << what << " is wrong\n";
  std::abort();
}

/// Calls `call()`, which may throw what the library documents.
template <class Call>
void documented(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument&) {
  } catch (const std::length_error&) {
  }
}

/// Small numbers as often as any others.
Index read(FuzzedDataProvider& bytes) {
  return bytes.ConsumeBool() ? bytes.ConsumeIntegralInRange<Index>(-3, 9)
                             : bytes.ConsumeIntegral<Index>();
}

struct AxisNumbers {
  Wide in, kernel, stride, before, after, output_padding, dilation;

  Wide reach() const { return dilation * (kernel - 1) + 1; }
  Wide conv() const { return (in + before + after - reach()) / stride + 1; }
  Wide conv_transpose() const {
    return (in - 1) * stride - before - after + reach() + output_padding;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider bytes(data, size);
  tconv::ConvOptions<2> options;
  std::array<Index, 2> in{}, kernel{};
  std::array<AxisNumbers, 2> axes{};
  for (std::size_t a = 0; a < 2; ++a) {
    in[a] = read(bytes);
    kernel[a] = read(bytes);
    options.stride[a] = read(bytes);
    options.padding[a] = {read(bytes), read(bytes)};
    options.output_padding[a] = read(bytes);
    options.dilation[a] = read(bytes);
    axes[a] = {in[a],
               kernel[a],
               options.stride[a],
               options.padding[a].before,
               options.padding[a].after,
               options.output_padding[a],
               options.dilation[a]};
  }
  options.groups = read(bytes);

  documented([&] {
    const auto out = tconv::conv_output_extents(in, kernel, options);
    for (std::size_t a = 0; a < 2; ++a) expect(out[a] == axes[a].conv(), "conv_output_extents");
  });
  documented([&] {
    const auto out = tconv::conv_transpose_output_extents(in, kernel, options);
    for (std::size_t a = 0; a < 2; ++a)
      expect(out[a] == axes[a].conv_transpose(), "conv_transpose_output_extents");
  });
  documented([&] {
    const std::array<Index, 2> out{read(bytes), read(bytes)};
    const auto fitting = tconv::with_output_extents(options, in, kernel, out);
    expect(tconv::conv_transpose_output_extents(in, kernel, fitting) == out, "with_output_extents");
  });
  documented([&] {
    const auto same = tconv::with_same_padding(options, kernel, tconv::Same::upper);
    const auto out = tconv::conv_transpose_output_extents(in, kernel, same);
    for (std::size_t a = 0; a < 2; ++a)
      expect(out[a] == axes[a].in * axes[a].stride, "with_same_padding");
  });

  const auto large = [](Index extent) { return extent < 0 || extent > 64; };
  const Index channels = read(bytes), others = read(bytes);
  if (large(in[0]) || large(in[1]) || large(kernel[0]) || large(kernel[1]) || large(channels) ||
      large(others))
    return 0;
  Eigen::Tensor<float, 4> x(1, channels, in[0], in[1]), w(channels, others, kernel[0], kernel[1]);
  x.setConstant(1.0F);
  w.setConstant(1.0F);
  // Results of which memory has no room are rejected, those of a few megabytes computed.
  const auto fits = [&] {
    constexpr Wide most = 1 << 20;
    Wide elements = Wide{others} * options.groups;
    for (const AxisNumbers& axis : axes) {
      // What is no shape at all is rejected whatever its size.
      if (elements < 1 || axis.conv_transpose() < 1) return true;
      if (elements > most || axis.conv_transpose() > most) return false;
      elements *= axis.conv_transpose();
    }
    return elements <= most;
  };
  documented([&] {
    if (options.groups > 64 || !fits()) return;
    const auto y = tconv::conv_transpose(x, w, options);
    expect(y.dimension(2) == axes[0].conv_transpose(), "conv_transpose");
  });
  return 0;
}
