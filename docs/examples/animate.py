"""A picture and a driving video become a video with sound, stage by stage, as ``fom animate`` does it.

Wants ``group.jpg`` and ``driver.mp4`` in the working folder.
"""

import fom_core

# Read: a picture is an array (H, W, 3), uint8 RGB; a VideoReader gives one frame of it after the other.
picture = fom_core.read_picture("group.jpg")
driver = fom_core.VideoReader("driver.mp4")

# Detect, then choose as --faces and --order do: "all", "2", "1,3", "2-4"; None is the most prominent face.
detector = fom_core.load_detector("auto")
faces = fom_core.detect_faces(picture, detector)
faces = fom_core.select_faces(faces, "1", order="largest first", picture=picture, detector=detector)

# The model, at the size that faces are painted at; without at_size at its own.
model = fom_core.load_model("mini", device="auto").at_size(128)

# The driver's motion: its face is found and followed; keypoints of all frames are kilobytes.
motion = fom_core.read_driver(model, driver, driver.fps, detector)
fom_core.save_motion(motion, "driver.motion.safetensors")  # to use on other pictures
motion = fom_core.smooth(fom_core.load_motion("driver.motion.safetensors"), 0.15)

# How the motion is given to the faces.
transfer = fom_core.MotionTransfer(initial_frame="medoid", fade_in_s=0.3, gain=1.0)

# Animate and compose, chunk by chunk: (t, H, W, 3). An enhancer restores the faces; it wants the extra `enhance` and
# `fom weights download gfpgan`: fom_core.FaceEnhancer(fom_core.load_restorer("gfpgan"))
enhancer = None
with driver, fom_core.VideoWriter("out.mp4", driver.rate, audio_from=driver) as out:
    for frames in fom_core.animate_picture(model, picture, faces, motion, transfer, enhance=enhancer):
        out.write(frames)
