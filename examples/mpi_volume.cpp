// A volume that is shared among processes, each with a slab of it.
//
//   mpirun -n 2 mpi_volume [size [steps]]
//
// A transposed convolution enlarges a volume twice on each axis. Each process makes a slab of the
// large volume, from a slab of the small one and the borders of its neighbours: windows say which.
// Nothing but borders is sent. Then the way back: the small volume that, enlarged, comes closest to
// a large one, by conjugate gradients on the normal equations. Products with the operator and its
// transpose exchange borders, dot products are summed over all processes.
//
// Up to a size of 96 each process also enlarges the whole volume, and compares bits.

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <vector>

namespace {

using tconv::Index;
using Vector = Eigen::VectorXf;
using Volume = Eigen::Tensor<float, 4, Eigen::RowMajor>;  // (channels, planes, rows, columns)
using Weight = Eigen::Tensor<float, 5, Eigen::RowMajor>;
using Operator = tconv::ConvOperator<float, 3>;

constexpr Index channels = 4;
constexpr tconv::Extents<3> kernel{4, 4, 4};
// One order of summation, so that a slab has the bits of the whole.
const tconv::ConvOptions<3> options{
    .stride = 2, .padding = 1, .summation = tconv::Summation::ordered};

/// Planes of a volume.
struct Planes {
  Index first, end;
  Index size() const { return std::max<Index>(end - first, 0); }
};

Planes overlap(const Planes& a, const Planes& b) {
  return {std::max(a.first, b.first), std::min(a.end, b.end)};
}

/// This process, and all of them.
struct Ranks {
  int rank = 0, count = 1;

  Ranks() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
  }
  /// The planes that a process owns.
  Planes owned(Index planes, int r) const { return {planes * r / count, planes * (r + 1) / count}; }
};

/// Who needs which planes of whom.
class Borders {
 public:
  /// `needed` has the planes that each process computes with, its own and others.
  Borders(const Ranks& ranks, const tconv::Extents<3>& extents, const std::vector<Planes>& needed)
      : ranks_(ranks), extents_(extents), needed_(needed) {}

 private:
  static std::size_t index(int rank) { return static_cast<std::size_t>(rank); }
  Planes owned(int rank) const { return ranks_.owned(extents_[0], rank); }
  Eigen::array<Index, 4> shape(const Planes& planes) const {
    return {channels, planes.size(), extents_[1], extents_[2]};
  }
  /// Some planes of a tensor that holds others.
  template <class Tensor>
  auto planes_of(Tensor& tensor, const Planes& held, const Planes& planes) const {
    return tensor.slice(Eigen::array<Index, 4>{0, planes.first - held.first, 0, 0}, shape(planes));
  }

 public:
  /// What this process computes with: its own planes, which `own` is, and others from their owners.
  Volume gather(const Vector& own) {
    const Planes mine = owned(ranks_.rank), wanted = needed_[index(ranks_.rank)];
    const Eigen::TensorMap<const Volume> slab(own.data(), shape(mine));
    Volume result(shape(wanted));
    std::vector<Volume> parts;
    parts.reserve(2 * needed_.size());  // they must stay where they are
    std::vector<MPI_Request> requests;
    struct Arrival {
      const Volume* part;
      Planes planes;
    };
    std::vector<Arrival> arrivals;
    for (int other = 0; other < ranks_.count; ++other) {
      const Planes out = overlap(mine, needed_[index(other)]), in = overlap(owned(other), wanted);
      if (other == ranks_.rank) {
        planes_of(result, wanted, in) = planes_of(slab, mine, in);
        continue;
      }
      if (out.size() > 0) {
        parts.emplace_back(planes_of(slab, mine, out));
        MPI_Isend(parts.back().data(), static_cast<int>(parts.back().size()), MPI_FLOAT, other, 0,
                  MPI_COMM_WORLD, &requests.emplace_back());
        sent_ += 4 * parts.back().size();
      }
      if (in.size() > 0) {
        parts.emplace_back(shape(in));
        MPI_Irecv(parts.back().data(), static_cast<int>(parts.back().size()), MPI_FLOAT, other, 0,
                  MPI_COMM_WORLD, &requests.emplace_back());
        arrivals.push_back({&parts.back(), in});
      }
    }
    MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
    for (const auto& [part, planes] : arrivals) planes_of(result, wanted, planes) = *part;
    return result;
  }

  /// Bytes that this process has sent.
  Index sent() const { return sent_; }

