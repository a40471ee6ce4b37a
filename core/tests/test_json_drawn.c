/* JSON that is drawn by chance together with what a reader must find in it: the tape is
 * known before the scanner sees the text. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pure/json.h"
#include "webhook.h"

#define DRAWN_TEXTS 3000
#define NODES_MAXIMUM 4000

static uint64_t chance_state = 88172645463325252u;

/* xorshift64: http://www.jstatsoft.org/v08/i14 */
static uint32_t chance(uint32_t below) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 32) % below;
}

typedef struct drawing {
    whi_buf text, decoded;
    whi_json_node nodes[NODES_MAXIMUM];
    struct {
        size_t start, size; /* of a string, in decoded */
        double number;
    } values[NODES_MAXIMUM];
    uint32_t count;
} drawing;

static void blanks(drawing *self) {
    while (chance(4) == 0) {
        whi_buf_char(&self->text, " \t\r\n"[chance(4)]);
    }
}

static uint32_t begin(drawing *self, int type) {
    whi_json_node *node = &self->nodes[self->count];

    memset(node, 0, sizeof *node);
    node->type = (uint32_t)type & 15;
    node->start = (uint32_t)self->text.size;
    return self->count++;
}

static void end(drawing *self, uint32_t node) {
    self->nodes[node].end = (uint32_t)self->text.size;
    self->nodes[node].next = self->count;
}

static void letter(drawing *self, uint32_t node) {
    static const struct {
        const char *text, *decoded;
        int escape;
    } letters[] = {
        { "\\n", "\n", 1 },
        { "\\\"", "\"", 1 },
        { "\\\\", "\\", 1 },
        { "\\/", "/", 1 },
        { "\\u00e9", "\xc3\xa9", 1 },
        { "\\uD83D\\ude00", "\xf0\x9f\x98\x80", 1 },
        { "\\u0041", "A", 1 },
        { "\\udc00", "\xef\xbf\xbd", 1 },
        { "\xc3\xa9", "\xc3\xa9", 0 },
        { "\xe2\x82\xac", "\xe2\x82\xac", 0 },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 0 },
        { "\x7f", "\x7f", 0 },
        { "{", "{", 0 },
        { ",", ",", 0 },
    };
    uint32_t i = chance(sizeof letters / sizeof letters[0]);

    whi_buf_text(&self->text, letters[i].text);
    whi_buf_text(&self->decoded, letters[i].decoded);
    self->nodes[node].count |= (uint32_t)letters[i].escape & 1;
}

/* Plain runs of every length around the sixteen bytes that are skipped at once. */
static void draw_string(drawing *self) {
    uint32_t node = begin(self, WHI_JSON_STRING);

    self->values[node].start = self->decoded.size;
    whi_buf_char(&self->text, '"');
    for (uint32_t parts = chance(4); parts > 0; parts--) {
        for (uint32_t run = chance(40); run > 0; run--) {
            char c = (char)('a' + chance(26));
            whi_buf_char(&self->text, c);
            whi_buf_char(&self->decoded, c);
        }
        if (chance(2)) {
            letter(self, node);
        }
    }
    whi_buf_char(&self->text, '"');
    self->values[node].size = self->decoded.size - self->values[node].start;
    end(self, node);
}

static void digits(drawing *self) {
    for (uint32_t count = 1 + chance(25); count > 0; count--) {
        whi_buf_char(&self->text, (char)('0' + chance(10)));
    }
}

static void draw_number(drawing *self) {
    uint32_t node = begin(self, WHI_JSON_NUMBER);

    if (chance(2)) {
        whi_buf_char(&self->text, '-');
    }
    whi_buf_char(&self->text, (char)('0' + chance(10)));
    if (self->text.data[self->text.size - 1] != '0' && chance(2)) {
        digits(self);
    }
    if (chance(3) == 0) {
        whi_buf_char(&self->text, '.');
        digits(self);
    }
    if (chance(3) == 0) {
        whi_buf_format(&self->text, "%c%s%u", "eE"[chance(2)], chance(2) ? "-" : chance(2) ? "+" : "", chance(330));
    }
    end(self, node);
    self->values[node].number = strtod(self->text.data + self->nodes[node].start, NULL);
}

