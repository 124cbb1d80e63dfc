#!/bin/bash
# SPDX-License-Identifier: MIT
# CPython's own regression tests, one process per file. After each file its JUnit report follows on
# standard output between marks. usage: cpython.sh SECONDS TEST...
limit=$1
shift
export LC_ALL=C.UTF-8 HOME=/tmp/home
mkdir -p "$HOME"
cd /tmp || exit 1
for test; do
	rm -f report.xml
	timeout -k 10 "$limit" python3.13 -m test --timeout $((limit - 20)) \
		--junit-xml /tmp/report.xml "$test" >log 2>&1 </dev/null
	echo "@@cpython $test status $?"
	tail -n 15 log
	echo "@@report $test"
	[ -s report.xml ] && base64 -w 0 report.xml
	echo
	echo "@@end $test"
done
