# SPDX-License-Identifier: MIT
import io
import stat
import tarfile
import tempfile
import unittest
from pathlib import Path

from tool import newc
from tool.base import WeftError


def archive(fill):
    out = io.BytesIO()
    with newc.Writer(out) as writer:
        fill(writer)
    return out.getvalue()


class Newc(unittest.TestCase):
    def test_round_trip_and_parents(self):
        def fill(w):
            w.add("job/cmd", b"ls\0-l\0", 0o600)
            w.symlink("job/link", "cmd")
            w.add("job/deep/er/file", b"x")
        entries = {n: (m, d) for n, m, d in newc.read(archive(fill))}
        self.assertEqual(entries["job/cmd"], (stat.S_IFREG | 0o600, b"ls\0-l\0"))
        self.assertEqual(entries["job/link"], (stat.S_IFLNK | 0o777, b"cmd"))
        self.assertTrue(stat.S_ISDIR(entries["job/deep/er"][0]))

    def test_parent_written_once_and_first(self):
        data = archive(lambda w: (w.add("a/b", b""), w.add("a/c", b"")))
        self.assertEqual([n for n, _, _ in newc.read(data)], ["a", "a/b", "a/c"])

    def test_archives_follow_one_another(self):
        one = archive(lambda w: w.add("one", b"1"))
        two = archive(lambda w: w.add("two", b"22"))
        self.assertEqual(len(one) % 512, 0)
        self.assertEqual([n for n, _, _ in newc.read(one + two)], ["one", "two"])

    def test_equal_inputs_give_equal_bytes(self):
        fill = lambda w: w.add("f", b"data")
        self.assertEqual(archive(fill), archive(fill))

    def test_garbage_is_refused(self):
        with self.assertRaises(WeftError):
            list(newc.read(b"x" * 200))

    def test_tar_with_hard_link_and_device(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "t.tar")
            with tarfile.open(path, "w") as tar:
                info = tarfile.TarInfo("./bin/a")
                info.size, info.mode, info.uid = 3, 0o4755, 7
                tar.addfile(info, io.BytesIO(b"abc"))
                link = tarfile.TarInfo("./bin/b")
                link.type, link.linkname, link.mode = tarfile.LNKTYPE, "./bin/a", 0o4755
                tar.addfile(link)
                node = tarfile.TarInfo("./dev/null")
                node.type, node.devmajor, node.devminor = tarfile.CHRTYPE, 1, 3
                tar.addfile(node)
            entries = {n: (m, d) for n, m, d in newc.read(archive(lambda w: w.tar(path)))}
        self.assertEqual(entries["bin/a"], (stat.S_IFREG | 0o4755, b"abc"))
        self.assertEqual(entries["bin/b"], (stat.S_IFREG | 0o4755, b"abc"))
        self.assertTrue(stat.S_ISCHR(entries["dev/null"][0]))


class Joining(unittest.TestCase):
    def test_parts_of_any_order_of_size(self):
        with tempfile.TemporaryDirectory() as folder:
            parts = []
            for index, size in enumerate((5000, 10, 0, 7000, 300)):
                path = Path(folder, str(index))
                path.write_bytes(bytes([index]) * size)
                parts.append(path)
            out = Path(folder, "out")
            newc.join(out, parts, b"end")
            self.assertEqual(out.read_bytes(), b"".join(p.read_bytes() for p in parts) + b"end")


if __name__ == "__main__":
    unittest.main()
