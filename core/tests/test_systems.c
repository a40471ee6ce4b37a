/* What holds for every system of the list, whichever they are: the same program runs on the list
 * with one more (fifth/). */
#include "object_kit.h"
#include "pure/delivery.h"
#include "systems/envelope.h"
#include "systems/header.h"
#include "systems/registry.h"
#include "systems/subscription_write.h"
#include "systems/wire.h"

#define SECRET "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" /* a text that every system takes for one */

static const char *least(size_t i) {
    static char text[512];

    snprintf(text, sizeof text, "{%s}", sample_at(i)->least);
    return text;
}

static whi_subscription *make_signed(const whi_system *system, size_t i) {
    static const char change[] = "{\"secrets\":[\"" SECRET "\"],\"tenant\":\"t\"}";
    whi_subscription *s = make(system, least(i));

    assert_int_equal(whi_subscription_apply(s, change, strlen(change), RULE_MAXIMUM, 0), WH_OK);
    return s;
}

/* ------------------------------------------------------------------- the description */

static void a_description_is_whole(void **state) {
    static const char *const listed[] = {
#define WHI_X(name, header) #name,
        WHI_SYSTEMS(WHI_X)
#undef WHI_X
    };
    const whi_system *system;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        count++;
        assert_true(strlen(system->name) > 0 && strlen(system->name) < 16);
        assert_string_equal(system->name, whi_system_names[i]);
        assert_string_equal(system->format->name, system->name);
        assert_ptr_equal(whi_format_at(i), system->format);
        assert_true(system->routes[0].method != NULL && system->routes[0].path[0] == '/');
        assert_non_null(system->refuse);
        assert_non_null(system->challenge);
        assert_true((system->is_ordered == NULL) == (system->order_key == NULL));
        assert_true(system->fields == NULL || (system->field_count > 0 && system->field_count <= WHI_WIRE_FIELDS));
    }
    assert_int_equal(count, sizeof listed / sizeof listed[0]);
    assert_null(whi_system_names[count]);
    assert_null(sample_at(count));
    assert_ptr_equal(whi_system_default(), whi_system_at(0));
}

/* The engine's own lines stand alone, and are always signed; a mask over an envelope needs one. */
static void what_is_asked_for_goes_together(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        if (system->asks & WHI_SIGNS_WITH_TIME) {
            assert_null(system->sign);
            assert_false(system->asks & WHI_MAY_GO_UNSIGNED);
        }
        assert_true(!(system->asks & WHI_MASKS_ENVELOPE) || system->body != NULL);
    }
}

static void retry_lists_begin_at_once_and_stay_in_bounds(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        assert_true(system->retry_count > 0 && system->retry_count <= WHI_RETRY_MAXIMUM);
        assert_int_equal(system->retry[0], 0);
        for (size_t k = 0; k < system->retry_count; k++) {
            assert_true(system->retry[k] <= WHI_RETRY_DELAY_MAXIMUM &&
                        (k == 0 || system->retry[k] >= system->retry[k - 1]));
        }
    }
}

static void what_no_system_may_read_otherwise(void **state) {
    static const struct {
        int error, status, outcome, code;
    } rows[] = {
        { WH_OK, 200, WHI_OUTCOME_SUCCESS, WH_OK },         { WH_OK, 302, WHI_OUTCOME_RETRY, WH_EREDIRECT },
        { WH_OK, 410, WHI_OUTCOME_GONE, WH_EGONE },         { WH_OK, 500, WHI_OUTCOME_RETRY, WH_ESTATUS },
        { WH_ETIMEOUT, 0, WHI_OUTCOME_RETRY, WH_ETIMEOUT },
    };
    const whi_system *system;
    int code, aborted = 1;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            whi_response response = { sample_at(i)->type, rows[k].error, rows[k].status };
            assert_int_equal(whi_system_outcome(system, &response, &code, &aborted), rows[k].outcome);
            assert_int_equal(code, rows[k].code);
            assert_int_equal(aborted, 0);
        }
    }
}

