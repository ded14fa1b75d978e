#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

/** Colours, RGB, row by row. */
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> data;
};

/** Read a PNG or JPEG picture, upright as its EXIF tells. Throws Failure where there is none, or one of more than 50 million pixels. */
Picture read_picture(const std::filesystem::path& path);

/** Write a PNG picture. Throws Failure where it cannot be written. */
void write_picture(const std::filesystem::path& path, const Picture& picture);

/** The largest square around a picture's middle. */
Picture middle_square(const Picture& picture);

/** Bring a picture to another size: averaging where it shrinks, bicubic where it grows, as the models' crops are made.
 */
Picture resized(const Picture& picture, int width, int height);

/** Colours as the networks take them: (3, h, w) in [0, 1]. */
std::vector<float> to_batch(const Picture& picture);

/** The other way round. */
Picture to_picture(const float* batch, int width, int height);
