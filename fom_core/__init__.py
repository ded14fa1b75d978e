"""First Order Motion: animate the faces of a picture with the motion of a video."""
