#include "folds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "canvas.h"

namespace {

constexpr double WHOLE_LOW = 0.15, WHOLE_HIGH = 0.45;  // of an area in a face: below it is calmed, above left as it is
constexpr double AROUND_LOW = -0.5, AROUND_HIGH = -0.1;  // the same around a face: walls stretch, may turn a little
constexpr double INSIDE_LOW = 0.4, INSIDE_HIGH = 0.55;   // from the crop's middle, in half sides, where the face ends
constexpr double CALM[] = {2, 4};  // widths of the averages that calm it, one after the other, in cells of the flow
constexpr double FACE_LOW = 0.2, FACE_HIGH = 0.8;  // part of the crop that is compared with a plane
constexpr double ELSEWHERE = 0.1;                  // half sides from that plane at which a place counts half
constexpr int ROUNDS = 6;                          // in which that is found
constexpr int TAIL = 4;                            // widths of a gaussian that are summed

int held(int at, int length) {
  return std::clamp(at, 0, length - 1);
}

/** By how much a value grows over half a side, at a place of a line. */
double slope(const std::vector<float>& values, std::size_t at, std::size_t step, int index, int length) {
  const std::size_t back = index > 0 ? step : 0, ahead = index < length - 1 ? step : 0;
  const double cells = static_cast<double>(back + ahead) / step;
  return (static_cast<double>(values[at + ahead]) - values[at - back]) * length / (2 * std::max(cells, 1.0));
}

/** From the middle of the crop to that of a cell, in half sides. */
double from_middle(int index, int side) {
  return (index + 0.5) * (2.0 / side) - 1;
}

/** How much a cell that is moved to a place shows of the face in the middle of the source's crop. */
float face_share(double x, double y) {
  return static_cast<float>(1 - smooth_step(std::hypot(x, y), INSIDE_LOW, INSIDE_HIGH));
}

/** How much each cell is to be calmed, by what becomes of its area. */
std::vector<float> torn(const Displacement& d) {
  std::vector<float> result;
  const std::size_t row = 2 * static_cast<std::size_t>(d.width);
  for (int y = 0; y < d.height; ++y) {
    for (int x = 0; x < d.width; ++x) {
      const std::size_t at = y * row + 2 * x;
      const double xx = slope(d.values, at, 2, x, d.width), yx = slope(d.values, at + 1, 2, x, d.width);
      const double xy = slope(d.values, at, row, y, d.height), yy = slope(d.values, at + 1, row, y, d.height);
      const double of = (1 + xx) * (1 + yy) - xy * yx;
      const double face =
          face_share(from_middle(x, d.width) + d.values[at], from_middle(y, d.height) + d.values[at + 1]);
      result.push_back(static_cast<float>(1 - face * smooth_step(of, WHOLE_LOW, WHOLE_HIGH) -
                                          (1 - face) * smooth_step(of, AROUND_LOW, AROUND_HIGH)));
    }
  }
  return result;
}

/** The largest of each value and its eight neighbours. */
std::vector<float> dilated(const std::vector<float>& values, int width, int height) {
  std::vector<float> result(values.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      float largest = 0;
      for (int row = -1; row <= 1; ++row) {
        for (int column = -1; column <= 1; ++column)
          largest = std::max(largest, values[held(y + row, height) * width + held(x + column, width)]);
      }
      result[y * width + x] = largest;
    }
  }
  return result;
}

using Border = int (*)(int at, int length);

/** Averages by a gaussian, of lines whose values lie `step` apart. */
std::vector<float> blurred_along(const std::vector<float>& from, const std::vector<double>& weights, std::size_t step,
                                 int length, Border border) {
  const int reach = static_cast<int>(weights.size() / 2);
  std::vector<float> result(from.size());
  for (std::size_t at = 0; at < from.size(); ++at) {
    const int index = static_cast<int>(at / step % length);
    double mean = 0;
    for (int tap = -reach; tap <= reach; ++tap)
      mean += weights[tap + reach] * from[at - index * step + border(index + tap, length) * step];
    result[at] = static_cast<float>(mean);
  }
  return result;
}

