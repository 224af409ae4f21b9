// SPDX-License-Identifier: LGPL-2.1-or-later
/* Regions whose breaks wait for a thread that answers them (HF_AUTOMATIC). */
#include "internal.h"

static void enqueue(struct hf_mr *mr)
{
	mr->queued = true;
	TAILQ_INSERT_TAIL(&mr->context->answers, mr, answer_node);
	pthread_cond_signal(&mr->context->work);
}

void hf_answer_want(struct hf_mr *mr)
{
	if (!(mr->context->attr.flags & HF_AUTOMATIC) || mr->ending)
		return;
	/* The guard looks at the deadline. */
	hf_wake(mr->context);
	if (mr->answering)
		mr->again = true;
	else if (!mr->queued)
		enqueue(mr);
}

void hf_answer_forget(struct hf_mr *mr)
{
	if (!mr->queued)
		return;
	mr->queued = false;
	TAILQ_REMOVE(&mr->context->answers, mr, answer_node);
}

struct hf_mr *hf_answer_next(struct hf_context *context)
{
	struct hf_mr *mr = TAILQ_FIRST(&context->answers);

	if (mr)
		hf_answer_forget(mr);
	return mr;
}
