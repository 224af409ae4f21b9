/* SPDX-License-Identifier: GPL-2.0 */
/* Files in flight in sockets: see flight.c. */
#ifndef HF_FENCE_FLIGHT_H
#define HF_FENCE_FLIGHT_H

#include "fence/process.h"

bool hf_file_is_receiving(struct file *file);
bool hf_process_receives(struct task_struct *process, hf_file_look_t look,
			 const void *arg);
int hf_flight_test(void);

#endif
