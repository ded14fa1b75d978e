#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

/** Colours, RGB, row by row. */
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> data;
};

/** Read a PNG or JPEG picture, upright as its EXIF tells. Throws Failure where there is none, or one of more than 50
 * million pixels. */
Picture read_picture(const std::filesystem::path& path);

/** Write a PNG picture. Throws Failure where it cannot be written. */
void write_picture(const std::filesystem::path& path, const Picture& picture);

/** Pixels x0, y0, x1, y1 of a picture; may reach past its border. */
using Box = std::array<int, 4>;

/** The largest square around a picture's middle. */
Box middle_square(const Picture& picture);

/** Cut a part out of a picture, reflected past the border. */
Picture cropped(const Picture& picture, const Box& box);

/** Whether colours differ so little from grey, on average, that there are none. */
bool is_grey(const Picture& picture);

/** Each pixel's brightness in all channels of (3, h, w). */
void take_colours_out(std::vector<float>& batch);

/** Bring a picture to another size: averaging where it shrinks, bicubic where it grows, as the models' crops are made.
 */
Picture resized(const Picture& picture, int width, int height);

/** The weight of a pixel at this distance in bicubic interpolation. */
double cubic_weight(double d);

/** Colours as the networks take them: (3, h, w) in [0, 1]. */
std::vector<float> to_batch(const Picture& picture);

/** The other way round. */
Picture to_picture(const float* batch, int width, int height);
