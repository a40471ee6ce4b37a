#include "outside/destination.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/destination_plan.h"
#include "outside/destination_table.h"

#define SHAPES 64             /* tables whose columns are kept in mind */
#define CHUNK_ROWS 1000       /* of a transaction, at most */
#define CHUNK_BYTES (8 << 20) /* of raw objects, at most */
#define CONNECT_MS 10000
#define STATEMENT_MS 30000
#define LOCK_MS 10000
#define GUARD_PREFIX "_removed_" /* before a table's name */

struct whi_destination {
    whi_database *database;
    whi_buf prefix;
    whi_shape *shapes[SHAPES]; /* the last that was used comes first */
    size_t shape_count;
};

/* -------------------------------------------------------------------- dialects */

#ifdef WEBHOOK_HAS_POSTGRES
#define POSTGRES &whi_dialect_postgres
#else
#define POSTGRES NULL
#endif
#ifdef WEBHOOK_HAS_MARIADB
#define MARIADB &whi_dialect_mariadb
#else
#define MARIADB NULL
#endif

static const whi_dialect *const dialects[WHI_DATABASE_SCHEMES] = { &whi_dialect_sqlite, POSTGRES, MARIADB };

int whi_destination_has(const char *scheme) {
    int known = scheme != NULL ? whi_database_scheme_of(scheme) : -1;

    return known < 0 ? -1 : dialects[known] != NULL;
}

/* -------------------------------------------------------------- open and close */

static void release(whi_database *database) {
    whi_wipe(&database->url, sizeof database->url);
    whi_free(database->ca_file);
    database->dialect->free(database);
}

static int64_t time_or(int64_t given, int64_t usual) {
    return given > 0 ? given : usual;
}

static int take_schema(whi_database *database, const char *schema) {
    size_t size = schema != NULL ? strlen(schema) : 0;

    if (size >= sizeof database->schema) {
        return whi_fail_field(WH_EINVALID, "schema", "longer than %zu bytes", sizeof database->schema - 1);
    }
    memcpy(database->schema, schema != NULL ? schema : "", size + 1);
    return WH_OK;
}

static int take_options(whi_database *database, const whi_destination_options *options) {
    database->create = options->create;
    database->removes = options->removes;
    database->times = options->times;
    database->allow_files = options->allow_files;
    database->policy = options->policy;
    database->connect_timeout = time_or(options->connect_timeout, CONNECT_MS);
    database->statement_timeout = time_or(options->statement_timeout, STATEMENT_MS);
    database->lock_timeout = time_or(options->lock_timeout, LOCK_MS);
    database->check_timeout = options->check_timeout;
    database->ca_file = whi_strdup(options->ca_file, WH_ZSTR);
    if (options->ca_file != NULL && database->ca_file == NULL) {
        return whi_fail_memory();
    }
    return take_schema(database, options->schema);
}

static int make_database(whi_database **out, const whi_database_url *url, const whi_destination_options *options) {
    const whi_dialect *dialect = dialects[url->scheme];
    whi_database *database;
    int code;

    *out = NULL;
    if (dialect == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "this library was built without a client for %s",
                              whi_database_scheme_name(url->scheme));
    }
    database = dialect->make();
    if (database == NULL) {
        return whi_fail_memory();
    }
    database->dialect = dialect;
    database->url = *url;
    code = take_options(database, options);
    code = code == WH_OK ? dialect->accept(database) : code;
    if (code != WH_OK) {
        release(database);
        return code;
    }
    *out = database;
    return WH_OK;
}

int whi_destination_open(whi_destination **out, const whi_destination_options *options) {
    whi_destination *destination = whi_calloc(1, sizeof *destination);
    whi_database_url url;
    int code;

    *out = NULL;
    if (destination == NULL) {
        return whi_fail_memory();
    }
    whi_buf_init(&destination->prefix, WHI_COLUMN_SIZE);
    whi_buf_text(&destination->prefix, options->prefix != NULL ? options->prefix : "");
    code = whi_buf_status(&destination->prefix);
    code = code == WH_OK ? whi_database_url_parse(&url, options->url) : code;
    if (code == WH_OK) {
        code = make_database(&destination->database, &url, options);
        whi_wipe(&url, sizeof url);
    }
    if (code != WH_OK) {
        whi_destination_close(destination);
        return code;
    }
    *out = destination;
    return WH_OK;
}

