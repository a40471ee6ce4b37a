#include "people.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash.h"

#define SAFE_US INT64_C(1500000)

const char *const role_names[ROLES] = { "server", "worker", "publisher", "sql", "leaker" };

/* A new program, not only a fork: its memory shall hold nothing of the driver's. */
static _Noreturn void become(const person *self) {
    char port[16], rate[16], number[16], retain[24];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(port, sizeof port, "%d", here.port);
    snprintf(rate, sizeof rate, "%d", here.rate);
    snprintf(number, sizeof number, "%d", self->number);
    snprintf(retain, sizeof retain, "%lld", (long long)here.retain);
    execl("/proc/self/exe", "crash", "--role", role_names[self->role], "--store", here.store, "--port", port, "--rate",
          rate, "--number", number, "--retain", retain, (char *)NULL);
    _exit(127);
}

void person_start(person *self) {
    static int started;

    self->number = ++started;
    self->stopped = 0;
    self->pid = fork();
    if (self->pid == 0) {
        become(self);
    }
    if (self->pid < 0) {
        die("fork");
    }
}

static void tell_death(const person *self, int status) {
    fprintf(stderr, "crash: process %d, a %s, ended by itself: %s %d\n", self->number, role_names[self->role],
            WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void person_kill(person *self) {
    kill(self->pid, SIGKILL);
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {}
    self->pid = 0;
}

void person_stop(person *self) {
    kill(self->pid, SIGSTOP);
    self->stopped = 1;
}

void person_go_on(person *self) {
    kill(self->pid, SIGCONT);
    self->stopped = 0;
    self->safe_until = now_us() + SAFE_US;
}

int person_died(person *self) {
    int status;

    if (waitpid(self->pid, &status, WNOHANG) != self->pid) {
        return 0;
    }
    tell_death(self, status);
    person_start(self);
    return 1;
}
