/* world.h - those who act: processes with their engines, publishers and operators, and the
 * program that writes SQL. world.c starts them and does the faults; actors.c is what they do. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "model.h"
#include "sim.h"

#define STORE "store.db"

extern int world_healing;     /* nothing goes wrong any more; nobody publishes */
extern int world_ready;       /* there is something to publish for */
extern int world_events_left; /* that may still be published */

int world_may_sleep(const sim_process *process); /* while the world heals: one does the work */

void actors_start(sim_process *process);         /* an engine's process */
void actors_start_program(sim_process *process); /* writes rows into the outbox */
void actors_start_locker(sim_process *process, int64_t us, int rolls_back);

/* Subscribes what the plan wants, by this engine. */
void operate_setup(wh_engine *engine);
void operate_once(sim_process *process, sim_chance *chance);
/* What rests goes on. 0, or 1: not all of it could be said. */
int operate_heal(wh_engine *engine);

void publish_some(sim_process *process, sim_chance *chance);
model_event *event_drawn(sim_chance *chance, sim_process *process, int from_outbox);

#endif
