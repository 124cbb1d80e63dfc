#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every test program of the build in the tree and prints its checks as "ok - NAME" lines.
status=0
# Leaks count in the compositor, which the harness starts with these set otherwise.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export FONTCONFIG_FILE=/etc/fonts/fonts.conf
for program in /b/tests/test-*; do
	[ -x "$program" ] && [ -f "$program" ] || continue
	name=$(basename "$program")
	log=/tmp/$name.log
	timeout 120 "$program" >"$log" 2>&1
	result=$?
	sed -n "s/^\[ *OK \] /ok - $name /p; s/^\[ *FAILED *\] \([a-z_0-9]*\)$/not ok - $name \1: see the log/p" \
		"$log" | sort -u
	if [ $result -ne 0 ]; then
		status=1
		echo "not ok - $name: exit status $result"
		grep -v '^\[ *\(RUN\|OK\|PASSED\|==*\)' "$log" | grep -v '\[INFO\]' | tail -60 >&2
	fi
done
exit $status
