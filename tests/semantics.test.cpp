// Every row of docs/semantics.md. The expectations are computed here from the rules that the
// frameworks publish, in their layouts, by loops that share nothing with tconv.

#include <algorithm>
#include <functional>
#include <tconv/conv.hpp>
#include <tconv/conv_transpose.hpp>
#include <tconv/upsample.hpp>

#include "support/catch.hpp"

using namespace tconv;

namespace {

template <int rank>
using Tensor = Eigen::Tensor<float, rank, Eigen::RowMajor>;
using Image = Tensor<4>;

/// One axis of a problem: unequal on the two axes of every image below.
struct Axis1 {
  Index in, kernel, stride, dilation = 1;
  Index effective() const { return dilation * (kernel - 1) + 1; }
};

/// Both axes of a problem, all pairs of kernels and strides with a dilation that changes with them.
void for_each_problem(const std::function<void(const Axis1&, const Axis1&)>& check,
                      Index largest_dilation = 2) {
  for (Index kernel = 1; kernel <= 5; ++kernel)
    for (Index stride = 1; stride <= 4; ++stride) {
      const Axis1 a{3, kernel, stride, 1 + kernel % largest_dilation};
      const Axis1 b{4, 1 + (kernel + stride) % 5, 1 + kernel % 3, 1 + stride % largest_dilation};
      INFO("kernel " << a.kernel << "x" << b.kernel << ", stride " << a.stride << "x" << b.stride
                     << ", dilation " << a.dilation << "x" << b.dilation);
      check(a, b);
    }
}

/// Small integers, so that every order of summation is exact.
template <int rank>
Tensor<rank> numbers(const std::array<Index, rank>& shape) {
  Tensor<rank> t(shape);
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>((i * 7 + 3) % 11 - 5);
  return t;
}

void require_equal(const Image& result, const Image& expected) {
  REQUIRE(result.dimensions() == expected.dimensions());
  for (Index i = 0; i < result.size(); ++i) REQUIRE(result.data()[i] == expected.data()[i]);
}

/// The weight of channel `c` of the input and `m` of the output at a tap.
using Weight = std::function<float(Index c, Index m, Index k0, Index k1)>;

/// What the frameworks publish as the gradient of a convolution by its input: input (i, j) and tap
/// (k, l) meet at `i * stride + k * dilation - before`; what lies outside is lost. Channels first.
Image transposed(const Image& x, Index out_channels, const Weight& w, const Axis1& a,
                 const Axis1& b, std::array<Index, 2> before, std::array<Index, 2> out) {
  Image y(x.dimension(0), out_channels, out[0], out[1]);
  y.setZero();
  for (Index n = 0; n < x.dimension(0); ++n)
    for (Index c = 0; c < x.dimension(1); ++c)
      for (Index m = 0; m < out_channels; ++m)
        for (Index i = 0; i < a.in; ++i)
          for (Index j = 0; j < b.in; ++j)
            for (Index k = 0; k < a.kernel; ++k)
              for (Index l = 0; l < b.kernel; ++l) {
                const Index o = i * a.stride + k * a.dilation - before[0];
                const Index p = j * b.stride + l * b.dilation - before[1];
                if (0 <= o && o < out[0] && 0 <= p && p < out[1])
                  y(n, m, o, p) += x(n, c, i, j) * w(c, m, k, l);
              }
  return y;
}

/// Cross-correlation with `before` zeros in front of each axis, and as many behind as `out` asks.
Image correlated(const Image& x, Index out_channels, const Weight& w, const Axis1& a,
                 const Axis1& b, std::array<Index, 2> before, std::array<Index, 2> out) {
  Image y(x.dimension(0), out_channels, out[0], out[1]);
  y.setZero();
  for (Index n = 0; n < y.dimension(0); ++n)
    for (Index m = 0; m < out_channels; ++m)
      for (Index o = 0; o < out[0]; ++o)
        for (Index p = 0; p < out[1]; ++p)
          for (Index c = 0; c < x.dimension(1); ++c)
            for (Index k = 0; k < a.kernel; ++k)
              for (Index l = 0; l < b.kernel; ++l) {
                const Index i = o * a.stride + k * a.dilation - before[0];
                const Index j = p * b.stride + l * b.dilation - before[1];
                if (0 <= i && i < x.dimension(2) && 0 <= j && j < x.dimension(3))
                  y(n, m, o, p) += x(n, c, i, j) * w(c, m, k, l);
              }
  return y;
}

Image to_channels_first(const Image& x) { return x.shuffle(std::array{0, 3, 1, 2}); }

ConvOptions<2> options_of(const Axis1& a, const Axis1& b) {
  return {.stride = {a.stride, b.stride}, .dilation = {a.dilation, b.dilation}};
}

}  // namespace

