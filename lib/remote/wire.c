// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages: see wire.h. */
#include <endian.h>
#include <string.h>

#include "wire.h"

#define HEADER	8U
#define VERSION 0xff000000U /* of HF_WIRE_MAGIC */

static const struct shape {
	unsigned int bytes;	 /* of an entry */
	bool importer, exporter; /* which of them sends it */
} shapes[] = {
	[HF_WIRE_OPEN] = { 4 + HF_WIRE_NAME, true, false },
	[HF_WIRE_CLOSE] = { 4, true, false },
	[HF_WIRE_STILL] = { 8, true, false },
	[HF_WIRE_FLUSH] = { 24, true, false },
	[HF_WIRE_REGION] = { 44, false, true },
	[HF_WIRE_FLUSHED] = { 8, false, true },
	[HF_WIRE_PING] = { 0, true, true },
};

/* --- numbers */

static uint32_t get32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

static void put32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static void put64(uint8_t *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

/* --- check */

static bool is_name(const char *name, size_t room)
{
	size_t length = strnlen(name, room);

	if (length == 0 || length == room)
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

bool hf_wire_is_name(const char *name)
{
	return is_name(name, HF_WIRE_NAME);
}

static bool open_ok(const struct hf_message *message, unsigned int i)
{
	struct hf_wire_open entry;
	size_t length;

	hf_wire_get_open(message, i, &entry);
	if (!entry.request || !hf_wire_is_name(entry.name))
		return false;
	/* One name has one form. */
	for (length = strlen(entry.name); length < HF_WIRE_NAME; length++)
		if (entry.name[length])
			return false;
	return true;
}

static bool flush_ok(const struct hf_message *message, unsigned int i)
{
	struct hf_wire_flush entry;

	hf_wire_get_flush(message, i, &entry);
	return entry.length <= UINT64_MAX - entry.offset;
}

static bool region_ok(const struct hf_message *message, unsigned int i)
{
	struct hf_wire_region entry;

	hf_wire_get_region(message, i, &entry);
	if (entry.state < HF_WIRE_ACTIVE || entry.state > HF_WIRE_GONE)
		return false;
	if (entry.access & ~(HF_WIRE_WRITE | HF_WIRE_FLUSHABLE |
			     HF_WIRE_DURABLE | HF_WIRE_ATOMIC_WRITE))
		return false;
	if (entry.error > HF_WIRE_ERRNO ||
	    (entry.state == HF_WIRE_GONE) != (entry.error != 0))
		return false;
	return entry.length <= UINT64_MAX - entry.iova;
}

static bool flushed_ok(const struct hf_message *message, unsigned int i)
{
	struct hf_wire_flushed entry;

	hf_wire_get_flushed(message, i, &entry);
	return entry.error <= HF_WIRE_ERRNO;
}

static bool entry_ok(const struct hf_message *message, unsigned int i)
{
	switch (message->type) {
	case HF_WIRE_OPEN:
		return open_ok(message, i);
	case HF_WIRE_FLUSH:
		return flush_ok(message, i);
	case HF_WIRE_REGION:
		return region_ok(message, i);
	case HF_WIRE_FLUSHED:
		return flushed_ok(message, i);
	default:
		return true; /* any number is possible */
	}
}

bool hf_wire_parse(const void *data, size_t length, enum hf_wire_side from,
		   struct hf_message *out)
{
	const uint8_t *bytes = data;
	struct hf_message message;
	const struct shape *shape;

	if (length < HEADER || length > HF_WIRE_MESSAGE ||
	    get32(bytes) != HF_WIRE_MAGIC || bytes[5])
		return false;
	if (bytes[4] < HF_WIRE_OPEN || bytes[4] > HF_WIRE_PING)
		return false;
	shape = &shapes[bytes[4]];
	if (!(from == HF_WIRE_IMPORTER ? shape->importer : shape->exporter))
		return false;
	message.type = bytes[4];
	message.count = bytes[6] | bytes[7] << 8;
	message.entries = bytes + HEADER;
	if (!message.count != (message.type == HF_WIRE_PING) ||
	    length != HEADER + (size_t)message.count * shape->bytes)
		return false;
	for (unsigned int i = 0; i < message.count; i++)
		if (!entry_ok(&message, i))
			return false;
	*out = message;
	return true;
}

/* --- read */

static const uint8_t *entry_at(const struct hf_message *message, unsigned int i)
{
	return message->entries + (size_t)i * shapes[message->type].bytes;
}

void hf_wire_get_open(const struct hf_message *message, unsigned int i,
		      struct hf_wire_open *entry)
{
	const uint8_t *at = entry_at(message, i);

	entry->request = get32(at);
	memcpy(entry->name, at + 4, sizeof(entry->name));
}

uint32_t hf_wire_get_close(const struct hf_message *message, unsigned int i)
{
	return get32(entry_at(message, i));
}

void hf_wire_get_still(const struct hf_message *message, unsigned int i,
		       struct hf_wire_still *entry)
{
	const uint8_t *at = entry_at(message, i);

	entry->region = get32(at);
	entry->generation = get32(at + 4);
}

void hf_wire_get_flush(const struct hf_message *message, unsigned int i,
		       struct hf_wire_flush *entry)
{
	const uint8_t *at = entry_at(message, i);

	entry->request = get32(at);
	entry->region = get32(at + 4);
	entry->offset = get64(at + 8);
	entry->length = get64(at + 16);
}

void hf_wire_get_region(const struct hf_message *message, unsigned int i,
			struct hf_wire_region *entry)
{
	const uint8_t *at = entry_at(message, i);

	entry->request = get32(at);
	entry->region = get32(at + 4);
	entry->generation = get32(at + 8);
	entry->state = get32(at + 12);
	entry->access = get32(at + 16);
	entry->error = get32(at + 20);
	entry->rkey = get32(at + 24);
	entry->iova = get64(at + 28);
	entry->length = get64(at + 36);
}

void hf_wire_get_flushed(const struct hf_message *message, unsigned int i,
			 struct hf_wire_flushed *entry)
{
	const uint8_t *at = entry_at(message, i);

	entry->request = get32(at);
	entry->error = get32(at + 4);
}

/* --- write */

void hf_wire_begin(struct hf_writer *writer, void *data, enum hf_wire_type type)
{
	*writer = (struct hf_writer){ .data = data,
				      .length = HEADER,
				      .type = type };
}

bool hf_wire_room(const struct hf_writer *writer)
{
	return writer->length + shapes[writer->type].bytes <= HF_WIRE_MESSAGE;
}

static uint8_t *entry_new(struct hf_writer *writer)
{
	uint8_t *at = writer->data + writer->length;

	writer->length += shapes[writer->type].bytes;
	writer->count++;
	return at;
}

void hf_wire_put_open(struct hf_writer *writer,
		      const struct hf_wire_open *entry)
{
	uint8_t *at = entry_new(writer);

	put32(at, entry->request);
	memset(at + 4, 0, HF_WIRE_NAME);
	memcpy(at + 4, entry->name, strnlen(entry->name, HF_WIRE_NAME - 1));
}

void hf_wire_put_close(struct hf_writer *writer, uint32_t region)
{
	put32(entry_new(writer), region);
}

void hf_wire_put_still(struct hf_writer *writer,
		       const struct hf_wire_still *entry)
{
	uint8_t *at = entry_new(writer);

	put32(at, entry->region);
	put32(at + 4, entry->generation);
}

void hf_wire_put_flush(struct hf_writer *writer,
		       const struct hf_wire_flush *entry)
{
	uint8_t *at = entry_new(writer);

	put32(at, entry->request);
	put32(at + 4, entry->region);
	put64(at + 8, entry->offset);
	put64(at + 16, entry->length);
}

void hf_wire_put_region(struct hf_writer *writer,
			const struct hf_wire_region *entry)
{
	uint8_t *at = entry_new(writer);

	put32(at, entry->request);
	put32(at + 4, entry->region);
	put32(at + 8, entry->generation);
	put32(at + 12, entry->state);
	put32(at + 16, entry->access);
	put32(at + 20, entry->error);
	put32(at + 24, entry->rkey);
	put64(at + 28, entry->iova);
	put64(at + 36, entry->length);
}

void hf_wire_put_flushed(struct hf_writer *writer,
			 const struct hf_wire_flushed *entry)
{
	uint8_t *at = entry_new(writer);

	put32(at, entry->request);
	put32(at + 4, entry->error);
}

size_t hf_wire_end(struct hf_writer *writer)
{
	put32(writer->data, HF_WIRE_MAGIC);
	writer->data[4] = writer->type;
	writer->data[5] = 0;
	writer->data[6] = writer->count;
	writer->data[7] = writer->count >> 8;
	return writer->length;
}

/* --- connection requests */

void hf_hello_put(void *data, const struct hf_hello *hello)
{
	uint8_t *bytes = data;

	memset(bytes, 0, HF_HELLO_BYTES);
	put32(bytes, HF_WIRE_MAGIC);
	bytes[4] = hello->kind;
	memcpy(bytes + 8, hello->token, HF_WIRE_TOKEN);
	put64(bytes + 40, hello->session);
	put64(bytes + 48, hello->instance);
}

/* librdmacm pads private data: there may be more of it. */
bool hf_hello_get(const void *data, size_t length, struct hf_hello *hello)
{
	const uint8_t *bytes = data;

	if (!data || length < HF_HELLO_BYTES || get32(bytes) != HF_WIRE_MAGIC ||
	    bytes[5] || bytes[6] || bytes[7] ||
	    (bytes[4] != HF_HELLO_CONTROL && bytes[4] != HF_HELLO_DATA))
		return false;
	hello->kind = bytes[4];
	memcpy(hello->token, bytes + 8, HF_WIRE_TOKEN);
	hello->session = get64(bytes + 40);
	hello->instance = get64(bytes + 48);
	return true;
}

void hf_welcome_put(void *data, const struct hf_welcome *welcome)
{
	uint8_t *bytes = data;

	put32(bytes, HF_WIRE_MAGIC);
	put64(bytes + 4, welcome->session);
	put32(bytes + 12, welcome->regions);
	put32(bytes + 16, welcome->flushes);
	put32(bytes + 20, welcome->queues);
}

bool hf_welcome_get(const void *data, size_t length, struct hf_welcome *welcome)
{
	const uint8_t *bytes = data;

	if (!data || length < HF_WELCOME_BYTES || get32(bytes) != HF_WIRE_MAGIC)
		return false;
	welcome->session = get64(bytes + 4);
	welcome->regions = get32(bytes + 12);
	welcome->flushes = get32(bytes + 16);
	welcome->queues = get32(bytes + 20);
	return true;
}

void hf_refusal_put(void *data, uint32_t error)
{
	put32(data, HF_WIRE_MAGIC);
	put32((uint8_t *)data + 4, error);
}

bool hf_refusal_get(const void *data, size_t length, uint32_t *error)
{
	uint32_t value;

	if (!data || length < HF_REFUSAL_BYTES ||
	    (get32(data) ^ HF_WIRE_MAGIC) & ~VERSION)
		return false;
	value = get32((const uint8_t *)data + 4);
	if (!value || value > HF_WIRE_ERRNO)
		return false;
	*error = value;
	return true;
}

bool hf_token_equal(const unsigned char *a, const unsigned char *b)
{
	volatile unsigned char differ = 0;

	for (size_t i = 0; i < HF_WIRE_TOKEN; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}
