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
  // tconv: the tensors of a call must have one scalar type
  tconv::conv_transpose(T<double, 4>(), w);
  // tconv: the tensors of a call must have one storage order
  tconv::conv(T<float, 4, Eigen::ColMajor>(), w);
  // tconv: bias must be an Eigen tensor of rank 1 or a vector, and options must be ConvOptions<R>
  // with R the weight's rank minus 2
  tconv::conv_transpose(x, w, matrix);
  // tconv: bias must have the scalar type of the weight
  tconv::conv(x, w, T<double, 1>());
  // tconv: bias must have the scalar type of the weight
  tconv::conv(x, w, Eigen::VectorXd());
  // tconv: bias must be an Eigen tensor of rank 1 or a vector, and options must be ConvOptions<R>
  // with R the weight's rank minus 2
  tconv::ConvTranspose(w, tconv::ConvOptions<1>());
  // tconv: bias must be an Eigen tensor of rank 1 or a vector, and options must be ConvOptions<R>
  // with R the weight's rank minus 2
  tconv::Conv(w, Eigen::MatrixXf());
  // tconv: weight must have the scalar type, rank and storage order of the layer
  tconv::ConvTranspose<double, 2, Eigen::RowMajor>{w};
  // tconv: bias must be an Eigen tensor of rank 1 or a vector, and options must be ConvOptions<R>
  // with R the weight's rank minus 2
  tconv::conv(x, w, tconv::ConvOptions<3>());
  // tconv: X and K must have rank 2
  tconv::trans_conv(matrix, x);
  // tconv: kernel must be an Eigen matrix, or a tensor of rank 2 (one channel), 3, 4 or 5
  tconv::kernel2matrix(bias, {1});
  // tconv: the image must have rank 3, 4 or 5: batch, channels and 1, 2 or 3 spatial axes
  tconv::upsample_linear(matrix, 2);
  // tconv: the image must have two axes more than spatial ones, or one more if it is unbatched
  tconv::pixel_shuffle<3>(T<float, 3>(), 2);
  // tconv: the output must be an Eigen tensor, TensorMap or TensorFixedSize, or a slice of one
  tconv::conv_into(x * 2.0f, x, w);
  // tconv: the output must not be const
  tconv::conv_into(x.slice(x.dimensions(), x.dimensions()), x, w);
  // tconv: the output must be an Eigen tensor, TensorMap or TensorFixedSize
  tconv::upsample_nearest_into(x.slice(x.dimensions(), x.dimensions()), x, 2);
  // tconv: the output must not be const
  tconv::conv_transpose_into(x, x, w);
  // tconv: the output must have the rank of the result
  tconv::upsample_nearest_into(T<float, 3>(), x, 2);
  // tconv: the tensors of a call must have one scalar type
  tconv::conv_transpose_input_grad_into(T<double, 4>(), w, x);
  // tconv: the tensors of a call must have one storage order
  tconv::conv_weight_grad_into(T<float, 4, Eigen::ColMajor>(), x, x, {3, 3});
  // tconv: there must be one extent for each spatial axis
  tconv::conv_weight_grad_into(T<float, 4>(), x, x, std::array{3});
  // tconv: grad_bias must be a tensor of rank 1, or a vector, that lies in memory
  tconv::bias_grad_into(Eigen::MatrixXf(), x);
  // tconv: the outputs of all gradients must be Gradients{grad_x, grad_weight, grad_bias}, or
  // std::tie of the three
  tconv::conv_backward_into(T<float, 4>(), x, w, x);
  // tconv: x and weight of a call that names the type of its result must be integers of 8 or 16
  // bits
  tconv::conv<std::int32_t>(x, w);
  // tconv: the result of a call on small integers must be of the type int8, uint8, int16, int32 or
  // float
  tconv::conv_transpose<double>(T<std::int8_t, 4>(), T<std::int8_t, 4>());
  // tconv: the tensors of a call must have one storage order
  tconv::conv<std::int32_t>(T<std::int8_t, 4, Eigen::ColMajor>(), T<std::int8_t, 4>());
  // tconv: bias of a call on small integers must be int32
  tconv::conv<std::int32_t>(T<std::uint8_t, 4>(), T<std::int8_t, 4>(), bias);
  // tconv: the output must have the scalar type that the call names
  tconv::conv_transpose_into<float>(T<std::int32_t, 4>(), T<std::uint8_t, 4>(),
                                    T<std::int8_t, 4>());
}
