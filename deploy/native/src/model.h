#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "keypoints.h"
#include "picture.h"

/** A First Order Motion Model as `fom export` writes it, computed by ONNX Runtime. */
class Model {
 public:
  /** Open `model.json` of a folder and the three files for streaming. Throws Failure for what is missing or does not
   * fit. */
  Model(const std::filesystem::path& folder, const std::string& precision, int threads);
  ~Model();

  const std::string& name() const;
  std::size_t points() const;
  bool has_jacobian() const;

  /** Keypoints of a face that fills a picture. */
  Keypoints detect(const Picture& face);

  /** Take a picture as the face to move; its keypoints. */
  Keypoints encode(const Picture& face);

  /** Paint the face in a pose, at the model's size. encode() comes first. */
  Picture paint(const Keypoints& driving);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};
