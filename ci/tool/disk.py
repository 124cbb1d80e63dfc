# SPDX-License-Identifier: MIT
"""Bootable disks: GPT with a BIOS boot partition, an EFI system partition and an ext4 root.

No loop device and no mount is used. The disk of a package list is made once (partitions, GRUB,
ext4 with the packages); for an image it is copied, and Weft's layer and the kernel are written
into the copy with debugfs and mcopy. Identifiers come from hashes, so equal inputs give equal
disks.
"""

import binascii
import os
import re
import stat
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

from . import build, config as configs, host, newc, rootfs
from .base import BUILD, SOURCE_DATE_EPOCH, WeftError, cached, digest, run, step

SECTOR = 512
MIB = 1 << 20
BIOS_AT, BIOS_SIZE = 1 * MIB, 1 * MIB
ESP_AT, ESP_SIZE = 2 * MIB, 126 * MIB
ROOT_AT = 128 * MIB
SPARE = 600 * MIB  # free room in the root file system

TYPE_BIOS = "21686148-6449-6e6f-744e-656564454649"
TYPE_ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
TYPE_ROOT = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"

GRUB_MODULES = ["part_gpt", "fat", "ext2", "normal", "multiboot2", "configfile", "search",
                "search_fs_uuid", "search_label", "echo", "test", "all_video", "gfxterm"]

# The EFI system partition holds the kernel and the boot archive beside GRUB's configuration.
GRUB_CFG = """\
set timeout=0
insmod all_video
set gfxpayload=1280x800x32,1280x800,1024x768x32,1024x768,auto
search --no-floppy --set=root --label WEFT-ESP
menuentry "Weft" {
	multiboot2 /weft/weft.elf root=/dev/vda3
	module2 /weft/boot.cpio boot.cpio
}
"""


def guid(text):
    """A GUID in GPT's mixed byte order."""
    return uuid.UUID(text).bytes_le


def make_uuid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "weft/" + "/".join(parts)))


def gpt(size, key, partitions):
    """(offset, bytes) pieces of a GPT with its protective MBR and its backup."""
    last = size // SECTOR - 1
    table = b""
    for number, (kind, name, start, length) in enumerate(partitions, 1):
        table += struct.pack("<16s16sQQQ72s", guid(kind), guid(make_uuid(key, str(number))),
                             start // SECTOR, (start + length) // SECTOR - 1, 0,
                             name.encode("utf-16-le"))
    table = table.ljust(128 * 128, b"\0")

    def header(here, other, table_at):
        fields = [b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, last - 33,
                  guid(make_uuid(key, "disk")), table_at, 128, 128, binascii.crc32(table)]
        layout = "<8sIIIIQQQQ16sQIII"
        fields[3] = binascii.crc32(struct.pack(layout, *fields))
        return struct.pack(layout, *fields).ljust(SECTOR, b"\0")

    mbr = bytearray(SECTOR)
    mbr[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1,
                               min(last, 0xFFFFFFFF))
    mbr[510:512] = b"\x55\xaa"
    return [(0, bytes(mbr)), (SECTOR, header(1, last, 2)), (2 * SECTOR, table),
            ((last - 32) * SECTOR, table), (last * SECTOR, header(last, 1, last - 32))]


def bios_boot(disk, core):
    """Write GRUB's first stage to the MBR and its core image to the BIOS boot partition."""
    boot = bytearray(Path("/usr/lib/grub/i386-pc/boot.img").read_bytes())
    core = bytearray(core)
    if len(core) > BIOS_SIZE:
        raise WeftError("GRUB's core image is larger than the BIOS boot partition")
    first = BIOS_AT // SECTOR
    boot[0x5C:0x64] = struct.pack("<Q", first)   # where the core image starts
    boot[0x64] = 0xFF                            # the drive it was booted from
    boot[0x66:0x68] = b"\x90\x90"                # mistrust drive numbers of odd BIOSes
    # The core's first sector ends with the list of the sectors to read after it.
    sectors = (len(core) + SECTOR - 1) // SECTOR - 1
    core[SECTOR - 12:SECTOR] = struct.pack("<QHH", first + 1, sectors, 0x820)
    disk.seek(0)
    kept = disk.read(SECTOR)
    disk.seek(0)
    disk.write(bytes(boot[:440]) + kept[440:])
    disk.seek(BIOS_AT)
    disk.write(core)


def grub_image(kind, folder):
    early = folder / "early.cfg"
    early.write_text("search --no-floppy --set=root --label WEFT-ESP\n"
                     "set prefix=($root)/grub\nconfigfile /grub/grub.cfg\n")
    out = folder / f"{kind}.img"
    modules = [*GRUB_MODULES, *(["biosdisk", "vbe"] if kind == "i386-pc" else ["efi_gop"])]
    run(["grub-mkimage", "-O", kind, "-c", early, "-p", "/grub", "-o", out, *modules])
    return out


def tree_size(path):
    """What a tree takes on ext4, in bytes, and its number of inodes."""
    size = inodes = 0
    for folder, dirs, files in os.walk(path):
        inodes += len(dirs) + len(files)
        size += 4096 * len(dirs)
        for name in files:
            info = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(info.st_mode):
                size += (info.st_size + 4095) & ~4095
    return size, inodes


