#!/bin/bash
# SPDX-License-Identifier: MIT
# The rows of `./weft bench desktop` that are measured inside the session, by the same programs on
# both kernels. Run by the session (docs/job-protocol.md); ends with "@@desktop-bench done".

export LC_ALL=C.UTF-8
dir=$(mktemp -d /tmp/bench.XXXXXX)

row() { echo "@@row $1 $2 $3 $4"; }
now() { echo "${EPOCHREALTIME/./}"; }	# microseconds

# Clock ticks that the CPUs have worked, and context switches, since the boot.
busy() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }
switches() { awk '/^ctxt / { print $2 }' /proc/stat; }

# Let the panel come up and everything fall asleep: less than a fifth of one processor in two seconds, or a minute and a half.
sleep 8
for _ in $(seq 1 40); do
	a=$(busy)
	sleep 2
	[ $(($(busy) - a)) -lt 40 ] && break
done
awk '/^MemTotal/ { t = $2 } /^MemAvailable/ { a = $2 }
	END { printf "@@row memory-idle MiB %.1f lower\n", (t - a) / 1024 }' /proc/meminfo
a=$(switches)
b=$(busy)
sleep 10
row wakeups-idle 1/s "$(awk "BEGIN { print ($(switches) - $a) / 10 }")" lower
row cpu-idle % "$(awk "BEGIN { print ($(busy) - $b) / 10 }")" lower

# Shared memory frames: CPU time per 1000 of them, whole system.
b=$(busy)
WAYLAND_DEBUG=1 timeout 8 weston-simple-shm 2>&1 | grep -c 'wl_surface.*\.commit' >"$dir/frames"
e=$(busy)
row simple-shm-cpu s/1000 "$(awk "BEGIN { n = $(cat "$dir/frames"); print n ? ($e - $b) / 100 * 1000 / n : 0 }")" lower

gears=$(timeout 20 stdbuf -oL es2gears_wayland 2>/dev/null | awk '/frames in/ { f += $1; s += $4 } END { print s ? f / s : 0 }')
row es2gears 1/s "$gears" higher

# A megabyte of text through a terminal.
seq -w 1 150000 | head -c 1000000 >"$dir/text"
cat >"$dir/print" <<'X'
a=${EPOCHREALTIME/./}
cat "$1/text"
echo $((${EPOCHREALTIME/./} - a)) >"$1/took.new"
mv "$1/took.new" "$1/took"
X
foot bash "$dir/print" "$dir" 2>/dev/null
[ -s "$dir/took" ] && row foot-1mb ms "$(($(cat "$dir/took") / 1000))" lower

# A file of 32 MiB that is in memory.
head -c 33554432 /dev/zero >"$HOME/bench-file"
cat "$HOME/bench-file" >/dev/null
a=$(now)
for i in 1 2 3 4; do dd if="$HOME/bench-file" of=/dev/null bs=64k status=none; done
row cached-read MiB/s "$((128 * 1000000 / ($(now) - a)))" higher
rm -rf "$dir" "$HOME/bench-file"

# The host measures from a key press to the changed screen in this terminal.
foot --fullscreen sh -c 'stty -icanon min 1; exec cat >/dev/null' 2>/dev/null &
terminal=$!
sleep 3
echo "@@desktop-bench keys"
sleep 20
kill $terminal
echo "@@desktop-bench done"
