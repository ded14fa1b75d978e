"""RGB frames into 4:2:0, with tags that say how, so that players show the colours that went in."""

from __future__ import annotations

from typing import Literal

# In the middle of four pixels: where ffmpeg puts it, and browsers look for it. Silent H.264 means their left side.
SITED = ["-chroma_sample_location", "center"]


def to_bt709(
    height: int, width: int, pixel_format: str, *, keep_odd: bool, curve: Literal["bt709", "iec61966-2-1"] = "bt709"
) -> list[str]:
    """Filters for frames of this size, into the range of television.

    keep_odd: whether the format holds odd sides; else they become even by repeating the last row or column.
    curve:    that the numbers are said to have: of videos, or of pictures, sRGB's.
    """
    row, column = height % 2, width % 2
    filters = [
        "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int",
        f"format={pixel_format}",
        f"setparams=colorspace=bt709:color_primaries=bt709:color_trc={curve}:range=tv",
    ]
    if row or column:
        even = f"pad=iw+{column}:ih+{row},fillborders=right={column}:bottom={row}:mode=smear"
        filters.insert(0, even)  # of odd sides ffmpeg takes the chroma at the corner, and colours shift by half a pixel
        if keep_odd:
            filters.append(f"crop={width}:{height}:0:0:exact=1")
    return filters
