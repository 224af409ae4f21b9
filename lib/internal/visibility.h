/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything is compiled with -fvisibility=hidden; this is the exception. */
#ifndef HOLDFAST_VISIBILITY_H
#define HOLDFAST_VISIBILITY_H

#define HF_EXPORT __attribute__((visibility("default")))

#endif
