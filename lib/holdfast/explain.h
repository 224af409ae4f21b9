/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From an errno value to a sentence that helps. A function of the facts, so
 * that every case can be tested; error.c collects the facts.
 */
#ifndef HOLDFAST_EXPLAIN_H
#define HOLDFAST_EXPLAIN_H

#include "facts.h"

/*
 * Write one line, without a newline and cut to @room, that begins with the
 * file or descriptor at fault.
 */
void hf_explain(const struct hf_facts *facts, char *line, size_t room);

#endif
