#pragma once

/// \file
/// Where a call writes: into a new tensor, or into memory of the caller. An algorithm asks one of
/// these for the place of its result, when all arguments are known to be right.

#include <array>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <type_traits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/views.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The memory of an argument, by its name.
struct NamedMemory {
  const char* name;
  const void* begin = nullptr;
  const void* end = nullptr;

  template <class Tensor>
  NamedMemory(const char* its_name, const Tensor& tensor) : name(its_name) {
    if constexpr (StoredTensor<Tensor> || StoredSlice<Tensor>) {
      const auto view = plain_view(tensor);
      begin = view.data;
      end = view.data + span_of(view);
    }
  }

  bool overlaps(const NamedMemory& other) const {
    const std::less<const void*> before;
    return before(begin, end) && before(other.begin, other.end) && before(begin, other.end) &&
           before(other.begin, end);
  }
};

/// What the result must not overlap.
using Inputs = std::initializer_list<NamedMemory>;

/// A new tensor for each result.
struct NewTensor {
  template <class, int>
  static consteval bool accepts() {
    return true;
  }

  /// The place of a result of the type `Tensor` and the given extents, in their own order.
  template <class Tensor, std::size_t rank>
  Tensor place(const char* function, const std::array<Index, rank>& shape, Inputs) const {
    checked_size<typename Tensor::Scalar, typename Tensor::Index>(shape, "the result", function);
    return make_tensor<Tensor>(shape);
  }
};

/// A tensor or map of the caller's, by the name it has in messages. `Out` is const if the caller's
/// object is.
template <class Out>
struct GivenTensor {
  using Plain = std::remove_const_t<Out>;

  Out& tensor;
  const char* name;

  template <class Like, int rank>
  static consteval bool accepts() {
    return check_output_like<Out, Like, rank>();
  }

  template <class, std::size_t rank>
  Out& place(const char* function, const std::array<Index, rank>& shape, Inputs inputs) const {
    checked_size<tensor_scalar<Plain>, tensor_index<Plain>>(shape, "the result", function);
    if constexpr (StoredSlice<Plain>) check_slice(tensor, name, function);
    const std::array<Index, rank> own = extents_of(tensor);
    require(own == shape, function, name, " has shape ", own, ", but the result has ", shape);
    for (const NamedMemory& input : inputs)
      require(!NamedMemory(name, tensor).overlaps(input), function, name, " overlaps ", input.name,
              " in memory, but must not");
    return tensor;
  }
};
template <class Out>
GivenTensor(Out&, const char*) -> GivenTensor<Out>;

/// The same, or a slice of one: an image that is written through its view.
template <class Out>
struct GivenImage : GivenTensor<Out> {
  GivenImage(Out& out, const char* its_name) : GivenTensor<Out>{out, its_name} {}

  template <class Like, int rank>
  static consteval bool accepts() {
    return check_output_like<Out, Like, rank, true>();
  }
};

}  // namespace tconv::inline TCONV_ISA::frontend
