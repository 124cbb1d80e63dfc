# SPDX-License-Identifier: MIT
import tempfile
import unittest
from pathlib import Path

from tool import bench, suites
from tool.base import WeftError


class Checks(unittest.TestCase):
    def test_lines_and_total(self):
        got = list(suites.checks("ok a\nx\nnot ok b: 1 is not 2\n@@tests 1 1\n"))
        self.assertEqual([(r.name, r.ok, r.why) for r in got],
                         [("a", True, ""), ("b", False, "1 is not 2")])

    def test_an_early_end_fails(self):
        self.assertFalse(list(suites.checks("ok a\n"))[-1].ok)

    def test_a_wrong_total_fails(self):
        self.assertFalse(list(suites.checks("ok a\n@@tests 2 0\n"))[-1].ok)

    def test_unknown_key(self):
        with self.assertRaisesRegex(WeftError, "smpp"):
            list(suites.boot_tests({"name": "x", "smpp": 1}, "f"))

    def test_unknown_table(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.toml")
            path.write_text("[[guest]]\nname='x'\n")
            with self.assertRaisesRegex(WeftError, "guest"):
                suites.from_file(path)

    def test_code_lines(self):
        self.assertEqual(suites.code_lines("/* a\n b */\nint x; // y\n\n"), 1)


class Bench(unittest.TestCase):
    def test_rows(self):
        text = "x\n@@row null ns 450.5 lower\n@@row rate 1/s 1e3 higher\n@@row bad ns x lower\n"
        self.assertEqual(bench.rows(text), [("null", "ns", 450.5, "lower"),
                                            ("rate", "1/s", 1000.0, "higher")])

    def test_ratio_is_below_one_when_better(self):
        self.assertEqual(bench.ratio(1, 2, "lower"), 0.5)
        self.assertEqual(bench.ratio(2, 1, "higher"), 0.5)
        self.assertIsNone(bench.ratio(None, 1, "lower"))

    def test_report_takes_medians(self):
        row = bench.Row("ns", "lower", {"weft": [1, 100, 2], "linux": [4, 4, 5]})
        text, out = bench.report({"r": row}, "linux")
        self.assertEqual((out[0]["weft"], out[0]["linux"], out[0]["ratio"]), (2, 4, 0.5))
        self.assertIn("geometric mean of 1 ratios: 0.500", text)

    def test_shipped_files_load(self):
        for name in bench.names():
            self.assertTrue({"weft", "linux"} & set(bench.load(name)))
