#include "folds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "canvas.h"

namespace {

constexpr double FACE[] = {0, 0.09, 0.42, 0.57};  // middle (x, y) and half axes in a usual crop, in its half sides
constexpr double FACE_ENDS_LOW = 0.95, FACE_ENDS_HIGH = 1.3;  // where it ends, in these half axes
constexpr double WHOLE_LOW = 0.15, WHOLE_HIGH = 0.45;    // of areas of a face: below it calmed, above left as they are
constexpr double AROUND_LOW = -0.5, AROUND_HIGH = -0.1;  // the same around it: walls stretch, or turn a little
constexpr double CALM[] = {2, 4};  // widths of the averages that calm it, one after the other, in cells of the flow
constexpr double LEAST_CELLS = 4;  // of a face that tell of a plane
constexpr double LEVEL = 1e-6;     // how little a plane likes to slope
constexpr int TAIL = 4;            // widths of a gaussian that are summed

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
float from_middle(int index, int side) {
  return (index + 0.5f) * static_cast<float>(2.0 / side) - 1;
}

/** How far each cell of a displacement shows the face of the source's crop. */
std::vector<float> face_share(const Displacement& d) {
  std::vector<float> result;
  for (int row = 0; row < d.height; ++row) {
    for (int column = 0; column < d.width; ++column) {
      const float* moved = &d.values[2 * result.size()];
      const float x = from_middle(column, d.width) + moved[0], y = from_middle(row, d.height) + moved[1];
      const double away = std::hypot((x - FACE[0]) / FACE[2], (y - FACE[1]) / FACE[3]);
      result.push_back(static_cast<float>(1 - smooth_step(away, FACE_ENDS_LOW, FACE_ENDS_HIGH)));
    }
  }
  return result;
}

/** How much each cell is to be calmed, by what becomes of its area. */
std::vector<float> calming(const Displacement& d) {
  std::vector<float> result;
  const std::vector<float> shares = face_share(d);
  const std::size_t row = 2 * static_cast<std::size_t>(d.width);
  for (int y = 0; y < d.height; ++y) {
    for (int x = 0; x < d.width; ++x) {
      const std::size_t at = y * row + 2 * x;
      const double xx = slope(d.values, at, 2, x, d.width), yx = slope(d.values, at + 1, 2, x, d.width);
      const double xy = slope(d.values, at, row, y, d.height), yy = slope(d.values, at + 1, row, y, d.height);
      const double area = (1 + xx) * (1 + yy) - xy * yx, face = shares[at / 2];
      result.push_back(static_cast<float>(1 - face * smooth_step(area, WHOLE_LOW, WHOLE_HIGH) -
                                          (1 - face) * smooth_step(area, AROUND_LOW, AROUND_HIGH)));
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
    const auto found = calming(d);
    if (std::none_of(found.begin(), found.end(), [](float weight) { return weight > 0; })) break;
    const auto weight = blurred(dilated(found, d.width, d.height), d.width, d.height, 1, 1, mirrored);
    const auto calmed = blurred(d.values, d.width, d.height, 2, calm, held);
    for (std::size_t at = 0; at < d.values.size(); ++at) d.values[at] += weight[at / 2] * (calmed[at] - d.values[at]);
  }
  return d;
}

double unlike_a_plane(const Displacement& d) {
  const std::vector<float> weights = face_share(d);
  double total = 0, middle_x = 0, middle_y = 0;
  for (std::size_t at = 0; at < weights.size(); ++at) {
    total += weights[at];
    middle_x += weights[at] * static_cast<double>(at % d.width);
    middle_y += weights[at] * static_cast<double>(at / d.width);
  }
  if (total < LEAST_CELLS) return 0;
  middle_x /= total;
  middle_y /= total;
  const auto place = [&](std::size_t at) {  // 1, x, y, and the movement there
    return std::array<double, 5>{1, at % d.width - middle_x, at / d.width - middle_y, d.values[2 * at],
                                 d.values[2 * at + 1]};
  };
  std::array<std::array<double, 5>, 3> sums{};
  for (int one = 0; one < 3; ++one) sums[one][one] = LEVEL;
  for (std::size_t at = 0; at < weights.size(); ++at) {
    const auto here = place(at);
    for (int one = 0; one < 3; ++one) {
      for (int other = 0; other < 5; ++other) sums[one][other] += weights[at] * here[one] * here[other];
    }
  }
  solve(sums);
  double away = 0;
  for (std::size_t at = 0; at < weights.size(); ++at) {
    const auto here = place(at);
    for (int axis = 3; axis < 5; ++axis) {
      double rest = here[axis];
      for (int one = 0; one < 3; ++one) rest -= sums[one][axis] * here[one];
      away += weights[at] * rest * rest;
    }
  }
  return std::sqrt(away / total);
}
