// Animates a picture of a face by an exported First Order Motion Model, without Python.

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>

#include "composer.h"
#include "failure.h"
#include "model.h"
#include "motion_file.h"
#include "movement.h"
#include "options.h"
#include "picture.h"

namespace {

constexpr double PICTURES_FPS = 25;

Picture middle_of(const Picture& picture) {
  return cropped(picture, middle_square(picture));
}

std::string lower_case(std::string text) {
  for (char& letter : text) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

/** The performance that pictures of a folder show, each square. */
Motion read_driving(Model& model, const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string kind = lower_case(entry.path().extension().string());
      if (kind == ".png" || kind == ".jpg" || kind == ".jpeg") files.push_back(entry.path());
    }
  }
  if (files.empty())
    throw Failure(folder.string() + " holds no .png and no .jpg pictures. Name a folder with the performer's frames");
  std::sort(files.begin(), files.end());
  Motion motion;
  motion.model = model.name();
  motion.fps = PICTURES_FPS;
  for (const auto& file : files) motion.frames.push_back(model.detect(middle_of(read_picture(file))));
  return motion;
}

void require_fit(const Model& model, const Motion& motion) {
  if (motion.model != model.name()) {
    throw Failure("the motion was read with the model " + motion.model + " and means nothing to " + model.name() +
                  ". Take another one");
  }
  const Keypoints& first = motion.frames.front();
  if (first.points() != model.points() || (model.has_jacobian() && first.jacobian.empty())) {
    throw Failure("the motion's keypoints are not those of " + model.name() + ". Read it again with: fom motion");
  }
}

void require_meets(const Box& crop, const Picture& picture) {
  if (crop[2] <= 0 || crop[3] <= 0 || crop[0] >= picture.width || crop[1] >= picture.height)
    throw Failure("--crop lies outside the picture, which has " + std::to_string(picture.width) + "x" +
                  std::to_string(picture.height) + " pixels");
}

using Painter = std::function<Picture(const Keypoints&)>;

/** Makes a frame of a pose: the face alone, or the whole picture with it. */
Painter painter(Model& model, const Keypoints& source, const Picture& picture, const Box& crop, bool compose) {
  if (!compose) return [&model](const Keypoints& pose) { return model.paint(pose); };
  const auto canvas = std::make_shared<Canvas>(canvas_of(crop, picture.width, picture.height));
  const Follower follower(*canvas, model.paint_with_flow(source).maps, model.flow_unit());
  const Composer composer(picture, crop, *canvas);
  return [&model, canvas, follower, composer](const Keypoints& pose) {
    const Painted painted = model.paint_with_flow(pose);
    return composer.compose(follower.follow(painted.maps), painted.picture);
  };
}

std::string frame_name(std::size_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%06zu.png", number);
  return name;
}

void animate(const Options& options) {
  Model model(options.model, options.precision, options.threads);
  const Motion driving = options.motion.empty() ? read_driving(model, options.driving) : read_motion(options.motion);
  require_fit(model, driving);
  const Picture picture = read_picture(options.source);
  const Box crop = options.crop ? *options.crop : middle_square(picture);
  require_meets(crop, picture);
  const Keypoints source = model.encode(cropped(picture, crop));
  const auto frames = transferred(source, driving, options.gain);
  const auto paint = painter(model, source, picture, crop, options.compose);
  std::filesystem::create_directories(options.output);
  double seconds = 0;
  for (std::size_t t = 0; t < frames.size(); ++t) {
    const auto started = std::chrono::steady_clock::now();
    const Picture painted = paint(frames[t]);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    write_picture(options.output / frame_name(t), painted);
  }
  std::printf("%zu frames in %s, %.1f ms to compute each\n", frames.size(), options.output.string().c_str(),
              1000 * seconds / frames.size());
}

}  // namespace

int main(int count, char** words) {
  try {
    const Options options = read_options(count, words);
    if (options.help)
      std::fputs(USAGE, stdout);
    else
      animate(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fom-native: %s.\n", error.what());
    return 1;
  }
}
