#pragma once

/// \file
/// The one way to reject an argument, and index arithmetic that cannot wrap around.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>

#include "tconv/core/eigen.hpp"
#include "tconv/core/exceptions.hpp"

namespace tconv::core {

/// A piece of a message: text, a number or a shape, `(2, 3, 4)`. Text is made only where there is
/// something to report, by one function for all messages.
class MessagePart {
 public:
  constexpr MessagePart(const char* text) : text_(text) {}
  template <std::integral Number>
  constexpr MessagePart(Number number) : index_(static_cast<Index>(number)) {}
  template <std::floating_point Number>
  constexpr MessagePart(Number number) : real_(static_cast<double>(number)), is_real_(true) {}
  /// `shape` must stay.
  template <std::size_t rank>
  constexpr MessagePart(const std::array<Index, rank>& shape)
      : shape_(shape.data()), shape_size_(rank) {}

  [[gnu::cold]] void append_to(std::string& message) const {
    if (text_) {
      message += text_;
    } else if (shape_) {
      for (std::size_t a = 0; a < shape_size_; ++a)
        message.append(a == 0 ? "(" : ", ").append(std::to_string(shape_[a]));
      message += ')';
    } else if (is_real_) {
      std::array<char, 32> digits;
      std::snprintf(digits.data(), digits.size(), "%g", real_);
      message += digits.data();
    } else {
      message += std::to_string(index_);
    }
  }

 private:
  const char* text_ = nullptr;
  const Index* shape_ = nullptr;
  std::size_t shape_size_ = 0;
  Index index_ = 0;
  double real_ = 0;
  bool is_real_ = false;
};

/// Throws an exception with the message "tconv::function: parts...".
template <class Exception>
[[noreturn]] [[gnu::cold]] [[gnu::noinline]] void reject(const char* function,
                                                         std::initializer_list<MessagePart> parts) {
  std::string message = std::string("tconv::") + function + ": ";
  for (const MessagePart& part : parts) part.append_to(message);
  fail<Exception>(message);
}

/// Throws `std::invalid_argument` with "tconv::function: parts..." unless `ok`.
template <class... Parts>
constexpr void require(bool ok, const char* function, const Parts&... parts) {
  if (!ok) reject<std::invalid_argument>(function, {MessagePart(parts)...});
}

/// Index arithmetic that notices where a result does not fit. The value can only be had with the
/// words that tell the caller so.
class CheckedIndex {
 public:
  constexpr CheckedIndex(Index value) : value_(value) {}

  /// The value. \throws std::length_error with "tconv::function: parts..." if it does not fit, or
  /// exceeds `largest`
  template <class... Parts>
  constexpr Index at_most(Index largest, const char* function, const Parts&... parts) const {
    if (!fits_ || value_ > largest) reject<std::length_error>(function, {MessagePart(parts)...});
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
