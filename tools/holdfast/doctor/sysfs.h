/* SPDX-License-Identifier: GPL-2.0 */
/* Attributes of sysfs and procfs: files of one line. */
#ifndef HOLDFAST_DOCTOR_SYSFS_H
#define HOLDFAST_DOCTOR_SYSFS_H

#include <stdbool.h>
#include <stdint.h>

#define ATTR_ROOM 256

/* The first line of a file; false, and an empty text, where it cannot be read. */
__attribute__((format(printf, 2, 3))) bool attr_read(char value[ATTR_ROOM],
						     const char *fmt, ...);

/* A number, decimal or with 0x; false where it cannot be read or is none. */
__attribute__((format(printf, 2, 3))) bool attr_number(uint64_t *value,
						       const char *fmt, ...);

/* The last part of what a link leads to; false where there is no such link. */
__attribute__((format(printf, 2, 3))) bool link_name(char name[ATTR_ROOM],
						     const char *fmt, ...);

/* The word in brackets of "none [integrity] confidentiality"; in place. */
const char *chosen_word(char *value);

#endif
