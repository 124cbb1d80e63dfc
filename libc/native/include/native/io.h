/* SPDX-License-Identifier: MIT */
/* What drivers need of the machine: device memory, ports, interrupts and memory that devices can reach. */
#ifndef NATIVE_IO_H
#define NATIVE_IO_H

#include <weft/mem.h>
#include <weft/sys.h>

/** Maps [offset, offset+len) of a WEFT_RES_MEM resource; cache is WEFT_MEM_CACHE_*. 0 or a negative errno. */
int mmio_map(i32 res, u64 offset, u64 len, u32 cache, volatile void **out);
void mmio_unmap(volatile void *p, u64 len);

#define NATIVE_MMIO(bits)                                                                          \
	static inline u##bits mmio_read##bits(const volatile void *base, u64 offset)               \
	{                                                                                          \
		return *(const volatile u##bits *)((const volatile char *)base + offset);          \
	}                                                                                          \
	static inline void mmio_write##bits(volatile void *base, u64 offset, u##bits value)        \
	{                                                                                          \
		*(volatile u##bits *)((volatile char *)base + offset) = value;                     \
	}
NATIVE_MMIO(8)
NATIVE_MMIO(16)
NATIVE_MMIO(32)
NATIVE_MMIO(64)

/** Lets this process use the ports of a WEFT_RES_PORTS resource with the functions below. */
int port_grant(i32 res);
#define NATIVE_PORT(bits, suffix)                                                                  \
	static inline u##bits port_in##bits(u16 port)                                              \
	{                                                                                          \
		u##bits value;                                                                     \
		__asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port));                \
		return value;                                                                      \
	}                                                                                          \
	static inline void port_out##bits(u16 port, u##bits value)                                 \
	{                                                                                          \
		__asm__ volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port));               \
	}
NATIVE_PORT(8, "b")
NATIVE_PORT(16, "w")
NATIVE_PORT(32, "l")

/** An interrupt as an fd that polls readable: a line of the resource, or WEFT_IRQ_MSI. -> fd or a negative errno. */
i32 irq_open(i32 res, u32 line);
/** Where an MSI interrupt must be sent. */
int irq_msi(i32 irq, u64 *address, u32 *data);
/** Interrupts since the last call (0: none came); unmasks a level line. Never blocks. */
i64 irq_ack(i32 irq);
/** Sleeps until the interrupt came, or the deadline. 0, -ETIMEDOUT, -EINTR. */
int irq_wait(i32 irq, i64 deadline);

/* Zeroed, physically contiguous memory, mapped here. The pages outlive the process until the device was reset. */
struct dma {
	void *va;
	u64 bus, len;
	i32 fd;
};
/** low: below 4 GiB. */
int dma_alloc(i32 res, u64 len, bool low, struct dma *out);
void dma_free(struct dma *d);

/** Orders stores before a device is told of them. */
static inline void dma_wmb(void)
{
	__asm__ volatile("" : : : "memory");
}
static inline void dma_mb(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#endif
