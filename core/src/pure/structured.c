/* Tests: test_verify_rfc9421. */
#include "pure/structured.h"

#include <string.h>

#include "base/base64.h"
#include "base/error.h"

#define DIGITS_MAXIMUM 15
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int wrong(const whi_sf_reader *reader, const char *expected) {
    return whi_fail(WH_ESIG_FORMAT, "header %s: expected %s", reader->header, expected);
}

/* A run of letters of which the first is in first, the others in rest too. */
static size_t run_of(const char *text, const char *first, const char *rest) {
    return *text != '\0' && strchr(first, *text) != NULL ? strspn(text, rest) : 0;
}

static int read_name(whi_sf_reader *reader, const char **out, size_t *size) {
    *out = reader->at;
    *size = run_of(reader->at, LOWER "*", LOWER DIGITS "_-.*");
    reader->at += *size;
    return *size > 0 ? WH_OK : wrong(reader, "a name in lower case");
}

/* ----------------------------------------------------------------------- items */

static int read_string(whi_sf_reader *reader, whi_sf_item *out) {
    const char *at = ++reader->at;

    while (*at >= ' ' && *at <= '~' && *at != '"') {
        if (*at == '\\' && *++at != '"' && *at != '\\') {
            return wrong(reader, "\\\" or \\\\ behind a backslash");
        }
        at++;
    }
    if (*at != '"') {
        return wrong(reader, "a string of ASCII that ends with a quote");
    }
    out->type = WHI_SF_STRING;
    out->text = reader->at;
    out->size = (size_t)(at - reader->at);
    reader->at = at + 1;
    return WH_OK;
}

static int read_bytes(whi_sf_reader *reader, whi_sf_item *out) {
    size_t size = strspn(++reader->at, LOWER UPPER DIGITS "+/=");

    if (reader->at[size] != ':') {
        return wrong(reader, "base64 between two colons");
    }
    out->type = WHI_SF_BYTES;
    out->text = reader->at;
    out->size = size;
    reader->at += size + 1;
    return WH_OK;
}

static int read_integer(whi_sf_reader *reader, whi_sf_item *out) {
    size_t sign = *reader->at == '-', size = strspn(reader->at + sign, DIGITS);

    if (size == 0 || size > DIGITS_MAXIMUM || reader->at[sign + size] == '.') {
        return wrong(reader, "an integer of at most 15 digits");
    }
    out->type = WHI_SF_INTEGER;
    out->text = reader->at;
    out->size = sign + size;
    reader->at += out->size;
    return WH_OK;
}

static int read_boolean(whi_sf_reader *reader, whi_sf_item *out) {
    char c = reader->at[1];

    if (c != '0' && c != '1') {
        return wrong(reader, "?0 or ?1");
    }
    out->type = c == '1' ? WHI_SF_TRUE : WHI_SF_FALSE;
    out->text = reader->at;
    out->size = 2;
    reader->at += 2;
    return WH_OK;
}

static int read_token(whi_sf_reader *reader, whi_sf_item *out) {
    out->type = WHI_SF_TOKEN;
    out->text = reader->at;
    out->size = run_of(reader->at, LOWER UPPER "*", LOWER UPPER DIGITS "!#$%&'*+-.^_`|~:/");
    reader->at += out->size;
    return out->size > 0 ? WH_OK : wrong(reader, "a string, a token, an integer or bytes");
}

static int read_item(whi_sf_reader *reader, whi_sf_item *out) {
    char c = *reader->at;

    memset(out, 0, sizeof *out);
    switch (c) {
    case '"':
        return read_string(reader, out);
    case ':':
        return read_bytes(reader, out);
    case '?':
        return read_boolean(reader, out);
    default:
        return c == '-' || (c >= '0' && c <= '9') ? read_integer(reader, out) : read_token(reader, out);
    }
}

/* ------------------------------------------------------------------ parameters */

static int has_parameter(const whi_sf_member *member, const whi_sf_parameter *found) {
    for (size_t i = 0; i < member->parameter_count; i++) {
        if (member->parameters[i].name_size == found->name_size &&
            memcmp(member->parameters[i].name, found->name, found->name_size) == 0) {
            return 1;
        }
    }
    return 0;
}

static int read_parameter(whi_sf_reader *reader, whi_sf_parameter *out) {
    int code;

    reader->at++;
    reader->at += strspn(reader->at, " ");
    memset(out, 0, sizeof *out);
    code = read_name(reader, &out->name, &out->name_size);
    if (code != WH_OK || *reader->at != '=') {
        out->value.type = WHI_SF_TRUE;
        return code;
    }
    reader->at++;
    return read_item(reader, &out->value);
}

static int read_parameters(whi_sf_reader *reader, whi_sf_member *out) {
    while (*reader->at == ';') {
        whi_sf_parameter *parameter = &out->parameters[out->parameter_count];
        int code;

        if (out->parameter_count == WHI_SF_PARAMETERS) {
            return wrong(reader, "at most 16 parameters");
        }
        code = read_parameter(reader, parameter);
        if (code != WH_OK) {
            return code;
        }
        if (has_parameter(out, parameter)) {
            return wrong(reader, "each parameter once");
        }
        out->parameter_count++;
    }
    return WH_OK;
}

