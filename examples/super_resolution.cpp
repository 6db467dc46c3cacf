// Enlarges pictures with a trained network: FSRCNN (see support/fsrcnn.hpp), of which
// train_super_resolution has trained the parameters that lie in examples/data/super_resolution.
//
//   super_resolution [result.png]
//   super_resolution factor picture.png result.png
//
// The first form measures: photographs that the network was not trained on are shrunk by 2, 3 and 4
// and enlarged again, by cubic convolution and by the network; and it draws one of them. The second
// enlarges a picture by 2, 3 or 4. The network sees brightness only. Colours, whose details the eye
// misses, are enlarged by cubic convolution. The network has seen clean pictures: it sharpens noise
// and the blocks of JPEG like everything else.

#define EIGEN_USE_THREADS

#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <tconv/tconv.hpp>

#include "support/example.hpp"
#include "support/fsrcnn.hpp"
#include "support/training.hpp"

namespace {

using fsrcnn::SuperResolution;
const std::string parameters = DATA_FOLDER "/super_resolution";

/// Each channel by cubic convolution.
Picture resize(const Picture& picture, Index rows, Index columns) {
  Picture result(3, rows, columns);
  for (Index c = 0; c < 3; ++c) {
    const Plane channel = picture.chip<0>(c);
    result.chip<0>(c) = bicubic::resize(channel, rows, columns);
  }
  return result;
}

/// Brightness by the network, colour by cubic convolution.
Picture super_resolve(const Picture& picture, Index factor, const SuperResolution& network,
                      tconv::Workspace& workspace) {
  Picture result = resize(picture, factor * picture.dimension(1), factor * picture.dimension(2));
  const Plane change = network(fsrcnn::luma(picture), workspace) - fsrcnn::luma(result);
  for (Index c = 0; c < 3; ++c) result.chip<0>(c) += change;
  return result;
}

Picture rounded(const Picture& picture) {
  return (picture.cwiseMax(0.0f).cwiseMin(1.0f) * 255.0f).round() / 255.0f;
}

/// A photograph, what is left of it, and what becomes of that.
struct Comparison {
  Picture original, small, cubic, ours;

  Comparison(const Picture& photograph, Index factor, const SuperResolution& network,
             tconv::Workspace& workspace) {
    const Index rows = photograph.dimension(1) / factor, columns = photograph.dimension(2) / factor;
    original = photograph.slice(Eigen::array<Index, 3>{0, 0, 0},
                                Eigen::array<Index, 3>{3, rows * factor, columns * factor});
    small = rounded(resize(original, rows, columns));
    cubic = rounded(resize(small, rows * factor, columns * factor));
    ours = rounded(super_resolve(small, factor, network, workspace));
  }

  /// Of brightness, without `border` pixels at the edges.
  double psnr_of(const Picture& picture, Index border) const {
    return psnr(fsrcnn::luma(picture), fsrcnn::luma(original), border);
  }
};

/// A part of the pictures, large enough to be looked at.
Picture detail(const Picture& picture) {
  const Eigen::array<Index, 3> first{0, 36, 36}, size{3, 90, 108};
  return enlarge(Picture(picture.slice(first, size)), 2);
}

/// What the network sees, cubic convolution, the network, the truth.
Picture draw(const Comparison& it, Index factor) {
  return side_by_side(side_by_side(detail(enlarge(it.small, factor)), detail(it.cubic)),
                      side_by_side(detail(it.ours), detail(it.original)));
}

/// Prints the table, and draws the first photograph with factor 3.
void measure(const std::string& out, tconv::Workspace& workspace) {
  constexpr std::array photographs{"photographs/cat.png", "photographs/rocket.png", "photo.png"};
  std::printf("PSNR in dB                 cubic  network\n");
  for (const int factor : fsrcnn::factors) {
    const SuperResolution network(parameters, factor);
    double gain = 0;
    for (const char* name : photographs) {
      const Comparison it(read_png(std::string(DATA_FOLDER) + '/' + name), factor, network,
                          workspace);
      const double cubic = it.psnr_of(it.cubic, factor), ours = it.psnr_of(it.ours, factor);
      gain += (ours - cubic) / static_cast<double>(photographs.size());
      std::printf("x%d %-22s %7.2f %8.2f\n", factor, name, cubic, ours);
      if (factor == 3 && name == photographs[0]) write_png(out, draw(it, factor));
    }
    std::printf("x%d: the network is better by %.2f dB\n", factor, gain);
  }
  std::cout << "wrote " << out << '\n';
}

int run(const Arguments& arguments) {
  Threads threads(2);
  const int factor = arguments.number(0, 0);
  if (arguments.size() == 3 && factor >= 2 && factor <= 4) {
    const Picture picture = read_png(arguments.text(1, ""));
    const SuperResolution network(parameters, factor);
    save(arguments.text(2, ""), super_resolve(picture, factor, network, threads.workspace()));
    return 0;
  }
  if (arguments.size() > 1 || factor != 0) {
    std::cerr << "usage: super_resolution [result.png]\n"
                 "       super_resolution factor picture.png result.png, factor 2, 3 or 4\n";
    return 1;
  }
  measure(arguments.text(0, "super_resolution.png"), threads.workspace());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
