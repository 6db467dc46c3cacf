#pragma once

/// \file
/// The arithmetic of problems whose terms are listed.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/listed/schedule.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/engine/output_list.hpp"
#include "tconv/engine/pixel_store.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Sums an output of `vectors` packets of channels. `weights` are those of a panel, `offsets` where
/// the pixels of a channel lie.
template <int vectors, class Scalar>
EIGEN_ALWAYS_INLINE void sum_listed(const Term* term, const Term* end, Index channels,
                                    const Scalar* weights, const Scalar* x, Index channel_stride,
                                    const Index* offsets, Scalar* to) {
  using P = simd::Packet<Scalar>;
  // A sum waits four cycles for its last product: there are four at a time.
  constexpr Index chains = 4 / vectors;
  constexpr Index rows = vectors * P::size;
  typename P::Type sums[chains * vectors];
  for (auto& sum : sums) sum = P::broadcast(Scalar(0));
  for (; term != end; ++term) {
    const Scalar* w = weights + term->tap * channels * rows;
    const Scalar* in = x + offsets[term->pixel];
    const auto add = [&](Index chain) {
      const auto pixel = P::broadcast(*in);
      for (int v = 0; v < vectors; ++v) {
        auto& sum = sums[chain * vectors + v];
        sum = P::multiply_add(P::load(w + v * P::size), pixel, sum);
      }
      w += rows;
      in += channel_stride;
    };
    Index c = 0;
    for (; c + chains <= channels; c += chains)
      for (Index chain = 0; chain < chains; ++chain) add(chain);
    for (; c < channels; ++c) add(0);
  }
  for (int v = 0; v < vectors; ++v) {
    for (Index chain = 1; chain < chains; ++chain)
      sums[v] = P::add(sums[v], sums[chain * vectors + v]);
    P::store(to + v * P::size, sums[v]);
  }
}

template <class Scalar>
class ListedTask {
 public:
  ListedTask(const ListedSchedule& schedule, const Scalar* weights,
             const Operands<Scalar>& operands, std::byte* scratch)
      : schedule_(schedule),
        weights_(weights),
        operands_(operands),
        scratch_(schedule, runtime::Arena(scratch)) {
    const std::array<PhasedAxis, 3>& axes = schedule.correlation().axes;
    list_places(operands.x.strides, {axes[0].in, axes[1].in, axes[2].in}, scratch_.offsets);
    list_places(operands.y.strides, {axes[0].out, axes[1].out, axes[2].out}, scratch_.places);
    scratch_.list.clear();
    for (Index o = 0; o < schedule.outputs(); ++o)
      scratch_.list.add(scratch_.sums + o * schedule.rows(), 1, 0, scratch_.places[o]);
  }

  static std::size_t scratch_bytes(const ListedSchedule& schedule) {
    return Scratch(schedule, runtime::Arena(nullptr)).bytes;
  }

  void run() const {
    switch (schedule_.vectors()) {
      case 1:
        return run_panels<1>();
      case 2:
        return run_panels<2>();
      default:
        return run_panels<4>();
    }
  }

 private:
  struct Scratch {
    Index *offsets, *places;  // of the pixels of a channel of x, and of y
    Scalar* sums;             // of a panel, as [output][row]
    Scalar* pixel;            // of a panel
    OutputList<Scalar> list;
    std::size_t bytes;

    Scratch(const ListedSchedule& schedule, runtime::Arena arena)
        : offsets(arena.take<Index>(schedule.pixels())),
          places(arena.take<Index>(schedule.outputs())),
          sums(arena.take<Scalar>(schedule.outputs() * schedule.rows())),
          pixel(arena.take<Scalar>(schedule.rows())),
          list(arena),
          bytes(arena.used()) {}
  };

  static void list_places(const std::array<Index, 3>& strides, const std::array<Index, 3>& extents,
                          Index* to) {
    for (Index z = 0; z < extents[0]; ++z)
      for (Index y = 0; y < extents[1]; ++y)
        for (Index x = 0; x < extents[2]; ++x)
          *to++ = z * strides[0] + y * strides[1] + x * strides[2];
  }

  template <int vectors>
  void run_panels() const {
    const Correlation& c = schedule_.correlation();
    const Index rows = schedule_.rows(), panel_size = schedule_.taps() * c.in_channels * rows;
    const Image<const void>& image = operands_.x;
    for (Index n = 0; n < c.batch; ++n) {
      const Scalar* weights = weights_;
      for (Index g = 0; g < c.groups; ++g) {
        const Scalar* const x = static_cast<const Scalar*>(image.data) + n * image.batch_stride +
                                g * c.in_channels * image.channel_stride;
        for (Index m = 0; m < c.out_channels; m += rows, weights += panel_size) {
          const Term* next = schedule_.terms().data();
          Scalar* sums = scratch_.sums;
          for (const Index end : schedule_.ends()) {
            const Term* const begin = next;
            next = schedule_.terms().data() + end;
            sum_listed<vectors>(begin, next, c.in_channels, weights, x, image.channel_stride,
                                scratch_.offsets, sums);
            sums += rows;
          }
          const Index first = g * c.out_channels + m;
          write({first, std::min(first + rows, (g + 1) * c.out_channels)}, n);
        }
      }
    }
  }

  /// Writes the sums of some channels of all groups.
  void write(const Range& channels, Index n) const {
    if (operands_.y.channel_stride != 1) return scratch_.list.write(operands_, channels, n, 1);
    const PixelStore<Scalar> store(operands_, channels, false, scratch_.pixel);
    for (Index o = 0; o < schedule_.outputs(); ++o)
      store.write(scratch_.sums + o * schedule_.rows(),
                  n * operands_.y.batch_stride + scratch_.places[o]);
  }

  const ListedSchedule& schedule_;
  const Scalar* weights_;
  const Operands<Scalar>& operands_;
  Scratch scratch_;
};

/// Whether the images of a call have elements of the engine.
template <class Scalar>
bool has_scalars(const Operands<Scalar>& operands) {
  return !operands.reader.read && !operands.writer.write;
}

template <class Scalar>
void run_listed(const ListedSchedule& schedule, const Scalar* weights,
                const Operands<Scalar>& operands, runtime::Execution& execution) {
  std::byte* const scratch = execution.scratch(ListedTask<Scalar>::scratch_bytes(schedule));
  ListedTask<Scalar>(schedule, weights, operands, scratch).run();
}

}  // namespace tconv::inline TCONV_ISA::engine
