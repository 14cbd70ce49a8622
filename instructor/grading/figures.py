"""Figures from student code: which PNG may be shown on a page."""

import base64
import binascii
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}  # no text, no profile, nothing unknown
LARGEST_BYTES = 2 * 2**20
LARGEST_SIDE_PX = 4000


def clean_png(encoded: str) -> str | None:
    """Rebuild a PNG from its essential chunks alone.

    Args:
        encoded: base64.

    Returns:
        A PNG in base64; None if it is invalid or too large.

    Source of the format: W3C, Portable Network Graphics, section 5.
    """
    if len(encoded) > LARGEST_BYTES * 4 // 3:
        return None
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
        kept = [chunk for chunk in _chunks(content) if chunk[4:8] in KEPT]
        width, height = struct.unpack(">II", kept[0][8:16])
    except (binascii.Error, struct.error, ValueError, IndexError):
        return None
    sized = 0 < width <= LARGEST_SIDE_PX and 0 < height <= LARGEST_SIDE_PX
    if not sized or kept[0][:8] != b"\0\0\0\x0dIHDR" or kept[-1][4:8] != b"IEND":
        return None
    return base64.b64encode(SIGNATURE + b"".join(kept)).decode()


def _chunks(content: bytes):
    """Yield length, kind, body and checksum of each chunk as they are; the checksums are verified."""
    if not content.startswith(SIGNATURE):
        raise ValueError("not a PNG")
    place = len(SIGNATURE)
    while place < len(content):
        end = place + 12 + struct.unpack(">I", content[place : place + 4])[0]
        chunk = content[place:end]
        if end > len(content) or chunk[-4:] != struct.pack(">I", zlib.crc32(chunk[4:-4])):
            raise ValueError("damaged")
        yield chunk
        place = end
