/* SPDX-License-Identifier: GPL-2.0 */
/* What the administrator sees: see report.c. */
#ifndef HF_REPORT_REPORT_H
#define HF_REPORT_REPORT_H

#include "core/types.h"

void hf_report_fdinfo(struct seq_file *m, struct hf_lease *lease);
int hf_report_init(void);
void hf_report_exit(void);

#endif