static void ids_go_there_and_back(void **state) {
    static const int64_t numbers[] = { 1, 258, INT64_C(7420017300281076000), INT64_MAX };
    static const char *const wrong[] = { "", "0", "-1", "01", "9223372036854775808", "1x", "sub_", "sub_000000000008" };
    const whi_system *system;
    char text[WH_ID_SIZE];
    int64_t number;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            system->ident(numbers[k], text);
            assert_int_equal(whi_system_ident_parse(system, text, &number), WH_OK);
            assert_int_equal(number, numbers[k]);
            assert_true(!(system->asks & WHI_ID_IS_NUMBER) || strspn(text, "0123456789") == strlen(text));
        }
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            assert_int_equal(whi_system_ident_parse(system, wrong[k], &number), WH_ENOTFOUND);
        }
        assert_int_equal(whi_system_ident_parse(system, NULL, &number), WH_ENOTFOUND);
    }
}

/* ------------------------------------------------------------------- documents */

static void a_document_names_its_system(void **state) {
    const whi_system *system;
    char text[128], part[64];
    whi_subscription *s, *copy;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        assert_int_equal(whi_subscription_new(&s), WH_OK);
        snprintf(text, sizeof text, "{\"url\":\"http://e.com/\",\"profile\":\"%s\"}", system->name);
        assert_int_equal(whi_subscription_apply(s, text, strlen(text), RULE_MAXIMUM, 0), WH_OK);
        assert_ptr_equal(s->system, system);
        snprintf(part, sizeof part, "\"profile\":\"%s\"", system->name);
        assert_non_null(strstr(written(whi_system_default(), s), part));
        whi_buf_clear(&wire);
        whi_subscription_write(s, WHI_WRITE_BRIEF, &wire);
        assert_int_equal(strstr(wire.data, "\"profile\"") == NULL, system == whi_system_default());
        assert_int_equal(whi_subscription_copy(&copy, s), WH_OK);
        assert_ptr_equal(copy->system, system);
        whi_subscription_free(copy);
        whi_subscription_free(s);
    }
}

static void another_name_is_refused_with_all_that_there_are(void **state) {
    static const char text[] = "{\"profile\":\"sixth\"}";
    whi_subscription *s;

    (void)state;
    assert_int_equal(whi_subscription_new(&s), WH_OK);
    assert_int_equal(whi_subscription_apply(s, text, strlen(text), RULE_MAXIMUM, 0), WH_EINVALID);
    for (size_t i = 0; whi_system_names[i] != NULL; i++) {
        assert_non_null(strstr(wh_last_error(), whi_system_names[i]));
    }
    assert_int_equal(wh_verify_as(&(wh_verify_options){ sizeof(wh_verify_options), "sixth", 0, 0, NULL, NULL, NULL },
                                  &(const char *){ SECRET }, 1, NULL, 0, "", 0, NULL),
                     WH_EINVALID);
    for (size_t i = 0; whi_format_at(i) != NULL; i++) {
        assert_non_null(strstr(wh_last_error(), whi_format_at(i)->name));
    }
    whi_subscription_free(s);
}

/* Nobody else may write the header that a signature stands in. */
static void the_header_that_signs_is_reserved(void **state) {
    static const struct {
        const char *name, *header;
    } list[] = {
#define WHI_X(name, header) { #name, header },
        WHI_SYSTEMS(WHI_X)
#undef WHI_X
    };
    const whi_system *system;
    whi_buf line;
    char *made;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make_signed(system, i);
        whi_envelope envelope = { s, s, NULL, "evt-1", sample_at(i)->type, 1, "{}", 2, NULL };
        whi_buf_init(&line, 1 << 20);
        if (system->sign != NULL) {
            assert_int_equal(system->sign(&envelope, "{}", 2, &line), WH_OK);
            assert_non_null(list[i].header);
            assert_int_equal(strncasecmp(line.data, list[i].header, strlen(list[i].header)), 0);
            assert_int_equal(line.data[strlen(list[i].header)], ':');
        }
        if (list[i].header != NULL) {
            assert_int_equal(whi_header_line(list[i].header, "x", &made), WH_EINVALID);
        }
        whi_buf_free(&line);
        whi_subscription_free(s);
    }
}

/* ------------------------------------------------------------------- objects */

