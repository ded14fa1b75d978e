#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "flow.h"
#include "keypoints.h"
#include "picture.h"

/** A face in a pose, at the model's size, and by what flow it was painted. */
struct Painted {
  Picture picture;
  FlowMaps maps;
};

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

  /** Half sides of a crop by which a flow of 1 moves. */
  float flow_unit() const;

  /** Paint the face in a pose, at the model's size. encode() comes first. */
  Picture paint(const Keypoints& driving);

  /** The same with what composing takes; a grey face stays grey. Throws Failure for models that do not tell it. */
  Painted paint_with_flow(const Keypoints& driving);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};