static void draw_word(drawing *self) {
    static const char *const words[] = { "null", "false", "true" };
    uint32_t i = chance(3), node = begin(self, (int)i);

    whi_buf_text(&self->text, words[i]);
    end(self, node);
}

static void draw_value(drawing *self, int depth);

static void draw_container(drawing *self, int depth, int type) {
    uint32_t node = begin(self, type), children = chance(8);

    whi_buf_char(&self->text, type == WHI_JSON_OBJECT ? '{' : '[');
    blanks(self);
    for (uint32_t i = 0; i < children && self->count < NODES_MAXIMUM / 2; i++) {
        if (i > 0) {
            whi_buf_char(&self->text, ',');
            blanks(self);
        }
        if (type == WHI_JSON_OBJECT) {
            draw_string(self);
            blanks(self);
            whi_buf_char(&self->text, ':');
            blanks(self);
        }
        draw_value(self, depth - 1);
        blanks(self);
        self->nodes[node].count++;
    }
    whi_buf_char(&self->text, type == WHI_JSON_OBJECT ? '}' : ']');
    end(self, node);
}

static void draw_value(drawing *self, int depth) {
    switch (chance(depth > 0 ? 7 : 3)) {
    case 0:
        draw_word(self);
        break;
    case 1:
        draw_number(self);
        break;
    case 2:
        draw_string(self);
        break;
    case 3:
    case 4:
        draw_container(self, depth, WHI_JSON_ARRAY);
        break;
    default:
        draw_container(self, depth, WHI_JSON_OBJECT);
    }
}

static void draw(drawing *self) {
    whi_buf_clear(&self->text);
    whi_buf_clear(&self->decoded);
    self->count = 0;
    blanks(self);
    draw_value(self, 6);
    blanks(self);
    assert_int_equal(whi_buf_status(&self->text), WH_OK);
}

static drawing *new_drawing(void) {
    drawing *self = calloc(1, sizeof *self);

    assert_non_null(self);
    whi_buf_init(&self->text, SIZE_MAX / 4);
    whi_buf_init(&self->decoded, SIZE_MAX / 4);
    return self;
}

static void free_drawing(drawing *self) {
    whi_buf_free(&self->text);
    whi_buf_free(&self->decoded);
    free(self);
}

/* Memory of the text's own size, so that a sanitizer sees reading behind the end. */
static char *scan(whi_json *json, const drawing *from) {
    char *copy = malloc(from->text.size);

    assert_non_null(copy);
    memcpy(copy, from->text.data, from->text.size);
    if (whi_json_scan(json, copy, from->text.size, 6) != WH_OK) {
        fail_msg("%s in %s", wh_last_error(), from->text.data);
    }
    assert_int_equal(whi_json_check(copy, from->text.size, 6), WH_OK);
    return copy;
}

static void check_node(const whi_json *json, uint32_t node, const drawing *drawn, whi_buf *scratch) {
    const whi_json_node *found = &json->nodes[node], *wanted = &drawn->nodes[node];
    size_t size;

    if (found->start != wanted->start || found->end != wanted->end || found->next != wanted->next ||
        found->count != wanted->count || found->type != wanted->type) {
        fail_msg("node %u of %s", node, drawn->text.data);
    }
    if (found->type == WHI_JSON_STRING) {
        const char *text = whi_json_string(json, node, scratch, &size);
        assert_int_equal(size, drawn->values[node].size);
        assert_true(size == 0 || memcmp(text, drawn->decoded.data + drawn->values[node].start, size) == 0);
    }
    if (found->type == WHI_JSON_NUMBER) {
        double number = whi_json_double(json, node);
        assert_memory_equal(&number, &drawn->values[node].number, sizeof number);
    }
}

