/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fuzzers share. One file is one fuzzer, built with clang's libFuzzer,
 * ASan and UBSan: it gives bytes to something that reads what comes from
 * outside, and ends by a report of one of the three, or by abort() where the
 * outcome is not one that there can be.
 */
#ifndef HOLDFAST_FUZZ_H
#define HOLDFAST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The claim is part of what the code under test promises. */
#define must(claim)                                                      \
	do {                                                             \
		if (!(claim)) {                                          \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #claim);                       \
			abort();                                         \
		}                                                        \
	} while (0)

/* Takes a number off the front of the input; zero when it is used up. */
static inline uint64_t take(const uint8_t **data, size_t *size, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > *size)
		bytes = *size;
	memcpy(&value, *data, bytes);
	*data += bytes;
	*size -= bytes;
	return value;
}

/* The input as a string of its own, to be freed: ASan sees its end. */
static inline char *as_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/*
 * What the code under test opens is the input, where there is one. All fuzzers
 * are linked with --wrap for these; with large files fopen() is fopen64().
 */
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

static bool file_given;
static const uint8_t *file_data;
static size_t file_size;

static inline void file_give(const uint8_t *data, size_t size)
{
	file_given = true;
	file_data = data;
	file_size = size;
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	if (!file_given)
		return __real_fopen64(path, mode);
	/* fmemopen(3) makes no file of nothing. */
	if (!file_size)
		return __real_fopen64("/dev/null", mode);
	return fmemopen((void *)file_data, file_size, "r");
}

/* Who waits for the input to become another one waits in vain. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time;
	(void)left;
	return 0;
}

/* Of the code under test, the allocation that many from now fails; 0: none. */
static unsigned int fail_nth;
static bool has_failed;

static inline bool fail_now(void)
{
	if (!fail_nth || --fail_nth)
		return false;
	has_failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
	return fail_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fail_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return fail_now() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fail_now() ? NULL : __real_strdup(text);
}

#endif
