# SPDX-License-Identifier: MIT
import tempfile
import unittest
from pathlib import Path

from tool import debian, host
from tool.base import WeftError


class HostPackages(unittest.TestCase):
    def test_the_list_is_well_formed(self):
        rows = host.table()
        self.assertTrue(rows)
        for probe, package, groups in rows:
            self.assertRegex(package, r"^[a-z0-9][a-z0-9+.-]+$")
            self.assertTrue(groups)

    def test_missing_names_each_package_once(self):
        rows = host.table("/no/such/a pkg run\n/no/such/b pkg run\nsh dash run\n/no/c other image")
        self.assertEqual(host.missing(["run"], rows), ["pkg"])

    def test_short_line_is_an_error(self):
        with self.assertRaisesRegex(WeftError, ":1:"):
            host.table("gcc")


class Mirror(unittest.TestCase):
    def mirror(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "sources.list.d").mkdir()
            for name, text in files.items():
                (root / name.replace("__", "/").replace("_", ".")).write_text(text)
            return debian.host_mirror(root)

    def test_deb822(self):
        text = ("Types: deb\nURIs: http://mirror.invalid/debian/\nSuites: bookworm x\n"
                "Components: main\n")
        self.assertEqual(self.mirror(**{"sources.list.d__debian_sources": text}),
                         "http://mirror.invalid/debian")

    def test_one_line_style(self):
        text = "# c\ndeb [signed-by=/k] http://m.invalid/debian bookworm main contrib\n"
        self.assertEqual(self.mirror(sources_list=text), "http://m.invalid/debian")

    def test_other_vendors_are_passed_over(self):
        text = "deb https://vendor.invalid/apt nodistro main\n"
        self.assertIsNone(self.mirror(sources_list=text))
