# SPDX-License-Identifier: MIT
import tempfile
import unittest
from pathlib import Path

from tool import config
from tool.base import WeftError


class Configs(unittest.TestCase):
    def load(self, name, **files):
        with tempfile.TemporaryDirectory() as folder:
            for stem, text in files.items():
                Path(folder, f"{stem}.toml").write_text(text)
            return config.load(name, folder)

    def fails(self, pattern, **files):
        with self.assertRaisesRegex(WeftError, pattern):
            self.load("a", **files)

    def test_all_shipped_configurations_load(self):
        for path in config.FOLDER.glob("*.toml"):
            self.assertTrue(config.load(path.stem).packages, path)

    def test_include_adds_and_replaces(self):
        got = self.load(
            "a", a='include=["b"]\npackages=["x1"]\n[[file]]\npath="/f"\ntext="new"\n',
            b='packages=["y1", "x1"]\n[[file]]\npath="/f"\ntext="old"\n')
        self.assertEqual(got.packages, ["x1", "y1"])
        self.assertEqual(got.files["/f"]["text"], "new")

    def test_diamond_is_read_once(self):
        got = self.load("a", a='include=["b","c"]', b='include=["d"]', c='include=["d"]',
                        d='packages=["zz"]')
        self.assertEqual(len(got.sources), 4)

    def test_errors_name_file_and_key(self):
        self.fails(r"a\.toml: pakages: unknown key", a='pakages=["x1"]')
        self.fails(r"a\.toml: packages: wants a list", a='packages="x1"')
        self.fails(r"a\.toml: packages: '-x' is not", a='packages=["-x"]')
        self.fails(r"a\.toml: file\[0\]\.path: is missing", a='[[file]]\ntext="x"')
        self.fails(r"a\.toml: file\[0\]\.path: wants an absolute",
                   a='[[file]]\npath="/x/../y"\ntext="x"')
        self.fails(r"a\.toml: file\[0\]\.mode: wants a mode",
                   a='[[file]]\npath="/x"\ntext="x"\nmode="rw"')
        self.fails(r"a\.toml: file\[0\]\.text: a file has one", a='[[file]]\npath="/x"')
        self.fails(r"a\.toml: .*line 1", a="=")
        self.fails(r"b\.toml: include: a -> b -> a is a circle",
                   a='include=["b"]', b='include=["a"]')
        self.fails(r"a\.toml: include: no configuration 'zz'", a='include=["zz"]')
        self.fails(r"a\.toml: file: wants", a='[file]\npath="/x"')
        self.fails(r"a\.toml: user\[0\]\.uid: wants a number", a='[[user]]\nname="u"\nuid="1"')
