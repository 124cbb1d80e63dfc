/* SPDX-License-Identifier: MIT */
/* COM1 (16550): output polled in FIFO-fulls and raw (jobs pass bytes through it), input by
 * interrupt; and the debug port 0xe9, which reads as 0xe9 where it exists. */
#include <kernel/thread.h>
#include "x86.h"

#define COM1 0x3f8
#define IER  1
#define LSR  5

static bool present, debug_port;

void uart_init(void)
{
	/* No interrupts; divisor 1, which is 115200; 8n1; FIFOs on and empty; DTR, RTS, OUT2. */
	static const u8 setup[][2] = {{IER, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7},
		{4, 0xb}};

	debug_port = inb(0xe9) == 0xe9;
	outb(COM1 + 7, 0x5a);
	present = inb(COM1 + 7) == 0x5a;
	for (u32 i = 0; present && i < ARRAY_SIZE(setup); i++)
		outb(COM1 + setup[i][0], setup[i][1]);
}

void arch_debug_putc(char c)
{
	if (debug_port)
		outb(0xe9, c);
}

/* Waits, for a bounded time, until the FIFO is empty. */
static void wait_empty(void)
{
	for (u32 i = 0; i < 100000 && !(inb(COM1 + LSR) & 0x20); i++)
		cpu_relax();
}

void console_write(const char *s, size_t n)
{
	u32 room = 0;

	for (size_t i = 0; present && i < n; i++) {
		if (room == 0) {
			wait_empty();
			room = 16;
		}
		outb(COM1, s[i]);
		room--;
	}
}

int console_read_char(void)
{
	return present && inb(COM1 + LSR) & 1 ? inb(COM1) : -1;
}

void console_set_input(void (*fn)(void *arg))
{
	u32 id;

	if (!present)
		return;
	if (arch_irq_alloc(acpi.com1_gsi, fn, NULL, &id))
		klog("uart: no interrupt");
	outb(COM1 + IER, 1);
}
