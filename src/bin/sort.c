/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qsort() of the static ward. musl's smoothsort swaps by copies of copies, and compares twice as often as is needed. This one merges
 * from below, with room of its own as large as what is sorted, and keeps equal ones in their order; where there is no memory it sifts
 * in place. What is in order already is looked at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 1024u /* bytes of room on the stack */

typedef int compare_fn(const void *, const void *);

static bool in_order(const char *v, size_t n, size_t size, compare_fn *compare)
{
	for (size_t i = 1; i < n; i++) {
		if (compare(v + (i - 1) * size, v + i * size) > 0)
			return false;
	}
	return true;
}

/* from[at..middle) and from[middle..end), each in order, become to[at..end). */
static void merge(const char *from, char *to, size_t at, size_t middle, size_t end, size_t size,
	compare_fn *compare)
{
	size_t a = at, b = middle;

	for (size_t i = at; i < end; i++) {
		bool left =
			a < middle && (b >= end || compare(from + a * size, from + b * size) <= 0);
		size_t taken = left ? a++ : b++;

		memcpy(to + i * size, from + taken * size, size);
	}
}

static void merge_all(char *v, char *room, size_t n, size_t size, compare_fn *compare)
{
	char *from = v, *to = room;

	for (size_t width = 1; width < n; width *= 2) {
		char *sorted = to;

		for (size_t at = 0; at < n; at += 2 * width) {
			size_t middle = n - at < width ? n : at + width;
			size_t end = n - at < 2 * width ? n : at + 2 * width;

			merge(from, to, at, middle, end, size, compare);
		}
		to = from;
		from = sorted;
	}
	if (from != v)
		memcpy(v, from, n * size);
}

/* ---- without memory ---- */

static void swap(char *a, char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

static void sift(char *v, size_t at, size_t n, size_t size, compare_fn *compare)
{
	for (size_t child = 2 * at + 1; child < n; at = child, child = 2 * at + 1) {
		if (child + 1 < n && compare(v + child * size, v + (child + 1) * size) < 0)
			child++;
		if (compare(v + at * size, v + child * size) >= 0)
			return;
		swap(v + at * size, v + child * size, size);
	}
}

static void in_place(char *v, size_t n, size_t size, compare_fn *compare)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(v, i, n, size, compare);
	for (size_t i = n; i-- > 1;) {
		swap(v, v + i * size, size);
		sift(v, 0, i, size, compare);
	}
}

void qsort(void *v, size_t n, size_t size, compare_fn *compare)
{
	_Alignas(16) char small[SMALL];
	char *room = small;

	if (n < 2 || size == 0 || in_order(v, n, size, compare))
		return;
	if (n > SMALL / size)
		room = malloc(n * size);
	if (room == NULL) {
		in_place(v, n, size, compare);
		return;
	}
	merge_all(v, room, n, size, compare);
	if (room != small)
		free(room);
}
