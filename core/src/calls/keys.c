/* The keys of a store: a new one, and all that is secret encrypted by the first one. Tests: test_keys. */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/context.h"
#include "engine/writer.h"
#include "pure/seal.h"

#define RESEAL_ROWS 256 /* in one commit: some milliseconds of the lock */
#define DAY_SIZE 10     /* of a time as text, its day */

/* ------------------------------------------------------------------------ rotating */

typedef struct step {
    whi_job job;
    whi_fact fact;
    whi_answer answer;
} step;

static int run_step(whi_job *job, whi_store *store) {
    step *self = (step *)job;

    return whi_store_write(store, &self->fact, &self->answer);
}

static int take_step(wh_engine *engine, step *self) {
    int code;

    self->job.run = run_step;
    self->job.rows = RESEAL_ROWS;
    self->answer = (whi_answer){ 0 };
    code = whi_writer_run(engine->writer, &self->job);
    return code == WH_OK ? self->answer.code : code;
}

static int reseal_table(wh_engine *engine, enum wh_backend_sealed table, int64_t *count) {
    step self = { .fact = { .kind = WH_FACT_RESEAL, .of.reseal = { table, 0, RESEAL_ROWS } } };
    int code;

    do {
        code = take_step(engine, &self);
        *count += code == WH_OK ? self.answer.count : 0;
        self.fact.of.reseal.after = self.answer.number;
    } while (code == WH_OK && !self.answer.done);
    return code;
}

/* How many values were encrypted ever; unused_since -1: asks, else forgets the keys without any since then. */
static int ask_seals(wh_engine *engine, int64_t unused_since, step *self) {
    *self = (step){ .fact = { .kind = WH_FACT_SEALS, .of.seals = unused_since } };
    return take_step(engine, self);
}

static int check_rotation(const wh_engine *engine) {
    int code = whi_engine_check(engine);

    return code == WH_OK && engine->keyring == NULL
               ? whi_fail_field(WH_EINVALID, "key_file", "expected the option, found none")
               : code;
}

int wh_rotate_key(wh_engine *engine, int64_t *count) {
    int64_t rows = 0, before = 0;
    step seals;
    int code = check_rotation(engine);

    if (count != NULL) {
        *count = 0;
    }
    if (code != WH_OK) {
        return code;
    }
    code = ask_seals(engine, -1, &seals);
    before = seals.answer.number;
    for (int table = 0; code == WH_OK && table < WH_SEALED_TABLES; table++) {
        code = reseal_table(engine, (enum wh_backend_sealed)table, &rows);
    }
    code = code == WH_OK ? ask_seals(engine, before, &seals) : code;
    if (count != NULL) {
        *count = rows;
    }
    return code == WH_OK && !seals.answer.done
               ? whi_fail(WH_ECONFLICT,
                          "another process encrypts by another key than \"%s\" still: give it this "
                          "key_file, and rotate again",
                          engine->keyring->keys[0].id)
               : code;
}

/* ----------------------------------------------------------------------- a new key */

/* Read as a file is: so a line that is made is one that can be read. */
static int check_line(const char *line) {
    whi_keyring keys;
    int code = whi_keyring_read(&keys, line, strlen(line));

    whi_wipe(&keys, sizeof keys);
    return code == WH_OK ? code
                         : whi_fail_field(WH_EINVALID, "id", "expected 1 to %d of A-Z a-z 0-9 . _ -", WHI_SEAL_ID - 1);
}

int wh_store_key(const char *id, char out[WH_SECRET_SIZE]) {
    char letters[WHI_BASE64_SIZE(WHI_SEAL_KEY) + 1], day[WHI_TIME_SIZE];
    uint8_t chance[WHI_SEAL_KEY];
    int code;

    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected a place for the key, found NULL");
    }
    code = whi_clock_random(NULL, chance, sizeof chance);
    whi_time_text(whi_clock_now(NULL), day);
    day[DAY_SIZE] = '\0';
    if (code == WH_OK) {
        whi_base64_encode(chance, sizeof chance, letters);
        snprintf(out, WH_SECRET_SIZE, "%.40s %s", id != NULL ? id : day, letters);
        code = check_line(out);
    }
    whi_wipe(chance, sizeof chance);
    whi_wipe(letters, sizeof letters);
    if (code != WH_OK) {
        whi_wipe(out, WH_SECRET_SIZE);
    }
    return code;
}