static int is_read(const whi_wire_field *field) {
    return (!(field->flags & WHI_WIRE_READ_ONLY) || field->flags & WHI_WIRE_CHECKED) && field->kind != WHI_WIRE_ANY;
}

/* Each field that is read, with a value of a wrong type. */
static void a_wrong_type_names_the_field(void **state) {
    static const char *const values[] = { "[{}]", "{\"a\":{}}", "-1e400" };
    const whi_system *system;
    char text[600];

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        for (size_t f = 0; f < system->field_count; f++) {
            const char *name = system->fields[f].name;
            for (size_t k = 0; is_read(&system->fields[f]) && k < sizeof values / sizeof values[0]; k++) {
                snprintf(text, sizeof text, "{%s,\"%s\":%s}", sample_at(i)->least, name, values[k]);
                assert_int_equal(read_text(system, text, NULL), WH_EINVALID);
                assert_memory_equal(wh_last_error(), name, strlen(name));
                assert_non_null(strchr(":[.", wh_last_error()[strlen(name)]));
            }
        }
    }
}

static void what_is_required_cannot_be_left_out_or_taken_away(void **state) {
    const whi_system *system;
    char text[128], sentence[128];

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make(system, least(i));
        for (size_t f = 0; f < system->field_count; f++) {
            if (system->fields[f].flags & WHI_WIRE_REQUIRED) {
                snprintf(text, sizeof text, "{\"%s\":null}", system->fields[f].name);
                snprintf(sentence, sizeof sentence, "%s: expected %s, found none", system->fields[f].name,
                         whi_wire_kinds[system->fields[f].kind]);
                refuses(system, text, s, sentence);
            }
        }
        whi_subscription_free(s);
    }
}

/* What was written reads as an equal object, and is no change to what it was written of. */
static void an_object_goes_there_and_back(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make(system, sample_at(i)->all), *again;
        char *first = whi_strdup(written(system, s), WH_ZSTR);
        if (system->fields != NULL) {
            patch(system, s, first);
            assert_string_equal(document.data, "{}");
        }
        whi_free(first);
        first = whi_strdup(written_with(system, s, 1, WHI_OBJECT_SECRET), WH_ZSTR);
        again = make(system, first);
        assert_string_equal(written_with(system, again, 1, WHI_OBJECT_SECRET), first);
        whi_free(first);
        whi_subscription_free(again);
        whi_subscription_free(s);
    }
}

/* Through every other system it can be read, and what is read there is no change. */
static void every_system_reads_what_another_has_made(void **state) {
    const whi_system *system, *other;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make(system, sample_at(i)->all);
        for (size_t k = 0; (other = whi_system_at(k)) != NULL; k++) {
            char *there = whi_strdup(written(other, s), WH_ZSTR);
            if (other->fields != NULL) {
                patch(other, s, there);
                assert_string_equal(document.data, "{}");
            }
            assert_ptr_equal(s->system, system);
            whi_free(there);
        }
        whi_subscription_free(s);
    }
}

/* ------------------------------------------------------------------- what is sent */

static void payloads_stand_in_the_body_byte_for_byte(void **state) {
    static const char *const payloads[] = {
        "5",
        "-0",
        "1E400",
        "1.10",
        "12345678901234567890123",
        "\"\"",
        "null",
        "{}",
        "[[]]",
        "{ \"b\" : 1,\n\"a\":[ ] }",
        "[1,{\"id\":7420017300281076000},null]",
        "{\"a\":1,\"a\":2}",
    };
    const whi_system *system;
    whi_buf again;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make_signed(system, i);
        s->data = WHI_DATA_EXACT;
        for (size_t k = 0; k < sizeof payloads / sizeof payloads[0]; k++) {
            const char *data = payloads[k];
            whi_envelope envelope = { s, s, NULL, "evt-1", sample_at(i)->type, 1, data, strlen(data), NULL };
            whi_buf_clear(&wire);
            whi_buf_init(&again, 1 << 20);
            assert_int_equal(whi_envelope_body(&envelope, &wire), WH_OK);
            assert_int_equal(whi_json_check(wire.data, wire.size, 100), WH_OK);
            assert_non_null(strstr(wire.data, data));
            assert_int_equal(whi_envelope_body(&envelope, &again), WH_OK); /* at each attempt the same */
            assert_string_equal(wire.data, again.data);
            assert_null(strstr(wire.data, SECRET));
            whi_buf_free(&again);
        }
        whi_subscription_free(s);
    }
}

