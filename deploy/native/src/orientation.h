#pragma once

#include <filesystem>

#include "picture.h"

/** How the camera was held, as EXIF tells it in a JPEG or PNG file: 1 to 8; 1 where it does not. */
int orientation_of(const std::filesystem::path& path);

/** The picture as it stands upright. */
Picture upright(Picture picture, int orientation);
