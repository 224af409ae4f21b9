/* SPDX-License-Identifier: GPL-2.0 */
/* Wrappers around what a driver calls that removes a device with DAX: see device.c. */
#ifndef HF_HOOKS_DEVICE_H
#define HF_HOOKS_DEVICE_H

struct address_space;
struct dax_device;
struct gendisk;

void hf_wrap_dax_remove_host(struct gendisk *disk);
void hf_wrap_kill_dax(struct dax_device *device);
int hf_wrap_mf_dax_kill_procs(struct address_space *mapping, pgoff_t index,
			      unsigned long count, int flags);

#endif
