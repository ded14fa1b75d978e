#include "canvas.h"

#include <algorithm>
#include <cmath>

namespace {

constexpr double REACH = 1.5;          // how far from the middle anything may move
constexpr int CELLS = 64;              // of the grid, per side of the crop
constexpr double WITHIN_BORDER = 0.6;  // share of the way to the picture's border that a colour may come from
constexpr double PAINTED_LOW = 0.7, PAINTED_HIGH = 0.98;  // distance over which the network's pixels fade out

/** From where to where a coordinate counts: sides that pass the picture's border do not, for nothing is beyond. */
struct Counted {
  double low = -INFINITY, high = INFINITY;

  double operator()(double value) const { return std::clamp(value, low, high); }
};

/** One axis of a crop in a picture of `size` pixels. */
struct Axis {
  int from, to, size;

  double half() const { return (to - from) / 2.0; }
  double to_picture(double u) const { return from + (to - from - 1) / 2.0 + u * half(); }
  double in_crop(double x) const { return (x - from - (to - from - 1) / 2.0) / half(); }

  /** The pixels that lie within `REACH`, without those past the picture's border. */
  std::array<int, 2> span() const {
    const int low = std::max(0, static_cast<int>(std::floor(to_picture(-REACH) + 0.5)));
    const int high = std::min(size, static_cast<int>(std::ceil(to_picture(REACH) + 0.5)));
    return {low, std::max(low, high)};
  }

  Counted counted(double reach) const {
    Counted result;
    if (to_picture(-reach) <= -0.5) result.low = 0;
    if (to_picture(reach) >= size - 0.5) result.high = 0;
    return result;
  }
};

double distance(double u, double v) {
  return std::sqrt(std::sqrt(u * u * u * u + v * v * v * v));
}

/** The middles of cells in pixels, and how far colours may come from either border. */
std::vector<double> middles(int first, int cell, int count, int size, std::vector<float>& before,
                            std::vector<float>& after) {
  std::vector<double> result;
  for (int index = 0; index < count; ++index) {
    const double x = first + (index + 0.5) * cell - 0.5;
    result.push_back(x);
    before.push_back(static_cast<float>(std::max(0.0, WITHIN_BORDER * x)));
    after.push_back(static_cast<float>(std::max(0.0, WITHIN_BORDER * (size - 1 - x))));
  }
  return result;
}

}  // namespace

double smooth_step(double value, double low, double high) {
  const double share = std::clamp((value - low) / (high - low), 0.0, 1.0);
  return share * share * (3 - 2 * share);
}

Canvas canvas_of(const Box& crop, int width, int height) {
  const Axis across{crop[0], crop[2], width}, down{crop[1], crop[3], height};
  const auto [x0, x1] = across.span();
  const auto [y0, y1] = down.span();
  Canvas canvas;
  canvas.rect = {x0, y0, x1, y1};
  canvas.cell = std::max(1, std::max(crop[2] - crop[0], crop[3] - crop[1]) / CELLS);
  canvas.columns = (x1 - x0 + canvas.cell - 1) / canvas.cell + 2;
  canvas.rows = (y1 - y0 + canvas.cell - 1) / canvas.cell + 2;
  canvas.left = x0 - canvas.cell;
  canvas.top = y0 - canvas.cell;
  canvas.half = {across.half(), down.half()};
  const auto xs = middles(canvas.left, canvas.cell, canvas.columns, width, canvas.before_x, canvas.after_x);
  const auto ys = middles(canvas.top, canvas.cell, canvas.rows, height, canvas.before_y, canvas.after_y);
  const Counted moving_u = across.counted(REACH), moving_v = down.counted(REACH);
  const Counted shown_u = across.counted(1), shown_v = down.counted(1);
  for (const double y : ys) {
    for (const double x : xs) {
      const double u = across.in_crop(x), v = down.in_crop(y);
      canvas.places.insert(canvas.places.end(), {static_cast<float>(u), static_cast<float>(v)});
      canvas.room.push_back(static_cast<float>(std::max(0.0, REACH - distance(moving_u(u), moving_v(v)))));
      const double away = distance(shown_u(u), shown_v(v));
      canvas.painted.push_back(static_cast<float>(1 - smooth_step(away, PAINTED_LOW, PAINTED_HIGH)));
    }
  }
  return canvas;
}
