#include "eigen_gemm.hpp"

using Eigen::Index;

namespace {

Index product(const std::array<Index, 3>& extents) { return extents[0] * extents[1] * extents[2]; }

}  // namespace

EigenGemm::EigenGemm(const Problem& p, const float* x, const float* weight, const float* bias,
                     float* y)
    : problem_(p),
      x_(x, p.batch * p.in_channels, product(p.in)),
      weight_(Eigen::Map<const Matrix>(weight, p.in_channels,
                                       p.out_channels / p.groups * product(p.kernel))),
      bias_(Eigen::Map<const Eigen::VectorXf>(bias, p.out_channels)),
      y_(y, p.batch * p.out_channels, product(p.out())),
      columns_(weight_.cols(), x_.cols()) {}

void EigenGemm::run() {
  const Problem& p = problem_;
  const Index c_group = p.in_channels / p.groups, m_group = p.out_channels / p.groups;
  for (Index n = 0; n < p.batch; ++n)
    for (Index g = 0; g < p.groups; ++g) {
      columns_.noalias() = weight_.middleRows(g * c_group, c_group).transpose() *
                           x_.middleRows(n * p.in_channels + g * c_group, c_group);
      for (Index m = 0; m < m_group; ++m) {
        auto plane = y_.row(n * p.out_channels + g * m_group + m);
        plane.setConstant(bias_[g * m_group + m]);
        add_columns(m, plane.data());
      }
    }
}

void EigenGemm::add_columns(Index m, float* plane) const {
  const Problem& p = problem_;
  const auto out = p.out();
  const float* from = columns_.row(m * product(p.kernel)).data();
  for (Index k0 = 0; k0 < p.kernel[0]; ++k0)
    for (Index k1 = 0; k1 < p.kernel[1]; ++k1)
      for (Index k2 = 0; k2 < p.kernel[2]; ++k2, from += columns_.cols())
        for (Index i0 = 0; i0 < p.in[0]; ++i0)
          for (Index i1 = 0; i1 < p.in[1]; ++i1) {
            const Index o0 = i0 * p.stride[0] + k0 * p.dilation[0] - p.padding[0];
            const Index o1 = i1 * p.stride[1] + k1 * p.dilation[1] - p.padding[1];
            if (o0 < 0 || o0 >= out[0] || o1 < 0 || o1 >= out[1]) continue;
            float* row = plane + (o0 * out[1] + o1) * out[2];
            const float* column = from + (i0 * p.in[1] + i1) * p.in[2];
            for (Index i2 = 0; i2 < p.in[2]; ++i2) {
              const Index o2 = i2 * p.stride[2] + k2 * p.dilation[2] - p.padding[2];
              if (0 <= o2 && o2 < out[2]) row[o2] += column[i2];
            }
          }
}
