#pragma once

/// \file
/// What the parts of a computation cost on a kind of machine.

#include <string_view>

#include "tconv/core/isa.hpp"
#include "tconv/runtime/processor.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Costs in cycles of one core. The unit is the time of two fused multiply-adds of a packet; what
/// matters is the ratio of the costs. The values here are older ones, found by hand with AVX-512 on
/// an AMD EPYC, of constants that a machine does not name.
struct Machine {
  // What the other ways do beside products, in shares of what their own constants say.
  double transforms = 1;  ///< of Winograd's transform
  double joins = 1;       ///< of sums of tap rows
  double lists = 1;       ///< of sums of listed terms

  double bookkeeping = 3000;  ///< of a call that lists no terms, before and between its work

  /// Of a packet from the third-level cache: of scratch beyond the second level, or of transformed
  /// weights.
  double third_level = 7;

  // The micro-kernel.
  double step_loads = 2;        ///< of a step, in loads, beside its operands
  double unaligned_load = 1.8;  ///< of a packet that may lie in two cache lines, in loads
  double latency = 4;           ///< of a sum, which a step waits for
  double line = 0.3;            ///< of a cache line of operands that the first level has lost
  double weight_line = 0.5;     ///< the same of weights in lanes, while others stream
  double panel_packet = 2;      ///< of a packet of a wide panel of weights that it has lost
  double call = 25;             ///< of one micro-tile, beside its steps
  double new_sum = 2;           ///< of a packet of sums
  double old_sum = 4;           ///< of one that another channel block has begun
  double crowding = 0.1;        ///< share of the products' time where scratch fills the cache

  // Pixels on their way to the micro-kernel.
  double plane = 30;           ///< of a plane of a window
  double row = 2;              ///< of a row
  double packet = 3;           ///< of a packet
  double crowded_packet = 3;   ///< more, where scratch fills the cache
  double distant_packet = 15;  ///< more, of an input that comes from memory
  double expected_packet = 6;  ///< the same, where it is read in the order of memory
  double strided_pixel = 0.6;  ///< of a pixel two to four from the last one
  double lonely_pixel = 2.5;   ///< of one further away
  double turned_row = 30;      ///< of the taps of one output, a channel
  double turned_pixel = 0.5;   ///< of one of its pixels
  double strip_pixel = 0.5;    ///< of one that is transposed before, from an image without rows
  double whole_pixel = 3;      ///< of one that is copied with its channels, beside their packets

  // Weights, and the tables of a tile.
  double weights = 5;           ///< of a packet of weights, for each tile
  double product = 100;         ///< of the tables of a product
  double offset = 1;            ///< of one step in them
  double chunk_leap = 6;        ///< of a row of weights that is packed for one call
  double chunk_taps = 8;        ///< of a packet of weights that are turned then
  double distant_weights = 15;  ///< of a packet that comes from memory then
  double distant_leap = 13;     ///< of a row then
  double distant_taps = 18;     ///< of a packet that is turned then

  // Results.
  double store_row = 10;         ///< of an output row
  double store_packet = 3;       ///< of a packet whose phases are interleaved in registers
  double store_blank = 1;        ///< of a packet that no input reaches
  double store_single = 1.2;     ///< of an output that is stored alone
  double store_turned = 0.5;     ///< of an output whose sums are turned
  double store_joined = 0.4;     ///< of an output that is stored with its neighbours as summed
  double store_scattered = 3;    ///< of one that is summed with its neighbours and stored alone
  double store_page = 300;       ///< of a page of a result that comes from memory
  double store_strip = 0.4;      ///< of an output that is transposed then, to an image without rows
  double store_whole_pixel = 4;  ///< of a pixel that is stored with its channels
  double store_whole_packet = 6;  ///< of a packet of them
};

