#pragma once

/// \file
/// Writes sums to outputs whose channels lie side by side, as the sums do: adds the bias, applies
/// the epilogue.

#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Writes some channels of pixels.
template <class Scalar>
class PixelStore {
 public:
  /// `channels` are numbered through all groups. Pixels pass the caches if `streams`, and if they
  /// are whole cache lines. `pixel` has room for the channels of one, in whole packets.
  PixelStore(const Operands<Scalar>& operands, const Range& channels, bool streams, Scalar* pixel)
      : operands_(operands),
        channels_(channels),
        bias_(operands.bias ? operands.bias + channels.first : nullptr),
        y_(static_cast<Scalar*>(operands.y.data) + channels.first),
        pixel_(pixel) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(Scalar));
    const Image<void>& y = operands.y;
    streams_ =
        streams && reinterpret_cast<std::uintptr_t>(y_) % 64 == 0 &&
        (channels.size() | y.batch_stride | y.strides[0] | y.strides[1] | y.strides[2]) % line == 0;
  }

  /// Writes one pixel at element `place` of the image. Whole packets of its sums are read.
  void write(const Scalar* sums, Index place) const {
    Scalar* const y = y_ + place;
    if (!operands_.epilogue) return copy(sums, bias_, streams_, y);
    copy(sums, bias_, false, pixel_);
    operands_.epilogue.across(pixel_, channels_);
    copy(pixel_, nullptr, streams_, y);
  }

 private:
  using P = simd::Packet<Scalar>;

  EIGEN_ALWAYS_INLINE void copy(const Scalar* sums, const Scalar* bias, bool streams,
                                Scalar* y) const {
    const Index size = channels_.size();
    Index c = 0;
    for (; c + P::size <= size; c += P::size) {
      typename P::Type packet = P::load(sums + c);
      if (bias) packet = P::add(packet, P::load(bias + c));
      if (streams)
        simd::stream(y + c, packet);
      else
        P::store(y + c, packet);
    }
    if (c == size) return;
    const simd::PacketPart<Scalar> rest(0, size - c);
    typename P::Type packet = P::load(sums + c);
    if (bias) packet = P::add(packet, rest.load(bias + c));
    rest.store(y + c, packet);
  }

  const Operands<Scalar>& operands_;
  Range channels_;
  const Scalar* bias_;
  Scalar* y_;
  Scalar* pixel_;
  bool streams_;
};

}  // namespace tconv::inline TCONV_ISA::engine
