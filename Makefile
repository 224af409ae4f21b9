# SPDX-License-Identifier: GPL-2.0
#
# For packagers and for work on the code; ./run is for everything else.
#
#	make			libraries, tools, guest tests, examples and benchmarks, in build/
#	make products		what make install installs: libraries, tool, agent
#	make install		DESTDIR, PREFIX, BINDIR, SBINDIR, LIBDIR, INCLUDEDIR,
#				MANDIR, SYSCONFDIR, UNITDIR, ...
#	make uninstall		removes what make install with the same folders installs
#	make check		the tests that need no kernel module, and the style
#	make programs		what drives other people's programs in guests, test/programs
#	make fuzz		what reads input from outside, FUZZ_SECONDS (60) each
#	make kmod KDIR=...	the module for one kernel, in build/kmod-native
#	make install-kmod	that module, into its kernel's module tree
#	make install-dkms	the module's source, for DKMS to build
#	make uninstall-dkms
#	make clean
#
# make WERROR= goes on after warnings. Libraries that are not there leave out what needs them; so
# does a variable: make LIBURING= builds without liburing.
#
# Sources are found by pattern: a new test or subcommand needs no line here.

VERSION := $(shell cat VERSION)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

BUILD := build
PREFIX := /usr/local
BINDIR := $(PREFIX)/bin
SBINDIR := $(PREFIX)/sbin
LIBDIR := $(PREFIX)/lib
INCLUDEDIR := $(PREFIX)/include
MANDIR := $(PREFIX)/share/man
COMPLETIONDIR := $(PREFIX)/share/bash-completion/completions
# systemd and DKMS look only here, whatever the prefix.
SYSCONFDIR := /etc
MODULESLOADDIR := /usr/lib/modules-load.d
SYSUSERSDIR := /usr/lib/sysusers.d
UDEVDIR := /usr/lib/udev/rules.d
UNITDIR := /usr/lib/systemd/system
DKMSDIR := /usr/src/holdfast-$(VERSION)

CFLAGS ?= -O2 -g
LDCONFIG := ldconfig
# The rest is part of the language we write in, not the packager's choice. Our
# ABI header comes first: the system may have an older one.
STD := -std=gnu11 -D_FILE_OFFSET_BITS=64 -Iinclude/uapi -Ilib $(addprefix -Ilib/,holdfast verbs uring remote)
WERROR := -Werror
# The kernel's own structures for ioctls end in arrays, and are put into others; clang calls that
# an extension of GNU's, and gcc does not know the warning.
WARN := -Wall -Wextra $(WERROR) -Wmissing-prototypes -Wstrict-prototypes \
	-Wno-gnu-variable-sized-type-not-at-end
FUZZ_SECONDS := 60
FUZZ_WRAPPED := fopen64 nanosleep malloc calloc reallocarray strdup
# libFuzzer is clang's.
FUZZ_CC := clang
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# One short line for each thing that is made; make V=1 shows the commands,
# make -s nothing.
ifeq ($(V),)
Q := @
ifeq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
say = @echo "  $(1)	$(patsubst $(BUILD)/%,%,$@)"
endif
endif

COMPILE = $(CC) $(STD) $(WARN) -MMD -MP $(CPPFLAGS)
FUZZ_COMPILE = $(FUZZ_CC) $(STD) $(WARN) -MMD -MP $(CPPFLAGS) $(OURS) $(SANITIZE)
# Guest tests and examples say themselves what they need of the C library.
OURS := -D_GNU_SOURCE -DHOLDFAST_VERSION='"$(VERSION)"'

# What can be left out.
found = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes)
IBVERBS := $(call found,libibverbs)
LIBURING := $(call found,liburing)
RDMACM := $(and $(IBVERBS),$(call found,librdmacm))
# RDMA FLUSH and ATOMIC WRITE: the libibverbs of Debian 12 has neither.
PLACEMENT := $(and $(RDMACM),$(shell $(CC) $(CPPFLAGS) -w -fsyntax-only \
	lib/remote/probe/placement.c 2>/dev/null && echo yes))