static int skip_parameters(whi_sf_reader *reader, whi_sf_item *item) {
    whi_sf_parameter passed;
    int code = WH_OK;

    while (*reader->at == ';' && code == WH_OK) {
        item->has_parameters = 1;
        code = read_parameter(reader, &passed);
    }
    return code;
}

/* --------------------------------------------------------------------- members */

static int read_list(whi_sf_reader *reader, whi_sf_member *out) {
    out->value.type = WHI_SF_LIST;
    reader->at++;
    for (;;) {
        size_t blanks = strspn(reader->at, " ");
        int code;

        reader->at += blanks;
        if (*reader->at == ')') {
            reader->at++;
            return WH_OK;
        }
        if (out->item_count > 0 && blanks == 0) {
            return wrong(reader, "blanks between the items of a list, and a closing bracket");
        }
        if (out->item_count == WHI_SF_ITEMS) {
            return wrong(reader, "at most 64 items in a list");
        }
        code = read_item(reader, &out->items[out->item_count]);
        code = code == WH_OK ? skip_parameters(reader, &out->items[out->item_count]) : code;
        if (code != WH_OK) {
            return code;
        }
        out->item_count++;
    }
}

static int read_member(whi_sf_reader *reader, whi_sf_member *out) {
    int code = read_name(reader, &out->name, &out->name_size);

    out->item_count = out->parameter_count = 0;
    memset(&out->value, 0, sizeof out->value);
    if (code != WH_OK) {
        return code;
    }
    if (*reader->at != '=') {
        out->value.type = WHI_SF_TRUE;
        return read_parameters(reader, out);
    }
    reader->at++;
    code = *reader->at == '(' ? read_list(reader, out) : read_item(reader, &out->value);
    return code == WH_OK ? read_parameters(reader, out) : code;
}

int whi_sf_next(whi_sf_reader *reader, whi_sf_member *out) {
    int code;

    reader->at += strspn(reader->at, " \t");
    if (*reader->at == '\0') {
        return 0;
    }
    if (reader->count == WHI_SF_MEMBERS) {
        return wrong(reader, "at most 16 members");
    }
    code = read_member(reader, out);
    if (code != WH_OK) {
        return code;
    }
    reader->at += strspn(reader->at, " \t");
    if (*reader->at == ',') {
        reader->at++;
        reader->at += strspn(reader->at, " \t");
        code = *reader->at != '\0' ? WH_OK : wrong(reader, "a member behind a comma");
    } else if (*reader->at != '\0') {
        code = wrong(reader, "a comma between members");
    }
    reader->count++;
    return code == WH_OK ? 1 : code;
}

int whi_sf_find(const char *header, const char *text, const char *name, size_t name_size, whi_sf_member *out) {
    whi_sf_reader reader = { header, text, 0 };
    whi_sf_member member;
    int code, found = 0;

    while ((code = whi_sf_next(&reader, &member)) == 1) {
        if (member.name_size != name_size || memcmp(member.name, name, name_size) != 0) {
            continue;
        }
        if (found) {
            return wrong(&reader, "each name once");
        }
        *out = member;
        found = 1;
    }
    return code < 0 ? code : found;
}

/* ---------------------------------------------------------------------- values */

const whi_sf_item *whi_sf_parameter_of(const whi_sf_member *member, const char *name) {
    for (size_t i = 0; i < member->parameter_count; i++) {
        const whi_sf_parameter *parameter = &member->parameters[i];

        if (parameter->name_size == strlen(name) && memcmp(parameter->name, name, parameter->name_size) == 0) {
            return &parameter->value;
        }
    }
    return NULL;
}

int64_t whi_sf_integer(const whi_sf_item *item) {
    size_t sign = item->size > 0 && item->text[0] == '-';
    int64_t number = 0;

    for (size_t i = sign; i < item->size; i++) {
        number = number * 10 + (item->text[i] - '0');
    }
    return sign ? -number : number;
}

int whi_sf_bytes(const whi_sf_item *item, void *out, size_t room, size_t *size) {
    return item->type == WHI_SF_BYTES && whi_base64_decode(item->text, item->size, out, room, size) == WH_OK;
}

static void write_item(whi_buf *out, const whi_sf_item *item) {
    const char *around = item->type == WHI_SF_STRING ? "\"" : item->type == WHI_SF_BYTES ? ":" : "";

    whi_buf_text(out, around);
    whi_buf_add(out, item->text, item->size);
    whi_buf_text(out, around);
}

void whi_sf_write_list(whi_buf *out, const whi_sf_member *member) {
    whi_buf_char(out, '(');
    for (size_t i = 0; i < member->item_count; i++) {
        whi_buf_text(out, i > 0 ? " " : "");
        write_item(out, &member->items[i]);
    }
    whi_buf_char(out, ')');
    for (size_t i = 0; i < member->parameter_count; i++) {
        const whi_sf_parameter *parameter = &member->parameters[i];

        whi_buf_char(out, ';');
        whi_buf_add(out, parameter->name, parameter->name_size);
        if (parameter->value.type != WHI_SF_TRUE) {
            whi_buf_char(out, '=');
            write_item(out, &parameter->value);
        }
    }
}
