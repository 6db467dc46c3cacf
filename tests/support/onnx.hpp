#pragma once

/// \file
/// Reads ONNX node test cases: a model of one node, its inputs and its output. Only the fields of
/// the protobuf messages that Conv, ConvTranspose and their kin use.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace support::onnx {

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

struct NodeCase {
  std::string op_type;
  std::map<std::string, std::vector<std::int64_t>> integers;  // attributes
  std::map<std::string, std::string> strings;
  std::vector<Tensor> inputs;
  Tensor output;

  std::vector<std::int64_t> get(const std::string& name, std::vector<std::int64_t> fallback) const {
    const auto found = integers.find(name);
    return found == integers.end() ? fallback : found->second;
  }
};

/// Throws `std::runtime_error` on a file that is not what it should be.
NodeCase read_node_case(const std::filesystem::path& folder);

}  // namespace support::onnx
