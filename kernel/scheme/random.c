/* SPDX-License-Identifier: MIT */
/*
 * Random bytes: ChaCha20 (RFC 8439, 2.3) with fast key erasure: half of each block is the next
 * key, so that what was given cannot be computed from the state later. The key is stirred
 * with RDRAND where there is one, with the TSC at every call and interrupt that reaches
 * random_stir, and at the start with boot data and the jitter of the TSC around memory accesses.
 */
#include "builtin.h"

static struct {
	u32 key[8], count;
	u64 stirred;
	bool seeded;
} pool;

static inline u32 rotl(u32 x, u32 n)
{
	return x << n | x >> (32 - n);
}

static void quarter(u32 *s, u32 a, u32 b, u32 c, u32 d)
{
	s[a] += s[b];
	s[d] = rotl(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotl(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotl(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotl(s[b] ^ s[c], 7);
}

/* A block: the next key, and as much that nobody can compute from it. */
static void turn(u32 other[8])
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, [12] = pool.count++};
	u32 s[16];

	memcpy(in + 4, pool.key, sizeof(pool.key));
	memcpy(s, in, sizeof(s));
	for (u32 i = 0; i < 10; i++) {
		for (u32 k = 0; k < 4; k++)
			quarter(s, k, 4 + k, 8 + k, 12 + k);
		for (u32 k = 0; k < 4; k++)
			quarter(s, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (u32 i = 0; i < 8; i++) {
		pool.key[i] = in[i] + s[i];
		other[i] = in[i + 8] + s[i + 8];
	}
	memset(in, 0, sizeof(in));
	memset(s, 0, sizeof(s));
}

/* Xors the input into the key, 32 bytes at a time, and turns it over. */
static void mix(const void *data, size_t n)
{
	u32 unused[8];

	for (size_t i = 0; i < n; i++) {
		((u8 *)pool.key)[i % sizeof(unused)] ^= ((const u8 *)data)[i];
		if (i % sizeof(unused) == sizeof(unused) - 1 || i == n - 1)
			turn(unused);
	}
}

static void seed(void)
{
	static volatile u8 walk[4096];
	u64 in[4] = {arch_tsc(), boot_info.entry_tsc, tsc_hz, frames_free};
	u32 at = 0;

	mix(in, sizeof(in));
	mix(boot_info.cmdline, strlen(boot_info.cmdline));
	/* How long a step through memory takes differs by what caches, TLBs and the emulator do
	 * meanwhile. */
	for (u32 i = 0; i < 256; i++) {
		for (u32 k = 0; k < 4; k++) {
			u64 t = arch_tsc();

			at = (at * 33 + (u32)t) % sizeof(walk);
			walk[at] += (u8)t;
			in[k] = (arch_tsc() - t) << 32 ^ t;
		}
		mix(in, sizeof(in));
	}
	pool.seeded = true;
}

void random_stir(u64 sample)
{
	pool.stirred = (pool.stirred << 7 | pool.stirred >> 57) ^ sample;
}

void random_bytes(void *to, size_t n)
{
	u64 now[4] = {arch_tsc(), pool.stirred, now_ns()}, hardware;
	u32 part[8];

	if (!pool.seeded)
		seed();
	for (u32 i = 0; i < 4; i++)
		if (arch_random(&hardware))
			now[i] ^= hardware;
	mix(now, sizeof(now));
	for (size_t done = 0; done < n; done += sizeof(part)) {
		turn(part);
		memcpy((char *)to + done, part, MIN(n - done, sizeof(part)));
	}
	memset(part, 0, sizeof(part));
}
