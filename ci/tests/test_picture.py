# SPDX-License-Identifier: MIT
import struct
import unittest
import zlib

from tool import desktop, picture
from tool.base import WeftError

TINY = b"P6\n# made by hand\n2 1\n255\n" + bytes([255, 0, 0, 0, 0, 255])


class Pictures(unittest.TestCase):
    def test_ppm(self):
        p = picture.read_ppm(TINY)
        self.assertEqual((p.width, p.height, p.pixel(1, 0), p.colours()), (2, 1, (0, 0, 255), 2))

    def test_short_ppm(self):
        with self.assertRaises(WeftError):
            picture.read_ppm(TINY[:-1])
        with self.assertRaises(WeftError):
            picture.read_ppm(b"P6 2")

    def test_png_holds_the_pixels(self):
        data = picture.png(picture.read_ppm(TINY))
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        at, body = 8, b""
        while at < len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            part = data[at + 8:at + 8 + size]
            self.assertEqual(struct.unpack_from(">I", data, at + 8 + size)[0],
                             zlib.crc32(kind + part))
            body += part if kind == b"IDAT" else b""
            at += 12 + size
        self.assertEqual(zlib.decompress(body), b"\0" + TINY[-6:])

    def test_changed(self):
        p = picture.read_ppm(TINY)
        q = picture.Picture(2, 1, bytes([255, 0, 0, 1, 0, 255]))
        self.assertEqual(p.changed(q), 0.5)
        self.assertEqual(p.crop(1, 0, 1, 1).data, bytes([0, 0, 255]))


class Typing(unittest.TestCase):
    def test_keys(self):
        self.assertEqual(desktop.key_names("a"), ["a"])
        self.assertEqual(desktop.key_names("A"), ["shift", "a"])
        self.assertEqual(desktop.key_names("|"), ["shift", "backslash"])
        with self.assertRaises(WeftError):
            desktop.key_names("\u00e9")

    def test_chords(self):
        class Monitor:
            sent = []

            def keys(self, *names, hold):
                self.sent.append(names)

        desktop.type_text(Monitor(), "x<meta_l-ret><less>", pause=0)
        self.assertEqual(Monitor.sent, [("x",), ("meta_l", "ret"), ("shift", "comma")])
