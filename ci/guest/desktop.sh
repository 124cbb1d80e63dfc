#!/bin/bash
# SPDX-License-Identifier: MIT
# The display, input and the compositor, as unmodified Debian programs see them. Prints ok and not ok lines.
passed=0 failed=0
check() { # NAME, then a command
	name=$1
	shift
	if "$@" >/tmp/check.out 2>&1; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "not ok $name: $(tail -n 3 /tmp/check.out | tr '\n' ' ')"
		failed=$((failed + 1))
	fi
}

export XDG_RUNTIME_DIR=/run/user/0 LIBSEAT_BACKEND=noop WLR_RENDERER=pixman WAYLAND_DISPLAY=wayland-0
mkdir -p $XDG_RUNTIME_DIR
chmod 700 $XDG_RUNTIME_DIR

check "card and render node" test -c /dev/dri/card0 -a -c /dev/dri/renderD128
modes() { modetest -M virtio_gpu -c | grep -q '1280x800'; }
check "modetest lists the mode" modes
information() {
	drm_info >/tmp/drm_info 2>&1
	for line in 'Driver: virtio_gpu' 'DRM_CAP_SYNCOBJ_TIMELINE = 1' 'DRM_CAP_PRIME = 3' 'Status: connected' 'Physical size: 325x203 mm' \
		'1280x800@74.99 preferred' '"EDID" (immutable): blob = [1-9]' '"type".* = Cursor' '"FB_DAMAGE_CLIPS"' 'Available nodes: primary, render'; do
		grep -q "$line" /tmp/drm_info || { echo "no line: $line"; return 1; }
	done
}
check "drm_info: capabilities, EDID, planes" information
# Flips at the mode's rate, give or take what a busy machine takes away: never faster than half a hertz over it.
flips() {
	rate=$(modetest -M virtio_gpu -c | awk '$2 == "1280x800" { print $3; exit }')
	timeout 10 modetest -M virtio_gpu -s 64:1280x800 -v < <(sleep 8) >/tmp/flips 2>&1
	awk -v rate="$rate" '/^freq:/ { sub("Hz", "", $2); n++; if ($2 > rate + 0.5) bad = 1; if ($2 > best) best = $2 }
		END { print rate, n, best; exit !(rate > 50 && n >= 3 && best > rate / 3 && !bad) }' /tmp/flips
}
check "flips are paced by vblanks" flips
devices() { libinput list-devices >/tmp/devices && grep -q 'keyboard' /tmp/devices && grep -q 'pointer' /tmp/devices; }
check "libinput finds a keyboard and a pointer" devices
events() {
	for device in /dev/input/event*; do
		timeout 3 evtest "$device" </dev/null
	done >/tmp/evtest 2>&1
	grep -q 'Event code 30 (KEY_A)' /tmp/evtest || { head -n 20 /tmp/evtest; return 1; }
}
check "evtest reads capabilities" events

env -u WAYLAND_DISPLAY weft-compositor >/tmp/compositor.log 2>&1 &
compositor=$!
for _ in $(seq 1 240); do
	[ -S $XDG_RUNTIME_DIR/wayland-0 ] && break
	sleep 0.25
done
check "the compositor listens" test -S $XDG_RUNTIME_DIR/wayland-0
[ -S $XDG_RUNTIME_DIR/wayland-0 ] || tail -n 5 /tmp/compositor.log
edid() { ! grep -i 'edid' /tmp/compositor.log; }
check "libdisplay-info reads the EDID" edid
protocols() { wayland-info | grep -q xdg_wm_base; }
check "wayland-info sees xdg-shell" protocols
foot sh -c 'for i in 1 2 3 4 5 6 7 8; do echo "Weft Weft Weft Weft Weft Weft"; done; touch /tmp/foot-ran; sleep 300' >/tmp/foot.log 2>&1 &
foot=$!
for _ in $(seq 1 120); do
	[ -e /tmp/foot-ran ] && break
	sleep 0.25
done
check "foot runs a shell" test -e /tmp/foot-ran
sleep 3
photo() { timeout 60 grim -t ppm /tmp/photo.ppm && head -c 15 /tmp/photo.ppm | tr '\n' ' ' | grep -q 'P6 1280 800 255'; }
check "grim photographs the screen" photo
# A wallpaper has many colours; the window in the middle is dark, with light text.
seen() {
	python3 - <<-'PY'
		data = open("/tmp/photo.ppm", "rb").read()
		pixels = data[data.index(b"255\n") + 4:]
		at = lambda x, y: pixels[(y * 1280 + x) * 3:(y * 1280 + x) * 3 + 3]
		colours = {at(x, y) for x in range(0, 1280, 8) for y in range(0, 800, 8)}
		window = [sum(at(x, y)) for x in range(320, 960, 1) for y in range(195, 330, 1)]
		light = sum(v > 500 for v in window)
		dark = sum(v < 150 for v in window)
		print(len(colours), light, dark)
		assert len(colours) > 100, "no wallpaper"
		assert dark > len(window) // 2, "no window"
		assert light > 500, "no text"
	PY
}
# A busy machine may need a while for the first frames.
seen_soon() {
	for _ in 1 2 3 4 5 6; do
		seen && return 0
		sleep 4
		photo
	done
	return 1
}
check "wallpaper, window and text are on the screen" seen_soon
kill $foot
check "the compositor lives on" kill -0 $compositor
kill $compositor
echo "@@tests $passed $failed"
[ $failed -eq 0 ]
