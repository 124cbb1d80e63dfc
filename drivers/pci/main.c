/* SPDX-License-Identifier: MIT */
#include "pci.h"

#include <native/init.h>
#include <native/start.h>

int main(int argc, char **argv)
{
	int e = config_init();
	if (e) {
		native_log("pci: no configuration space (%d)", -e);
		return 1;
	}
	if (!state_load()) {
		config_scan();
		state_save();
		native_log("pci: %u functions", ndevices);
	}
	e = serve_run();
	if (e) {
		native_log("pci: cannot serve (%d)", -e);
		return 1;
	}
	drivers_start(argc, argv);
	init_notify();
	server_run(&server);
	return 1;
}
