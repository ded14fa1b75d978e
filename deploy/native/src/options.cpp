#include "options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <vector>

#include "failure.h"

const char* const USAGE = R"(fom-native MODEL SOURCE (--motion FILE | --driving FOLDER) --output FOLDER

  MODEL            folder that `fom export` wrote
  SOURCE           PNG or JPEG picture that a face fills; of another shape, the square in its middle is taken
  --crop X0,Y0,X1,Y1  where the face with its surroundings is in SOURCE, in pixels; it may reach past the border
  --compose        whole pictures: the face moves where it is in SOURCE, whose own pixels move where they can
  --motion FILE    a performance as `fom motion` saves it (.safetensors)
  --driving FOLDER pictures of a performer in place of it, PNG or JPEG, in the order of their names, 25 a second
  --output FOLDER  where the frames go, as PNG
  --gain NUMBER    how much of the movement is taken (0 to 3; 1)
  --precision NAME of the generator: float32, float16 or int8 (float32)
  --threads NUMBER processor threads (1)
)";

namespace {

constexpr int MOST_PLACE = 32768;
constexpr int LEAST_SIDE = 8, MOST_SIDE = 8192;

double number(const std::string& option, const std::string& word, double least, double most) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end || !(value >= least && value <= most)) {
    char range[64];
    std::snprintf(range, sizeof range, " takes a number from %g to %g, not ", least, most);
    throw Failure(option + range + word);
  }
  return value;
}

/** Four whole numbers between commas. */
Box box(const std::string& word) {
  Box result;
  int read = 0;
  const bool fits =
      std::sscanf(word.c_str(), "%9d,%9d,%9d,%9d%n", &result[0], &result[1], &result[2], &result[3], &read) == 4 &&
      read == static_cast<int>(word.size());
  const auto near = [](int place) { return std::abs(place) <= MOST_PLACE; };
  const auto fair = [](int side) { return side >= LEAST_SIDE && side <= MOST_SIDE; };
  if (!fits || !std::all_of(result.begin(), result.end(), near) || !fair(result[2] - result[0]) ||
      !fair(result[3] - result[1])) {
    throw Failure("--crop takes left,top,right,bottom in pixels, such as 40,20,300,280, not " + word);
  }
  return result;
}

}  // namespace

Options read_options(int count, char** words) {
  Options options;
  std::vector<std::string> places;
  const std::map<std::string, std::function<void(const std::string&)>> takes{
      {"--motion", [&](const std::string& word) { options.motion = word; }},
      {"--driving", [&](const std::string& word) { options.driving = word; }},
      {"--crop", [&](const std::string& word) { options.crop = box(word); }},
      {"--output", [&](const std::string& word) { options.output = word; }},
      {"--precision", [&](const std::string& word) { options.precision = word; }},
      {"--gain", [&](const std::string& word) { options.gain = static_cast<float>(number("--gain", word, 0, 3)); }},
      {"--threads",
       [&](const std::string& word) { options.threads = static_cast<int>(number("--threads", word, 1, 64)); }},
  };
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    if (word == "--help" || word == "-h") {
      options.help = true;
      return options;
    }
    if (word == "--compose") {
      options.compose = true;
      continue;
    }
    const auto found = takes.find(word);
    if (found != takes.end() && at + 1 < count)
      found->second(words[++at]);
    else if (word.starts_with("--"))
      throw Failure(word + (found == takes.end() ? " is not an option" : " wants something after it") + ". See --help");
    else
      places.push_back(word);
  }
  if (places.size() != 2) throw Failure("a folder with a model and a picture are wanted. See --help");
  if (options.motion.empty() == options.driving.empty())
    throw Failure("either --motion or --driving is wanted. See --help");
  if (options.output.empty()) throw Failure("--output is wanted: a folder for the frames. See --help");
  options.model = places[0];
  options.source = places[1];
  return options;
}
