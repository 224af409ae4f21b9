/* SPDX-License-Identifier: GPL-2.0 */
/* Changes whose end no wrapper sees: see stray.c. */
#ifndef HF_STRAY_H
#define HF_STRAY_H

struct hf_change;
struct hf_file;

struct hf_change *hf_stray_begin(struct hf_file *file,
				 const struct hf_change *change);
struct hf_change *hf_stray_here(struct hf_file *file);
void hf_strays_failed(long ret);
void hf_stray_passed(struct hf_change *change);
void hf_stray_retreat(struct hf_change *change);

#endif
