"""What makes a release: the embedded models. Run from a clone, as ``python -m tools.NAME``; no part of the package."""
