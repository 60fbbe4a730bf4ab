/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pty: a private pseudo-terminal between the command and the real terminal, which itself never goes inside.
 * The real one is in raw mode meanwhile, so that ^C and ^Z reach the command as bytes; it is given back by
 * ward_pty_done(). Output of the master is drained by a ward_capture.
 */
#pragma once

#include <termios.h>

#include "base/base.h"

#define WARD_PTY_INPUT 4096u

struct ward_pty {
	int master, slave;           /* owned; -1 = none */
	int in_fd, out_fd;           /* the caller's terminal, or whatever --tty found there; not owned */
	bool in_is_tty, in_open;     /* in_open: input is still relayed */
	bool raw;                    /* the terminal was changed; saved is how it was */
	bool suspend;                /* ^Z was typed, and nobody took notice yet */
	bool owner_known, nobodys;   /* of one that is not our session's: nobodys, no session's */
	struct termios saved;
	unsigned short rows, cols;
	char input[WARD_PTY_INPUT];
	size_t input_at, input_n;
};

void ward_pty_init(struct ward_pty *p);
/* A new pair, with the size and settings of the terminal in_fd if it is one. */
int ward_pty_open(struct ward_pty *p, int in_fd, int out_fd, struct ward_error *err);
/* The terminal becomes uid's, who opens it by its name. Before the start. */
void ward_pty_give(struct ward_pty *p, uid_t uid);
/* The command has the slave: let go of ours, so that its end is seen. */
void ward_pty_started(struct ward_pty *p);
/*
 * Take the terminal, once this process is in its foreground: raw mode. Called before each poll; cheap when done.
 * A process in the background neither reads nor changes a terminal: it would be stopped for it.
 */
void ward_pty_claim(struct ward_pty *p);
/* After SIGCONT: a shell may have had the terminal meanwhile, and may keep it (bg). */
void ward_pty_resumed(struct ward_pty *p);
bool ward_pty_wants_input(const struct ward_pty *p);     /* poll in_fd for POLLIN */
bool ward_pty_wants_write(const struct ward_pty *p);     /* poll master for POLLOUT */
void ward_pty_read_input(struct ward_pty *p);
void ward_pty_write_input(struct ward_pty *p);
/* Copy the real terminal's size to the private one, which tells the command (SIGWINCH). */
void ward_pty_resize(struct ward_pty *p);
void ward_pty_done(struct ward_pty *p);
