#pragma once

/// \file
/// Random problems, an independent reference for them, and one way to run and compare all
/// implementations. Arrays are plain vectors in canonical order, (n, channel, spatial...)
/// row-major, whatever layout a problem is run in.

#include <array>
#include <cstddef>
#include <iosfwd>
#include <random>
#include <tconv/geometry.hpp>
#include <vector>

namespace support {

using tconv::Index;
using Random = std::mt19937;

struct Problem {
  int rank = 2;
  tconv::Direction direction = tconv::Direction::scatter;
  Index batch = 1, groups = 1, in_channels = 1, out_channels = 1;
  std::array<Index, 3> in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, before{},
      after{}, output_padding{}, out{1, 1, 1};
  bool bias = false;
  bool channels_last = false;
  bool col_major = false;
  bool unbatched = false;
  tconv::Summation summation = tconv::Summation::fastest;

  bool scatters() const { return direction == tconv::Direction::scatter; }
  Index x_size() const { return batch * in_channels * in[0] * in[1] * in[2]; }
  Index y_size() const { return batch * out_channels * out[0] * out[1] * out[2]; }
  Index w_size() const {
    return in_channels * out_channels / groups * kernel[0] * kernel[1] * kernel[2];
  }
  /// Products that one output can be a sum of, and the bias.
  Index terms() const { return in_channels / groups * kernel[0] * kernel[1] * kernel[2] + 1; }

  template <int R>
  tconv::ConvOptions<R> options() const {
    tconv::ConvOptions<R> o;
    for (int a = 0; a < R; ++a) {
      const auto i = static_cast<std::size_t>(a);
      o.stride[a] = stride[i];
      o.dilation[a] = dilation[i];
      o.padding[a] = {before[i], after[i]};
      o.output_padding[a] = output_padding[i];
    }
    o.groups = groups;
    o.data_format =
        channels_last ? tconv::DataFormat::channels_last : tconv::DataFormat::channels_first;
    o.summation = summation;
    return o;
  }
};

std::ostream& operator<<(std::ostream& out, const Problem& problem);

/// `shapes`, or the share of them that the environment variable `TCONV_TEST_EFFORT` asks for, in
/// percent: how many random shapes a slow build should try.
int effort(int shapes);

/// The extent of the result of one axis, by the formulas of the contract; 0 if there is none.
Index out_extent(const Problem& p, std::size_t axis);

/// A valid problem; extents and channels are drawn up to `largest`.
Problem random_problem(Random& random, tconv::Direction direction, Index largest = 9);

/// A two-dimensional problem whose size could be that of a layer.
Problem random_layer(Random& random);

template <class Scalar>
struct Data {
  std::vector<Scalar> x, w, bias;
};

/// Integers small enough that every order of summation is exact.
template <class Scalar>
Data<Scalar> random_integers(Random& random, const Problem& problem);
template <class Scalar>
Data<Scalar> random_reals(Random& random, const Problem& problem);

/// Replaces about one value in `rarity` by NaN, infinity or minus infinity.
void spoil(Random& random, std::vector<float>& values, int rarity);
/// Whether values are equal, NaN where the other is NaN. Sums of small integers and infinities do
/// not depend on their order.
bool same_or_nan(const std::vector<float>& a, const std::vector<float>& b);

/// The definition, on plain vectors: each product goes where `o = i * stride + k * dilation -
/// before` says. Shares no code with the library.
template <class Scalar>
std::vector<Scalar> reference(const Problem& problem, const Data<Scalar>& data);

/// `into` is the production path into poisoned memory.
enum class Implementation { production, layer, scatter, sparse, into };

/// The library's result, in canonical order.
template <class Scalar>
std::vector<Scalar> run(Implementation implementation, const Problem& problem,
                        const Data<Scalar>& data);

/// Whether each element of `a` is within `terms * epsilon * sum |x * w|` of `b`, the bound of any
/// order of summation of that many terms.
template <class Scalar>
bool close(const std::vector<Scalar>& a, const std::vector<Scalar>& b, const Problem& problem,
           Data<Scalar> data);

}  // namespace support
