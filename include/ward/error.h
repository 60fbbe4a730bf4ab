/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results, errors and the names of what can go wrong.
 *
 * Every function of the library that can fail returns an int: WARD_OK (0) or one of the negative
 * codes of enum ward_code, and nothing else. Details are in a struct ward_error that the caller
 * owns: untouched on success, filled on failure, no allocation, safe to copy.
 */
#ifndef WARD_ERROR_H
#define WARD_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The closed list of results: X(name, value, text). Values are stable; text is what
 * ward_code_name() returns. docs/spec/errors.md lists them; a test compares.
 */
#define WARD_CODES(X) \
	X(WARD_OK, 0, "ok") \
	X(WARD_E_INVALID, -1, "invalid argument or option") \
	X(WARD_E_PARSE, -2, "malformed input") \
	X(WARD_E_CAPABILITY, -3, "capability not acceptable") \
	X(WARD_E_REFUSED, -4, "refused by a rule of Ward") \
	X(WARD_E_AXIS, -5, "a required axis cannot be held") \
	X(WARD_E_NOTFOUND, -6, "not found") \
	X(WARD_E_LIMIT, -7, "over a limit") \
	X(WARD_E_NOMEM, -8, "out of memory") \
	X(WARD_E_SYSTEM, -9, "a system call failed") \
	X(WARD_E_AUDIT, -10, "the audit log cannot be written or is inconsistent") \
	X(WARD_E_SELFTEST, -11, "the self-test broke a promise") \
	X(WARD_E_UNSUPPORTED, -12, "not supported here") \
	X(WARD_E_SPAWN, -13, "the command could not be started") \
	X(WARD_E_INTERNAL, -14, "a bug in Ward")

enum ward_code {
#define WARD_X(name, value, text) name = (value),
	WARD_CODES(WARD_X)
#undef WARD_X
};

/*
 * The taxonomy: X(id, class name, stable code, parent). The class name is what reports and logs
 * carry; SECURITY-nnn never changes its meaning.
 */
#define WARD_ERROR_CLASSES(X) \
	X(WARD_CLASS_SECURITY, "SecurityError", "SECURITY-100", WARD_CLASS_SECURITY) \
	X(WARD_CLASS_SANDBOX_VIOLATION, "SandboxViolationError", "SECURITY-110", WARD_CLASS_SECURITY) \
	X(WARD_CLASS_CAPABILITY, "CapabilityError", "SECURITY-120", WARD_CLASS_SECURITY) \
	X(WARD_CLASS_SECRET_ACCESS, "SecretAccessError", "SECURITY-130", WARD_CLASS_SECURITY) \
	X(WARD_CLASS_EXTERNAL_COMMAND, "ExternalCommandError", "SECURITY-140", WARD_CLASS_SECURITY)

enum ward_error_class {
#define WARD_X(id, name, code, parent) id,
	WARD_ERROR_CLASSES(WARD_X)
#undef WARD_X
	WARD_CLASS_MAX
};

/* What kind of promise a SandboxViolationError broke: X(id, name, stable code). */
#define WARD_VIOLATIONS(X) \
	X(WARD_VIOLATION_NONE, "none", "SECURITY-110") \
	X(WARD_VIOLATION_FILE, "file", "SECURITY-111") \
	X(WARD_VIOLATION_EXEC, "exec", "SECURITY-112") \
	X(WARD_VIOLATION_NETWORK, "network", "SECURITY-113") \
	X(WARD_VIOLATION_IPC, "ipc", "SECURITY-114") \
	X(WARD_VIOLATION_SYSCALL, "syscall", "SECURITY-115") \
	X(WARD_VIOLATION_LIMIT, "limit", "SECURITY-116")

enum ward_violation_type {
#define WARD_X(id, name, code) id,
	WARD_VIOLATIONS(WARD_X)
#undef WARD_X
	WARD_VIOLATION_MAX
};

#define WARD_ERROR_MESSAGE_MAX 512
#define WARD_ERROR_FIX_MAX 512
#define WARD_ERROR_FILE_MAX 256

/* Caller-owned; initialise with WARD_ERROR_INIT or zero bytes. */
struct ward_error {
	int code;                              /* enum ward_code */
	int sys_errno;                         /* errno behind it, 0 if none */
	enum ward_error_class error_class;
	enum ward_violation_type violation;
	char message[WARD_ERROR_MESSAGE_MAX];  /* what and which rule; one line, UTF-8, escaped */
	char fix[WARD_ERROR_FIX_MAX];          /* how to mend it; may be empty */
	char file[WARD_ERROR_FILE_MAX];        /* where: file, option or "" */
	uint32_t line, column;                 /* 1-based; 0 = unknown */
	uint32_t start, end;                   /* byte span in file, end exclusive; both 0 = unknown */
};

#ifdef __cplusplus
#define WARD_ERROR_INIT {} /* { 0 } is warned of there (-Wextra) */
#else
#define WARD_ERROR_INIT { 0 }
#endif

/* Static names; never NULL ("unknown" for a value that is none). Any thread. */
const char *ward_code_name(int code);
const char *ward_error_class_name(enum ward_error_class c);
const char *ward_error_class_code(enum ward_error_class c);
const char *ward_violation_name(enum ward_violation_type v);
const char *ward_violation_code(enum ward_violation_type v);

/*
 * Write err as one line ("FILE:LINE:COL: message; fix") into buf, always NUL-terminated.
 * Returns the length it would have had, as snprintf does.
 */
size_t ward_error_format(const struct ward_error *err, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
