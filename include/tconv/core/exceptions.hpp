#pragma once

/// \file
/// Exceptions, and what stands for them where they are off.

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tconv::core {

using ErrorHandler = void (*)(const char* message);

inline void print_and_abort(const char* message) {
  std::fprintf(stderr, "%s\n", message);
  std::abort();
}

inline std::atomic<ErrorHandler> error_handler = &print_and_abort;

#ifdef __cpp_exceptions

template <class Exception, class Message>
[[noreturn]] void fail(const Message& message) {
  throw Exception(message);
}

/// Calls `action()`, and `otherwise()` while an exception is handled that it has thrown.
template <class Action, class Otherwise>
void attempt(const Action& action, const Otherwise& otherwise) {
  try {
    action();
  } catch (...) {
    otherwise();
  }
}

#else

template <class Exception, class Message>
[[noreturn]] void fail(const Message& message) {
  error_handler.load()(message.c_str());
  std::abort();  // a handler must not return
}

template <class Action, class Otherwise>
void attempt(const Action& action, const Otherwise&) {
  action();
}

#endif

}  // namespace tconv::core
