/* The processes of the crash test. */
#ifndef CRASH_PEOPLE_H
#define CRASH_PEOPLE_H

#include <stdint.h>
#include <sys/types.h>

enum role {
    ROLE_SERVER,    /* wh_start(2), and publishes; makes single_use subscriptions */
    ROLE_WORKER,    /* wh_step or wh_run in a loop */
    ROLE_PUBLISHER, /* publishes, works on nothing */
    ROLE_SQL,       /* inserts into webhook_outbox; some transactions are rolled back */
    ROLE_LEAKER,    /* for the soak's own test: loses memory, descriptors, rows */
    ROLES
};

extern const char *const role_names[ROLES];

typedef struct person {
    enum role role;
    int lives; /* never killed: the soak measures it */
    int number;
    pid_t pid;
    int stopped;
    int64_t safe_until; /* us; not killed before: it was paused and shall show what it does now */
} person;

void person_start(person *self);
void person_kill(person *self);
void person_stop(person *self);
void person_go_on(person *self);

/* 1, and a message, if it ended by itself, which none may. It is started again. */
int person_died(person *self);

/* What a process of this role does, until it is killed. */
_Noreturn void act(enum role role);

#endif