/// Fitted on an Intel Xeon of 2023 (Sapphire Rapids) by `benchmarks/fit_machine`, as are the
/// others. By hand, from layers: `transforms`, `joins`, `third_level`, `weight_line`,
/// `panel_packet`, `weights` of AVX-512, `store_turned` of AVX2, and what the others do not name.
inline constexpr Machine avx512_machine{.transforms = 0.95,
                                        .third_level = 7,
                                        .step_loads = 0.4,
                                        .unaligned_load = 2.7,
                                        .latency = 4.4,
                                        .line = 0.12,
                                        .call = 40,
                                        .new_sum = 4.1,
                                        .old_sum = 1.4,
                                        .crowding = 0.14,
                                        .plane = 22,
                                        .row = 0.57,
                                        .crowded_packet = 4,
                                        .distant_packet = 4.2,
                                        .expected_packet = 6.9,
                                        .strided_pixel = 0.57,
                                        .lonely_pixel = 1.2,
                                        .turned_row = 68,
                                        .turned_pixel = 0.47,
                                        .weights = 5,
                                        .offset = 0.87,
                                        .store_row = 5.8,
                                        .store_packet = 4.8,
                                        .store_blank = 5,
                                        .store_single = 6,
                                        .store_turned = 0.65,
                                        .store_page = 500};

/// Fitted on an AMD EPYC of 2023 (Zen 4), which computes packets of 512 bits in halves: all but the
/// products takes half as many of their cycles. `third_level` was not measured there: it keeps the
/// choices that were.
inline constexpr Machine zen4_machine{.transforms = 0.5,
                                      .joins = 0.6,
                                      .lists = 0.5,
                                      .bookkeeping = 1500,
                                      .third_level = 1.8,
                                      .step_loads = 0.024,
                                      .unaligned_load = 1.7,
                                      .latency = 1.8,
                                      .line = 0.027,
                                      .weight_line = 0.01,
                                      .panel_packet = 1.2,
                                      .call = 20,
                                      .new_sum = 2.3,
                                      .old_sum = 1.6,
                                      .crowding = 0.0067,
                                      .plane = 13,
                                      .row = 1.3,
                                      .packet = 1.1,
                                      .crowded_packet = 0.19,
                                      .distant_packet = 3.2,
                                      .expected_packet = 1.7,
                                      .strided_pixel = 0.24,
                                      .lonely_pixel = 0.99,
                                      .turned_row = 25,
                                      .turned_pixel = 0.74,
                                      .strip_pixel = 0.25,
                                      .whole_pixel = 1.5,
                                      .weights = 0.98,
                                      .product = 477,
                                      .offset = 0.18,
                                      .store_row = 2.2,
                                      .store_packet = 1.5,
                                      .store_blank = 2,
                                      .store_single = 6.4,
                                      .store_turned = 0.32,
                                      .store_joined = 0.22,
                                      .store_page = 62,
                                      .store_strip = 0.2,
                                      .store_whole_pixel = 2,
                                      .store_whole_packet = 4};

/// The Xeon held to AVX2 and FMA. NEON and scalars with FMA have not been measured; what
/// their instructions do in a cycle is most like it.
inline constexpr Machine avx2_machine{.transforms = 0.9,
                                      .joins = 0.8,
                                      .third_level = 4,
                                      .step_loads = 0.12,
                                      .unaligned_load = 0.48,
                                      .latency = 4.3,
                                      .line = 0.081,
                                      .weight_line = 1.6,
                                      .call = 26,
                                      .new_sum = 1.7,
                                      .old_sum = 1.4,
                                      .crowding = 0.029,
                                      .plane = 19,
                                      .row = 2.5,
                                      .packet = 2.2,
                                      .crowded_packet = 1.2,
                                      .distant_packet = 2.8,
                                      .expected_packet = 6.8,
                                      .strided_pixel = 0.33,
                                      .lonely_pixel = 1.2,
                                      .weights = 2.2,
                                      .product = 120,
                                      .offset = 1.3,
                                      .store_row = 5.8,
                                      .store_packet = 2.5,
                                      .store_blank = 5.2,
                                      .store_turned = 0.9,
                                      .store_joined = 1.1,
                                      .store_page = 81};