SMARTCOLS := $(and $(call found,smartcols),$(call found,json-c),$(call found,mount))
SYSTEMD := $(call found,libsystemd)

LIB_SRC := $(wildcard lib/holdfast/*.c)
VERBS_SRC := $(wildcard lib/verbs/*.c)
URING_SRC := $(wildcard lib/uring/*.c)
REMOTE_SRC := $(wildcard lib/remote/*.c)
TOOL_SRC := $(wildcard tools/holdfast/*.c tools/holdfast/*/*.c)
TOOL_LIBS := -lsmartcols -ljson-c -lmount
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
VERBS_OBJ := $(VERBS_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/lib/internal/uverbs.o
URING_OBJ := $(URING_SRC:%.c=$(BUILD)/obj/%.o)
REMOTE_OBJ := $(REMOTE_SRC:%.c=$(BUILD)/obj/%.o)
# What of it needs no device.
REMOTE_PURE := $(addprefix lib/remote/,wire.c pause.c bias.c)
# What tool and daemon share, also with libraries; neither uses the other's files.
COMMON_SRC := $(wildcard tools/common/*.c) lib/internal/uverbs.c
TOOL_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(TOOL_SRC) $(COMMON_SRC))
# What fuzzers give their input to, and what that needs.
FUZZ_OBJ := $(patsubst %.c,$(BUILD)/obj/fuzz/%.o,\
		$(LIB_SRC) $(filter-out tools/holdfast/holdfast.c,$(TOOL_SRC)) \
		$(COMMON_SRC) $(REMOTE_PURE))
# What host tests are linked with: everything but main(), and what stands before
# functions of other libraries; sanitized.
HOST_OBJ := $(patsubst %.c,$(BUILD)/obj/san/%.o,\
		$(LIB_SRC) $(filter-out tools/holdfast/holdfast.c,$(TOOL_SRC)) \
		preload/settings.c preload/table.c $(COMMON_SRC) \
		$(REMOTE_PURE) lib/remote/fate.c lib/verbs/keys.c)

LIBRARY := $(BUILD)/lib/libholdfast.so
ARCHIVE := $(BUILD)/lib/libholdfast.a
VERBS := $(BUILD)/lib/libholdfast-verbs.so
VERBS_ARCHIVE := $(BUILD)/lib/libholdfast-verbs.a
URING := $(BUILD)/lib/libholdfast-uring.so
URING_ARCHIVE := $(BUILD)/lib/libholdfast-uring.a
REMOTE := $(BUILD)/lib/libholdfast-remote.so
REMOTE_ARCHIVE := $(BUILD)/lib/libholdfast-remote.a
TOOL := $(BUILD)/bin/holdfast
DAEMON := $(BUILD)/sbin/holdfastd
DAEMON_SRC := $(wildcard tools/holdfastd/*.c)
DAEMON_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,\
		$(DAEMON_SRC) $(COMMON_SRC))
# For programs of others: it brings its own libholdfast, and shows none of it.
SHIM := $(BUILD)/lib/libholdfast-preload.so
SHIM_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,\
		$(wildcard preload/*.c) lib/internal/uverbs.c)
# Guest tests have a folder for each subject, and all of them different names.
GUEST_TESTS := $(patsubst %.c,$(BUILD)/test/%,\
		$(notdir $(wildcard test/guest/*/*.c)))
