#pragma once

/// \file
/// The derivatives of `conv` and `conv_transpose`: for `grad_y`, the derivative of a number by the
/// output, the derivatives of that number by input, weight and bias.
///
/// Both operators are bilinear in input and weight. So the gradient of the input is the adjoint
/// operator, `conv` for `conv_transpose` and the other way round, applied to `grad_y`; and that of
/// the weight sums the products of the elements that meet at a tap, over batch and positions:
///
///     grad_weight(c, m, k) = sum over n, i of  coarse(n, c, i) * fine(n, m, i * stride + k *
///                                              dilation - before)
///
/// with the coarse and fine side of `Axis`. Nothing is conjugated: for complex scalars these are
/// the derivatives of the bilinear forms themselves.
///
/// Every function also takes a `Workspace` first, to compute on its threads and memory. Results are
/// bitwise the same for any number of threads. Errors are those of the operators, and
/// `std::invalid_argument` for a `grad_y` that is not the shape of the output.
///
/// Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
/// chapter 4.

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include "tconv/core/axis.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/gradient_arguments.hpp"
#include "tconv/frontend/gradient_calls.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {

/// The gradients of one call of `conv` or `conv_transpose`.
template <class Input, class Weight, class Bias>
struct Gradients {
  Input input;    ///< like `x`
  Weight weight;  ///< like the weight
  Bias bias;      ///< `(C_out)`; of no interest to a call without bias
};
template <class Input, class Weight, class Bias>
Gradients(Input, Weight, Bias) -> Gradients<Input, Weight, Bias>;

/// The gradients of `y = conv_transpose(x, weight, bias, options)`.
///
/// \par Limits
/// Nothing is conjugated for complex scalars.
/// \par Example
/// \snippet functions.cpp conv_transpose_backward
///
/// \param x        `(N, C_in, in...)` or unbatched, as `conv_transpose` takes it
/// \param weight   `(C_in, C_out / groups, kernel...)`
/// \param grad_y   the derivative by the output, of the output's shape
/// \param options  those of the call
/// \returns `Gradients`: `.input` like `x`, `.weight` like `weight`, `.bias` `(C_out)`
/// \throws std::invalid_argument if shapes or options do not fit together
/// \throws std::length_error if the size of a result overflows
template <frontend::NoWorkspace X, class W, class GradY>
auto conv_transpose_backward(const X& x, const W& weight, const GradY& grad_y,
                             const frontend::OptionsOf<W>& options = {}) {
  return frontend::new_backward<Direction::scatter>("conv_transpose_backward", thread_workspace(),
                                                    x, weight, grad_y, options);
}
template <frontend::AnyWorkspace Space, class X, class W, class GradY>
auto conv_transpose_backward(Space&& workspace, const X& x, const W& weight, const GradY& grad_y,
                             const frontend::OptionsOf<W>& options = {}) {
  return frontend::new_backward<Direction::scatter>("conv_transpose_backward", workspace, x, weight,
                                                    grad_y, options);
}

/// The gradients of `y = conv(x, weight, bias, options)`; otherwise as `conv_transpose_backward`,
/// with a weight `(C_out, C_in / groups, kernel...)`.
template <frontend::NoWorkspace X, class W, class GradY>
auto conv_backward(const X& x, const W& weight, const GradY& grad_y,
                   const frontend::OptionsOf<W>& options = {}) {
  return frontend::new_backward<Direction::gather>("conv_backward", thread_workspace(), x, weight,
                                                   grad_y, options);
}
template <frontend::AnyWorkspace Space, class X, class W, class GradY>
auto conv_backward(Space&& workspace, const X& x, const W& weight, const GradY& grad_y,
                   const frontend::OptionsOf<W>& options = {}) {
  return frontend::new_backward<Direction::gather>("conv_backward", workspace, x, weight, grad_y,
                                                   options);
}

