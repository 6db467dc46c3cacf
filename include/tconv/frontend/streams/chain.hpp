#pragma once

/// \file
/// Latency, ratio and receptive field of streams that feed one another.

#include <algorithm>
#include <numeric>
#include <span>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/frontend/streams/time_axis.hpp"

namespace tconv::inline TCONV_ISA::frontend {

class StreamChain {
 public:
  explicit StreamChain(std::span<const TimeAxis> layers) : layers_(layers) {}

  /// The product of the strides of one direction.
  Index strides(Direction direction) const {
    Index product = 1;
    for (const TimeAxis& layer : layers_)
      if (layer.scatters() == (direction == Direction::scatter)) product *= layer.stride();
    return product;
  }

  /// What is missing repeats when as many frames have come as all `conv` take for one output. Until
  /// every layer has had an input, nothing comes out, but all may be written at the end.
  Index latency() const {
    const auto missing = [this](Index n) { return total(n) - written(n); };
    const Index first = first_length([this](Index n) { return every(n, &has_input); });
    const Index steady = first_length([this](Index n) { return every(n, &is_steady); });
    Index most = first > 1 ? missing(first - 1) : 0;
    for (Index i = 0; i < strides(Direction::gather); ++i)
      most = std::max(most, missing(steady + i));
    return most;
  }

  /// Outputs that are as many apart as the strides of all `conv_transpose` see alike.
  Index receptive_field() const {
    Index most = 0;
    for (Index o = 0; o < strides(Direction::scatter); ++o) {
      Range range{o, o + 1};
      for (std::size_t i = layers_.size(); i-- > 0 && range.size() > 0;)
        range = layers_[i].endless_needed(range);
      most = std::max(most, range.size());
    }
    return most;
  }

 private:
  Index total(Index n) const {
    for (const TimeAxis& layer : layers_) n = layer.total(n);
    return n;
  }
  Index written(Index n) const {
    for (const TimeAxis& layer : layers_) n = layer.written(n);
    return n;
  }

  static bool has_input(const TimeAxis&, Index n) { return n > 0; }
  static bool is_steady(const TimeAxis& layer, Index n) { return layer.steady(n); }

  /// Whether `test(layer, frames)` holds for each layer behind `n` frames of the first.
  bool every(Index n, bool (*test)(const TimeAxis&, Index)) const {
    for (const TimeAxis& layer : layers_) {
      if (!test(layer, n)) return false;
      n = layer.written(n);
    }
    return true;
  }

  /// The smallest `n >= 1` for which `test` holds, as it does for all larger ones.
  template <class Test>
  static Index first_length(const Test& test) {
    Index fails = 0, holds = 1;
    while (!test(holds)) {
      fails = holds;
      holds *= 2;
    }
    while (holds - fails > 1) {
      const Index middle = fails + (holds - fails) / 2;
      (test(middle) ? holds : fails) = middle;
    }
    return holds;
  }

  std::span<const TimeAxis> layers_;
};

template <class Report>
Report report_of(std::span<const TimeAxis> layers) {
  const StreamChain chain(layers);
  const Index outputs = chain.strides(Direction::scatter);
  const Index frames = chain.strides(Direction::gather);
  const Index factor = std::gcd(outputs, frames);
  return {chain.latency(), outputs / factor, frames / factor, chain.receptive_field()};
}

}  // namespace tconv::inline TCONV_ISA::frontend