TEST_CASE("ConvTranspose of PyTorch: weight, padding, output padding, dilation, groups") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    for (const Index groups : {1, 2})
      for (const Index extra : {0, 1}) {
        const Index c = 2 * groups, m = 3 * groups, p = std::min<Index>(1, a.effective() - 1),
                    q = std::min<Index>(2, (b.effective() - 1) / 2);
        if (extra >= std::max(a.stride, a.dilation) || extra >= std::max(b.stride, b.dilation))
          continue;
        const auto size = [extra](const Axis1& o, Index padding) {
          return (o.in - 1) * o.stride - 2 * padding + o.dilation * (o.kernel - 1) + extra + 1;
        };
        const Image x = numbers<4>({2, c, a.in, b.in});
        const Image w = numbers<4>({c, m / groups, a.kernel, b.kernel});
        const Weight weight = [&](Index in, Index out, Index k, Index l) {
          return in / 2 == out / 3 ? w(in, out % 3, k, l) : 0;
        };
        ConvOptions<2> options = options_of(a, b);
        options.padding = {p, q};
        options.output_padding = extra;
        options.groups = groups;
        require_equal(conv_transpose(x, w, options),
                      transposed(x, m, weight, a, b, {p, q}, {size(a, p), size(b, q)}));
      }
  });
}

TEST_CASE("output_size of PyTorch: every size from the smallest to a stride above it") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    const Image x = numbers<4>({1, 2, a.in, b.in}), w = numbers<4>({2, 3, a.kernel, b.kernel});
    const Weight weight = [&](Index c, Index m, Index k, Index l) { return w(c, m, k, l); };
    for (Index extra = 0; extra < std::min(a.stride, b.stride); ++extra) {
      const std::array<Index, 2> out{(a.in - 1) * a.stride + a.effective() + extra,
                                     (b.in - 1) * b.stride + b.effective() + extra};
      const auto options =
          with_output_extents(options_of(a, b), {a.in, b.in}, {a.kernel, b.kernel}, out);
      require_equal(conv_transpose(x, w, options), transposed(x, 3, weight, a, b, {0, 0}, out));
    }
  });
}

TEST_CASE("Conv with padding='same' of PyTorch") {
  for_each_problem([](Axis1 a, Axis1 b) {
    a.stride = b.stride = 1;
    const Image x = numbers<4>({1, 2, 9, 10}), w = numbers<4>({3, 2, a.kernel, b.kernel});
    const Weight weight = [&](Index c, Index m, Index k, Index l) { return w(m, c, k, l); };
    const Index half0 = a.dilation * (a.kernel - 1) / 2, half1 = b.dilation * (b.kernel - 1) / 2;
    const auto options = with_same_padding(options_of(a, b), {a.kernel, b.kernel}, Same::upper);
    require_equal(conv(x, w, options), correlated(x, 3, weight, a, b, {half0, half1}, {9, 10}));
  });
}

TEST_CASE("ConvTranspose of ONNX: pads, auto_pad and output_shape") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    const Image x = numbers<4>({1, 2, a.in, b.in}), w = numbers<4>({2, 3, a.kernel, b.kernel});
    const Weight weight = [&](Index c, Index m, Index k, Index l) { return w(c, m, k, l); };
    const auto natural = [](const Axis1& o) { return o.stride * (o.in - 1) + o.effective(); };
    // total_padding of the operator's documentation, and where it goes.
    const auto start = [](Index total, Same same) {
      return same == Same::upper ? total / 2 : total - total / 2;
    };
    for (const Same same : {Same::upper, Same::lower}) {
      const std::array<Index, 2> out{a.in * a.stride, b.in * b.stride};
      const Index total0 = natural(a) - out[0], total1 = natural(b) - out[1];
      if (total0 < 0 || total1 < 0) continue;  // ONNX does not say how it divides these
      const auto options = with_same_padding(options_of(a, b), {a.kernel, b.kernel}, same);
      require_equal(
          conv_transpose(x, w, options),
          transposed(x, 3, weight, a, b, {start(total0, same), start(total1, same)}, out));
    }
    // output_shape one below the natural shape, and auto_pad NOTSET, which divides as SAME_LOWER.
    const std::array<Index, 2> out{natural(a) - 1, natural(b) - 1};
    if (out[0] < 1 || out[1] < 1) return;
    ConvOptions<2> options = options_of(a, b);
    options.padding = {{1, 0}, {1, 0}};
    require_equal(
        conv_transpose(x, w, options),
        transposed(x, 3, weight, a, b, {start(1, Same::lower), start(1, Same::lower)}, out));
    options.padding = {{0, 2}, {1, -1}};  // pads = [0, 1, 2, -1]
    if (natural(a) > 2)
      require_equal(conv_transpose(x, w, options),
                    transposed(x, 3, weight, a, b, {0, 1}, {natural(a) - 2, natural(b)}));
  });
}

