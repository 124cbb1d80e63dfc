#!/bin/sh
# SPDX-License-Identifier: MIT
# in-tree.sh TREE BUILD SOURCE COMMAND...: runs a command as root of a tree of Debian trixie, with
# the build at /b and the checkout, read-only, at /src. Nothing of it stays after the end.
set -e
tree=$1 build=$2 source=$3
shift 3
export tree build source
exec unshare --mount --pid --fork --propagation private sh -ec '
for folder in b src run tmp dev proc; do
	[ -d "$tree/$folder" ] || mkdir "$tree/$folder"
done
mount --bind "$build" "$tree/b"
mount --bind "$source" "$tree/src"
mount -o remount,bind,ro "$tree/src" 2>/dev/null || true
mount -t tmpfs tmpfs "$tree/run"
mount -t tmpfs tmpfs "$tree/tmp"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
mkdir -m 700 "$tree/run/session"
exec chroot "$tree" env -i PATH=/usr/bin:/b HOME=/tmp LANG=C.UTF-8 \
	XDG_RUNTIME_DIR=/run/session ${WEFT_TEST_ENV:-} "$@"' sh "$@"
