#include "model.h"

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "failure.h"

namespace {

using Json = nlohmann::json;
using Shape = std::vector<std::int64_t>;

const char* const FORMAT = "fom-export-1";
constexpr std::uintmax_t MOST_BYTES = 1u << 20;  // of model.json
constexpr int MOST_SIDE = 2048;
constexpr int MOST_POINTS = 1024;
constexpr int LEAST_FLOW = 2;  // cells on a side

Json read_manifest(const std::filesystem::path& folder) {
  const auto path = folder / "model.json";
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > MOST_BYTES)
    throw Failure(path.string() + " is missing or too large. Write it with: fom export mini --output FOLDER");
  std::ifstream file(path);
  Json manifest = Json::parse(file, nullptr, false);
  if (!manifest.is_object() || manifest.value("format", "") != FORMAT) {
    throw Failure(path.string() + " is not of the format " + FORMAT + ". Write it with: fom export");
  }
  return manifest;
}

/** A session and the names of its inputs. */
class Graph {
 public:
  Graph(Ort::Env& env, const std::filesystem::path& file, const Ort::SessionOptions& options)
      : session_(env, file.c_str(), options) {}

  std::vector<Ort::Value> run(const std::vector<const char*>& names, const std::vector<Ort::Value>& inputs,
                              const std::vector<const char*>& outputs) {
    return session_.Run(Ort::RunOptions{}, names.data(), inputs.data(), inputs.size(), outputs.data(), outputs.size());
  }

 private:
  Ort::Session session_;
};

Ort::Value tensor(std::vector<float>& values, const Shape& shape) {
  static const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return Ort::Value::CreateTensor<float>(memory, values.data(), values.size(), shape.data(), shape.size());
}

std::vector<float> copied(const Ort::Value& value, std::size_t wanted) {
  const auto count = value.GetTensorTypeAndShapeInfo().GetElementCount();
  if (count != wanted)
    throw Failure("a file of the model gives " + std::to_string(count) + " numbers, not " + std::to_string(wanted) +
                  ". Export it again");
  const float* data = value.GetTensorData<float>();
  if (!std::all_of(data, data + count, [](float number) { return std::isfinite(number); }))
    throw Failure("the model computes infinity or NaN. Try --precision float32");
  return {data, data + count};
}

}  // namespace

struct Model::Parts {
  Ort::Env env{ORT_LOGGING_LEVEL_ERROR, "fom-native"};
  std::string name;
  int width = 0, height = 0;
  std::int64_t points = 0;
  bool jacobian = false, occlusion = false, grey = false;
  float flow_unit = 1;
  std::unique_ptr<Graph> detector, encoder, generator;
  Keypoints source;
  std::vector<Ort::Value> features;  // `features` and `small` of the source

  /** Names and tensors of keypoints in a role, put at the end of a graph's inputs. */
  void add(Keypoints& keypoints, const char* value, const char* jacobians, std::vector<const char*>& names,
           std::vector<Ort::Value>& inputs) const {
    names.push_back(value);
    inputs.push_back(tensor(keypoints.value, {1, points, 2}));
    if (!jacobian) return;
    names.push_back(jacobians);
    inputs.push_back(tensor(keypoints.jacobian, {1, points, 2, 2}));
  }

  std::vector<Ort::Value> generate(const Keypoints& driving, const std::vector<const char*>& outputs);
};

/** The source in a pose: these outputs of the generator. */
std::vector<Ort::Value> Model::Parts::generate(const Keypoints& driving, const std::vector<const char*>& outputs) {
  if (features.empty()) throw std::logic_error("encode() comes before paint()");
  Keypoints moved = driving;
  std::vector<const char*> names{"features", "small"};
  std::vector<Ort::Value> inputs;
  for (Ort::Value& value : features) {
    const auto shape = value.GetTensorTypeAndShapeInfo().GetShape();
    const auto count = value.GetTensorTypeAndShapeInfo().GetElementCount();
    inputs.push_back(Ort::Value::CreateTensor<float>(value.GetTensorMemoryInfo(), value.GetTensorMutableData<float>(),
                                                     count, shape.data(), shape.size()));
  }
  add(source, "source_value", "source_jacobian", names, inputs);
  add(moved, "driving_value", "driving_jacobian", names, inputs);
  return generator->run(names, inputs, outputs);
}

/** Half sides by which a flow of 1 moves: it may run from the middle of the first pixel to that of the last. */
float flow_unit_of(const Json& config) {
  if (!config.value("align_corners", true)) return 1;
  const Json& learnt = config.contains("motion_size") && config.at("motion_size").is_array() ? config.at("motion_size")
                                                                                             : config.at("image_size");
  const double side = std::max(learnt.at(0).get<int>(), learnt.at(1).get<int>());
  return static_cast<float>(1 - std::exp2(config.at("generator").at("down").size()) / side);
}

