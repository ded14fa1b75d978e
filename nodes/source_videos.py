"""The faces of a video in Animate Face: moving each on its way through the frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
from comfy_api.latest import io

from ..fom_core.backends import Backend
from ..fom_core.compose import Composition
from ..fom_core.compose.windows import FaceWindows
from ..fom_core.motion import smooth
from ..fom_core.parallel.workers import workers_for
from ..fom_core.pipeline import driving_motions
from ..fom_core.source_video import SourceOptions, VideoPainter, moving_tracks, read_source_motions
from ..fom_core.source_video.frames import in_frames
from ..fom_core.types import Generated, Motion
from . import host, motions
from .canvases import newest
from .drivers import Driver, sound_of
from .face_results import Result
from .kept import Kept, identity_of, source_motions
from .room import foresee
from .sockets import PictureFaces, Tuned
from .video_frames import VIDEO, Frames

log = logging.getLogger(__name__)
MANY = 8  # pictures that are more likely a video
ADVICE = (
    "If that is too much, use fewer frames or faces; or connect the VIDEO itself to Animate Picture, which needs the "
    "same memory for any length."
)
KEYPOINTS = 0.3  # share of the progress bar at which the source's keypoints are there


def tell_many(faces: PictureFaces, length: int) -> None:
    """A line before many pictures become many animations, where a video may have been meant."""
    used = sum(1 for members in faces.sets if len(members))
    if used >= MANY:
        log.warning(
            "Each of %d pictures becomes an animation of %d frames, %d pictures in all. If they are the frames of one "
            "video, say so in Detect Faces: its batch is then '%s', and so is the result.",
            used, length, used * length, VIDEO,
        )  # fmt: skip


class VideoFaces:
    """The faces of a video on their way, with what drives them."""

    def __init__(
        self,
        network: Backend,
        faces: PictureFaces,
        reading: motions.Reading,
        tuned: Tuned,
        options: SourceOptions,
        kept: Kept,
        pose: Motion | None = None,
    ) -> None:
        assert faces.tracks is not None
        self._kept, self._identity = kept, identity_of(faces.pictures)
        self._network, self._tracks, self._reading = network, faces.tracks, reading
        self._video, self._channels = Frames(faces.pictures), 4 if faces.pictures.shape[-1] == 4 else 3
        self._tuned, self._fps, self._options = tuned, tuned.fps, options
        generator = network.config.generator
        self._composes = generator.dense_motion is not None and generator.estimate_occlusion_map
        moving = motions.posed(reading.motions, pose, tuned.transfer.initial_frame, keep_head=options.keep_head)
        calm = [smooth(motion, tuned.smoothing) for motion in moving]
        self._drivers = driving_motions(network, calm, len(self._tracks))
        self.length = options.frame_count(self._tracks, self._drivers, tuned.fps)

    def animated(
        self,
        compose: bool,
        chunk_size: int,
        progress: host.Progress,
        opened: Sequence[Driver],
    ) -> io.NodeOutput:
        """The outputs of Animate Face: a batch of frames for each face, as long as the video."""
        compose = compose and self._composes
        windows = [FaceWindows(track, self._tracks) for track in self._tracks]
        painted_size = self._network.config.image_size
        shapes = [(*window.size, self._channels) if compose else (*painted_size, 3) for window in windows]
        counted = [(self.length, *shape) for shape in shapes]
        foresee("Animate Face", [*counted, *[(self.length, *painted_size)] * len(shapes)], ADVICE)
        results = [Result(self._network, self.length, *shape) for shape in shapes]
        painting = self._painted(compose, chunk_size, progress)
        seen: list[list[int]] = [[] for _ in results]
        for number, whole, generated in painting:
            for face, made in generated.items():
                seen[face].append(number)
                results[face].add(number, made, made.prediction if whole is None else cut(whole, windows[face], number))
            if whole is not None:
                for face in range(len(results)):
                    if face not in generated:
                        host.fill(results[face].frames[number : number + 1], cut(whole, windows[face], number))
            shown = next(iter(generated.values()), None)
            picture = newest(shown) if shown is not None and progress.wants_preview else None
            done = KEYPOINTS + (1 - KEYPOINTS) * (number + 1) / self.length
            progress.show(round(motions.WHOLE * done), motions.WHOLE, picture)
        if not compose:
            for result, known in zip(results, seen, strict=True):
                result.fill(known)
        return io.NodeOutput(
            [result.frames for result in results],
            [result.occlusion for result in results],
            [host.to_masks(result.area.mask()) for result in results],
            self._reading.motions,
            self._fps,
            sound_of(opened, self.length / self._fps),
        )

    def _painted(
        self, compose: bool, chunk_size: int, progress: host.Progress
    ) -> Iterator[tuple[int, np.ndarray | None, dict[int, Generated]]]:
        """Frame by frame its number, the composed frame if that is wanted, and what each face in it became."""
        tracks, network = self._tracks, self._network
        reading = motions.part_of(progress, motions.READING, KEYPOINTS, tracks.frame_count)
        own = source_motions(
            self._kept, self._identity, tracks, self._fps,
            lambda: read_source_motions(
                network, self._video, tracks, self._fps, chunk_size=chunk_size, progress=reading
            ),
        )  # fmt: skip
        faces, length = moving_tracks(
            network, tracks, own, self._drivers,
            transfer=self._tuned.transfer, options=self._options, fps=self._fps,
        )  # fmt: skip
        composition = Composition() if compose else Composition("box")
        painter = VideoPainter(network, tracks, faces, composition, chunk_size)
        with workers_for(network, chunk_size) as workers:
            for chunk in in_frames(self._video, tracks, range(length), chunk_size):
                painted = painter.paint(chunk, workers)
                wholes = painter.whole(painted) if compose else [None] * len(painted)
                for frame, whole in zip(painted, wholes, strict=True):
                    members = zip(frame.seen.faces, frame.generated, strict=True)
                    yield frame.seen.number, whole, {face.id: made for face, made in members}


def cut(frame: np.ndarray, windows: FaceWindows, number: int) -> np.ndarray:
    """A face's window out of a frame: (1, h, w, C)."""
    left, top, right, bottom = windows.rect(number)
    return frame[None, top:bottom, left:right]
