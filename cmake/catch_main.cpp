// Catch2's own main, version 2.13, where the installed one is for another machine.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
