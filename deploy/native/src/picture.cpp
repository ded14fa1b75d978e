#include "picture.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "failure.h"
#include "orientation.h"

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_MAX_DIMENSIONS 32768
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

namespace {

constexpr long long MOST_PIXELS = 50'000'000;
constexpr double GREY = 2;  // levels between channels, on average, below which a picture has no colours
constexpr float LUMA[] = {0.299f, 0.587f, 0.114f};

/** …ba|ab…yz|zy…: past the border the way back, the border's own value twice. */
int reflected(int at, int length) {
  const int around = ((at % (2 * length)) + 2 * length) % (2 * length);
  return around < length ? around : 2 * length - 1 - around;
}

}  // namespace

Picture read_picture(const std::filesystem::path& path) {
  int width = 0, height = 0, channels = 0;
  const std::string name = path.string();
  if (!stbi_info(name.c_str(), &width, &height, &channels))
    throw Failure(name + " is not a PNG or JPEG picture. Convert it to one");
  if (static_cast<long long>(width) * height > MOST_PIXELS) {
    throw Failure(name + " has " + std::to_string(width) + "x" + std::to_string(height) +
                  " pixels. Take a smaller picture, 50 million pixels at most");
  }
  const std::unique_ptr<std::uint8_t, void (*)(void*)> pixels(stbi_load(name.c_str(), &width, &height, &channels, 3),
                                                              stbi_image_free);
  if (!pixels) throw Failure(name + " is damaged (" + stbi_failure_reason() + "). Save it again as PNG");
  Picture picture{width, height, {pixels.get(), pixels.get() + 3 * static_cast<std::size_t>(width) * height}};
  return upright(std::move(picture), orientation_of(path));
}

void write_picture(const std::filesystem::path& path, const Picture& picture) {
  if (!stbi_write_png(path.string().c_str(), picture.width, picture.height, 3, picture.data.data(),
                      3 * picture.width)) {
    throw Failure(path.string() + " cannot be written. Choose another folder with --output");
  }
}

Box middle_square(const Picture& picture) {
  const int side = std::min(picture.width, picture.height);
  const int left = (picture.width - side) / 2, top = (picture.height - side) / 2;
  return {left, top, left + side, top + side};
}

Picture cropped(const Picture& picture, const Box& box) {
  const int width = box[2] - box[0], height = box[3] - box[1];
  Picture part{width, height, std::vector<std::uint8_t>(3 * static_cast<std::size_t>(width) * height)};
  auto to = part.data.begin();
  for (int y = box[1]; y < box[3]; ++y) {
    const auto line = picture.data.begin() + 3 * static_cast<std::size_t>(reflected(y, picture.height)) * picture.width;
    for (int x = box[0]; x < box[2]; ++x) to = std::copy_n(line + 3 * reflected(x, picture.width), 3, to);
  }
  return part;
}

bool is_grey(const Picture& picture) {
  double apart = 0;
  for (std::size_t at = 0; at < picture.data.size(); at += 3) {
    const auto [low, high] = std::minmax({picture.data[at], picture.data[at + 1], picture.data[at + 2]});
    apart += high - low;
  }
  return apart / (picture.data.size() / 3) < GREY;
}

void take_colours_out(std::vector<float>& batch) {
  const std::size_t plane = batch.size() / 3;
  for (std::size_t at = 0; at < plane; ++at) {
    float& red = batch[at];
    red = LUMA[0] * red + LUMA[1] * batch[plane + at] + LUMA[2] * batch[2 * plane + at];
    batch[plane + at] = batch[2 * plane + at] = red;
  }
}

std::vector<float> to_batch(const Picture& picture) {
  const std::size_t plane = static_cast<std::size_t>(picture.width) * picture.height;
  std::vector<float> batch(3 * plane);
  for (std::size_t at = 0; at < 3 * plane; ++at) batch[at % 3 * plane + at / 3] = picture.data[at] / 255.0f;
  return batch;
}

Picture to_picture(const float* batch, int width, int height) {
  const std::size_t plane = static_cast<std::size_t>(width) * height;
  Picture picture{width, height, std::vector<std::uint8_t>(3 * plane)};
  for (std::size_t at = 0; at < 3 * plane; ++at) {
    const float level = batch[at % 3 * plane + at / 3] * 255.0f;
    picture.data[at] = static_cast<std::uint8_t>(std::lrint(std::clamp(level, 0.0f, 255.0f)));
  }
  return picture;
}
