"""Faces of a picture: finding them, cutting them out, putting them back."""
