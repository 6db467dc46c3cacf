/// \file
/// A push and the end of a reserved stream under RealtimeSanitizer, which ends the program where it
/// meets an allocation, a lock or a call of the system.

#include <tconv/stream.hpp>

namespace {

using Image = Eigen::Tensor<float, 3, Eigen::RowMajor>;

template <class Stream>
void push_and_finish(Stream& stream, const Image& x, Image& y, Image& rest,
                     tconv::Workspace& workspace) [[clang::nonblocking]] {
  const auto f = [](float value) { return value > 0 ? value : 0.1F * value; };
  stream.push(x, y, workspace, f);
  stream.finish(rest, workspace, f);
}

}  // namespace

int main() {
  Image w(64, 32, 16), x(1, 64, 9);
  w.setRandom(), x.setRandom();
  tconv::Stream stream(tconv::ConvTranspose(w, {.stride = 8, .padding = 4}));
  stream.reserve(16);
  Image y(1, 32, stream.available(9)), rest(1, 32, stream.latency());
  tconv::Workspace workspace;
  push_and_finish(stream, x, y, rest, workspace);
  return y.dimension(2) + rest.dimension(2) == 72 ? 0 : 1;
}
