#include <tconv/conv_transpose.hpp>
#include <tconv/upsample.hpp>

#include "support/catch.hpp"

using namespace tconv;
using T4 = Eigen::Tensor<double, 4, Eigen::RowMajor>;

TEST_CASE("the bilinear kernel is the outer product of two triangles") {
  // The filters of FCN's surgery for factors 2 (k = 4, k = 3) and 3 (k = 5), one axis.
  const struct {
    Index k;
    std::vector<double> triangle;
  } cases[] = {{1, {1}},
               {2, {0.5, 0.5}},
               {3, {0.5, 1, 0.5}},
               {4, {0.25, 0.75, 0.75, 0.25}},
               {5, {1.0 / 3, 2.0 / 3, 1, 2.0 / 3, 1.0 / 3}}};
  for (const auto& c : cases) {
    const auto w = bilinear_kernel<double>(1, 1, c.k);
    REQUIRE(w.dimensions() == Eigen::DSizes<Index, 4>(1, 1, c.k, c.k));
    for (Index i = 0; i < c.k; ++i)
      for (Index j = 0; j < c.k; ++j) {
        const double expected =
            c.triangle[static_cast<std::size_t>(i)] * c.triangle[static_cast<std::size_t>(j)];
        CHECK(std::abs(w(0, 0, i, j) - expected) <= 1e-15);
      }
  }
}

TEST_CASE("the bilinear kernel joins each channel to its own and no other") {
  for (const auto& [c_in, c_out] : {std::pair<Index, Index>{3, 3}, {2, 4}, {4, 2}}) {
    const auto w = bilinear_kernel<double>(c_in, c_out, 4);
    REQUIRE(w.dimensions() == Eigen::DSizes<Index, 4>(c_in, c_out, 4, 4));
    for (Index c = 0; c < c_in; ++c)
      for (Index m = 0; m < c_out; ++m) CHECK(w(c, m, 1, 2) == (c == m ? 0.5625 : 0.0));
  }
}

TEST_CASE("the bilinear kernel interpolates a ramp exactly away from the border") {
  T4 x(1, 1, 6, 5);
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 5; ++j) x(0, 0, i, j) = static_cast<double>(4 * i - 2 * j);
  const auto y = conv_transpose(x, bilinear_kernel<double>(1, 1, 4), {.stride = 2, .padding = 1});
  REQUIRE(y.dimensions() == Eigen::DSizes<Index, 4>(1, 1, 12, 10));
  // With half-pixel centres, output o lies at input (o - 0.5) / 2.
  for (Index o = 1; o < 11; ++o)
    for (Index p = 1; p < 9; ++p)
      CHECK(y(0, 0, o, p) ==
            4 * (static_cast<double>(o) - 0.5) / 2 - 2 * (static_cast<double>(p) - 0.5) / 2);
}

TEST_CASE("bilinear_kernel rejects extents below one") {
  CHECK_THROWS_AS(bilinear_kernel<float>(0, 1, 4), std::invalid_argument);
  CHECK_THROWS_WITH(bilinear_kernel<float>(1, -2, 4),
                    support::contains("tconv::bilinear_kernel: C_out is -2"));
  CHECK_THROWS_WITH(bilinear_kernel<float>(1, 1, 0),
                    support::contains("tconv::bilinear_kernel: k is 0"));
  CHECK_THROWS_AS(bilinear_kernel<float>(1, 1, Index{1} << 32), std::length_error);
}
