#include "movement.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace {

constexpr float FLAT = 1e-3f;   // a hull with a smaller share of the square over its extent is a line, but for rounding
constexpr float LEAST = 1e-2f;  // extent below which keypoints are one point, but for rounding
constexpr std::size_t MOST = 500;  // frames that are compared with one another, spread over the performance
constexpr double FAR = 0.9;        // share of the frames that a medoid is near to

using Point = std::array<double, 2>;
using Matrix = std::array<float, 4>;

double cross(const Point& from, const Point& over, const Point& to) {
  return (over[0] - from[0]) * (to[1] - from[1]) - (over[1] - from[1]) * (to[0] - from[0]);
}

/** Area of the convex hull (Andrew's monotone chain). */
double hull_area(const Keypoints& keypoints) {
  std::vector<Point> points;
  for (std::size_t k = 0; k < keypoints.points(); ++k)
    points.push_back({keypoints.value[2 * k], keypoints.value[2 * k + 1]});
  std::sort(points.begin(), points.end());
  std::vector<Point> hull;
  for (int half = 0; half < 2; ++half) {
    const std::size_t start = hull.size();
    for (const Point& point : points) {
      while (hull.size() > start + 1 && cross(hull[hull.size() - 2], hull.back(), point) <= 0) hull.pop_back();
      hull.push_back(point);
    }
    if (!hull.empty()) hull.pop_back();  // the other half begins with it
    std::reverse(points.begin(), points.end());
  }
  double doubled = 0;
  for (std::size_t k = 0; k < hull.size(); ++k) {
    const Point& next = hull[(k + 1) % hull.size()];
    doubled += hull[k][0] * next[1] - next[0] * hull[k][1];
  }
  return std::abs(doubled) / 2;
}

bool is_flat(const Keypoints& keypoints) {
  std::array<float, 2> low{INFINITY, INFINITY}, high{-INFINITY, -INFINITY};
  for (std::size_t at = 0; at < keypoints.value.size(); ++at) {
    low[at % 2] = std::min(low[at % 2], keypoints.value[at]);
    high[at % 2] = std::max(high[at % 2], keypoints.value[at]);
  }
  const double extent = std::max(std::hypot(high[0] - low[0], high[1] - low[1]), LEAST);
  return hull_area(keypoints) <= FLAT * extent * extent;
}

/** Size of the source face over the performer's; 1 where one has none worth the name. */
double movement_scale(const Keypoints& source, const Keypoints& initial) {
  if (is_flat(source) || is_flat(initial)) return 1;
  return std::sqrt(hull_area(source) / hull_area(initial));
}

double distance(const Keypoints& a, const Keypoints& b) {
  double sum = 0;
  for (std::size_t at = 0; at < a.value.size(); at += 2)
    sum += std::hypot(a.value[at] - b.value[at], a.value[at + 1] - b.value[at + 1]);
  return sum / a.points();
}

/** Between the two values next to it, as torch has it. */
double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * (values.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const double next = values[std::min(low + 1, values.size() - 1)];
  return values[low] + (place - low) * (next - values[low]);
}

/** The frame from which nine tenths of the others are nearest, of those that show the performer, if any does. */
std::size_t find_medoid(const Motion& driving) {
  std::vector<std::size_t> among;
  for (std::size_t t = 0; t < driving.frames.size(); ++t) {
    if (!driving.seen.empty() && driving.seen[t]) among.push_back(t);
  }
  if (among.empty()) {
    for (std::size_t t = 0; t < driving.frames.size(); ++t) among.push_back(t);
  }
  const std::size_t step = std::max<std::size_t>(1, (among.size() + MOST - 1) / MOST);
  std::size_t best = among.front();
  double least = INFINITY;
  for (std::size_t i = 0; i < among.size(); i += step) {
    std::vector<double> apart;
    for (std::size_t j = 0; j < among.size(); j += step)
      apart.push_back(distance(driving.frames[among[i]], driving.frames[among[j]]));
    const double reach = quantile(apart, FAR);
    if (reach < least) {
      least = reach;
      best = among[i];
    }
  }
  return best;
}

/** Before the performer is first seen and after the last time, they stand still. */
const Keypoints& held(const Motion& driving, std::size_t frame) {
  const auto first = std::find(driving.seen.begin(), driving.seen.end(), true);
  if (first == driving.seen.end()) return driving.frames[frame];
  const auto last = std::find(driving.seen.rbegin(), driving.seen.rend(), true);
  const std::size_t low = first - driving.seen.begin();
  const std::size_t high = driving.seen.rend() - last - 1;
  return driving.frames[std::clamp(frame, low, high)];
}

Matrix matrix(const std::vector<float>& values, std::size_t at) {
  return {values[at], values[at + 1], values[at + 2], values[at + 3]};
}

Matrix product(const Matrix& a, const Matrix& b) {
  return {a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]};
}

Matrix inverse(const Matrix& m) {
  const float determinant = m[0] * m[3] - m[1] * m[2];
  return {m[3] / determinant, -m[1] / determinant, -m[2] / determinant, m[0] / determinant};
}

/** x = source + s·(driving - initial),  J = J_driving · J_initial⁻¹ · J_source */
Keypoints moved(const Keypoints& source, const Keypoints& driving, const Keypoints& initial, float scale, float gain) {
  Keypoints result = source;
  for (std::size_t at = 0; at < source.value.size(); ++at) {
    result.value[at] += (driving.value[at] - initial.value[at]) * scale * gain;
  }
  for (std::size_t at = 0; at < source.jacobian.size(); at += 4) {
    Matrix change = product(matrix(driving.jacobian, at), inverse(matrix(initial.jacobian, at)));
    for (std::size_t i = 0; i < 4; ++i) {
      const float identity = i == 0 || i == 3 ? 1 : 0;
      change[i] = identity + gain * (change[i] - identity);
    }
    const Matrix turned = product(change, matrix(source.jacobian, at));
    std::copy(turned.begin(), turned.end(), result.jacobian.begin() + at);
  }
  return result;
}

void blend(std::vector<float>& values, const std::vector<float>& from, float share) {
  for (std::size_t at = 0; at < values.size(); ++at) values[at] = from[at] + share * (values[at] - from[at]);
}

}  // namespace

std::vector<Keypoints> transferred(const Keypoints& source, const Motion& driving, float gain, double fade_in_s) {
  const Keypoints initial = driving.neutral ? *driving.neutral : held(driving, find_medoid(driving));
  const auto scale = static_cast<float>(movement_scale(source, initial));
  std::vector<Keypoints> frames;
  for (std::size_t t = 0; t < driving.frames.size(); ++t) {
    Keypoints frame = moved(source, held(driving, t), initial, scale, gain);
    const double share = fade_in_s > 0 ? std::min(1.0, t / (fade_in_s * driving.fps)) : 1.0;
    const auto eased = static_cast<float>(share * share * (3 - 2 * share));
    if (share < 1 && driving.frames.size() > 1) {
      blend(frame.value, source.value, eased);
      blend(frame.jacobian, source.jacobian, eased);
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}
