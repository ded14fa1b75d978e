"""The stages one by one, on values in memory: crops, networks, two drivers, pasting.

Wants ``group.jpg`` and ``driver.mp4`` in the working folder.
"""

import numpy as np

import fom_core

picture = fom_core.read_picture("group.jpg")
frames, fps = fom_core.read_video("driver.mp4", length_s=0.3)  # short ones at once: (T, H, W, 3) uint8
model = fom_core.load_model("mini", device="cpu")

# Faces by hand, or of another detector: boxes (N, 4) in pixels become face regions with their crops.
found = fom_core.detect_faces(picture, "embedded")
faces = fom_core.regions_from_boxes(np.array([face.box_px for face in found]), picture.shape[:2])
crops = [fom_core.crop_face(picture, face, model.config.image_size) for face in faces]

# Where the driver is, its motion, and the same one backwards: several drivers on one clock, one a face.
view = fom_core.find_view(model, frames)
motion = fom_core.read_motion(model, frames, fps, box=view.box)
backwards = motion.pick(range(len(motion))[::-1])
first, second = fom_core.align_drivers([motion, backwards], fps, smoothing=0.15, length="shortest")
drivers = [first, second][: len(faces)]

# The faces alone: a tensor (t, C, H, W) in [0, 1] for each, to be changed by anything; then pasted.
transfer = fom_core.MotionTransfer(initial_frame="best")
pasted = [
    fom_core.paste(picture, faces, [face.movedim(1, -1) for face in painted], mask="soft")
    for painted in fom_core.animate(model, crops, drivers, transfer)
]
fom_core.write_picture("frame.png", pasted[-1][-1])