def as_root(argv):
    """A command that sees itself as root with all ids, where the caller is not root."""
    if os.getuid() == 0:
        return argv
    return ["unshare", "--map-root-user", "--map-auto", "--", *argv]


def packages_disk(key, tar_path):
    """The disk with the packages and GRUB, before Weft's layer (cached)."""
    host.need("image", "disk")

    def make(target):
        with step("disk of the packages"), tempfile.TemporaryDirectory(
                dir=target.parent, prefix=".tree") as folder:
            folder = Path(folder)
            tree = folder / "tree"
            tree.mkdir()
            try:
                run(as_root(["tar", "-C", tree, "--numeric-owner", "--exclude=./dev/*", "-xpf",
                             tar_path]))
                size, inodes = tree_size(tree)
                length = -(-(size + size // 20 + SPARE) // MIB) * MIB
                ext4(target, key, tree, length, inodes)
            finally:
                run(as_root(["rm", "-rf", tree]))
            esp(target, key, folder)

    return cached("disk", digest("disk-1", key, GRUB_CFG), ".raw", make)


def ext4(target, key, tree, length, inodes):
    total = ROOT_AT + length + MIB
    with open(target, "wb") as disk:
        disk.truncate(total)
        for at, data in gpt(total, key, [
                (TYPE_BIOS, "bios", BIOS_AT, BIOS_SIZE), (TYPE_ESP, "esp", ESP_AT, ESP_SIZE),
                (TYPE_ROOT, "weft-root", ROOT_AT, length)]):
            disk.seek(at)
            disk.write(data)
    seed = make_uuid(key, "hash")
    run(as_root(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "weft-root", "-U", make_uuid(key, "root"),
                 "-b", "4096", "-N", str(inodes + 60000), "-m", "1",
                 "-E", f"offset={ROOT_AT},hash_seed={seed},lazy_itable_init=0,"
                       "lazy_journal_init=0,nodiscard",
                 "-d", tree, target, f"{length // 1024}k"]),
        env={"E2FSPROGS_FAKE_TIME": SOURCE_DATE_EPOCH, "MKE2FS_DETERMINISTIC": 1})


def esp(target, key, folder):
    image = folder / "esp"
    with open(image, "wb") as out:
        out.truncate(ESP_SIZE)
    run(["mkfs.fat", "-F", "32", "-n", "WEFT-ESP", "-i", digest(key)[:8], "--invariant", image])
    efi = grub_image("x86_64-efi", folder)
    config = folder / "grub.cfg"
    config.write_text(GRUB_CFG)
    env = {"MTOOLS_SKIP_CHECK": 1, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, "TZ": "UTC"}
    run(["mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/grub", "::/weft"], env=env)
    for path in (efi, config):
        os.utime(path, (SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH))
    run(["mcopy", "-m", "-i", image, efi, "::/EFI/BOOT/BOOTX64.EFI"], env=env)
    run(["mcopy", "-m", "-i", image, config, "::/grub/grub.cfg"], env=env)
    core = grub_image("i386-pc", folder).read_bytes()
    with open(target, "r+b") as disk:
        bios_boot(disk, core)
        disk.seek(ESP_AT)
        disk.write(image.read_bytes())


def quote(path):
    if '"' in path or "\n" in path:
        raise WeftError(f"{path!r}: debugfs cannot name this")
    return f'"{path}"'


def write_layer(disk, entries):
    """Write entries into the disk's root file system with debugfs."""
    with tempfile.TemporaryDirectory() as folder:
        commands = []
        made = set()
        for index, e in enumerate(entries):
            parts = e.path.strip("/").split("/")
            for depth in range(1, len(parts) + (e.kind == "directory")):
                above = "/" + "/".join(parts[:depth])
                if above not in made:
                    made.add(above)
                    commands.append(f"mkdir {quote(above)}")
            path = quote(e.path)
            kind = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK}[e.kind]
            if e.kind == "file":
                source = Path(folder, str(index))
                source.write_bytes(e.data)
                commands += [f"rm {path}", f"write {source} {path}"]
            elif e.kind == "link":
                commands += [f"rm {path}", f"symlink {path} {quote(e.data.decode())}"]
            if e.kind != "link":
                commands += [f"sif {path} mode 0{kind | e.mode:o}"]
            commands += [f"sif {path} uid {e.uid}", f"sif {path} gid {e.gid}",
                         *(f"sif {path} {t} @{SOURCE_DATE_EPOCH}"
                           for t in ("mtime", "atime", "ctime", "crtime"))]
        script = Path(folder, "script")
        script.write_text("\n".join(commands) + "\n")
        done = subprocess.run(["debugfs", "-w", "-f", script, f"{disk}?offset={ROOT_AT}"],
                              capture_output=True, stdin=subprocess.DEVNULL,
                              env={**os.environ, "E2FSPROGS_FAKE_TIME": str(SOURCE_DATE_EPOCH)})
        harmless = ("already exists", "File not found by ext2_lookup", "debugfs 1.",
                    "Allocated inode", "Ext2 directory already exists")
        bad = [line for line in done.stderr.decode(errors="replace").splitlines()
               if line.strip() and not any(h in line for h in harmless)]
        if done.returncode != 0 or bad:
            raise WeftError("debugfs: " + "\n".join(bad[:20]))


