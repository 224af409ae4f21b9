/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOLDFAST_BREAK_TIME_H
#define HOLDFAST_BREAK_TIME_H

/* In milliseconds; 0 is the module's default. */
unsigned int hf_default_break_ms(void);

#endif
