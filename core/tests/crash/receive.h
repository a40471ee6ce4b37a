/* The crash test's receiver: answers POSTs on a free port of 127.0.0.1 and writes a
 * line "path id status body" for each into a log, before it answers. */
#ifndef RECEIVE_H
#define RECEIVE_H

/* Starts it in threads of this process; returns the port. Every nth request is
 * answered with 500. */
int receive_start(const char *log_path, int every);

/* Milliseconds since the last request. */
long receive_quiet_ms(void);

#endif
