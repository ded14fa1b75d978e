#include "orientation.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace {

constexpr std::size_t MOST_BYTES = 1 << 16;  // of EXIF, as JPEG bounds it
constexpr unsigned ORIENTATION = 0x0112;
const std::string PNG = "\x89PNG\r\n\x1a\n";
const std::string EXIF("Exif\0\0", 6);

/** The next bytes of a file; fewer at its end. */
std::string next(std::ifstream& file, std::size_t count) {
  std::string bytes(count, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

/** An unsigned number of some bytes; 0 past the end. */
unsigned number(const std::string& bytes, std::size_t at, std::size_t count, bool little = false) {
  if (at > bytes.size() || count > bytes.size() - at) return 0;
  unsigned value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + (little ? count - 1 - i : i)]);
  return value;
}

int orientation_in(const std::string& tiff) {
  const bool little = tiff.starts_with("II");
  const std::size_t table = number(tiff, 4, 4, little), entries = number(tiff, table, 2, little);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = table + 2 + 12 * i;
    if (number(tiff, entry, 2, little) != ORIENTATION) continue;
    const unsigned found = number(tiff, entry + 8, 2, little);
    return found >= 1 && found <= 8 ? static_cast<int>(found) : 1;
  }
  return 1;
}

int orientation_of_png(std::ifstream& file) {
  for (std::string head = next(file, 8); head.size() == 8; head = next(file, 8)) {
    const unsigned length = number(head, 0, 4);
    if (head.ends_with("eXIf")) return orientation_in(next(file, std::min<std::size_t>(length, MOST_BYTES)));
    file.seekg(static_cast<std::streamoff>(length) + 4, std::ios::cur);
  }
  return 1;
}

int orientation_of_jpeg(std::ifstream& file) {
  constexpr unsigned APP1 = 0xffe1, SCAN = 0xffda;
  for (std::string head = next(file, 4); head.size() == 4; head = next(file, 4)) {
    const unsigned marker = number(head, 0, 2), length = number(head, 2, 2);
    if (marker < 0xff01 || marker == SCAN || length < 2) return 1;
    const std::string segment = next(file, length - 2);
    if (marker == APP1 && segment.starts_with(EXIF)) return orientation_in(segment.substr(EXIF.size()));
  }
  return 1;
}

}  // namespace

int orientation_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string head = next(file, PNG.size());
  if (head == PNG) return orientation_of_png(file);
  file.clear();
  file.seekg(2);
  return head.starts_with("\xff\xd8") ? orientation_of_jpeg(file) : 1;
}

Picture upright(Picture picture, int orientation) {
  if (orientation == 1) return picture;
  const int width = picture.width, height = picture.height;
  const bool lies = orientation >= 5;
  const bool mirrored = orientation == 2 || orientation == 3 || orientation >= 7;
  const bool reversed = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture turned{lies ? height : width, lies ? width : height, std::vector<std::uint8_t>(picture.data.size())};
  auto to = turned.data.begin();
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x) {
      const int column = lies ? y : x, row = lies ? x : y;
      const std::size_t from = static_cast<std::size_t>(reversed ? height - 1 - row : row) * width +
                               (mirrored ? width - 1 - column : column);
      to = std::copy_n(picture.data.begin() + 3 * from, 3, to);
    }
  }
  return turned;
}
