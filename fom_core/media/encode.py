"""Frames through a pipe into an encoded video file, and the driver's sound beside them."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..files.paths import reserve_temporary
from ..files.reserved import release
from . import ffmpeg, label
from .chroma import SITED, to_bt709
from .encoders import ENCODERS, SOFTWARE, options_of, require_encoder
from .piped import PipedResult, run_to_end
from .process import Ending, first_complaint
from .program import executable
from .read import VideoReader

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".gif"})
H264_SUFFIXES = frozenset({".mp4", ".mov", ".mkv"})
ALPHA_SUFFIXES = frozenset({".webm", ".png", ".webp", ".avif", ".tif", ".tiff", ""})  # "": a folder of PNGs
_COPIED_SOUND = {  # codecs that enter the container as they are, and the one that others are encoded to
    ".mp4": ({"aac", "mp3", "ac3", "eac3"}, "aac"),
    ".mov": ({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le"}, "aac"),
    ".mkv": ({"aac", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", "pcm_s16le"}, "aac"),
    ".webm": ({"opus", "vorbis"}, "libopus"),
}
# What the chips that decode H.264 take: level 5.2, and no side above 4096 pixels.
_DECODED_SIDE, _DECODED_BLOCKS, _DECODED_BLOCKS_A_SECOND = 4096, 36864, 2073600  # blocks of 16x16 pixels


class EncodedVideo(PipedResult):
    """One video file being written under a temporary name; ffmpeg starts with the first frame."""

    def __init__(
        self, path: Path, rate: Fraction, sound: VideoReader | None, crf: int, encoder: str | None, *, synthetic: bool
    ) -> None:
        self._crf = crf
        self._encoder = encoder or SOFTWARE
        executable()  # before any work is done
        require_encoder(self._encoder)
        super().__init__(path, rate, synthetic=synthetic)
        self._sound = sound if sound is not None and sound.has_audio else None

    @property
    def has_audio(self) -> bool:
        return self._sound is not None

    def finish(self, frame_count: int) -> None:
        """Complete the file, add the sound and give the file its name."""
        assert self._process is not None
        ending = self._process.end()
        if not self._is_whole(self._temporary, ending, frame_count):
            raise self._failed(ending)
        if self._sound:
            self._add_sound(self._sound, frame_count)
        self._hand_over()

    def _command(self, height: int, width: int, channels: int) -> list[str]:
        hardware = ENCODERS[self._encoder]
        command = ["-v", "error", "-y", *hardware.device.split(), *self._frames_in(height, width, channels)]
        webm = self._suffix == ".webm"
        filters = to_bt709(height, width, "yuva420p" if channels == 4 else "yuv420p", keep_odd=webm)
        if webm:
            # VP9 counts quality up to 63 where H.264 ends at 51; 12 more looks the same.
            codec = ["-c:v", "libvpx-vp9", "-crf", str(self._crf + 12), "-b:v", "0", "-row-mt", "1", "-cpu-used", "4"]
        else:
            self._warn_of_size(height, width)
            codec = options_of(self._encoder, self._crf)
            filters += hardware.filters
        if self._suffix in {".mp4", ".mov"} and not self._sound:
            codec += ["-movflags", "+faststart"]
        return [*command, "-vf", ",".join(filters), *codec, *SITED, *self._container(), f"file:{self._temporary}"]

    def _warn_of_size(self, height: int, width: int) -> None:
        blocks = -(-height // 16) * -(-width // 16)
        room = min(_DECODED_BLOCKS / blocks, _DECODED_BLOCKS_A_SECOND / float(blocks * self._rate))
        share = min(_DECODED_SIDE / max(height, width), room**0.5)
        if share < 1:
            smaller = max(2, int(max(height, width) * share) // 16 * 16)
            log.warning(
                "%s has %dx%d pixels, %.6g times a second: more H.264 (a level above 5.2) than the chips of phones, "
                "computers and television sets decode, so it may stutter or stay black. Make the picture smaller: "
                "--max_size %d.", self.path, width, height, self._rate, smaller,
            )  # fmt: skip

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
            release(target)

    def _mix(self, driver: VideoReader, frame_count: int, codec: str, target: Path) -> Ending:
        length_s = float(frame_count / self._rate)
        sound = ["-ss", f"{driver.start_s:.6f}", "-t", f"{length_s:.6f}"]
        sound += ffmpeg.input_of(driver.path, driver.max_pixels)
        command = ["-v", "error", "-y", *ffmpeg.input_of(self._temporary), *sound, "-map", "0:v:0"]
        command += ["-map", f"1:{driver.sound_track}", "-c:v", "copy", "-c:a", codec]
        command += ["-movflags", "+faststart"] if self._suffix in {".mp4", ".mov"} else []
        ending = run_to_end(*command, *self._container(), f"file:{target}")
        if ending.status or ending.frames != 0:
            return ending
        return replace(ending, frames=ffmpeg.frames_in(target))  # ffmpeg 7.0 counts none that it copies

    def _leave_sound_out(self, driver: VideoReader, ending: Ending) -> None:
        """Go on without sound that cannot be decoded; raise MediaError where it can, for then it is not to blame."""
        alone = run_to_end(
            "-v", "error", *ffmpeg.input_of(driver.path), "-map", f"0:{driver.sound_track}", "-f", "null", "-"
        )
        if not alone.status and not alone.died:
            raise self._failed(ending)
        reason = first_complaint(ending.said)
        log.warning("The sound of %s cannot be used (%s); the result is silent.", driver.path, reason)
        self._sound = None