/* And is told by the request alone. */
static void what_is_signed_verifies(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make_signed(system, i);
        whi_envelope envelope = { s, s, NULL, "evt-1", sample_at(i)->type, 1, "{\"n\":1.10}", 10, NULL };
        const char *lines[WHI_ENVELOPE_LINES], *secret = SECRET, *found = NULL;
        wh_verify_options options = WH_VERIFY_INIT;
        wh_header header = { "none", "" };
        char name[64] = "";
        size_t count = 0;
        whi_buf text;

        whi_buf_init(&text, 1 << 20);
        whi_buf_clear(&wire);
        assert_int_equal(whi_envelope_body(&envelope, &wire), WH_OK);
        assert_int_equal(whi_envelope_headers(&envelope, wire.data, wire.size, &text, lines, &count), WH_OK);
        if (count > 0) {
            size_t size = strcspn(lines[0], ":");
            memcpy(name, lines[0], size);
            header = (wh_header){ name, lines[0] + size + 2 };
        }
        if (!(system->asks & WHI_SIGNS_WITH_TIME)) { /* which the engine's tests see */
            assert_int_equal(wh_verify_as(&options, &secret, 1, &header, 1, wire.data, wire.size, &found), WH_OK);
            assert_string_equal(found, system->name);
            secret = "another";
            assert_int_equal(wh_verify_as(&options, &secret, 1, &header, 1, wire.data, wire.size, &found),
                             WH_ESIG_MISMATCH);
        }
        whi_buf_free(&text);
        whi_subscription_free(s);
    }
}

/* ------------------------------------------------------------------- memory */

static int all_of_it(const whi_system *system, size_t i, const whi_subscription *present) {
    const char *text = sample_at(i)->all;
    whi_envelope envelope = { present, present, NULL, "evt-1", sample_at(i)->type, 1, "{\"id\":\"a\"}", 10, NULL };
    whi_facts facts = { .healthy = 1 };
    int code;

    whi_buf_free(&wire);
    whi_buf_free(&document);
    whi_buf_init(&wire, 1 << 20);
    whi_buf_init(&document, 1 << 20);
    code = whi_object_read(system, text, strlen(text), 0, NULL, &document);
    whi_buf_clear(&document);
    code = code == WH_OK ? whi_object_read(system, text, strlen(text), WHI_OBJECT_PATCH, present, &document) : code;
    code = code == WH_OK ? whi_object_write(system, present, &facts, WHI_OBJECT_SECRET, &wire) : code;
    return code == WH_OK ? whi_envelope_body(&envelope, &wire) : code;
}

static void without_memory_nothing_leaks(void **state) {
    const whi_system *system;

    (void)state;
    for (size_t i = 0; (system = whi_system_at(i)) != NULL; i++) {
        whi_subscription *s = make(system, sample_at(i)->all);
        int code, failed = 1;
        for (long n = 0; failed; n++) {
            fault_set(n);
            code = all_of_it(system, i, s);
            failed = fault_clear();
            assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        }
        whi_subscription_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_is_whole),
        cmocka_unit_test(what_is_asked_for_goes_together),
        cmocka_unit_test(retry_lists_begin_at_once_and_stay_in_bounds),
        cmocka_unit_test(what_no_system_may_read_otherwise),
        cmocka_unit_test(ids_go_there_and_back),
        cmocka_unit_test(a_document_names_its_system),
        cmocka_unit_test(another_name_is_refused_with_all_that_there_are),
        cmocka_unit_test(the_header_that_signs_is_reserved),
        cmocka_unit_test(a_wrong_type_names_the_field),
        cmocka_unit_test(what_is_required_cannot_be_left_out_or_taken_away),
        cmocka_unit_test(an_object_goes_there_and_back),
        cmocka_unit_test(every_system_reads_what_another_has_made),
        cmocka_unit_test(payloads_stand_in_the_body_byte_for_byte),
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(without_memory_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