static void the_tape_is_what_was_drawn(void **state) {
    drawing *drawn = new_drawing();
    whi_json json = { 0 };
    whi_buf scratch;

    (void)state;
    whi_buf_init(&scratch, SIZE_MAX / 4);
    for (int i = 0; i < DRAWN_TEXTS; i++) {
        char *text;
        draw(drawn);
        text = scan(&json, drawn);
        assert_int_equal(json.count, drawn->count);
        for (uint32_t node = 0; node < json.count; node++) {
            check_node(&json, node, drawn, &scratch);
        }
        free(text);
    }
    whi_buf_free(&scratch);
    whi_json_free(&json);
    free_drawing(drawn);
}

static int sign(int order) {
    return (order > 0) - (order < 0);
}

/* Among the values of one text: 0 and equal are the same, the other way round turns the
 * sign, and what is before something is before all that is behind it. */
static void check_order(const whi_json *json) {
    uint32_t at[3];
    int order;

    for (int i = 0; i < 3; i++) {
        at[i] = chance(json->count);
        if (json->nodes[at[i]].type >= WHI_JSON_ARRAY) {
            return;
        }
    }
    order = sign(whi_json_order(json, at[0], json, at[1]));
    assert_int_equal(order == 0, whi_json_equal(json, at[0], json, at[1]));
    assert_int_equal(sign(whi_json_order(json, at[1], json, at[0])), -order);
    if (order <= 0 && whi_json_order(json, at[1], json, at[2]) <= 0) {
        assert_true(whi_json_order(json, at[0], json, at[2]) <= 0);
    }
}

static void scalars_have_one_order_and_it_agrees_with_equality(void **state) {
    static const char text[] =
        "[1,1.0,10e-1,0.1,-1,0,-0,0e5,12,120,1.2,\"\",\"a\",\"\\u0061\",\"ab\",\"a\\u0000\",\"\\u00e9\",\"\xc3\xa9\","
        "\"z\",null,true,false,1e99999999999999999,123456789012345678901234567890,123456789012345678901234567891]";
    drawing *drawn = new_drawing();
    whi_json json = { 0 };

    (void)state;
    assert_int_equal(whi_json_scan(&json, text, sizeof text - 1, 1), WH_OK);
    for (int i = 0; i < 20000; i++) {
        check_order(&json);
    }
    for (int i = 0; i < DRAWN_TEXTS; i++) {
        char *copy;
        draw(drawn);
        copy = scan(&json, drawn);
        check_order(&json);
        free(copy);
    }
    whi_json_free(&json);
    free_drawing(drawn);
}

/* Each place in texts around the steps of eight and sixteen bytes that are looked at together. */
static void a_byte_that_needs_an_escape_is_found_wherever_it_stands(void **state) {
    static const struct {
        char byte;
        const char *written;
    } bytes[] = { { '"', "\\\"" },     { '\\', "\\\\" },           { '\n', "\\n" },  { 0x1f, "\\u001f" },
                  { '\0', "\\u0000" }, { '\xff', "\xef\xbf\xbd" }, { 0x7f, "\x7f" }, { ' ', " " } };
    char *text, expected[128];
    whi_buf out;

    (void)state;
    whi_buf_init(&out, sizeof expected);
    for (size_t size = 1; size < 40; size++) {
        for (size_t at = 0; at < size; at++) {
            for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
                text = malloc(size); /* of its own size, so that a sanitizer sees reading behind the end */
                assert_non_null(text);
                memset(text, 'x', size);
                text[at] = bytes[i].byte;
                whi_buf_clear(&out);
                whi_json_write_string(&out, text, size);
                snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)at,
                         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", bytes[i].written, (int)(size - at - 1),
                         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
                assert_string_equal(out.data, expected);
                free(text);
            }
        }
    }
    whi_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tape_is_what_was_drawn),
        cmocka_unit_test(scalars_have_one_order_and_it_agrees_with_equality),
        cmocka_unit_test(a_byte_that_needs_an_escape_is_found_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
