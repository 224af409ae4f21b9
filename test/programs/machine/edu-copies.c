// SPDX-License-Identifier: GPL-2.0
/*
 * edu-copies: what runs in the machine of test/programs/qemu, without an operating system: a multiboot
 * kernel that has QEMU's edu device copy half a page of the machine's memory to another place, for ever. Says
 * "ready", or what it has not found, on the debug console.
 */
#include <stdint.h>

#define SOURCE	    0x200000
#define DESTINATION 0x201000
/* QEMU 7.2 refuses all of the device's buffer. */
#define LENGTH	    0x800

/* docs/specs/edu.rst of QEMU */
#define EDU_ID	    0x11e81234
#define DMA_SOURCE  0x80
#define DMA_DEST    0x88
#define DMA_COUNT   0x90
#define DMA_COMMAND 0x98
#define DMA_RUN	    1
#define DMA_TO_RAM  2
#define EDU_BUFFER  0x40000

#define CONSOLE	    0xe9
#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_COMMAND 4
#define PCI_BAR0    0x10
#define PCI_MASTER  6 /* memory, bus master */
#define FUNCTIONS   256

/* Multiboot header: magic, flags, checksum */
asm(".long 0x1badb002, 0, -0x1badb002\n"
    ".globl start\n"
    "start: cli\n"
    "	mov $0x180000, %esp\n"
    "	call work\n"
    "1:	hlt\n"
    "	jmp 1b\n");

static void outl(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "d"(port));
}

static uint32_t inl(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
	return value;
}

static void say(const char *text)
{
	for (; *text; text++)
		asm volatile("outb %b0, %w1" : : "a"(*text), "d"(CONSOLE));
}

static uint32_t pci_read(uint32_t function, uint32_t reg)
{
	outl(PCI_ADDRESS, 1u << 31 | function << 8 | reg);
	return inl(PCI_DATA);
}

static void pci_write(uint32_t function, uint32_t reg, uint32_t value)
{
	outl(PCI_ADDRESS, 1u << 31 | function << 8 | reg);
	outl(PCI_DATA, value);
}

static void dma(volatile uint32_t *edu, uint32_t from, uint32_t to,
		uint32_t command)
{
	edu[DMA_SOURCE / 4] = from;
	edu[DMA_DEST / 4] = to;
	edu[DMA_COUNT / 4] = LENGTH;
	edu[DMA_COMMAND / 4] = command;
	while (edu[DMA_COMMAND / 4] & DMA_RUN)
		;
}

/* Called from the assembly above. */
static __attribute__((used)) void work(void)
{
	volatile uint32_t *edu;
	uint32_t function = 0;

	while (function < FUNCTIONS && pci_read(function, 0) != EDU_ID)
		function++;
	if (function == FUNCTIONS) {
		say("no edu device\n");
		return;
	}
	pci_write(function, PCI_COMMAND,
		  pci_read(function, PCI_COMMAND) | PCI_MASTER);
	edu = (uint32_t *)(pci_read(function, PCI_BAR0) & ~15u);
	say("ready\n");
	for (;;) {
		dma(edu, SOURCE, EDU_BUFFER, DMA_RUN);
		dma(edu, EDU_BUFFER, DESTINATION, DMA_RUN | DMA_TO_RAM);
	}
}
