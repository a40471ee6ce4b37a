/* Tests: test_destination. */
#include "outside/destination_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "outside/destination_table.h"

#define DEPTH 512
#define ROUNDS 5   /* each adds what the one before could not, under another name */
#define CHOICES 4  /* names for a field's values of one kind */
#define REFUSALS 3 /* after so many columns that were refused in one plan the table counts as full */
#define USUAL 128
#define BLOCK 16384 /* bytes that are allocated at once */
#define NAME_MAXIMUM ((size_t)1 << 20)

/* A field's name, in all objects of the plan. */
typedef struct whi_field {
    const char *name;
    size_t size;
    uint32_t hash;
    whi_column *columns[WHI_COLUMN_KINDS]; /* where values of the kind go; NULL: not known */
    uint8_t refused[WHI_COLUMN_KINDS];     /* names that the database did not take, by choice */
    uint8_t is_lost[WHI_COLUMN_KINDS];     /* 1: the kind has no column */
    const whi_item *seen;                  /* the last object that has it, and where its value went */
    whi_value *cell;
} whi_field;

struct wanted {
    char name[WHI_COLUMN_SIZE];
    int kind, choice;
    int is_wider; /* the column is there, and takes too little */
    whi_field *field;
};

struct block {
    struct block *next;
    size_t used, room; /* bytes of data */
    max_align_t data[];
};

struct whi_plan {
    whi_database *database;
    const whi_dialect *dialect;
    whi_shape *shape;
    whi_item **items;
    size_t count;
    whi_table fields;
    whi_field *usual[USUAL]; /* by the place in the object */
    struct block *blocks;
    whi_buf scratch;
    struct wanted *wanted;
    size_t wanted_count, wanted_room;
    whi_column **columns;
    size_t width;
    int refusals;
};

/* --------------------------------------------------------------------- memory */

static void *take(whi_plan *plan, size_t size) {
    size_t rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct block *block = plan->blocks;
    void *taken;

    if (block == NULL || block->room - block->used < rounded) {
        size_t room = rounded > BLOCK ? rounded : BLOCK;

        block = whi_alloc(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct block){ plan->blocks, 0, room };
        plan->blocks = block;
    }
    taken = (char *)block->data + block->used;
    block->used += rounded;
    return taken;
}

