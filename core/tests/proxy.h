/* A way to a server of this machine that lets everything through, until the client has said a word: that arrives, and
 * then the connection breaks before the server's answer. Later connections live. */
#ifndef PROXY_H
#define PROXY_H

typedef struct proxy proxy;

/* hangs: 1: what was said arrives, too, and the connection stays, but nobody says anything any more. */
proxy *proxy_new(int port, const char *word, int hangs);
int proxy_port(const proxy *way);

/* Until the word was said and, unless it hangs, the server has closed the connection: all that was said is done. */
void proxy_wait(proxy *way);
void proxy_free(proxy *way);

#endif
