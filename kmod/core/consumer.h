/* SPDX-License-Identifier: GPL-2.0 */
/* For what a driver pins: see consumer.c. */
#ifndef HF_CORE_CONSUMER_H
#define HF_CORE_CONSUMER_H

#include "core/types.h"

enum holdfast_consumer hf_consumer_of(unsigned long caller);
bool hf_caller_may_unlock(unsigned long caller);
bool hf_caller_lets_go(unsigned long caller, enum holdfast_consumer *consumer);
bool hf_caller_is_do_truncate(unsigned long caller);

#endif
