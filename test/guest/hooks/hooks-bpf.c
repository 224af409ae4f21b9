// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs at the entry and at the exit of every hooked function, attached
 * before the hooks or after them, do not get past them; and they see the calls.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/syscall.h>

#include "hooked-callers.h"

#define ENOTSUPP 524 /* the kernel's own */

static struct hooked hooked;
static int links[32];

static char *btf_read(void)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;
	char *buf;

	if (fd < 0 || fstat(fd, &st))
		tap_bail("BTF: %s", strerror(errno));
	buf = malloc(st.st_size);
	for (off_t done = 0; done < st.st_size; done += n) {
		n = read(fd, buf + done, st.st_size - done);
		if (n <= 0)
			tap_bail("BTF: %s", strerror(errno));
	}
	close(fd);
	return buf;
}

/* How long what follows a type is. */
static size_t btf_tail(const struct btf_type *type)
{
	const unsigned int nr = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return nr * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return nr * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return nr * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return nr * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return nr * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

/* 0: it is a module's, not the kernel's own. */
static int btf_id(const char *name)
{
	static char *btf;
	const struct btf_header *header;
	const char *at, *end, *strings;
	int id = 0;

	btf = btf ?: btf_read();
	header = (void *)btf;
	strings = btf + header->hdr_len + header->str_off;
	at = btf + header->hdr_len + header->type_off;
	end = at + header->type_len;
	while (at < end) {
		const struct btf_type *type = (void *)at;

		id++;
		if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    !strcmp(strings + type->name_off, name))
			return id;
		at += sizeof(*type) + btf_tail(type);
	}
	return 0;
}

/* A program that does nothing, on one function. */
static int attach(const char *name, unsigned int where)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = where,
		.insns = (uintptr_t)insns,
		.insn_cnt = 2,
		.license = (uintptr_t) "GPL",
		.attach_btf_id = btf_id(name),
	};
	int program, link;

	if (!attr.attach_btf_id)
		return -1;
	program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (program < 0)
		tap_bail("BPF program on %s: %s", name, strerror(errno));
	attr = (union bpf_attr){ .raw_tracepoint.prog_fd = program };
	link = syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
	/* 6.1 has no trampoline for functions with more than six arguments. */
	if (link < 0 && errno != ENOTSUPP)
		tap_bail("BPF on %s: %s", name, strerror(errno));
	close(program);
	return link;
}

static void attach_all(unsigned int where)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < hooked.nr; i++) {
		links[i] = attach(hooked.name[i], where);
		nr += links[i] >= 0;
	}
	if (nr < 8)
		tap_bail("BPF on %u functions only", nr);
	tap_diag("BPF on %u of %u functions", nr, hooked.nr);
}

static void detach_all(void)
{
	for (unsigned int i = 0; i < hooked.nr; i++) {
		if (links[i] >= 0)
			close(links[i]);
	}
}

static void test_order(const char *what, unsigned int where)
{
	char text[64];

	unhooked_wait();
	attach_all(where);
	snprintf(text, sizeof(text), "%s, then the hooks", what);
	hooks_protect(text);
	detach_all();
	snprintf(text, sizeof(text), "%s gone, the hooks are there", what);
	hooks_protect(text);
	attach_all(where);
	snprintf(text, sizeof(text), "the hooks, then %s", what);
	hooks_protect(text);
	callers_known(what);
	detach_all();
}

int main(void)
{
	tracing_mount();
	hooked = hooked_with_lease();
	test_order("fentry", BPF_TRACE_FENTRY);
	test_order("fexit", BPF_TRACE_FEXIT);
	return tap_done();
}
