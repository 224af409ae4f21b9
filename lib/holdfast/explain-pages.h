/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences about the pages of a leased range: see explain.h. */
#ifndef HOLDFAST_EXPLAIN_PAGES_H
#define HOLDFAST_EXPLAIN_PAGES_H

/*
 * Why a change of the range cannot be waited for, or its pages cannot be pinned; NULL:
 * the errno value says all there is to say.
 */
const char *hf_explain_pages(int err);

#endif
