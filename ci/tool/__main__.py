# SPDX-License-Identifier: MIT
"""Command line of ./weft."""

import argparse
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
    p = command("test", cmd_test, "run test suites (all that CI runs, if none is named)")
    p.add_argument("suites", nargs="*", metavar="SUITE")
    command("sysroot", cmd_sysroot, "print the path of trixie's headers and libraries")
    return top


def main(argv=None):
    args = parser().parse_args(argv)
    Options.yes, Options.quiet = args.yes, args.quiet
    try:
        return args.handler(args)
    except WeftError as error:
        print(f"weft: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
