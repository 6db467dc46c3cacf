#pragma once

/// \file
/// The one way to reject an argument, and index arithmetic that cannot wrap around.

#include <concepts>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tconv/core/eigen.hpp"

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
  if (!ok) throw std::invalid_argument(message(function, parts...));
}

/// Index arithmetic that throws `std::length_error` where the result does not fit. `function` is
/// the public function on whose behalf it computes.
class CheckedIndex {
 public:
  constexpr CheckedIndex(Index value, const char* function) : value_(value), function_(function) {}
  constexpr operator Index() const { return value_; }

  constexpr CheckedIndex operator+(std::convertible_to<Index> auto other) const {
    const Index b = other;
    if (b > 0 ? value_ > max - b : value_ < min - b) overflow();
    return {value_ + b, function_};
  }
  constexpr CheckedIndex operator-(std::convertible_to<Index> auto other) const {
    const Index b = other;
    if (b > 0 ? value_ < min + b : value_ > max + b) overflow();
    return {value_ - b, function_};
  }
  constexpr CheckedIndex operator*(std::convertible_to<Index> auto other) const {
    const Index b = other;
    if (value_ != 0 && b != 0) {
      const bool same_sign = (value_ > 0) == (b > 0);
      const bool fits = same_sign ? (value_ > 0 ? value_ <= max / b : value_ >= max / b)
                                  : (value_ > 0 ? b >= min / value_ : value_ >= min / b);
      if (!fits) overflow();
    }
    return {value_ * b, function_};
  }

 private:
  static constexpr Index max = std::numeric_limits<Index>::max();
  static constexpr Index min = std::numeric_limits<Index>::min();

  [[noreturn]] void overflow() const {
    throw std::length_error(message(function_, "the extents of the result overflow"));
  }

  Index value_;
  const char* function_;
};

}  // namespace tconv::core
