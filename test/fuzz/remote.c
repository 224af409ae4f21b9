// SPDX-License-Identifier: GPL-2.0
/* What a hostile peer can send to an exporter or an importer. */
#include "../../lib/remote/pause.h"
#include "../../lib/remote/wire.h"
#include "fuzz.h"

/* All entries of a message can be read, and written again as they were. */
static void rewrite(const struct hf_message *message, const uint8_t *data,
		    size_t size)
{
	static uint8_t again[HF_WIRE_MESSAGE];
	struct hf_wire_flushed flushed;
	struct hf_wire_region region;
	struct hf_wire_still still;
	struct hf_wire_flush flush;
	struct hf_wire_open open;
	struct hf_writer writer;

	hf_wire_begin(&writer, again, message->type);
	for (unsigned int i = 0; i < message->count; i++) {
		must(hf_wire_room(&writer));
		switch (message->type) {
		case HF_WIRE_OPEN:
			hf_wire_get_open(message, i, &open);
			must(hf_wire_is_name(open.name));
			hf_wire_put_open(&writer, &open);
			break;
		case HF_WIRE_CLOSE:
			hf_wire_put_close(&writer,
					  hf_wire_get_close(message, i));
			break;
		case HF_WIRE_STILL:
			hf_wire_get_still(message, i, &still);
			hf_wire_put_still(&writer, &still);
			break;
		case HF_WIRE_FLUSH:
			hf_wire_get_flush(message, i, &flush);
			must(flush.offset + flush.length >= flush.offset);
			hf_wire_put_flush(&writer, &flush);
			break;
		case HF_WIRE_REGION:
			hf_wire_get_region(message, i, &region);
			must(region.iova + region.length >= region.iova);
			hf_wire_put_region(&writer, &region);
			break;
		case HF_WIRE_FLUSHED:
			hf_wire_get_flushed(message, i, &flushed);
			hf_wire_put_flushed(&writer, &flushed);
			break;
		default:
			must(0);
		}
	}
	must(hf_wire_end(&writer) == size);
	must(!memcmp(again, data, size));
}

static void message(const uint8_t *data, size_t size)
{
	struct hf_message message;

	for (int side = HF_WIRE_IMPORTER; side <= HF_WIRE_EXPORTER; side++)
		if (hf_wire_parse(data, size, side, &message))
			rewrite(&message, data, size);
}

static void hello(const uint8_t *data, size_t size)
{
	uint8_t again[HF_HELLO_BYTES];
	struct hf_welcome welcome;
	struct hf_hello hello;
	uint32_t error;

	if (hf_hello_get(data, size, &hello)) {
		hf_hello_put(again, &hello);
		must(!memcmp(again, data, sizeof(again)));
	}
	hf_welcome_get(data, size, &welcome);
	if (hf_refusal_get(data, size, &error))
		must(error && error <= HF_WIRE_ERRNO);
}

/* Whatever comes in whatever order, keys are given only for what is registered. */
static void pause(const uint8_t *data, size_t size)
{
	struct hf_pause pause = { 0 };
	bool registered = false;
	unsigned int what;

	for (size_t i = 0; i < size; i++) {
		bool worker = pause.state == HF_PAUSE_OPENING ||
			      pause.state == HF_PAUSE_RESTORING;

		what = 0;
		switch (data[i] % 8) {
		case 0:
			what = hf_pause_break(&pause, data[i]);
			break;
		case 1:
			what = hf_pause_still(&pause,
					      pause.generation + data[i] / 128);
			break;
		case 2:
			hf_pause_touch(&pause);
			break;
		case 3:
			if (pause.touching)
				what = hf_pause_untouch(&pause);
			break;
		case 4:
			what = hf_pause_over(&pause);
			break;
		case 5:
			if (worker) {
				registered = true;
				what = hf_pause_restored(&pause, data[i] & 64);
			}
			break;
		case 6:
			if (worker)
				hf_pause_not_yet(&pause);
			break;
		default:
			what = hf_pause_due(&pause, data[i]);
			break;
		}
		if (what & HF_DO_SUSPEND) {
			must(registered && !pause.touching);
			registered = false;
		}
		must(registered || pause.state != HF_PAUSE_ACTIVE);
		must(!pause.touching || registered);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ?: 1);

	/* Of its own: ASan sees its end. */
	must(copy);
	memcpy(copy, data, size);
	message(copy, size);
	hello(copy, size);
	pause(copy, size);
	free(copy);
	return 0;
}
