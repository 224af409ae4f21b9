// SPDX-License-Identifier: GPL-2.0
/*
 * truth --seconds N [--seed S] [--rounds N] [--plan]: files are leased and
 * written to by RDMA while they are changed, and while those who do it are
 * killed and worse; and every block holds what it must, in every file.
 *
 * In rounds: what a round does is drawn beforehand (plan.c), from the seed. In
 * its course each process logs what it does (world.c); after it, when nothing
 * moves, the oracle judges each block by the logs (oracle.c).
 *
 *	main -+- keeper ---- holder ... (holder.c, misdeed.c), for each part
 *	      +- changer --- change ... (change.c), for each file
 *	      +- malice		        (malice.c)
 *	      +- canary		        (canary.c)
 *	      +- reader		        (reader.c)
 *	      +- holdfastd
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tap.h"
#include "canary.h"
#include "change.h"
#include "files.h"
#include "holder.h"
#include "leak.h"
#include "malice.h"
#include "reader.h"

/* What a round takes without those that ignore a break. */
#define ROUND_MS 3000

#define AGENT_LOG "/tmp/holdfastd.log"

struct options {
	unsigned int seconds;
	unsigned int rounds;
	uint64_t seed;
	bool plan;
};

static struct options options_read(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'S' },
		{ "plan", no_argument, NULL, 'p' },
		{ 0 }
	};
	struct options options = { .seed = now_ns() };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			options.seconds = atoi(optarg);
			break;
		case 'r':
			options.rounds = atoi(optarg);
			break;
		case 'S':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			options.plan = true;
			break;
		default:
			options.seconds = options.rounds = 0;
			optind = argc;
		}
	}
	if (optind == argc && (options.seconds || options.rounds))
		return options;
	fprintf(stderr,
		"usage: truth (--seconds N | --rounds N) [--seed S] [--plan]\n");
	exit(2);
}

