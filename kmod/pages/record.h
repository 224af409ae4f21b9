/* SPDX-License-Identifier: GPL-2.0 */
/* Records of pins: see record.c. */
#ifndef HF_PAGES_RECORD_H
#define HF_PAGES_RECORD_H

#include "core/types.h"

void hf_pin_free(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_enter(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_leave(struct hf_lease *lease, struct hf_pin *pin);
void hf_pin_make(struct hf_lease *lease, struct hf_pin *pin, unsigned long nr,
		 struct hf_runs *runs);
void hf_pin_join(struct hf_lease *lease, struct hf_pin *to, struct hf_pin *pin,
		 const struct hf_span *span, const struct hf_runs *runs);
bool hf_registration_goes_on(struct hf_file *file, const struct hf_span *span,
			     const struct hf_pinner *pinner);
bool hf_pin_may_take(const struct hf_pin *to, const struct hf_span *span,
		     const struct hf_pinner *pinner, bool anywhere);
bool hf_pin_takes(struct hf_pin *to, const struct hf_span *span,
		  const struct hf_pinner *pinner, const struct hf_runs *runs,
		  bool anywhere);
void hf_pin_open(struct hf_lease *lease, struct hf_pin *pin);
void hf_pins_prune(struct hf_lease *lease);
struct hf_pin *hf_pin_new(const struct hf_span *span,
			  const struct hf_pinner *pinner);
void hf_pins_free(struct hf_lease *lease);
bool hf_pins_made(struct hf_lease *lease, pgoff_t first, pgoff_t last);
void hf_pins_stale(struct hf_lease *lease, pgoff_t first, pgoff_t last,
		   const struct hf_pin *but);
void hf_pins_show(struct seq_file *m, struct hf_lease *lease,
		  struct pid_namespace *ns);

#endif
