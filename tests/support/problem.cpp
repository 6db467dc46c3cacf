#include "support/problem.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <ostream>

namespace support {

int effort(int shapes) {
  const char* percent = std::getenv("TCONV_TEST_EFFORT");
  return percent ? std::max(shapes * std::atoi(percent) / 100, 1) : shapes;
}

namespace {

Index draw(Random& random, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(random);
}

}  // namespace

Index out_extent(const Problem& p, std::size_t a) {
  const Index reach = p.dilation[a] * (p.kernel[a] - 1) + 1;
  if (p.scatters())
    return (p.in[a] - 1) * p.stride[a] - p.before[a] - p.after[a] + reach + p.output_padding[a];
  const Index padded = p.in[a] + p.before[a] + p.after[a];
  return padded < reach ? 0 : (padded - reach) / p.stride[a] + 1;
}

std::ostream& operator<<(std::ostream& out, const Problem& p) {
  out << (p.scatters() ? "conv_transpose" : "conv") << " n " << p.batch << " c " << p.in_channels
      << " -> " << p.out_channels << " groups " << p.groups;
  for (std::size_t a = 3 - static_cast<std::size_t>(p.rank); a < 3; ++a) {
    const std::size_t i = a - (3 - static_cast<std::size_t>(p.rank));
    out << " | in " << p.in[i] << " k " << p.kernel[i] << " s " << p.stride[i] << " d "
        << p.dilation[i] << " p " << p.before[i] << "," << p.after[i] << " op "
        << p.output_padding[i];
  }
  return out << (p.bias ? " bias" : "") << (p.channels_last ? " channels_last" : "")
             << (p.col_major ? " ColMajor" : " RowMajor") << (p.unbatched ? " unbatched" : "")
             << (p.summation == tconv::Summation::ordered ? " ordered" : "");
}

Problem random_problem(Random& random, tconv::Direction direction, Index largest) {
  for (;;) {
    Problem p;
    p.direction = direction;
    p.rank = static_cast<int>(draw(random, 1, 3));
    p.unbatched = draw(random, 0, 3) == 0;
    p.batch = p.unbatched ? 1 : draw(random, 1, 3);
    p.groups = draw(random, 0, 2) == 0 ? draw(random, 2, 3) : 1;
    p.in_channels = p.groups * draw(random, 1, largest);
    p.out_channels = p.groups * draw(random, 1, draw(random, 0, 3) == 0 ? 3 * largest : largest);
    // Depthwise, with whole packets of channels and a rest.
    if (draw(random, 0, 7) == 0) p.groups = p.in_channels = p.out_channels = draw(random, 2, 40);
    p.bias = draw(random, 0, 1) == 1;
    p.channels_last = draw(random, 0, 2) == 0;
    p.col_major = draw(random, 0, 1) == 1;
    bool valid = true;
    for (std::size_t a = 0; a < static_cast<std::size_t>(p.rank); ++a) {
      p.in[a] = draw(random, 0, 4) == 0 ? 1 : draw(random, 1, p.rank == 3 ? 5 : largest);
      p.kernel[a] = draw(random, 1, p.rank == 3 ? 3 : 6);
      p.stride[a] = draw(random, 1, 4);
      p.dilation[a] = draw(random, 0, 1) == 0 ? 1 : draw(random, 1, 3);
      p.before[a] = draw(random, -2, 3);
      p.after[a] = draw(random, -2, 3);
      p.output_padding[a] = draw(random, 0, std::max(p.stride[a], p.dilation[a]) - 1);
      p.out[a] = out_extent(p, a);
      valid = valid && p.out[a] >= 1;
    }
    if (valid) return p;
  }
}

Problem random_layer(Random& random) {
  Problem p;
  p.direction = draw(random, 0, 3) == 0 ? tconv::Direction::gather : tconv::Direction::scatter;
  p.batch = draw(random, 1, 3);
  for (Index* channels : {&p.in_channels, &p.out_channels})
    *channels = draw(random, 0, 1) == 0 ? draw(random, 1, 32) : 16 * draw(random, 2, 20);
  for (std::size_t a = 0; a < 2; ++a) {
    p.in[a] = draw(random, 1, 40);
    p.kernel[a] = draw(random, 1, 5);
    p.stride[a] = draw(random, 1, 3);
    p.before[a] = p.after[a] = p.kernel[a] / 2;
    p.out[a] = out_extent(p, a);
  }
  return p.out[0] < 1 || p.out[1] < 1 ? random_layer(random) : p;
}

template <class Scalar, class Draw>
Data<Scalar> random_data(const Problem& problem, const Draw& draw_one) {
  Data<Scalar> data;
  data.x.resize(static_cast<std::size_t>(problem.x_size()));
  data.w.resize(static_cast<std::size_t>(problem.w_size()));
  data.bias.resize(problem.bias ? static_cast<std::size_t>(problem.out_channels) : 0);
  for (auto* values : {&data.x, &data.w, &data.bias})
    for (Scalar& value : *values) value = draw_one();
  return data;
}

template <class Scalar>
Data<Scalar> random_integers(Random& random, const Problem& problem) {
  return random_data<Scalar>(problem, [&] { return static_cast<Scalar>(draw(random, -4, 4)); });
}

template <class Scalar>
Data<Scalar> random_reals(Random& random, const Problem& problem) {
  std::uniform_real_distribution<double> real(-1, 1);
  return random_data<Scalar>(problem, [&] { return static_cast<Scalar>(real(random)); });
}

void spoil(Random& random, std::vector<float>& values, int rarity) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity};
  for (float& value : values)
    if (draw(random, 1, rarity) == 1) value = bad[static_cast<std::size_t>(draw(random, 0, 2))];
}

