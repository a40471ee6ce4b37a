#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pure/source_path.h"

static const char text[] = "{\"a\":{\"b\":[{\"n\":{\"i\":1},\"z\":null},{\"n\":{\"i\":2}}],\"none\":null,\"x.y\":3},"
                           "\"list\":[4,5],\"deep\":[[1]],\"@odata.next\":\"u\"}";

static int add(const whi_json *json, uint32_t item, void *payload) {
    size_t size;
    const char *span = whi_json_span(json, item, &size);

    whi_buf_add(payload, span, size);
    whi_buf_char(payload, ';');
    return WH_OK;
}

static void a_path_leads_to_items(void **state) {
    static const struct {
        const char *path, *items;
        int code, found;
    } rows[] = {
        { "list", "4;5;", WH_OK, 1 },
        { "a.b", "{\"n\":{\"i\":1},\"z\":null};{\"n\":{\"i\":2}};", WH_OK, 1 },
        { "a.b.n", "{\"i\":1};{\"i\":2};", WH_OK, 1 },
        { "a.none", "", WH_OK, 0 },
        { "a.c", "", WH_OK, 0 },
        { "a.none.x", "", WH_OK, 0 },
        { "a", "", WH_EINVALID, 0 },
        { "a.b.n.i", "", WH_EINVALID, 1 },
        { "a.b.m", "", WH_EINVALID, 1 },
        { "a.b.z", "", WH_EINVALID, 1 },
        { "deep.x", "", WH_EINVALID, 1 },
        { "", "", WH_EINVALID, 0 },
    };
    whi_json json = { 0 };

    (void)state;
    assert_int_equal(whi_json_scan(&json, text, sizeof text - 1, 100), WH_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;
        int found;

        whi_buf_init(&out, 1000);
        assert_int_equal(whi_source_path_each(&json, 0, rows[i].path, add, &out, &found), rows[i].code);
        assert_int_equal(found, rows[i].found);
        assert_string_equal(out.size > 0 ? out.data : "", rows[i].items);
        whi_buf_free(&out);
    }
    whi_json_free(&json);
}

static void a_path_leads_to_one_value(void **state) {
    static const char *const rows[][2] = {
        { "a.x\\.y", "3" }, { "@odata\\.next", "\"u\"" }, { "a.x.y", NULL }, { "list.0", NULL }, { "a.b.n", NULL },
    };
    whi_json json = { 0 };

    (void)state;
    assert_int_equal(whi_json_scan(&json, text, sizeof text - 1, 100), WH_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t node = whi_source_path_find(&json, 0, rows[i][0]);
        size_t size = 0;

        assert_int_equal(node != WHI_JSON_NONE, rows[i][1] != NULL);
        if (rows[i][1] != NULL) {
            const char *span = whi_json_span(&json, node, &size);
            assert_int_equal(size, strlen(rows[i][1]));
            assert_memory_equal(span, rows[i][1], size);
        }
    }
    whi_json_free(&json);
}

static void a_path_that_is_written_otherwise_is_refused(void **state) {
    static const char *const good[] = { "", "a", "a.b", "a\\.b", "a\\\\", "@odata\\.next", "a\\." };
    static const char *const bad[] = { ".a", "a.", "a..b", "a\\", "$.a", "a[0].b", "a[*]", "*" };
    char large[WHI_SOURCE_PATH_MAXIMUM + 1];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(whi_source_path_check("f", good[i]), WH_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(whi_source_path_check("f", bad[i]), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), "f");
    }
    memset(large, 'a', sizeof large);
    large[WHI_SOURCE_PATH_MAXIMUM] = '\0';
    assert_int_equal(whi_source_path_check("f", large), WH_ELIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_to_items),
        cmocka_unit_test(a_path_leads_to_one_value),
        cmocka_unit_test(a_path_that_is_written_otherwise_is_refused),
    };
    return cmocka_run_group_tests_name("source_path", tests, NULL, NULL);
}