static void forget_shapes(whi_destination *destination) {
    for (size_t i = 0; i < destination->shape_count; i++) {
        whi_shape_free(destination->shapes[i]);
        whi_free(destination->shapes[i]);
    }
    destination->shape_count = 0;
}

void whi_destination_close(whi_destination *destination) {
    if (destination == NULL) {
        return;
    }
    forget_shapes(destination);
    if (destination->database != NULL) {
        release(destination->database);
    }
    whi_buf_free(&destination->prefix);
    whi_free(destination);
}

void whi_destination_rest(whi_destination *destination) {
    destination->database->dialect->rest(destination->database);
    forget_shapes(destination);
    atomic_store(&destination->database->is_cut, 0);
}

void whi_destination_cut(whi_destination *destination) {
    atomic_store(&destination->database->is_cut, 1);
    destination->database->dialect->wake(destination->database);
}

/* --------------------------------------------------------------------- shapes */

static int shape_name(const whi_database *database, whi_shape *shape, const char *prefix, const char *type) {
    whi_column_table(shape->name, &database->dialect->rules, prefix, type);
    whi_buf_clear(&shape->quoted);
    if (database->schema[0] != '\0') {
        whi_sql_name(&shape->quoted, database->dialect, database->schema);
        whi_buf_char(&shape->quoted, '.');
    }
    whi_sql_name(&shape->quoted, database->dialect, shape->name);
    return whi_buf_status(&shape->quoted);
}

static whi_shape *shape_new(const whi_database *database, const char *prefix, const char *type) {
    whi_shape *shape = whi_calloc(1, sizeof *shape);

    if (shape == NULL) {
        return NULL;
    }
    whi_buf_init(&shape->quoted, 4 * WHI_COLUMN_SIZE);
    if (shape_name(database, shape, prefix, type) != WH_OK) {
        whi_shape_free(shape);
        whi_free(shape);
        return NULL;
    }
    return shape;
}

/* With its guard, where rows of deleted objects are removed. */
static whi_shape *shape_of_type(const whi_destination *destination, const char *type) {
    const whi_database *database = destination->database;
    whi_shape *shape = shape_new(database, destination->prefix.data, type);

    if (shape == NULL || !database->removes) {
        return shape;
    }
    shape->guard = shape_new(database, GUARD_PREFIX, shape->name);
    if (shape->guard == NULL) {
        whi_shape_free(shape);
        whi_free(shape);
        return NULL;
    }
    shape->guard->is_guard = 1;
    return shape;
}

static void put_first(whi_destination *destination, whi_shape *shape, size_t from) {
    memmove(&destination->shapes[1], &destination->shapes[0], from * sizeof *destination->shapes);
    destination->shapes[0] = shape;
}

static whi_shape *shape_add(whi_destination *destination, const char *type) {
    whi_shape *shape = shape_of_type(destination, type);

    if (shape == NULL) {
        return NULL;
    }
    if (destination->shape_count == SHAPES) {
        whi_shape *last = destination->shapes[--destination->shape_count];

        whi_shape_free(last);
        whi_free(last);
    }
    put_first(destination, shape, destination->shape_count++);
    return shape;
}

/* NULL without memory. The database is connected: it has said what the schema is. */
static whi_shape *shape_of(whi_destination *destination, const char *type) {
    char name[WHI_COLUMN_SIZE];

    whi_column_table(name, &destination->database->dialect->rules, destination->prefix.data, type);
    for (size_t i = 0; i < destination->shape_count; i++) {
        if (strcmp(destination->shapes[i]->name, name) == 0) {
            put_first(destination, destination->shapes[i], i);
            return destination->shapes[0];
        }
    }
    return shape_add(destination, type);
}

/* ---------------------------------------------------------------------- items */

struct batch {
    whi_destination *destination;
    whi_item *items;
    size_t count;
    whi_item **sorted; /* those that can be read, by table and key; then those that are the turn's */
    size_t sorted_count;
};

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_keys(const whi_item *a, const whi_item *b) {
    int order = strcmp(a->object->type, b->object->type);

    order = order != 0 ? order : strcmp(a->object->connection, b->object->connection);
    return order != 0 ? order : compare_bytes(a->id, a->id_size, b->id, b->id_size);
}

/* Rows in the order of their keys: two workers then lock them in the same order, and do not wait for each other in a
 * circle. */
