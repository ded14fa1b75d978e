"""Files and their names: results that appear complete or not at all, locks, and what killed runs left."""
