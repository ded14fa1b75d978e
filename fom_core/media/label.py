"""What every result says of itself: that it is synthetic. Its words are decided here, and where videos keep them.

The label names the tool and says nothing of the picture, the driver or the user; it is the same in every run, and so
are the bytes of a result. Where a format has a place for it, an XMP packet says the same to machines, by the term of
IPTC's vocabulary for media that a generative model altered.
"""

from __future__ import annotations

from ..version import version

TOOL = "ComfyUI-FOM"
# https://cv.iptc.org/newscodes/digitalsourcetype: existing media that was edited using generative AI. The term for what
# a model made from nothing, trainedAlgorithmicMedia, would deny the photograph underneath.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # what XMP packets are called in MP4 and JPEG 2000


def comment() -> str:
    """The label for people: one sentence, and the term for machines."""
    return f"Synthetic: faces animated by a model ({TOOL} {version()}). Digital source type: {SOURCE_TYPE}"


def xmp_packet() -> str:
    """The label for machines, in one line."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{comment()}</rdf:li></rdf:Alt></dc:description>'
        f"<xmp:CreatorTool>{TOOL} {version()}</xmp:CreatorTool>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def options_for(suffix: str) -> list[str]:
    """Arguments with which ffmpeg writes the label into a video."""
    options = ["-metadata", f"comment={comment()}"]
    if suffix == ".mov":
        options += ["-metadata", f"xmp={xmp_packet()}"]
    if suffix in {".mkv", ".webm"}:
        options += ["-metadata", f"DIGITAL_SOURCE_TYPE={SOURCE_TYPE}"]
    return options


def xmp_box() -> bytes:
    """The XMP packet in a box of its own."""
    packet = xmp_packet().encode()
    return (len(packet) + 24).to_bytes(4, "big") + b"uuid" + XMP_BOX + packet
