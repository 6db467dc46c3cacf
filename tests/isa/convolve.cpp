/// \file
/// Compiled once for each instruction set, with `NAME` of its own.

#include <algorithm>
#include <tconv/tconv.hpp>

/// Convolves by a layer and by a free function into `layer` and `free`. Returns what the code is
/// compiled for. Eigen's own tensors must not pass between instruction sets: their alignment
/// differs.
const char* NAME(const float* x, const float* weight, const tconv::ConvOptions<2>& options,
                 tconv::Workspace& workspace, float* free, float* layer);

const char* NAME(const float* x, const float* weight, const tconv::ConvOptions<2>& options,
                 tconv::Workspace& workspace, float* free, float* layer) {
  using Image = Eigen::Tensor<float, 4>;
  const Eigen::TensorMap<const Image> x_map(x, 2, 5, 9, 7), w_map(weight, 5, 3, 4, 4);
  const Image y = tconv::conv_transpose(workspace, x_map, w_map, options);
  std::copy_n(y.data(), y.size(), free);
  tconv::ConvTranspose(w_map, options)
      .run(x_map, Eigen::TensorMap<Image>(layer, y.dimensions()), workspace);
  return tconv::instruction_set();
}