static int compare_items(const void *one, const void *other) {
    const whi_item *a = *(whi_item *const *)one, *b = *(whi_item *const *)other;
    int order = compare_keys(a, b);

    if (order == 0) {
        order = (a->object->version > b->object->version) - (a->object->version < b->object->version);
    }
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static int batch_new(struct batch *batch, whi_destination *destination, const whi_object *objects, size_t count,
                     whi_object_result *results) {
    memset(batch, 0, sizeof *batch);
    batch->destination = destination;
    batch->items = whi_calloc(count, sizeof *batch->items);
    batch->sorted = whi_calloc(count, sizeof *batch->sorted);
    if (batch->items == NULL || batch->sorted == NULL) {
        whi_free(batch->items);
        whi_free(batch->sorted);
        return whi_fail_memory();
    }
    batch->count = count;
    memset(results, 0, count * sizeof *results);
    for (size_t i = 0; i < count; i++) {
        batch->items[i].object = &objects[i];
        batch->items[i].result = &results[i];
        batch->items[i].index = i;
        if (whi_item_read(&batch->items[i])) {
            batch->sorted[batch->sorted_count++] = &batch->items[i];
        }
    }
    qsort(batch->sorted, batch->sorted_count, sizeof *batch->sorted, compare_items);
    return WH_OK;
}

static void batch_free(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        whi_item_free(&batch->items[i]);
    }
    whi_free(batch->items);
    whi_free(batch->sorted);
}

/* Of each key the last version stays in the list, with the others behind it. */
static void keep_newest(struct batch *batch) {
    size_t kept = 0;

    for (size_t i = 0; i < batch->sorted_count; i++) {
        whi_item *item = batch->sorted[i];

        if (kept > 0 && compare_keys(batch->sorted[kept - 1], item) == 0) {
            item->older = batch->sorted[kept - 1];
            kept--;
        }
        batch->sorted[kept++] = item;
    }
    batch->sorted_count = kept;
}

static void settle(whi_item *item, const whi_object_result *result) {
    *item->result = *result;
    item->is_done = 1;
}

/* A version that cannot be written leaves the turn to the one before it; all others speak for those before. */
static void take_turns(struct batch *batch) {
    size_t kept = 0;

    for (size_t i = 0; i < batch->sorted_count; i++) {
        whi_item *item = batch->sorted[i];

        if (item->result->outcome == WHI_OBJECT_ALONE) {
            if (item->older != NULL) {
                batch->sorted[kept++] = item->older;
            }
            continue;
        }
        for (whi_item *older = item->older; older != NULL; older = older->older) {
            settle(older, item->result);
        }
    }
    batch->sorted_count = kept;
}

/* -------------------------------------------------------------------- writing */

/* Items of one table whose rows are made. */
struct chunk {
    whi_destination *destination;
    const whi_plan *plan;
    whi_shape *shape;
    whi_object_result stop; /* another outcome than written: nothing more is tried */
    whi_value **rows;       /* as many as items */
};

static int part_kind(const whi_database *database, const whi_item *item) {
    return !item->object->deleted ? WHI_PART_PUT : database->removes ? WHI_PART_REMOVE : WHI_PART_MARK;
}

static size_t collect(const struct chunk *chunk, whi_part *part, int kind, whi_item **items, size_t count,
                      size_t from) {
    const whi_database *database = chunk->destination->database;

    part->kind = kind;
    part->shape = chunk->shape;
    part->columns = whi_plan_columns(chunk->plan, &part->width);
    part->rows = chunk->rows + from;
    part->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (part_kind(database, items[i]) == kind) {
            part->rows[part->count++] = items[i]->row;
        }
    }
    return part->count;
}

/* Of what was removed the guard has the key and the version; what is put looks whether that is newer. */
static size_t add_guarded(whi_part *parts, size_t used) {
    whi_part *part = &parts[used - 1], *other = &parts[used];
    whi_shape *guard = part->shape->guard;

    if (guard == NULL) {
        return used;
    }
    *other = *part;
    if (part->kind == WHI_PART_PUT) {
        other->kind = WHI_PART_EXPEL;
    } else {
        int has_time = whi_shape_find(guard, "_synced_at") != NULL && part->width > WHI_PART_KEYS &&
                       strcmp(part->columns[WHI_PART_KEYS]->name, "_synced_at") == 0;

        part->kind = WHI_PART_PUT;
        part->shape = guard;
        part->width = WHI_PART_KEYS + (size_t)has_time;
    }
    return used + 1;
}