TEST_CASE("conv2d_transpose of TensorFlow and Conv2DTranspose of Keras: SAME and VALID") {
  for_each_problem(
      [](const Axis1& a, const Axis1& b) {
        const Image x = numbers<4>({2, a.in, b.in, 2}), w = numbers<4>({a.kernel, b.kernel, 3, 2});
        const Weight weight = [&](Index c, Index m, Index k, Index l) { return w(k, l, m, c); };
        const Image ours = w.shuffle(std::array{3, 2, 0, 1});
        for (const bool same : {true, false}) {
          // The result is the gradient of a convolution of that size, whose padding is that of TF.
          const auto size = [same](const Axis1& o) {
            return same ? o.in * o.stride : (o.in - 1) * o.stride + std::max(o.kernel, o.stride);
          };
          const auto before = [&](const Axis1& axis) {
            const Index total = (axis.in - 1) * axis.stride + axis.kernel - size(axis);
            return same ? std::max<Index>(total, 0) / 2 : 0;
          };
          ConvOptions<2> options = options_of(a, b);
          options.data_format = DataFormat::channels_last;
          for (const int axis : {0, 1}) {
            const auto& [in, kernel, stride, dilation] = axis == 0 ? a : b;
            const Index t = std::max<Index>(kernel - stride, 0);
            if (same) options.padding[axis] = {t / 2, t - t / 2};
            options.output_padding[axis] = std::max<Index>(stride - kernel, 0);
          }
          require_equal(to_channels_first(conv_transpose(x, ours, options)),
                        transposed(to_channels_first(x), 3, weight, a, b, {before(a), before(b)},
                                   {size(a), size(b)}));
        }
      },
      1);
}

TEST_CASE("output_padding of Keras") {
  for_each_problem(
      [](const Axis1& a, const Axis1& b) {
        const Image x = numbers<4>({1, a.in, b.in, 2}), w = numbers<4>({a.kernel, b.kernel, 3, 2});
        const Weight weight = [&](Index c, Index m, Index k, Index l) { return w(k, l, m, c); };
        const Image ours = w.shuffle(std::array{3, 2, 0, 1});
        for (Index op = 0; op < std::min(a.stride, b.stride); ++op)
          for (const bool same : {true, false}) {
            const auto size = [&](const Axis1& axis) {
              const Index pad = same ? axis.kernel / 2 : 0;
              return (axis.in - 1) * axis.stride + axis.kernel - 2 * pad + op;
            };
            const auto fits = [&](const Axis1& axis) {  // else TensorFlow rejects it
              return (size(axis) + axis.stride - 1) / axis.stride == axis.in;
            };
            if (same && !(fits(a) && fits(b))) continue;
            const auto before = [&](const Axis1& axis) {
              const Index total = (axis.in - 1) * axis.stride + axis.kernel - size(axis);
              return same ? std::max<Index>(total, 0) / 2 : 0;
            };
            ConvOptions<2> options = options_of(a, b);
            options.data_format = DataFormat::channels_last;
            for (const int axis : {0, 1}) {
              const Index k = axis == 0 ? a.kernel : b.kernel;
              const Index t = same ? 2 * (k / 2) - op : -op;
              const Index first = std::max<Index>(t, 0) / 2;
              options.padding[axis] = {first, t - first};
            }
            require_equal(to_channels_first(conv_transpose(x, ours, options)),
                          transposed(to_channels_first(x), 3, weight, a, b, {before(a), before(b)},
                                     {size(a), size(b)}));
          }
      },
      1);
}

