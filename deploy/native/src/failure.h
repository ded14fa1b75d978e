#pragma once

#include <stdexcept>

/** Something the user can mend: one line that says what was wanted, what was found and what to do. */
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
