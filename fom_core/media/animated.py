"""Animated pictures out: GIF with one palette for all frames, WebP and AVIF, which keep alpha."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

from ..errors import MediaError
from ..files.paths import reserve_temporary
from ..files.reserved import release
from . import ffmpeg
from .animation import delays_of
from .chroma import to_bt709
from .encoders import has_codec, require_codec
from .piped import PipedResult, run_to_end
from .read import VideoReader

log = logging.getLogger(__name__)

ANIMATED_SUFFIXES = frozenset({".gif", ".webp", ".avif"})
_CODECS = {".webp": "libwebp_anim", ".avif": "libaom-av1"}
_LARGEST = {".gif": 65535, ".webp": 16383, ".avif": 65535}  # pixels in a side
_GIF_RATE = 50  # viewers show delays below 2/100 s as 10/100 s
_STEADY = "dither=bayer:bayer_scale=4"  # the same pattern in every frame: what does not move takes no bytes
_ALPHA = "alphaextract,setparams=colorspace=unknown:range=pc"  # or AV1 takes it for RGB, and refuses grey
_ALPHA_CRF = 10  # outlines show


class MovingPicture(PipedResult):
    """A GIF, animated WebP or AVIF being written under a temporary name."""

    has_audio = False

    def __init__(
        self, path: Path, rate: Fraction, sound: VideoReader | None, crf: int, loop: int, *, synthetic: bool
    ) -> None:
        """``loop``: how often it plays; 0: for ever. Raises MediaError where ffmpeg lacks the encoder."""
        suffix = path.suffix.lower()
        if suffix in _CODECS:
            require_codec(_CODECS[suffix], suffix)
        if sound is not None and sound.has_audio:
            log.warning("%s files hold no sound; that of %s is left out.", suffix, sound.path)
        super().__init__(path, rate, synthetic=synthetic)
        self._crf = crf
        self._loop = loop
        self._aside: list[Path] = []  # of a GIF: all frames, and their palette

    def finish(self, frame_count: int) -> None:
        """Complete the file and give it its name."""
        assert self._process is not None
        ending = self._process.end()
        if self._suffix == ".gif":
            counted = frame_count if self._rate <= _GIF_RATE else None
            if not all(self._is_whole(path, ending, counted) for path in self._aside):
                raise self._failed(ending)
            frame_count = ending.frames or 0
            ending = run_to_end(*self._from_palette())
            self._drop_aside()
        whole = self._is_whole(self._temporary, ending, None if self._suffix == ".webp" else frame_count)
        if not whole or (self._suffix == ".webp" and not self._lasts(frame_count)):
            raise self._failed(ending)
        self._hand_over()

    def discard(self) -> None:
        """Stop ffmpeg and leave nothing behind."""
        if self._process is not None:
            self._process.kill()
        self._drop_aside()
        super().discard()

    def _drop_aside(self) -> None:
        for path in self._aside:
            release(path)

    def _command(self, height: int, width: int, channels: int) -> list[str]:
        most = _LARGEST[self._suffix]
        if max(height, width) > most:
            raise MediaError(
                f"{self._suffix} files hold up to {most} pixels in a side, and the frames have {width}x{height}. "
                "Make them smaller (fom: --scale or --max_size), or name the output .mp4."
            )
        command = ["-v", "error", "-y", *self._frames_in(height, width, channels)]
        if self._suffix == ".gif":
            return [*command, *self._to_palette()]
        target = f"file:{self._temporary}"
        if self._suffix == ".webp":
            quality = max(0, 100 - self._crf * 5 / 6)  # 85 where H.264 has 18: both have 40 to 43 dB
            codec = ["-c:v", _CODECS[".webp"], "-pix_fmt", "bgra", "-quality", f"{quality:g}"]
            return [*command, *codec, "-loop", str(self._loop), target]
        # Browsers take numbers of AVIF for what they say, so these are sRGB's. Not of full range, as other writers have
        # it: of what moves, Chromium 156 takes that for television's, and shows more contrast. Alpha it reads as it is.
        to_srgb = ",".join(to_bt709(height, width, "yuv420p", keep_odd=True, curve="iec61966-2-1"))
        if channels == 4:
            graph = f"split[c][a];[c]{to_srgb}[colour];[a]{_ALPHA}[alpha]"
            streams = ["-filter_complex", graph, "-map", "[colour]", "-map", "[alpha]"]
        else:
            streams = ["-vf", to_srgb]
        crf = min(63, self._crf + 6)  # looks the same as H.264's
        codec = ["-c:v", _CODECS[".avif"], "-crf", str(crf), "-b:v", "0", "-cpu-used", "8", "-row-mt", "1"]
        codec += ["-crf:v:1", str(min(crf, _ALPHA_CRF))] if channels == 4 else []
        codec += ["-loop", str(self._loop)] if self._loop else []
        return [*command, *streams, *codec, "-fflags", "+bitexact", target]

    def _to_palette(self) -> list[str]:
        """The first way through the frames of a GIF: keep them without loss, and find the colours that serve them all.

        With a palette for every frame, pixels that stand still would get other numbers each time, and bytes.
        """
        self._aside = [reserve_temporary(self.path.with_name(self.path.name + end)) for end in (".nut", ".png")]
        frames, palette = (f"file:{path}" for path in self._aside)
        slower = f"fps={_GIF_RATE}," if self._rate > _GIF_RATE else ""
        graph = f"[0:v]{slower}split[all][b];[b]palettegen=stats_mode=full[palette]"
        lossless = ["libx264rgb", "-qp", "0", "-preset", "ultrafast"] if has_codec("libx264rgb") else ["ffv1"]
        kept = ["-map", "[all]", "-c:v", *lossless, frames]
        return ["-filter_complex", graph, *kept, "-map", "[palette]", "-f", "image2", "-update", "1", palette]

    def _from_palette(self) -> list[str]:
        """The second way: every frame in those colours, and of each only what differs from the one before."""
        frames, palette = self._aside
        inputs = [*ffmpeg.input_of(frames), "-f", "png_pipe", "-i", f"file:{palette}"]  # of any name, also with a %
        plays = {0: 0, 1: -1}.get(self._loop, self._loop - 1)  # the file says how often it plays again
        graph = f"[0:v][1:v]paletteuse={_STEADY}"
        target = f"file:{self._temporary}"
        return ["-v", "error", "-y", *inputs, "-filter_complex", graph, "-loop", str(plays), target]

    def _lasts(self, frame_count: int) -> bool:
        """Whether a WebP is as long as its frames: ffmpeg counts one frame, whatever went in. A still has no times."""
        delays = delays_of(self._temporary.read_bytes())
        return not delays or abs(sum(delays) / 1000 - frame_count / self._rate) < 1 / self._rate
