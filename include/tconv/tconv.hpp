#pragma once

/// \file
/// The whole library, in reading order.

#include "tconv/conv.hpp"
#include "tconv/conv_transpose.hpp"
#include "tconv/geometry.hpp"
#include "tconv/kernel2matrix.hpp"
#include "tconv/layer.hpp"
#include "tconv/options.hpp"
#include "tconv/scatter.hpp"
#include "tconv/sparse.hpp"
#include "tconv/tensor.hpp"
#include "tconv/textbook.hpp"
#include "tconv/upsample.hpp"
#include "tconv/workspace.hpp"
