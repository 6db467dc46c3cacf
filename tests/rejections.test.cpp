#include <functional>
#include <limits>
#include <tconv/tconv.hpp>

#include "support/catch.hpp"

using namespace tconv;

namespace {

using X = Eigen::Tensor<float, 3, Eigen::RowMajor>;
using Map = Eigen::TensorMap<const X>;
using Matrix = Eigen::Tensor<float, 2, Eigen::RowMajor>;

template <class T, class... Extent>
T zeros(Extent... extents) {
  T t(extents...);
  t.setZero();
  return t;
}

/// A call, and all that its message must name.
struct Rejection {
  std::function<void()> call;
  std::vector<std::string> named;
};

void check(const std::vector<Rejection>& rejections) {
  for (const Rejection& rejection : rejections) {
    INFO(rejection.named.front() << " ... " << rejection.named.back());
    std::string message;
    try {
      rejection.call();
      FAIL_CHECK("nothing was thrown");
      continue;
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.starts_with("tconv::" + rejection.named.front() + ": "));
    for (std::size_t i = 1; i < rejection.named.size(); ++i)
      CHECK(message.find(rejection.named[i]) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("every function rejects wrong options by its own name") {
  const X x = zeros<X>(1, 2, 5), w = zeros<X>(2, 2, 3);
  const Matrix m = zeros<Matrix>(5, 5), k = zeros<Matrix>(3, 3);
  const ConvOptions<1> stride{.stride = -2}, dilation{.dilation = 0}, groups{.groups = -1};
  const ConvOptions<2> second{.stride = {1, 0}};
  const ConvOptions<1> cropped{.padding = -2};
  check({
      {[&] { conv(x, w, stride); }, {"conv", "stride", "-2", "at least 1"}},
      {[&] { scatter::conv_transpose(x, w, dilation); },
       {"scatter::conv_transpose", "dilation", "0", "at least 1"}},
      {[&] { sparse::conv_transpose(x, w, groups); },
       {"sparse::conv_transpose", "groups", "-1", "at least 1"}},
      {[&] { sparse::conv(x, w, stride); }, {"sparse::conv", "stride", "-2", "at least 1"}},
      {[&] { sparse::conv(x, w, cropped); }, {"sparse::conv", "padded input", "1", "needs 3"}},
      {[&] { ConvTranspose(w, stride); }, {"ConvTranspose", "stride", "-2", "at least 1"}},
      {[&] { Conv(w, dilation); }, {"Conv", "dilation", "0", "at least 1"}},
      {[&] { trans_conv(m, k, second); }, {"trans_conv", "stride", "0", "axis 1"}},
      {[&] { trans_conv(m, k, {.groups = 2}); }, {"trans_conv", "groups", "2", "must be 1"}},
      {[&] { corr2d(m, k, second); }, {"corr2d", "stride", "0", "axis 1"}},
      {[&] {
         kernel2matrix(k, {5, 5}, second);
       },
       {"kernel2matrix", "stride", "0", "axis 1"}},
      {[&] {
         kernel2matrix(k, {5, 2});
       },
       {"kernel2matrix", "2", "axis 1", "needs 3"}},
      {[&] {
         kernel2matrix(k, {0, 5});
       },
       {"kernel2matrix", "0", "axis 0", "at least 1"}},
      {[&] { conv_output_extents({5}, {3}, stride); },
       {"conv_output_extents", "stride", "-2", "at least 1"}},
      {[&] { conv_output_extents({5}, {0}); }, {"conv_output_extents", "kernel", "0"}},
      {[&] { conv_transpose_output_extents({0}, {3}); },
       {"conv_transpose_output_extents", "in", "0", "at least 1"}},
      {[&] { with_output_extents(ConvOptions<1>{.stride = 2}, {4}, {3}, {12}); },
       {"with_output_extents", "out", "12", "9", "10"}},
      {[&] { with_same_padding(stride, {3}, Same::upper); },
       {"with_same_padding", "stride", "-2", "at least 1"}},
  });
}

TEST_CASE("every function rejects wrong shapes by its own name") {
  const X x = zeros<X>(1, 4, 5), w = zeros<X>(3, 2, 3);
  const Eigen::Tensor<float, 1, Eigen::RowMajor> bias(1);
  const Matrix m = zeros<Matrix>(2, 5), k = zeros<Matrix>(3, 3);
  Workspace workspace;
  check({
      {[&] { conv(workspace, x, w); }, {"conv", "weight has 2", "(axis 1)", "x has 4 (axis 1)"}},
      {[&] { conv_transpose(workspace, x, w, bias); },
       {"conv_transpose", "weight has 3", "(axis 0)", "x has 4 (axis 1)"}},
      {[&] { sparse::conv(x, w); }, {"sparse::conv", "weight has 2", "x has 4"}},
      {[&] { conv(x, zeros<X>(3, 4, 2), bias); }, {"conv", "bias has 1", "3"}},
      {[&] { conv(x, zeros<X>(3, 2, 2), {.groups = 2}); }, {"conv", "weight", "3", "groups", "2"}},
      {[&] { conv(x, zeros<X>(3, 4, 0)); }, {"conv", "weight has extent 0", "spatial axis 0"}},
      {[&] { conv(zeros<X>(2, 4, 0), zeros<X>(3, 4, 1)); }, {"conv", "x", "0", "at least 1"}},
      {[&] { corr2d(m, k); }, {"corr2d", "2", "axis 0", "needs 3"}},
      {[&] { trans_conv(m, zeros<Matrix>(3, 0)); }, {"trans_conv", "0", "axis 1", "at least 1"}},
      {[&] { static_cast<void>(ConvTranspose(w)(x)); },
       {"ConvTranspose", "weight has 3", "x has 4"}},
      {[&] { static_cast<void>(Conv(w)(x)); }, {"Conv", "weight has 2", "x has 4"}},
  });
}

TEST_CASE("run leaves the output as it was when any argument is rejected") {
  const X w = zeros<X>(4, 2, 3);
  const ConvTranspose up(w);
  Workspace workspace;
  X y(1, 2, 7);
  y.setConstant(7.0f);
  CHECK_THROWS_AS(up.run(zeros<X>(1, 3, 5), y, workspace), std::invalid_argument);
  CHECK_THROWS_AS(up.run(zeros<X>(1, 4, 6), y, workspace), std::invalid_argument);
  CHECK_THROWS_AS(up.run(zeros<X>(2, 4, 5), y, workspace), std::invalid_argument);
  for (Index i = 0; i < y.size(); ++i) CHECK(y.data()[i] == 7.0f);
  up.run(zeros<X>(1, 4, 5), y, workspace);
  CHECK(y(0, 1, 6) == 0.0f);
}

TEST_CASE("sizes that overflow are a length error before any element is read") {
  // The maps have no memory at all: reading an element would crash.
  constexpr Index channels = Index{1} << 62;
  const X x = zeros<X>(1, 2, 1);
  const Map wide(nullptr, 2, channels, 1);
  const auto rejects = [](const std::string& message, const auto& call) {
    CHECK(support::message_of<std::length_error>(call) == "tconv::" + message);
  };
  const std::string weight =
      ": weight has shape (2, 4611686018427387904, 1), which is more than its index type can count";
  rejects("conv_transpose" + weight, [&] { conv_transpose(x, wide, {.groups = 2}); });
  rejects("scatter::conv_transpose" + weight,
          [&] { scatter::conv_transpose(x, wide, {.groups = 2}); });
  rejects("sparse::conv_transpose" + weight,
          [&] { sparse::conv_transpose(x, wide, {.groups = 2}); });
  rejects("conv" + weight, [&] { conv(x, wide, {.groups = 2}); });
  // As many elements as the index type can count, four bytes each.
  const Map batches(nullptr, Index{1} << 60, 1, 1);
  const X w = zeros<X>(1, 4, 1);
  const std::string result =
      ": the result has shape (1152921504606846976, 4, 1), which is more than its index type can "
      "count";
  rejects("conv_transpose" + result, [&] { conv_transpose(batches, w); });
  rejects("conv" + result, [&] { conv(batches, zeros<X>(4, 1, 1)); });
  rejects("ConvTranspose" + result, [&] {
    ConvTranspose up(w);
    up(batches);
  });
}
