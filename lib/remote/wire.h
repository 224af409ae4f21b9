/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words between an exporter and an importer: layout and check. Nothing here
 * needs a device, and nothing keeps state: a buffer is a message, or it is not.
 * doc/remote.md has the protocol.
 *
 * Numbers are little-endian. A message is a header and @count entries of one size,
 * and not a byte more.
 */
#ifndef HOLDFAST_REMOTE_WIRE_H
#define HOLDFAST_REMOTE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_WIRE_MAGIC \
	0x32524648U	      /* "HFR2": another layout has another number */
#define HF_WIRE_MESSAGE 4096U /* bytes of the longest message */
#define HF_WIRE_NAME	64U   /* bytes of a name, with the zero at its end */
#define HF_WIRE_TOKEN	32U
#define HF_WIRE_ERRNO	4095U

enum hf_wire_type {
	/* from the importer */
	HF_WIRE_OPEN = 1,  /* give me a region of this name */
	HF_WIRE_CLOSE = 2, /* the importer no longer needs it */
	HF_WIRE_STILL = 3, /* nothing of this generation is in flight */
	HF_WIRE_FLUSH = 4, /* make this range durable */
	/* from the exporter */
	HF_WIRE_REGION = 5,  /* how a region stands */
	HF_WIRE_FLUSHED = 6, /* the answer to HF_WIRE_FLUSH */
	/* from both */
	HF_WIRE_PING = 7, /* is the wire still there? */
};

enum hf_wire_side {
	HF_WIRE_IMPORTER,
	HF_WIRE_EXPORTER
};

struct hf_wire_open {
	uint32_t request;
	char name[HF_WIRE_NAME];
};

struct hf_wire_still {
	uint32_t region;
	uint32_t generation;
};

struct hf_wire_flush {
	uint32_t request;
	uint32_t region;
	uint64_t offset;
	uint64_t length;
};

struct hf_wire_flushed {
	uint32_t request;
	uint32_t error;
};

enum hf_wire_state {
	HF_WIRE_ACTIVE = 1, /* here are the keys */
	HF_WIRE_PAUSED = 2, /* stop, let end what is in flight, say so */
	HF_WIRE_GONE = 3,   /* it does not come back: @error */
};

/* What a peer may do with a region: bits of @access. */
#define HF_WIRE_WRITE	     1U /* write and atomics */
#define HF_WIRE_FLUSHABLE    2U /* by RDMA FLUSH, persistently */
#define HF_WIRE_DURABLE	     4U /* a flush makes durable */
#define HF_WIRE_ATOMIC_WRITE 8U /* the exporter's device has it */

/* @request: of the HF_WIRE_OPEN that it answers, 0: of none */
struct hf_wire_region {
	uint32_t request;
	uint32_t region;
	uint32_t generation;
	uint32_t state;
	uint32_t access;
	uint32_t error;
	uint32_t rkey;
	uint64_t iova;
	uint64_t length;
};

/* A message that has been checked. @entries points into the buffer. */
struct hf_message {
	enum hf_wire_type type;
	unsigned int count;
	const uint8_t *entries;
};

/**
 * hf_wire_parse - check a message
 * @data: @length: what has come
 * @from: who has sent it
 * @message: out
 *
 * Checks all entries: the hf_wire_get functions cannot fail afterwards. Returns false
 * with *@message unchanged if it is no message that this side sends.
 */
bool hf_wire_parse(const void *data, size_t length, enum hf_wire_side from,
		   struct hf_message *message);

/* The entry @i, below @message->count, of a message of that type. */
void hf_wire_get_open(const struct hf_message *message, unsigned int i,
		      struct hf_wire_open *entry);
uint32_t hf_wire_get_close(const struct hf_message *message, unsigned int i);
void hf_wire_get_still(const struct hf_message *message, unsigned int i,
		       struct hf_wire_still *entry);
void hf_wire_get_flush(const struct hf_message *message, unsigned int i,
		       struct hf_wire_flush *entry);
void hf_wire_get_region(const struct hf_message *message, unsigned int i,
			struct hf_wire_region *entry);
void hf_wire_get_flushed(const struct hf_message *message, unsigned int i,
			 struct hf_wire_flushed *entry);

/* A message that is being written, into HF_WIRE_MESSAGE bytes. */
struct hf_writer {
	uint8_t *data;
	size_t length;
	enum hf_wire_type type;
	unsigned int count;
};

void hf_wire_begin(struct hf_writer *writer, void *data,
		   enum hf_wire_type type);
/* Whether one more entry has room. */
bool hf_wire_room(const struct hf_writer *writer);
void hf_wire_put_open(struct hf_writer *writer,
		      const struct hf_wire_open *entry);
void hf_wire_put_close(struct hf_writer *writer, uint32_t region);
void hf_wire_put_still(struct hf_writer *writer,
		       const struct hf_wire_still *entry);
void hf_wire_put_flush(struct hf_writer *writer,
		       const struct hf_wire_flush *entry);
void hf_wire_put_region(struct hf_writer *writer,
			const struct hf_wire_region *entry);
void hf_wire_put_flushed(struct hf_writer *writer,
			 const struct hf_wire_flushed *entry);
/* Writes the header. Returns the length of the message. */
size_t hf_wire_end(struct hf_writer *writer);

/* Whether a name can be one: printable ASCII without spaces, not empty, not too long. */
bool hf_wire_is_name(const char *name);

/* --- what goes with the connection requests of librdmacm */

enum hf_hello_kind {
	HF_HELLO_CONTROL = 1,
	HF_HELLO_DATA = 2,
};

#define HF_HELLO_BYTES 56U /* all that there is room for */

/**
 * struct hf_hello - an importer wants to connect
 * @kind: enum hf_hello_kind
 * @token: says which peer it is
 * @session: HF_HELLO_DATA: which one the queue pair is for
 * @instance: a random number of the importer: an exporter ends earlier sessions of the
 *	same one first, so that nothing of theirs arrives later
 */
struct hf_hello {
	unsigned int kind;
	unsigned char token[HF_WIRE_TOKEN];
	uint64_t session;
	uint64_t instance;
};

void hf_hello_put(void *data, const struct hf_hello *hello);
bool hf_hello_get(const void *data, size_t length, struct hf_hello *hello);

#define HF_WELCOME_BYTES 24U

/* @regions: @flushes: how many the exporter allows at a time */
struct hf_welcome {
	uint64_t session;
	uint32_t regions;
	uint32_t flushes;
	uint32_t queues;
};

void hf_welcome_put(void *data, const struct hf_welcome *welcome);
bool hf_welcome_get(const void *data, size_t length,
		    struct hf_welcome *welcome);

#define HF_REFUSAL_BYTES 8U

/* @error: a positive errno value. A refusal can be read whichever version has sent it. */
void hf_refusal_put(void *data, uint32_t error);
bool hf_refusal_get(const void *data, size_t length, uint32_t *error);

/* Takes as long for tokens that differ as for tokens that do not. */
bool hf_token_equal(const unsigned char *a, const unsigned char *b);

#endif
