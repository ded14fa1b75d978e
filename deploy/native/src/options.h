#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "picture.h"

extern const char* const USAGE;

/** What was asked for on the command line. */
struct Options {
  std::filesystem::path model, source, motion, driving, output;
  std::string precision = "float32";  // of the generator
  std::optional<Box> crop;            // of the face in the source
  bool compose = false;
  float gain = 1;
  int threads = 1;
  bool help = false;
};

/** Read the command line. Throws Failure where it makes no sense. */
Options read_options(int count, char** words);
