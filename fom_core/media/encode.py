"""Frames through a pipe into an encoded video file, and the driver's sound beside them."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import FomError, MediaError, UsageError
from ..files import missing_folders, remove_empty, reserve_temporary, unwritable
from . import ffmpeg, label
from .encoders import ENCODERS, SOFTWARE, options_of, require_encoder
from .process import Ending, Ffmpeg, first_complaint
from .program import executable
from .read import VideoReader

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".gif"})
H264_SUFFIXES = frozenset({".mp4", ".mov", ".mkv"})
ALPHA_SUFFIXES = frozenset({".webm", ".png", ".webp", ".tif", ".tiff", ""})  # "": a folder of PNGs
_COPIED_SOUND = {  # codecs that enter the container as they are, and the one that others are encoded to
    ".mp4": ({"aac", "mp3", "ac3", "eac3"}, "aac"),
    ".mov": ({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le"}, "aac"),
    ".mkv": ({"aac", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", "pcm_s16le"}, "aac"),
    ".webm": ({"opus", "vorbis"}, "libopus"),
}
# The matrix and the tags say the same, so that players show the colours that went in.
_TO_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format={},"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
)
# At most 50 frames a second: viewers show delays below 2/100 s as 10/100 s. And a palette per frame: one for the whole
# video would have to hold all frames before the first is written.
_TO_GIF = (
    "fps=min(source_fps\\,50),split[a][b];[a]palettegen=stats_mode=single[p];"
    "[b][p]paletteuse=new=1:dither=bayer:bayer_scale=3"
)


class EncodedVideo:
    """One video file being written under a temporary name; ffmpeg starts with the first frame."""

    def __init__(
        self, path: Path, rate: Fraction, sound: VideoReader | None, crf: int, encoder: str | None, *, synthetic: bool
    ) -> None:
        self.path = path
        self._suffix = path.suffix.lower()
        self._rate = rate
        self._crf = crf
        self._encoder = encoder or SOFTWARE
        self._synthetic = synthetic
        if encoder is not None and self._suffix not in H264_SUFFIXES:
            raise UsageError(
                f"The encoder {encoder} makes H.264, which {self._suffix} files do not hold. Name the output "
                f"{', '.join(sorted(H264_SUFFIXES))}, or leave the encoder out."
            )
        executable()  # before any work is done
        require_encoder(self._encoder)
        self._sound = sound if sound is not None and sound.has_audio else None
        if self._sound and self._suffix not in _COPIED_SOUND:
            log.warning("%s files hold no sound; that of %s is left out.", self._suffix, self._sound.path)
            self._sound = None
        self._made = missing_folders(path)
        self._temporary = reserve_temporary(path)
        self._process: Ffmpeg | None = None

    @property
    def has_audio(self) -> bool:
        return self._sound is not None

    def write(self, frames: np.ndarray) -> None:
        """Hand (T, H, W, C) frames to the encoder, C = 3 or, where the container keeps alpha, 4."""
        if self._process is None:
            self._process = Ffmpeg(*self._command(*frames.shape[1:]), feed=True)
        try:
            for frame in frames:
                self._process.write(np.ascontiguousarray(frame).data.cast("B"))
        except OSError:  # a broken pipe, which Windows calls an invalid argument
            raise self._failed(self._process.end()) from None

    def finish(self, frame_count: int) -> None:
        """Complete the file, add the sound and give the file its name."""
        assert self._process is not None
        ending = self._process.end()
        expected = None if self._suffix == ".gif" else frame_count  # GIFs are slowed to 50 frames a second
        if not self._is_whole(self._temporary, ending, expected):
            raise self._failed(ending)
        if self._sound:
            self._add_sound(self._sound, frame_count)
        try:
            if self._synthetic:
                label.seal(self._temporary)
            self._temporary.replace(self.path)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def replaces(self, path: Path) -> bool:
        """Whether a file will give way to the video."""
        return self.path.exists() and self.path.samefile(path)

    def discard(self) -> None:
        """Stop the encoder and leave nothing behind."""
        if self._process is not None:
            self._process.kill()
        self._temporary.unlink(missing_ok=True)
        remove_empty(self._made)

    def _command(self, height: int, width: int, channels: int) -> list[str]:
        pixels = [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgba" if channels == 4 else "rgb24",
            "-video_size",
            f"{width}x{height}",
        ]
        hardware = ENCODERS[self._encoder]
        command = [
            "-v",
            "error",
            "-y",
            *hardware.device.split(),
            *pixels,
            "-framerate",
            str(self._rate),
            "-i",
            "pipe:0",
        ]
        filters = [_TO_BT709.format("yuva420p" if channels == 4 else "yuv420p")]
        if self._suffix == ".gif":
            return [*command, "-vf", _TO_GIF, "-loop", "0", f"file:{self._temporary}"]
        if self._suffix == ".webm":
            # VP9 counts quality up to 63 where H.264 ends at 51; 12 more looks the same.
            codec = ["-c:v", "libvpx-vp9", "-crf", str(self._crf + 12), "-b:v", "0", "-row-mt", "1", "-cpu-used", "4"]
        else:
            codec = options_of(self._encoder, self._crf)
            if height % 2 or width % 2:
                filters.insert(0, _repeat_last(height % 2, width % 2))
            filters += hardware.filters
        if self._suffix in {".mp4", ".mov"} and not self._sound:
            codec += ["-movflags", "+faststart"]
        return [*command, "-vf", ",".join(filters), *codec, *self._container(), f"file:{self._temporary}"]

    def _container(self) -> list[str]:
        """Arguments for what the file says of itself: the label, and no random numbers, which Matroska would have."""
        options = label.options_for(self._suffix) if self._synthetic else []
        return [*options, "-fflags", "+bitexact"] if self._suffix in {".mkv", ".webm"} else options

    def _add_sound(self, driver: VideoReader, frame_count: int) -> None:
        """Put the driver's sound, cut to the length of the video, beside the finished pictures.

        What does not fit the container as it is, is encoded; what cannot be used is left out with a warning.
        """
        copied, codec = _COPIED_SOUND[self._suffix]
        target = reserve_temporary(self.path)
        try:
            ending = self._mix(driver, frame_count, "copy" if driver.audio_codec in copied else codec, target)
            if ending.status and driver.audio_codec in copied and not (ending.unwritten or ending.died):
                ending = self._mix(driver, frame_count, codec, target)
            if self._is_whole(target, ending, frame_count):
                target.replace(self._temporary)
            elif ending.unwritten or ending.died:
                raise self._failed(ending)
            else:
                self._leave_sound_out(driver, ending)
        finally:
            target.unlink(missing_ok=True)

    def _mix(self, driver: VideoReader, frame_count: int, codec: str, target: Path) -> Ending:
        length_s = float(frame_count / self._rate)
        sound = ["-ss", f"{driver.start_s:.6f}", "-t", f"{length_s:.6f}"]
        sound += ffmpeg.input_of(driver.path, driver.max_pixels)
        command = ["-v", "error", "-y", *ffmpeg.input_of(self._temporary), *sound, "-map", "0:v:0"]
        command += ["-map", f"1:{driver.sound_track}", "-c:v", "copy", "-c:a", codec]
        command += ["-movflags", "+faststart"] if self._suffix in {".mp4", ".mov"} else []
        ending = _run(*command, *self._container(), f"file:{target}")
        if ending.status or ending.frames != 0:
            return ending
        return replace(ending, frames=ffmpeg.frames_in(target))  # ffmpeg 7.0 counts none that it copies

    def _leave_sound_out(self, driver: VideoReader, ending: Ending) -> None:
        """Go on without sound that cannot be decoded; raise MediaError where it can, for then it is not to blame."""
        alone = _run("-v", "error", *ffmpeg.input_of(driver.path), "-map", f"0:{driver.sound_track}", "-f", "null", "-")
        if not alone.status and not alone.died:
            raise self._failed(ending)
        reason = first_complaint(ending.said)
        log.warning("The sound of %s cannot be used (%s); %s is silent.", driver.path, reason, self.path)
        self._sound = None

    @staticmethod
    def _is_whole(path: Path, ending: Ending, frame_count: int | None) -> bool:
        """Whether an ffmpeg wrote all that it was to write."""
        counted = ending.frames is not None and (frame_count is None or ending.frames == frame_count)
        return not ending.status and counted and path.is_file() and path.stat().st_size > 0

    def _failed(self, ending: Ending) -> FomError:
        if ending.unwritten:
            return unwritable(self.path, OSError(0, ending.unwritten))
        reason = ending.reason
        if not ending.status and not ending.stalled:
            reason = f"it wrote {ending.frames or 0} frames only, and found nothing wrong"
        return MediaError(
            f"Cannot write {self.path}: the encoder stopped ({reason}). Try again with more memory free, or name "
            "another ffmpeg in the environment variable IMAGEIO_FFMPEG_EXE."
        )


def _run(*arguments: str) -> Ending:
    process = Ffmpeg(*arguments)
    try:
        return process.end()
    finally:
        process.kill()


def _repeat_last(row: int, column: int) -> str:
    """Filter that makes sides even, as H.264 in 4:2:0 needs, by repeating the last row or column."""
    return f"pad=iw+{column}:ih+{row},fillborders=right={column}:bottom={row}:mode=smear"
