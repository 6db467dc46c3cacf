#include <tconv/conv.hpp>
#include <tconv/upsample_conv.hpp>
#include <unsupported/Eigen/AutoDiff>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace tconv;
using support::Problem;

namespace {

/// Small integers: with scales that are powers of two every sum is exact.
template <class Tensor>
void fill(Tensor& t, support::Random& random) {
  std::uniform_int_distribution<int> draw(-4, 4);
  for (Index i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<typename Tensor::Scalar>(draw(random));
}

template <class Tensor>
bool same(const Tensor& a, const Tensor& b) {
  return a.dimensions() == b.dimensions() && std::equal(a.data(), a.data() + a.size(), b.data());
}

template <int R, int layout>
void check(support::Random& random, const Extents<R + 2>& x_shape, const Extents<R + 2>& w_shape,
           const PerAxis<R, Index>& scale, const ConvOptions<R>& options) {
  Eigen::Tensor<double, R + 2, layout> x(
      frontend::own_order<static_cast<std::size_t>(R) + 2>(x_shape, options.data_format));
  Eigen::Tensor<double, R + 2, layout> w(w_shape);
  Eigen::Tensor<double, 1, layout> bias(w_shape[0]);
  fill(x, random), fill(w, random), fill(bias, random);
  const auto image = upsample_linear(x, scale, options.data_format);
  CHECK(same(upsample_conv(x, w, scale, options), conv(image, w, options)));
  Workspace workspace;
  CHECK(same(upsample_conv(workspace, x, w, bias, scale, options), conv(image, w, bias, options)));
}

template <int R>
void check_problem(const Problem& p, support::Random& random) {
  Extents<R + 2> x_shape{p.batch, p.in_channels};
  Extents<R + 2> w_shape{p.out_channels, p.in_channels / p.groups};
  std::copy_n(p.in.begin(), R, x_shape.begin() + 2);
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  PerAxis<R, Index> scale;
  for (int a = 0; a < R; ++a)
    scale[a] = Index{1} << std::uniform_int_distribution<int>(0, 2)(random);
  if (p.col_major)
    check<R, Eigen::ColMajor>(random, x_shape, w_shape, scale, p.options<R>());
  else
    check<R, Eigen::RowMajor>(random, x_shape, w_shape, scale, p.options<R>());
}

}  // namespace

TEST_CASE("upsample_conv is conv of the upsampled image, for all ranks, options and layouts") {
  support::Random random(43);
  for (int i = 0; i < 100; ++i) {
    const Problem p = support::random_problem(random, Direction::gather, 5);
    INFO(p);
    if (p.rank == 1) check_problem<1>(p, random);
    if (p.rank == 2) check_problem<2>(p, random);
    if (p.rank == 3) check_problem<3>(p, random);
  }
}

TEST_CASE("upsample_conv joins its bands without a seam, padding and cropping included") {
  support::Random random(47);
  constexpr auto first = DataFormat::channels_first, last = DataFormat::channels_last;
  for (const Padding padding : {Padding(1), Padding(-7, 40), Padding(40, -7)})
    for (const Index stride : {1, 3})
      for (const DataFormat format : {first, last}) {
        const ConvOptions<2> options{.stride = {stride, 2},
                                     .padding = {padding, padding},
                                     .dilation = {2, 1},
                                     .data_format = format};
        check<2, Eigen::RowMajor>(random, {2, 3, 110, 50}, {4, 3, 3, 5}, {2, 4}, options);
        check<2, Eigen::ColMajor>(random, {2, 3, 50, 110}, {4, 3, 3, 5}, {4, 2}, options);
      }
  check<1, Eigen::RowMajor>(random, {1, 3, 20000}, {2, 3, 9}, 4, {.stride = 2, .padding = 5});
  check<3, Eigen::RowMajor>(random, {1, 2, 9, 20, 30}, {3, 2, 3, 1, 2}, {4, 2, 2}, {.padding = 1});
}

TEST_CASE("upsample_conv takes unbatched images, an empty batch and scalars that own memory") {
  Eigen::Tensor<double, 3, Eigen::RowMajor> x(2, 5, 4);
  Eigen::Tensor<double, 4, Eigen::RowMajor> w(3, 2, 3, 3), batch(1, 2, 5, 4);
  support::Random random(53);
  fill(x, random), fill(w, random);
  std::copy(x.data(), x.data() + x.size(), batch.data());
  const auto y = upsample_conv(x, w, 2, {.padding = 1});
  const auto z = conv(upsample_linear(batch, 2), w, {.padding = 1});
  REQUIRE(y.dimensions() == Eigen::DSizes<Index, 3>(3, 10, 8));
  CHECK(std::equal(y.data(), y.data() + y.size(), z.data()));
  const Eigen::Tensor<double, 4, Eigen::RowMajor> none(0, 2, 5, 4);
  CHECK(upsample_conv(none, w, 2).dimensions() == Eigen::DSizes<Index, 4>(0, 3, 8, 6));

  using Scalar = Eigen::AutoDiffScalar<Eigen::VectorXd>;
  Eigen::Tensor<Scalar, 3> line(1, 1, 2), ones(1, 1, 2);
  line(0, 0, 0) = Scalar(1, 2, 0), line(0, 0, 1) = Scalar(3, 2, 1);
  ones.setConstant(Scalar(1));
  const auto derivative = upsample_conv(line, ones, 2);
  CHECK(derivative(0, 0, 0).value() == 2.5);
  CHECK(derivative(0, 0, 0).derivatives() == Eigen::Vector2d(1.75, 0.25));
}

TEST_CASE("upsample_conv rejects by its own name") {
  Eigen::Tensor<float, 3> x(1, 2, 4), w(3, 2, 9);
  Eigen::Tensor<float, 1> bias(2);
  x.setZero(), w.setZero(), bias.setZero();
  CHECK_THROWS_WITH(upsample_conv(x, w, 0),
                    "tconv::upsample_conv: scale is 0 on spatial axis 0, but must be at least 1");
  CHECK_THROWS_WITH(upsample_conv(x, w, 2),
                    support::contains("tconv::upsample_conv: padded input has extent 8"));
  CHECK_THROWS_WITH(upsample_conv(x, w, bias, 4),
                    "tconv::upsample_conv: bias has 2 elements, but the output has 3 channels");
  CHECK(support::message_of<std::length_error>([&] { upsample_conv(x, w, Index{1} << 62); }) ==
        "tconv::upsample_conv: x has extent 4 on spatial axis 0 and scale is 4611686018427387904, "
        "the product of which overflows");
}
