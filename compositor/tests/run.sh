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
	timeout 240 "$program" >"$log" 2>&1
	result=$?
	awk -v program="$name" '
		/^\[ RUN/ { why = "" }
		sub(/^\[ +(ERROR|LINE) +\] (--- )?/, "") { why = why == "" ? $0 : why "; " $0 }
		sub(/^\[ +OK +\] /, "") { print "ok - " program " " $0 }
		/^\[ +FAILED +\] [a-z_0-9]+$/ && !($NF in told) {
			told[$NF]
			print "not ok - " program " " $NF ": " why
		}' "$log"
	if [ $result -ne 0 ]; then
		status=1
		echo "not ok - $name: exit status $result"
		# What it and the programs that it started have printed, at its end.
		sed '/\[INFO\]/d; /^\[ *\(OK\|PASSED\|==*\)/d' "$log" | tail -100 >&2
	fi
done
exit $status
