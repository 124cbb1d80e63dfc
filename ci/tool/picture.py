# SPDX-License-Identifier: MIT
"""Pictures of the guest's screen: PPM as QEMU writes it, PNG as we keep it, and looks at both."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from .base import WeftError


@dataclass
class Picture:
    width: int
    height: int
    data: bytes     # rows of RGB triples

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return tuple(self.data[at:at + 3])

    def crop(self, x, y, width, height):
        rows = [self.data[((y + r) * self.width + x) * 3:((y + r) * self.width + x + width) * 3]
                for r in range(height)]
        return Picture(width, height, b"".join(rows))

    def colours(self):
        """How many different colours there are; a blank screen has one."""
        data = self.data
        return len({data[i:i + 3] for i in range(0, len(data), 3)})

    def changed(self, other):
        """The share of pixels that differ from another picture of the same size."""
        if (self.width, self.height) != (other.width, other.height):
            return 1.0
        a, b = memoryview(self.data), memoryview(other.data)
        row = self.width * 3
        count = 0
        for start in range(0, len(a), row):
            if a[start:start + row] != b[start:start + row]:
                count += sum(1 for i in range(start, start + row, 3) if a[i:i + 3] != b[i:i + 3])
        return count / (self.width * self.height)


def read_ppm(data):
    """A binary PPM with 8 bits per channel."""
    words = []
    at = 0
    while len(words) < 4:
        while at < len(data) and data[at:at + 1].isspace():
            at += 1
        if data[at:at + 1] == b"#":
            at = data.index(b"\n", at) + 1
            continue
        end = at
        while end < len(data) and not data[end:end + 1].isspace():
            end += 1
        if end == at:
            raise WeftError("not a whole PPM picture")
        words.append(data[at:end])
        at = end
    if words[0] != b"P6" or words[3] != b"255":
        raise WeftError("not a PPM picture of 8 bits per channel")
    width, height = int(words[1]), int(words[2])
    pixels = data[at + 1:at + 1 + width * height * 3]
    if len(pixels) != width * height * 3:
        raise WeftError("a PPM picture that ends early")
    return Picture(width, height, pixels)


def png(picture):
    """PNG bytes (ISO/IEC 15948): RGB, 8 bits, no row filter."""
    row = picture.width * 3
    raw = bytearray()
    for y in range(picture.height):
        raw += b"\0" + picture.data[y * row:(y + 1) * row]

    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body +
                struct.pack(">I", zlib.crc32(kind + body)))

    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
            chunk(b"IDAT", zlib.compress(bytes(raw), 6)) + chunk(b"IEND", b""))


def take(qmp, folder):
    """Photograph the guest's screen through the monitor."""
    path = Path(folder, "screen.ppm")
    qmp.screendump(path)
    picture = read_ppm(path.read_bytes())
    path.unlink()
    return picture
