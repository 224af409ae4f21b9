/* SPDX-License-Identifier: GPL-2.0 */
/* Changes that wait outside of their system call: see restart.c. */
#ifndef HF_CHANGE_RESTART_H
#define HF_CHANGE_RESTART_H

struct hf_change;
struct hf_file;
struct hf_restart;

struct hf_restart *hf_restart_begin(struct hf_file *file,
				    const struct hf_change *change);
struct hf_change *hf_restart_change(struct hf_restart *restart);
bool hf_restart_wait(struct hf_restart *restart, unsigned long caller);
void hf_restart_end(struct hf_restart *restart, long ret);

#endif
