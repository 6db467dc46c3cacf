#pragma once

/// \file
/// The one way to reject an argument, and index arithmetic that cannot wrap around.

#include <array>
#include <cstddef>
#include <limits>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tconv/core/eigen.hpp"
#include "tconv/core/exceptions.hpp"

namespace tconv::core {

template <class... Parts>
std::string message(const char* function, const Parts&... parts) {
  std::ostringstream text;
  text << "tconv::" << function << ": ";
  (text << ... << parts);
  return text.str();
}

/// Throws `std::invalid_argument` with "tconv::function: parts..." unless `ok`.
template <class... Parts>
constexpr void require(bool ok, const char* function, const Parts&... parts) {
  if (!ok) fail<std::invalid_argument>(message(function, parts...));
}

/// A shape in a message, `(2, 3, 4)`. Text is made only where there is something to report.
template <std::size_t rank>
struct ShapeText {
  const std::array<Index, rank>& shape;

  friend std::ostream& operator<<(std::ostream& text, const ShapeText& s) {
    for (std::size_t a = 0; a < rank; ++a) text << (a == 0 ? "(" : ", ") << s.shape[a];
    return text << ")";
  }
};
template <std::size_t rank>
ShapeText(const std::array<Index, rank>&) -> ShapeText<rank>;

/// Index arithmetic that notices where a result does not fit. The value can only be had with the
/// words that tell the caller so.
class CheckedIndex {
 public:
  constexpr CheckedIndex(Index value) : value_(value) {}

  /// The value. \throws std::length_error with "tconv::function: parts..." if it does not fit, or
  /// exceeds `largest`
  template <class... Parts>
  constexpr Index at_most(Index largest, const char* function, const Parts&... parts) const {
    if (!fits_ || value_ > largest) fail<std::length_error>(message(function, parts...));
    return value_;
  }
  template <class... Parts>
  constexpr Index get(const char* function, const Parts&... parts) const {
    return at_most(max, function, parts...);
  }

  friend constexpr CheckedIndex operator+(const CheckedIndex& a, const CheckedIndex& b) {
    const bool fits = b.value_ > 0 ? a.value_ <= max - b.value_ : a.value_ >= min - b.value_;
    return {fits ? a.value_ + b.value_ : 0, a.fits_ && b.fits_ && fits};
  }
  friend constexpr CheckedIndex operator-(const CheckedIndex& a, const CheckedIndex& b) {
    const bool fits = b.value_ > 0 ? a.value_ >= min + b.value_ : a.value_ <= max + b.value_;
    return {fits ? a.value_ - b.value_ : 0, a.fits_ && b.fits_ && fits};
  }
  friend constexpr CheckedIndex operator*(const CheckedIndex& a, const CheckedIndex& b) {
    const bool fits = product_fits(a.value_, b.value_);
    return {fits ? a.value_ * b.value_ : 0, a.fits_ && b.fits_ && fits};
  }

 private:
  static constexpr Index max = std::numeric_limits<Index>::max();
  static constexpr Index min = std::numeric_limits<Index>::min();

  constexpr CheckedIndex(Index value, bool fits) : value_(value), fits_(fits) {}

  static constexpr bool product_fits(Index a, Index b) {
    if (a == 0 || b == 0) return true;
    const bool same_sign = (a > 0) == (b > 0);
    return same_sign ? (a > 0 ? a <= max / b : a >= max / b)
                     : (a > 0 ? b >= min / a : a >= min / b);
  }

  Index value_;
  bool fits_ = true;
};

}  // namespace tconv::core
