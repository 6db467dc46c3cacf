#pragma once

/// \file
/// References to callables.

#include <concepts>

namespace tconv::core {

template <class Signature>
class FunctionRef;

/// Refers to a callable for as long as it lives, as C++26's `std::function_ref` does. What takes
/// one is compiled once, whatever it is given.
template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <class F>
  requires(!std::same_as<F, FunctionRef>) FunctionRef(const F& f)
      : f_(&f), call_([](const void* referred, Arguments... arguments) -> Result {
          return (*static_cast<const F*>(referred))(arguments...);
        }) {}

  Result operator()(Arguments... arguments) const { return call_(f_, arguments...); }

 private:
  const void* f_;
  Result (*call_)(const void* f, Arguments... arguments);
};

}  // namespace tconv::core
