/* SPDX-License-Identifier: MIT */
/* The order in which the kernel comes up. The boot CPU becomes its own idle thread; the other CPUs
 * arrive while the first process starts. */
#include <kernel/arch.h>
#include <kernel/ipc.h>
#include <kernel/mm.h>
#include <kernel/thread.h>

void kernel_main(void)
{
	klog("Weft, command line: %s", boot_info.cmdline);
	trace_on = boot_option("trace");
	frames_init();
	arch_init_early();
	bkl_lock();
	sched_init();
	mm_start();
	first_process_start();
	bkl_unlock();
	klog("%lu MiB, %u CPUs, TSC %lu kHz", frames_total >> 8, ncpus, tsc_hz / 1000);
	arch_start_cpus();
	sched_start_cpu();
}