 private:
  Ranks ranks_;
  tconv::Extents<3> extents_;
  std::vector<Planes> needed_;
  Index sent_ = 0;
};

/// The enlargement of a volume, and its transpose, on the slabs of all processes. Vectors hold the
/// slab of this one.
class SlabOperator {
 public:
  SlabOperator(const Ranks& ranks, const Weight& weight, const tconv::Extents<3>& small)
      : small_(small),
        large_(tconv::conv_transpose_output_extents(small, kernel, options)),
        up_windows_(windows(ranks, true)),
        down_windows_(windows(ranks, false)),
        up_borders_(ranks, small_, planes(up_windows_)),
        down_borders_(ranks, large_, planes(down_windows_)),
        small_shape_(slab(ranks, small_)),
        large_shape_(slab(ranks, large_)),
        up_(weight, large_shape_, own(ranks, up_windows_).options),
        down_(weight, own(ranks, down_windows_).extents(), own(ranks, down_windows_).options) {}

  const tconv::Extents<3>& small_slab() const { return small_shape_; }
  const tconv::Extents<3>& large_slab() const { return large_shape_; }
  Index sent() const { return up_borders_.sent() + down_borders_.sent(); }

  /// Enlarges.
  Vector multiply(const Vector& small) {
    const Volume part = up_borders_.gather(small);
    Vector large(up_.cols());
    up_.multiply_transposed(part.data(), large.data());
    return large;
  }
  Vector multiply_transposed(const Vector& large) {
    const Volume part = down_borders_.gather(large);
    Vector small(down_.rows());
    down_.multiply(part.data(), small.data());
    return small;
  }

 private:
  using Windows = std::vector<tconv::Window<3>>;

  static tconv::Extents<3> slab(const Ranks& ranks, tconv::Extents<3> extents) {
    extents[0] = ranks.owned(extents[0], ranks.rank).size();
    return extents;
  }
  static const tconv::Window<3>& own(const Ranks& ranks, const Windows& windows) {
    return windows[static_cast<std::size_t>(ranks.rank)];
  }

  /// The part of the input that each process needs for its slab of the output.
  Windows windows(const Ranks& ranks, bool up) const {
    Windows result;
    for (int r = 0; r < ranks.count; ++r) {
      const tconv::Extents<3>& out = up ? large_ : small_;
      const Planes planes = ranks.owned(out[0], r);
      const tconv::Extents<3> first{planes.first, 0, 0}, end{planes.end, out[1], out[2]};
      result.push_back(up ? tconv::conv_transpose_window(small_, kernel, options, first, end)
                          : tconv::conv_window(large_, kernel, options, first, end));
    }
    return result;
  }
  static std::vector<Planes> planes(const Windows& windows) {
    std::vector<Planes> result;
    for (const auto& window : windows) result.push_back({window.first[0], window.end[0]});
    return result;
  }

  tconv::Extents<3> small_, large_;
  Windows up_windows_, down_windows_;
  Borders up_borders_, down_borders_;
  tconv::Extents<3> small_shape_, large_shape_;
  Operator up_, down_;
};

double dot(const Vector& a, const Vector& b) {
  double sum = a.cast<double>().dot(b.cast<double>());
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sum;
}

/// A voxel of a volume that every process could read from a file: some waves.
float voxel(Index c, Index i, Index j, Index k) {
  const auto wave = [c](Index at, double pace) {
    return std::sin(pace * static_cast<double>(at) + static_cast<double>(c));
  };
  return static_cast<float>(wave(i, 0.31) * wave(j, 0.23) + wave(k, 0.17));
}

/// Planes of that volume.
Vector read(const tconv::Extents<3>& extents, Index first_plane) {
  Vector volume(channels * extents[0] * extents[1] * extents[2]);
  float* next = volume.data();
  for (Index c = 0; c < channels; ++c)
    for (Index i = 0; i < extents[0]; ++i)
      for (Index j = 0; j < extents[1]; ++j)
        for (Index k = 0; k < extents[2]; ++k) *next++ = voxel(c, first_plane + i, j, k);
  return volume;
}

