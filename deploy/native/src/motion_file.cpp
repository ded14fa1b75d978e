#include "motion_file.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "failure.h"

namespace {

using Json = nlohmann::json;

constexpr std::uintmax_t MOST_BYTES = 256u << 20;
constexpr std::uint64_t MOST_HEADER_BYTES = 1u << 20;
const char* const FORMAT = "fom-motion-1";

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian numbers");

struct Tensor {
  std::string type;
  std::vector<std::size_t> shape;
  const char* data;
  std::size_t bytes;
};

/** A safetensors file: its header, and tensors that lie inside the file. */
class Archive {
 public:
  explicit Archive(const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error || size < 8 || size > MOST_BYTES) throw Failure("it is not a file of 8 bytes to 256 MiB");
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes_.size() < 8) throw Failure("it cannot be read");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), sizeof length);
    if (length > MOST_HEADER_BYTES || length > bytes_.size() - 8) throw Failure("it is not in the safetensors format");
    const char* begin = bytes_.data() + 8;
    header_ = Json::parse(begin, begin + length, nullptr, false);
    if (!header_.is_object()) throw Failure("it is not in the safetensors format");
    data_ = begin + length;
  }

  const Json& header() const { return header_; }
  bool has(const char* name) const { return header_.contains(name); }

  /** A tensor, all of which lies in the file and has the size that its shape tells. */
  Tensor at(const char* name) const {
    const Json& entry = header_.at(name);
    const auto offsets = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
    const std::size_t room = bytes_.size() - static_cast<std::size_t>(data_ - bytes_.data());
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > room) {
      throw Failure(std::string(name) + " lies outside the file");
    }
    Tensor tensor{entry.at("dtype").get<std::string>(), entry.at("shape").get<std::vector<std::size_t>>(),
                  data_ + offsets[0], static_cast<std::size_t>(offsets[1] - offsets[0])};
    std::size_t count = width(tensor.type);
    for (const std::size_t side : tensor.shape) {
      if (side == 0 || count > tensor.bytes / side) throw Failure(std::string(name) + " is not as large as its shape");
      count *= side;
    }
    if (count != tensor.bytes) throw Failure(std::string(name) + " is not as large as its shape");
    return tensor;
  }

 private:
  static std::size_t width(const std::string& type) {
    if (type == "F32") return 4;
    if (type == "F16") return 2;
    if (type == "BOOL") return 1;
    throw Failure("its numbers are " + type + ", not F16 or F32");
  }

  std::vector<char> bytes_;
  Json header_;
  const char* data_ = nullptr;
};

float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? std::nanf("") : sign * INFINITY;
  const float size =
      exponent ? std::ldexp(1024.0f + fraction, exponent - 25) : std::ldexp(static_cast<float>(fraction), -24);
  return sign * size;
}

std::vector<float> numbers(const Tensor& tensor, const std::vector<std::size_t>& shape, const char* name) {
  if (tensor.shape != shape) throw Failure(std::string(name) + " has an unexpected shape");
  std::vector<float> values;
  if (tensor.type == "F32") {
    values.resize(tensor.bytes / 4);
    std::memcpy(values.data(), tensor.data, tensor.bytes);
  } else if (tensor.type == "F16") {
    std::vector<std::uint16_t> halves(tensor.bytes / 2);
    std::memcpy(halves.data(), tensor.data, tensor.bytes);
    values.reserve(halves.size());
    for (const std::uint16_t half : halves) values.push_back(half_to_float(half));
  } else {
    throw Failure(std::string(name) + " holds no numbers");
  }
  for (const float value : values) {
    if (!std::isfinite(value)) throw Failure(std::string(name) + " holds something that is no number");
  }
  return values;
}

std::vector<Keypoints> keypoints(const Archive& archive, const char* value_name, const char* jacobian_name,
                                 std::size_t count, std::size_t points) {
  const auto value = numbers(archive.at(value_name), {count, points, 2}, value_name);
  std::vector<float> jacobian;
  if (archive.has(jacobian_name)) jacobian = numbers(archive.at(jacobian_name), {count, points, 2, 2}, jacobian_name);
  std::vector<Keypoints> frames(count);
  for (std::size_t t = 0; t < count; ++t) {
    frames[t].value.assign(value.begin() + 2 * points * t, value.begin() + 2 * points * (t + 1));
    if (!jacobian.empty())
      frames[t].jacobian.assign(jacobian.begin() + 4 * points * t, jacobian.begin() + 4 * points * (t + 1));
  }
  return frames;
}

Motion parsed(const Archive& archive) {
  const Json& about = archive.header().at("__metadata__");
  if (about.value("format", "") != FORMAT) throw Failure(std::string("it is not of the format ") + FORMAT);
  const std::string text = about.at("motion").get<std::string>();
  const Json told = Json::parse(text, nullptr, false);
  if (!told.is_object()) throw Failure("it does not tell its rate and its model");
  Motion motion;
  motion.model = told.at("model").get<std::string>();
  motion.fps = told.at("fps").get<double>();
  if (!(motion.fps >= 1 && motion.fps <= 1000)) throw Failure("its rate is not between 1 and 1000 frames a second");
  const Tensor value = archive.at("value");
  if (value.shape.size() != 3 || value.shape[2] != 2) throw Failure("value has an unexpected shape");
  const std::size_t count = value.shape[0], points = value.shape[1];
  motion.frames = keypoints(archive, "value", "jacobian", count, points);
  if (archive.has("neutral")) motion.neutral = keypoints(archive, "neutral", "neutral_jacobian", 1, points).front();
  if (motion.neutral && motion.neutral->jacobian.size() != motion.frames.front().jacobian.size()) {
    throw Failure("its pose at rest has no jacobians");
  }
  if (archive.has("seen")) {
    const Tensor seen = archive.at("seen");
    if (seen.type != "BOOL" || seen.bytes != count) throw Failure("seen is not one mark for each frame");
    for (std::size_t t = 0; t < count; ++t) motion.seen.push_back(seen.data[t] != 0);
  }
  return motion;
}

}  // namespace

Motion read_motion(const std::filesystem::path& path) {
  try {
    return parsed(Archive(path));
  } catch (const Failure& failure) {
    throw Failure(path.string() + " is not a motion file: " + failure.what() +
                  ". Make one with: fom motion VIDEO --output FILE");
  } catch (const nlohmann::json::exception&) {
    throw Failure(path.string() +
                  " is not a motion file: its header lacks something. Make one with: fom motion VIDEO --output FILE");
  }
}
