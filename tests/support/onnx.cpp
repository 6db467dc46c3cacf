#include "support/onnx.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

namespace support::onnx {

namespace {

/// One field of a protobuf message: a number, or bytes.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
  std::string_view bytes;
};

std::uint64_t take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (in.empty()) throw std::runtime_error("truncated varint");
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 127) << shift;
    if (byte < 128) return value;
  }
  throw std::runtime_error("overlong varint");
}

std::vector<Field> fields(std::string_view message) {
  std::vector<Field> result;
  while (!message.empty()) {
    const std::uint64_t key = take_varint(message);
    Field field{key >> 3, 0, {}};
    std::size_t size = 0;
    switch (key & 7) {
      case 0:
        field.value = take_varint(message);
        break;
      case 1:
        size = 8;
        break;
      case 2:
        size = take_varint(message);
        break;
      case 5:
        size = 4;
        break;
      default:
        throw std::runtime_error("unknown wire type");
    }
    if (size > message.size()) throw std::runtime_error("truncated field");
    field.bytes = message.substr(0, size);
    message.remove_prefix(size);
    result.push_back(field);
  }
  return result;
}

/// A repeated integer may come packed or one by one.
void append_integers(const Field& field, std::vector<std::int64_t>& to) {
  if (field.bytes.empty()) {
    to.push_back(static_cast<std::int64_t>(field.value));
    return;
  }
  for (std::string_view rest = field.bytes; !rest.empty();)
    to.push_back(static_cast<std::int64_t>(take_varint(rest)));
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class Scalar>
std::vector<float> numbers(std::string_view bytes) {
  std::vector<Scalar> elements(bytes.size() / sizeof(Scalar));
  std::memcpy(elements.data(), bytes.data(), elements.size() * sizeof(Scalar));
  std::vector<float> result;
  for (const Scalar element : elements) result.push_back(static_cast<float>(element));
  return result;
}

Tensor read_tensor(const std::filesystem::path& path) {
  const std::string data = read(path);
  Tensor tensor;
  std::uint64_t type = 0;
  std::string_view bytes;
  for (const Field& field : fields(data)) {
    if (field.number == 1) append_integers(field, tensor.shape);
    if (field.number == 2) type = field.value;
    if (field.number == 4 || field.number == 9) bytes = field.bytes;  // float_data, or raw_data
  }
  if (type == 1)
    tensor.values = numbers<float>(bytes);
  else if (type == 2)
    tensor.values = numbers<std::uint8_t>(bytes);
  else if (type == 3)
    tensor.values = numbers<std::int8_t>(bytes);
  else if (type == 6)
    tensor.values = numbers<std::int32_t>(bytes);
  else
    throw std::runtime_error("neither a float tensor nor one of integers: " + path.string());
  return tensor;
}

void read_attribute(std::string_view message, NodeCase& node) {
  std::string name;
  for (const Field& field : fields(message)) {
    if (field.number == 1) name = field.bytes;
    if (field.number == 3 || field.number == 8) append_integers(field, node.integers[name]);
    if (field.number == 4) node.strings[name] = field.bytes;
  }
}

}  // namespace

NodeCase read_node_case(const std::filesystem::path& folder) {
  NodeCase node;
  const std::string model = read(folder / "model.onnx");
  for (const Field& in_model : fields(model)) {
    if (in_model.number != 7) continue;  // graph
    for (const Field& in_graph : fields(in_model.bytes)) {
      if (in_graph.number != 1) continue;  // node
      for (const Field& in_node : fields(in_graph.bytes)) {
        if (in_node.number == 4) node.op_type = in_node.bytes;
        if (in_node.number == 5) read_attribute(in_node.bytes, node);
      }
    }
  }
  const auto set = folder / "test_data_set_0";
  for (int i = 0;; ++i) {
    const auto input = set / ("input_" + std::to_string(i) + ".pb");
    if (!std::filesystem::exists(input)) break;
    node.inputs.push_back(read_tensor(input));
  }
  node.output = read_tensor(set / "output_0.pb");
  return node;
}

}  // namespace support::onnx
