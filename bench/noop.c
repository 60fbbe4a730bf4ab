/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command whose start is measured: no libc, no relocation, it only ends. What a start of it costs is what the
 * starter costs. It does nothing else, and is not a model of any real program.
 */
#include <sys/syscall.h>

void _start(void) __attribute__((noreturn));

void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long nr __asm__("x8") = SYS_exit_group;
	register long code __asm__("x0") = 0;

	__asm__ volatile("svc 0" : : "r"(nr), "r"(code) : "memory");
#else
#error "write the exit of this architecture"
#endif
	__builtin_unreachable();
}
