// SPDX-License-Identifier: GPL-2.0
/*
 * What libholdfast-remote decides without a device: what is a message, how a pause
 * goes, what becomes of an operation, and the lock of a queue.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "../../lib/remote/bias.h"
#include "../../lib/remote/fate.h"
#include "../../lib/remote/pause.h"
#include "../../lib/remote/wire.h"
#include "../tap.h"

/* --- messages */

static void test_open(void)
{
	unsigned char data[HF_WIRE_MESSAGE];
	struct hf_wire_open entry = { .request = 7, .name = "log" }, got;
	struct hf_message message;
	struct hf_writer writer;
	size_t length;

	hf_wire_begin(&writer, data, HF_WIRE_OPEN);
	hf_wire_put_open(&writer, &entry);
	length = hf_wire_end(&writer);
	tap_ok(hf_wire_parse(data, length, HF_WIRE_IMPORTER, &message) &&
		       message.type == HF_WIRE_OPEN && message.count == 1,
	       "an open is a message");
	hf_wire_get_open(&message, 0, &got);
	tap_ok(got.request == 7 && !strcmp(got.name, "log"), "with its entry");
	tap_ok(!hf_wire_parse(data, length, HF_WIRE_EXPORTER, &message),
	       "not of an exporter");
	tap_ok(!hf_wire_parse(data, length - 1, HF_WIRE_IMPORTER, &message),
	       "not when it is cut");
	tap_ok(!hf_wire_parse(data, length + 1, HF_WIRE_IMPORTER, &message),
	       "not when there is more");
	for (size_t i = 0; i < 8; i++) {
		data[i] ^= 0x80;
		tap_ok(!hf_wire_parse(data, length, HF_WIRE_IMPORTER, &message),
		       "not with another byte %zu of its header", i);
		data[i] ^= 0x80;
	}
	data[8 + 4 + 10] = 'x';
	tap_ok(!hf_wire_parse(data, length, HF_WIRE_IMPORTER, &message),
	       "a name has nothing behind its end");
	memset(data + 12, 'a', HF_WIRE_NAME);
	tap_ok(!hf_wire_parse(data, length, HF_WIRE_IMPORTER, &message),
	       "a name has an end");
}

static void test_region(void)
{
	const struct hf_wire_region good = { .request = 1,
					     .region = 2,
					     .generation = 3,
					     .state = HF_WIRE_ACTIVE,
					     .access = HF_WIRE_WRITE,
					     .rkey = 0xabcdef01,
					     .iova = 0x7f0000001000,
					     .length = 1 << 20 };
	const struct {
		const char *text;
		struct hf_wire_region entry;
	} bad[] = {
		{ "no state", { .state = 0 } },
		{ "a state that there is not", { .state = 4 } },
		{ "an error of what is there",
		  { .state = HF_WIRE_ACTIVE, .error = 2 } },
		{ "gone for no reason", { .state = HF_WIRE_GONE } },
		{ "no errno value", { .state = HF_WIRE_GONE, .error = 4096 } },
		{ "access that there is not",
		  { .state = HF_WIRE_ACTIVE, .access = 16 } },
		{ "a range around the end of the addresses",
		  { .state = HF_WIRE_ACTIVE,
		    .iova = UINT64_MAX,
		    .length = 2 } },
	};
	unsigned char data[HF_WIRE_MESSAGE];
	struct hf_wire_region got = { 0 };
	struct hf_message message;
	struct hf_writer writer;
	unsigned int count = 0;

	hf_wire_begin(&writer, data, HF_WIRE_REGION);
	for (; hf_wire_room(&writer); count++)
		hf_wire_put_region(&writer, &good);
	tap_ok(hf_wire_parse(data, hf_wire_end(&writer), HF_WIRE_EXPORTER,
			     &message) &&
		       message.count == count,
	       "a message that is full (%u)", count);
	hf_wire_get_region(&message, count - 1, &got);
	tap_ok(!memcmp(&got, &good, sizeof(got)), "the last entry is right");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hf_wire_begin(&writer, data, HF_WIRE_REGION);
		hf_wire_put_region(&writer, &bad[i].entry);
		tap_ok(!hf_wire_parse(data, hf_wire_end(&writer),
				      HF_WIRE_EXPORTER, &message),
		       "refused: %s", bad[i].text);
	}
}

