#include "composer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "folds.h"

namespace {

constexpr float PAINTS = 1.0f / 512;  // share of the network's pixels from which they can be seen
constexpr int PHASES = 1024;          // places between two pixels that are told apart
constexpr int ONE = 2048;             // so that 255 levels times two weights fit in 32 bits
constexpr int HALF_A_LEVEL = ONE * ONE / 2;

using Weights = std::array<int, 4>;  // of four neighbours, in parts of ONE

/** For each of PHASES places between the middle two. */
const std::vector<Weights>& cubic_table() {
  static const std::vector<Weights> table = [] {
    std::vector<Weights> made;
    for (int phase = 0; phase <= PHASES; ++phase) {
      const double t = static_cast<double>(phase) / PHASES;
      Weights weights;
      int rest = ONE;
      for (int tap = 0; tap < 4; ++tap)
        rest -= weights[tap] = static_cast<int>(std::lround(ONE * cubic_weight(std::abs(tap - 1 - t))));
      weights[t < 0.5 ? 1 : 2] += rest;
      made.push_back(weights);
    }
    return made;
  }();
  return table;
}

/** Four neighbours of a place in a line, and their weights. */
struct Neighbours {
  int first;
  const Weights& weights;

  static Neighbours of(double place) {
    const double low = std::floor(place);
    return {static_cast<int>(low) - 1, cubic_table()[static_cast<int>(std::lround((place - low) * PHASES))]};
  }
};

/** A flow on the pixels of a row, linear between the cells' middles. */
class Row {
 public:
  Row(const Canvas& canvas, const std::vector<float>& flow, int row) : canvas_(canvas), line_(3 * canvas.columns) {
    const double place = within((row - canvas.top + 0.5) / canvas.cell - 0.5, canvas.rows);
    const std::size_t above = static_cast<std::size_t>(place);
    const std::size_t below = std::min<std::size_t>(above + 1, canvas.rows - 1);
    const auto share = static_cast<float>(place - above);
    for (std::size_t at = 0; at < line_.size(); ++at) {
      const float value = flow[above * line_.size() + at];
      line_[at] = value + share * (flow[below * line_.size() + at] - value);
    }
  }

  /** x, y and the network's share at a column of the picture. */
  std::array<float, 3> at(int column) const {
    const double place = within((column - canvas_.left + 0.5) / canvas_.cell - 0.5, canvas_.columns);
    const int low = static_cast<int>(place), high = std::min(low + 1, canvas_.columns - 1);
    const auto share = static_cast<float>(place - low);
    std::array<float, 3> result;
    for (int i = 0; i < 3; ++i) result[i] = line_[3 * low + i] + share * (line_[3 * high + i] - line_[3 * low + i]);
    return result;
  }

 private:
  static double within(double place, int count) { return std::clamp(place, 0.0, count - 1.0); }

  const Canvas& canvas_;
  std::vector<float> line_;
};

using Border = int (*)(int at, int length);

int held(int at, int length) {
  return std::clamp(at, 0, length - 1);
}

/** The colour at a place of a picture, bicubic. */
std::array<int, 3> sampled(const Picture& picture, double x, double y, Border border) {
  const auto across = Neighbours::of(x), down = Neighbours::of(y);
  std::array<int, 3> sums{HALF_A_LEVEL, HALF_A_LEVEL, HALF_A_LEVEL};
  std::array<int, 4> columns;
  for (int tap = 0; tap < 4; ++tap) columns[tap] = 3 * border(across.first + tap, picture.width);
  for (int tap = 0; tap < 4; ++tap) {
    const auto* line =
        &picture.data[3 * static_cast<std::size_t>(border(down.first + tap, picture.height)) * picture.width];
    for (int channel = 0; channel < 3; ++channel) {
      int sum = 0;
      for (int i = 0; i < 4; ++i) sum += across.weights[i] * line[columns[i] + channel];
      sums[channel] += down.weights[tap] * sum;
    }
  }
  for (int& sum : sums) sum = std::clamp(sum / (ONE * ONE), 0, 255);
  return sums;
}

}  // namespace

Composer::Composer(const Picture& picture, const Box& crop, const Canvas& canvas)
    : picture_(picture), crop_(crop), canvas_(canvas) {}

Picture Composer::compose(const std::vector<float>& flow, const Picture& painted) const {
  Picture frame = picture_;
  const auto [left, top, right, bottom] = canvas_.rect;
  for (int y = top; y < bottom; ++y) {
    const Row row(canvas_, flow, y);
    for (int x = left; x < right; ++x) {
      const auto [away_x, away_y, share] = row.at(x);
      if (away_x == 0 && away_y == 0) continue;
      const auto colour = sampled(picture_, x + static_cast<double>(away_x), y + static_cast<double>(away_y), mirrored);
      std::copy(colour.begin(), colour.end(), &frame.data[3 * (static_cast<std::size_t>(y) * frame.width + x)]);
    }
  }
  lay(frame, flow, painted);
  return frame;
}

/** Lay the network's pixels of the crop over the frame. */
void Composer::lay(Picture& frame, const std::vector<float>& flow, const Picture& painted) const {
  const int width = crop_[2] - crop_[0], height = crop_[3] - crop_[1];
  const Picture face = resized(painted, std::min(painted.width, width), std::min(painted.height, height));
  const auto [left, top, right, bottom] = canvas_.rect;
  for (int y = top; y < bottom; ++y) {
    const Row row(canvas_, flow, y);
    const double down = (y - crop_[1] + 0.5) * face.height / height - 0.5;
    for (int x = left; x < right; ++x) {
      const float share = row.at(x)[2];
      if (share < PAINTS) continue;
      const double across = (x - crop_[0] + 0.5) * face.width / width - 0.5;
      const auto colour = sampled(face, across, down, held);
      auto* pixel = &frame.data[3 * (static_cast<std::size_t>(y) * frame.width + x)];
      for (int channel = 0; channel < 3; ++channel)
        pixel[channel] =
            static_cast<std::uint8_t>(std::lrint(pixel[channel] + share * (colour[channel] - pixel[channel])));
    }
  }
}