/* A process that runs one of the parts. */
static pid_t start(void (*run)(void))
{
	pid_t pid = process_start();

	if (!pid) {
		run();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid, unsigned int limit_ms, const char *what)
{
	int status = process_end(pid, limit_ms * world->scale, what);

	if (!WIFEXITED(status) || WEXITSTATUS(status))
		problem("%s: status %#x", what, status);
}

/* Changes begin when there is something to break. */
static void holders_wait(void)
{
	uint64_t limit = now_ns() + 3000000000ULL * world->scale;

	for (unsigned int i = 0; i < SLOTS; i++) {
		while (!world->slots[i].registration_count && now_ns() < limit)
			sleep_ms(10);
	}
}

static void round_run(void)
{
	pid_t changers[SLOTS], keepers[SLOTS][PARTS], malice, canary, reader;

	world->stop = world->no_more = world->over = false;
	for (unsigned int i = 0; i < SLOTS; i++) {
		for (unsigned int j = 0; j < world->plan.parts[i]; j++) {
			keepers[i][j] = process_start();
			if (!keepers[i][j]) {
				keeper_run(i, j);
				_exit(0);
			}
		}
	}
	reader = start(reader_run);
	holders_wait();
	for (unsigned int i = 0; i < SLOTS; i++) {
		changers[i] = process_start();
		if (!changers[i]) {
			changer_run(i);
			_exit(0);
		}
	}
	malice = start(malice_run);
	canary = start(canary_run);
	sleep_ms(ROUND_MS);
	world->stop = true;
	/* A change at a time; each has a limit of its own. */
	for (unsigned int i = 0; i < SLOTS; i++)
		end(changers[i], 120000, "a changer");
	world->no_more = true;
	for (unsigned int i = 0; i < SLOTS; i++) {
		for (unsigned int j = 0; j < world->plan.parts[i]; j++)
			end(keepers[i][j], 60000, "a keeper");
	}
	end(malice, 180000, "malice");
	malice_undo();
	leak_look();
	world->over = true;
	end(canary, 120000, "the canary");
	end(reader, 20000, "the reader");
	figure_add(FIGURE_ROUNDS, 1);
	figure_add(FIGURE_FENCES, kernel_kills());
}

static pid_t agent_start(void)
{
	char *argv[] = { "holdfastd", "--margin", "3", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, AGENT_LOG,
					 O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (posix_spawn(&pid, "/src/build/sbin/holdfastd", &actions, NULL, argv,
			environ))
		give_up("holdfastd does not start");
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* How many consumers it says it took from holders. */
static unsigned int agent_took(void)
{
	FILE *log = fopen(AGENT_LOG, "r");
	unsigned int count = 0;
	char line[512];

	while (log && fgets(line, sizeof(line), log))
		count += strstr(line, "deregistered memory region") != NULL;
	if (log)
		fclose(log);
	return count;
}

/* What went wrong, up to now, is told at once. */
static void problems_say(void)
{
	static unsigned int said;

	for (; said < world->problem_count && said < PROBLEMS; said++)
		tap_diag("%s", world->problems[said]);
}

static void rounds_run(const struct options *options, uint64_t *hash)
{
	uint64_t limit = now_ns() + options->seconds * 1000000000ULL;
	unsigned int n = 0;

	/* Where something was lost there is nothing to be built on. */
	do {
		world->round = ++n;
		plan_make(&world->plan, options->seed, n);
		*hash = plan_hash(&world->plan, *hash);
		plan_print(&world->plan, n);
		files_open();
		round_run();
		files_judge();
		files_close();
		if (world->plan.fsck) {
			fsck();
			files_open();
			files_compare();
			files_close();
		}
		problems_say();
	} while (!world->figures[FIGURE_LOST] &&
		 (options->rounds ? n < options->rounds : now_ns() < limit));
}

static void figures_say(void)
{
	for (unsigned int i = 0; i < FIGURE_COUNT; i++)
		tap_diag("figure %s: %llu", figure_name(i),
			 (unsigned long long)world->figures[i]);
	for (unsigned int i = 0; i < NOTES && world->notes[i].count; i++)
		tap_diag("%s%s%s: %llu", world->notes[i].what,
			 world->notes[i].error ? ": " : "",
			 world->notes[i].error ? strerror(world->notes[i].error)
					       : "",
			 (unsigned long long)world->notes[i].count);
	tap_diag("slowest change: %llu ms, a %s in round %u",
		 (unsigned long long)world->slowest_ms,
		 op_name(world->slowest_op), world->slowest_round);
}

int main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
	uint64_t hash = 0;
	pid_t agent;

	tap_diag("seed %llu", (unsigned long long)options.seed);
	world_make(options.seed);
	if (options.plan) {
		for (unsigned int n = 1; n <= options.rounds; n++) {
			plan_make(&world->plan, options.seed, n);
			hash = plan_hash(&world->plan, hash);
			plan_print(&world->plan, n);
		}
		tap_diag("decisions %016llx", (unsigned long long)hash);
		return 0;
	}
	malice_prepare();
	donor_make();
	canary_prepare();
	leak_begin();
	agent = agent_start();
	rounds_run(&options, &hash);
	kill(agent, SIGTERM);
	end(agent, 20000, "holdfastd");
	figure_add(FIGURE_AGENT, agent_took());
	leak_end();
	fsck();
	problems_say();
	figures_say();
	tap_diag("decisions %016llx, --rounds %llu", (unsigned long long)hash,
		 (unsigned long long)world->figures[FIGURE_ROUNDS]);
	tap_ok(world->figures[FIGURE_WRITTEN] > 0, "RDMA wrote");
	tap_ok(world->figures[FIGURE_CHANGES] > 0, "changes raced with it");
	tap_is(world->figures[FIGURE_LOST], 0, "no block is lost");
	tap_is(world->problem_count - world->figures[FIGURE_LOST], 0,
	       "nothing leaked, nothing hung, fsck is clean");
	return tap_done();
}