/// Processors of AMD with AVX2: fitted on the Zen 4, but for `line`, `weight_line` and
/// `third_level`, which are by hand, from layers on a Zen 3.
inline constexpr Machine amd_avx2_machine{.transforms = 0.9,
                                          .joins = 0.8,
                                          .third_level = 0.7,
                                          .step_loads = 0.54,
                                          .unaligned_load = 2.1,
                                          .latency = 4.1,
                                          .line = 0.35,
                                          .weight_line = 0.6,
                                          .panel_packet = 1.4,
                                          .call = 29,
                                          .new_sum = 2.2,
                                          .old_sum = 1.4,
                                          .crowding = 0.0058,
                                          .plane = 28,
                                          .row = 3.7,
                                          .packet = 1.4,
                                          .crowded_packet = 0.48,
                                          .distant_packet = 4.9,
                                          .expected_packet = 1.7,
                                          .strided_pixel = 0.33,
                                          .lonely_pixel = 2.1,
                                          .turned_row = 50,
                                          .turned_pixel = 1.4,
                                          .weights = 1.1,
                                          .product = 574,
                                          .offset = 0.69,
                                          .store_row = 13,
                                          .store_packet = 0.92,
                                          .store_blank = 3.2,
                                          .store_single = 6,
                                          .store_turned = 1.4,
                                          .store_joined = 0.48,
                                          .store_page = 66};

/// Held to SSE2: a product and a sum are two instructions, and so the unit is twice as long.
inline constexpr Machine sse2_machine{.transforms = 0.48,
                                      .joins = 0.8,
                                      .lists = 0.5,
                                      .bookkeeping = 1500,
                                      .third_level = 1.1,
                                      .step_loads = 0.56,
                                      .unaligned_load = 0.84,
                                      .latency = 1.8,
                                      .line = 0.097,
                                      .panel_packet = 1.1,
                                      .call = 8.5,
                                      .new_sum = 0.82,
                                      .old_sum = 1.4,
                                      .crowding = 0.026,
                                      .plane = 14,
                                      .row = 0.56,
                                      .packet = 1,
                                      .crowded_packet = 0.95,
                                      .distant_packet = 3,
                                      .expected_packet = 1.3,
                                      .strided_pixel = 0.13,
                                      .lonely_pixel = 0.52,
                                      .weights = 1.1,
                                      .product = 120,
                                      .offset = 0.86,
                                      .store_row = 8.3,
                                      .store_packet = 0.89,
                                      .store_blank = 1.6,
                                      .store_single = 6,
                                      .store_turned = 0.96,
                                      .store_joined = 0.35,
                                      .store_page = 230};

/// Processors of AMD held to SSE2, by hand from layers on a Zen 3.
inline constexpr Machine amd_sse2_machine = [] {
  Machine machine = sse2_machine;
  machine.third_level = 0.6;
  machine.line = 0.2;
  machine.weight_line = 0.6;
  return machine;
}();

/// The machine of an instruction set by its name in `core/isa.hpp`.
constexpr Machine machine_of(std::string_view instruction_set) {
  if (instruction_set.starts_with("AVX-512")) return avx512_machine;
  const bool fuses =
      instruction_set == "AVX2" || instruction_set == "NEON" || instruction_set.ends_with("FMA");
  return fuses ? avx2_machine : sse2_machine;
}

/// That for which the code is compiled.
inline constexpr Machine compiled_machine = machine_of(TCONV_ISA_NAME);

/// That on which it runs.
inline const Machine& this_machine() {
  constexpr std::string_view compiled = TCONV_ISA_NAME;
  if (compiled.starts_with("AVX-512") && runtime::halves_wide_packets()) return zen4_machine;
  if (compiled == "AVX2" && runtime::is_amd()) return amd_avx2_machine;
  if (compiled.starts_with("SSE") && runtime::is_amd()) return amd_sse2_machine;
  return compiled_machine;
}

}  // namespace tconv::inline TCONV_ISA::engine