/// The gradient of `conv_transpose` by its input: `conv` of `grad_y` with the same weight.
///
/// \par Limits
/// The extents of `grad_y` must be those that the options make of some input.
/// \par Example
/// \snippet functions.cpp conv_transpose_input_grad
///
/// \param weight  `(C_in, C_out / groups, kernel...)`
/// \param grad_y  `(N, C_out, out...)` or unbatched
/// \returns `(N, C_in, in...)` with the extents `in` from which the options make `out`
/// \throws std::invalid_argument if there are no such extents, or shapes do not fit together
template <frontend::AnyWorkspace Space, class W, class GradY>
auto conv_transpose_input_grad(Space&& workspace, const W& weight, const GradY& grad_y,
                               const frontend::OptionsOf<W>& options = {}) {
  return frontend::conv_transpose_input_grad("conv_transpose_input_grad", workspace,
                                             frontend::NewTensor(), weight, grad_y, options);
}
template <frontend::NoWorkspace W, class GradY>
auto conv_transpose_input_grad(const W& weight, const GradY& grad_y,
                               const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose_input_grad(thread_workspace(), weight, grad_y, options);
}

/// The gradient of `conv` by its input: `conv_transpose` of `grad_y` with the same weight, and
/// zeros where the stride left inputs unread.
///
/// \par Limits
/// The extents of the input are an argument, as several give one output.
/// \par Example
/// \snippet functions.cpp conv_transpose_input_grad
///
/// \param weight  `(C_out, C_in / groups, kernel...)`
/// \param grad_y  `(N, C_out, out...)` or unbatched
/// \param in      spatial extents of the input: an array of `R` integers, or `{...}`
/// \returns `(N, C_in, in...)`
/// \throws std::invalid_argument if shapes or options do not fit together
template <frontend::AnyWorkspace Space, class W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(Space&& workspace, const W& weight, const GradY& grad_y,
                     const std::array<I, R>& in,
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return frontend::conv_input_grad<static_cast<int>(R)>("conv_input_grad", workspace,
                                                        frontend::NewTensor(), weight, grad_y,
                                                        frontend::to_indices(in), options);
}
template <frontend::AnyWorkspace Space, class W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(Space&& workspace, const W& weight, const GradY& grad_y, const I (&in)[R],
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_input_grad(workspace, weight, grad_y, std::to_array(in), options);
}
template <frontend::NoWorkspace W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(const W& weight, const GradY& grad_y, const std::array<I, R>& in,
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_input_grad(thread_workspace(), weight, grad_y, in, options);
}
template <frontend::NoWorkspace W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(const W& weight, const GradY& grad_y, const I (&in)[R],
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_input_grad(thread_workspace(), weight, grad_y, std::to_array(in), options);
}

