"""Texts that people and other programs write: JSON, CSV, YAML; options with the place they stand at; tables."""
