/* Tests: test_destination. */
#include "outside/dialect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* -------------------------------------------------------------------- results */

void whi_result_set(whi_object_result *result, int outcome, const char *sentence) {
    memset(result, 0, sizeof *result);
    result->outcome = outcome;
    snprintf(result->sentence, sizeof result->sentence, "%s", sentence);
}

/* A driver's text holds what a server says, and a server may say anything. */
void whi_database_tell(const whi_database *database, whi_object_result *result, int outcome, const char *state,
                       const char *format, ...) {
    char text[2048];
    va_list list;

    memset(result, 0, sizeof *result);
    result->outcome = outcome;
    snprintf(result->state, sizeof result->state, "%s", state);
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (database->url.password[0] != '\0' && strstr(text, database->url.password) != NULL) {
        snprintf(text, sizeof text, "the database's words are left out, because the password is in them");
    }
    for (size_t size = strlen(text); size > 0 && (unsigned char)text[size - 1] <= ' '; size--) {
        text[size - 1] = '\0';
    }
    (void)whi_text_shown(text, result->sentence, sizeof result->sentence);
}

/* --------------------------------------------------------------------- shapes */

static uint32_t column_hash(const void *entry) {
    return whi_table_spread_text(0, ((const whi_column *)entry)->name);
}

static int column_is(const void *entry, const void *key) {
    return strcmp(((const whi_column *)entry)->name, key) == 0;
}

static const whi_table_kind column_kind = { column_hash, column_is };

/* The table holds pointers, so the list may move only while the table is made anew. */
static int grow(whi_shape *shape) {
    size_t room = shape->room > 0 ? shape->room * 2 : 32;
    whi_column *columns = whi_realloc(shape->columns, room * sizeof *columns);

    if (columns == NULL) {
        return 0;
    }
    shape->columns = columns;
    shape->room = room;
    whi_table_free(&shape->by_name);
    memset(&shape->by_name, 0, sizeof shape->by_name);
    for (size_t i = 0; i < shape->count; i++) {
        if (whi_table_reserve(&shape->by_name, &column_kind) != 0) {
            return 0;
        }
        whi_table_put(&shape->by_name, &column_kind, &columns[i]);
    }
    return 1;
}

whi_column *whi_shape_add(whi_shape *shape, const char *name, const char *type, int kind) {
    whi_column *column;

    if ((shape->count == shape->room && !grow(shape)) || whi_table_reserve(&shape->by_name, &column_kind) != 0) {
        return NULL;
    }
    column = &shape->columns[shape->count++];
    memset(column, 0, sizeof *column);
    snprintf(column->name, sizeof column->name, "%s", name);
    snprintf(column->type, sizeof column->type, "%s", type);
    column->kind = kind;
    whi_table_put(&shape->by_name, &column_kind, column);
    return column;
}

whi_column *whi_shape_find(const whi_shape *shape, const char *name) {
    return whi_table_get(&shape->by_name, &column_kind, whi_table_spread_text(0, name), name);
}

void whi_shape_clear(whi_shape *shape) {
    whi_table_free(&shape->by_name);
    memset(&shape->by_name, 0, sizeof shape->by_name);
    shape->count = 0;
    shape->exists = shape->is_known = shape->has_key = 0;
}

void whi_shape_free(whi_shape *shape) {
    if (shape->guard != NULL) {
        whi_shape_free(shape->guard);
        whi_free(shape->guard);
    }
    whi_shape_clear(shape);
    whi_free(shape->columns);
    whi_buf_free(&shape->quoted);
}

/* ------------------------------------------------------------------------ SQL */

void whi_sql_name(whi_buf *out, const whi_dialect *dialect, const char *name) {
    whi_buf_char(out, dialect->quote);
    for (; *name != '\0'; name++) {
        if (*name == dialect->quote) {
            whi_buf_char(out, *name);
        }
        whi_buf_char(out, *name);
    }
    whi_buf_char(out, dialect->quote);
}

void whi_sql_columns(whi_buf *out, const whi_dialect *dialect, const whi_part *part) {
    for (size_t i = 0; i < part->width; i++) {
        whi_buf_text(out, i > 0 ? ", " : "");
        whi_sql_name(out, dialect, part->columns[i]->name);
    }
}

int whi_part_is_of_keys(const whi_part *part) {
    return part->kind == WHI_PART_EXPEL || part->kind == WHI_PART_REMOVE;
}

int whi_part_updates(const whi_part *part, size_t column) {
    const char *name = part->columns[column]->name;

    if (column < WHI_PART_KEYS - 1) {
        return 0;
    }
    return part->kind == WHI_PART_PUT || strcmp(name, "_version") == 0 || strcmp(name, "_synced_at") == 0 ||
           strcmp(name, "_deleted_at") == 0;
}

void whi_sql_conflict(whi_buf *out, const whi_dialect *dialect, const whi_part *part) {
    const char *between = "";

    whi_buf_text(out, " ON CONFLICT (\"_connection_id\", \"id\") DO UPDATE SET ");
    for (size_t i = 0; i < part->width; i++) {
        if (whi_part_updates(part, i)) {
            whi_buf_text(out, between);
            whi_sql_name(out, dialect, part->columns[i]->name);
            whi_buf_text(out, " = excluded.");
            whi_sql_name(out, dialect, part->columns[i]->name);
            between = ", ";
        }
    }
    whi_buf_text(out, " WHERE COALESCE(held.\"_version\" < excluded.\"_version\", TRUE)");
}
