/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLDFAST_SUGGEST_H
#define HOLDFAST_SUGGEST_H

#include <stddef.h>

/* The name that @typed was probably meant to be, NULL when none is near. */
const char *suggest(const char *typed, const char *const *names, size_t count);

#endif