static void test_hello(void)
{
	struct hf_hello hello = { .kind = HF_HELLO_DATA,
				  .session = 5,
				  .instance = 6 },
			got;
	unsigned char data[HF_HELLO_BYTES], other[HF_WIRE_TOKEN];
	uint32_t error = 0;

	memset(hello.token, 9, sizeof(hello.token));
	hf_hello_put(data, &hello);
	tap_ok(hf_hello_get(data, sizeof(data), &got) &&
		       got.kind == hello.kind && got.session == 5 &&
		       got.instance == 6 &&
		       hf_token_equal(got.token, hello.token),
	       "a hello");
	tap_ok(!hf_hello_get(data, sizeof(data) - 1, &got), "not a short one");
	tap_ok(!hf_hello_get(NULL, 0, &got), "not none");
	data[4] = 3;
	tap_ok(!hf_hello_get(data, sizeof(data), &got), "not of another kind");
	memcpy(other, hello.token, sizeof(other));
	for (size_t i = 0; i < sizeof(other); i += sizeof(other) - 1) {
		other[i] ^= 1;
		tap_ok(!hf_token_equal(other, hello.token),
		       "a token that differs in byte %zu", i);
		other[i] ^= 1;
	}
	hf_refusal_put(data, EACCES);
	tap_ok(hf_refusal_get(data, HF_REFUSAL_BYTES, &error) &&
		       error == EACCES,
	       "a refusal");
	data[3]++;
	tap_ok(hf_refusal_get(data, HF_REFUSAL_BYTES, &error) &&
		       error == EACCES,
	       "a refusal of another version");
	data[0]++;
	tap_ok(!hf_refusal_get(data, HF_REFUSAL_BYTES, &error),
	       "not of another protocol");
	hf_refusal_put(data, 0);
	tap_ok(!hf_refusal_get(data, HF_REFUSAL_BYTES, &error),
	       "not for no reason");
}

/* --- pause */

static void test_pause(void)
{
	struct hf_pause pause = { 0 };

	tap_is(hf_pause_break(&pause, 100), 0,
	       "opening: nobody has to be told");
	tap_is(hf_pause_restored(&pause, false), HF_DO_TELL, "opened: told");
	tap_is(pause.generation, 1, "the first generation");
	tap_is(hf_pause_still(&pause, 1), 0, "an answer without a question");
	tap_is(hf_pause_break(&pause, 100), HF_DO_TELL, "a break: asked");
	tap_is(hf_pause_due(&pause, 99), 0, "there is time");
	tap_is(hf_pause_due(&pause, 100), HF_DO_DROP, "until there is not");
	tap_is(hf_pause_break(&pause, 50), 0, "a second break");
	tap_is(hf_pause_due(&pause, 50), HF_DO_DROP, "can be more urgent");
	hf_pause_break(&pause, 90);
	tap_is(hf_pause_due(&pause, 50), HF_DO_DROP, "and not less");
	tap_is(hf_pause_over(&pause), 0,
	       "the end of a change gives nothing back");
	tap_is(hf_pause_still(&pause, 0), 0, "an answer of another generation");
	tap_is(hf_pause_still(&pause, 2), 0, "not of a later one either");
	tap_is(hf_pause_still(&pause, 1), HF_DO_SUSPEND, "the answer");
	tap_is(hf_pause_due(&pause, 1000), 0, "nothing is due");
	tap_is(hf_pause_still(&pause, 1), 0, "the answer again");
	tap_is(hf_pause_over(&pause), HF_DO_RESTORE, "the change is over");
	tap_is(hf_pause_over(&pause), 0, "that is done once");
	tap_is(hf_pause_restored(&pause, true), HF_DO_SUSPEND,
	       "the next change was there first");
	tap_is(pause.generation, 1, "the peer has not heard of it");
	tap_is(hf_pause_over(&pause), HF_DO_RESTORE, "over");
	hf_pause_not_yet(&pause);
	tap_is(hf_pause_over(&pause), HF_DO_RESTORE, "tried again");
	tap_is(hf_pause_restored(&pause, false), HF_DO_TELL, "restored: told");
	tap_is(pause.generation, 2, "the second generation");
	tap_is(hf_pause_gone(&pause), HF_DO_TELL, "gone: told");
	tap_is(hf_pause_gone(&pause), 0, "once");
	tap_is(hf_pause_break(&pause, 1), 0, "and nothing more");
}

