#include "flow.h"

#include <algorithm>
#include <cmath>

#include "folds.h"

namespace {

constexpr float STEEPEST = 0.6f;  // of the room: a displacement that grows no faster cannot fold by itself
constexpr float SHOWN_LOW = 0.4f, SHOWN_HIGH = 0.8f;       // visibility over which the source's pixels take over
constexpr float STILL = 1e-5f;                             // half sides that are no movement, but rounding
constexpr float LEAST_SEEN = 0.3f;                         // visibility of the still source that counts at least
constexpr double UNLIKE_LOW = 0.025, UNLIKE_HIGH = 0.065;  // movement unlike a plane's: over it sharp pixels lose trust
constexpr double UNSURE = 0.8;                             // the network's share in a face that turns furthest

/** By what to multiply a displacement of this length, so that it stays below `room`: 1 while it is small. */
float held_back(float length, float room) {
  if (room <= 0) return 0;
  const float ratio = length / std::max(room, 1e-6f);
  return std::pow(1 + ratio * ratio * ratio * ratio, -0.25f);
}

/** From the middle of the first pixel at -1 to that of the last at 1. */
float identity(int index, int length) {
  return length > 1 ? 2.0f * index / (length - 1) - 1 : 0;
}

Displacement displacement_of(const FlowMaps& maps, float unit) {
  Displacement d{maps.deformation, maps.width, maps.height};
  for (std::size_t at = 0; at < d.values.size(); ++at) {
    const int cell = static_cast<int>(at / 2);
    const float here = at % 2 ? identity(cell / d.width, d.height) : identity(cell % d.width, d.width);
    d.values[at] = (d.values[at] - here) * unit;
  }
  return d;
}

/** Maps (height, width, `step`) at a place in half sides; past the crop the nearest value. */
float seen(const std::vector<float>& values, int step, int channel, int width, int height, float u, float v) {
  const float x = std::clamp(((u + 1) * width - 1) / 2, 0.0f, static_cast<float>(width - 1));
  const float y = std::clamp(((v + 1) * height - 1) / 2, 0.0f, static_cast<float>(height - 1));
  const int column = static_cast<int>(x), row = static_cast<int>(y);
  const int right = column < width - 1 ? step : 0, down = row < height - 1 ? step * width : 0;
  const int at = step * (row * width + column) + channel;
  const float above = values[at] + (x - column) * (values[at + right] - values[at]);
  const float below = values[at + down] + (x - column) * (values[at + down + right] - values[at + down]);
  return above + (y - row) * (below - above);
}

}  // namespace

Follower::Follower(const Canvas& canvas, FlowMaps still, float unit)
    : canvas_(canvas), still_(std::move(still)), unit_(unit) {}

std::vector<float> Follower::follow(const FlowMaps& now) const {
  const Displacement moved = displacement_of(now, unit_);
  std::vector<float> d = unfolded(moved).values;
  if (std::all_of(d.begin(), d.end(), [](float value) { return std::abs(value) < STILL; }))
    std::fill(d.begin(), d.end(), 0.0f);
  const auto unsure = static_cast<float>(UNSURE * smooth_step(unlike_a_plane(moved), UNLIKE_LOW, UNLIKE_HIGH));
  std::vector<float> flow(3 * canvas_.cells());
  for (std::size_t at = 0; at < canvas_.cells(); ++at) {
    if (canvas_.room[at] == 0) continue;
    const std::size_t column = at % canvas_.columns, row = at / canvas_.columns;
    const float u = canvas_.places[2 * at], v = canvas_.places[2 * at + 1];
    float x = seen(d, 2, 0, now.width, now.height, u, v), y = seen(d, 2, 1, now.width, now.height, u, v);
    const float kept = held_back(std::hypot(x, y), STEEPEST * canvas_.room[at]);
    x *= kept;
    y *= kept;
    if (canvas_.painted[at] > 0)
      flow[3 * at + 2] = std::max(hidden(now, u, v, x, y, kept), unsure * kept) * canvas_.painted[at];
    x *= static_cast<float>(canvas_.half[0]);
    y *= static_cast<float>(canvas_.half[1]);
    flow[3 * at] = x * held_back(std::abs(x), x < 0 ? canvas_.before_x[column] : canvas_.after_x[column]);
    flow[3 * at + 1] = y * held_back(std::abs(y), y < 0 ? canvas_.before_y[row] : canvas_.after_y[row]);
  }
  return flow;
}

/** How much of a place has to be painted: where the network sees less of the source than it does at rest. */
float Follower::hidden(const FlowMaps& now, float u, float v, float x, float y, float kept) const {
  const float at_rest = seen(still_.occlusion, 1, 0, still_.width, still_.height, u + x, v + y);
  const float lost = std::max(0.0f, at_rest - seen(now.occlusion, 1, 0, now.width, now.height, u, v));
  const float visible = 1 - lost / std::max(at_rest, LEAST_SEEN);
  return static_cast<float>(1 - smooth_step(1 - (1 - visible) * kept, SHOWN_LOW, SHOWN_HIGH));
}