TEST_CASE("conv2d of TensorFlow: SAME") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    const Image x = numbers<4>({1, 10, 9, 2}), w = numbers<4>({a.kernel, b.kernel, 2, 3});
    const Weight weight = [&](Index c, Index m, Index k, Index l) { return w(k, l, c, m); };
    std::array<Index, 2> before{}, out{};
    ConvOptions<2> options = options_of(a, b);
    options.data_format = DataFormat::channels_last;
    for (const std::size_t axis : {0U, 1U}) {
      const Axis1& o = axis == 0 ? a : b;
      const Index in = axis == 0 ? 10 : 9;
      out[axis] = (in + o.stride - 1) / o.stride;
      const Index t = std::max<Index>((out[axis] - 1) * o.stride + o.effective() - in, 0);
      before[axis] = t / 2;
      options.padding[axis] = {t / 2, t - t / 2};
    }
    const Image ours = w.shuffle(std::array{3, 2, 0, 1});
    require_equal(to_channels_first(conv(x, ours, options)),
                  correlated(to_channels_first(x), 3, weight, a, b, before, out));
  });
}

TEST_CASE("conv_transpose of JAX: padding on the dilated input, both kinds of kernel") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    const auto padding_of = [](const Axis1& axis, int kind) -> Padding {
      const Index k = axis.effective(), s = axis.stride;
      if (kind == 2) return {k, s - 1};  // given by the caller
      const Index length = kind == 0 ? k + s - 2 : k + s - 2 + std::max<Index>(k - s, 0);
      const Index first = kind == 0 && s <= k - 1 ? (length + 1) / 2 : k - 1;
      return {first, length - first};
    };
    for (const bool transpose_kernel : {false, true})
      for (const int kind : {0, 1, 2}) {  // SAME, VALID, explicit
        const Padding p = padding_of(a, kind), q = padding_of(b, kind);
        const Image x = numbers<4>({1, a.in, b.in, 2});
        // With transpose_kernel the kernel is that of the forward convolution.
        const Image w = transpose_kernel ? numbers<4>({a.kernel, b.kernel, 3, 2})
                                         : numbers<4>({a.kernel, b.kernel, 2, 3});
        const Weight weight = [&](Index c, Index m, Index k, Index l) {
          return transpose_kernel ? w(a.kernel - 1 - k, b.kernel - 1 - l, m, c) : w(k, l, c, m);
        };
        // Zeros between the inputs, padding around, and a correlation of stride 1.
        Image spread(1, 2, (a.in - 1) * a.stride + 1, (b.in - 1) * b.stride + 1);
        spread.setZero();
        spread.stride(std::array<Index, 4>{1, 1, a.stride, b.stride}) = to_channels_first(x);
        const std::array<Index, 2> out{
            spread.dimension(2) + p.before + p.after - a.effective() + 1,
            spread.dimension(3) + q.before + q.after - b.effective() + 1};
        if (out[0] < 1 || out[1] < 1) continue;
        const Axis1 unit0{0, a.kernel, 1, a.dilation}, unit1{0, b.kernel, 1, b.dilation};
        const Image expected =
            correlated(spread, 3, weight, unit0, unit1, {p.before, q.before}, out);

        ConvOptions<2> options = options_of(a, b);
        options.data_format = DataFormat::channels_last;
        const Index last0 = a.effective() - 1, last1 = b.effective() - 1;
        options.padding = {{last0 - p.before, last0 - p.after},
                           {last1 - q.before, last1 - q.after}};
        const std::array<bool, 4> flipped{true, true, false, false};
        const Image ours = transpose_kernel
                               ? Image(w.shuffle(std::array{3, 2, 0, 1}))
                               : Image(w.reverse(flipped).shuffle(std::array{2, 3, 0, 1}));
        require_equal(to_channels_first(conv_transpose(x, ours, options)), expected);
        if (kind == 2) continue;
        // The same in the words of TensorFlow.
        for (const int axis : {0, 1}) {
          const Axis1& o = axis == 0 ? a : b;
          const Index t = std::max<Index>(o.effective() - o.stride, 0);
          options.padding[axis] = kind == 0 ? Padding(t / 2, t - t / 2) : Padding(0);
          options.output_padding[axis] = std::max<Index>(o.stride - o.effective(), 0);
        }
        require_equal(to_channels_first(conv_transpose(x, ours, options)), expected);
      }
  });
}

