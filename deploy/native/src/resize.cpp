#include <algorithm>
#include <cmath>

#include "picture.h"

namespace {

constexpr double CUBIC = -0.75;  // the sharpness of OpenCV's bicubic interpolation

/** What a new pixel takes from a row of old ones. */
struct Taps {
  int start;
  std::vector<float> weights;
};

/** The share of each pixel in the stretch that a new pixel covers. */
std::vector<Taps> averaging(int from, int to) {
  const double stretch = static_cast<double>(from) / to;
  std::vector<Taps> taps;
  for (int index = 0; index < to; ++index) {
    const double low = index * stretch, high = std::min<double>(from, (index + 1) * stretch);
    Taps tap{static_cast<int>(low), {}};
    for (int at = tap.start; at < high - 1e-6; ++at) {
      tap.weights.push_back(
          static_cast<float>((std::min<double>(high, at + 1) - std::max<double>(low, at)) / (high - low)));
    }
    taps.push_back(std::move(tap));
  }
  return taps;
}

/** Four neighbours; those past the border are the border's pixel. */
std::vector<Taps> cubic(int from, int to) {
  std::vector<Taps> taps;
  for (int index = 0; index < to; ++index) {
    const double middle = (index + 0.5) * from / to - 0.5;
    const int first = static_cast<int>(std::floor(middle)) - 1;
    const int start = std::clamp(first, 0, from - 1);
    Taps tap{start, std::vector<float>(std::clamp(first + 3, 0, from - 1) - start + 1)};
    for (int at = first; at < first + 4; ++at) {
      tap.weights[std::clamp(at, 0, from - 1) - start] += static_cast<float>(cubic_weight(std::abs(at - middle)));
    }
    taps.push_back(std::move(tap));
  }
  return taps;
}

}  // namespace

double cubic_weight(double d) {
  if (d <= 1) return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1;
  return d < 2 ? CUBIC * (((d - 5) * d + 8) * d - 4) : 0;
}

Picture resized(const Picture& picture, int width, int height) {
  if (picture.width == width && picture.height == height) return picture;
  const bool shrinks = picture.width > width || picture.height > height;
  const auto taps = shrinks ? averaging : cubic;
  const auto across = taps(picture.width, width);
  const auto down = taps(picture.height, height);
  std::vector<float> rows(3 * static_cast<std::size_t>(width) * picture.height);  // resized in width alone
  for (int y = 0; y < picture.height; ++y) {
    for (int at = 0; at < 3 * width; ++at) {
      const Taps& tap = across[at / 3];
      float sum = 0;
      for (std::size_t i = 0; i < tap.weights.size(); ++i) {
        sum +=
            tap.weights[i] * picture.data[3 * (static_cast<std::size_t>(y) * picture.width + tap.start + i) + at % 3];
      }
      rows[3 * static_cast<std::size_t>(y) * width + at] = sum;
    }
  }
  Picture result{width, height, std::vector<std::uint8_t>(3 * static_cast<std::size_t>(width) * height)};
  for (int y = 0; y < height; ++y) {
    for (int at = 0; at < 3 * width; ++at) {
      float sum = 0;
      for (std::size_t i = 0; i < down[y].weights.size(); ++i)
        sum += down[y].weights[i] * rows[3 * (down[y].start + i) * width + at];
      result.data[3 * static_cast<std::size_t>(y) * width + at] =
          static_cast<std::uint8_t>(std::lrint(std::clamp(sum, 0.0f, 255.0f)));
    }
  }
  return result;
}