/** Averages by a gaussian `sigma` wide, of maps (height, width, channels). */
std::vector<float> blurred(const std::vector<float>& values, int width, int height, int channels, double sigma,
                           Border border) {
  const int reach = static_cast<int>(std::lround(TAIL * sigma));
  std::vector<double> weights;
  double sum = 0;
  for (int tap = -reach; tap <= reach; ++tap) {
    weights.push_back(std::exp(-tap * tap / (2 * sigma * sigma)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  const auto rows = blurred_along(values, weights, channels, width, border);
  return blurred_along(rows, weights, static_cast<std::size_t>(channels) * width, height, border);
}

/** Solve A X = B in place: three rows of A, which is positive, and of B beside one another. */
void solve(std::array<std::array<double, 5>, 3>& rows) {
  for (int pivot = 0; pivot < 3; ++pivot) {
    const double first = rows[pivot][pivot];
    for (double& value : rows[pivot]) value /= first;
    for (int row = 0; row < 3; ++row) {
      const double share = rows[row][pivot];
      if (row == pivot) continue;
      for (int column = 0; column < 5; ++column) rows[row][column] -= share * rows[pivot][column];
    }
  }
}

}  // namespace

int mirrored(int at, int length) {
  if (length == 1) return 0;
  const int around = std::abs(at) % (2 * length - 2);
  return around < length ? around : 2 * length - 2 - around;
}

Displacement unfolded(Displacement d) {
  for (const double calm : CALM) {
    const auto found = torn(d);
    if (std::none_of(found.begin(), found.end(), [](float weight) { return weight > 0; })) break;
    const auto weight = blurred(dilated(found, d.width, d.height), d.width, d.height, 1, 1, mirrored);
    const auto calmed = blurred(d.values, d.width, d.height, 2, calm, held);
    for (std::size_t at = 0; at < d.values.size(); ++at) d.values[at] += weight[at / 2] * (calmed[at] - d.values[at]);
  }
  return d;
}

double unlike_a_plane(const Displacement& d) {
  const auto part = [](double share, int side) { return static_cast<int>(std::nearbyint(share * side)); };
  const int left = part(FACE_LOW, d.width), right = part(FACE_HIGH, d.width);
  const int top = part(FACE_LOW, d.height), bottom = part(FACE_HIGH, d.height);
  const double middle_x = (left + right - 1) / 2.0, middle_y = (top + bottom - 1) / 2.0;
  std::vector<std::array<double, 5>> places;  // 1, x, y, and the movement there
  for (int row = top; row < bottom; ++row) {
    for (int column = left; column < right; ++column) {
      const float* moved = &d.values[2 * (static_cast<std::size_t>(row) * d.width + column)];
      places.push_back({1, column - middle_x, row - middle_y, moved[0], moved[1]});
    }
  }
  std::vector<double> weights(places.size(), 1), away(places.size(), 0);
  for (int round = 0; round < ROUNDS; ++round) {
    std::array<std::array<double, 5>, 3> sums{};
    for (std::size_t at = 0; at < places.size(); ++at) {
      for (int one = 0; one < 3; ++one) {
        for (int other = 0; other < 5; ++other) sums[one][other] += weights[at] * places[at][one] * places[at][other];
      }
    }
    solve(sums);
    for (std::size_t at = 0; at < places.size(); ++at) {
      away[at] = 0;
      for (int axis = 3; axis < 5; ++axis) {
        double rest = places[at][axis];
        for (int one = 0; one < 3; ++one) rest -= sums[one][axis] * places[at][one];
        away[at] += rest * rest;
      }
      weights[at] = 1 / (1 + away[at] / (ELSEWHERE * ELSEWHERE));
    }
  }
  double all = 0, total = 0;
  for (std::size_t at = 0; at < places.size(); ++at) all += weights[at] * away[at], total += weights[at];
  return std::sqrt(all / total);
}
