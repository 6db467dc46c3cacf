#pragma once

namespace support {

/// How often this thread has called `operator new`. Eigen's own allocator is not counted; its
/// `set_is_malloc_allowed` watches that one.
long allocations();

/// Lets one call of `operator new` on this thread fail, behind `count` others. None if negative.
void fail_allocation(long count);
/// Whether the one that should fail is still to come.
bool failure_pending();

}  // namespace support
