/* SPDX-License-Identifier: MIT */
/*
 * Random bytes: ChaCha20 (RFC 8439, 2.3) with fast key erasure: each request's first block gives
 * the next key, so that what was given cannot be computed from the state later. The key is stirred
 * with RDRAND where there is one, with the TSC at every call and interrupt that reaches
 * random_stir, and at the start with boot data and the jitter of the TSC around memory accesses.
 */
#include "builtin.h"

static struct {
	u32 key[8];
	u64 stirred, count;
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

void chacha20_block(const u32 key[8], u32 counter, const u32 nonce[3], u32 out[16])
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	u32 s[16];

	memcpy(in + 4, key, 32);
	in[12] = counter;
	memcpy(in + 13, nonce, 12);
	memcpy(s, in, sizeof(s));
	for (u32 i = 0; i < 10; i++) {
		quarter(s, 0, 4, 8, 12);
		quarter(s, 1, 5, 9, 13);
		quarter(s, 2, 6, 10, 14);
		quarter(s, 3, 7, 11, 15);
		quarter(s, 0, 5, 10, 15);
		quarter(s, 1, 6, 11, 12);
		quarter(s, 2, 7, 8, 13);
		quarter(s, 3, 4, 9, 14);
	}
	for (u32 i = 0; i < 16; i++)
		out[i] = s[i] + in[i];
}

/* Xors 32 bytes of input into the key and turns it over. */
static void mix(const u64 in[4])
{
	static const u32 zero[3];
	u32 block[16], words[8];

	memcpy(words, in, sizeof(words));
	for (u32 i = 0; i < 8; i++)
		pool.key[i] ^= words[i];
	chacha20_block(pool.key, (u32)pool.count++, zero, block);
	memcpy(pool.key, block, sizeof(pool.key));
	memset(block, 0, sizeof(block));
}

static void mix_bytes(const void *data, size_t n)
{
	const char *p = data;
	u64 in[4];

	for (; n; p += MIN(n, sizeof(in)), n -= MIN(n, sizeof(in))) {
		memset(in, 0, sizeof(in));
		memcpy(in, p, MIN(n, sizeof(in)));
		mix(in);
	}
}

static void mix_hardware(void)
{
	u64 in[4] = {arch_tsc(), pool.stirred, now_ns(), 0};

	for (u32 i = 0; i < 4; i++) {
		u64 r;

		if (arch_random(&r))
			in[i] ^= r;
	}
	mix(in);
}

static void seed(void)
{
	static volatile u8 walk[4096];
	u64 in[4] = {arch_rtc_read(), boot_info.entry_tsc, tsc_hz, frames_free};
	u32 at = 0;

	mix(in);
	mix_bytes(boot_info.cmdline, strlen(boot_info.cmdline));
	/* How long a step through memory takes differs by what caches, TLBs and the emulator do
	 * meanwhile. */
	for (u32 i = 0; i < 256; i++) {
		for (u32 k = 0; k < 4; k++) {
			u64 t = arch_tsc();

			at = (at * 33 + (u32)t) % sizeof(walk);
			walk[at] += (u8)t;
			in[k] = (arch_tsc() - t) << 32 ^ t;
		}
		mix(in);
	}
	pool.seeded = true;
}

void random_stir(u64 sample)
{
	pool.stirred = (pool.stirred << 7 | pool.stirred >> 57) ^ sample;
}

void random_bytes(void *to, size_t n)
{
	static const u32 zero[3];
	u32 key[8], block[16];
	char *p = to;
	u32 counter = 0;

	if (!pool.seeded)
		seed();
	mix_hardware();
	/* One block for the next key and a key of this request alone. */
	chacha20_block(pool.key, (u32)pool.count++, zero, block);
	memcpy(pool.key, block, 32);
	memcpy(key, block + 8, 32);
	while (n) {
		size_t k = MIN(n, sizeof(block));

		chacha20_block(key, counter++, zero, block);
		memcpy(p, block, k);
		p += k;
		n -= k;
	}
	memset(block, 0, sizeof(block));
	memset(key, 0, sizeof(key));
}
