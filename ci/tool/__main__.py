# SPDX-License-Identifier: MIT
"""Command line of ./weft."""

import argparse
import os
import signal
import sys

from .base import Options, WeftError


def cmd_sysroot(args):
    from . import debian
    print(debian.sysroot())
    return 0


def cmd_build(args):
    from . import build
    build.main()
    return 0


def cmd_test(args):
    from . import suites
    return suites.main(args.suites)


def cmd_exec(args):
    from . import job
    args.argv = [a for a in args.argv if a != "--"] if args.argv[:1] == ["--"] else args.argv
    if not args.argv:
        raise WeftError("exec: names no command; write it after --")
    if not args.config:
        native = args.kernel == "weft" and not args.argv[0].startswith("/")
        args.config = "none" if native and "/" in args.argv[0] else "base"
    return job.exec_command(args)


def cmd_run(args):
    from . import desktop
    return desktop.main(args)


def cmd_screenshot(args):
    from . import desktop
    return desktop.screenshot(args)


def cmd_bench(args):
    from . import bench
    return bench.main(args)


def cmd_image(args):
    from . import build, disk
    from .base import run
    build.programs()
    build.kernel()
    if args.format == "iso":
        if not args.out:
            raise WeftError("image: --format iso wants a file to write")
        print(disk.iso(args.config, args.out))
        return 0
    path = disk.image(args.config)
    if args.out:
        run(["cp", "--sparse=always", path, args.out])
        path = args.out
    print(path)
    return 0


def machine_options(p, mem=0):
    p.add_argument("--smp", type=int, default=2, metavar="N", help="CPUs (default 2)")
    p.add_argument("--mem", type=int, default=mem, metavar="MIB", help="memory")


def parser():
    top = argparse.ArgumentParser(prog="./weft", description="Build, run, test and measure Weft.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--yes", action="store_true",
                        help="install missing Debian packages without asking")
    common.add_argument("--quiet", action="store_true", help="no progress messages")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, handler, help):
        p = commands.add_parser(name, parents=[common], help=help, description=help)
        p.set_defaults(handler=handler)
        return p

    command("build", cmd_build, "compile everything and assemble the boot archive")
    p = command("run", cmd_run, "build what is missing and boot the desktop")
    p.add_argument("--config", default="desktop", metavar="C")
    p.add_argument("--kernel", default="weft", choices=["weft", "linux"])
    p.add_argument("--root", default="disk", choices=["memory", "disk"],
                   help="where Weft has the root file system (default %(default)s)")
    p.add_argument("--headless", action="store_true", help="no window; the console is on stdout")
    p.add_argument("--gl", action="store_true", help="3D through the host's GL (virtio-gpu-gl)")
    p.add_argument("--gdb", action="store_true", help="wait for a debugger before the first step")
    p.add_argument("--disk", metavar="FILE", help="a disk that keeps changes (made if missing)")
    p.add_argument("--append", default="", metavar="WORDS", help="options for the kernel")
    machine_options(p)
    p = command("screenshot", cmd_screenshot, "photograph the desktop")
    p.add_argument("out", metavar="OUT.png")
    p.add_argument("--config", default="desktop", metavar="C")
    p.add_argument("--kernel", default="weft", choices=["weft", "linux"])
    p.add_argument("--root", default="disk", choices=["memory", "disk"],
                   help="where Weft has the root file system (default %(default)s)")
    p.add_argument("--disk", metavar="FILE", help="a disk that keeps changes (made if missing)")
    p.add_argument("--run", metavar="CMD", help="a shell line to run in the session")
    p.add_argument("--type", metavar="TEXT",
                   help=r"text to type; \n is Return, <meta_l-ret> a chord of keys")
    p.add_argument("--after", type=float, default=5, metavar="S",
                   help="seconds from the first picture to typing or the photograph")
    p.add_argument("--after-type", type=float, default=5, metavar="S")
    p.add_argument("--add", action="append", default=[], metavar="PATH",
                   help="copy a file or folder to /host")
    p.add_argument("--append", default="", metavar="WORDS", help="options for the kernel")
    p.add_argument("--timeout", type=float, default=180, metavar="S")
    machine_options(p)
    p = command("bench", cmd_bench, "measure, on Weft or on both kernels")
    p.add_argument("names", nargs="*", metavar="NAME")
    p.add_argument("--against", choices=["linux"])
    p.add_argument("--only", choices=["weft", "linux"], help="one kernel only")
    p.add_argument("--runs", type=int, default=0, metavar="N", help="boots of each (default 5)")
    p.add_argument("--json", metavar="FILE")
    p = command("exec", cmd_exec, "boot and run one command; exit with its status")
    p.add_argument("--config", default="", metavar="C",
                   help="root file system (default: base; none, the boot archive only, for "
                        "commands that are in it, such as bin/ktest)")
    p.add_argument("--kernel", default="weft", choices=["weft", "linux"])
    p.add_argument("--root", default="memory", choices=["memory", "disk"],
                   help="where Weft has the root file system (Linux: always the disk)")
    machine_options(p)
    p.add_argument("--package", action="append", default=[], metavar="DEB",
                   help="add a Debian package to the image")
    p.add_argument("--add", action="append", default=[], metavar="PATH",
                   help="copy a file or folder to /host")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--append", default="", metavar="WORDS", help="options for the kernel")
    p.add_argument("--devices", default="none", choices=["none", "desktop"])
    p.add_argument("--disk", action="append", default=[], metavar="FILE",
                   help="one more disk, which keeps changes; \"image\": the configuration's, "
                        "which does not; \"empty:MIB\": a new one")
    p.add_argument("--timeout", type=float, default=300, metavar="S")
    p.add_argument("--log", default="", metavar="FILE", help="keep the kernel's log")
    p.add_argument("--times", action="store_true", help="say how long the boot took")
    p.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD [ARG]...")
    p = command("image", cmd_image, "write a bootable disk or live image")
    p.add_argument("--config", default="desktop", metavar="C")
    p.add_argument("--format", default="raw", choices=["raw", "iso"])
    p.add_argument("out", nargs="?", metavar="OUT")
    p = command("test", cmd_test, "run test suites (all that CI runs, if none is named)")
    p.add_argument("suites", nargs="*", metavar="SUITE")
    command("sysroot", cmd_sysroot, "print the path of trixie's headers and libraries")
    return top


def main(argv=None):
    args = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    Options.yes, Options.quiet = args.yes, args.quiet
    try:
        return args.handler(args)
    except WeftError as error:
        print(f"weft: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who reads our output has gone; say no more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


if __name__ == "__main__":
    sys.exit(main())
