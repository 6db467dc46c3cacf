#include <cstring>
#include <limits>
#include <tconv/tconv.hpp>
#include <thread>

#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace tconv;
using T3 = Eigen::Tensor<float, 3, Eigen::RowMajor>;
using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using T1 = Eigen::Tensor<float, 1, Eigen::RowMajor>;

namespace {

// Inlined, g++ 12 takes its destruction for a use after free.
EIGEN_DONT_INLINE T4 random(Index a, Index b, Index c, Index d) {
  T4 t(a, b, c, d);
  t.setRandom();
  return t;
}

T4 poisoned(const Eigen::DSizes<Index, 4>& dimensions) {
  T4 t(dimensions);
  t.setConstant(std::numeric_limits<float>::quiet_NaN());
  return t;
}

template <class Tensor>
bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dimensions() == b.dimensions() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("run allocates nothing once the workspace has seen the shape") {
  Workspace workspace;
  const struct {
    Index c, m, k, size;
  } cases[] = {{20, 7, 4, 5}, {20, 7, 4, 33}, {64, 64, 4, 24}, {96, 1, 3, 40}, {3, 3, 4, 64}};
  for (const auto& c : cases) {
    const ConvTranspose up(random(c.c, c.m, c.k, c.k), {.stride = 2, .padding = 1});
    const T4 x = random(2, c.c, c.size, c.size);
    T4 y = poisoned(up.output_dimensions(x.dimensions()));
    const auto call = [&] {
      up.run(x, y, workspace);
      up.run(x, y, workspace, [](float v, Index m) { return v + static_cast<float>(m); });
    };
    const long before_first = support::allocations();
    call();
    CHECK(support::allocations() > before_first);  // the counter sees what the workspace allocates
    const long before = support::allocations();
    Eigen::internal::set_is_malloc_allowed(false);
    call();
    Eigen::internal::set_is_malloc_allowed(true);
    CHECK(support::allocations() == before);
  }
}

TEST_CASE("results are the same bits for any number of threads") {
  Eigen::ThreadPool pool(3);
  const Eigen::ThreadPoolDevice device(&pool, 3);
  Workspace one, three(device);
  CHECK(three.threads() == 3);
  const struct {
    Index n, c, m, size, k;
    ConvOptions<2> options;
  } cases[] = {{1, 133, 140, 9, 4, {.stride = 2, .padding = 1}},
               {3, 35, 3, 140, 3, {.stride = 2, .output_padding = 1}},
               {2, 32, 32, 130, 3, {.padding = 1, .groups = 32}},
               {1, 900, 256, 1, 4, {}},
               {2, 96, 1, 40, 3, {.stride = 2, .padding = 1}},
               {2, 64, 48, 30, 3, {.padding = 1}}};
  for (const auto& c : cases) {
    const ConvTranspose up(random(c.c, c.m / c.options.groups, c.k, c.k), c.options);
    const T4 x = random(c.n, c.c, c.size, c.size);
    T4 a = poisoned(up.output_dimensions(x.dimensions())), b = a;
    up.run(x, a, one);
    up.run(x, b, three);
    CHECK(same_bits(a, b));
    CHECK(same_bits(a, up(x)));
  }
}

TEST_CASE("many threads may run one layer, each with its own workspace") {
  const ConvTranspose up(random(9, 6, 3, 3), {.stride = 2});
  const T4 x = random(1, 9, 12, 12);
  const T4 expected = up(x);
  std::vector<int> right(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < right.size(); ++t)
    threads.emplace_back([&, t] {
      Workspace workspace;
      T4 y(expected.dimensions());
      for (int i = 0; i < 10; ++i) {
        up.run(x, y, workspace);
        right[t] += same_bits(y, expected);
      }
    });
  for (auto& thread : threads) thread.join();
  for (const int count : right) CHECK(count == 10);
}

TEST_CASE("the epilogue sees each output, and its channel if it asks") {
  const struct { Index c, m, k, size; } cases[] = {{4, 3, 3, 6}, {4, 3, 1, 6}, {96, 2, 3, 40}};
  for (const auto& c : cases) {
    T1 bias(c.m);
    bias.setRandom();
    const ConvTranspose up(random(c.c, c.m, c.k, c.k), bias, {.stride = 2});
    const T4 x = random(1, c.c, c.size, c.size + 1);
    Workspace workspace;
    const T4 plain = up(x);
    T4 y = poisoned(plain.dimensions());
    up.run(x, y, workspace, [](float v) { return v > 0 ? v : 0.1f * v; });
    for (Index i = 0; i < y.size(); ++i) {
      const float v = plain.data()[i];
      CHECK(y.data()[i] == (v > 0 ? v : 0.1f * v));
    }
    up.run(x, y, workspace, [](float v, Index m) { return v * static_cast<float>(m); });
    for (Index m = 0; m < c.m; ++m)
      CHECK(y(0, m, 2, 3) == plain(0, m, 2, 3) * static_cast<float>(m));
  }
}

TEST_CASE("run writes into maps, and leaves wrong outputs as they were") {
  const ConvTranspose up(random(2, 2, 1, 1));
  const T4 x = random(1, 2, 4, 4);
  Workspace workspace;
  std::vector<float> memory(64, 7.0f);
  up.run(x, Eigen::TensorMap<T4>(memory.data(), 1, 2, 4, 4), workspace);
  CHECK(std::equal(memory.begin(), memory.begin() + 32, up(x).data()));
  CHECK(memory[32] == 7.0f);

  T4 small(1, 2, 4, 3);
  small.setConstant(7.0f);
  CHECK_THROWS_WITH(
      up.run(x, small, workspace),
      "tconv::ConvTranspose: y has shape (1, 2, 4, 3), but the result has (1, 2, 4, 4)");
  CHECK(small(0, 1, 3, 2) == 7.0f);

  T4 both = random(1, 2, 8, 4);
  const Eigen::TensorMap<const T4> first(both.data(), 1, 2, 4, 4);
  CHECK_THROWS_WITH(up.run(first, Eigen::TensorMap<T4>(both.data() + 31, 1, 2, 4, 4), workspace),
                    "tconv::ConvTranspose: y overlaps x in memory, but must not");
  CHECK_NOTHROW(up.run(first, Eigen::TensorMap<T4>(both.data() + 32, 1, 2, 4, 4), workspace));
}

TEST_CASE("layers reject weights, biases and options that fit no image") {
  const T4 w = random(4, 2, 3, 3);
  T1 bias(3);
  bias.setZero();
  CHECK_THROWS_WITH(ConvTranspose(w, bias),
                    "tconv::ConvTranspose: bias has 3 elements, but the output has 2 channels");
  CHECK_THROWS_AS(ConvTranspose(w, {.stride = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Conv(w, {.groups = 3}), std::invalid_argument);
  CHECK_THROWS_WITH(ConvTranspose(w).output_dimensions(Eigen::DSizes<Index, 4>(1, 3, 5, 5)),
                    support::contains("weight has 4 input channels"));
}

TEST_CASE("after an allocation that fails, whichever it is, the next call is right") {
  // A transform, products with tap rows, and weights by chunks.
  const struct {
    Index n, c, m, size, k;
    ConvOptions<2> options;
  } cases[] = {{1, 64, 48, 16, 3, {.padding = 1}},
               {1, 96, 1, 40, 3, {.stride = 2, .padding = 1}},
               {1, 48, 40, 5, 4, {.stride = 2, .padding = 1}}};
  Eigen::ThreadPool pool(1);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  for (const auto& c : cases)
    for (const bool threads : {false, true}) {
      const T4 x = random(c.n, c.c, c.size, c.size), w = random(c.c, c.m, c.k, c.k);
      const auto workspace = [&] { return threads ? Workspace(device) : Workspace(); };
      const T4 expected = ConvTranspose(w, c.options)(x), once = conv_transpose(x, w, c.options);
      long failures = 0;
      // Planning allocates thousands of times: all of the first, then ever fewer.
      for (bool failed = true; failed; failures += 1 + failures / 4) {
        // Weights that are not packed yet, and plans that are not made.
        const ConvTranspose up(w, c.options);
        Workspace of_layer = workspace(), of_function = workspace();
        T4 y = poisoned(expected.dimensions());
        failed = false;
        for (int call = 0; call < 2; ++call) {
          support::fail_allocation(failures);
          try {
            if (call == 0)
              up.run(x, y, of_layer);
            else
              static_cast<void>(conv_transpose(of_function, x, w, c.options));
          } catch (const std::bad_alloc&) {
            failed = true;
          }
          failed = failed || !support::failure_pending();
          support::fail_allocation(-1);
        }
        up.run(x, y, of_layer);
        CHECK(same_bits(y, expected));
        CHECK(same_bits(conv_transpose(of_function, x, w, c.options), once));
      }
      CHECK(failures > 10);
    }
}

TEST_CASE("a workspace gives its memory back, and makes its own again") {
  const T4 x = random(1, 16, 9, 9), w = random(16, 8, 3, 3);
  const ConvTranspose up(w);
  Workspace workspace;
  T4 y = poisoned(up.output_dimensions(x.dimensions()));
  up.run(x, y, workspace);
  workspace.release_memory();
  const long before = support::allocations();
  T4 again = poisoned(y.dimensions());
  up.run(x, again, workspace);
  CHECK(support::allocations() > before);
  CHECK(same_bits(again, y));
  release_thread_memory();
  CHECK(same_bits(up(x), y));
}

TEST_CASE("a layer is right for channels that lie side by side and then for others that do not") {
  // In the storage order of columns channels lie side by side where the batch is 1.
  using T5 = Eigen::Tensor<float, 5>;
  // Small integers, which are exact in any order.
  const auto fill = [](T5& t) {
    for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i * 5 % 7 - 3);
  };
  for (const Index out : {11, 18, 29, 34, 42, 57}) {
    T5 w(6, out, 2, 3, 3);
    fill(w);
    const ConvTranspose up(w, {.stride = 2});
    for (const Index batch : {1, 2, 1}) {
      T5 x(batch, 6, 2, 3, 2);
      fill(x);
      CHECK(same_bits(up(x), scatter::conv_transpose(x, w, {.stride = 2})));
    }
  }
}
