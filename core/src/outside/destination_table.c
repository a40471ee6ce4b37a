/* Tests: test_destination. */
#include "outside/destination_table.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

void whi_sql_run(whi_database *database, whi_buf *sql, whi_object_result *result) {
    if (whi_buf_status(sql) != WH_OK) {
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
    } else {
        database->dialect->run(database, sql->data, result);
    }
    whi_buf_free(sql);
}

void whi_shape_look(whi_database *database, whi_shape *shape, whi_object_result *result) {
    whi_shape_clear(shape);
    database->dialect->look(database, shape, result);
    shape->is_known = result->outcome == WHI_OBJECT_WRITTEN;
}

static void create_table(whi_database *database, whi_shape *shape, whi_object_result *result) {
    const whi_dialect *dialect = database->dialect;
    whi_object_result looked;
    whi_buf sql;

    whi_buf_init(&sql, WHI_SQL_MAXIMUM);
    whi_buf_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    whi_buf_add(&sql, shape->quoted.data, shape->quoted.size);
    whi_buf_text(&sql, " (");
    whi_sql_name(&sql, dialect, "_connection_id");
    whi_buf_format(&sql, " %s NOT NULL, ", dialect->connection_type);
    whi_sql_name(&sql, dialect, "id");
    whi_buf_format(&sql, " %s NOT NULL, ", dialect->id_type);
    whi_sql_name(&sql, dialect, "_version");
    whi_buf_format(&sql, " %s NOT NULL, ", dialect->types[WHI_COLUMN_INTEGER]);
    whi_sql_name(&sql, dialect, "_synced_at");
    whi_buf_format(&sql, " %s", dialect->types[WHI_COLUMN_TIME]);
    if (!shape->is_guard) {
        whi_buf_text(&sql, ", ");
        whi_sql_name(&sql, dialect, "_deleted_at");
        whi_buf_format(&sql, " %s, ", dialect->types[WHI_COLUMN_TIME]);
        whi_sql_name(&sql, dialect, "_raw");
        whi_buf_format(&sql, " %s", dialect->types[WHI_COLUMN_TEXT]);
    }
    whi_buf_text(&sql, ", PRIMARY KEY (");
    whi_sql_name(&sql, dialect, "_connection_id");
    whi_buf_text(&sql, ", ");
    whi_sql_name(&sql, dialect, "id");
    whi_buf_format(&sql, "))%s", dialect->ending);
    whi_sql_run(database, &sql, result);
    if (result->outcome == WHI_OBJECT_AGAIN || result->outcome == WHI_OBJECT_OWNER) {
        return;
    }
    whi_shape_look(database, shape, &looked);
    if (looked.outcome != WHI_OBJECT_WRITTEN || shape->exists) {
        *result = looked; /* another worker may have been faster, and then it is there */
    }
    if (result->outcome == WHI_OBJECT_ALONE) { /* it is about the table, whatever its class says: no object's fault */
        result->outcome = WHI_OBJECT_OWNER;
    }
}

void whi_shape_tell(whi_object_result *result, const whi_shape *shape, const char *what) {
    whi_result_set(result, WHI_OBJECT_OWNER, "");
    snprintf(result->sentence, sizeof result->sentence, "table %.150s %s", shape->quoted.data, what);
}

int whi_shape_is_ours(const char *name) {
    static const char *const names[] = { "_connection_id", "id", "_version", "_synced_at", "_deleted_at", "_raw" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What a table that somebody else has made must have. */
void whi_shape_judge(const whi_shape *shape, whi_object_result *result) {
    if (!shape->exists) {
        whi_shape_tell(result, shape, "is not there, and may not be made");
    } else if (whi_shape_find(shape, "_connection_id") == NULL || whi_shape_find(shape, "id") == NULL ||
               whi_shape_find(shape, "_version") == NULL) {
        whi_shape_tell(result, shape, "has not all of the columns _connection_id, id and _version");
    } else if (!shape->has_key) {
        whi_shape_tell(result, shape, "has no primary key or unique index of _connection_id and id");
    }
}

static void make_ready(whi_database *database, whi_shape *shape, whi_object_result *result) {
    whi_result_set(result, WHI_OBJECT_WRITTEN, "");
    if (!shape->is_known) {
        whi_shape_look(database, shape, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN && !shape->exists && database->create == WHI_CREATE_FULL) {
        create_table(database, shape, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        whi_shape_judge(shape, result);
    }
}

/* A guard is made with the table, and not with the first removal: another worker, who has seen that there is none,
 * would put what was removed. */
void whi_shape_ready(whi_database *database, whi_shape *shape, whi_object_result *result) {
    make_ready(database, shape, result);
    if (result->outcome == WHI_OBJECT_WRITTEN && shape->guard != NULL) {
        make_ready(database, shape->guard, result);
    }
}
