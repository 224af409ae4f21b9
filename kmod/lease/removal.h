/* SPDX-License-Identifier: GPL-2.0 */
/* Devices that go: see removal.c. */
#ifndef HF_LEASE_REMOVAL_H
#define HF_LEASE_REMOVAL_H

struct gendisk;
struct super_block;

void hf_removal_begin(struct gendisk *disk);
void hf_removal_end(void);
bool hf_device_is_gone(const struct super_block *sb);

#endif
