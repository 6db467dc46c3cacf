#pragma once

/// \file
/// The plans of earlier calls.

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"

namespace tconv::runtime {

/// An address that no other type has.
template <class T>
inline constexpr char type_tag = 0;

/// Remembers the plans that were asked for most recently. To find one allocates nothing.
class PlanCache {
 public:
  static constexpr std::size_t max_plans = 1024;

  /// The plan remembered under `key`, or the one that `make()` returns a shared pointer to. Valid
  /// until as many others have been asked for. Plans of different types may have equal keys.
  template <class Plan, std::size_t size, class Make>
  const Plan& find(const std::array<Index, size>& key, const Make& make) {
    return *static_cast<const Plan*>(find_shared<Plan>(key, make).get());
  }

  /// The same, which stays valid for as long as the pointer does.
  template <class Plan, std::size_t size, class Make>
  const std::shared_ptr<const void>& find_shared(const std::array<Index, size>& key,
                                                 const Make& make) {
    const char* const type = &type_tag<Plan>;
    const std::size_t hash = hash_of(key, type);
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto i = first; i != last; ++i)
      if (const auto entry = i->second;
          entry->type == type &&
          std::equal(entry->key.begin(), entry->key.end(), key.begin(), key.end())) {
        entries_.splice(entries_.begin(), entries_, entry);
        return entry->plan;
      }
    std::shared_ptr<const Plan> plan = make();
    entries_.push_front({type, hash, {key.begin(), key.end()}, std::move(plan)});
    by_hash_.emplace(hash, entries_.begin());
    if (entries_.size() > max_plans) forget_oldest();
    return entries_.front().plan;
  }

  void clear() {
    by_hash_.clear();
    entries_.clear();
  }

 private:
  struct Entry {
    const char* type;
    std::size_t hash;
    std::vector<Index> key;
    std::shared_ptr<const void> plan;
  };
  using Entries = std::list<Entry>;

  /// FNV-1a by whole numbers: http://www.isthe.com/chongo/tech/comp/fnv
  template <std::size_t size>
  static std::size_t hash_of(const std::array<Index, size>& key, const char* type) {
    std::size_t hash = std::hash<const char*>{}(type);
    for (const Index number : key)
      hash = (hash ^ static_cast<std::size_t>(number)) * static_cast<std::size_t>(1099511628211U);
    return hash;
  }

  void forget_oldest() {
    const auto oldest = std::prev(entries_.end());
    const auto [first, last] = by_hash_.equal_range(oldest->hash);
    for (auto i = first; i != last; ++i)
      if (i->second == oldest) {
        by_hash_.erase(i);
        break;
      }
    entries_.erase(oldest);
  }

  Entries entries_;  // the most recent first
  std::unordered_multimap<std::size_t, Entries::iterator> by_hash_;
};

}  // namespace tconv::runtime
