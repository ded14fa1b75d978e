"""Frames through a pipe into an encoded video file, and the driver's sound beside them."""

from __future__ import annotations

import logging
import signal
import subprocess
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import MediaError, UsageError
from ..files import missing_folders, remove_empty, reserve_temporary, unwritable
from . import ffmpeg
from .encoders import ENCODERS, SOFTWARE, options_of, require_encoder
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

    def __init__(self, path: Path, rate: Fraction, sound: VideoReader | None, crf: int, encoder: str | None) -> None:
        self.path = path
        self._suffix = path.suffix.lower()
        self._rate = rate
        self._crf = crf
        self._encoder = encoder or SOFTWARE
        if encoder is not None and self._suffix not in H264_SUFFIXES:
            raise UsageError(
                f"The encoder {encoder} makes H.264, which {self._suffix} files do not hold. Name the output "
                f"{', '.join(sorted(H264_SUFFIXES))}, or leave the encoder out."
            )
        require_encoder(self._encoder)
        self._sound = sound if sound is not None and sound.has_audio else None
        if self._sound and self._suffix not in _COPIED_SOUND:
            log.warning("%s files hold no sound; that of %s is left out.", self._suffix, self._sound.path)
            self._sound = None
        self._made = missing_folders(path)
        self._temporary = reserve_temporary(path)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _end
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def has_audio(self) -> bool:
        return self._sound is not None

    def write(self, frames: np.ndarray) -> None:
        """Hand (T, H, W, C) frames to the encoder, C = 3 or, where the container keeps alpha, 4."""
        if self._process is None:
            self._process = ffmpeg.start(
                *self._command(*frames.shape[1:]),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frames).data.cast("B"))
        except OSError:  # a broken pipe, which Windows calls an invalid argument
            raise self._failed() from None

    def finish(self, frame_count: int) -> None:
        """Complete the file, add the sound and give the file its name."""
        assert self._process is not None
        try:
            self._process.communicate()
        except OSError:
            raise self._failed() from None
        if self._process.returncode:
            raise self._failed()
        if self._sound:
            self._add_sound(self._sound, float(frame_count / self._rate))
        try:
            self._temporary.replace(self.path)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._complaints.close()

    def replaces(self, path: Path) -> bool:
        """Whether a file will give way to the video."""
        return self.path.exists() and self.path.samefile(path)

    def discard(self) -> None:
        """Stop the encoder and leave nothing behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            with suppress(OSError):
                self._process.stdin.close()
        self._temporary.unlink(missing_ok=True)
        remove_empty(self._made)
        self._complaints.close()

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
        return [*command, "-vf", ",".join(filters), *codec, f"file:{self._temporary}"]

    def _add_sound(self, driver: VideoReader, length_s: float) -> None:
        """Put the driver's sound, cut to the length of the video, beside the finished pictures."""
        copied, codec = _COPIED_SOUND[self._suffix]
        target = reserve_temporary(self.path)
        sound = ["-ss", f"{driver.start_s:.6f}", "-t", f"{length_s:.6f}", *ffmpeg.input_of(driver.path)]
        command = ["-v", "error", "-y", *ffmpeg.input_of(self._temporary), *sound, "-map", "0:v:0", "-map", "1:a:0"]
        command += ["-c:v", "copy", "-c:a", "copy" if driver.audio_codec in copied else codec]
        command += ["-movflags", "+faststart"] if self._suffix in {".mp4", ".mov"} else []
        process = ffmpeg.start(*command, f"file:{target}", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, report = process.communicate()
            if process.returncode:
                reason = ffmpeg.first_complaint(report.decode("utf-8", "replace"))
                log.warning("The sound of %s cannot be used (%s); %s is silent.", driver.path, reason, self.path)
                self._sound = None
            else:
                target.replace(self._temporary)
        finally:
            process.kill()
            target.unlink(missing_ok=True)

    def _failed(self) -> MediaError:
        assert self._process is not None
        self._process.wait()
        self._complaints.seek(0)
        reason = ffmpeg.first_complaint(self._complaints.read().decode("utf-8", "replace"))
        if self._process.returncode == -signal.SIGKILL:
            return MediaError(
                f"Cannot write {self.path}: the encoder stopped (the system ended it, as it does when memory runs "
                "out). Close other programs, or use a smaller picture."
            )
        return MediaError(
            f"Cannot write {self.path}: the encoder stopped ({reason}). Check the space left on the disk."
        )


def _repeat_last(row: int, column: int) -> str:
    """Filter that makes sides even, as H.264 in 4:2:0 needs, by repeating the last row or column."""
    return f"pad=iw+{column}:ih+{row},fillborders=right={column}:bottom={row}:mode=smear"
