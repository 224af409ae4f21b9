/* SPDX-License-Identifier: MIT */
/*
 * Test Anything Protocol, as little of it as our tests need: each call of
 * tap_ok() or tap_is() is one test, tap_done() prints the plan at the end, so
 * that a test that dies half way has no plan and counts as failed.
 *
 * For a program of one source file. Threads and children may report too, a
 * line is written in one piece; but only the process that calls tap_done()
 * knows its own tests, so a child returns its result by its exit status.
 */
#ifndef HOLDFAST_TEST_TAP_H
#define HOLDFAST_TEST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int tap_count;
static unsigned int tap_failures;

static inline void tap_line(const char *prefix, const char *fmt, va_list args)
{
	flockfile(stdout);
	fputs(prefix, stdout);
	vprintf(fmt, args);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

/* A comment: shown by prove only with -v. */
__attribute__((format(printf, 1, 2))) static inline void
tap_diag(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_line("# ", fmt, args);
	va_end(args);
}

static inline bool tap_result(bool ok, const char *fmt, va_list args)
{
	char prefix[32];
	unsigned int n = __atomic_add_fetch(&tap_count, 1, __ATOMIC_RELAXED);

	if (!ok)
		__atomic_add_fetch(&tap_failures, 1, __ATOMIC_RELAXED);
	snprintf(prefix, sizeof(prefix), "%sok %u - ", ok ? "" : "not ", n);
	tap_line(prefix, fmt, args);
	return ok;
}

/* One test; returns @ok. The text names what must hold. */
__attribute__((format(printf, 2, 3))) static inline bool
tap_ok(bool ok, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_result(ok, fmt, args);
	va_end(args);
	return ok;
}

/* One test: @got equals @want; says both when it does not. */
__attribute__((format(printf, 3, 4))) static inline bool
tap_is(long got, long want, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_result(got == want, fmt, args);
	va_end(args);
	if (got != want)
		tap_diag("  got %ld, want %ld", got, want);
	return got == want;
}

/* One test: two strings are equal; NULL equals only NULL. */
__attribute__((format(printf, 3, 4))) static inline bool
tap_is_str(const char *got, const char *want, const char *fmt, ...)
{
	bool ok = got && want ? !strcmp(got, want) : got == want;
	va_list args;

	va_start(args, fmt);
	tap_result(ok, fmt, args);
	va_end(args);
	if (!ok)
		tap_diag("  got \"%s\", want \"%s\"", got ? got : "(null)",
			 want ? want : "(null)");
	return ok;
}

/* One test that cannot be made here; the text says why. */
__attribute__((format(printf, 1, 2))) static inline void
tap_skip(const char *fmt, ...)
{
	char prefix[32];
	va_list args;

	snprintf(prefix, sizeof(prefix), "ok %u # SKIP ",
		 __atomic_add_fetch(&tap_count, 1, __ATOMIC_RELAXED));
	va_start(args, fmt);
	tap_line(prefix, fmt, args);
	va_end(args);
}

/* Nothing further makes sense: ends the process, and the run of prove. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void
tap_bail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tap_line("Bail out! ", fmt, args);
	va_end(args);
	exit(1);
}

/* Prints the plan. Return it from main(): 0, or 1 when a test failed. */
static inline int tap_done(void)
{
	printf("1..%u\n", tap_count);
	fflush(stdout);
	return tap_failures ? 1 : 0;
}

#endif
