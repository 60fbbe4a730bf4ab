/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for people: one block a distinct refusal with its cure, what a limit did and which option raises
 * it, what was accepted. Every line begins "ward: ". Names come from the sandbox: they are quoted, and a control
 * byte in them can neither end a line nor reach a terminal. It refuses to repeat what the outcome does not hold.
 */
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/outcome.h"

/* Of a hostile name this much is shown; the outcome holds all of it. */
#define NAME_SHOWN_MAX 512
#define LATE_SHOWN_MAX 16

static void put_name(struct ward_buf *out, const char *s)
{
	size_t n = strlen(s);

	ward_quote(out, s, n > NAME_SHOWN_MAX ? NAME_SHOWN_MAX : n);
	if (n > NAME_SHOWN_MAX)
		ward_buf_addf(out, "... (%zu bytes)", n);
}

static void put_violation(struct ward_buf *out, const struct ward_outcome_violation *v)
{
	ward_buf_addf(out, "ward: %s: %s ", ward_error_class_name(v->error),
		v->action ? v->action : "call");
	put_name(out, v->resource ? v->resource : "");
	ward_buf_adds(out, " refused: ");
	/* It may hold words of a policy that nobody has read. */
	if (v->why && v->why[0])
		ward_show(out, v->why, strlen(v->why));
	else
		ward_buf_adds(out, "no rule grants it");
	if (v->file && v->line) {
		ward_buf_adds(out, " (");
		ward_show(out, v->file, strlen(v->file));
		ward_buf_addf(out, ":%u)", v->line);
	}
	if (v->count > 1)
		ward_buf_addf(out, " (%llu times)", (unsigned long long)v->count);
	ward_buf_addc(out, '\n');
	if (v->cure && v->cure[0])
		ward_buf_addf(out, "ward:   grant: %s\n", v->cure);
}

/* What nobody held: it is for a person to look at. */
static void put_late(struct ward_buf *out, const struct ward_outcome *o)
{
	for (size_t i = 0; i < o->n_late && i < LATE_SHOWN_MAX; i++) {
		ward_buf_addf(out, "ward: %s: ", o->late[i].what);
		put_name(out, o->late[i].path);
		ward_buf_addf(out, "%s: %s\n",
			o->late[i].held
				? ", which was held, and is another now by the run or by somebody outside"
				: ", which nothing held",
			o->late[i].why);
	}
	if (o->late_total > LATE_SHOWN_MAX)
		ward_buf_addf(out,
			"ward: and %llu more such names; the outcome and the log list %s\n",
			(unsigned long long)o->late_total - LATE_SHOWN_MAX,
			o->late_total > o->n_late ? "the first of them" : "them");
	if (o->late_wanted && !o->late_complete)
		ward_buf_adds(out,
			"ward: names that run code later: not all that could be written was looked through\n");
}

static void format_ms(uint64_t ms, char *out, size_t size)
{
	if (ms % 1000)
		(void)snprintf(out, size, "%llums", (unsigned long long)ms);
	else
		(void)snprintf(out, size, "%llus", (unsigned long long)(ms / 1000));
}

/* What is said of a limit: %s is its value. Rows in the order of enum ward_limit_id. */
static const struct {
	const char *text;
	bool is_time, is_count;
	const char *extra, *extra_one; /* after it, with the number; for 1 */
	const char *option;
} limit_rows[] = {
	[WARD_LIMIT_MEMORY] = { "memory limit of %s was reached (oom)", .option = "--memory SIZE" },
	[WARD_LIMIT_TIMEOUT] = { "timeout of %s was reached", .is_time = true,
		.option = "--timeout TIME" },
	[WARD_LIMIT_STDOUT] = { "output limit of %s was reached: standard output was cut",
		.option = "--output-limit SIZE" },
	[WARD_LIMIT_STDERR] = { "output limit of %s was reached: standard error was cut",
		.option = "--output-limit SIZE" },
	[WARD_LIMIT_PIDS] = { "pids limit of %s was reached", .is_count = true,
		.extra = "%llu forks were refused", .extra_one = "%llu fork was refused",
		.option = "--pids N" },
	[WARD_LIMIT_DISK] = { "disk limit of %s was reached", .option = "--disk SIZE" },
	[WARD_LIMIT_NAMES] = { "only the first %s distinct refusals are listed", .is_count = true,
		.extra = "%llu more were counted", .extra_one = "%llu more was counted" },
	/* Most of such a flood is absent: it is nowhere said to have been refused. */
	[WARD_LIMIT_LOOKED] = { "more than %s further names that were not granted were asked for at a time",
		.is_count = true,
		.extra = "%llu were not looked up, and are not counted as refused",
		.extra_one = "%llu was not looked up, and is not counted as refused" },
};

