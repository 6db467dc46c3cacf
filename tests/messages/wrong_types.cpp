#include <tconv/tconv.hpp>

// Each call is wrong in one way. `check.cmake` wants to see the sentence above it among the
// compiler's errors, and no errors besides.

template <class Scalar, int rank, int layout = Eigen::RowMajor>
using T = Eigen::Tensor<Scalar, rank, layout>;

void wrong_types(const T<float, 4>& x, const T<float, 4>& w, const T<float, 1>& bias,
                 const T<float, 2>& matrix) {
  // tconv: x must be an Eigen tensor or tensor expression
  tconv::conv_transpose(1.0f, w);
  // tconv: weight must be an Eigen tensor or tensor expression
  tconv::conv_transpose(x, 1.0f);
  // tconv: weight must have rank 3, 4 or 5: two channel axes and 1, 2 or 3 spatial axes
  tconv::conv_transpose(x, matrix);
  // tconv: x must have the weight's rank, or one axis less if it is unbatched
  tconv::conv(matrix, w);
  // tconv: x and weight must have the same scalar type
  tconv::conv_transpose(T<double, 4>(), w);
  // tconv: x and weight must have the same storage order
  tconv::conv(T<float, 4, Eigen::ColMajor>(), w);
  // tconv: bias must have rank 1
  tconv::conv_transpose(x, w, matrix);
  // tconv: bias must have the scalar type of x
  tconv::conv(x, w, T<double, 1>());
  // tconv: bias must have the storage order of x
  tconv::conv_transpose(x, w, T<float, 1, Eigen::ColMajor>());
  // tconv: bias must be an Eigen tensor of rank 1, and options must be ConvOptions<R> with R the
  // weight's rank minus 2
  tconv::conv(x, w, tconv::ConvOptions<1>());
  // tconv: X and K must have rank 2
  tconv::trans_conv(matrix, x);
  // tconv: kernel must be an Eigen tensor of rank 2 (one channel), 3, 4 or 5
  tconv::kernel2matrix(bias, {1});
  // tconv: x must have rank 3, 4 or 5: batch, channels and 1, 2 or 3 spatial axes
  tconv::upsample_linear(matrix, 2);
}
