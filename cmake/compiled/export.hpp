#pragma once

// What tconv::compiled exports; the rest of the library is hidden.
#if defined(__GNUC__)
#define TCONV_EXPORT __attribute__((visibility("default")))
#else
#define TCONV_EXPORT
#endif