/// The gradient of `conv_transpose` by its weight.
///
/// \par Limits
/// `Summation::ordered` does not reach weight gradients; their bits do not depend on the number of
/// threads.
/// \par Example
/// \snippet functions.cpp conv_transpose_weight_grad
///
/// \param x       `(N, C_in, in...)` or unbatched
/// \param grad_y  `(N, C_out, out...)`, of the output's shape
/// \param kernel  spatial extents of the weight: an array of `R` integers, or `{...}`
/// \returns `(C_in, C_out / groups, kernel...)`, zero for `N = 0`
/// \throws std::invalid_argument if shapes or options do not fit together
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(Space&& workspace, const X& x, const GradY& grad_y,
                                const std::array<I, R>& kernel,
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return frontend::weight_grad<Direction::scatter, static_cast<int>(R)>(
      "conv_transpose_weight_grad", workspace, frontend::NewTensor(), x, grad_y,
      frontend::to_indices(kernel), options);
}
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(Space&& workspace, const X& x, const GradY& grad_y,
                                const I (&kernel)[R],
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_weight_grad(workspace, x, grad_y, std::to_array(kernel), options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(const X& x, const GradY& grad_y, const std::array<I, R>& kernel,
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_weight_grad(thread_workspace(), x, grad_y, kernel, options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(const X& x, const GradY& grad_y, const I (&kernel)[R],
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_weight_grad(thread_workspace(), x, grad_y, std::to_array(kernel), options);
}

/// The gradient of `conv` by its weight, `(C_out, C_in / groups, kernel...)`; otherwise as
/// `conv_transpose_weight_grad`.
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(Space&& workspace, const X& x, const GradY& grad_y,
                      const std::array<I, R>& kernel,
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return frontend::weight_grad<Direction::gather, static_cast<int>(R)>(
      "conv_weight_grad", workspace, frontend::NewTensor(), x, grad_y, frontend::to_indices(kernel),
      options);
}
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(Space&& workspace, const X& x, const GradY& grad_y, const I (&kernel)[R],
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_weight_grad(workspace, x, grad_y, std::to_array(kernel), options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(const X& x, const GradY& grad_y, const std::array<I, R>& kernel,
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_weight_grad(thread_workspace(), x, grad_y, kernel, options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(const X& x, const GradY& grad_y, const I (&kernel)[R],
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_weight_grad(thread_workspace(), x, grad_y, std::to_array(kernel), options);
}

/// The gradient of either operator by its bias: the sum of `grad_y` over batch and positions.
///
/// \par Limits
/// Batched tensors, unless the number of spatial axes is given.
/// \par Example
/// \snippet functions.cpp bias_grad
///
/// \param grad_y  `(N, C_out, out...)`, with channels_last `(N, out..., C_out)`. With the number of
///                spatial axes given, `bias_grad<2>(grad_y)`, also one sample
/// \returns `(C_out)`, zero for `N = 0`
template <int R = 0, frontend::AnyWorkspace Space, class GradY>
auto bias_grad(Space&& workspace, const GradY& grad_y,
               DataFormat data_format = DataFormat::channels_first) {
  return frontend::new_bias_grad<R>(workspace, grad_y, data_format);
}
template <int R = 0, frontend::NoWorkspace GradY>
auto bias_grad(const GradY& grad_y, DataFormat data_format = DataFormat::channels_first) {
  return bias_grad<R>(thread_workspace(), grad_y, data_format);
}

// Each of them into given memory: first the output, then the arguments of the function. An output
// is a tensor, TensorMap or TensorFixedSize with the shape, scalar and storage order of what the
// function returns. Nothing is allocated on a workspace that has seen the shape, if it has one
// thread. Errors are those of the function, and `std::invalid_argument` for an output that has
// another shape, or shares memory with an argument or another output; every output is then as it
// was.

/// `conv_transpose_backward` into given memory.
///
/// \param outputs  `Gradients{...}` of tensors or maps, such as an earlier call has returned, or
///                 `std::tie(grad_x, grad_weight, grad_bias)`, each of which may be `std::ignore`;
///                 the gradient of the bias may be a vector of Eigen's
template <frontend::NoWorkspace Outputs, class X, class W, class GradY>
void conv_transpose_backward_into(Outputs&& outputs, const X& x, const W& weight,
                                  const GradY& grad_y, const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_backward_into(thread_workspace(), outputs, x, weight, grad_y, options);
}
template <frontend::AnyWorkspace Space, class Outputs, class X, class W, class GradY>
void conv_transpose_backward_into(Space&& workspace, Outputs&& outputs, const X& x, const W& weight,
                                  const GradY& grad_y, const frontend::OptionsOf<W>& options = {}) {
  frontend::backward_into<Direction::scatter>("conv_transpose_backward_into", workspace, outputs, x,
                                              weight, grad_y, options);
}

/// `conv_backward` into given memory; otherwise as `conv_transpose_backward_into`.
template <frontend::NoWorkspace Outputs, class X, class W, class GradY>
void conv_backward_into(Outputs&& outputs, const X& x, const W& weight, const GradY& grad_y,
                        const frontend::OptionsOf<W>& options = {}) {
  conv_backward_into(thread_workspace(), outputs, x, weight, grad_y, options);
}
template <frontend::AnyWorkspace Space, class Outputs, class X, class W, class GradY>
void conv_backward_into(Space&& workspace, Outputs&& outputs, const X& x, const W& weight,
                        const GradY& grad_y, const frontend::OptionsOf<W>& options = {}) {
  frontend::backward_into<Direction::gather>("conv_backward_into", workspace, outputs, x, weight,
                                             grad_y, options);
}

/// `conv_transpose_input_grad` into given memory.
template <frontend::AnyWorkspace Space, class GradX, class W, class GradY>
void conv_transpose_input_grad_into(Space&& workspace, GradX&& grad_x, const W& weight,
                                    const GradY& grad_y,
                                    const frontend::OptionsOf<W>& options = {}) {
  frontend::conv_transpose_input_grad("conv_transpose_input_grad_into", workspace,
                                      frontend::GivenTensor{grad_x, "grad_x"}, weight, grad_y,
                                      options);
}
template <frontend::NoWorkspace GradX, class W, class GradY>
void conv_transpose_input_grad_into(GradX&& grad_x, const W& weight, const GradY& grad_y,
                                    const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_input_grad_into(thread_workspace(), grad_x, weight, grad_y, options);
}

/// `conv_input_grad` into given memory.
template <frontend::AnyWorkspace Space, class GradX, class W, class GradY>
void conv_input_grad_into(Space&& workspace, GradX&& grad_x, const W& weight, const GradY& grad_y,
                          const frontend::SpatialExtents<frontend::spatial_axes<W>>& in,
                          const frontend::OptionsOf<W>& options = {}) {
  frontend::conv_input_grad<frontend::spatial_axes<W>>("conv_input_grad_into", workspace,
                                                       frontend::GivenTensor{grad_x, "grad_x"},
                                                       weight, grad_y, in.values(), options);
}
template <frontend::NoWorkspace GradX, class W, class GradY>
void conv_input_grad_into(GradX&& grad_x, const W& weight, const GradY& grad_y,
                          const frontend::SpatialExtents<frontend::spatial_axes<W>>& in,
                          const frontend::OptionsOf<W>& options = {}) {
  conv_input_grad_into(thread_workspace(), grad_x, weight, grad_y, in, options);
}

/// `conv_transpose_weight_grad` into given memory.
template <frontend::AnyWorkspace Space, class GradW, class X, class GradY>
void conv_transpose_weight_grad_into(Space&& workspace, GradW&& grad_weight, const X& x,
                                     const GradY& grad_y, const frontend::KernelOf<GradW>& kernel,
                                     const frontend::WeightOptionsOf<GradW>& options = {}) {
  frontend::weight_grad<Direction::scatter>("conv_transpose_weight_grad_into", workspace,
                                            frontend::GivenTensor{grad_weight, "grad_weight"}, x,
                                            grad_y, kernel.values(), options);
}
template <frontend::NoWorkspace GradW, class X, class GradY>
void conv_transpose_weight_grad_into(GradW&& grad_weight, const X& x, const GradY& grad_y,
                                     const frontend::KernelOf<GradW>& kernel,
                                     const frontend::WeightOptionsOf<GradW>& options = {}) {
  conv_transpose_weight_grad_into(thread_workspace(), grad_weight, x, grad_y, kernel, options);
}

/// `conv_weight_grad` into given memory.
template <frontend::AnyWorkspace Space, class GradW, class X, class GradY>
void conv_weight_grad_into(Space&& workspace, GradW&& grad_weight, const X& x, const GradY& grad_y,
                           const frontend::KernelOf<GradW>& kernel,
                           const frontend::WeightOptionsOf<GradW>& options = {}) {
  frontend::weight_grad<Direction::gather>("conv_weight_grad_into", workspace,
                                           frontend::GivenTensor{grad_weight, "grad_weight"}, x,
                                           grad_y, kernel.values(), options);
}
template <frontend::NoWorkspace GradW, class X, class GradY>
void conv_weight_grad_into(GradW&& grad_weight, const X& x, const GradY& grad_y,
                           const frontend::KernelOf<GradW>& kernel,
                           const frontend::WeightOptionsOf<GradW>& options = {}) {
  conv_weight_grad_into(thread_workspace(), grad_weight, x, grad_y, kernel, options);
}

/// `bias_grad` into given memory: a tensor of rank 1, or a vector of Eigen's.
template <int R = 0, frontend::AnyWorkspace Space, class GradBias, class GradY>
void bias_grad_into(Space&& workspace, GradBias&& grad_bias, const GradY& grad_y,
                    DataFormat data_format = DataFormat::channels_first) {
  frontend::bias_grad_into<R>(workspace, grad_bias, grad_y, data_format);
}
template <int R = 0, frontend::NoWorkspace GradBias, class GradY>
void bias_grad_into(GradBias&& grad_bias, const GradY& grad_y,
                    DataFormat data_format = DataFormat::channels_first) {
  bias_grad_into<R>(thread_workspace(), grad_bias, grad_y, data_format);
}

}  // namespace tconv::inline TCONV_ISA
