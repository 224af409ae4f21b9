/* SPDX-License-Identifier: GPL-2.0 */
/* What holdfastd logs: to systemd's journal where it runs under it, else to standard error. */
#ifndef HOLDFAST_LOG_H
#define HOLDFAST_LOG_H

#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>

/* MESSAGE_ID= of journald: holdfastd(8) names them. */
#define MESSAGE_BREAK	"f0b1f5a3b7b04e4a9d6c6f1d0c5e7a01"
#define MESSAGE_REVOKED "f0b1f5a3b7b04e4a9d6c6f1d0c5e7a02"
#define MESSAGE_LEFT	"f0b1f5a3b7b04e4a9d6c6f1d0c5e7a03"
#define MESSAGE_OVER	"f0b1f5a3b7b04e4a9d6c6f1d0c5e7a04"

/**
 * struct about - what a line is about; zero and NULL are unknown
 * @lease: LEASE= of journald, its number
 * @file: FILE=, its file
 * @pid: PID=, the process that has it pinned
 * @message_id: MESSAGE_ID=
 */
struct about {
	uint64_t lease;
	const char *file;
	pid_t pid;
	const char *message_id;
};

/*
 * So that processes share one limit: before the first fork(2). -errno, and then each
 * has its own.
 */
int log_init(void);

/*
 * One line, of level LOG_ERR to LOG_DEBUG. Names of processes and files are what
 * others chose, so whatever could drive a terminal or turn the text around becomes
 * "?". At most LOG_BURST lines in LOG_INTERVAL_S seconds; what is over that is
 * counted, and said.
 */
#define LOG_BURST      200
#define LOG_INTERVAL_S 10
__attribute__((format(printf, 2, 3))) void say(int level, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void
say_about(int level, const struct about *about, const char *fmt, ...);

#endif
