/* SPDX-License-Identifier: GPL-2.0 */
/* Changes whose end no wrapper sees: see unhooked.c. */
#ifndef HF_CHANGE_UNHOOKED_H
#define HF_CHANGE_UNHOOKED_H

struct hf_change;
struct hf_file;

struct hf_change *hf_unhooked_begin(struct hf_file *file,
				    const struct hf_change *change);
struct hf_change *hf_unhooked_here(struct hf_file *file);
void hf_unhooked_failed(long ret);
void hf_unhooked_passed(struct hf_change *change);
void hf_unhooked_retreat(struct hf_change *change);

#endif
