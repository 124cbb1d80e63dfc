/* SPDX-License-Identifier: MIT */
/*
 * Timing for benchmark programs that run on Linux and on Weft's POSIX runtime alike. A measurement repeats its body
 * in batches until a share of a second is filled, and takes the median of the batches: a batch that the
 * host's other work has lengthened does not count.
 */
#ifndef WEFT_CI_MEASURE_H
#define WEFT_CI_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEASURE_BATCHES 11

static inline uint64_t measure_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static inline int measure_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/** Print one row: the median time of `body(arg, n)` per repetition, in nanoseconds. */
static inline void measure(const char *name, void (*body)(void *arg, long n), void *arg)
{
	const uint64_t batch = 30000000; /* 30 ms */
	double times[MEASURE_BATCHES];
	long n = 1;

	for (;;) {
		uint64_t start = measure_now();
		body(arg, n);
		uint64_t took = measure_now() - start;
		if (took > batch / 4 || n > (1L << 28)) {
			double want = (double)n * batch / (took ? took : 1);
			n = want < 1 ? 1 : (long)want;
			break;
		}
		n *= 4;
	}
	for (int i = 0; i < MEASURE_BATCHES; i++) {
		uint64_t start = measure_now();
		body(arg, n);
		times[i] = (double)(measure_now() - start) / n;
	}
	qsort(times, MEASURE_BATCHES, sizeof(times[0]), measure_compare);
	printf("@@row %s ns %.1f lower\n", name, times[MEASURE_BATCHES / 2]);
	fflush(stdout);
}

static inline void measure_fail(const char *what)
{
	perror(what);
	exit(1);
}

#endif
