/* A yardstick in a program of its own, which measures a round whenever it is asked to, so
 * that its rounds and ours take turns. It is told lines, and answers each question by one
 * line, a number. */
#ifndef REMOTE_H
#define REMOTE_H

/* Starts program with one argument, found by PATH. 0 if it could not be. */
int remote_start(const char *program, const char *argument);
void remote_tell(const char *line);
double remote_ask(const char *line);

#endif
