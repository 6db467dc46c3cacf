#pragma once

namespace support {

/// How often this thread has called `operator new`. Eigen's own allocator is not counted; its
/// `set_is_malloc_allowed` watches that one.
long allocations();

}  // namespace support