bool same_or_nan(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float u, float v) { return u == v || (std::isnan(u) && std::isnan(v)); });
}

template <class Scalar>
std::vector<Scalar> reference(const Problem& p, const Data<Scalar>& data) {
  std::vector<Scalar> y(static_cast<std::size_t>(p.y_size()));
  const Index in_group = p.in_channels / p.groups, out_group = p.out_channels / p.groups;
  const auto& coarse = p.scatters() ? p.in : p.out;
  const auto& fine = p.scatters() ? p.out : p.in;
  const auto at = [](const std::array<Index, 3>& e, Index plane, Index a, Index b, Index c) {
    return static_cast<std::size_t>(((plane * e[0] + a) * e[1] + b) * e[2] + c);
  };
  for (Index n = 0; n < p.batch; ++n)
    for (Index m = 0; m < p.out_channels; ++m) {
      const Index y_plane = n * p.out_channels + m;
      if (p.bias)
        for (Index o = 0; o < p.out[0] * p.out[1] * p.out[2]; ++o)
          y[at(p.out, y_plane, 0, 0, o)] = data.bias[static_cast<std::size_t>(m)];
      for (Index c = m / out_group * in_group; c < (m / out_group + 1) * in_group; ++c) {
        const Index x_plane = n * p.in_channels + c;
        const Index w_plane =
            p.scatters() ? c * out_group + m % out_group : m * in_group + c % in_group;
        for (Index i0 = 0; i0 < coarse[0]; ++i0)
          for (Index i1 = 0; i1 < coarse[1]; ++i1)
            for (Index i2 = 0; i2 < coarse[2]; ++i2)
              for (Index k0 = 0; k0 < p.kernel[0]; ++k0)
                for (Index k1 = 0; k1 < p.kernel[1]; ++k1)
                  for (Index k2 = 0; k2 < p.kernel[2]; ++k2) {
                    const Index o0 = i0 * p.stride[0] + k0 * p.dilation[0] - p.before[0];
                    const Index o1 = i1 * p.stride[1] + k1 * p.dilation[1] - p.before[1];
                    const Index o2 = i2 * p.stride[2] + k2 * p.dilation[2] - p.before[2];
                    if (o0 < 0 || o0 >= fine[0] || o1 < 0 || o1 >= fine[1] || o2 < 0 ||
                        o2 >= fine[2])
                      continue;
                    const Scalar weight = data.w[at(p.kernel, w_plane, k0, k1, k2)];
                    if (p.scatters())
                      y[at(p.out, y_plane, o0, o1, o2)] +=
                          data.x[at(p.in, x_plane, i0, i1, i2)] * weight;
                    else
                      y[at(p.out, y_plane, i0, i1, i2)] +=
                          data.x[at(p.in, x_plane, o0, o1, o2)] * weight;
                  }
      }
    }
  return y;
}

template <class Scalar>
bool close(const std::vector<Scalar>& a, const std::vector<Scalar>& b, const Problem& problem,
           Data<Scalar> data) {
  for (auto* values : {&data.x, &data.w, &data.bias})
    for (Scalar& value : *values) value = std::abs(value);
  const std::vector<Scalar> magnitude = reference(problem, data);
  if (a.size() != b.size() || a.size() != magnitude.size()) return false;
  const Scalar unit = static_cast<Scalar>(problem.terms()) * std::numeric_limits<Scalar>::epsilon();
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= unit * magnitude[i])) return false;
  return true;
}

template Data<float> random_integers(Random&, const Problem&);
template Data<float> random_reals(Random&, const Problem&);
template std::vector<float> reference(const Problem&, const Data<float>&);
template bool close(const std::vector<float>&, const std::vector<float>&, const Problem&,
                    Data<float>);
template Data<double> random_integers(Random&, const Problem&);
template Data<double> random_reals(Random&, const Problem&);
template std::vector<double> reference(const Problem&, const Data<double>&);
template bool close(const std::vector<double>&, const std::vector<double>&, const Problem&,
                    Data<double>);

}  // namespace support