static void write_once(const struct chunk *chunk, whi_item **items, size_t count, whi_object_result *result) {
    static const int kinds[] = { WHI_PART_PUT, WHI_PART_MARK, WHI_PART_REMOVE };
    whi_database *database = chunk->destination->database;
    whi_part parts[2 * sizeof kinds / sizeof kinds[0]];
    size_t used = 0, from = 0;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t found = collect(chunk, &parts[used], kinds[i], items, count, from);

        from += found;
        used = found > 0 ? add_guarded(parts, used + 1) : used;
    }
    database->dialect->write(database, parts, used, result);
}

static void settle_all(whi_item **items, size_t count, const whi_object_result *result) {
    for (size_t i = 0; i < count; i++) {
        settle(items[i], result);
    }
}

/* PostgreSQL and MariaDB have an end of what fits into a row beside what is stored apart, and only the row tells. */
static int is_too_wide(const whi_object_result *result) {
    return strcmp(result->state, "54000") == 0 || strcmp(result->state, "1118") == 0;
}

/* The row without the object's fields, which are in _raw. */
static void bare_row(const struct chunk *chunk, const whi_item *item) {
    size_t width;
    whi_column **columns = whi_plan_columns(chunk->plan, &width);

    for (size_t i = 0; i < width; i++) {
        if (!whi_shape_is_ours(columns[i]->name)) {
            item->row[i].text = NULL;
            item->row[i].size = 0;
        }
    }
}

/* The only one that fails. */
static void write_alone(struct chunk *chunk, whi_item **item, const whi_object_result *failure) {
    whi_object_result result = *failure;

    if (is_too_wide(failure)) {
        bare_row(chunk, *item);
        write_once(chunk, item, 1, &result);
    }
    if (result.outcome == WHI_OBJECT_WRITTEN || result.outcome == WHI_OBJECT_ALONE) {
        settle(*item, &result);
    } else {
        chunk->stop = result;
    }
}

/* Halves what fails for one of its objects, until that one stands alone. */
static void write_items(struct chunk *chunk, whi_item **items, size_t count) {
    whi_object_result result;

    if (chunk->stop.outcome != WHI_OBJECT_WRITTEN) {
        return;
    }
    write_once(chunk, items, count, &result);
    if (result.outcome == WHI_OBJECT_WRITTEN) {
        settle_all(items, count, &result);
    } else if (result.outcome == WHI_OBJECT_ALONE && count == 1) {
        write_alone(chunk, items, &result);
    } else if (result.outcome == WHI_OBJECT_ALONE) {
        write_items(chunk, items, count / 2);
        write_items(chunk, items + count / 2, count - count / 2);
    } else {
        chunk->stop = result;
    }
}

/* 0 if the table was another one than it was when it was looked at. */
static int try_chunk(whi_destination *destination, whi_shape *shape, whi_item **items, size_t count,
                     whi_object_result *stop) {
    struct chunk chunk = { destination, NULL, shape, { 0 }, NULL };
    whi_plan *plan;

    whi_plan_make(&plan, destination->database, shape, items, count, stop);
    if (plan == NULL) {
        return stop->outcome != WHI_OBJECT_SHAPE;
    }
    chunk.plan = plan;
    chunk.rows = whi_calloc(count, sizeof *chunk.rows);
    if (chunk.rows == NULL) {
        whi_fail_memory();
        whi_result_set(&chunk.stop, WHI_OBJECT_AGAIN, wh_last_error());
    }
    write_items(&chunk, items, count);
    whi_free(chunk.rows);
    whi_plan_free(plan);
    *stop = chunk.stop;
    return stop->outcome != WHI_OBJECT_SHAPE;
}

static size_t drop_done(whi_item **items, size_t count) {
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!items[i]->is_done) {
            items[kept++] = items[i];
        }
    }
    return kept;
}

static void forget_shape(whi_shape *shape) {
    whi_shape_clear(shape);
    shape->is_full = 0;
    if (shape->guard != NULL) {
        whi_shape_clear(shape->guard);
    }
}

/* A table may be altered under our hands once; who goes on doing so hears of it. left: a copy of the list, which is
 * made smaller. */
