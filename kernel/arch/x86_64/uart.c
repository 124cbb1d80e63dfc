/* SPDX-License-Identifier: MIT */
/* COM1 (16550): output polled in FIFO-fulls and raw (jobs pass bytes through it), input by
 * interrupt; and the debug port 0xe9, which reads as 0xe9 where it exists. */
#include <kernel/thread.h>
#include "x86.h"

#define COM1 0x3f8
#define IER  1
#define LSR  5

static bool present, debug_port;
static void (*on_input)(void);

void uart_init(void)
{
	debug_port = inb(0xe9) == 0xe9;
	outb(COM1 + 7, 0x5a);
	present = inb(COM1 + 7) == 0x5a;
	if (!present)
		return;
	outb(COM1 + IER, 0);
	outb(COM1 + 3, 0x80); /* divisor: 115200 */
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3); /* 8n1 */
	outb(COM1 + 2, 7); /* FIFOs on and empty */
	outb(COM1 + 4, 0xb);
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

static void uart_interrupt(void *arg)
{
	(void)arg;
	if (on_input)
		on_input();
	else
		while (console_read_char() >= 0)
			;
}

void uart_irq_init(void)
{
	u32 id;

	if (present &&
		arch_irq_alloc(acpi.isa[4].gsi ? acpi.isa[4].gsi : 4, uart_interrupt, NULL, &id))
		klog("uart: no interrupt");
}

void console_set_input(void (*fn)(void))
{
	on_input = fn;
	if (present)
		outb(COM1 + IER, fn ? 1 : 0);
}