def check(disk):
    """Run e2fsck over the disk's root file system without changing it; it must be marked as clean, too."""
    where = f"{disk}?offset={ROOT_AT}"
    run(["e2fsck", "-fn", where])
    said = subprocess.run(["dumpe2fs", "-h", where], capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL).stdout
    state = re.search(r"^Filesystem state:\s+(.*)$", said, re.M)
    if not state or state[1] != "clean":
        raise WeftError(f"{disk}: it is marked as {state and state[1]!r}")


def repair(disk):
    """Have e2fsck mend the disk's root file system, as after a cut of the power; what it said."""
    done = subprocess.run(["e2fsck", "-fy", f"{disk}?offset={ROOT_AT}"], capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, errors="replace")
    if done.returncode not in (0, 1):   # 1: errors were found, and all are corrected
        raise WeftError(f"e2fsck: status {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-500:]}")
    return done.stdout


def contents(disk, path):
    """A file of the disk's root file system, as debugfs finds it there."""
    done = subprocess.run(["debugfs", "-R", f"cat {quote(path)}", f"{disk}?offset={ROOT_AT}"],
                          capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout


def copy(name, target, overlay=b""):
    """A disk of a configuration of one's own, whose boot archive has more behind it."""
    run(["cp", "--sparse=always", "--reflink=auto", image(name), target])
    if overlay:
        kernel_into(target, rootfs.services_cpio(name), overlay)
    return target


def kernel_into(disk, services, overlay=b""):
    """Put the kernel and the boot archive into the disk's EFI system partition."""
    if not build.KERNEL.exists():
        return
    # The boot archive with the configuration's services behind it.
    whole = Path(f"{disk}.cpio")
    whole.write_bytes(build.ARCHIVE.read_bytes() + services.read_bytes() + overlay)
    image = f"{disk}@@{ESP_AT}"
    env = {"MTOOLS_SKIP_CHECK": 1, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, "TZ": "UTC"}
    run(["mcopy", "-o", "-i", image, build.KERNEL, "::/weft/weft.elf"], env=env)
    run(["mcopy", "-o", "-i", image, whole, "::/weft/boot.cpio"], env=env)
    whole.unlink()


def image(name, extra=()):
    """The disk of a configuration in build/, made anew only if something in it changed."""
    host.need("image", "disk")
    config = configs.load(name)
    key, tar_path = rootfs.packages_tar(config, extra)
    base = packages_disk(key, tar_path)
    entries = rootfs.layer(config, key, tar_path)
    services = rootfs.services_cpio(name)
    parts = [base.name, rootfs.layer_key(entries), services]
    if build.KERNEL.exists():
        parts += [build.KERNEL, build.ARCHIVE]
    stamp_now = digest("image-1", *parts)
    out = BUILD / "disk" / (f"{name}.raw" if not extra else f"{name}-{digest(*extra)}.raw")
    stamp = out.with_suffix(".stamp")
    if out.exists() and stamp.exists() and stamp.read_text() == stamp_now:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".new")
    with step(f"disk image of {name}"):
        run(["cp", "--sparse=always", "--reflink=auto", base, temporary])
        write_layer(temporary, entries)
        kernel_into(temporary, services)
        os.replace(temporary, out)
        stamp.write_text(stamp_now)
    return out


ISO_GRUB_CFG = """\
set timeout=0
insmod all_video
set gfxpayload=1280x800x32,1280x800,1024x768x32,1024x768,auto
menuentry "Weft (live)" {
	multiboot2 /boot/weft.elf
	module2 /boot/boot.cpio boot.cpio
}
"""


def iso(name, out):
    """A live ISO image: the root file system is loaded into memory. BIOS and UEFI, disc or stick."""
    host.need("image", "disk", "iso")
    root = rootfs.as_cpio(name)
    with step(f"live image of {name}"), tempfile.TemporaryDirectory(dir=BUILD) as folder:
        boot = Path(folder, "boot")
        (boot / "grub").mkdir(parents=True)
        (boot / "grub" / "grub.cfg").write_text(ISO_GRUB_CFG)
        services = rootfs.services_cpio(name)
        run(["cp", "--reflink=auto", build.kernel(), boot / "weft.elf"])
        newc.join(boot / "boot.cpio", [build.ARCHIVE, services, root])
        for path in [boot, *boot.rglob("*")]:
            if path.suffix not in (".elf", ".cpio"):
                os.utime(path, (SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH))
        temporary = Path(out).with_suffix(".new")
        run(["grub-mkrescue", "-o", temporary, folder, "--", "-volid", "WEFT", "-volume_date",
             "all_file_dates", f"={SOURCE_DATE_EPOCH}"],
            env={"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH})
        os.replace(temporary, out)
    return Path(out)