static void test_touch(void)
{
	struct hf_pause pause = { 0 };

	tap_ok(!hf_pause_touch(&pause), "what is not open is not flushed");
	hf_pause_restored(&pause, false);
	tap_ok(hf_pause_touch(&pause), "what is open is");
	hf_pause_break(&pause, 100);
	tap_ok(!hf_pause_touch(&pause), "and not when it pauses");
	tap_is(hf_pause_still(&pause, 1), 0,
	       "it stays registered while it is flushed");
	tap_is(hf_pause_untouch(&pause), HF_DO_SUSPEND, "and no longer");
}

/* --- fate */

static void test_fate(void)
{
	tap_is(hf_fate(HF_REMOTE_WRITE, IBV_WC_SUCCESS, 0), 0, "success");
	tap_is(hf_fate(HF_REMOTE_WRITE, IBV_WC_WR_FLUSH_ERR, 0), HF_FATE_REPEAT,
	       "a write that was flushed is repeated");
	tap_is(hf_fate(HF_REMOTE_READ, IBV_WC_RETRY_EXC_ERR, 0), HF_FATE_REPEAT,
	       "a read without an answer is");
	tap_is(hf_fate(HF_REMOTE_FETCH_ADD, IBV_WC_RETRY_EXC_ERR, 0),
	       -ENOTRECOVERABLE, "of an atomic without one nobody knows");
	tap_is(hf_fate(HF_REMOTE_COMPARE_SWAP, IBV_WC_WR_FLUSH_ERR, 0),
	       -ENOTRECOVERABLE, "nor of one that was flushed");
	tap_is(hf_fate(HF_REMOTE_FETCH_ADD, IBV_WC_REM_ACCESS_ERR, 1),
	       HF_FATE_REPEAT, "an atomic that was refused was not done");
	tap_is(hf_fate(HF_REMOTE_ATOMIC_WRITE, IBV_WC_RETRY_EXC_ERR, 0),
	       HF_FATE_REPEAT, "an atomic write is repeated as a write is");
	tap_is(hf_fate(HF_REMOTE_FLUSH, IBV_WC_WR_FLUSH_ERR, 0), HF_FATE_REPEAT,
	       "and so is a flush");
	tap_is(hf_fate(HF_REMOTE_FLUSH, IBV_WC_REM_ACCESS_ERR, 1),
	       HF_FATE_REPEAT, "a flush that was refused is tried again");
	tap_is(hf_fate(HF_REMOTE_WRITE, IBV_WC_REM_ACCESS_ERR,
		       HF_FATE_REFUSALS),
	       -EREMOTEIO, "what is always refused fails");
	tap_is(hf_fate(HF_REMOTE_WRITE, IBV_WC_WR_FLUSH_ERR, HF_FATE_REFUSALS),
	       -EFAULT, "what always breaks its connection fails");
	tap_is(hf_fate(HF_REMOTE_WRITE, IBV_WC_LOC_PROT_ERR, 0), -EFAULT,
	       "local memory that is none");
}

/* --- lock */

#define ROUNDS 200000

static struct hf_bias bias;
static unsigned long counter;

static void *own(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		bool open = hf_bias_enter(&bias);

		counter++;
		hf_bias_leave(&bias, open);
	}
	return arg;
}

/* The gate stays closed: the owner and we take turns with the mutex. */
static void pause_a_little(void)
{
	hf_bias_unlock(&bias);
	hf_bias_lock(&bias);
}

static void test_bias(void)
{
	unsigned long closed = 0;
	pthread_t owner;

	tap_is(hf_bias_setup(), 0, "membarrier");
	hf_bias_init(&bias);
	pthread_create(&owner, NULL, own, NULL);
	for (; closed < 2000; closed++) {
		hf_bias_close(&bias);
		counter++;
		if (closed % 2)
			pause_a_little();
		hf_bias_open(&bias);
		hf_bias_unlock(&bias);
	}
	pthread_join(owner, NULL);
	tap_is(counter, ROUNDS + closed, "no one is inside with another");
	hf_bias_destroy(&bias);
}

int main(void)
{
	test_open();
	test_region();
	test_hello();
	test_pause();
	test_touch();
	test_fate();
	test_bias();
	return tap_done();
}
