# SPDX-License-Identifier: MIT
import unittest
from pathlib import Path

from tool import job, newc, symbols
from tool.base import WeftError

BOOT = b"noise\r\n@@weft-init\r\n\n@@weft-start n1\n"


class Splitting(unittest.TestCase):
    def feed(self, pieces):
        s = job.Splitter("n1")
        return b"".join(s.feed(p) for p in pieces), s

    def test_whole(self):
        out, s = self.feed([BOOT + b"hello\n\n@@weft-exit n1 7\n"])
        self.assertEqual((out, s.status, s.inited), (b"hello\n", 7, True))

    def test_every_cut(self):
        text = BOOT + b"a\n@@weft-exit n2 1\nb\r\n\n\n@@weft-exit n1 0\n"
        for cut in range(len(text)):
            out, s = self.feed([text[:cut], text[cut:]])
            self.assertEqual((out, s.status), (b"a\n@@weft-exit n2 1\nb\r\n\n", 0), cut)

    def test_byte_by_byte(self):
        text = BOOT + b"no newline\n@@weft-exit n1 143\n"
        out, s = self.feed([text[i:i + 1] for i in range(len(text))])
        self.assertEqual((out, s.status), (b"no newline", 143))

    def test_output_is_not_kept_back(self):
        out, s = self.feed([BOOT, b"prompt> "])
        self.assertEqual((out, s.status), (b"prompt> ", None))

    def test_a_forged_mark_needs_the_nonce(self):
        out, s = self.feed([BOOT + b"\n@@weft-exit x 0\n"])
        self.assertIsNone(s.status)


class Overlay(unittest.TestCase):
    def test_words_are_ended_by_nul(self):
        data = job.overlay(job.Job(["sh", "-c", "a b"], env={"X": "1"}), "n1", "/dev/vda3")
        entries = {n: d for n, _, d in newc.read(data)}
        self.assertEqual(entries["job/cmd"], b"sh\0-c\0a b\0")
        self.assertIn(b"X=1\0", entries["job/env"])
        self.assertEqual(entries["job/root"], b"/dev/vda3\n")

    def test_missing_file_is_an_error(self):
        with self.assertRaises(WeftError):
            job.overlay(job.Job(["x"], add=["/no/such/file"]), "n1")


class Backtraces(unittest.TestCase):
    def test_addresses_without_a_kernel(self):
        text = symbols.backtraces("x @@bt ffffffff80001000 0xffffffff80002001 end", Path("/none"))
        self.assertEqual(text.split(), ["0xffffffff80001000", "0xffffffff80002000"])

    def test_no_trace(self):
        self.assertEqual(symbols.backtraces("@@bt none"), "")