TEST_CASE("deconvolution of oneDNN: weight, dilates from zero, padding_l and padding_r") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    const Index groups = 2, left0 = a.effective() / 2, left1 = 0, right0 = 0,
                right1 = (b.effective() - 1) / 2;
    const Image x = numbers<4>({1, 4, a.in, b.in});
    const auto w = numbers<5>({groups, 3, 2, a.kernel, b.kernel});  // (G, C_out / G, C_in / G, ...)
    const Weight weight = [&](Index c, Index m, Index k, Index l) {
      return c / 2 == m / 3 ? w(c / 2, m % 3, c % 2, k, l) : 0;
    };
    const auto size = [](const Axis1& o, Index left, Index right) {
      return (o.in - 1) * o.stride - left - right + o.effective();
    };
    ConvOptions<2> options = options_of(a, b);
    options.padding = {{left0, right0}, {left1, right1}};
    options.groups = groups;
    const Image ours = w.shuffle(std::array{0, 2, 1, 3, 4})
                           .reshape(std::array<Index, 4>{4, 3, a.kernel, b.kernel});
    require_equal(conv_transpose(x, ours, options),
                  transposed(x, 6, weight, a, b, {left0, left1},
                             {size(a, left0, right0), size(b, left1, right1)}));
  });
}

TEST_CASE("deconvolution of XNNPACK: weight, padding of four sides, adjustment") {
  for_each_problem([](const Axis1& a, const Axis1& b) {
    const Index groups = 2, top = (a.effective() - 1) / 2, left = 0, bottom = 0,
                right = (b.effective() - 1) / 2, adjustment = std::min(a.stride, b.stride) - 1;
    const Image x = numbers<4>({1, a.in, b.in, 4});
    const Image w = numbers<4>({groups * 3, a.kernel, b.kernel, 2});  // (C_out, kh, kw, C_in / G)
    const Weight weight = [&](Index c, Index m, Index k, Index l) {
      return c / 2 == m / 3 ? w(m, k, l, c % 2) : 0;
    };
    const auto size = [&](const Axis1& o, Index padding) {
      return o.stride * (o.in - 1) + adjustment + o.effective() - padding;
    };
    ConvOptions<2> options = options_of(a, b);
    options.padding = {{top, bottom}, {left, right}};
    options.output_padding = adjustment;
    options.groups = groups;
    options.data_format = DataFormat::channels_last;
    const Image ours = w.reshape(std::array<Index, 5>{groups, 3, a.kernel, b.kernel, 2})
                           .shuffle(std::array{0, 4, 1, 2, 3})
                           .reshape(std::array<Index, 4>{groups * 2, 3, a.kernel, b.kernel});
    require_equal(to_channels_first(conv_transpose(x, ours, options)),
                  transposed(to_channels_first(x), 6, weight, a, b, {top, left},
                             {size(a, top + bottom), size(b, left + right)}));
  });
}

TEST_CASE("DepthToSpace of ONNX, in both modes, and depth_to_space of TensorFlow") {
  const Index r = 3, channels = 2;
  const Image x = numbers<4>({2, channels * r * r, 4, 5});
  Image crd(2, channels, 4 * r, 5 * r), dcr = crd;
  for (Index n = 0; n < 2; ++n)
    for (Index c = 0; c < channels; ++c)
      for (Index i = 0; i < 4 * r; ++i)
        for (Index j = 0; j < 5 * r; ++j) {
          const Index phase = i % r * r + j % r;
          crd(n, c, i, j) = x(n, c * r * r + phase, i / r, j / r);
          dcr(n, c, i, j) = x(n, phase * channels + c, i / r, j / r);
        }
  require_equal(pixel_shuffle(x, r), crd);
  const Image turned = x.reshape(std::array<Index, 5>{2, r * r, channels, 4, 5})
                           .shuffle(std::array{0, 2, 1, 3, 4})
                           .reshape(x.dimensions());
  require_equal(pixel_shuffle(turned, r), dcr);
  // TensorFlow's is mode DCR with channels last.
  const Image last = x.shuffle(std::array{0, 2, 3, 1});
  const Image turned_last = last.reshape(std::array<Index, 5>{2, 4, 5, r * r, channels})
                                .shuffle(std::array{0, 1, 2, 4, 3})
                                .reshape(last.dimensions());
  require_equal(to_channels_first(pixel_shuffle(turned_last, r, DataFormat::channels_last)), dcr);
}