Model::Model(const std::filesystem::path& folder, const std::string& precision, int threads)
    : parts_(std::make_unique<Parts>()) {
  const Json manifest = read_manifest(folder);
  try {
    parts_->name = manifest.at("name").get<std::string>();
    parts_->height = manifest.at("image_size").at(0).get<int>();
    parts_->width = manifest.at("image_size").at(1).get<int>();
    parts_->points = manifest.at("num_keypoints").get<std::int64_t>();
    parts_->jacobian = manifest.at("has_jacobian").get<bool>();
    parts_->occlusion = manifest.at("parts").at("generator").at("outputs").contains("occlusion_map");
    parts_->flow_unit = flow_unit_of(manifest.at("config"));
    const bool fits = std::min(parts_->width, parts_->height) > 0 &&
                      std::max(parts_->width, parts_->height) <= MOST_SIDE && parts_->points > 0 &&
                      parts_->points <= MOST_POINTS && manifest.at("num_channels").get<int>() == 3;
    if (!fits) throw Failure("model.json tells of sizes that this program does not take. Export the model again");
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(threads);
    options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    const auto open = [&](const char* part, const std::string& wanted) {
      const Json& files = manifest.at("parts").at(part).at("files");
      if (!files.contains(wanted))
        throw Failure(std::string("the export has no ") + part + " in " + wanted + ". Export it with: --precision " +
                      wanted);
      const auto file =
          std::filesystem::path(files.at(wanted).at("file").get<std::string>()).filename();  // beside model.json
      try {
        return std::make_unique<Graph>(parts_->env, folder / file, options);
      } catch (const Ort::Exception& error) {
        const std::string said = error.what();
        throw Failure((folder / file).string() + " does not open (" + said.substr(0, said.find('\n')) +
                      "). Export the model again with: fom export");
      }
    };
    parts_->detector = open("keypoint_detector", "float32");  // keypoints want all digits
    parts_->encoder = open("source_encoder", "float32");
    parts_->generator = open("generator", precision);
  } catch (const Json::exception&) {
    throw Failure((folder / "model.json").string() + " lacks something. Export the model again with: fom export");
  }
}

Model::~Model() = default;

const std::string& Model::name() const {
  return parts_->name;
}

std::size_t Model::points() const {
  return static_cast<std::size_t>(parts_->points);
}

bool Model::has_jacobian() const {
  return parts_->jacobian;
}

Keypoints Model::detect(const Picture& face) {
  auto batch = to_batch(resized(face, parts_->width, parts_->height));
  std::vector<Ort::Value> inputs;
  inputs.push_back(tensor(batch, {1, 3, parts_->height, parts_->width}));
  std::vector<const char*> outputs{"value"};
  if (parts_->jacobian) outputs.push_back("jacobian");
  const auto found = parts_->detector->run({"image"}, inputs, outputs);
  Keypoints keypoints{copied(found[0], 2 * points()), {}};
  if (parts_->jacobian) keypoints.jacobian = copied(found[1], 4 * points());
  return keypoints;
}

Keypoints Model::encode(const Picture& face) {
  const Picture seen = resized(face, parts_->width, parts_->height);
  parts_->source = detect(seen);
  parts_->grey = is_grey(seen);
  auto batch = to_batch(seen);
  std::vector<Ort::Value> inputs;
  inputs.push_back(tensor(batch, {1, 3, parts_->height, parts_->width}));
  parts_->features = parts_->encoder->run({"source"}, inputs, {"features", "small"});
  return parts_->source;
}

float Model::flow_unit() const {
  return parts_->flow_unit;
}

Picture Model::paint(const Keypoints& driving) {
  const auto found = parts_->generate(driving, {"prediction"});
  const auto batch = copied(found[0], 3 * static_cast<std::size_t>(parts_->width) * parts_->height);
  return to_picture(batch.data(), parts_->width, parts_->height);
}

Painted Model::paint_with_flow(const Keypoints& driving) {
  if (!parts_->occlusion)
    throw Failure("the model " + parts_->name + " does not tell what composing takes. Leave --compose out");
  const auto found = parts_->generate(driving, {"prediction", "deformation", "occlusion_map"});
  auto batch = copied(found[0], 3 * static_cast<std::size_t>(parts_->width) * parts_->height);
  if (parts_->grey) take_colours_out(batch);
  const auto shape = found[1].GetTensorTypeAndShapeInfo().GetShape();
  if (shape.size() != 4 || std::min(shape[1], shape[2]) < LEAST_FLOW || std::max(shape[1], shape[2]) > MOST_SIDE)
    throw Failure("the generator gives a flow that this program does not take. Export the model again");
  const auto cells = static_cast<std::size_t>(shape[1] * shape[2]);
  return {
      to_picture(batch.data(), parts_->width, parts_->height),
      {copied(found[1], 2 * cells), copied(found[2], cells), static_cast<int>(shape[2]), static_cast<int>(shape[1])}};
}
