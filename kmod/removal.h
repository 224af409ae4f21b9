/* SPDX-License-Identifier: GPL-2.0 */
/* Devices that go: see removal.c. */
#ifndef HF_REMOVAL_H
#define HF_REMOVAL_H

struct gendisk;
struct super_block;

void hf_device_remove(struct gendisk *disk);
bool hf_device_is_gone(const struct super_block *sb);

#endif