static void *take_copy(whi_plan *plan, const void *bytes, size_t size) {
    void *copy = take(plan, size);

    if (copy != NULL && size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

void whi_plan_free(whi_plan *plan) {
    if (plan == NULL) {
        return;
    }
    while (plan->blocks != NULL) {
        struct block *next = plan->blocks->next;

        whi_free(plan->blocks);
        plan->blocks = next;
    }
    whi_table_free(&plan->fields);
    whi_buf_free(&plan->scratch);
    whi_free(plan->wanted);
    whi_free(plan->columns);
    whi_free(plan);
}

whi_column **whi_plan_columns(const whi_plan *plan, size_t *width) {
    *width = plan->width;
    return plan->columns;
}

/* ---------------------------------------------------------------------- items */

static int refuse(whi_item *item, const char *sentence) {
    whi_result_set(item->result, WHI_OBJECT_ALONE, sentence);
    item->is_done = 1;
    return 0;
}

/* No memory is nothing that the object could help. */
static int refuse_for(whi_item *item, int code) {
    whi_result_set(item->result, code == WH_ENOMEM ? WHI_OBJECT_AGAIN : WHI_OBJECT_ALONE, wh_last_error());
    item->is_done = 1;
    return 0;
}

static int read_id(whi_item *item) {
    uint32_t node = whi_json_member(&item->json, 0, "id", 2);
    whi_buf scratch;
    const char *text;
    int code, type = node != WHI_JSON_NONE ? item->json.nodes[node].type : WHI_JSON_NULL;

    if (type != WHI_JSON_STRING && type != WHI_JSON_NUMBER) {
        return refuse(item, "the object has no \"id\" that is a text or a number");
    }
    whi_buf_init(&scratch, NAME_MAXIMUM);
    text = type == WHI_JSON_NUMBER ? whi_json_span(&item->json, node, &item->id_size)
                                   : whi_json_string(&item->json, node, &scratch, &item->id_size);
    item->id_memory = text != NULL ? whi_strdup(text, item->id_size) : NULL;
    item->id = item->id_memory;
    code = text == NULL ? whi_buf_status(&scratch) : item->id == NULL ? whi_fail_memory() : WH_OK;
    whi_buf_free(&scratch);
    if (code != WH_OK) {
        return refuse_for(item, code);
    }
    return item->id_size > 0 ? 1 : refuse(item, "the object's \"id\" is empty");
}

int whi_item_read(whi_item *item) {
    int code = whi_json_scan(&item->json, item->object->bytes, item->object->size, DEPTH);

    if (code != WH_OK) {
        return refuse_for(item, code);
    }
    if (item->json.nodes[0].type != WHI_JSON_OBJECT) {
        return refuse(item, "the bytes are JSON, and no object");
    }
    return read_id(item);
}

void whi_item_free(whi_item *item) {
    whi_json_free(&item->json);
    whi_free(item->id_memory);
}

/* --------------------------------------------------------------------- fields */

struct key {
    const char *name;
    size_t size;
};

static uint32_t field_hash(const void *entry) {
    return ((const whi_field *)entry)->hash;
}

static int field_is(const void *entry, const void *key) {
    const whi_field *field = entry;
    const struct key *wanted = key;

    return field->size == wanted->size && memcmp(field->name, wanted->name, field->size) == 0;
}

static const whi_table_kind field_kind = { field_hash, field_is };

static uint32_t hash_of(const struct key *key) {
    return whi_table_spread(whi_hash(WHI_HASH_BEGIN, key->name, key->size));
}

static whi_field *field_add(whi_plan *plan, const struct key *key, uint32_t hash) {
    whi_field *field = take(plan, sizeof *field);

    if (field == NULL) {
        return NULL;
    }
    memset(field, 0, sizeof *field);
    field->hash = hash;
    field->size = key->size;
    field->name = take_copy(plan, key->name, key->size);
    if (field->name == NULL || whi_table_reserve(&plan->fields, &field_kind) != 0) {
        return NULL;
    }
    whi_table_put(&plan->fields, &field_kind, field);
    return field;
}

static whi_field *field_find(whi_plan *plan, const struct key *key) {
    uint32_t hash = hash_of(key);
    whi_field *field = whi_table_get(&plan->fields, &field_kind, hash, key);

    return field != NULL ? field : field_add(plan, key, hash);
}

/* Objects of one type mostly have their members in the same order, so the one that was there in the object before is
 * asked first. NULL without memory. */
static whi_field *field_of(whi_plan *plan, const whi_json *json, uint32_t name, size_t place) {
    whi_field **usual = &plan->usual[place % USUAL];
    struct key key;

    key.name = whi_json_string(json, name, &plan->scratch, &key.size);
    if (key.name == NULL) {
        return NULL;
    }
    if (*usual == NULL || !field_is(*usual, &key)) {
        *usual = field_find(plan, &key);
    }
    return *usual;
}

static int is_id(const whi_field *field) {
    return field->size == 2 && memcmp(field->name, "id", 2) == 0;
}

/* -------------------------------------------------------------------- columns */

/* The names that values of a kind may go to, in this order: the field's, the same apart, with the kind behind it, and
 * that apart. */
static void choice_name(const whi_plan *plan, const whi_field *field, int kind, int choice, char *out) {
    whi_column_name(out, &plan->dialect->rules, field->name, field->size, choice >= 2 ? whi_column_word(kind) : NULL,
                    choice % 2);
}

/* A column of this name that is the field's, or could be. */
static whi_column *column_of(const whi_plan *plan, whi_field *field, const char *name) {
    whi_column *column = whi_shape_find(plan->shape, name);

    return column != NULL && (column->owner == NULL || column->owner == field) ? column : NULL;
}

static whi_column *find(whi_plan *plan, whi_field *field, int kind) {
    char name[WHI_COLUMN_SIZE];
    whi_column *column;

    for (int choice = 0; choice < CHOICES; choice++) {
        choice_name(plan, field, kind, choice, name);
        column = column_of(plan, field, name);
        if (column != NULL && whi_column_takes(column->kind, kind)) {
            return column;
        }
    }
    return NULL;
}

/* Where nothing may be made, a column of text takes what would be in _raw alone otherwise. */
static whi_column *find_text(whi_plan *plan, whi_field *field) {
    char name[WHI_COLUMN_SIZE];
    whi_column *column;

    if (plan->database->create != WHI_CREATE_NEVER) {
        return NULL;
    }
    choice_name(plan, field, WHI_COLUMN_TEXT, 0, name);
    column = column_of(plan, field, name);
    return column != NULL && column->kind == WHI_COLUMN_TEXT ? column : NULL;
}

static int is_taken(const whi_plan *plan, const char *name) {
    for (size_t i = 0; i < plan->shape->count; i++) {
        if (whi_column_is_same(&plan->dialect->rules, plan->shape->columns[i].name, name)) {
            return 1;
        }
    }
    for (size_t i = 0; i < plan->wanted_count; i++) {
        if (whi_column_is_same(&plan->dialect->rules, plan->wanted[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

static int may_widen(const whi_plan *plan, const whi_column *column, int kind) {
    return plan->dialect->widen != NULL && plan->database->create == WHI_CREATE_FULL &&
           column->kind == WHI_COLUMN_INTEGER && kind == WHI_COLUMN_DECIMAL;
}

static struct wanted *wanted_add(whi_plan *plan) {
    if (plan->wanted_count == plan->wanted_room) {
        size_t room = plan->wanted_room > 0 ? plan->wanted_room * 2 : 16;
        struct wanted *wanted = whi_realloc(plan->wanted, room * sizeof *wanted);

        if (wanted == NULL) {
            return NULL;
        }
        plan->wanted = wanted;
        plan->wanted_room = room;
    }
    memset(&plan->wanted[plan->wanted_count], 0, sizeof *plan->wanted);
    return &plan->wanted[plan->wanted_count++];
}

static int is_wanted(const whi_plan *plan, const whi_field *field) {
    for (size_t i = 0; i < plan->wanted_count; i++) {
        if (plan->wanted[i].field == field) {
            return 1;
        }
    }
    return 0;
}

/* 1 if what is on the list for the field takes the kind, too, or can be made so. */
static int will_take(const whi_plan *plan, const whi_field *field, int kind) {
    for (size_t i = 0; i < plan->wanted_count; i++) {
        struct wanted *wanted = &plan->wanted[i];

        if (wanted->field == field && wanted->kind == WHI_COLUMN_INTEGER && kind == WHI_COLUMN_DECIMAL) {
            wanted->kind = kind;
        }
        if (wanted->field == field && whi_column_takes(wanted->kind, kind)) {
            return 1;
        }
    }
    return 0;
}

/* The first choice that is free; CHOICES: none. is_wider: the one that is there is to be widened. A field that has a
 * column already gets no second one under its own name. */
static int choose(const whi_plan *plan, whi_field *field, int kind, char *name, int *is_wider) {
    for (int choice = 0; choice < CHOICES; choice++) {
        const whi_column *column;
        int is_refused;

        choice_name(plan, field, kind, choice, name);
        column = column_of(plan, field, name);
        *is_wider = column != NULL && may_widen(plan, column, kind);
        is_refused = (field->refused[kind] & 1 << choice) != 0;
        if ((column != NULL && (!*is_wider || is_refused)) || (choice == 0 && is_wanted(plan, field))) {
            choice += choice == 0;
        } else if (!is_refused && (*is_wider || !is_taken(plan, name))) {
            return choice;
        }
    }
    return CHOICES;
}

static int may_change(const whi_plan *plan) {
    return plan->database->create != WHI_CREATE_NEVER && !plan->shape->is_full &&
           plan->shape->count + plan->wanted_count < plan->dialect->columns;
}

/* Puts the field's column of this kind on the list of what is to be made. WH_ENOMEM. */
static int want(whi_plan *plan, whi_field *field, int kind) {
    char name[WHI_COLUMN_SIZE];
    struct wanted *wanted;
    int choice, is_wider = 0;

    if (will_take(plan, field, kind)) {
        return WH_OK;
    }
    choice = may_change(plan) ? choose(plan, field, kind, name, &is_wider) : CHOICES;
    if (choice == CHOICES) {
        field->is_lost[kind] = 1;
        return WH_OK;
    }
    wanted = wanted_add(plan);
    if (wanted == NULL) {
        return WH_ENOMEM;
    }
    memcpy(wanted->name, name, sizeof name);
    wanted->kind = kind;
    wanted->choice = choice;
    wanted->is_wider = is_wider;
    wanted->field = field;
    return WH_OK;
}

/* ---------------------------------------------------------------------- kinds */

/* A text that is a time, where the field may be one, or its column is one already. */
static int is_time(const whi_plan *plan, whi_field *field, const whi_json *json, uint32_t node, int64_t *out) {
    char name[WHI_COLUMN_SIZE];
    const whi_column *column;
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    if (size < 22 || !whi_column_time(text + 1, size - 2, out)) {
        return 0;
    }
    if (plan->database->times && whi_column_may_be_time(field->name, field->size)) {
        return 1;
    }
    choice_name(plan, field, WHI_COLUMN_TIME, 0, name);
    column = column_of(plan, field, name);
    return column != NULL && column->kind == WHI_COLUMN_TIME;
}

static int kind_of(const whi_plan *plan, whi_field *field, const whi_json *json, uint32_t node) {
    int kind = whi_column_kind_of(&plan->dialect->rules, json, node);
    int64_t time;

    return kind == WHI_COLUMN_TEXT && json->nodes[node].type == WHI_JSON_STRING &&
                   is_time(plan, field, json, node, &time)
               ? WHI_COLUMN_TIME
               : kind;
}

/* Finds the column, or puts it on the list. WH_ENOMEM. */
static int resolve(whi_plan *plan, whi_field *field, const whi_json *json, uint32_t node) {
    int kind = is_id(field) ? WHI_COLUMN_NONE : kind_of(plan, field, json, node);

    if (kind == WHI_COLUMN_NONE || field->columns[kind] != NULL || field->is_lost[kind]) {
        return WH_OK;
    }
    field->columns[kind] = find(plan, field, kind);
    field->columns[kind] = field->columns[kind] != NULL ? field->columns[kind] : find_text(plan, field);
    if (field->columns[kind] != NULL) {
        field->columns[kind]->owner = field;
        return WH_OK;
    }
    return want(plan, field, kind);
}

static int resolve_item(whi_plan *plan, const whi_item *item) {
    const whi_json *json = &item->json;
    int code = WH_OK;
    size_t place = 0;

    for (uint32_t name = whi_json_first(json, 0); name != WHI_JSON_NONE && code == WH_OK;
         name = whi_json_next_name(json, 0, name), place++) {
        whi_field *field;

        if (json->nodes[name + 1].type == WHI_JSON_NULL) {
            continue;
        }
        field = field_of(plan, json, name, place);
        code = field != NULL ? resolve(plan, field, json, name + 1) : WH_ENOMEM;
    }
    return code;
}

/* What was found belongs to the list of columns as it was. */
static void forget_columns(whi_plan *plan) {
    for (uint32_t i = 0; i < plan->fields.capacity; i++) {
        whi_field *field = plan->fields.slots[i];

        if (field != NULL) {
            memset(field->columns, 0, sizeof field->columns);
            memset(field->is_lost, 0, sizeof field->is_lost);
        }
    }
    for (size_t i = 0; i < plan->shape->count; i++) {
        plan->shape->columns[i].owner = NULL;
    }
    plan->wanted_count = 0;
}

static int resolve_all(whi_plan *plan) {
    int code = WH_OK;

    forget_columns(plan);
    for (size_t i = 0; i < plan->count && code == WH_OK; i++) {
        code = resolve_item(plan, plan->items[i]);
    }
    return code;
}

/* ------------------------------------------------------------------- widening */

static void begin_alter(const whi_plan *plan, whi_buf *sql) {
    whi_buf_init(sql, WHI_SQL_MAXIMUM);
    whi_buf_text(sql, "ALTER TABLE ");
    whi_buf_add(sql, plan->shape->quoted.data, plan->shape->quoted.size);
}

static void write_change(const whi_plan *plan, whi_buf *sql, const struct wanted *wanted) {
    const whi_dialect *dialect = plan->dialect;

    whi_buf_text(sql, wanted->is_wider ? dialect->widen : " ADD COLUMN ");
    whi_sql_name(sql, dialect, wanted->name);
    whi_buf_text(sql, wanted->is_wider ? dialect->widen_to : " ");
    whi_buf_text(sql, dialect->types[wanted->kind]);
}

static int is_bad(const whi_object_result *result) {
    return result->outcome == WHI_OBJECT_AGAIN || result->outcome == WHI_OBJECT_OWNER;
}

/* 1: all were made by one statement. */
static int add_many(whi_plan *plan, whi_object_result *result) {
    whi_buf sql;

    if (!plan->dialect->adds_many || plan->wanted_count < 2) {
        return 0;
    }
    begin_alter(plan, &sql);
    for (size_t i = 0; i < plan->wanted_count; i++) {
        whi_buf_text(&sql, i > 0 ? "," : "");
        write_change(plan, &sql, &plan->wanted[i]);
    }
    whi_sql_run(plan->database, &sql, result);
    return result->outcome == WHI_OBJECT_WRITTEN || is_bad(result);
}

/* No object can help what is said of its table: where that is not full, its owner is to hear of it. */
static void blame(whi_object_result *result) {
    const char *state = result->state; /* PostgreSQL's class, MariaDB's columns and row */
    int is_full = strncmp(state, "54", 2) == 0 || strcmp(state, "1117") == 0 || strcmp(state, "1118") == 0;

    if (result->outcome == WHI_OBJECT_ALONE && !is_full) {
        result->outcome = WHI_OBJECT_OWNER;
    }
}

/* A name that is taken gets another one in the next round; a table that is full takes none. */
static void add_one(whi_plan *plan, struct wanted *wanted, whi_object_result *result) {
    whi_buf sql;

    begin_alter(plan, &sql);
    write_change(plan, &sql, wanted);
    whi_sql_run(plan->database, &sql, result);
    blame(result);
    if (result->outcome == WHI_OBJECT_WRITTEN || is_bad(result)) {
        return;
    }
    wanted->field->refused[wanted->kind] |= (uint8_t)(1 << wanted->choice);
    plan->refusals += result->outcome == WHI_OBJECT_ALONE;
    plan->shape->is_full = plan->refusals >= REFUSALS;
    whi_result_set(result, WHI_OBJECT_WRITTEN, "");
}

static void widen(whi_plan *plan, whi_object_result *result) {
    if (!add_many(plan, result)) {
        whi_result_set(result, WHI_OBJECT_WRITTEN, "");
        for (size_t i = 0; i < plan->wanted_count && !is_bad(result) && !plan->shape->is_full; i++) {
            add_one(plan, &plan->wanted[i], result);
        }
    }
    if (!is_bad(result)) {
        whi_shape_look(plan->database, plan->shape, result);
    }
}

static void find_columns(whi_plan *plan, whi_object_result *result) {
    for (int round = 0; round < ROUNDS; round++) {
        if (resolve_all(plan) != WH_OK) {
            whi_fail_memory();
            whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
            return;
        }
        if (plan->wanted_count == 0 || round == ROUNDS - 1) {
            return;
        }
        widen(plan, result);
        if (result->outcome != WHI_OBJECT_WRITTEN) {
            return;
        }
    }
}

/* ----------------------------------------------------------------------- rows */

static void use_column(whi_plan *plan, whi_column *column) {
    column->at = (int)plan->width;
    plan->columns[plan->width++] = column;
}

/* Those of a field that no object of the batch has are emptied; those of others, whose names begin with an
 * underscore, or which have a default, are left alone. */
static int is_used(const whi_column *column) {
    return column->owner != NULL || (column->name[0] != '_' && !column->is_kept);
}

static int list_columns(whi_plan *plan) {
    static const char *const ours[] = { "_connection_id", "id", "_version", "_synced_at", "_deleted_at", "_raw" };

    plan->columns = whi_calloc(plan->shape->count, sizeof *plan->columns);
    if (plan->columns == NULL) {
        return WH_ENOMEM;
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        whi_column *column = whi_shape_find(plan->shape, ours[i]);

        if (column != NULL) {
            use_column(plan, column);
        }
    }
    for (size_t i = 0; i < plan->shape->count; i++) {
        whi_column *column = &plan->shape->columns[i];

        if (!whi_shape_is_ours(column->name)) {
            column->at = -1;
            if (is_used(column)) {
                use_column(plan, column);
            }
        }
    }
    return WH_OK;
}

static int put_copy(whi_plan *plan, whi_value *value, const char *text, size_t size) {
    value->text = take_copy(plan, text, size);
    value->size = size;
    return value->text != NULL ? WH_OK : WH_ENOMEM;
}

static int put_time(whi_plan *plan, whi_value *value, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    if (!plan->dialect->has_zone) {
        text[10] = ' ';
        text[23] = '\0';
    }
    return put_copy(plan, value, text, strlen(text));
}

static int put_string(whi_plan *plan, whi_value *value, const whi_json *json, uint32_t node) {
    const char *text = whi_json_string(json, node, &plan->scratch, &value->size);

    if (text == NULL) {
        return WH_ENOMEM;
    }
    if (text != plan->scratch.data) {
        value->text = text;
        return WH_OK;
    }
    return put_copy(plan, value, text, value->size);
}

static int put_boolean(const whi_column *column, whi_value *value, int truth) {
    int is_word = column->kind != WHI_COLUMN_BOOLEAN;

    value->text = is_word ? (truth ? "true" : "false") : (truth ? "1" : "0");
    value->size = strlen(value->text);
    return WH_OK;
}

static int put(whi_plan *plan, const whi_column *column, whi_value *value, const whi_json *json, uint32_t node,
               int kind) {
    int64_t time;
    size_t size;

    if (kind == WHI_COLUMN_TIME && column->kind == WHI_COLUMN_TIME) {
        const char *text = whi_json_span(json, node, &size);

        (void)whi_column_time(text + 1, size - 2, &time);
        return put_time(plan, value, time);
    }
    if (kind == WHI_COLUMN_BOOLEAN) {
        return put_boolean(column, value, json->nodes[node].type == WHI_JSON_TRUE);
    }
    if (json->nodes[node].type == WHI_JSON_STRING && kind != WHI_COLUMN_JSON) {
        return put_string(plan, value, json, node);
    }
    value->text = whi_json_span(json, node, &value->size);
    return WH_OK;
}

/* The last of equal members counts, as for all who read JSON. */
static int fill_member(whi_plan *plan, whi_item *item, uint32_t name, size_t place) {
    const whi_json *json = &item->json;
    whi_field *field = field_of(plan, json, name, place);
    whi_column *column;
    int kind;

    if (field == NULL) {
        return WH_ENOMEM;
    }
    if (field->seen == item && field->cell != NULL) {
        field->cell->text = NULL;
    }
    field->seen = item;
    field->cell = NULL;
    kind = is_id(field) ? WHI_COLUMN_NONE : kind_of(plan, field, json, name + 1);
    column = kind != WHI_COLUMN_NONE ? field->columns[kind] : NULL;
    if (column == NULL) {
        return WH_OK;
    }
    field->cell = &item->row[column->at];
    return put(plan, column, field->cell, json, name + 1, kind);
}

static int fill_ours(whi_plan *plan, whi_item *item) {
    const whi_object *object = item->object;
    const whi_column *synced = whi_shape_find(plan->shape, "_synced_at");
    const whi_column *deleted = whi_shape_find(plan->shape, "_deleted_at");
    const whi_column *raw = whi_shape_find(plan->shape, "_raw");
    char number[24];
    int code, size = snprintf(number, sizeof number, "%lld", (long long)object->version);

    item->row[0] = (whi_value){ object->connection, strlen(object->connection) };
    item->row[1] = (whi_value){ item->id, item->id_size };
    code = put_copy(plan, &item->row[2], number, (size_t)size);
    if (code == WH_OK && synced != NULL) {
        code = put_time(plan, &item->row[synced->at], object->synced_at);
    }
    if (code == WH_OK && deleted != NULL && object->deleted) {
        code = put_time(plan, &item->row[deleted->at], object->synced_at);
    }
    if (raw != NULL) {
        item->row[raw->at] = (whi_value){ object->bytes, object->size };
    }
    return code;
}

static int fill(whi_plan *plan, whi_item *item) {
    const whi_json *json = &item->json;
    size_t place = 0;
    int code;

    item->row = take(plan, plan->width * sizeof *item->row);
    if (item->row == NULL) {
        return WH_ENOMEM;
    }
    memset(item->row, 0, plan->width * sizeof *item->row);
    code = fill_ours(plan, item);
    for (uint32_t name = whi_json_first(json, 0); name != WHI_JSON_NONE && code == WH_OK;
         name = whi_json_next_name(json, 0, name), place++) {
        code = fill_member(plan, item, name, place);
    }
    return code;
}

static int fill_all(whi_plan *plan) {
    int code = list_columns(plan);

    for (size_t i = 0; i < plan->count && code == WH_OK; i++) {
        code = fill(plan, plan->items[i]);
    }
    return code;
}

/* ------------------------------------------------------------------------ all */

static int has_deletions(const whi_plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->items[i]->object->deleted) {
            return 1;
        }
    }
    return 0;
}

static void make(whi_plan *plan, whi_object_result *result) {
    whi_shape_ready(plan->database, plan->shape, result);
    if (result->outcome == WHI_OBJECT_WRITTEN && !plan->database->removes && has_deletions(plan) &&
        whi_shape_find(plan->shape, "_deleted_at") == NULL) {
        whi_shape_tell(result, plan->shape, "has no column _deleted_at, and rows of deleted objects are to stay");
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        find_columns(plan, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN && fill_all(plan) != WH_OK) {
        whi_fail_memory();
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
    }
}

void whi_plan_make(whi_plan **out, whi_database *database, whi_shape *shape, whi_item **items, size_t count,
                   whi_object_result *result) {
    whi_plan *plan = whi_calloc(1, sizeof *plan);

    *out = NULL;
    if (plan == NULL) {
        whi_fail_memory();
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
        return;
    }
    plan->database = database;
    plan->dialect = database->dialect;
    plan->shape = shape;
    plan->items = items;
    plan->count = count;
    whi_buf_init(&plan->scratch, WHI_JSON_MAXIMUM);
    make(plan, result);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        whi_plan_free(plan);
        return;
    }
    *out = plan;
}
