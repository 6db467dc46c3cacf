#pragma once

/// \file
/// The whole library, in reading order.

// clang-format off
#include "tconv/options.hpp"
#include "tconv/geometry.hpp"
#include "tconv/textbook.hpp"
#include "tconv/kernel2matrix.hpp"
#include "tconv/scatter.hpp"
#include "tconv/sparse.hpp"
#include "tconv/conv.hpp"
#include "tconv/conv_transpose.hpp"
#include "tconv/workspace.hpp"
#include "tconv/build.hpp"
#include "tconv/layer.hpp"
#include "tconv/gradients.hpp"
#include "tconv/linear_operator.hpp"
#include "tconv/upsample.hpp"
#include "tconv/upsample_conv.hpp"
#include "tconv/window.hpp"
#include "tconv/stream.hpp"
// clang-format on
