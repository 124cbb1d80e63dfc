# SPDX-License-Identifier: MIT
"""The cache's own rules."""

import os
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from tool import base


class Prune(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        patches = [mock.patch.object(base, "CACHE", Path(self.folder.name)),
                   mock.patch.object(base, "CACHE_LIMIT", 64 << 10)]
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)

    def entry(self, key, age):
        def make(path):
            path.write_bytes(b"x" * (32 << 10))

        path = base.cached("kind", key, ".bin", make)
        os.utime(path, (time.time() - age,) * 2)
        return path

    def test_the_longest_unused_goes_first(self):
        old, older = self.entry("old", 2000), self.entry("older", 3000)
        new = self.entry("new", 0)
        self.assertTrue(new.exists() and old.exists())
        self.assertFalse(older.exists())

    def test_asking_counts_as_use(self):
        first, second = self.entry("first", 3000), self.entry("second", 2000)
        base.cached("kind", "first", ".bin", lambda path: self.fail("made again"))
        self.entry("third", 0)
        self.assertTrue(first.exists())
        self.assertFalse(second.exists())

    def test_what_was_just_asked_for_stays(self):
        recent = [self.entry(str(n), 5) for n in range(4)]
        self.assertTrue(all(path.exists() for path in recent))


if __name__ == "__main__":
    unittest.main()
