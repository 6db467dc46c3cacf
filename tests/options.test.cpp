#include <concepts>
#include <tconv/options.hpp>

#include "support/catch.hpp"

using tconv::ConvOptions;
using tconv::Index;
using tconv::Padding;
using tconv::PerAxis;

namespace {

template <class T, class... Args>
concept BraceConstructible = requires(Args... args) {
  T{args...};
};

}  // namespace

TEST_CASE("options are written as aggregates and known at compile time") {
  constexpr ConvOptions<2> defaults;
  STATIC_REQUIRE(defaults.stride == 1);
  STATIC_REQUIRE(defaults.padding == Padding(0, 0));
  STATIC_REQUIRE(defaults.output_padding == 0);
  STATIC_REQUIRE(defaults.dilation == 1);
  STATIC_REQUIRE(defaults.groups == 1);
  STATIC_REQUIRE(defaults.data_format == tconv::DataFormat::channels_first);

  constexpr ConvOptions<2> one{.stride = 2, .padding = 1};
  STATIC_REQUIRE(one.stride[0] == 2);
  STATIC_REQUIRE(one.stride[1] == 2);
  STATIC_REQUIRE(one.padding[1] == Padding{1, 1});
  STATIC_REQUIRE(one == ConvOptions<2>{.stride = {2, 2}, .padding = {1, 1}});
  STATIC_REQUIRE(one != defaults);
}

TEST_CASE("values are given for every axis or for each, padding also before and after") {
  constexpr ConvOptions<2> each{.stride = {2, 1}, .padding = {{0, 1}, {2, 3}}};
  STATIC_REQUIRE(each.stride[0] == 2);
  STATIC_REQUIRE(each.stride[1] == 1);
  STATIC_REQUIRE(each.padding[0].before == 0);
  STATIC_REQUIRE(each.padding[0].after == 1);
  STATIC_REQUIRE(each.padding[1].before == 2);
  STATIC_REQUIRE(each.padding[1].after == 3);

  constexpr ConvOptions<2> an_axis{.padding = {1, 2}};
  STATIC_REQUIRE(an_axis.padding[0] == Padding(1, 1));
  STATIC_REQUIRE(an_axis.padding[1] == Padding(2, 2));

  constexpr ConvOptions<1> rank1{.padding = {{1, 2}}};
  STATIC_REQUIRE(rank1.padding[0] == Padding(1, 2));

  constexpr ConvOptions<3> rank3{.stride = {1, 2, 3}, .padding = {{1, 2}, {3, 4}, {5, 6}}};
  STATIC_REQUIRE(rank3.stride[2] == 3);
  STATIC_REQUIRE(rank3.padding[2].after == 6);
}

TEST_CASE("a wrong number of values does not compile") {
  STATIC_REQUIRE(BraceConstructible<PerAxis<2, Index>, Index, Index>);
  STATIC_REQUIRE_FALSE(BraceConstructible<PerAxis<1, Padding>, int, int>);
  STATIC_REQUIRE_FALSE(BraceConstructible<PerAxis<1, Index>, Index, Index>);
  STATIC_REQUIRE_FALSE(BraceConstructible<PerAxis<2, Index>, Index, Index, Index>);
  STATIC_REQUIRE_FALSE(BraceConstructible<PerAxis<3, Index>, Index, Index>);
}

TEST_CASE("floating-point values do not compile") {
  STATIC_REQUIRE_FALSE(std::convertible_to<double, PerAxis<2, Index>>);
  STATIC_REQUIRE_FALSE(std::convertible_to<float, PerAxis<2, Padding>>);
  STATIC_REQUIRE_FALSE(std::convertible_to<double, Padding>);
  STATIC_REQUIRE_FALSE(BraceConstructible<PerAxis<2, Index>, double, double>);
  STATIC_REQUIRE_FALSE(BraceConstructible<Padding, double, Index>);
  STATIC_REQUIRE(std::convertible_to<int, PerAxis<2, Index>>);
  STATIC_REQUIRE(std::convertible_to<short, PerAxis<2, Padding>>);
}