/* The formats are constants of the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_limit(struct ward_buf *out, enum ward_limit_id id, uint64_t value, uint64_t extra)
{
	char text[64];

	if (limit_rows[id].is_time)
		format_ms(value, text, sizeof(text));
	else if (limit_rows[id].is_count)
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	else
		ward_format_size(value, text, sizeof(text));
	ward_buf_adds(out, "ward: ");
	/* No larger number would help. */
	if (id == WARD_LIMIT_DISK && extra) {
		ward_buf_addf(out,
			"disk limit of %s: what the run wrote cannot be counted: %s; use --disk-backend tmpfs, which the kernel bounds\n",
			text, ward_layer_why((enum ward_layer_over)extra));
		return;
	}
	ward_buf_addf(out, limit_rows[id].text, text);
	if (extra && limit_rows[id].extra) {
		ward_buf_adds(out, ": ");
		ward_buf_addf(out, extra == 1 ? limit_rows[id].extra_one : limit_rows[id].extra,
			(unsigned long long)extra);
	}
	if (limit_rows[id].option)
		ward_buf_addf(out, "; raise it with %s", limit_rows[id].option);
	ward_buf_addc(out, '\n');
}
#pragma GCC diagnostic pop

/* Without a cage of ours it may still be in somebody else's. */
static void put_direct(struct ward_buf *out)
{
	const char *names[WARD_INHERITED_MAX + 1];

	ward_inherited(names);
	ward_buf_adds(out, "ward: accepted: --backend direct confines nothing");
	for (size_t i = 0; names[i]; i++)
		ward_buf_addf(out, "%s%s", i == 0 ? "; what holds ward itself holds it too: " : " ",
			names[i]);
	ward_buf_addc(out, '\n');
}

static void put_axes(struct ward_buf *out, const struct ward_outcome *o)
{
	if (o->direct) {
		put_direct(out);
		return;
	}
	for (int i = 0; i < WARD_AXIS_MAX; i++)
		if (o->accepted[i])
			ward_buf_addf(out, "ward: accepted: %s is held at %s%s\n",
				ward_axis_name((enum ward_axis)i), ward_level_name(o->axes[i]),
				!o->axes[i] || o->axes[i] < ward_minimum[i] ? " only"
					: o->axes[i] < WARD_LEVEL_ENFORCED  ? ""
									    : " all the same");
	if (ward_streq(o->attribution, "partial") && !o->attribution_chosen)
		ward_buf_addf(out, "ward: attribution: partial: %s%s%s\n",
			o->attribution_why ? o->attribution_why : "not all refusals are named",
			o->attribution_fix && o->attribution_fix[0] ? "; " : "",
			o->attribution_fix ? o->attribution_fix : "");
}

void ward_report_write(const struct ward_outcome *o, struct ward_buf *out)
{
	/* Of what did not start there is nothing to say but the error. */
	if (o->has_plan && o->status != WARD_STATUS_REFUSED &&
		o->status != WARD_STATUS_SPAWN_FAILED)
		put_axes(out, o);
	for (size_t i = 0; i < o->n_violations; i++)
		put_violation(out, &o->violations[i]);
	for (int i = 0; i < WARD_LIMIT_MAX; i++)
		if (o->limits[i].hit)
			put_limit(out, (enum ward_limit_id)i, o->limits[i].value,
				o->limits[i].extra);
	put_late(out, o);
	for (size_t i = 0; i < o->n_notes; i++)
		ward_buf_addf(out, "ward: %s\n", o->notes[i]);
}