/// Trilinear interpolation, and a little of each channel in the others.
Weight make_weight() {
  constexpr double triangle[] = {0.25, 0.75, 0.75, 0.25};
  Weight weight(channels, channels, kernel[0], kernel[1], kernel[2]);
  for (Index c = 0; c < channels; ++c)
    for (Index m = 0; m < channels; ++m)
      for (Index i = 0; i < 4; ++i)
        for (Index j = 0; j < 4; ++j)
          for (Index k = 0; k < 4; ++k)
            weight(c, m, i, j, k) =
                static_cast<float>(triangle[i] * triangle[j] * triangle[k] *
                                   (c == m ? 1 : 0.05 * std::sin(static_cast<double>(i + j - k))));
  return weight;
}

/// Whether the slabs of all processes have the bits of the whole.
bool same_as_whole(const Ranks& ranks, const tconv::Extents<3>& small, const Weight& weight,
                   const Vector& y, const tconv::Extents<3>& slab) {
  const tconv::Extents<3> large = tconv::conv_transpose_output_extents(small, kernel, options);
  const Operator whole(weight, large, options);
  const Vector all = whole.transpose() * read(small, 0);
  const Index plane = slab[1] * slab[2], first = ranks.owned(large[0], ranks.rank).first;
  int same = 1;
  for (Index c = 0; c < channels; ++c)
    if (std::memcmp(y.data() + c * slab[0] * plane, all.data() + (c * large[0] + first) * plane,
                    static_cast<std::size_t>(slab[0] * plane) * sizeof(float)) != 0)
      same = 0;
  MPI_Allreduce(MPI_IN_PLACE, &same, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  return same == 1;
}

/// Seconds that the slowest process takes for `action`.
template <class Action>
double seconds(const Action& action) {
  MPI_Barrier(MPI_COMM_WORLD);
  const auto begin = std::chrono::steady_clock::now();
  action();
  double time = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  MPI_Allreduce(MPI_IN_PLACE, &time, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return time;
}

int run(Index size, int steps) {
  const Ranks ranks;
  if (size < 2 * ranks.count || size % 2 != 0 || size > 1024)
    throw std::invalid_argument(
        "size must be even, at least twice the number of processes and at most 1024");
  const tconv::Extents<3> small{size / 2, size / 2, size / 2};
  const Weight weight = make_weight();
  SlabOperator enlarge(ranks, weight, small);
  const Vector truth = read(enlarge.small_slab(), ranks.owned(small[0], ranks.rank).first);
  Vector y = enlarge.multiply(truth);  // makes plans
  const Index before = enlarge.sent();
  const double time = seconds([&] { y = enlarge.multiply(truth); });
  Index sent = enlarge.sent() - before, memory = 4 * (truth.size() + y.size());
  MPI_Allreduce(MPI_IN_PLACE, &sent, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, &memory, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  if (ranks.rank == 0)
    std::cout << std::fixed << std::setprecision(2) << ranks.count << " processes: " << size
              << "^3 voxels of " << channels << " channels in " << 1e3 * time << " ms; each has "
              << static_cast<double>(memory) / 1e6 << " MB and sends "
              << static_cast<double>(sent) / 1e6 << " MB at most\n";
  bool right = true;
  if (size <= 96) {
    right = same_as_whole(ranks, small, weight, y, enlarge.large_slab());
    if (ranks.rank == 0)
      std::cout << (right ? "slabs have the bits of the whole\n" : "slabs differ from the whole\n");
  }

  // Least squares: the x of the least |A x - y|, by conjugate gradients (Hestenes and Stiefel,
  // 1952).
  Vector x = Vector::Zero(truth.size()), residual = y;
  Vector gradient = enlarge.multiply_transposed(residual), direction = gradient;
  const double first = dot(gradient, gradient);
  double slope = first;
  int step = 0;
  const double solving = seconds([&] {
    for (; step < steps && slope > 1e-12 * first; ++step) {
      const Vector change = enlarge.multiply(direction);
      const auto length = static_cast<float>(slope / dot(change, change));
      x += length * direction;
      residual -= length * change;
      gradient = enlarge.multiply_transposed(residual);
      const double next = dot(gradient, gradient);
      direction = gradient + static_cast<float>(next / slope) * direction;
      slope = next;
    }
  });
  const double error = std::sqrt(dot(x - truth, x - truth) / dot(truth, truth));
  if (ranks.rank == 0)
    std::cout << "least squares: " << step << " steps, " << 1e3 * solving / std::max(step, 1)
              << " ms each; the volume is found to " << std::scientific << error << '\n';
  return right && (steps < 30 || error < 1e-3) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int result = 1;
  try {
    result = run(argc > 1 ? std::atoi(argv[1]) : 64, argc > 2 ? std::atoi(argv[2]) : 60);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return result;
}