static void write_chunk(whi_destination *destination, whi_shape *shape, whi_item **left, size_t count) {
    whi_object_result stop = { 0 };

    if (!try_chunk(destination, shape, left, count, &stop)) {
        count = drop_done(left, count);
        forget_shape(shape);
        if (!try_chunk(destination, shape, left, count, &stop)) {
            stop.outcome = WHI_OBJECT_OWNER;
        }
    }
    if (stop.outcome != WHI_OBJECT_WRITTEN) {
        forget_shape(shape);
    }
    for (size_t i = 0; i < count; i++) {
        if (!left[i]->is_done) {
            settle(left[i], &stop);
        }
    }
}

/* Connects, where nobody has asked to leave. */
static void connect_to(whi_database *database, whi_object_result *result) {
    if (atomic_load(&database->is_cut)) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "cut before the database was asked");
    } else {
        database->dialect->connect(database, result);
    }
}

static void write_rows(whi_destination *destination, whi_item **items, size_t count) {
    whi_database *database = destination->database;
    whi_object_result result = { 0 };
    whi_item **left;
    whi_shape *shape;

    connect_to(database, &result);
    if (result.outcome != WHI_OBJECT_WRITTEN) {
        settle_all(items, count, &result);
        return;
    }
    shape = shape_of(destination, items[0]->object->type);
    left = whi_calloc(count, sizeof *left);
    if (shape == NULL || left == NULL) {
        whi_fail_memory();
        whi_result_set(&result, WHI_OBJECT_AGAIN, wh_last_error());
        settle_all(items, count, &result);
    } else {
        memcpy(left, items, count * sizeof *left);
        write_chunk(destination, shape, left, count);
    }
    whi_free(left);
}

/* Items from the first on that go into one transaction. */
static size_t chunk_of(whi_item **items, size_t count) {
    size_t bytes = 0, size = 0;

    while (size < count && size < CHUNK_ROWS && strcmp(items[size]->object->type, items[0]->object->type) == 0 &&
           (size == 0 || bytes + items[size]->object->size <= CHUNK_BYTES)) {
        bytes += items[size++]->object->size;
    }
    return size;
}

/* A database that is away, or does not let us in, is not asked again by the rest. */
static void write_turn(struct batch *batch) {
    const whi_object_result *last = NULL;
    size_t size;

    for (size_t at = 0; at < batch->sorted_count; at += size) {
        size = chunk_of(batch->sorted + at, batch->sorted_count - at);
        if (last != NULL && last->outcome == WHI_OBJECT_AGAIN) {
            settle_all(batch->sorted + at, size, last);
            continue;
        }
        write_rows(batch->destination, batch->sorted + at, size);
        last = batch->sorted[at + size - 1]->result;
    }
}

int whi_destination_write(whi_destination *destination, const whi_object *objects, size_t count,
                          whi_object_result *results) {
    struct batch batch;
    int code;

    if (count == 0) {
        return WH_OK;
    }
    code = batch_new(&batch, destination, objects, count, results);
    if (code != WH_OK) {
        return code;
    }
    keep_newest(&batch);
    while (batch.sorted_count > 0) {
        write_turn(&batch);
        take_turns(&batch);
    }
    batch_free(&batch);
    atomic_store(&destination->database->is_cut, 0);
    return WH_OK;
}

/* ------------------------------------------------------------------- checking */

static void check_shape(whi_database *database, whi_shape *shape, whi_object_result *result) {
    shape->is_full = 0;
    whi_shape_look(database, shape, result);
    if (shape->is_known && (shape->exists || database->create != WHI_CREATE_FULL)) {
        whi_shape_judge(shape, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        database->dialect->check(database, shape, result);
    }
}

static void check_type(whi_destination *destination, const char *type, whi_object_result *result) {
    whi_shape *shape = shape_of(destination, type);

    if (shape == NULL) {
        whi_fail_memory();
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
        return;
    }
    check_shape(destination->database, shape, result);
    if (result->outcome == WHI_OBJECT_WRITTEN && shape->guard != NULL) {
        check_shape(destination->database, shape->guard, result);
    }
}

void whi_destination_check(whi_destination *destination, const char *type, whi_object_result *result) {
    whi_database *database = destination->database;

    memset(result, 0, sizeof *result);
    database->until =
        database->check_timeout > 0 ? whi_monotonic_us() + database->check_timeout * 1000 : 0; /* of all its waits */
    connect_to(database, result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        check_type(destination, type, result);
    }
    if (result->outcome == WHI_OBJECT_SHAPE) {
        result->outcome = WHI_OBJECT_OWNER;
    }
    database->until = 0;
    atomic_store(&database->is_cut, 0);
}
