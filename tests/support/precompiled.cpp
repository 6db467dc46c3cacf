// The headers of this file are compiled for all tests: CMake includes them.
