"""Synthetic people for training: heads that turn and make faces, from an open body model and from photographs."""