PROGRAMS := $(patsubst test/programs/%.c,$(BUILD)/programs/%,\
		$(wildcard test/programs/*.c))
# What runs in a machine inside of a guest, without an operating system.
MACHINES := $(patsubst test/programs/machine/%.c,$(BUILD)/programs/%,\
		$(wildcard test/programs/machine/*.c))
HOST_TESTS := $(patsubst test/host/%.c,$(BUILD)/test/host/%,\
		$(wildcard test/host/*.c))
FUZZERS := $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard test/fuzz/*.c))
# Parts of the soak: a file each, or a folder with a main.c.
PERCENT := %
SOAK := $(patsubst test/soak/%.c,$(BUILD)/soak/%,$(wildcard test/soak/*.c)) \
	$(patsubst test/soak/%/main.c,$(BUILD)/soak/%,\
		$(wildcard test/soak/*/main.c))
# One example is of libuv, where that is there. Guests have none: it is linked into the program.
LIBUV := $(shell pkg-config --exists libuv-static && echo yes)
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,\
		$(filter-out $(if $(LIBUV),,examples/11-libuv.c),$(wildcard examples/*.c)))
# Programs of the tests with two guests.
PAIR := $(patsubst test/pair/%.c,$(BUILD)/pair/%,$(wildcard test/pair/*.c))
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,\
		$(wildcard bench/*.c))

.PHONY: all products programs install uninstall check fuzz clean kmod install-kmod \
	install-dkms uninstall-dkms
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

# Tests and examples are of everything.
all: products $(if $(and $(RDMACM),$(LIBURING)),\
	$(GUEST_TESTS) $(PAIR) $(SOAK) $(EXAMPLES) $(BENCHES) $(BUILD)/powercut/records)

PRODUCTS := $(LIBRARY) $(ARCHIVE) $(DAEMON) \
	$(if $(IBVERBS),$(VERBS) $(VERBS_ARCHIVE) $(SHIM)) \
	$(if $(LIBURING),$(URING) $(URING_ARCHIVE)) \
	$(if $(RDMACM),$(REMOTE) $(REMOTE_ARCHIVE)) \
	$(if $(SMARTCOLS),$(TOOL))

define LEFT_OUT
$(if $(IBVERBS),,@echo "left out: libholdfast-verbs and the preload library, for lack of libibverbs")
$(if $(LIBURING),,@echo "left out: libholdfast-uring, for lack of liburing")
$(if $(RDMACM),,@echo "left out: libholdfast-remote, for lack of libibverbs or librdmacm")
$(if $(SMARTCOLS),,@echo "left out: the tool holdfast, for lack of libsmartcols, json-c or libmount")
$(if $(SYSTEMD),,@echo "left out: holdfastd's messages to systemd, for lack of libsystemd")
endef

products: $(PRODUCTS)
	$(LEFT_OUT)

# --- libraries

$(BUILD)/obj/lib/%.o: lib/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<

$(BUILD)/obj/lib/remote/placement.o $(BUILD)/test/remote-placement: \
	CPPFLAGS += $(if $(PLACEMENT),-DHAVE_IBV_PLACEMENT)

# -z defs: a symbol that is nowhere is our mistake, not the program's.
define library
$(call say,LD)
$(Q)mkdir -p $(@D)
$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(@F:.$(VERSION)=.$(SOVERSION)) \
	-Wl,--version-script,$(filter %.map,$^) -Wl,-z,defs \
	$(LDFLAGS) -o $@ $(filter %.o,$^)
endef

$(LIBRARY).$(VERSION): $(LIB_OBJ) lib/holdfast/holdfast.map
	$(library)

$(VERBS).$(VERSION): $(VERBS_OBJ) lib/verbs/holdfast-verbs.map | $(LIBRARY)
	$(library) -L$(BUILD)/lib -lholdfast -libverbs -lpthread

$(URING).$(VERSION): $(URING_OBJ) lib/uring/holdfast-uring.map | $(LIBRARY)
	$(library) -L$(BUILD)/lib -lholdfast -luring

$(REMOTE).$(VERSION): $(REMOTE_OBJ) lib/remote/holdfast-remote.map | $(LIBRARY) $(VERBS)
	$(library) -L$(BUILD)/lib -lholdfast-verbs -lholdfast -lrdmacm -libverbs -lpthread

# Both links, so that programs run from the build folder.
$(LIBRARY) $(VERBS) $(URING) $(REMOTE): %: %.$(VERSION)
	$(Q)ln -sf $(<F) $@.$(SOVERSION)
	$(Q)ln -sf $(@F).$(SOVERSION) $@

define archive
$(call say,AR)
$(Q)mkdir -p $(@D)
$(Q)rm -f $@
$(Q)$(AR) rcs $@ $^
endef

$(ARCHIVE): $(LIB_OBJ)
	$(archive)

$(VERBS_ARCHIVE): $(VERBS_OBJ)
	$(archive)

$(URING_ARCHIVE): $(URING_OBJ)
	$(archive)

$(REMOTE_ARCHIVE): $(REMOTE_OBJ)
	$(archive)

# --- programs

$(BUILD)/obj/tools/holdfast/%.o: tools/holdfast/%.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) -Itools/holdfast -Itools/common $(CFLAGS) -c -o $@ $<

$(TOOL): $(TOOL_OBJ) $(LIBRARY)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(TOOL_OBJ) -L$(BUILD)/lib -lholdfast \
		$(TOOL_LIBS)

$(BUILD)/obj/tools/common/%.o: tools/common/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/tools/holdfastd/%.o: tools/holdfastd/%.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(if $(SYSTEMD),-DHAVE_SYSTEMD) -Itools/common $(CFLAGS) \
		-fPIC -fvisibility=hidden -c -o $@ $<

$(DAEMON): $(DAEMON_OBJ) $(LIBRARY)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(DAEMON_OBJ) -L$(BUILD)/lib \
		-lholdfast $(if $(SYSTEMD),-lsystemd)

# --- the shim

$(BUILD)/obj/preload/%.o: preload/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<

# libibverbs is the program's, if it has one.
$(SHIM): $(SHIM_OBJ) $(ARCHIVE)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL \
		-Wl,-soname,$(notdir $@) $(LDFLAGS) -o $@ $(SHIM_OBJ) $(ARCHIVE) \
		-ldl -lpthread

# One source file each. Not all use RDMA or liburing: --as-needed drops what they do not.
# The dependency file goes to obj/, a test folder holds only tests.
define program
$(call say,LD)
$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
$(Q)$(COMPILE) $(CFLAGS) -MF $(BUILD)/obj/$(<:.c=.d) $(LDFLAGS) -Wl,--as-needed \
	-o $@ $< -L$(BUILD)/lib -lholdfast-remote -lholdfast-verbs -lholdfast-uring -lholdfast \
	-libverbs -lrdmacm -luring -lpthread $(LDLIBS)
endef

.SECONDEXPANSION:
$(GUEST_TESTS): CPPFLAGS += -Itest/guest/lib
$(filter-out %/static-mr,$(GUEST_TESTS)): $(BUILD)/test/%: $$(wildcard test/guest/*/$$*.c) \
		$(LIBRARY) $(VERBS) $(URING) $(REMOTE)
	$(program)

# What no preloaded library reaches; of ours it has nothing.
$(BUILD)/test/static-mr: test/guest/lib/static-mr.c
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(COMPILE) $(CFLAGS) -MF $(BUILD)/obj/$(<:.c=.d) -static -o $@ $<

# Linked to libraries of the guests' Debian: those that the source names after "link:". What these
# need in turn is in the guest alone.
programs: $(PROGRAMS) $(MACHINES)

SYSROOT = $(shell lab/build programs)/sysroot
SYSLIB = $(SYSROOT)/usr/lib/x86_64-linux-gnu

$(PROGRAMS): $(BUILD)/programs/%: test/programs/%.c $(wildcard test/programs/*.h) test/tap.h
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(CC) --sysroot=$(SYSROOT) -std=gnu11 -D_FILE_OFFSET_BITS=64 $(WARN) $(CFLAGS) \
		-isystem $(SYSLIB)/openmpi/include -L$(SYSLIB) \
		-Wl,--allow-shlib-undefined $(LDFLAGS) -o $@ $< $(shell sed -n 's/^ \* link: *//p' $<) -lpthread

$(BUILD)/soak/%: test/soak/%.c $(LIBRARY) $(VERBS) $(URING) $(REMOTE)
	$(program)

$(BUILD)/obj/test/soak/%.o: test/soak/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(CFLAGS) -c -o $@ $<

$(BUILD)/soak/%: test/soak/%/main.c \
		$$(patsubst $$(PERCENT).c,$(BUILD)/obj/$$(PERCENT).o,$$(wildcard test/soak/$$*/*.c)) \
		$(LIBRARY) $(VERBS)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) \
		-L$(BUILD)/lib -lholdfast-verbs -lholdfast -libverbs -lpthread

$(BUILD)/pair/%: test/pair/%.c $(LIBRARY) $(VERBS) $(URING) $(REMOTE)
	$(program)

$(BUILD)/powercut/%: test/powercut/%.c $(LIBRARY) $(VERBS)
	$(program)

$(BUILD)/examples/11-libuv: LDLIBS = $(shell pkg-config --libs libuv-static)
$(BUILD)/examples/%: examples/%.c $(LIBRARY) $(VERBS) $(URING) $(REMOTE)
	$(program)

$(BUILD)/bench/%: bench/%.c $(LIBRARY) $(VERBS) $(URING) $(REMOTE)
	$(program)

# --- tests of the host

$(BUILD)/obj/san/%.o: %.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) -Itools/holdfast -Itools/common $(SANITIZE) -c -o $@ $<

$(BUILD)/test/host/intact: OURS += -Ikmod
$(BUILD)/test/host/%: test/host/%.c $(HOST_OBJ)
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(COMPILE) $(OURS) -Itools/common $(SANITIZE) -MF $(BUILD)/obj/$(<:.c=.d) -o $@ $< \
		$(HOST_OBJ) $(TOOL_LIBS)

$(MACHINES): $(BUILD)/programs/%: test/programs/machine/%.c
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -std=gnu11 -O2 $(WARN) -ffreestanding -fno-pic -no-pie -fno-stack-protector \
		-fcf-protection=none -mgeneral-regs-only -fno-asynchronous-unwind-tables \
		-fno-toplevel-reorder -nostdlib -static \
		-Wl,--build-id=none,-N,--no-warn-rwx-segments,-Ttext=0x100000,-e,start -o $@ $<

# --exec '': run them, by their first line or as programs.
check: all $(HOST_TESTS) $(FUZZERS)
	$(Q)BUILD=$(BUILD) prove --exec '' \
		$(PROVEFLAGS) $(HOST_TESTS) $(sort $(wildcard test/host/*.sh))

# --- fuzzers

$(BUILD)/obj/fuzz/%.o: %.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) -Itools/holdfast -Itools/common -fsanitize=fuzzer-no-link -c -o $@ $<

$(BUILD)/fuzz/%: test/fuzz/%.c $(FUZZ_OBJ)
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(FUZZ_COMPILE) -Itools/common -Itools/holdfast -fsanitize=fuzzer -MF $(BUILD)/obj/$(<:.c=.d) \
		$(FUZZ_WRAPPED:%=-Wl,--wrap=%) -o $@ $< $(FUZZ_OBJ) $(TOOL_LIBS)

# What is found of new paths stays in build/fuzz/corpus, a crash beside it.
fuzz: $(FUZZERS)
	$(Q)set -e; for name in $(notdir $(FUZZERS)); do \
		mkdir -p $(BUILD)/fuzz/corpus/$$name; \
		$(BUILD)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/$$name- \
			$(BUILD)/fuzz/corpus/$$name test/fuzz/corpus/$$name; \
	done

# --- the module

KDIR := /lib/modules/$(shell uname -r)/build
KMOD := $(BUILD)/kmod-native

# The sources as kbuild wants them in one folder.
define copy_kmod
	mkdir -p $(1)/include
	cp -r kmod/. VERSION $(1)
	cp -r include/uapi $(1)/include
endef

# In a copy: kbuild writes into the source folder, from 6.13 even a Makefile.
kmod:
	rm -rf $(KMOD)
	$(call copy_kmod,$(KMOD))
	$(MAKE) -C $(KDIR) M=$(abspath $(KMOD)) modules

install-kmod:
	$(MAKE) -C $(KDIR) M=$(abspath $(KMOD)) \
		INSTALL_MOD_PATH=$(DESTDIR) modules_install

install-dkms:
	$(call copy_kmod,$(DESTDIR)$(DKMSDIR))
	sed 's|@VERSION@|$(VERSION)|' packaging/dkms.conf.in \
		>$(DESTDIR)$(DKMSDIR)/dkms.conf

uninstall-dkms:
	rm -rf $(DESTDIR)$(DKMSDIR)

# --- install

# packaging/files has what goes where.
FILES = BUILD=$(BUILD) VERSION=$(VERSION) SOVERSION=$(SOVERSION) BINDIR=$(BINDIR) \
	SBINDIR=$(SBINDIR) LIBDIR=$(LIBDIR) INCLUDEDIR=$(INCLUDEDIR) MANDIR=$(MANDIR) \
	COMPLETIONDIR=$(COMPLETIONDIR) SYSCONFDIR=$(SYSCONFDIR) UNITDIR=$(UNITDIR) \
	MODULESLOADDIR=$(MODULESLOADDIR) SYSUSERSDIR=$(SYSUSERSDIR) UDEVDIR=$(UDEVDIR) \
	IBVERBS=$(IBVERBS) LIBURING=$(LIBURING) RDMACM=$(RDMACM) SMARTCOLS=$(SMARTCOLS) packaging/files

# Where this very install puts things: not kept, as the next may have other folders.
install: $(PRODUCTS)
	$(Q)rm -rf $(BUILD)/install
	$(Q)mkdir -p $(BUILD)/install
	$(Q)for part in lib/holdfast/holdfast lib/verbs/holdfast-verbs lib/uring/holdfast-uring \
			lib/remote/holdfast-remote; do \
		sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
			-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
			$$part.pc.in >$(BUILD)/install/$${part##*/}.pc; \
	done
	$(Q)for unit in packaging/*.service.in; do \
		sed -e 's|@BINDIR@|$(BINDIR)|' -e 's|@SBINDIR@|$(SBINDIR)|' \
			-e 's|@SYSCONFDIR@|$(SYSCONFDIR)|' $$unit \
			>$(BUILD)/install/$$(basename $$unit .in); \
	done
	$(Q)$(FILES) >$(BUILD)/install/files
	$(Q)set -e; while read -r mode source target; do \
		case $$mode in \
		link)	install -d $(DESTDIR)$${target%/*}; \
			ln -sf $$source $(DESTDIR)$$target ;; \
		*)	install -D -m $$mode $$source $(DESTDIR)$$target ;; \
		esac; \
	done <$(BUILD)/install/files
	$(Q)$(call ldconfig)
	$(LEFT_OUT)

uninstall:
	$(Q)set -e; $(FILES) | while read -r mode source target; do \
		rm -f $(DESTDIR)$$target; \
	done
	$(Q)$(call ldconfig)

# The loader's cache is of this machine, and root's.
ldconfig = if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then $(LDCONFIG); fi

clean:
	rm -rf $(BUILD)/obj $(BUILD)/bin $(BUILD)/sbin $(BUILD)/lib $(BUILD)/test \
		$(BUILD)/soak $(BUILD)/fuzz $(BUILD)/powercut $(BUILD)/examples \
		$(BUILD)/bench $(KMOD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
